//! Dialling: from a URL to two halves of an open socket, within one deadline.
//!
//! The handshake is ours, over hyper's connection, because a caller needs what a refusal says: its
//! status, how long to wait, and the first bytes of its body.

use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use sha1::{Digest, Sha1};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::{Role, WsLimits, WsReader, WsWriter, split};
use crate::pii::Pii;
use crate::vendors::VendorError;

/// How much of a refusal's body is kept.
pub const REFUSAL_BODY_MAX_BYTES: usize = 4 * 1024;

/// How long the body of a refusal is waited for.
const REFUSAL_BODY_TIMEOUT: Duration = Duration::from_millis(500);

/// What RFC 6455 appends to the key before hashing it.
const ACCEPT_SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The stream under a socket we dialled.
pub type DialedStream = TokioIo<Upgraded>;

/// An open socket.
pub struct Dialed {
    /// The reading half.
    pub reader: WsReader<ReadHalf<DialedStream>>,
    /// The writing half.
    pub writer: WsWriter<WriteHalf<DialedStream>>,
    /// The headers of the answer: the chosen sub-protocol, a vendor's request id.
    pub headers: HeaderMap,
}

impl fmt::Debug for Dialed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialed").finish_non_exhaustive()
    }
}

/// The system's store of trusted certificates could not be used.
#[derive(Debug, Error)]
#[error("cannot use the system's certificates; install the package ca-certificates")]
pub struct TlsSetupError(#[source] rustls::Error);

/// Why there is no socket.
#[derive(Debug, Error)]
pub enum DialError {
    /// The URL cannot be dialled.
    #[error("{url:?} is not a websocket url; it must begin with ws:// or wss:// and name a host")]
    BadUrl {
        /// The URL without its query, which may hold a key.
        url: String,
    },
    /// No TCP connection.
    #[error("cannot connect to {host}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What the operating system said.
        #[source]
        cause: io::Error,
    },
    /// No TLS.
    #[error("no tls with {host}")]
    Tls {
        /// Host and port.
        host: String,
        /// What failed.
        #[source]
        cause: io::Error,
    },
    /// The server answered, but not with a socket.
    #[error("{host} refused the websocket with status {status}")]
    Refused {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
        /// How long the server asked us to wait.
        retry_after: Option<Duration>,
        /// The first 4 KiB of what it said, which may repeat a key or a caller's words.
        body: Pii<String>,
    },
    /// The server answered 101 and meant something else.
    #[error("{host} switched protocols with a wrong {header} header")]
    BadHandshake {
        /// Host and port.
        host: String,
        /// The header that is missing or wrong.
        header: &'static str,
    },
    /// The connection broke during the handshake.
    #[error("lost {host} during the websocket handshake")]
    Lost {
        /// Host and port.
        host: String,
        /// What failed.
        #[source]
        cause: hyper::Error,
    },
    /// The deadline passed.
    #[error("no websocket to {host} within {limit:?}; it was still {phase}")]
    TimedOut {
        /// Host and port.
        host: String,
        /// The deadline.
        limit: Duration,
        /// How far it had come.
        phase: &'static str,
    },
}

impl DialError {
    /// The same in the words of the vendors' seam. `setting` is the one most likely to be wrong.
    pub fn into_vendor_error(self, vendor: &'static str, setting: &'static str) -> VendorError {
        match self {
            Self::Refused { status: status @ (408 | 429 | 503), retry_after, .. } => {
                VendorError::Busy { vendor, status, retry_after }
            }
            Self::Refused { status, .. } if status >= 500 => {
                VendorError::Failed { vendor, kind: format!("status {status}") }
            }
            Self::Refused { status, .. } => VendorError::Refused { vendor, status, setting },
            Self::BadUrl { .. } => VendorError::Failed { vendor, kind: format!("no websocket url in {setting}") },
            Self::BadHandshake { header, .. } => {
                VendorError::Failed { vendor, kind: format!("wrong {header} header in the handshake") }
            }
            Self::TimedOut { limit, .. } => VendorError::TimedOut { vendor, awaited: "connection", limit },
            Self::Unreachable { cause, .. } | Self::Tls { cause, .. } => VendorError::Disconnected { vendor, cause },
            Self::Lost { cause, .. } => VendorError::Disconnected { vendor, cause: io::Error::other(cause) },
        }
    }
}

/// Opens sockets; cheap to clone, one for the process.
#[derive(Clone)]
pub struct Dialer {
    tls: Arc<rustls::ClientConfig>,
}

