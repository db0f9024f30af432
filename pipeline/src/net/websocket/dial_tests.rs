//! Dialling fake servers that answer by script.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::dial::accept_for;
use super::*;
use crate::vendors::VendorError;

const LIMIT: Duration = Duration::from_secs(5);
const CERTIFICATE: &[u8] = include_bytes!("../../../fixtures/tls/localhost.crt.pem");
const KEY: &[u8] = include_bytes!("../../../fixtures/tls/localhost.key.pem");

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(CERTIFICATE).unwrap()
}

fn dialer() -> Dialer {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Dialer::with_tls(config)
}

fn acceptor() -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/v1/listen?model=x", listener.local_addr().unwrap());
    (listener, url)
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
}

/// Takes one connection, reads the request, says `answer(key)`, and hands over the rest.
async fn answer_once(listener: &TcpListener, answer: impl FnOnce(&str) -> Vec<u8>) -> (String, TcpStream) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let head = answer_on(&mut stream, answer).await;
    (head, stream)
}

async fn answer_on(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: impl FnOnce(&str) -> Vec<u8>) -> String {
    let head = read_head(stream).await;
    let key = header(&head, "sec-websocket-key").expect("a key").to_owned();
    stream.write_all(&answer(&key)).await.unwrap();
    head
}

fn switching(key: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
         Sec-WebSocket-Accept: {}\r\nX-Request-Id: r-1\r\n\r\n",
        accept_for(key)
    )
}

