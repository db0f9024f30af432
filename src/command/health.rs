//! `healthcheck`: whether the gateway on this machine answers, for containers that hold no curl.
//!
//! One plain request over a socket: no proxy of the environment may stand between a container and
//! itself.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use voice_gateway::config::Config;

/// How long each step of the exchange may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Far more than the head and the body of the answer.
const ANSWER_MAX_BYTES: u64 = 4096;

pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let address = reachable(config.server.listen);
    let status = ask(address).with_context(|| format!("no answer from http://{address}/healthz"))?;
    ensure!(status == "200", "http://{address}/healthz answers with status {status}");
    Ok(ExitCode::SUCCESS)
}

/// Where a listener is dialled: one on all addresses answers on loopback.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        ip if ip.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
        _ => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// The status of the answer.
fn ask(address: SocketAddr) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    // In one piece: a listener may answer and close as soon as it has seen the first line.
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    socket.take(ANSWER_MAX_BYTES).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let mut words = answer.split_whitespace();
    let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    words.next().filter(|_| is_http).map(str::to_owned).context("the answer is not HTTP")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Asks a server that gives this answer and closes.
    fn ask_one_that_says(answer: &'static str) -> anyhow::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut socket, _) = listener.accept().unwrap();
                let mut request = [0; 512];
                let length = socket.read(&mut request).unwrap();
                assert!(request[..length].starts_with(b"GET /healthz HTTP/1.1\r\n"));
                socket.write_all(answer.as_bytes()).unwrap();
            });
            ask(address)
        })
    }

    #[test]
    fn reads_the_status_and_nothing_else() {
        assert_eq!(ask_one_that_says("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n").unwrap(), "200");
        assert_eq!(ask_one_that_says("HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap(), "503");
    }

    #[test]
    fn other_answers_and_silence_are_failures() {
        assert!(ask_one_that_says("SSH-2.0-OpenSSH_9.2 200\r\n").is_err());
        assert!(ask_one_that_says("").is_err());
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(ask(nobody).is_err());
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        let reached = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reached("[::]:8080"), "[::1]:8080");
        assert_eq!(reached("10.0.0.7:9000"), "10.0.0.7:9000");
    }
}
