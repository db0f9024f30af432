//! Asks a server of chat completions over HTTP.
//!
//! [`ChatCompletions`] is built once and shared by all calls; its connections are pooled. An answer
//! is a stream that owns its connection: dropping it is the cancel, and most servers stop writing
//! (and billing) then.
//!
//! What always holds:
//! - no token within the first-token limit, or no further token within the idle limit, is an error;
//!   comments that keep a connection alive count for neither;
//! - the same request is made again at most once, and only if nothing of the answer was handed out;
//! - text is handed out as it arrives, tool calls when the model has finished or its answer broke off.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::pool::Pool;
use super::{ClientError, address, client, read_up_to, vendor_error};
use crate::net::sse::{DEFAULT_MAX_EVENT_BYTES, Event, SseError, events};
use crate::vendors::VendorError;
use crate::vendors::llm::chat_completions::{Answer, ChatCompletionsSettings, VENDOR, failure, request};
use crate::vendors::llm::{Llm, LlmEvent, LlmRequest};

/// The most that is read of a refusal.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// The most that is read of an answer that is one document.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// How long the end of a stream is waited for after the model has finished. Reading it keeps the
/// connection for the next turn.
const TAIL_TIMEOUT: Duration = Duration::from_millis(300);

/// A caller is waiting: a server that wants a longer pause than this is as good as down.
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Tool calls whose extra content is remembered, over all calls on the line. The oldest are
/// forgotten; a conversation has a handful.
const REMEMBERED_EXTRA_CONTENT: usize = 1024;

/// A language model behind an HTTP server of chat completions.
#[derive(Debug, Clone)]
pub struct ChatCompletions {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: ChatCompletionsSettings,
    client: Client,
    completions: Url,
    models: Url,
    headers: HeaderMap,
    /// By tool call id: what the server wants to see again beside the call, such as Gemini's
    /// thought signatures.
    extra_content: Mutex<VecDeque<(String, Value)>>,
    pool: Mutex<Pool>,
}

impl ChatCompletions {
    /// Prepares a client; nothing is sent yet.
    pub fn new(settings: ChatCompletionsSettings) -> Result<Self, ClientError> {
        let base = address(&settings.base_url)?;
        let below = |segments: &[&str]| {
            let mut url = base.clone();
            if let Ok(mut path) = url.path_segments_mut() {
                path.pop_if_empty().extend(segments);
            }
            url
        };
        let shared = Shared {
            client: client(&base, settings.connect_timeout)?,
            completions: below(&["chat", "completions"]),
            models: below(&["models"]),
            headers: headers(&settings)?,
            settings,
            extra_content: Mutex::default(),
            pool: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Opens a connection, so that the first caller does not wait for it, and finds out early
    /// whether the server is there and takes the key.
    pub async fn warm(&self) -> Result<(), VendorError> {
        let Shared { settings, client, models, headers, .. } = &*self.shared;
        let exchange = async {
            let mut response = client.get(models.clone()).headers(headers.clone()).send().await?;
            let refused = matches!(response.status().as_u16(), 401 | 403);
            // Only a body that was read to its end gives its connection back.
            let (body, _) = read_up_to(&mut response, MAX_DOCUMENT_BYTES).await?;
            Ok(refused.then(|| refusal(&response, &body)))
        };
        let limit = settings.connect_timeout + settings.first_token_timeout;
        let answered = tokio::time::timeout(limit, exchange).await;
        let answered = answered.map_err(|_| timed_out("answer", limit))?;
        let answered = answered.map_err(|error| self.shared.broken(error))?;
        self.shared.pool().given_back(Instant::now());
        match answered {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }
}

impl Llm for ChatCompletions {
    fn name(&self) -> &'static str {
        self.shared.settings.name
    }

    fn answer(&self, request: LlmRequest) -> BoxStream<'static, Result<LlmEvent, VendorError>> {
        let shared = Arc::clone(&self.shared);
        let body = request::body(&shared.settings, &request, |id| shared.extra_content(id));
        let answering = Answering {
            body: Bytes::from(body.to_string()),
            may_retry: shared.settings.asks_again,
            shared,
            stage: Stage::Connecting,
            ready: VecDeque::new(),
            failure: None,
        };
        stream::unfold(answering, |mut answering| async move { answering.next().await.map(|event| (event, answering)) })
            .boxed()
    }

    fn prepare(&self) -> BoxFuture<'static, ()> {
        let line = self.clone();
        async move {
            if line.shared.pool().wants_connection(Instant::now()) {
                // Why there is none is told when an answer is wanted.
                let _ = line.warm().await;
            }
        }
        .boxed()
    }
}

