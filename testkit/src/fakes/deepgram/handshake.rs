//! Who may come in, and the HTTP answers around a session.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;
use sha1::{Digest, Sha1};

use super::Refusal;

/// What RFC 6455 appends to the key before hashing it.
const ACCEPT_SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Checks `Authorization`: `Token` or `Bearer`, and the key if one is planned.
pub(super) fn check_key(headers: &HeaderMap, key: Option<&str>) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepted = given
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("token") || scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, given)| given.trim())
        .is_some_and(|given| !given.is_empty() && key.is_none_or(|key| key == given));
    if accepted { Ok(()) } else { Err(Refusal::unauthorized()) }
}

/// The 101 that opens a socket.
pub(super) fn switch_protocols(request: &HeaderMap, request_id: &str) -> Result<Response<Body>, Refusal> {
    let not_a_websocket = || Refusal::new(400, "Bad Request", "This endpoint needs a websocket upgrade.");
    let asks = |name, expected: &str| {
        let listed = request.get_all(name).into_iter().filter_map(|value: &HeaderValue| value.to_str().ok());
        listed.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(expected))
    };
    if !asks(header::CONNECTION, "upgrade") || !asks(header::UPGRADE, "websocket") {
        return Err(not_a_websocket());
    }
    let key = request.get(header::SEC_WEBSOCKET_KEY).ok_or_else(not_a_websocket)?;
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(ACCEPT_SALT);
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, STANDARD.encode(hash.finalize()))
        .header("dg-request-id", request_id)
        .body(full(Bytes::new()))
        .expect("base64 and uuids are header values");
    Ok(response)
}

/// The answer that says no.
pub(super) fn refuse(refusal: Refusal, request_id: &str) -> Response<Body> {
    let mut body = refusal.body;
    if let Some(fields) = body.as_object_mut() {
        fields.entry("request_id").or_insert_with(|| json!(request_id));
    }
    let mut response = Response::builder()
        .status(refusal.status)
        .header(header::CONTENT_TYPE, "application/json")
        .header("dg-request-id", request_id);
    for (name, value) in &refusal.headers {
        response = response.header(name, value);
    }
    response.body(full(Bytes::from(body.to_string()))).expect("a plan's refusals have a valid status and headers")
}

pub(super) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).boxed_unsync()
}
