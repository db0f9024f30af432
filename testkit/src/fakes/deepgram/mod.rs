//! Deepgram on 127.0.0.1: `/v1/listen`, and `/v1/speak` over WebSocket and HTTP.
//!
//! [`FakeDeepgram::start`] serves until it is dropped. What it does is a [`DeepgramPlan`], which
//! [`FakeDeepgram::plan`] changes while it runs; what it sees goes to an [`Observer`]. The recogniser
//! really listens: it counts the audio, tells voice from silence, and reads the words that
//! [`speech::speak`](crate::fakes::speech::speak) put there. The voice speaks with the same function,
//! so what it says can be read back as well.
//!
//! What always holds:
//! - a connection is one task; dropping the fake ends them all;
//! - what the plan refuses or breaks is used up in the order of the plan;
//! - the cost of a socket is a scan of its audio and a message now and then, no work per frame beyond.
//!
//! Not here: Flux (`/v2`), encodings other than μ-law and linear PCM, keys in sub-protocols.

mod ear;
#[cfg(test)]
mod ear_tests;
mod handshake;
mod http_speak;
mod listen;
mod mouth;
mod plan;
mod query;
mod seen;
mod server;
mod shared;
mod sound;
mod speak;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpSocket;
use tokio::task::JoinSet;

pub use plan::{DeepgramPlan, Endpointing, FlushAnswer, Pace, PlannedFault, Refusal, SttPlan, TtsPlan};
pub use seen::{Observer, Route, Seen, unobserved};

use super::fault::FaultKind;
use shared::Shared;

/// Connections that wait to be accepted: a whole load test may dial at once.
const BACKLOG: u32 = 1024;

/// A running fake.
pub struct FakeDeepgram {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The server and, within it, its connections.
    _server: JoinSet<()>,
}

impl FakeDeepgram {
    /// Serves on a free port of 127.0.0.1. Must be called on a tokio runtime.
    pub fn start(plan: DeepgramPlan, observer: Observer) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), plan, observer)
    }

    /// Serves on `address`, also when an earlier fake just left it. Must be called on a tokio
    /// runtime.
    pub fn start_on(address: SocketAddr, plan: DeepgramPlan, observer: Observer) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(plan, observer));
        let mut server = JoinSet::new();
        server.spawn(server::run(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _server: server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a WebSocket client puts before the path: `ws://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The same for HTTP: `http://127.0.0.1:PORT`.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the plan.
    pub fn plan(&self, change: impl FnOnce(&mut DeepgramPlan)) {
        self.shared.change_plan(change);
    }

    /// How many requests for a route came so far, those it refused included.
    pub fn requests(&self, route: Route) -> u64 {
        self.shared.requests(route)
    }

    /// How many sockets, or spoken requests, are open now.
    pub fn open(&self, route: Route) -> u64 {
        self.shared.open(route)
    }

    /// Breaks an open connection; `false` where there is none of this number.
    pub fn break_connection(&self, conn: u64, kind: &FaultKind) -> bool {
        self.shared.break_where(|open, _| open == conn, kind) > 0
    }

    /// Breaks every open connection of a route and gives their number.
    pub fn break_all(&self, route: Route, kind: &FaultKind) -> usize {
        self.shared.break_where(|_, open| open == route, kind)
    }

    /// The audio a recogniser's socket got so far, as it came, if the plan kept it.
    pub fn received_audio(&self, conn: u64) -> Vec<u8> {
        self.shared.received_audio(conn)
    }
}
