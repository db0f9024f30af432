//! Asks every server that the settings name, all at once and within one deadline. Nothing here decides.

use std::error::Error as _;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::Url;
use voice_pipeline::net::http::{client, read_up_to};
use voice_pipeline::net::websocket::{DialError, Dialed, Dialer, WsLimits, close_code};
use voice_pipeline::vendors::socket::Endpoint;

use super::super::health;
use super::public::{Port, is_gateway};
use super::reply::{Answer, Clocks, Failure, Reply};
use super::servers::{ChatServer, DeepgramTask};

/// How long all questions together may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// The most that is read of an answer: more than any list of models.
const ANSWER_MAX_BYTES: usize = 4 << 20;

/// A server to be asked.
pub(super) enum Target {
    Backend { url: Url, token: Option<SecretString> },
    Chat { server: ChatServer, headers: Vec<(String, SecretString)> },
    Deepgram { task: DeepgramTask, endpoint: Endpoint },
    Public(Url),
}

/// What was asked, and what came of it.
pub(super) struct Asked {
    pub(super) target: Target,
    pub(super) reply: Reply,
}

/// Asks all of them. Returns when each has answered, or when the deadline is over.
pub(super) async fn ask_all(targets: Vec<Target>) -> Vec<Asked> {
    let deadline = Instant::now() + DEADLINE;
    join_all(targets.into_iter().map(|target| async move {
        let reply = Box::pin(ask(&target, deadline)).await;
        Asked { target, reply }
    }))
    .await
}

async fn ask(target: &Target, deadline: Instant) -> Reply {
    match target {
        Target::Backend { url, token } => {
            let bearer = token.iter().map(|token| (AUTHORIZATION.to_string(), bearer(token))).collect::<Vec<_>>();
            get(url.clone(), &bearer, deadline).await
        }
        Target::Chat { server, headers } => match Url::parse(&server.url) {
            Ok(url) => get(below(url, "models"), headers, deadline).await,
            Err(_) => Reply::Failed(Failure::NoSuchHost),
        },
        Target::Public(url) => get(below(url.clone(), "healthz"), &[], deadline).await,
        Target::Deepgram { endpoint, .. } => dial(endpoint, deadline).await,
    }
}

/// The value of an `Authorization` header.
pub(super) fn bearer(token: &SecretString) -> SecretString {
    format!("Bearer {}", token.expose_secret()).into()
}

fn below(mut url: Url, page: &str) -> Url {
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(page);
    }
    url
}

async fn get(url: Url, headers: &[(String, SecretString)], deadline: Instant) -> Reply {
    let Ok(client) = client(&url, DEADLINE) else {
        return Reply::Failed(Failure::NoTls("this machine's certificates cannot be used".to_owned()));
    };
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        // Settings hold only what a header may hold.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value.expose_secret())) {
            all.insert(name, value);
        }
    }
    let mut response = match timeout_at(deadline, client.get(url).headers(all).send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Reply::Failed(failure(&error)),
        Err(_) => return Reply::Failed(Failure::TimedOut),
    };
    let (status, clocks) = (response.status().as_u16(), clocks(response.headers()));
    // A status says enough where the body does not come.
    let body = timeout_at(deadline, read_up_to(&mut response, ANSWER_MAX_BYTES)).await;
    let body = body.ok().and_then(Result::ok).map(|(body, _)| body).unwrap_or_default();
    Reply::Answered(Answer { status, clocks, body })
}

