//! The upgrade of a media socket, and the task in which its call lives.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use fastwebsockets::upgrade::{UpgradeFut, is_upgrade_request, upgrade};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::http::Gateway;
use crate::http::guard::believe;
use crate::telephony::IncomingCall;
use crate::telephony::socket::accept;
use crate::telephony::twilio::signature::SignedBody;

/// How long the connection may take to become a socket after we answered 101.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a socket may take to end in order once its call is over; a peer that does not read
/// would hold it for longer.
const SOCKET_END_TIMEOUT: Duration = Duration::from_millis(800);

/// `/twilio/media`: answers the handshake and leaves the socket to a task of its own.
pub(in crate::http) async fn media(State(gateway): State<Gateway>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(refused) = believe(&gateway, &parts, SignedBody::Upgrade, None) {
        return refused.into_response();
    }
    let Ok(place) = gateway.0.pending_sockets.clone().try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut request = Request::from_parts(parts, body);
    let upgraded = if is_upgrade_request(&request) { upgrade(&mut request).ok() } else { None };
    let Some((response, socket)) = upgraded else {
        return (StatusCode::BAD_REQUEST, "this is the address of a websocket\n").into_response();
    };
    let calls = gateway.0.calls.clone();
    calls.spawn(Box::pin(run_socket(gateway, socket, place)));
    response.map(axum::body::Body::new)
}

/// One socket from its upgrade to its end. When this returns nothing of it is left.
async fn run_socket(gateway: Gateway, socket: UpgradeFut, place: OwnedSemaphorePermit) {
    let Ok(Ok(socket)) = timeout(UPGRADE_TIMEOUT, socket).await else {
        return;
    };
    // Dropping the set ends both of the socket's tasks.
    let mut tasks = JoinSet::new();
    let settings = &gateway.0.settings.socket;
    let accepted = accept(socket.into_inner(), settings, &mut tasks, |start| gateway.redeem(start)).await;
    drop(place);
    let (line, expected) = match accepted {
        Ok(accepted) => accepted,
        Err(error) => {
            let reason: &dyn std::error::Error = &error;
            tracing::warn!(reason, "closed a media socket");
            return;
        }
    };
    // Held here, so that a call counts until its last task is gone.
    let permit = expected.permit;
    let after = gateway.0.transfers.of_call(&expected.leg.call_sid);
    let call = IncomingCall { line, leg: expected.leg, cancel: gateway.0.stop_calls.child_token(), after };
    gateway.0.host.run(call).await;
    let ended = async { while tasks.join_next().await.is_some() {} };
    let _ = timeout(SOCKET_END_TIMEOUT, ended).await;
    drop(permit);
}
