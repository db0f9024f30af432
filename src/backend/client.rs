//! Carries a tool's call to the backend: one request, tried again where that can help.
//!
//! A try is repeated after a connection that failed or broke, after 429 and after 5xx, with growing
//! pauses of random length, at most as often as the tool says and never beyond its time. A
//! `Retry-After` is honoured if the tool's time allows. A call that changes something is repeated
//! just the same, since the backend knows it again by its `Idempotency-Key`. A try that runs out of
//! the tool's time is not repeated, nor is any other refusal.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Zoned;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout_at};
use voice_pipeline::net::http::{ClientError, address, client, read_up_to};
use voice_pipeline::tools::ToolOutcome;

use super::arguments::{self, Fitting};
use super::outcome::{self, Answer, NoAnswer};
use crate::agent::Tool;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const CALL_ID: &str = "x-call-id";

/// Pauses between tries are drawn between nothing and these, doubling from one try to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Where the tools' calls go.
#[derive(Debug, Clone)]
pub struct BackendSettings {
    /// `BACKEND_BASE_URL`: the address before the paths of the tools. Default: the demo backend in
    /// the process.
    pub base_url: String,
    /// `BACKEND_TOKEN`: sent as a bearer token. Default: none.
    pub token: Option<SecretString>,
    /// `BACKEND_CONNECT_TIMEOUT`: how long a connection may take. Lower notices a dead backend
    /// sooner, higher bears a far one. Default `2s`, from `100ms` to `30s`.
    pub connect_timeout: Duration,
    /// `TOOL_RESULT_MAX`: the longest result that a model gets to read; the rest is cut with a note.
    /// Lower loses content, higher makes the model slower. Default `16KiB`, from `1KiB` to `1MiB`.
    pub result_max_bytes: usize,
}

impl BackendSettings {
    /// Settings for the backend at this address, without a token.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            token: None,
            connect_timeout: Duration::from_secs(2),
            result_max_bytes: 16 * 1024,
        }
    }
}

/// The way to the backend, shared by all calls.
#[derive(Debug)]
pub struct BackendClient {
    client: Client,
    base: Url,
    headers: HeaderMap,
    result_max_bytes: usize,
}

/// What one try came to.
enum Tried {
    Answered { answer: Answer, retry_after: Option<Duration> },
    Failed(NoAnswer),
}

/// A request that can be made any number of times.
struct Request<'a> {
    tool: &'a Tool,
    url: Url,
    body: Option<Value>,
    headers: HeaderMap,
}

impl BackendClient {
    /// Prepares the way; nothing is sent yet.
    pub fn new(settings: &BackendSettings) -> Result<Self, ClientError> {
        let base = address(&settings.base_url)?;
        if base.query().is_some() || base.fragment().is_some() {
            return Err(ClientError::Address { url: settings.base_url.clone() });
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = &settings.token {
            let bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
            let mut bearer = bearer.map_err(|_| ClientError::Header { name: AUTHORIZATION.to_string() })?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        Ok(Self {
            client: client(&base, settings.connect_timeout)?,
            base,
            headers,
            result_max_bytes: settings.result_max_bytes,
        })
    }

    /// Reads and checks the arguments and makes the call. `now` is the time where the agent works.
    pub(super) async fn call(
        &self,
        tool: &Tool,
        arguments: &str,
        now: &Zoned,
        (call_id, idempotency_key): (&str, &str),
    ) -> ToolOutcome {
        let request = arguments::read(tool, arguments, now).and_then(|Fitting { arguments, normalised }| {
            Ok((self.request(tool, &arguments, call_id, idempotency_key)?, normalised))
        });
        let (request, normalised) = match request {
            Ok(request) => request,
            Err(faults) => return outcome::invalid_arguments(&faults),
        };
        let outcome = match self.exchange(&request).await {
            Tried::Answered { answer, .. } => outcome::answered(&answer),
            Tried::Failed(why) => outcome::no_answer(why, tool.side_effect),
        };
        ToolOutcome { normalised, ..outcome }
    }

    fn request<'a>(
        &self,
        tool: &'a Tool,
        arguments: &Map<String, Value>,
        call_id: &str,
        idempotency_key: &str,
    ) -> Result<Request<'a>, String> {
        let path = tool.render_path(arguments).map_err(|error| error.to_string())?;
        let body = tool.render_body(arguments).map_err(|error| error.to_string())?;
        let url = Url::parse(&format!("{}{path}", self.base.as_str().trim_end_matches('/')));
        let is_inside = |url: &Url| {
            url.origin() == self.base.origin() && url.path().starts_with(self.base.path().trim_end_matches('/'))
        };
        let url = url.ok().filter(is_inside).ok_or("the arguments do not make an address")?;
        let mut headers = self.headers.clone();
        for (name, value) in [(IDEMPOTENCY_KEY, idempotency_key), (CALL_ID, call_id)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        Ok(Request { tool, url, body, headers })
    }

    async fn exchange(&self, request: &Request<'_>) -> Tried {
        let deadline = Instant::now() + request.tool.timeout;
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(request.tool.retries)
            .build();
        let mut broke = false;
        loop {
            let tried = timeout_at(deadline, self.try_once(request)).await;
            let tried = match tried.unwrap_or(Tried::Failed(NoAnswer::TimedOut)) {
                // An earlier try may have done its work before its connection broke.
                Tried::Failed(NoAnswer::Unreachable) if broke => Tried::Failed(NoAnswer::Broken),
                tried => tried,
            };
            broke |= matches!(tried, Tried::Failed(NoAnswer::Broken));
            let Some(longest) = pauses.next().filter(|_| tried.may_be_repeated()) else { return tried };
            let pause = tried.retry_after().unwrap_or_else(|| longest.mul_f64(rand::random()));
            // What is known now is worth more than a try that would come too late.
            if Instant::now() + pause >= deadline {
                return tried;
            }
            sleep(pause).await;
        }
    }

    async fn try_once(&self, request: &Request<'_>) -> Tried {
        let builder = self.client.request(request.tool.method.clone(), request.url.clone());
        let builder = builder.headers(request.headers.clone());
        let builder = match &request.body {
            Some(body) => builder.json(body),
            None => builder,
        };
        let exchange = async {
            let mut response = builder.send().await?;
            let (body, cut) = read_up_to(&mut response, self.result_max_bytes).await?;
            let answer = Answer { status: response.status().as_u16(), body, cut };
            Ok::<_, reqwest::Error>(Tried::Answered { answer, retry_after: retry_after(&response) })
        };
        exchange.await.unwrap_or_else(|error| {
            Tried::Failed(if error.is_connect() { NoAnswer::Unreachable } else { NoAnswer::Broken })
        })
    }
}

impl Tried {
    fn may_be_repeated(&self) -> bool {
        match self {
            Self::Answered { answer, .. } => matches!(answer.status, 429 | 500..=599),
            Self::Failed(why) => *why != NoAnswer::TimedOut,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered { retry_after, .. } => *retry_after,
            Self::Failed(_) => None,
        }
    }
}

/// Seconds only: a date needs clocks that agree, and a tool's time is short.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds: u64 = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
