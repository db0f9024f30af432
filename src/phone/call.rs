//! One call, from dialling to the last callback.
//!
//! [`Phone::dial`] asks the gateway's webhook what to do, runs the TwiML and returns as soon as a
//! media stream is open; or it goes straight to the socket of a stream. From then on one task, owned by the [`LiveCall`], runs the stream and what
//! comes after it. Dropping the `LiveCall` breaks the line.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::Url;
use voice_pipeline::net::websocket::{DialError, Dialed, Dialer, WsLimits};
use voice_pipeline::pii::Pii;
use voice_pipeline::time::CallClock;

use super::carrier::{Sids, random_sid};
use super::events::{EndedBy, PhoneError, PhoneEvent};
use super::line::Line;
use super::live::LiveCall;
use super::stream::{self, Shared, StreamEnd};
use super::twiml::{self, Stream, Verb};
use super::webhook::{Clients, Webhooks};
use super::{PhoneSettings, settings::Faults};

/// Events nobody has taken yet: more than half a minute of a busy call. When it is full the newest
/// are lost and counted.
const EVENTS_CAPACITY: usize = 4_096;

/// TwiML documents one call may run through; more is a redirect loop.
const DOCUMENTS_MAX: usize = 50;

/// The largest message a gateway may send: more than three minutes of audio.
const MESSAGE_MAX_BYTES: usize = 2 * 1024 * 1024;

/// No call lasts longer, whatever the settings say; Twilio's own limit.
const LONGEST_CALL: Duration = Duration::from_secs(24 * 60 * 60);

/// Twilio's number for a callback or webhook that failed.
const HTTP_FAILURE: u32 = 11_200;

/// Makes any number of calls. The machine's certificates are read once for all of them.
#[derive(Clone)]
pub struct Phone {
    dialer: Dialer,
    clients: Clients,
}

impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phone").finish_non_exhaustive()
    }
}

impl Phone {
    /// A phone that has called nobody yet.
    ///
    /// # Errors
    /// This machine's certificates cannot be used.
    pub fn new() -> Result<Self, PhoneError> {
        Ok(Self { dialer: Dialer::new()?, clients: Clients::new()? })
    }

    /// Calls a gateway with a phone for this one call. Returns when the media stream is open.
    ///
    /// # Errors
    /// Says why there is no stream: nobody there, refused, wrong TwiML, or a busy line.
    pub async fn dial(settings: PhoneSettings) -> Result<LiveCall, PhoneError> {
        Self::new()?.call(settings).await
    }

    /// Calls a gateway. Returns when the media stream is open.
    ///
    /// # Errors
    /// As [`Phone::dial`].
    pub async fn call(&self, settings: PhoneSettings) -> Result<LiveCall, PhoneError> {
        let entrance = Entrance::of(&settings)?;
        let sids = Sids::random();
        let webhooks = Webhooks::new(self.clients.for_url(entrance.url()), &settings, &sids);
        let (events, events_rx) = mpsc::channel(EVENTS_CAPACITY);
        let shared = Arc::new(Shared {
            clock: CallClock::start(),
            line: Mutex::new(Line::new(sids.clone(), &settings)),
            progress: watch::Sender::default(),
            events,
            events_lost: AtomicU64::new(0),
            warnings: AtomicU64::new(0),
            hang_up: CancellationToken::new(),
            break_line: CancellationToken::new(),
            deadline: Instant::now() + settings.max_duration.min(LONGEST_CALL),
        });
        let (connected_tx, connected) = oneshot::channel();
        let task = CallTask {
            shared: Arc::clone(&shared),
            settings,
            webhooks,
            dialer: self.dialer.clone(),
            entrance,
            connected: Some(connected_tx),
            said: Vec::new(),
            refusal: None,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run());
        let live = LiveCall::new(sids, shared, events_rx, tasks);
        match connected.await {
            Ok(Ok(())) => Ok(live),
            Ok(Err(error)) => {
                // The callbacks that follow a refused call are part of it.
                live.ended().await;
                Err(error)
            }
            Err(_) => Err(PhoneError::Over(EndedBy::Failure)),
        }
    }
}

/// Where a call begins.
#[derive(Clone)]
enum Entrance {
    /// At the webhook, which says what to do. The end of the call is reported to `status`.
    Webhook { voice: Url, status: Url },
    /// At the socket of a stream; nobody is told of the end.
    Stream(Url),
}

impl Entrance {
    fn of(settings: &PhoneSettings) -> Result<Self, PhoneError> {
        let bad_url = |error: url::ParseError| PhoneError::BadUrl {
            url: settings.webhook_url.clone(),
            problem: error.to_string(),
        };
        let mut url = Url::parse(&settings.webhook_url).map_err(bad_url)?;
        if matches!(url.scheme(), "ws" | "wss") {
            url.set_fragment(None);
            return Ok(Self::Stream(url));
        }
        let status = match &settings.status_url {
            Some(url) => Url::parse(url),
            None => url.join("status"),
        };
        Ok(Self::Webhook { voice: url, status: status.map_err(bad_url)? })
    }

