//! Where the gateway listens, whose calls it answers, and what its agents work with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::config::declare::settings;
use crate::config::kinds::{
    SecretKind, account_tokens, base_url, bytes, duration, flag, loopback, ms, number, optional, path, secs,
    shared_keys, whole_seconds, words,
};

settings! {
    /// Where the gateway listens, how many calls it takes and how it stops.
    "Server" ServerSettings {
        /// Address of the carrier's routes, `/healthz` and `/readyz`. Nothing for operators answers here.
        "LISTEN_ADDR" listen: SocketAddr = loopback(8080),
        /// Address of `/metrics` and everything else for operators. Keep it off the internet.
        "ADMIN_ADDR" admin: SocketAddr = loopback(8081),
        /// The URL under which the carrier reaches `LISTEN_ADDR`. Webhook signatures are checked
        /// against it and stream URLs are built from it.
        "PUBLIC_URL" public_url: Option<Url> = optional(base_url("https://voice.example.com")),
        /// Whether `X-Forwarded-Proto` and `X-Forwarded-Host` are believed when `PUBLIC_URL` is unset.
        /// Only behind a proxy that sets them itself: otherwise a caller of the webhook chooses them.
        "TRUST_PROXY" trust_proxy: bool = flag(false),
        /// Calls at the same time. Lower turns callers away earlier; higher makes every answer slower
        /// once the local engines have no core left.
        /// Unset: 8 for each core where `STT_VENDOR` or `TTS_VENDOR` names the local engines, else 200. So many
        /// were measured to keep the slowest of twenty answers below one and a half times what one call alone takes
        /// (docs/ENGINES.md, which also says how to measure it on a machine).
        "MAX_CALLS" chosen_max_calls: Option<u32> = optional(number(8, 1..=10_000)),
        /// How long running calls may go on after the signal to stop. Lower ends calls in mid-sentence;
        /// higher delays a release. The container runtime must wait longer than this.
        "DRAIN_SECONDS" drain: Duration = whole_seconds(600, 0..=86_400),
    }
}

/// Calls with local speech that a core carries before their answers come late: with more, the 95th percentile of
/// the time to the first audio is above one and a half times that of one call.
/// `cargo run --release -p voice-engines --example measure` says what it is on a machine.
const LOCAL_CALLS_PER_CORE: u32 = 8;

/// Calls whose speech passes through sockets; one core carries more.
const REMOTE_CALLS: u32 = 200;

impl ServerSettings {
    /// `MAX_CALLS` where it is unset.
    pub(in crate::config) fn default_max_calls(speech_is_local: bool, cores: usize) -> u32 {
        if speech_is_local {
            u32::try_from(cores).unwrap_or(u32::MAX).saturating_mul(LOCAL_CALLS_PER_CORE)
        } else {
            REMOTE_CALLS
        }
    }
}

settings! {
    /// The account whose calls are answered.
    "Twilio" TwilioSettings {
        /// The account's auth token: checks that webhooks come from Twilio. Without it the Twilio
        /// routes answer only this machine.
        "TWILIO_AUTH_TOKEN" auth_token: Option<SecretString> = optional(SecretKind),
        /// Whether a webhook whose signature is wrong is checked once more without `CallToken` and
        /// `StirVerstat`, which some accounts are said to add after signing. Both are then untrusted.
        "TWILIO_SKIP_UNSIGNED_FIELDS" skip_unsigned_fields: bool = flag(false),
        /// Auth tokens of sub-accounts, which sign with their own, by account SID. Accounts that are not
        /// listed are checked with `TWILIO_AUTH_TOKEN`.
        "TWILIO_ACCOUNT_TOKENS" account_tokens: BTreeMap<String, SecretString> = account_tokens(),
        /// Secrets of the shared keys that sign with SHA-256, by key id. A webhook that names a key which
        /// is not listed is refused.
        "TWILIO_SHARED_KEYS" shared_keys: BTreeMap<String, SecretString> = shared_keys(),
    }
}

