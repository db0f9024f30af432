//! A stream over TLS, at a server whose certificate the system trusts.
//!
//! What the system trusts is read from the environment once per process, so the call is made in a process of its
//! own: this test's program again, asked for the test that is otherwise ignored.

use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use voice_gateway::phone::{EndedBy, Phone, PhoneSettings};
use voice_pipeline::net::websocket::{Role, WsLimits, WsMessage, split};

const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline/fixtures/tls/localhost.crt.pem");
/// What RFC 6455 appends to the key before hashing it.
const ACCEPT_SALT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline/fixtures/tls/localhost.key.pem");

#[test]
fn a_socket_with_tls_is_called_like_any_other() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::calls_a_socket_with_tls", "--ignored"])
        .env("SSL_CERT_FILE", CERTIFICATE)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&child.stderr));
}

#[tokio::test]
#[ignore = "runs in a process that trusts the fixture's certificate"]
async fn calls_a_socket_with_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/media?room=1", listener.local_addr().unwrap().port());
    let settings = PhoneSettings {
        webhook_url: url,
        stream_parameters: [("token".to_owned(), "t-1".to_owned())].into(),
        ..PhoneSettings::default()
    };
    let call = async {
        let live = Phone::dial(settings).await.unwrap();
        assert_eq!(live.hang_up().await, EndedBy::Caller);
    };
    tokio::join!(call, serve(listener));
}

/// Takes one stream to its end.
async fn serve(listener: TcpListener) {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(CERTIFICATE).unwrap()],
            PrivateKeyDer::from_pem_file(KEY).unwrap(),
        )
        .unwrap();
    let (tcp, _) = listener.accept().await.unwrap();
    let mut tls = TlsAcceptor::from(Arc::new(config)).accept(tcp).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tls.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("GET /media?room=1 HTTP/1.1"), "{head}");
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let accept = STANDARD.encode(Sha1::digest(format!("{}{ACCEPT_SALT}", key.expect("a key is sent"))));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    );
    tls.write_all(answer.as_bytes()).await.unwrap();
    tls.flush().await.unwrap();
    let (mut reader, mut writer) = split(tls, Role::Server, &WsLimits::default());
    let mut events = Vec::new();
    let mut parameters = Value::Null;
    while let Ok(WsMessage::Text(text)) = reader.next().await {
        let message: Value = serde_json::from_str(&text).unwrap();
        events.push(message["event"].as_str().unwrap().to_owned());
        if let Some(start) = message.get("start") {
            parameters = start["customParameters"].clone();
        }
    }
    assert_eq!(events[..2], ["connected", "start"]);
    assert_eq!(events.last().map(String::as_str), Some("stop"));
    assert_eq!(parameters, json!({"token": "t-1"}));
    writer.close(1000, "").await;
}
