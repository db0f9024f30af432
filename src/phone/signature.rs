//! Signs requests the way Twilio does: HMAC-SHA1 over the URL and the form, in base64.
//!
//! The gateway's own verifier lives in `telephony`; the phone computes signatures by itself, so
//! that a mistake there cannot hide.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The value of `X-Twilio-Signature` for a request to `url` with this form. WebSocket handshakes
/// and GET requests have an empty form.
pub fn sign(auth_token: &str, url: &str, form: &[(String, String)]) -> String {
    let mut fields: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in form {
        fields.entry(name).or_default().insert(value);
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    for (name, values) in fields {
        for value in values {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const VECTORS: &str = include_str!("../../tests/vectors/twilio_signature_vectors.json");

    #[test]
    fn signs_as_the_vendor_does() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let mut checked = 0;
        for case in vectors["cases"].as_array().unwrap() {
            let text = |field: &str| case[field].as_str().unwrap_or_default();
            let url_is_the_signed_one = text("signed_string").starts_with(text("request_url"));
            if text("algorithm") != "HMAC_SHA1"
                || case["expect_valid"] != true
                || !case["json_body"].is_null()
                || !url_is_the_signed_one
            {
                continue;
            }
            // A signature over the URL with a slash or port added has its own cases in the verifier.
            let rest = text("signed_string").strip_prefix(text("request_url")).unwrap();
            if text("method") == "GET" && !rest.is_empty() {
                continue;
            }
            let params = case["params"].as_array().cloned().unwrap_or_default();
            let form: Vec<_> = params
                .iter()
                .map(|pair| (pair[0].as_str().unwrap().into(), pair[1].as_str().unwrap().into()))
                .collect();
            assert_eq!(
                sign(text("auth_token"), text("request_url"), &form),
                text("x_twilio_signature"),
                "{}",
                text("name")
            );
            checked += 1;
        }
        assert!(checked >= 10, "only {checked} vectors apply");
    }
}
