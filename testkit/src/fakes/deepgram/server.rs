//! Accepts connections and takes each to the session it asks for.
//!
//! A connection is one task: hyper serves its requests, and when one of them upgrades, the same task
//! goes on with the socket.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use voice_pipeline::net::websocket::{Role, WsLimits, split};

use super::handshake::{Body, check_key, refuse, switch_protocols};
use super::query::{ListenQuery, SpeakQuery};
use super::shared::{Conn, Shared};
use super::{Refusal, Route, Seen, http_speak, listen, speak, wire};
use crate::fakes::fault::{FaultHandle, FaultyStream};
use crate::vendors::locked;

/// A client may send seconds of audio in one message.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// How long nobody is accepted when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve(stream, Arc::clone(&shared)))),
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A socket whose handshake was accepted.
struct Opened {
    upgrade: OnUpgrade,
    conn: Conn,
    session: Session,
}

enum Session {
    Listen(ListenQuery),
    Speak(SpeakQuery),
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // A connection that broke while it was accepted is served to its end like any other.
    let _ = stream.set_nodelay(true);
    let (stream, faults) = FaultyStream::new(stream);
    let opened = Mutex::new(None);
    let service = service_fn(|request| {
        let answer = answer(request, &shared, &faults, &opened);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let http = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
    // However a connection ends, it is over.
    let _ = Box::pin(http).await;
    let opened = locked(&opened).take();
    if let Some(opened) = opened {
        run_session(opened).await;
    }
    if faults.holds_stalled() {
        // Nothing may tell the client that nobody is there any more.
        std::future::pending::<()>().await;
    }
}

async fn run_session(opened: Opened) {
    let Opened { upgrade, conn, session } = opened;
    let Ok(upgraded) = upgrade.await else { return };
    let limits = WsLimits { max_message_bytes: MAX_MESSAGE_BYTES, ..WsLimits::default() };
    let (reader, writer) = split(TokioIo::new(upgraded), Role::Server, &limits);
    match session {
        Session::Listen(query) => Box::pin(listen::run(reader, writer, query, conn)).await,
        Session::Speak(query) => Box::pin(speak::run(reader, writer, query, conn)).await,
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: &Arc<Shared>,
    faults: &FaultHandle,
    opened: &Mutex<Option<Opened>>,
) -> Response<Body> {
    let request_id = wire::uuid();
    let route = match (request.method(), request.uri().path()) {
        (&Method::GET, "/v1/listen") => Route::Listen,
        (&Method::GET, "/v1/speak") => Route::Speak,
        (&Method::POST, "/v1/speak") => Route::SpeakHttp,
        _ => return refuse(Refusal::new(404, "NOT_FOUND", "There is no such endpoint."), &request_id),
    };
    shared.count_request(route, faults);
    match accept(request, route, &request_id, shared, faults, opened).await {
        Ok(response) => response,
        Err(refusal) => {
            shared.tell(Seen::Refused { route, status: refusal.status, at: Instant::now() });
            refuse(refusal, &request_id)
        }
    }
}

async fn accept(
    mut request: Request<Incoming>,
    route: Route,
    request_id: &str,
    shared: &Arc<Shared>,
    faults: &FaultHandle,
    opened: &Mutex<Option<Opened>>,
) -> Result<Response<Body>, Refusal> {
    if let Some(refusal) = shared.take_refusal(route) {
        return Err(refusal);
    }
    check_key(request.headers(), shared.plan().key.as_deref())?;
    let query = request.uri().query().unwrap_or_default();
    let session = match route {
        Route::Listen => Session::Listen(ListenQuery::parse(query)?),
        Route::Speak => Session::Speak(SpeakQuery::parse(query, route)?),
        Route::SpeakHttp => {
            let query = SpeakQuery::parse(query, route)?;
            let text = http_speak::read(request).await?;
            let conn = Conn::open(shared, route, request_id.to_owned(), faults.clone());
            return Ok(http_speak::respond(&query, &text, conn).await);
        }
    };
    let response = switch_protocols(request.headers(), request_id)?;
    let upgrade = hyper::upgrade::on(&mut request);
    let conn = Conn::open(shared, route, request_id.to_owned(), faults.clone());
    *locked(opened) = Some(Opened { upgrade, conn, session });
    Ok(response)
}
