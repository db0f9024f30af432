//! What Deepgram's two services have in common: settings, address, refusals.
//!
//! The words of the recogniser are in [`super::stt::deepgram`], those of the voices in
//! [`super::tts::deepgram`].

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use thiserror::Error;

use super::{VendorError, url};

/// The name of this vendor in the settings.
pub const VENDOR: &str = "deepgram";

/// The shortest [`DeepgramSettings::utterance_end`] that the vendor takes.
pub const UTTERANCE_END_MIN: Duration = Duration::from_secs(1);

/// How to reach Deepgram and what to ask of it.
#[derive(Debug, Clone)]
pub struct DeepgramSettings {
    /// `DEEPGRAM_API_KEY`: sent with every handshake. A server of one's own needs none. Default: none.
    pub api_key: Option<SecretString>,
    /// `DEEPGRAM_URL`: the address before `/v1`; `wss://api.eu.deepgram.com` keeps audio in Europe.
    ///
    /// Default `wss://api.deepgram.com`.
    pub url: String,
    /// `DEEPGRAM_STT_MODEL`: the model that listens. Default `nova-3`.
    pub stt_model: String,
    /// `DEEPGRAM_TTS_MODEL`: the voice of agents that name none of Deepgram's.
    ///
    /// Default `aura-2-thalia-en`.
    pub tts_model: String,
    /// `DEEPGRAM_LANGUAGE`: what callers speak, such as `en-US`, or `multi` for several languages. Default `en`.
    pub language: String,
    /// `DEEPGRAM_ENDPOINTING`: silence after which Deepgram by itself finds an utterance complete.
    ///
    /// Lower answers sooner and splits slow speech more often; zero leaves it to our own pauses. Default
    /// `300ms`, from `0ms` to `5s`.
    pub endpointing: Duration,
    /// `DEEPGRAM_UTTERANCE_END`: the gap after the last word that ends an utterance though noise hides the
    /// silence. `None` leaves it to our own pauses. Default `1s`, from `1s` to `5s`.
    pub utterance_end: Option<Duration>,
    /// `DEEPGRAM_SMART_FORMAT`: writes dates, times and numbers as people do ("8:10") and may hold back
    /// a final for it. Without it only punctuation is set. Default `true`.
    pub smart_format: bool,
    /// `DEEPGRAM_KEYTERMS`: words that callers use and dictionaries lack: names, products. Default: none.
    pub keyterms: Vec<String>,
    /// Further pairs for the query of the recogniser, such as `numerals` and `true`. Default: none.
    pub extra_query: Vec<(String, String)>,
    /// `DEEPGRAM_CONNECT_TIMEOUT`: how long a connection may take. Default `2s`, from `100ms` to `30s`.
    pub connect_timeout: Duration,
    /// After so long without audio the recogniser is told that we are still there. The vendor hangs up
    /// after 10 s. Default `4s`.
    pub keep_alive: Duration,
    /// `DEEPGRAM_FINAL_TIMEOUT`: how long the final transcript may take that a pause asks for. Lower answers
    /// sooner with what is known, higher waits for words that may be missing. Default `1s`, from `200ms` to `5s`.
    pub final_timeout: Duration,
}

impl Default for DeepgramSettings {
    fn default() -> Self {
        Self {
            api_key: None,
            url: "wss://api.deepgram.com".to_owned(),
            stt_model: "nova-3".to_owned(),
            tts_model: "aura-2-thalia-en".to_owned(),
            language: "en".to_owned(),
            endpointing: Duration::from_millis(300),
            utterance_end: Some(UTTERANCE_END_MIN),
            smart_format: true,
            keyterms: Vec::new(),
            extra_query: Vec::new(),
            connect_timeout: Duration::from_secs(2),
            keep_alive: Duration::from_secs(4),
            final_timeout: Duration::from_secs(1),
        }
    }
}

impl DeepgramSettings {
    /// The address before `/v1`, to be dialled.
    pub(super) fn base(&self) -> Result<String, BadUrl> {
        url::websocket_base(&self.url).ok_or_else(|| BadUrl::of(&self.url))
    }

    /// What the handshake carries.
    pub(super) fn headers(&self) -> Vec<(&'static str, SecretString)> {
        let token = |key: &SecretString| ("authorization", format!("Token {}", key.expose_secret()).into());
        self.api_key.iter().map(token).collect()
    }
}

/// [`DeepgramSettings::url`] cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("DEEPGRAM_URL is {url:?}, but must be an address such as wss://api.deepgram.com")]
pub struct BadUrl {
    /// Without a query or a user name, which may hold a key.
    url: String,
}

impl BadUrl {
    fn of(url: &str) -> Self {
        let shown = url.split(['?', '#']).next().unwrap_or_default();
        let shown = shown.rsplit_once('@').map_or_else(|| shown.to_owned(), |(_, host)| format!("***@{host}"));
        Self { url: shown }
    }
}

/// Text of a message, borrowed unless it holds escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    /// The text of a field that may be missing.
    pub(super) fn of(field: Option<&'a Self>) -> &'a str {
        field.map_or("", |text| &text.0)
    }
}

/// What every message holds, and what a failure says of itself.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
}

/// The field in which a failure says in one word what it is; servers differ in its name.
#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    err_code: Option<Text<'a>>,
    #[serde(borrow)]
    variant: Option<Text<'a>>,
}

/// The type of a message; empty where it has none.
pub(super) fn message_type(message: &str) -> Result<Cow<'_, str>, VendorError> {
    // An array would do as well for the parser.
    if !message.trim_start().starts_with('{') {
        return Err(malformed(message));
    }
    let Head { kind } = serde_json::from_str(message).map_err(|_| malformed(message))?;
    Ok(kind.map(|Text(kind)| kind).unwrap_or_default())
}

pub(super) fn malformed(message: &str) -> VendorError {
    VendorError::Malformed { vendor: VENDOR, expected: "a message of deepgram", size_bytes: message.len() }
}

/// What a message of type `Error` means. Only its code passes on: the rest may repeat what was said.
pub(super) fn failure(message: &str, setting: &'static str) -> VendorError {
    let Ok(Failure { code, err_code, variant }) = serde_json::from_str(message) else { return malformed(message) };
    let is_word = |text: &&str| {
        (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    let word = [&code, &err_code, &variant].into_iter().map(|field| Text::of(field.as_ref())).find(is_word);
    match word {
        Some("DATA-0000") => closed(Some(NOT_READABLE), setting),
        word => VendorError::Failed { vendor: VENDOR, kind: word.unwrap_or("error").to_owned() },
    }
}

/// The close code for what the vendor cannot read, its `DATA-0000`.
const NOT_READABLE: u16 = 1008;

/// What it means that the vendor closed a socket.
pub(super) fn closed(code: Option<u16>, setting: &'static str) -> VendorError {
    let lost = |what| VendorError::Disconnected {
        vendor: VENDOR,
        cause: io::Error::new(io::ErrorKind::ConnectionAborted, what),
    };
    match code {
        None => lost("the socket broke off"),
        Some(1000 | 1001) => lost("the socket was closed"),
        // The same words would be refused again.
        Some(status @ NOT_READABLE) => VendorError::Refused { vendor: VENDOR, status, setting },
        Some(code) => VendorError::Failed { vendor: VENDOR, kind: format!("closed with code {code}") },
    }
}

#[cfg(test)]
#[path = "deepgram_tests.rs"]
mod tests;
