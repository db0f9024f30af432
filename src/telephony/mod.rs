//! The carrier's side of a call: who may call, how its audio comes in and goes out.
//!
//! [`twilio`] holds Twilio's words, [`socket`] drives one media socket, [`admission`] counts calls.
//! A call that was let in is handed to the [`CallHost`].
//!
//! Not here: routes and listeners (`http`), what is said in a call (`call` and the pipeline).

pub mod admission;
pub mod after_stream;
pub mod socket;
pub mod tap;
pub mod twilio;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use voice_pipeline::pii::Pii;

use admission::Turned;
use after_stream::AfterStream;
use socket::{MediaLine, SocketSettings};
use twilio::signature::SignatureSettings;

/// How the carrier reaches us and is believed.
#[derive(Debug, Clone)]
pub struct TelephonySettings {
    /// The keys of the carrier's signatures. Without any the gateway is in local mode.
    pub signature: SignatureSettings,
    /// `PUBLIC_URL`: where the carrier finds this gateway, such as `https://gw.example.com`.
    ///
    /// Signatures are checked against it and the media socket's URL is made from it. A path at its
    /// end is one that a proxy strips. Default: taken from the request.
    pub public_url: Option<String>,
    /// `TRUST_PROXY`: believe `X-Forwarded-Proto`, `-Host` and `-Port` where `PUBLIC_URL` is unset.
    ///
    /// Only behind a proxy that sets them itself: anyone else can send them too. Default `false`.
    pub trust_proxy: bool,
    /// `MAX_CALLS`: how many calls may be up at once; the next hears a busy line.
    ///
    /// Higher than the machine can serve makes every caller wait. Default 8, from 1
    /// to 10000.
    pub max_calls: usize,
    /// `STREAM_TOKEN_LIFETIME`: how long after its webhook a call's media socket may arrive.
    ///
    /// Higher keeps the places of callers who hung up early taken for longer. Default `60s`, from
    /// `5s` to `10m`.
    pub stream_token_lifetime: Duration,
    /// How a media socket is watched.
    pub socket: SocketSettings,
}

impl Default for TelephonySettings {
    fn default() -> Self {
        Self {
            signature: SignatureSettings::default(),
            public_url: None,
            trust_proxy: false,
            max_calls: 8,
            stream_token_lifetime: Duration::from_secs(60),
            socket: SocketSettings::default(),
        }
    }
}

/// Who takes calls. The gateway asks it before a call, hands it the call, and tells it the rest.
pub trait CallHost: Send + Sync + 'static {
    /// The agent behind a dialled number. Answered from memory: the carrier waits.
    fn agent_for(&self, called: &str) -> AgentLine;

    /// Why no call can be served yet, in a word for `/readyz`; `None` when all is up.
    fn not_ready(&self) -> Option<&'static str>;

    /// Serves a call. The call is over when the future ends: what is left of its socket is closed,
    /// and its place among the calls is free.
    fn run(&self, call: IncomingCall) -> BoxFuture<'static, ()>;

    /// Something that happens to a call beside its stream.
    fn carrier_event(&self, event: CarrierEvent);
}

/// What has to be known of an agent before a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentLine {
    /// Its name.
    pub name: Arc<str>,
    /// Said by the carrier when too many calls are up.
    pub busy_line: String,
    /// Said by the carrier when the call cannot reach us.
    pub apology: String,
}

/// A call that was let in, its stream running.
#[derive(Debug)]
pub struct IncomingCall {
    /// Its audio and signs, both ways.
    pub line: MediaLine,
    /// Whose call it is.
    pub leg: CallLeg,
    /// Cancelled when the gateway stops without waiting for calls.
    pub cancel: CancellationToken,
    /// What the carrier is to do once the stream is over.
    pub after: AfterStream,
}

/// Whose call it is, as the signed webhook told.
#[derive(Debug, Clone)]
pub struct CallLeg {
    /// The carrier's id of the call.
    pub call_sid: Arc<str>,
    /// The caller's number, a `sip:` address, or a word such as `anonymous`.
    pub from: Pii<String>,
    /// The dialled number.
    pub to: Pii<String>,
    /// The agent that takes it.
    pub agent: Arc<str>,
    /// The query parameters of the webhook's URL, which the operator chose.
    pub parameters: BTreeMap<String, String>,
}

/// What happens to a call beside its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarrierEvent {
    /// The caller heard the busy line instead of an agent.
    TurnedAway {
        /// The call.
        call_sid: String,
        /// Why.
        reason: Turned,
    },
    /// The call changed its state.
    CallStatus {
        /// The call.
        call_sid: String,
        /// `ringing`, `in-progress`, `completed`, `busy`, `failed`, `no-answer`, `canceled`, …
        status: String,
        /// Order of firing; reports may overtake each other.
        sequence: Option<u32>,
        /// Seconds the call lasted, with the last report.
        duration_seconds: Option<u32>,
    },
    /// The call's stream changed its state.
    StreamStatus {
        /// The call.
        call_sid: String,
        /// The stream.
        stream_sid: String,
        /// `stream-started`, `stream-stopped` or `stream-error`.
        event: String,
        /// The carrier's text for an error.
        error: Option<String>,
    },
}