impl Dialer {
    /// Trusts what the system trusts.
    pub fn new() -> Result<Self, TlsSetupError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(TlsSetupError)?
            .with_no_client_auth();
        Ok(Self::with_tls(config))
    }

    /// Trusts what `config` trusts.
    pub fn with_tls(mut config: rustls::ClientConfig) -> Self {
        // An upgrade needs HTTP/1.1; a server that could choose would choose HTTP/2.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { tls: Arc::new(config) }
    }

    /// Opens a socket to a `ws://` or `wss://` URL. `limit` covers name look-up, TCP, TLS and the
    /// upgrade together. `headers` are sent along: a key, a sub-protocol.
    pub async fn dial(
        &self,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        limit: Duration,
        limits: &WsLimits,
    ) -> Result<Dialed, DialError> {
        let target = Target::parse(url)?;
        let phase = AtomicU8::new(Phase::Connecting as u8);
        let opened = async {
            let tcp = target.connect().await?;
            let request = |key: &str| target.request(key, headers);
            if !target.secure {
                phase.store(Phase::Upgrading as u8, Ordering::Relaxed);
                return upgrade(tcp, &target.host_and_port(), request).await;
            }
            phase.store(Phase::Securing as u8, Ordering::Relaxed);
            let tls = self.secure(&target, tcp).await?;
            phase.store(Phase::Upgrading as u8, Ordering::Relaxed);
            upgrade(tls, &target.host_and_port(), request).await
        };
        let (stream, headers) = timeout(limit, Box::pin(opened)).await.map_err(|_| DialError::TimedOut {
            host: target.host_and_port(),
            limit,
            phase: Phase::describe(phase.load(Ordering::Relaxed)),
        })??;
        let (reader, writer) = split(stream, Role::Client, limits);
        Ok(Dialed { reader, writer, headers })
    }

    async fn secure(
        &self,
        target: &Target,
        tcp: TcpStream,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>, DialError> {
        let failed = |cause| DialError::Tls { host: target.host_and_port(), cause };
        let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(io::Error::other(error)))?;
        TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await.map_err(failed)
    }
}

/// How far a handshake has come, for the error that says it took too long.
enum Phase {
    Connecting,
    Securing,
    Upgrading,
}

impl Phase {
    fn describe(phase: u8) -> &'static str {
        match phase {
            phase if phase == Self::Connecting as u8 => "connecting",
            phase if phase == Self::Securing as u8 => "waiting for tls",
            _ => "waiting for the answer to the upgrade",
        }
    }
}

/// The parts of a URL that dialling needs.
struct Target {
    secure: bool,
    host: String,
    port: u16,
    authority: String,
    path_and_query: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, DialError> {
        let bad = || DialError::BadUrl { url: url.split('?').next().unwrap_or_default().to_owned() };
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let secure = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            _ => return Err(bad()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?;
        let authority = match uri.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self {
            secure,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            authority,
            path_and_query: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    async fn connect(&self) -> Result<TcpStream, DialError> {
        let failed = |cause| DialError::Unreachable { host: self.host_and_port(), cause };
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        // Frames are small and each one matters now.
        tcp.set_nodelay(true).map_err(failed)?;
        Ok(tcp)
    }

    fn request(&self, key: &str, headers: &[(HeaderName, HeaderValue)]) -> Result<Request<Empty<Bytes>>, DialError> {
        let mut request = Request::get(&self.path_and_query)
            .header(header::HOST, &self.authority)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, key)
            .body(Empty::new())
            .map_err(|_| DialError::BadUrl { url: self.authority.clone() })?;
        for (name, value) in headers {
            request.headers_mut().append(name, value.clone());
        }
        Ok(request)
    }
}

/// Asks for the upgrade on an open stream.
pub(super) async fn upgrade<S>(
    stream: S,
    host: &str,
    request: impl FnOnce(&str) -> Result<Request<Empty<Bytes>>, DialError>,
) -> Result<(DialedStream, HeaderMap), DialError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let lost = |cause| DialError::Lost { host: host.to_owned(), cause };
    let key = STANDARD.encode(rand::random::<[u8; 16]>());
    let request = request(&key)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    let exchange = async move {
        let response = sender.send_request(request).await.map_err(lost)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refusal(response, host).await);
        }
        check_handshake(response.headers(), &key)
            .map_err(|header| DialError::BadHandshake { host: host.to_owned(), header })?;
        let headers = response.headers().clone();
        let upgraded = hyper::upgrade::on(response).await.map_err(lost)?;
        Ok((TokioIo::new(upgraded), headers))
    };
    // The connection moves the bytes of the exchange; when it fails, the exchange learns it.
    let mut exchange = pin!(exchange);
    let mut connection = pin!(connection.with_upgrades());
    tokio::select! {
        biased;
        outcome = &mut exchange => return outcome,
        _ = &mut connection => {}
    }
    exchange.await
}

/// The name of the header that is missing or wrong.
fn check_handshake(headers: &HeaderMap, key: &str) -> Result<(), &'static str> {
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err("connection");
    }
    if !has_token(headers, &header::UPGRADE, "websocket") {
        return Err("upgrade");
    }
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accept.map(<[u8]>::trim_ascii) != Some(accept_for(key).as_bytes()) {
        return Err("sec-websocket-accept");
    }
    Ok(())
}

/// Whether a header, a comma-separated list over any number of lines, holds `token`.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .any(|listed| listed.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// What a server must answer to `key`.
pub(super) fn accept_for(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(ACCEPT_SALT);
    STANDARD.encode(hash.finalize())
}

async fn refusal(response: Response<Incoming>, host: &str) -> DialError {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(retry_after);
    let mut body = response.into_body();
    let mut kept = Vec::new();
    let deadline = Instant::now() + REFUSAL_BODY_TIMEOUT;
    // A body that breaks off or never ends still says something, and the status says more.
    while kept.len() < REFUSAL_BODY_MAX_BYTES
        && let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await
    {
        kept.extend_from_slice(frame.data_ref().map_or(&[], |data| data.as_ref()));
    }
    kept.truncate(REFUSAL_BODY_MAX_BYTES);
    let body = Pii::new(String::from_utf8_lossy(&kept).into_owned());
    DialError::Refused { host: host.to_owned(), status, retry_after, body }
}

/// Seconds, or a date.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let value = value.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(at.duration_since(jiff::Timestamp::now())).unwrap_or_default())
}
