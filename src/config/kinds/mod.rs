//! The kinds of values a setting can have: how each is read, and how it is described.
//!
//! A [`Kind`] is a value, so a setting's default and range stand where the setting is declared and
//! are the same in the program, in the message about a wrong value and in docs/SETTINGS.md.

mod lists;
mod quantities;

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

pub(in crate::config) use lists::{JsonObjectKind, account_tokens, header_values, shared_keys};
pub(in crate::config) use quantities::{bytes, duration, ms, number, secs, whole_seconds};

/// How a setting's text becomes its value.
pub(in crate::config) trait Kind {
    type Value;

    /// The value of a text that is neither empty nor has space around it.
    fn parse(&self, text: &str) -> Option<Self::Value>;

    /// The value when nothing is set.
    fn default(&self) -> Self::Value;

    /// The default as one would write it, if there is one.
    fn default_text(&self) -> Option<String>;

    /// What a text must be: "a duration from 100ms to 3s, such as 500ms".
    fn expected(&self) -> String;

    /// Whether values must never be shown.
    fn is_secret(&self) -> bool {
        false
    }
}

/// Yes or no.
pub(in crate::config) struct FlagKind(bool);

pub(in crate::config) fn flag(default: bool) -> FlagKind {
    FlagKind(default)
}

impl Kind for FlagKind {
    type Value = bool;

    fn parse(&self, text: &str) -> Option<bool> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    fn default(&self) -> bool {
        self.0
    }

    fn default_text(&self) -> Option<String> {
        Some(self.0.to_string())
    }

    fn expected(&self) -> String {
        "true or false".to_owned()
    }
}

/// An address with a port to listen on.
pub(in crate::config) struct AddressKind(SocketAddr);

pub(in crate::config) fn loopback(port: u16) -> AddressKind {
    AddressKind(SocketAddr::from(([127, 0, 0, 1], port)))
}

impl Kind for AddressKind {
    type Value = SocketAddr;

    fn parse(&self, text: &str) -> Option<SocketAddr> {
        text.parse().ok()
    }

    fn default(&self) -> SocketAddr {
        self.0
    }

    fn default_text(&self) -> Option<String> {
        Some(self.0.to_string())
    }

    fn expected(&self) -> String {
        format!("an IP address with a port, such as {}", self.0)
    }
}

/// One of a few words.
pub(in crate::config) struct ChoiceKind<T: 'static> {
    default: &'static str,
    words: &'static [(&'static str, T)],
}

pub(in crate::config) fn choice<T>(default: &'static str, words: &'static [(&'static str, T)]) -> ChoiceKind<T> {
    ChoiceKind { default, words }
}

impl<T: Copy> Kind for ChoiceKind<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        self.words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    fn default(&self) -> T {
        self.parse(self.default).expect("the default is one of the words")
    }

    fn default_text(&self) -> Option<String> {
        Some(self.default.to_owned())
    }

    fn expected(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|(word, _)| *word).collect();
        match words.as_slice() {
            [only] => format!("{only}, the only choice"),
            words => words.join(" or "),
        }
    }
}

/// Some of a few words, in order, each once: `first,second`.
pub(in crate::config) struct ChainKind<T: 'static>(ChoiceKind<T>);

pub(in crate::config) fn chain<T>(default: &'static str, words: &'static [(&'static str, T)]) -> ChainKind<T> {
    ChainKind(choice(default, words))
}

impl<T: Copy + PartialEq> Kind for ChainKind<T> {
    type Value = Vec<T>;

    fn parse(&self, text: &str) -> Option<Vec<T>> {
        let mut chain = Vec::new();
        for word in text.split(',') {
            let value = self.0.parse(word.trim())?;
            if chain.contains(&value) {
                return None;
            }
            chain.push(value);
        }
        Some(chain)
    }

    fn default(&self) -> Vec<T> {
        vec![self.0.default()]
    }

    fn default_text(&self) -> Option<String> {
        self.0.default_text()
    }

    fn expected(&self) -> String {
        let words: Vec<_> = self.0.words.iter().map(|(word, _)| *word).collect();
        format!(
            "{}, or several of them in the order in which they stand in for one another, such as {}",
            words.join(" or "),
            words.join(",")
        )
    }
}

/// Terms with commas between them.
pub(in crate::config) struct TermsKind;

impl Kind for TermsKind {
    type Value = Vec<String>;

    fn parse(&self, text: &str) -> Option<Vec<String>> {
        let terms: Vec<_> = text.split(',').map(|term| term.trim().to_owned()).collect();
        terms.iter().all(|term| !term.is_empty()).then_some(terms)
    }

    fn default(&self) -> Vec<String> {
        Vec::new()
    }

    fn default_text(&self) -> Option<String> {
        None
    }

    fn expected(&self) -> String {
        "terms with commas between them, such as Pine Valley,mulligan".to_owned()
    }
}

/// Anything whose text is checked by a function.
pub(in crate::config) struct TextKind<T> {
    default: Option<&'static str>,
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
}

/// A text that is always there.
pub(in crate::config) fn text<T>(
    default: &'static str,
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
) -> TextKind<T> {
    TextKind { default: Some(default), expected, parse }
}

impl<T> Kind for TextKind<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        (self.parse)(text)
    }

    fn default(&self) -> T {
        self.default.and_then(self.parse).expect("the default passes its own check")
    }

    fn default_text(&self) -> Option<String> {
        self.default.map(str::to_owned)
    }

    fn expected(&self) -> String {
        self.expected.to_owned()
    }
}

