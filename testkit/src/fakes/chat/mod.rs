//! A server of chat completions as OpenAI's, on loopback, for tests.
//!
//! [`FakeChat`] answers `POST /v1/chat/completions` (streamed or not), `GET /v1/models` and
//! `GET /v1/models/{id}`. A [`ChatPlan`] says what and how fast: a script of [`Answer`]s first, then
//! its default. A request for the model `case:<id>` gets the recorded answer of that id instead (see
//! [`case_ids`]), so that a client that can only be told a model's name meets every oddity of the
//! compatible servers. An [`Observer`] is told what happens and when.
//!
//! What always holds:
//! - a request the real server refuses is refused, with its status and its error object;
//! - every request ends, for the observer, in `Finished`, `BrokenOff` or `ClientLeft`, unless the
//!   server is stopped first;
//! - the server's tasks are its own: dropping it stops them.
//!
//! Tokens are words, and nothing here thinks: tools are called when the plan says so.

mod answer;
mod body;
mod check;
mod error;
mod plan;
mod quirks;
mod said;
mod seen;
mod serve;
mod stream;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use answer::Answer;
pub use error::ApiError;
pub use plan::{ChatPlan, ConnectionFault, DefaultAnswer, Delivery, LineEnd, last_words};
pub use quirks::{case_expectation, case_ids};
pub use seen::{Observer, Seen, unobserved};
pub use wire::Cut;

use crate::vendors::locked;

/// Connections that wait to be accepted: a whole load test may dial at once.
const BACKLOG: u32 = 1024;

/// A running server of chat completions.
pub struct FakeChat {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// What a server has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections accepted so far, refused ones included.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Requests for an answer so far.
    pub requests: u64,
}

impl FakeChat {
    /// Serves on a free port of 127.0.0.1. Must be called on a tokio runtime.
    pub fn start(plan: ChatPlan, observer: Observer) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), plan, observer)
    }

    /// Serves on this address, also when an earlier server just left it. Must be called on a tokio
    /// runtime.
    pub fn start_on(address: SocketAddr, plan: ChatPlan, observer: Observer) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            plan: Mutex::new(plan),
            observer,
            accepted: AtomicU64::new(0),
            open: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        });
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(serve::accept(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self { address, shared, stop, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients are given as their base address: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Reads or changes the plan. The server waits meanwhile, so the change should be short.
    pub fn plan<R>(&self, change: impl FnOnce(&mut ChatPlan) -> R) -> R {
        self.shared.plan(change)
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        let Shared { accepted, open, requests, .. } = &*self.shared;
        Counts { accepted: accepted.load(Relaxed), open: open.load(Relaxed), requests: requests.load(Relaxed) }
    }

    /// Stops, and returns when every connection is closed and the address is free.
    pub async fn stop(mut self) {
        self.shared.stopping.store(true, Relaxed);
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Drop for FakeChat {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Relaxed);
    }
}

/// What the server and its connections share.
struct Shared {
    plan: Mutex<ChatPlan>,
    observer: Observer,
    accepted: AtomicU64,
    open: AtomicU64,
    requests: AtomicU64,
    stopping: AtomicBool,
}

impl Shared {
    fn plan<R>(&self, change: impl FnOnce(&mut ChatPlan) -> R) -> R {
        change(&mut locked(&self.plan))
    }

    fn see(&self, seen: Seen) {
        (self.observer)(seen);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Counts a connection as open for as long as the returned value lives.
    fn count_open(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Relaxed);
        Open(Arc::clone(self))
    }
}

struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