/// One answer in the making.
struct Answering {
    shared: Arc<Shared>,
    body: Bytes,
    stage: Stage,
    may_retry: bool,
    ready: VecDeque<LlmEvent>,
    failure: Option<VendorError>,
}

enum Stage {
    Connecting,
    Reading(Box<Reading>),
    Ended,
}

impl Answering {
    async fn next(&mut self) -> Option<Result<LlmEvent, VendorError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.may_retry = false;
                return Some(Ok(event));
            }
            if let Some(failure) = self.failure.take() {
                self.stage = Stage::Ended;
                if !self.retries(&failure).await {
                    return Some(Err(failure));
                }
                self.stage = Stage::Connecting;
            }
            let mut out = Vec::new();
            let step = match &mut self.stage {
                Stage::Ended => return None,
                Stage::Connecting => self.shared.connect(&self.body, &mut out).await,
                Stage::Reading(reading) => match reading.step(&self.shared, &mut out).await {
                    Ok(true) => Ok(Stage::Ended),
                    Ok(false) => {
                        self.ready.extend(out);
                        continue;
                    }
                    Err(failure) => Err(failure),
                },
            };
            self.ready.extend(out);
            match step {
                Ok(stage) => self.stage = stage,
                Err(failure) => self.failure = Some(failure),
            }
        }
    }

    /// Whether to make the request again; waits as long as the failure advises.
    async fn retries(&mut self, failure: &VendorError) -> bool {
        let delay = match failure {
            VendorError::Busy { retry_after: Some(delay), .. } => *delay,
            VendorError::Disconnected { .. } | VendorError::TimedOut { .. } => Duration::ZERO,
            _ => Duration::from_millis(rand::random_range(100..300)),
        };
        let retries =
            std::mem::replace(&mut self.may_retry, false) && failure.is_retryable() && delay <= LONGEST_RETRY_DELAY;
        if retries {
            tracing::debug!(vendor = VENDOR, kind = failure.kind(), "asking once more");
            sleep(delay).await;
        }
        retries
    }
}

/// The body of an answer while it arrives.
struct Reading {
    events: BoxStream<'static, Result<Event, SseError<reqwest::Error>>>,
    answer: Answer,
    deadline: Instant,
}

impl Reading {
    /// Takes the next event; true when the answer is over. Of one that breaks off, what counts is handed out
    /// before the error.
    async fn step(&mut self, shared: &Shared, out: &mut Vec<LlmEvent>) -> Result<bool, VendorError> {
        let step = self.take_event(shared, out).await;
        if step.is_err() {
            self.answer.handle_break(out);
            shared.remember(self.answer.take_extra_content());
        }
        step
    }

    async fn take_event(&mut self, shared: &Shared, out: &mut Vec<LlmEvent>) -> Result<bool, VendorError> {
        let (tokens, finished) = (self.answer.tokens(), self.answer.has_finished());
        let arrived = timeout_at(self.deadline, self.events.next()).await;
        match arrived {
            Ok(Some(Ok(event))) => self.answer.handle_data(&event.data, out)?,
            Ok(None) => self.answer.handle_end(out)?,
            _ if finished => self.answer.handle_end(out)?,
            Ok(Some(Err(error))) => return Err(shared.not_events(error)),
            Err(_) if tokens == 0 => {
                return Err(timed_out("first token", shared.settings.first_token_timeout));
            }
            Err(_) => return Err(timed_out("next token", shared.settings.idle_timeout)),
        }
        shared.remember(self.answer.take_extra_content());
        if self.answer.has_finished() && !finished {
            self.deadline = Instant::now() + TAIL_TIMEOUT;
        } else if self.answer.tokens() > tokens {
            self.deadline = Instant::now() + shared.settings.idle_timeout;
        }
        if let Some(usage) = self.answer.usage().filter(|_| self.answer.is_over()) {
            tracing::debug!(vendor = VENDOR, ?usage, "answered");
        }
        if self.answer.is_over() {
            shared.pool().given_back(Instant::now());
        }
        Ok(self.answer.is_over())
    }
}

