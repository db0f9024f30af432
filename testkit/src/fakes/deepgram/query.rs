//! What a client asks for in the query of its URL.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use url::form_urlencoded;

use super::sound::Encoding;
use super::{Endpointing, Refusal, Route};

const LISTEN_MODEL: &str = "nova-3";
const SPEAK_MODEL: &str = "aura-asteria-en";
const ENDPOINTING_DEFAULT: Duration = Duration::from_millis(10);
const UTTERANCE_END_MIN: Duration = Duration::from_millis(1_000);

/// How a recogniser's socket is to listen.
pub(super) struct ListenQuery {
    pub(super) model: String,
    /// `None` where it was not said, or is nothing we hear: the socket transcribes nothing.
    pub(super) encoding: Option<Encoding>,
    pub(super) interim_results: bool,
    pub(super) endpointing: Endpointing,
    pub(super) utterance_end: Option<Duration>,
    pub(super) vad_events: bool,
}

impl ListenQuery {
    pub(super) fn parse(query: &str) -> Result<Self, Refusal> {
        let query = Query(query);
        let model = query.get("model").unwrap_or(LISTEN_MODEL.into()).into_owned();
        if model.starts_with("flux") {
            let message = "Flux models are served on /v2/listen.";
            return Err(Refusal::new(400, "V2_MODEL_ON_V1_LISTEN_ENDPOINT", message));
        }
        let interim_results = query.flag("interim_results")?;
        let utterance_end = query.parse("utterance_end_ms")?.map(Duration::from_millis);
        if utterance_end.is_some_and(|gap| gap < UTTERANCE_END_MIN) {
            return Err(bad_parameter("utterance_end_ms"));
        }
        let endpointing = match query.get("endpointing").as_deref() {
            None | Some("true") => Endpointing::After(ENDPOINTING_DEFAULT),
            Some("false") => Endpointing::Off,
            Some(millis) => {
                let millis = millis.parse().map_err(|_| bad_parameter("endpointing"))?;
                Endpointing::After(Duration::from_millis(millis))
            }
        };
        let rate = query.get("sample_rate").and_then(|rate| rate.parse().ok());
        let encoding = query.get("encoding").zip(rate).and_then(|(name, rate)| Encoding::heard(&name, rate));
        Ok(Self {
            model,
            encoding,
            interim_results,
            endpointing,
            // Without interims there is nothing to measure the gap by.
            utterance_end: utterance_end.filter(|_| interim_results),
            vad_events: query.flag("vad_events")?,
        })
    }
}

/// How a voice is to sound.
pub(super) struct SpeakQuery {
    pub(super) model: String,
    pub(super) encoding: Encoding,
    /// Whether the audio is to have a WAV header. Sockets never send one.
    pub(super) container: bool,
}

impl SpeakQuery {
    pub(super) fn parse(query: &str, route: Route) -> Result<Self, Refusal> {
        let query = Query(query);
        let name = query.get("encoding").unwrap_or(if route == Route::Speak { "linear16" } else { "mp3" }.into());
        let rate = query.parse("sample_rate")?.unwrap_or(24_000);
        let encoding = Encoding::spoken(&name, rate).ok_or_else(|| {
            // Sample rates and encodings that the vendor has and this fake has not.
            let message = format!("Unsupported audio format: encoding {name} with sample_rate {rate}.");
            Refusal::new(400, "UNSUPPORTED_AUDIO_FORMAT", &message)
        })?;
        let container = match query.get("container").as_deref() {
            None | Some("wav") => true,
            Some("none") => false,
            Some(_) => return Err(bad_parameter("container")),
        };
        let model = query.get("model").unwrap_or(SPEAK_MODEL.into()).into_owned();
        // The model comes back in a header.
        if !model.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(bad_parameter("model"));
        }
        Ok(Self { model, encoding, container })
    }
}

struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        form_urlencoded::parse(self.0.as_bytes()).find(|(found, _)| found == name).map(|(_, value)| value)
    }

    fn parse<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Refusal> {
        self.get(name).map(|value| value.parse().map_err(|_| bad_parameter(name))).transpose()
    }

    fn flag(&self, name: &'static str) -> Result<bool, Refusal> {
        Ok(self.parse(name)?.unwrap_or(false))
    }
}

fn bad_parameter(name: &str) -> Refusal {
    let message = format!("Invalid query string: the value of {name} is not valid.");
    Refusal::new(400, "INVALID_QUERY_PARAMETER", &message)
}
