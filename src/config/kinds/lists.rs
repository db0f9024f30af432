//! Kinds that hold several named values in one text: secrets by name, fields of a request.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::{Kind, SecretKind};

/// `name=secret,name=secret`. Spaces around names and secrets are dropped.
pub(in crate::config) struct SecretsKind {
    expected: &'static str,
    is_name: fn(&str) -> bool,
    read_secret: fn(&str) -> Option<SecretString>,
}

/// Auth tokens by the account they belong to.
pub(in crate::config) fn account_tokens() -> SecretsKind {
    SecretsKind {
        expected: "account SIDs with their tokens, such as AC01=token,AC02=token",
        is_name: |name| name.starts_with("AC") && name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        read_secret: token,
    }
}

/// Secrets by the id of their key.
pub(in crate::config) fn shared_keys() -> SecretsKind {
    SecretsKind {
        expected: "key ids with their secrets, such as SK01=secret,SK02=secret",
        is_name: |name| name.bytes().all(|byte| byte.is_ascii_graphic()),
        read_secret: token,
    }
}

/// Values of HTTP headers.
pub(in crate::config) fn header_values() -> SecretsKind {
    SecretsKind {
        expected: "headers with their values, such as api-key=secret,x-team=voice; a value has no comma",
        is_name: |name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
        read_secret: |value| value.bytes().all(|byte| matches!(byte, b' '..=b'~')).then(|| value.into()),
    }
}

fn token(text: &str) -> Option<SecretString> {
    SecretKind.parse(text)
}

impl Kind for SecretsKind {
    type Value = BTreeMap<String, SecretString>;

    fn parse(&self, text: &str) -> Option<Self::Value> {
        let mut secrets = BTreeMap::new();
        for pair in text.split(',') {
            let (name, secret) = pair.split_once('=')?;
            let (name, secret) = (name.trim(), secret.trim());
            if name.is_empty() || secret.is_empty() || !(self.is_name)(name) {
                return None;
            }
            let is_second = secrets.insert(name.to_owned(), (self.read_secret)(secret)?).is_some();
            if is_second {
                return None;
            }
        }
        Some(secrets)
    }

    fn default(&self) -> Self::Value {
        BTreeMap::new()
    }

    fn default_text(&self) -> Option<String> {
        None
    }

    fn expected(&self) -> String {
        self.expected.to_owned()
    }

    fn is_secret(&self) -> bool {
        true
    }
}

/// A JSON object.
pub(in crate::config) struct JsonObjectKind;

impl Kind for JsonObjectKind {
    type Value = Map<String, Value>;

    fn parse(&self, text: &str) -> Option<Self::Value> {
        serde_json::from_str(text).ok()
    }

    fn default(&self) -> Self::Value {
        Map::new()
    }

    fn default_text(&self) -> Option<String> {
        None
    }

    fn expected(&self) -> String {
        r#"a JSON object, such as {"reasoning_effort":"low"}"#.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn secrets_are_found_by_their_names() {
        let tokens = account_tokens().parse("AC01=one, AC02 = t=wo ").unwrap();
        let shown: Vec<_> = tokens.iter().map(|(name, token)| (name.as_str(), token.expose_secret())).collect();
        assert_eq!(shown, [("AC01", "one"), ("AC02", "t=wo")]);
    }

    #[test]
    fn a_list_with_a_slip_is_refused_as_a_whole() {
        for text in ["AC01", "AC01=", "=one", "AC01=one,", "AC01=one,AC01=two", "SK01=one", "AC01=o ne", "AC01=é"] {
            assert!(account_tokens().parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn header_values_may_have_spaces_but_no_line_breaks() {
        let headers = header_values().parse("Authorization=Token abc").unwrap();
        assert_eq!(headers["Authorization"].expose_secret(), "Token abc");
        for text in ["x y=1", "x:=1", "x=a\u{7}b", "x=a\nb"] {
            assert!(header_values().parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn only_objects_are_taken_for_objects() {
        assert_eq!(JsonObjectKind.parse(r#"{"seed":1}"#).unwrap()["seed"], 1);
        for text in ["seed=1", "[1]", "1", r#"{"seed":1"#] {
            assert!(JsonObjectKind.parse(text).is_none(), "{text}");
        }
    }
}
