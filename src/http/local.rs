//! Local mode: who may use a gateway that has no key to check a carrier with.
//!
//! Only programs on this machine, and only directly. A tunnel's connections come from this machine
//! as well, but carry a public `Host` or a forwarding header; a web page in a browser on this machine
//! carries an `Origin`; a name that was rebound to 127.0.0.1 stands in `Host`.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use thiserror::Error;

/// Why a request is not from this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotLocal {
    /// It came over a network.
    #[error("the request does not come from this machine")]
    Peer,
    /// It was meant for another host.
    #[error("the request is not for a loopback host")]
    Host,
    /// Somebody passed it on.
    #[error("the request was forwarded by a proxy or a tunnel")]
    Forwarded,
    /// A web page sent it.
    #[error("the request was sent by a web page")]
    Page,
}

/// Headers that proxies and tunnels add.
const FORWARDING: [&str; 12] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-host",
    "x-original-forwarded-for",
    "true-client-ip",
    "fastly-client-ip",
    "x-envoy-external-address",
    "x-azure-clientip",
    "fly-client-ip",
];
/// The same, by how their names begin.
const FORWARDING_PREFIXES: [&str; 4] = ["x-forwarded", "cf-", "ngrok-", "tailscale-"];

/// Checks that a request comes from this machine and from nowhere beyond.
pub fn check_local(peer: IpAddr, headers: &HeaderMap) -> Result<(), NotLocal> {
    if !peer.to_canonical().is_loopback() {
        return Err(NotLocal::Peer);
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host_is_loopback = hosts.next().and_then(|host| host.to_str().ok()).is_some_and(is_loopback_host);
    if !host_is_loopback || hosts.next().is_some() {
        return Err(NotLocal::Host);
    }
    let forwards =
        |name: &str| FORWARDING.contains(&name) || FORWARDING_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if headers.keys().any(|name| forwards(name.as_str())) {
        return Err(NotLocal::Forwarded);
    }
    if headers.contains_key(ORIGIN) {
        return Err(NotLocal::Page);
    }
    Ok(())
}

/// `localhost`, `127.x.x.x` or `[::1]`, with or without a port.
fn is_loopback_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port_is_one = match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    let name_is_loopback = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    name_is_loopback && port_is_one
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn check(peer: &str, pairs: &[(&'static str, &'static str)]) -> Result<(), NotLocal> {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = pairs.iter().map(pair).collect();
        check_local(peer.parse().unwrap(), &headers)
    }

    #[test]
    fn answers_programs_on_this_machine_by_any_loopback_name() {
        let hosts =
            ["localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:8080", "127.1.2.3:1", "[::1]", "[::1]:8080"];
        for host in hosts {
            for peer in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(check(peer, &[("host", host), ("user-agent", "TwilioProxy/1.1")]), Ok(()), "{peer} {host}");
            }
        }
    }

    #[test]
    fn answers_nobody_else() {
        for peer in ["192.168.1.7", "10.0.0.1", "203.0.113.9", "::ffff:192.168.1.7", "fe80::1", "0.0.0.0"] {
            assert_eq!(check(peer, &[("host", "localhost")]), Err(NotLocal::Peer), "{peer}");
        }
    }

    #[test]
    fn believes_no_host_but_a_loopback_name() {
        let hosts = [
            "gw.example.com",
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "127.evil.example",
            "128.0.0.1",
            "2130706433",
            "[::2]",
            "[::1",
            "[::1]x",
            "localhost:evil",
            "localhost:8080:1",
            "localhost:",
            "user@localhost",
            "",
            "abc123.ngrok-free.app",
        ];
        for host in hosts {
            assert_eq!(check("127.0.0.1", &[("host", host)]), Err(NotLocal::Host), "{host:?}");
        }
        assert_eq!(check("127.0.0.1", &[]), Err(NotLocal::Host));
    }

    #[test]
    fn a_second_host_does_not_pass_behind_the_first() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, HeaderValue::from_static("localhost"));
        headers.append(HOST, HeaderValue::from_static("evil.example"));
        assert_eq!(check_local(HERE, &headers), Err(NotLocal::Host));
    }

    #[test]
    fn sees_through_a_tunnel_that_rewrites_the_host() {
        let tunnels = [
            "forwarded",
            "via",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "x-forwarded-port",
            "x-forwarded-server",
            "x-real-ip",
            "cf-connecting-ip",
            "cf-ray",
            "true-client-ip",
            "x-original-host",
            "ngrok-trace-id",
            "tailscale-user-login",
        ];
        for header in tunnels {
            assert_eq!(
                check("127.0.0.1", &[("host", "localhost"), (header, "1")]),
                Err(NotLocal::Forwarded),
                "{header}"
            );
        }
    }

    #[test]
    fn answers_no_web_page() {
        for origin in ["https://evil.example", "null", "http://localhost:8080"] {
            assert_eq!(check("127.0.0.1", &[("host", "localhost"), ("origin", origin)]), Err(NotLocal::Page));
        }
    }
}