/// A setting that may be left unset.
pub(in crate::config) struct OptionalKind<K>(K);

pub(in crate::config) fn optional<K: Kind>(kind: K) -> OptionalKind<K> {
    OptionalKind(kind)
}

impl<K: Kind> Kind for OptionalKind<K> {
    type Value = Option<K::Value>;

    fn parse(&self, text: &str) -> Option<Self::Value> {
        self.0.parse(text).map(Some)
    }

    fn default(&self) -> Self::Value {
        None
    }

    fn default_text(&self) -> Option<String> {
        None
    }

    fn expected(&self) -> String {
        self.0.expected()
    }

    fn is_secret(&self) -> bool {
        self.0.is_secret()
    }
}

/// A token or key. It goes into an HTTP header, so it is visible ASCII without spaces.
pub(in crate::config) struct SecretKind;

impl Kind for SecretKind {
    type Value = SecretString;

    fn parse(&self, text: &str) -> Option<SecretString> {
        text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| text.into())
    }

    fn default(&self) -> SecretString {
        SecretString::default()
    }

    fn default_text(&self) -> Option<String> {
        None
    }

    fn expected(&self) -> String {
        "visible ASCII characters without spaces".to_owned()
    }

    fn is_secret(&self) -> bool {
        true
    }
}

/// A folder or file.
pub(in crate::config) fn path(default: &'static str) -> TextKind<PathBuf> {
    text(default, "a path", |text| Some(text.into()))
}

/// An address that other paths are appended to.
pub(in crate::config) struct BaseUrlKind {
    schemes: &'static [&'static str],
    example: &'static str,
}

/// A web server's.
pub(in crate::config) fn base_url(example: &'static str) -> BaseUrlKind {
    BaseUrlKind { schemes: &["http", "https"], example }
}

/// A server's that is dialled for sockets.
pub(in crate::config) fn socket_url(example: &'static str) -> BaseUrlKind {
    BaseUrlKind { schemes: &["ws", "wss", "http", "https"], example }
}

impl Kind for BaseUrlKind {
    type Value = Url;

    fn parse(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let usable = self.schemes.contains(&url.scheme())
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            // A password in a URL ends up in logs; there are settings of their own for secrets.
            && url.username().is_empty()
            && url.password().is_none();
        usable.then_some(url)
    }

    fn default(&self) -> Url {
        self.parse(self.example).expect("the example passes its own check")
    }

    fn default_text(&self) -> Option<String> {
        Some(self.example.to_owned())
    }

    fn expected(&self) -> String {
        format!("an {} URL without user or query, such as {}", self.schemes.join(" or "), self.example)
    }
}

/// Words without a check.
pub(in crate::config) fn words(default: &'static str) -> TextKind<String> {
    text(default, "text", |text| Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_http_and_carry_no_password() {
        let kind = base_url("https://example.com");
        assert!(kind.parse("https://voice.example.com").is_some());
        assert!(kind.parse("http://localhost:11434/v1").is_some());
        for text in [
            "voice.example.com",
            "ftp://example.com",
            "https://a:b@example.com",
            "https://key@example.com",
            "https://x.com?y=1",
            "https://",
        ] {
            assert_eq!(kind.parse(text), None, "{text}");
        }
    }

    #[test]
    fn sockets_may_be_named_by_their_web_address() {
        let kind = socket_url("wss://api.example.com");
        for url in ["ws://127.0.0.1:9/", "wss://api.example.com", "https://api.example.com/v1"] {
            assert!(kind.parse(url).is_some(), "{url}");
        }
        assert_eq!(kind.parse("ftp://api.example.com"), None);
    }

    #[test]
    fn a_chain_names_each_of_its_words_once_and_in_order() {
        let kind = chain("a", &[("a", 1), ("b", 2)]);
        assert_eq!(kind.parse("b, a"), Some(vec![2, 1]));
        assert_eq!(kind.parse("a"), Some(vec![1]));
        for text in ["a,a", "a,", "c", "a b"] {
            assert_eq!(kind.parse(text), None, "{text}");
        }
        assert_eq!(kind.default(), [1]);
    }

    #[test]
    fn secrets_with_spaces_or_line_breaks_are_refused() {
        assert!(SecretKind.parse("sk-abc_123").is_some());
        assert!(SecretKind.parse("two words").is_none());
        assert!(SecretKind.parse("line\nbreak").is_none());
    }
}
