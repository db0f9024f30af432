//! HTTP clients: built once, pooled, and their errors in the words of the vendors' seam.
//!
//! A client from here never follows redirects (a bearer token would travel along), has no total
//! time limit (that would cut long answers; callers hold their own deadlines) and dials loopback
//! addresses directly, whatever proxy the machine is set to use. The process must have installed
//! rustls' default provider before the first client is built.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, Response, Url, redirect};
use thiserror::Error;

use crate::vendors::VendorError;

pub mod chat_completions;
mod pool;

/// Why there is no client.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The address is not one that a client can dial.
    #[error("{url:?} is not an address of the form http://host or https://host")]
    Address {
        /// What was given.
        url: String,
    },
    /// A header cannot be sent.
    #[error("the header {name:?} or its value holds characters that HTTP does not allow")]
    Header {
        /// The header's name.
        name: String,
    },
    /// TLS could not be set up.
    #[error("cannot set up an HTTP client; is a rustls provider installed and are the system's certificates there?")]
    Setup(#[source] reqwest::Error),
}

/// Reads an address of a server.
pub fn address(url: &str) -> Result<Url, ClientError> {
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    parsed.ok_or_else(|| ClientError::Address { url: url.to_owned() })
}

/// A pooled client for the server at `address`.
pub fn client(address: &Url, connect_timeout: Duration) -> Result<Client, ClientError> {
    let builder =
        Client::builder().connect_timeout(connect_timeout).tcp_nodelay(true).redirect(redirect::Policy::none());
    let builder = if is_loopback(address) { builder.no_proxy() } else { builder };
    builder.build().map_err(ClientError::Setup)
}

/// What a failed exchange means for the vendor it was made with.
pub fn vendor_error(vendor: &'static str, connect_timeout: Duration, error: reqwest::Error) -> VendorError {
    if error.is_connect() && error.is_timeout() {
        return VendorError::TimedOut { vendor, awaited: "connection", limit: connect_timeout };
    }
    // The address may carry a key.
    VendorError::Disconnected { vendor, cause: std::io::Error::other(error.without_url()) }
}

/// Reads a body up to `limit_bytes` and drops the rest; true if there was more.
pub async fn read_up_to(response: &mut Response, limit_bytes: usize) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit_bytes - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body, true));
        }
    }
    Ok((body, false))
}

fn is_loopback(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_http_with_a_host() {
        assert!(address("https://api.openai.com/v1").is_ok());
        assert!(address("http://127.0.0.1:8080").is_ok());
        for wrong in ["", "api.openai.com", "ftp://host/", "file:///etc/passwd", "http://"] {
            let error = address(wrong).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{wrong:?} is not an address")));
        }
    }

    #[test]
    fn loopback_is_told_from_the_world() {
        let is_loopback = |url| is_loopback(&address(url).unwrap());
        assert!(is_loopback("http://localhost:1"));
        assert!(is_loopback("http://127.0.0.9/"));
        assert!(is_loopback("http://[::1]:8080/"));
        assert!(!is_loopback("http://localhost.example/"));
        assert!(!is_loopback("http://10.0.0.1/"));
    }
}