#[test]
fn computes_the_accept_of_the_rfc_example() {
    assert_eq!(accept_for("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[tokio::test]
async fn sends_its_headers_and_keeps_a_frame_glued_to_the_answer() {
    let (listener, url) = listen().await;
    let headers = [(HeaderName::from_static("authorization"), HeaderValue::from_static("Token t"))];
    let dialer = dialer();
    let limits = WsLimits::default();
    let greets = |key: &str| [switching(key).as_bytes(), b"\x81\x05hello"].concat();
    let (dialed, (head, mut stream)) =
        tokio::join!(dialer.dial(&url, &headers, LIMIT, &limits), answer_once(&listener, greets));
    let mut dialed = dialed.unwrap();
    assert!(head.starts_with("GET /v1/listen?model=x HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "authorization"), Some("Token t"));
    assert_eq!(header(&head, "host"), Some(listener.local_addr().unwrap().to_string().as_str()));
    assert_eq!(header(&head, "sec-websocket-version"), Some("13"));
    assert_eq!(dialed.headers["x-request-id"], "r-1");
    assert_eq!(dialed.reader.next().await.unwrap(), WsMessage::Text("hello".into()));
    dialed.writer.send_text("hi").await.unwrap();
    let mut frame = [0; 8];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[..2], [0x81, 0x82], "masked, as a client must");
}

#[tokio::test]
async fn refuses_a_server_that_hashes_the_key_wrong() {
    let (listener, url) = listen().await;
    let dialer = dialer();
    let limits = WsLimits::default();
    let (refused, _) = tokio::join!(
        dialer.dial(&url, &[], LIMIT, &limits),
        answer_once(&listener, |_| switching("somebody else's key").into_bytes())
    );
    let refused = refused.unwrap_err();
    assert!(matches!(refused, DialError::BadHandshake { header: "sec-websocket-accept", .. }), "{refused:?}");
}

#[tokio::test]
async fn refuses_an_answer_without_the_upgrade() {
    let (listener, url) = listen().await;
    let dialer = dialer();
    let limits = WsLimits::default();
    let answer = |key: &str| switching(key).replace("keep-alive, Upgrade", "keep-alive").into_bytes();
    let (refused, _) = tokio::join!(dialer.dial(&url, &[], LIMIT, &limits), answer_once(&listener, answer));
    let refused = refused.unwrap_err();
    assert!(matches!(refused, DialError::BadHandshake { header: "connection", .. }), "{refused:?}");
}

#[tokio::test]
async fn keeps_what_a_refusal_says() {
    let (listener, url) = listen().await;
    let dialer = dialer();
    let limits = WsLimits::default();
    let body = format!("{{\"error\":\"slow down\"}}{}", " ".repeat(10_000));
    let answer =
        format!("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (refused, _) =
        tokio::join!(dialer.dial(&url, &[], LIMIT, &limits), answer_once(&listener, |_| answer.into_bytes()));
    let refused = refused.unwrap_err();
    assert!(!format!("{refused:?}{refused}").contains("slow down"), "a body may repeat a key");
    let DialError::Refused { status: 429, retry_after, body, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(*retry_after, Some(Duration::from_secs(7)));
    assert_eq!(body.expose().len(), REFUSAL_BODY_MAX_BYTES);
    assert!(body.expose().starts_with("{\"error\":\"slow down\"}"));
    let error = refused.into_vendor_error("deepgram", "DEEPGRAM_API_KEY");
    assert!(matches!(error, VendorError::Busy { status: 429, retry_after: Some(_), .. }), "{error:?}");
}

#[tokio::test]
async fn a_refusal_whose_body_never_ends_is_still_a_refusal() {
    let (listener, url) = listen().await;
    let dialer = dialer();
    let limits = WsLimits::default();
    let answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nno such".to_vec();
    let (refused, _open) = tokio::join!(dialer.dial(&url, &[], LIMIT, &limits), answer_once(&listener, |_| answer));
    let refused = refused.unwrap_err();
    let DialError::Refused { status: 401, body, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(body.expose(), "no such");
    let error = refused.into_vendor_error("deepgram", "DEEPGRAM_API_KEY");
    assert_eq!(error.to_string(), "deepgram refused the request with status 401; check DEEPGRAM_API_KEY");
}

#[tokio::test]
async fn one_deadline_covers_a_server_that_never_answers() {
    let (listener, url) = listen().await;
    let dialer = dialer();
    let limit = Duration::from_millis(50);
    let silent = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        stream
    };
    let limits = WsLimits::default();
    let (late, _open) = tokio::join!(dialer.dial(&url, &[], limit, &limits), silent);
    let late = late.unwrap_err();
    assert!(matches!(late, DialError::TimedOut { phase: "waiting for the answer to the upgrade", .. }), "{late:?}");
    // The same address without anybody who takes the connection out of the queue, over TLS.
    let late = dialer.dial(&url.replace("ws://", "wss://"), &[], limit, &limits).await.unwrap_err();
    assert!(matches!(late, DialError::TimedOut { phase: "waiting for tls", .. }), "{late:?}");
}

#[tokio::test]
async fn speaks_tls_and_checks_the_name() {
    let (listener, url) = listen().await;
    let dialer = dialer();
    let limits = WsLimits::default();
    let acceptor = acceptor();
    let url = url.replace("ws://127.0.0.1", "wss://localhost");
    let vendor = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        answer_on(&mut stream, |key| switching(key).into_bytes()).await;
        let (reader, writer) = split(stream, Role::Server, &limits);
        (reader, writer)
    };
    let (dialed, (mut reader, _writer)) = tokio::join!(dialer.dial(&url, &[], LIMIT, &limits), vendor);
    let mut dialed = dialed.unwrap();
    dialed.writer.send_text(&"a".repeat(60_000)).await.unwrap();
    assert_eq!(reader.next().await.unwrap(), WsMessage::Text("a".repeat(60_000).into()));
}

#[tokio::test]
async fn trusts_no_certificate_it_was_not_told_to() {
    let (listener, url) = listen().await;
    let dialer = Dialer::new().unwrap();
    let limits = WsLimits::default();
    let acceptor = acceptor();
    let vendor = async {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.is_err()
    };
    let url = url.replace("ws://127.0.0.1", "wss://localhost");
    let (refused, vendor_was_refused) = tokio::join!(dialer.dial(&url, &[], LIMIT, &limits), vendor);
    assert!(matches!(refused.unwrap_err(), DialError::Tls { .. }));
    assert!(vendor_was_refused);
}

#[tokio::test]
async fn names_a_url_it_cannot_dial_without_its_query() {
    let dialer = dialer();
    for url in ["https://host/x?key=secret", "ws://", "nonsense?key=secret", "wss:///path?key=secret"] {
        let error = dialer.dial(url, &[], LIMIT, &WsLimits::default()).await.unwrap_err();
        assert!(matches!(error, DialError::BadUrl { .. }), "{url}: {error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let (listener, url) = listen().await;
    drop(listener);
    let error = dialer.dial(&url, &[], LIMIT, &WsLimits::default()).await.unwrap_err();
    assert!(matches!(error, DialError::Unreachable { .. }), "{error:?}");
}
