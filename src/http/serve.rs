//! Two listeners: one for the carrier, one for the operator.
//!
//! [`serve`] answers on both until it is told to stop. Draining is not stopping: a draining gateway
//! still answers, with the busy line. Connections that have become sockets are no longer counted
//! here; they belong to their calls.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Peer;

/// Connections of one listener that are not sockets yet. Past this many the next waits in the
/// system's queue, so that strangers cannot use up the process's file descriptors.
const CONNECTIONS_MAX: usize = 1024;
/// How long the head of a request may take, from the connection's start or the answer before it.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long an answer under way may take once we stop.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait after the system gave no connection, most likely for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where a router answers.
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// What it answers with.
    pub router: Router,
}

/// Answers on every listener until `stop` is cancelled; answers under way are finished.
pub async fn serve(listeners: Vec<Listener>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    for listener in listeners {
        connections.spawn(accept_until(listener, connections.clone(), stop.clone()));
    }
    connections.close();
    connections.wait().await;
}

async fn accept_until(listener: Listener, connections: TaskTracker, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let accept = async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
            match accept_one(&listener.socket).await {
                Ok((stream, peer)) => {
                    let answers = answer(stream, peer, listener.router.clone(), stop.clone(), place);
                    connections.spawn(answers);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    stop.run_until_cancelled(accept).await;
}

async fn accept_one(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    // Media messages are small and each one matters now.
    stream.set_nodelay(true)?;
    Ok((stream, peer))
}

fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
    place: OwnedSemaphorePermit,
) -> impl Future<Output = ()> + Send {
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        routes.call(request)
    });
    async move {
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service).with_upgrades());
        // A connection that breaks is the peer's loss.
        if stop.run_until_cancelled(connection.as_mut()).await.is_none() {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(LAST_ANSWER_TIMEOUT, connection).await;
        }
        drop(place);
    }
}