    fn url(&self) -> &Url {
        match self {
            Self::Webhook { voice: url, .. } | Self::Stream(url) => url,
        }
    }
}

/// The task that runs a call.
struct CallTask {
    shared: Arc<Shared>,
    settings: PhoneSettings,
    webhooks: Webhooks,
    dialer: Dialer,
    entrance: Entrance,
    /// Told when the first stream is open, or why there is none.
    connected: Option<oneshot::Sender<Result<(), PhoneError>>>,
    /// What the carrier was told to say.
    said: Vec<String>,
    /// Why the last stream could not be opened.
    refusal: Option<(u32, String)>,
}

/// Goes on with the TwiML, or ends the call.
enum Next {
    GoOn,
    RunDocument(Url),
    End(EndedBy),
}

impl CallTask {
    async fn run(mut self) {
        let result = match self.entrance.clone() {
            Entrance::Webhook { voice, .. } => self.run_documents(voice).await,
            Entrance::Stream(url) => Ok(self.run_stream(&url).await),
        };
        let was_connected = self.connected.is_none();
        let by = match result {
            Ok(by) => {
                let said = std::mem::take(&mut self.said);
                let outcome = match self.refusal.take() {
                    None => PhoneError::NotConnected { said },
                    Some((code, problem)) => PhoneError::StreamRefused { code, problem, said },
                };
                self.settle(Err(outcome));
                by
            }
            Err(error) => {
                if was_connected {
                    self.shared.warn(HTTP_FAILURE, error.to_string());
                }
                self.settle(Err(error));
                EndedBy::Failure
            }
        };
        if let Entrance::Webhook { status: url, .. } = &self.entrance
            && by != EndedBy::BrokenLine
        {
            let status = if was_connected { "completed" } else { "failed" };
            let duration = self.shared.clock.now().since_answer();
            let told = self.webhooks.call_ended(url, status, duration).await;
            self.warn_of_callback(told);
        }
        let at = self.shared.clock.now();
        self.shared.report(PhoneEvent::Ended { at, by });
        self.shared.progress.send_modify(|progress| {
            progress.now = at;
            progress.ended = Some(by);
        });
    }

    /// Goes straight to a stream, as if a TwiML had named it.
    async fn run_stream(&mut self, url: &Url) -> EndedBy {
        let parameters = self.settings.stream_parameters.clone();
        let stream = Stream { url: url.to_string(), name: None, status_callback: None, parameters };
        match self.connect(url, stream).await {
            Next::End(by) => by,
            Next::GoOn | Next::RunDocument(_) => EndedBy::Gateway,
        }
    }

    async fn run_documents(&mut self, mut document: Url) -> Result<EndedBy, PhoneError> {
        let mut status = "ringing";
        for _ in 0..DOCUMENTS_MAX {
            let mut verbs = self.webhooks.twiml(&document, status).await?;
            if status == "ringing" && self.settings.faults.duplicate_webhook {
                verbs = self.webhooks.twiml(&document, status).await?;
            }
            status = "in-progress";
            match self.run_verbs(&document, verbs.into()).await? {
                Next::RunDocument(url) => document = url,
                Next::End(by) => return Ok(by),
                Next::GoOn => return Ok(EndedBy::Gateway),
            }
        }
        let problem = format!("{DOCUMENTS_MAX} TwiML documents lead to each other without an end");
        Err(PhoneError::BadAnswer { url: document.into(), problem })
    }

    async fn run_verbs(&mut self, document: &Url, mut verbs: VecDeque<Verb>) -> Result<Next, PhoneError> {
        while let Some(verb) = verbs.pop_front() {
            let next = match verb {
                Verb::Say { text } => self.announce(text),
                Verb::Play { url } => self.announce(format!("(plays {url})")),
                Verb::Dial { to } => self.announce(format!("(calls {to})")),
                Verb::Pause { seconds } => self.pause(Duration::from_secs(seconds.into())).await,
                Verb::Hangup => Next::End(EndedBy::Gateway),
                Verb::Reject { reason } => {
                    self.said.push(format!("(call rejected: {reason})"));
                    Next::End(EndedBy::Gateway)
                }
                Verb::Redirect { url } => Next::RunDocument(resolve(document, &url)?),
                Verb::Connect { action, stream } => match (self.connect(document, stream).await, action) {
                    (Next::GoOn, Some(action)) => Next::RunDocument(resolve(document, &action)?),
                    (next, _) => next,
                },
            };
            if !matches!(next, Next::GoOn) {
                return Ok(next);
            }
        }
        Ok(Next::GoOn)
    }

    fn announce(&mut self, text: String) -> Next {
        let at = self.shared.clock.now();
        self.said.push(text.clone());
        self.shared.report(PhoneEvent::CarrierSaid { at, text: Pii::new(text) });
        Next::GoOn
    }

