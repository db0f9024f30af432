//! Under which URL the carrier knows this gateway.
//!
//! A signature covers the URL the carrier requested, which is not what a server behind a proxy sees.
//! [`PublicBase::of`] finds the part before the request target: from the settings, from a trusted
//! proxy's headers, or from the `Host` header of a direct connection. Strings stay as they are: a
//! URL that is taken apart and put together again may differ in an escape and fail the check.

use axum::http::HeaderMap;
use axum::http::header::HOST;

use crate::telephony::TelephonySettings;

/// Scheme, host and maybe a path that a proxy strips, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicBase(String);

impl PublicBase {
    /// The base of a request with these headers; `None` where it names no host.
    pub fn of(settings: &TelephonySettings, headers: &HeaderMap) -> Option<Self> {
        if let Some(url) = &settings.public_url {
            return Some(Self(url.trim_end_matches('/').to_owned()));
        }
        if !settings.trust_proxy {
            return Self::direct(headers);
        }
        let host = text(headers, HOST.as_str())?;
        let scheme = match first(headers, "x-forwarded-proto") {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            _ => "http",
        };
        let host = first(headers, "x-forwarded-host").unwrap_or(host);
        let default_port = if scheme == "https" { "443" } else { "80" };
        let port = first(headers, "x-forwarded-port").filter(|port| *port != default_port && !has_port(host));
        Some(Self(match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }))
    }

    /// The base of a request that nobody passed on.
    pub fn direct(headers: &HeaderMap) -> Option<Self> {
        Some(Self(format!("http://{}", text(headers, HOST.as_str())?)))
    }

    /// The URL of a request target (path and query as they came) or of a route.
    pub fn url(&self, target: &str) -> String {
        format!("{}{target}", self.0)
    }

    /// The same for a socket: `wss` where the base is `https`, else `ws`.
    pub fn socket_url(&self, target: &str) -> String {
        match self.0.strip_prefix("https://") {
            Some(rest) => format!("wss://{rest}{target}"),
            None => format!("ws://{}{target}", self.0.trim_start_matches("http://")),
        }
    }
}

/// The first of the values that a chain of proxies has put in a list.
fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    text(headers, name)?.split(',').next().map(str::trim).filter(|value| !value.is_empty())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    const PROXIED: [(&str, &str); 3] = [
        ("host", "127.0.0.1:8080"),
        ("x-forwarded-proto", "https, http"),
        ("x-forwarded-host", "gw.example.com, inner"),
    ];

    fn base(settings: &TelephonySettings, pairs: &[(&'static str, &'static str)]) -> String {
        PublicBase::of(settings, &headers(pairs)).unwrap().url("/twilio/voice?a=%20b'")
    }

    #[test]
    fn the_setting_wins_over_what_the_request_says() {
        let settings = TelephonySettings {
            public_url: Some("https://real.example.com/gateway/".into()),
            trust_proxy: true,
            ..TelephonySettings::default()
        };
        assert_eq!(base(&settings, &PROXIED), "https://real.example.com/gateway/twilio/voice?a=%20b'");
        let base = PublicBase::of(&settings, &headers(&PROXIED)).unwrap();
        assert_eq!(base.socket_url("/twilio/media"), "wss://real.example.com/gateway/twilio/media");
    }

    #[test]
    fn believes_forwarded_headers_only_when_told_to() {
        let direct = TelephonySettings::default();
        assert_eq!(base(&direct, &PROXIED), "http://127.0.0.1:8080/twilio/voice?a=%20b'");
        let trusting = TelephonySettings { trust_proxy: true, ..direct };
        assert_eq!(base(&trusting, &PROXIED), "https://gw.example.com/twilio/voice?a=%20b'");
    }

    #[test]
    fn adds_a_forwarded_port_that_is_not_the_usual_one() {
        let settings = TelephonySettings { trust_proxy: true, ..TelephonySettings::default() };
        for (port, expected) in [("8443", "https://gw:8443/t"), ("443", "https://gw/t"), ("80", "https://gw:80/t")] {
            let headers = headers(&[("host", "gw"), ("x-forwarded-proto", "https"), ("x-forwarded-port", port)]);
            assert_eq!(PublicBase::of(&settings, &headers).unwrap().url("/t"), expected);
        }
        let headers = headers(&[("host", "gw:8443"), ("x-forwarded-proto", "https"), ("x-forwarded-port", "9443")]);
        assert_eq!(PublicBase::of(&settings, &headers).unwrap().url("/t"), "https://gw:8443/t");
    }

    #[test]
    fn a_direct_connection_gets_a_plain_socket() {
        let base = PublicBase::of(&TelephonySettings::default(), &headers(&[("host", "[::1]:8080")])).unwrap();
        assert_eq!(base.socket_url("/twilio/media"), "ws://[::1]:8080/twilio/media");
        assert_eq!(PublicBase::of(&TelephonySettings::default(), &HeaderMap::new()), None);
    }
}