/// Opens a socket as a call does, and closes it before anything was said.
async fn dial(endpoint: &Endpoint, deadline: Instant) -> Reply {
    let Ok(dialer) = Dialer::new() else {
        return Reply::Failed(Failure::NoTls("this machine's certificates cannot be used".to_owned()));
    };
    let header = |(name, value): &(&'static str, SecretString)| {
        Some((HeaderName::from_static(name), HeaderValue::try_from(value.expose_secret()).ok()?))
    };
    let headers: Vec<_> = endpoint.headers.iter().filter_map(header).collect();
    let limit = deadline.saturating_duration_since(Instant::now());
    let limits = WsLimits::default();
    match Box::pin(dialer.dial(&endpoint.url, &headers, limit, &limits)).await {
        Ok(Dialed { mut writer, headers, .. }) => {
            let clocks = clocks(&headers);
            let _ = timeout_at(deadline, writer.close(close_code::NORMAL, "")).await;
            Reply::Answered(Answer { status: 101, clocks, body: Vec::new() })
        }
        Err(DialError::Refused { status, .. }) => Reply::Answered(Answer { status, ..Answer::default() }),
        Err(DialError::Unreachable { cause, .. }) => Reply::Failed(unreachable(&cause)),
        Err(DialError::Tls { cause, .. }) => Reply::Failed(Failure::NoTls(cause.to_string())),
        Err(DialError::TimedOut { .. }) => Reply::Failed(Failure::TimedOut),
        Err(DialError::BadUrl { .. } | DialError::BadHandshake { .. } | DialError::Lost { .. }) => {
            Reply::Failed(Failure::NoAnswer)
        }
    }
}

fn clocks(headers: &HeaderMap) -> Option<Clocks> {
    let date = headers.get(DATE)?.to_str().ok()?;
    Some(Clocks { theirs: DateTimeParser::new().parse_timestamp(date).ok()?, ours: Timestamp::now() })
}

/// Why a request was not answered. The error's own text may hold an address with a key, so it is not kept.
fn failure(error: &reqwest::Error) -> Failure {
    let mut is_dns = false;
    let mut cause = error.source();
    while let Some(error) = cause {
        is_dns |= error.to_string().starts_with("dns error");
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return Failure::NoTls(tls.to_string());
            }
            if is_dns {
                return Failure::NoSuchHost;
            }
            return unreachable(error);
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Failure::NoTls(tls.to_string());
        }
        cause = error.source();
    }
    match error {
        _ if is_dns => Failure::NoSuchHost,
        error if error.is_timeout() => Failure::TimedOut,
        error if error.is_connect() => Failure::NoConnection("no connection".to_owned()),
        _ => Failure::NoAnswer,
    }
}

fn unreachable(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::TimedOut => Failure::TimedOut,
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => Failure::NoAnswer,
        io::ErrorKind::InvalidData => Failure::NoTls(error.to_string()),
        _ if error.raw_os_error().is_none() && error.to_string().contains("lookup address") => Failure::NoSuchHost,
        kind => Failure::NoConnection(kind.to_string()),
    }
}

/// Who holds the address of the carrier's listener.
pub(super) async fn carrier_port(address: SocketAddr) -> Port {
    match holder(address) {
        Some(port) => port,
        None => ask_local(address, "readyz").await.as_ref().and_then(ready).unwrap_or(Port::Other),
    }
}

/// Who holds the address of the operators' listener.
pub(super) async fn operators_port(address: SocketAddr) -> Port {
    match holder(address) {
        Some(port) => port,
        None if ask_local(address, "healthz").await.as_ref().is_some_and(is_gateway) => {
            Port::Gateway { not_ready: None }
        }
        None => Port::Other,
    }
}

/// `None` where somebody listens already.
fn holder(address: SocketAddr) -> Option<Port> {
    match TcpListener::bind(address) {
        Ok(_) => Some(Port::Free),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => None,
        Err(error) => Some(Port::Unusable(error.to_string())),
    }
}

async fn ask_local(address: SocketAddr, page: &str) -> Option<Answer> {
    let url = Url::parse(&format!("http://{}/{page}", health::reachable(address))).ok()?;
    match get(url, &[], Instant::now() + DEADLINE).await {
        Reply::Answered(answer) => Some(answer),
        Reply::Failed(_) => None,
    }
}

/// What a gateway says of itself at `/readyz`; `None` for what no gateway says.
fn ready(answer: &Answer) -> Option<Port> {
    let page: Value = serde_json::from_slice(&answer.body).ok()?;
    let is_ready = page["ready"].as_bool().filter(|_| page["max_calls"].is_u64())?;
    let reasons: Vec<_> = page["reasons"].as_array()?.iter().filter_map(Value::as_str).collect();
    Some(Port::Gateway { not_ready: (!is_ready).then(|| reasons.join(", ")) })
}
