//! The door of the carrier's routes: nothing is looked at before the request is believed.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use tokio::time::timeout;

use super::local::check_local;
use super::public_url::PublicBase;
use super::{Gateway, Peer};
use crate::telephony::twilio::signature::{
    SIGNATURE_HEADER, SIGNATURE_SETTINGS_HEADER, SignedBody, SignedRequest, Verified,
};

/// A carrier's form has about forty short fields.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// How long a body may take to arrive; the carrier itself gives up on an answer after 15 s.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The answer to a request that goes no further: a status, and a word for whoever reads it.
pub(super) type Refusal = (StatusCode, &'static str);

const FORBIDDEN: Refusal = (StatusCode::FORBIDDEN, "forbidden\n");

/// A webhook that was verified.
#[derive(Debug)]
pub(super) struct Webhook {
    /// Where the carrier found us.
    pub(super) base: PublicBase,
    /// Its fields, from the body or, for a GET, from the query.
    fields: Vec<(String, String)>,
    /// For a POST, what stood in the query of the URL.
    pub(super) query: Vec<(String, String)>,
}

impl Webhook {
    /// A field, if it is there and not empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The call this is about; 400 without one.
    pub(super) fn call_sid(&self) -> Result<&str, StatusCode> {
        // Its form is the carrier's business; only its size is ours.
        self.field("CallSid").filter(|sid| sid.len() <= 64).ok_or(StatusCode::BAD_REQUEST)
    }
}

impl FromRequest<Gateway> for Webhook {
    type Rejection = Refusal;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let body = read_body(body).await?;
        let query = parse_form(parts.uri.query().unwrap_or_default().as_bytes());
        let is_form = header(&parts.headers, CONTENT_TYPE.as_str())
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
        let form = if is_form { parse_form(&body) } else { Vec::new() };
        let signed = match (&parts.method, is_form) {
            (&Method::GET, _) => SignedBody::None,
            (_, true) => SignedBody::Form(&form),
            (_, false) => SignedBody::Raw(&body),
        };
        let fields = if parts.method == Method::GET { &query } else { &form };
        let account = fields.iter().find(|(name, _)| name == "AccountSid").map(|(_, value)| value.as_str());
        let (base, verified) = believe(gateway, &parts, signed, account)?;
        let (mut fields, query) = if parts.method == Method::GET { (query, Vec::new()) } else { (form, query) };
        if verified == Verified::WithoutCallFields {
            fields.retain(|(name, _)| name != "CallToken" && name != "StirVerstat");
        }
        Ok(Self { base, fields, query })
    }
}

/// Whether a request is the carrier's, or from this machine in local mode. The answer to anybody
/// else is 403, and the log says which setting is missing.
pub(super) fn believe(
    gateway: &Gateway,
    parts: &Parts,
    body: SignedBody<'_>,
    account_sid: Option<&str>,
) -> Result<(PublicBase, Verified), Refusal> {
    let no_host = (StatusCode::BAD_REQUEST, "the request names no host\n");
    let Some(verifier) = &gateway.0.verifier else {
        // Without an address nobody is from this machine.
        let Peer(peer) = parts.extensions.get::<Peer>().ok_or(FORBIDDEN)?;
        check_local(peer.ip(), &parts.headers).map_err(|reason| {
            tracing::warn!(missing = "TWILIO_AUTH_TOKEN", %reason, "refused a carrier request in local mode");
            FORBIDDEN
        })?;
        return Ok((PublicBase::direct(&parts.headers).ok_or(no_host)?, Verified::Whole));
    };
    let base = PublicBase::of(&gateway.0.settings, &parts.headers).ok_or(no_host)?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let url = match body {
        SignedBody::Upgrade => base.socket_url(target),
        _ => base.url(target),
    };
    let verdict = verifier.verify(&SignedRequest {
        url: &url,
        body,
        account_sid,
        signature: header(&parts.headers, SIGNATURE_HEADER),
        signature_settings: header(&parts.headers, SIGNATURE_SETTINGS_HEADER),
    });
    match verdict {
        Ok(verified) => Ok((base, verified)),
        Err(reason) => {
            tracing::warn!(path = parts.uri.path(), %reason, "refused a carrier request");
            Err(FORBIDDEN)
        }
    }
}

async fn read_body(body: Body) -> Result<Bytes, Refusal> {
    match timeout(BODY_TIMEOUT, to_bytes(body, BODY_MAX_BYTES)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long\n")),
    }
}

fn parse_form(form: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(form).into_owned().collect()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