    async fn pause(&self, length: Duration) -> Next {
        tokio::select! {
            () = self.shared.hang_up.cancelled() => Next::End(EndedBy::Caller),
            () = self.shared.break_line.cancelled() => Next::End(EndedBy::BrokenLine),
            () = tokio::time::sleep_until(self.shared.deadline) => Next::End(EndedBy::TimeLimit),
            () = sleep(length) => Next::GoOn,
        }
    }

    /// Opens the stream and runs it to its end.
    async fn connect(&mut self, document: &Url, stream: Stream) -> Next {
        let stream_sid = random_sid("MZ");
        let callback = stream.status_callback.as_ref().and_then(|url| document.join(url).ok());
        let dialed = match self.open(document, &stream.url).await {
            Ok(dialed) => dialed,
            Err((code, problem)) => {
                let error = format!("{code}: {problem}");
                self.tell_stream(&callback, "stream-error", &stream_sid, &stream, Some(&error)).await;
                self.shared.warn(code, problem.clone());
                self.refusal = Some((code, problem));
                return Next::GoOn;
            }
        };
        self.settle(Ok(()));
        let faults = self.settings.faults.clone();
        let parameters = faults.parameters.as_ref().unwrap_or(&stream.parameters);
        let Dialed { reader, writer, .. } = dialed;
        let run = stream::run(reader, writer, &self.shared, stream_sid.clone(), parameters, &faults);
        let started = self.tell_stream(&callback, "stream-started", &stream_sid, &stream, None);
        let (end, ()) = tokio::join!(Box::pin(run), started);
        if end == StreamEnd::Broken {
            return Next::End(EndedBy::BrokenLine);
        }
        if let StreamEnd::Failed { code, problem } = &end {
            self.shared.warn(*code, problem.clone());
        }
        self.tell_stream(&callback, "stream-stopped", &stream_sid, &stream, None).await;
        match end {
            StreamEnd::HungUp => Next::End(EndedBy::Caller),
            StreamEnd::TimeLimit => Next::End(EndedBy::TimeLimit),
            StreamEnd::Broken => Next::End(EndedBy::BrokenLine),
            StreamEnd::GatewayClosed | StreamEnd::Failed { .. } => Next::GoOn,
        }
    }

    async fn open(&self, document: &Url, written: &str) -> Result<Dialed, (u32, String)> {
        let url = match &self.entrance {
            Entrance::Stream(url) => url.clone(),
            Entrance::Webhook { .. } => {
                let plain_allowed = self.settings.plain_stream_on_loopback;
                twiml::stream_url(document, written, plain_allowed).map_err(|problem| (31_922, problem))?
            }
        };
        let Faults { slash_in_stream_signature, .. } = self.settings.faults;
        let signed = if slash_in_stream_signature { format!("{url}/") } else { url.to_string() };
        let mut headers = vec![(HeaderName::from_static("user-agent"), HeaderValue::from_static("Twilio.TmeWs/1.0"))];
        if let Some(signature) = self.webhooks.handshake_signature(&signed) {
            let value = HeaderValue::from_str(&signature).expect("base64 is a legal header");
            headers.push((HeaderName::from_static("x-twilio-signature"), value));
        }
        let limits = WsLimits { max_message_bytes: MESSAGE_MAX_BYTES, ..WsLimits::default() };
        let limit = self.settings.answer_timeout;
        let dialing = self.dialer.dial(url.as_str(), &headers, limit, &limits);
        Box::pin(dialing).await.map_err(|error| (error_number(&error), error.to_string()))
    }

    async fn tell_stream(
        &self,
        callback: &Option<Url>,
        event: &str,
        stream_sid: &str,
        stream: &Stream,
        error: Option<&str>,
    ) {
        if let Some(url) = callback {
            let name = stream.name.as_deref();
            let told = self.webhooks.stream_status(url, event, stream_sid, name, error).await;
            self.warn_of_callback(told);
        }
    }

    fn warn_of_callback(&self, told: Result<(), String>) {
        if let Err(problem) = told {
            self.shared.warn(HTTP_FAILURE, problem);
        }
    }

    fn settle(&mut self, outcome: Result<(), PhoneError>) {
        if let Some(connected) = self.connected.take() {
            // Whoever dialled may have stopped waiting.
            let _ = connected.send(outcome);
        }
    }
}

fn resolve(document: &Url, written: &str) -> Result<Url, PhoneError> {
    document.join(written).map_err(|error| PhoneError::BadUrl { url: written.into(), problem: error.to_string() })
}

/// Twilio's number for a stream that could not be opened.
fn error_number(error: &DialError) -> u32 {
    match error {
        DialError::TimedOut { .. } => 31_901,
        DialError::Unreachable { .. } => 31_902,
        DialError::Tls { .. } => 31_910,
        DialError::BadUrl { .. } => 31_922,
        DialError::Refused { .. } | DialError::BadHandshake { .. } | DialError::Lost { .. } => 31_920,
    }
}