impl Shared {
    /// Sends the request and reads the head of the answer.
    async fn connect(&self, body: &Bytes, out: &mut Vec<LlmEvent>) -> Result<Stage, VendorError> {
        let limit = self.settings.first_token_timeout;
        let now = Instant::now();
        let deadline = now + limit;
        self.pool().taken(now);
        let request = self.client.post(self.completions.clone()).headers(self.headers.clone());
        let late = |_| timed_out("first token", limit);
        let sent = timeout_at(deadline, request.body(body.clone()).send()).await.map_err(late)?;
        let mut response = sent.map_err(|error| self.broken(error))?;
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_document = content_type.is_some_and(|value| value.contains("json"));
        if response.status().is_success() && !is_document {
            let events = events(response.bytes_stream(), DEFAULT_MAX_EVENT_BYTES).boxed();
            let answer = Answer::default();
            return Ok(Stage::Reading(Box::new(Reading { events, answer, deadline })));
        }
        let limit_bytes = if is_document { MAX_DOCUMENT_BYTES } else { MAX_REFUSAL_BYTES };
        let read = timeout_at(deadline, read_up_to(&mut response, limit_bytes)).await.map_err(late)?;
        let (body, _) = read.map_err(|error| self.broken(error))?;
        if !response.status().is_success() {
            return Err(refusal(&response, &body));
        }
        let mut answer = Answer::default();
        answer.handle_document(&body, out)?;
        self.remember(answer.take_extra_content());
        self.pool().given_back(Instant::now());
        Ok(Stage::Ended)
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self, error: reqwest::Error) -> VendorError {
        vendor_error(VENDOR, self.settings.connect_timeout, error)
    }

    fn not_events(&self, error: SseError<reqwest::Error>) -> VendorError {
        let size_bytes = match error {
            SseError::Transport(error) => return self.broken(error),
            SseError::TooLarge { max_event_bytes } => max_event_bytes,
            SseError::NotEvents => 0,
        };
        VendorError::Malformed { vendor: VENDOR, expected: "server-sent events", size_bytes }
    }

    fn extra_content(&self, id: &str) -> Option<Value> {
        let remembered = self.extra_content.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.iter().rev().find(|(of, _)| of == id).map(|(_, extra)| extra.clone())
    }

    fn remember(&self, extra_content: Vec<(String, Value)>) {
        let mut remembered = self.extra_content.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.extend(extra_content);
        let surplus = remembered.len().saturating_sub(REMEMBERED_EXTRA_CONTENT);
        remembered.drain(..surplus);
    }
}

fn refusal(response: &Response, body: &[u8]) -> VendorError {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    failure::in_response(response.status().as_u16(), header, body, jiff::Timestamp::now())
}

fn timed_out(awaited: &'static str, limit: Duration) -> VendorError {
    VendorError::TimedOut { vendor: VENDOR, awaited, limit }
}

fn headers(settings: &ChatCompletionsSettings) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    // Compressing a stream makes servers and proxies hold tokens back.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let key = settings.api_key.iter().map(|key| {
        let bearer = format!("Bearer {}", key.expose_secret());
        (AUTHORIZATION.as_str(), bearer)
    });
    let extra = settings.extra_headers.iter();
    let extra = extra.map(|(name, value)| (name.as_str(), value.expose_secret().to_owned()));
    for (name, value) in key.chain(extra) {
        let wrong = || ClientError::Header { name: name.to_owned() };
        let header = HeaderName::try_from(name).map_err(|_| wrong())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}
