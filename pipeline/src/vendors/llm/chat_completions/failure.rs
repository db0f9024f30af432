//! Understands refusals: what a server says with an HTTP status or in the middle of an answer.
//!
//! Only short code words of the server pass into errors; its messages may quote the conversation.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::VENDOR;
use crate::vendors::VendorError;

/// Words for a key that is wrong or has no credit, whatever the status.
const KEY_WORDS: [&str; 4] =
    ["insufficient_quota", "billing_hard_limit_reached", "invalid_api_key", "authentication_error"];

/// Words for a server that is busy, in answers that began well and have no status.
const BUSY_WORDS: [&str; 3] = ["rate_limit_exceeded", "overloaded", "overloaded_error"];

/// What an HTTP response with an error status means. `header` looks a header up by its lower-case
/// name; `now` is needed for dates in `retry-after`.
pub fn in_response<'a>(
    status: u16,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
    now: Timestamp,
) -> VendorError {
    let document = serde_json::from_slice(body).unwrap_or(Value::Null);
    let retry = match header("x-should-retry") {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    let word = find_error(&document).and_then(word);
    classify(status, word, retry_after(header, now), retry)
}

/// The failure in an event's data or a JSON answer, though HTTP said 200.
pub fn in_stream(chunk: &Value) -> Option<VendorError> {
    let error = find_error(chunk).or_else(|| {
        let stopped = chunk["choices"][0]["finish_reason"] == "error";
        stopped.then_some(&Value::Null)
    })?;
    let status = error["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let status = status.filter(|status| (400..600).contains(status));
    Some(classify(status.unwrap_or(0), word(error), None, None))
}

fn classify(status: u16, word: Option<String>, retry_after: Option<Duration>, retry: Option<bool>) -> VendorError {
    let refused = |setting| VendorError::Refused { vendor: VENDOR, status, setting };
    let failed = |word: Option<String>| VendorError::Failed {
        vendor: VENDOR,
        kind: word.unwrap_or_else(|| if status == 0 { "error".to_owned() } else { format!("status_{status}") }),
    };
    let busy = VendorError::Busy { vendor: VENDOR, status, retry_after };
    match (status, word.as_deref()) {
        (401..=403, _) => refused("OPENAI_API_KEY"),
        (_, Some(word)) if KEY_WORDS.contains(&word) => refused("OPENAI_API_KEY"),
        _ if retry == Some(false) => refused("LLM_MODEL"),
        (429 | 498 | 503 | 529, _) => busy,
        (0, Some(word)) if BUSY_WORDS.contains(&word) => busy,
        // The model wrote a tool call its own server could not read; it may do better next time.
        (0 | 408 | 409 | 500..=599, _) | (400, Some("tool_use_failed")) => failed(word),
        _ if retry == Some(true) => failed(word),
        (404, Some("model_not_found")) => refused("LLM_MODEL"),
        (300..=399 | 404 | 405, _) => refused("LLM_BASE_URL"),
        _ => refused("LLM_MODEL"),
    }
}

/// The error object, wherever a server puts it.
fn find_error(document: &Value) -> Option<&Value> {
    let document = document.get(0).unwrap_or(document);
    let nested = [&document["error"], &document["x_groq"]["error"]];
    let flat = (document["object"] == "error").then_some(document);
    nested.into_iter().find(|error| !error.is_null()).or(flat)
}

/// The server's own word for the error, if it is one word.
fn word(error: &Value) -> Option<String> {
    let is_word = |text: &&str| {
        (1..=40).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    ["code", "type", "status"].iter().find_map(|&field| error[field].as_str().filter(is_word)).map(str::to_owned)
}

fn retry_after<'a>(header: impl Fn(&str) -> Option<&'a str>, now: Timestamp) -> Option<Duration> {
    let number = |name| header(name).and_then(|value: &str| value.trim().parse::<f64>().ok());
    let seconds = number("retry-after-ms").map(|millis| millis / 1000.0).or(number("retry-after"));
    match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => {
            let date = jiff::fmt::rfc2822::parse(header("retry-after")?).ok()?;
            Some(date.timestamp().duration_since(now).try_into().unwrap_or(Duration::ZERO))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, headers: &[(&str, &str)], body: &str) -> VendorError {
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        in_response(status, header, body.as_bytes(), now)
    }

    fn advice(headers: &[(&str, &str)]) -> Option<Duration> {
        match error(429, headers, "") {
            VendorError::Busy { retry_after, .. } => retry_after,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn advice_on_waiting_comes_in_three_forms() {
        let millis = Duration::from_millis;
        assert_eq!(advice(&[("retry-after-ms", "1500"), ("retry-after", "9")]), Some(millis(1500)));
        assert_eq!(advice(&[("retry-after", "0.5")]), Some(millis(500)));
        let date = [("retry-after", "Mon, 23 Nov 2026 09:00:07 GMT")];
        assert_eq!(advice(&date), Some(millis(7000)));
        let past = [("retry-after", "Mon, 23 Nov 2026 08:00:00 GMT")];
        assert_eq!(advice(&past), Some(Duration::ZERO));
        assert_eq!(advice(&[("retry-after", "soon")]), None);
        assert_eq!(advice(&[("retry-after", "-3")]), None);
    }

    #[test]
    fn a_wrong_key_names_the_key_and_a_wrong_model_the_model() {
        let setting = |error| match error {
            VendorError::Refused { setting, .. } => setting,
            other => panic!("{other}"),
        };
        assert_eq!(setting(error(401, &[], "nope")), "OPENAI_API_KEY");
        let body = r#"{"error":{"code":"model_not_found","message":"m"}}"#;
        assert_eq!(setting(error(404, &[], body)), "LLM_MODEL");
        assert_eq!(setting(error(404, &[], "<html>")), "LLM_BASE_URL");
        assert_eq!(setting(error(301, &[], "")), "LLM_BASE_URL");
    }

    #[test]
    fn the_server_may_forbid_or_ask_for_another_try() {
        assert!(!error(500, &[("x-should-retry", "false")], "").is_retryable());
        assert!(error(400, &[("x-should-retry", "true")], "").is_retryable());
        assert!(error(500, &[], "").is_retryable());
        assert!(!error(400, &[], "").is_retryable());
    }

    #[test]
    fn messages_never_pass_into_the_error() {
        let body = r#"{"error":{"code":"my name is Johnson","type":null,"message":"Johnson"}}"#;
        assert_eq!(error(500, &[], body).to_string(), "chat failed: status_500");
        let array = r#"[{"error":{"code":500,"message":"Johnson","status":"INTERNAL"}}]"#;
        assert_eq!(error(500, &[], array).to_string(), "chat failed: INTERNAL");
    }
}
