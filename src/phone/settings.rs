//! Whom to call, as whom, and what to do wrong on purpose.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

use super::caller::Chopping;

/// One call.
#[derive(Debug, Clone)]
pub struct PhoneSettings {
    /// The gateway's voice webhook, or the socket of a media stream itself (`ws://`, `wss://`), to which the
    /// call then goes without asking for TwiML and without callbacks.
    ///
    /// Default `http://127.0.0.1:8080/twilio/voice`.
    pub webhook_url: String,
    /// Handed over in `start` by a call that goes straight to a socket; else the TwiML's are. Default none.
    pub stream_parameters: BTreeMap<String, String>,
    /// Signs webhooks and the WebSocket handshake. Default none: unsigned, which a gateway takes
    /// only in its local mode.
    pub auth_token: Option<SecretString>,
    /// The caller's number. Default `+15550100001`.
    pub from: String,
    /// The number called. Default `+15550100000`.
    pub to: String,
    /// Where the end of the call is reported. Default: the webhook URL with its last path segment
    /// replaced by `status`.
    pub status_url: Option<String>,
    /// Whether a plain `ws` stream on a loopback address is taken, which Twilio would refuse with
    /// error 31922. Default true.
    pub plain_stream_on_loopback: bool,
    /// How long the agent must be silent, with nothing left to play, until it counts as finished.
    /// Lower makes the caller answer sooner and talk into the agent's pauses. Default `700ms`.
    pub agent_finished_after: Duration,
    /// The call is hung up after this long. Default `10min`, at most a day.
    pub max_duration: Duration,
    /// How long the gateway may take to answer a webhook or a WebSocket handshake. Default `15s`,
    /// Twilio's hard limit.
    pub answer_timeout: Duration,
    /// What to do wrong. Default nothing.
    pub faults: Faults,
}

impl Default for PhoneSettings {
    fn default() -> Self {
        Self {
            webhook_url: "http://127.0.0.1:8080/twilio/voice".into(),
            stream_parameters: BTreeMap::new(),
            auth_token: None,
            from: "+15550100001".into(),
            to: "+15550100000".into(),
            status_url: None,
            plain_stream_on_loopback: true,
            agent_finished_after: Duration::from_millis(700),
            max_duration: Duration::from_secs(600),
            answer_timeout: Duration::from_secs(15),
            faults: Faults::default(),
        }
    }
}

/// What a bad network, a strange carrier or an attacker does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Odd message sizes and bunches.
    pub chopping: Chopping,
    /// Waits this long between `connected` and `start`.
    pub start_delay: Duration,
    /// Never reads what the gateway sends.
    pub never_read: bool,
    /// Sends the voice webhook twice with the same `CallSid` and uses the second answer.
    pub duplicate_webhook: bool,
    /// Sends an event nobody knows after `connected` and after every second of media, and a field
    /// nobody knows in every message. A gateway ignores both.
    pub unknown_messages: bool,
    /// Signs the WebSocket URL with a slash at its end, as the vendor sometimes does.
    pub slash_in_stream_signature: bool,
    /// Sends `stop` twice.
    pub stop_twice: bool,
    /// Sends these as the stream's parameters instead of the TwiML's.
    pub parameters: Option<BTreeMap<String, String>>,
}