impl TwilioSettings {
    /// Whether any webhook's signature can be checked.
    pub fn has_keys(&self) -> bool {
        self.auth_token.is_some() || !self.account_tokens.is_empty() || !self.shared_keys.is_empty()
    }
}

settings! {
    /// How the sockets that carry the calls' audio are watched.
    "Media sockets" MediaSettings {
        /// How long after its webhook a call's media socket may arrive. Lower refuses slow carriers;
        /// higher keeps the places of callers who hung up early taken for longer.
        "STREAM_TOKEN_LIFETIME" token_lifetime: Duration = duration(secs(60), secs(5)..=secs(600)),
        /// How long a new socket may take to send an acceptable `start`. Lower refuses slow networks;
        /// higher lets strangers hold sockets open for longer.
        "MEDIA_START_TIMEOUT" start_timeout: Duration = duration(secs(5), secs(1)..=secs(30)),
        /// How long a stream may send no audio before the call counts as gone; silence is audio too.
        /// Lower ends calls on a stumbling network; higher keeps dead calls.
        "MEDIA_TIMEOUT" media_timeout: Duration = duration(secs(15), secs(2)..=secs(300)),
        /// How often a ping keeps idle proxies from cutting the socket. Lower sends more of them; higher
        /// is cut by impatient proxies.
        "MEDIA_PING_INTERVAL" ping_interval: Duration = duration(secs(20), secs(5)..=secs(300)),
        /// How many messages in a row may be unreadable before the call ends. Lower ends calls over
        /// small faults; higher bears a carrier that talks nonsense.
        "MEDIA_MAX_MALFORMED" max_malformed: u32 = number(50, 1..=10_000),
        /// Largest message a carrier may send; Twilio's are about 400 bytes. Higher lets strangers
        /// occupy more memory.
        "MEDIA_MAX_MESSAGE_BYTES" max_message_bytes: usize = bytes(64 << 10, 4 << 10..=1 << 20),
    }
}

settings! {
    /// What the agent says and which service its tools call.
    "Agent and tools" AgentSettings {
        /// Folder with one folder per agent. Unset: `prompts` in the working directory if it is there,
        /// else the golf agent that is built in.
        "PROMPTS_DIR" prompts_dir: Option<PathBuf> = optional(path("prompts")),
        /// The agent that answers numbers no agent lists. Unset: the first by name.
        "AGENT_DEFAULT" default_agent: Option<String> = optional(words("golf")),
        /// Service that the tools call. Unset: the built-in golf backend is started in the process.
        "BACKEND_BASE_URL" backend_base_url: Option<Url> = optional(base_url("http://127.0.0.1:8090")),
        /// Sent to that service as a bearer token.
        "BACKEND_TOKEN" backend_token: Option<SecretString> = optional(SecretKind),
        /// How long a connection to it may take. Lower notices a dead service sooner; higher bears a far
        /// one.
        "BACKEND_CONNECT_TIMEOUT" backend_connect_timeout: Duration = duration(secs(2), ms(100)..=secs(30)),
        /// Longest tool result the model is given; the rest is cut with a note. Lower loses content;
        /// higher makes the model slower and dearer.
        "TOOL_RESULT_MAX" tool_result_max_bytes: usize = bytes(16 << 10, 1 << 10..=1 << 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_speech_gets_so_many_calls_a_core() {
        let default = ServerSettings::default_max_calls;
        assert_eq!([1, 2, 16].map(|cores| default(true, cores)), [8, 16, 128]);
        assert_eq!([1, 64].map(|cores| default(false, cores)), [200, 200]);
        assert_eq!(default(true, usize::MAX), u32::MAX);
    }

    #[test]
    fn the_manual_names_the_calls_of_a_core() {
        let manual = crate::config::settings_markdown();
        assert!(manual.contains(&format!("Unset: {LOCAL_CALLS_PER_CORE} for each core")));
        assert!(manual.contains(&format!("else {REMOTE_CALLS}.")));
    }
}
