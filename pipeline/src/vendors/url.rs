//! The addresses of vendors behind sockets: what an operator writes, and the query that is added to it.

use std::fmt::Write;

/// The address before a vendor's path, to be dialled: `ws://` or `wss://`, without a slash at its end.
///
/// `http` and `https` mean the same server; a slash or `/v1` at the end is what people copy along. `None`
/// when it cannot be an address: another scheme, no host, a query, a user name, a blank inside.
pub(crate) fn websocket_base(url: &str) -> Option<String> {
    let (scheme, rest) = url.trim().split_once("://")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return None,
    };
    if !rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@\\\"<>^`{|}".contains(&byte)) {
        return None;
    }
    let rest = rest.trim_end_matches('/');
    let rest = rest.strip_suffix("/v1").unwrap_or(rest).trim_end_matches('/');
    let authority = rest.split('/').next().unwrap_or_default();
    // The colons of an IPv6 address stand in brackets.
    let after_host = if authority.starts_with('[') { authority.find(']')? + 1 } else { 0 };
    let (host, port) = match authority[after_host..].split_once(':') {
        Some((name, port)) => (&authority[..after_host + name.len()], Some(port)),
        None => (authority, None),
    };
    let has_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    (!host.is_empty() && has_port).then(|| format!("{scheme}://{rest}"))
}

/// Appends `pairs` as a query.
pub(crate) fn with_query<'a>(url: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut whole = url.to_owned();
    for (at, (name, value)) in pairs.into_iter().enumerate() {
        whole.push(if at == 0 { '?' } else { '&' });
        escape(name, &mut whole);
        whole.push('=');
        escape(value, &mut whole);
    }
    whole
}

/// Everything but letters, digits and `-._~` as `%` and two digits: a space is `%20`, never `+`.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_copy_along_is_no_part_of_an_address() {
        let cases = [
            ("wss://api.deepgram.com", "wss://api.deepgram.com"),
            ("https://api.eu.deepgram.com/", "wss://api.eu.deepgram.com"),
            ("wss://api.deepgram.com/v1", "wss://api.deepgram.com"),
            ("wss://api.deepgram.com/v1/", "wss://api.deepgram.com"),
            (" HTTP://127.0.0.1:8080 ", "ws://127.0.0.1:8080"),
            ("ws://[::1]:8080/speech/v1", "ws://[::1]:8080/speech"),
            ("ws://v1", "ws://v1"),
        ];
        for (written, meant) in cases {
            assert_eq!(websocket_base(written).as_deref(), Some(meant), "{written}");
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_no_address() {
        let cases = [
            "",
            "api.deepgram.com",
            "ftp://api.deepgram.com",
            "wss://",
            "wss:///v1",
            "wss://:443",
            "wss://host:port",
            "wss://host:0",
            "wss://host:70000",
            "wss://[::1",
            "wss://two words",
            "wss://name:word@host",
            "wss://host/v1?model=x",
            "wss://host#x",
            "wss://h\u{f6}st",
        ];
        for written in cases {
            assert_eq!(websocket_base(written), None, "{written}");
        }
    }

    #[test]
    fn values_pass_through_a_query_whatever_they_hold() {
        let url = with_query("ws://host/listen", [("model", "nova-3"), ("keyterm", "back nine & b\u{e4}r+1%")]);
        assert_eq!(url, "ws://host/listen?model=nova-3&keyterm=back%20nine%20%26%20b%C3%A4r%2B1%25");
        assert_eq!(with_query("ws://host/listen", []), "ws://host/listen");
    }
}
