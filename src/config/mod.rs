//! Settings: from the environment to plain structs, with every problem reported at once.
//!
//! [`Config::read`] is the only reader of the environment in the program, through the
//! [`Environment`] trait, so a test passes a map. Each setting is declared once, in `sections`, with
//! its name, default, range and effect; [`settings_markdown`] writes docs/SETTINGS.md from that.
//!
//! What always holds:
//! - a [`Config`] that was read is in range throughout, and its parts agree with one another;
//! - no secret is part of an error, a warning or a `Debug` text.
//!
//! Not here: what the settings mean to the rooms that use them. `command::parts` hands each room its part.

mod declare;
mod environment;
mod kinds;
mod manual;
mod reader;
mod sections;
mod spelling;
#[cfg(test)]
mod tests;

use std::fmt;

pub use environment::{Environment, ProcessEnvironment};
pub use manual::settings_markdown;
pub use reader::{ConfigErrors, Problem};
pub use sections::{
    AgentSettings, DeepgramSettings, EventsTarget, LlmSettings, LlmVendor, LocalSttModel, LogFormat, MaxTokensField,
    MediaSettings, ObservabilitySettings, RecordingFormat, RecordingSettings, ServerSettings, SpeechDetectionSettings,
    SpeechSettings, SttVendor, TtsVendor, TurnModel, TurnSettings, TwilioSettings,
};

use reader::Reader;

/// Every setting of the gateway.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listening and stopping.
    pub server: ServerSettings,
    /// The carrier's account.
    pub twilio: TwilioSettings,
    /// The sockets that carry audio.
    pub media: MediaSettings,
    /// Agents and their tools.
    pub agent: AgentSettings,
    /// Recogniser and synthesiser.
    pub speech: SpeechSettings,
    /// When there is speech.
    pub detection: SpeechDetectionSettings,
    /// Deepgram.
    pub deepgram: DeepgramSettings,
    /// Language model.
    pub llm: LlmSettings,
    /// When the floor changes hands.
    pub turn: TurnSettings,
    /// Logs and events.
    pub observability: ObservabilitySettings,
    /// Recordings of calls.
    pub recordings: RecordingSettings,
}

/// Something that looks wrong but does not stop the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The name that was found.
    pub name: String,
    /// What is odd about it, beginning after the name.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.message)
    }
}

/// What an environment comes to, whether the gateway can start with it or not.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The settings. One that cannot be read stands at its default, so parts may disagree.
    pub config: Config,
    /// Why the gateway would not start.
    pub problems: Vec<Problem>,
    /// What looks wrong and does not stop it.
    pub warnings: Vec<Warning>,
    unread: Vec<&'static str>,
}

impl Survey {
    /// Whether the values of these settings are what the environment says, not defaults in the place of
    /// something that cannot be read.
    pub fn has_read(&self, names: &[&str]) -> bool {
        !self.unread.iter().any(|unread| names.contains(unread))
    }
}

impl Config {
    /// Reads every setting. Fails with all problems, succeeds with all warnings.
    pub fn read(environment: &dyn Environment) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let Survey { config, problems, warnings, .. } = Self::survey(environment);
        if problems.is_empty() { Ok((config, warnings)) } else { Err(ConfigErrors { problems }) }
    }

    /// Reads every setting and tells everything about it, for a check that goes on behind a problem.
    pub fn survey(environment: &dyn Environment) -> Survey {
        let mut reader = Reader::new(environment);
        let config = Self {
            server: ServerSettings::read(&mut reader),
            twilio: TwilioSettings::read(&mut reader),
            media: MediaSettings::read(&mut reader),
            agent: AgentSettings::read(&mut reader),
            speech: SpeechSettings::read(&mut reader),
            detection: SpeechDetectionSettings::read(&mut reader),
            deepgram: DeepgramSettings::read(&mut reader),
            llm: LlmSettings::read(&mut reader),
            turn: TurnSettings::read(&mut reader),
            observability: ObservabilitySettings::read(&mut reader),
            recordings: RecordingSettings::read(&mut reader),
        };
        config.check_together(&mut reader);
        let (problems, unread) = reader.finish();
        let mut warnings = misspelt(environment);
        warnings.extend(config.oddities());
        Survey { config, problems, warnings, unread }
    }

    /// Settings that are fine alone and wrong together.
    fn check_together(&self, reader: &mut Reader<'_>) {
        let server = &self.server;
        // Port 0 is a different free port each time.
        if server.listen == server.admin && server.listen.port() != 0 {
            reader.object("ADMIN_ADDR", format!("is {}, which is LISTEN_ADDR too", server.admin));
        }
        let vendors = self.llm.vendors();
        if vendors.contains(&LlmVendor::Chat)
            && let Some(missing) = self.missing_for_llm(LlmVendor::Chat)
        {
            reader.object("LLM_VENDOR", format!("names \"chat\", but {missing}"));
        }
        if vendors.contains(&LlmVendor::Chat2)
            && let Some(missing) = self.missing_for_llm(LlmVendor::Chat2)
        {
            reader.object("LLM_VENDOR", format!("names \"chat2\", but {missing}"));
        }
        if let Some(missing) = self.missing_for_deepgram() {
            for (name, is_named) in [
                ("STT_VENDOR", self.speech.stt.contains(&SttVendor::Deepgram)),
                ("TTS_VENDOR", self.speech.tts.contains(&TtsVendor::Deepgram)),
            ] {
                if is_named {
                    reader.object(name, format!("names \"deepgram\", but {missing}"));
                }
            }
        }
        if self.recordings.format == RecordingFormat::Opus && !cfg!(feature = "opus") {
            let message = "is \"opus\", but this build cannot write it: build with `--features opus` (needs libopus; Debian: libopus-dev and pkg-config)";
            reader.object("RECORDINGS_FORMAT", message);
        }
        let turn = &self.turn;
        if turn.likely > turn.sure {
            let message = format!("is {:?}, but must not be above ENDPOINT_SURE ({:?})", turn.likely, turn.sure);
            reader.object("ENDPOINT_LIKELY", message);
        }
        let not_below = [
            ("ENDPOINT_LIKELY_AFTER", turn.likely_after, "ENDPOINT_SURE_AFTER", turn.sure_after),
            ("ENDPOINT_UNLIKELY_AFTER", turn.unlikely_after, "ENDPOINT_LIKELY_AFTER", turn.likely_after),
            ("ENDPOINT_UNFINISHED_AFTER", turn.unfinished_after, "ENDPOINT_UNLIKELY_AFTER", turn.unlikely_after),
            ("LLM_GIVE_UP_AFTER", turn.llm_give_up_after, "LLM_FILLER_AFTER", turn.llm_filler_after),
            ("TOOL_GIVE_UP_AFTER", turn.tool_give_up_after, "TOOL_FILLER_AFTER", turn.tool_filler_after),
        ];
        for (name, value, other_name, other) in not_below {
            if value < other {
                reader.object(name, format!("is {value:?}, but must not be below {other_name} ({other:?})"));
            }
        }
    }

    /// Calls at the same time on a machine with so many cores. Speech in this process needs about a tenth of
    /// a core for each; through sockets one core carries a few hundred.
    pub fn max_calls(&self, cores: usize) -> u32 {
        let speech_is_local =
            self.speech.stt.contains(&SttVendor::Local) || self.speech.tts.contains(&TtsVendor::Local);
        self.server.chosen_max_calls.unwrap_or_else(|| ServerSettings::default_max_calls(speech_is_local, cores))
    }

    /// What Deepgram cannot be used without and is not set.
    pub fn missing_for_deepgram(&self) -> Option<&'static str> {
        let is_deepgrams_own = self.deepgram.url.host_str().is_some_and(|host| host.ends_with("deepgram.com"));
        (is_deepgrams_own && self.deepgram.api_key.is_none()).then_some("DEEPGRAM_API_KEY is not set")
    }

    /// What a language model cannot be used without and is not set.
    pub fn missing_for_llm(&self, vendor: LlmVendor) -> Option<&'static str> {
        let llm = &self.llm;
        match vendor {
            LlmVendor::Chat if llm.api_key.is_none() && llm.chosen_base_url.is_none() => {
                Some("neither OPENAI_API_KEY nor LLM_BASE_URL is set")
            }
            LlmVendor::Chat2 if llm.second_base_url.is_none() => Some("LLM2_BASE_URL is not set"),
            _ => None,
        }
    }

    /// Settings that work, though perhaps not as their owner thinks.
    fn oddities(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut warn = |name: &str, message: &str| {
            warnings.push(Warning { name: name.to_owned(), message: message.to_owned() });
        };
        let server = &self.server;
        if self.twilio.has_keys() && server.public_url.is_none() && !server.trust_proxy {
            warn(
                "PUBLIC_URL",
                "is unset, and TRUST_PROXY is false: the URL that Twilio signs is unknown unless it reaches this \
                 gateway directly",
            );
        }
        if self.observability.show_pii {
            warn("LOG_PII", "is true: what callers say is written to logs and events");
        }
        if self.recordings.folder.is_some() {
            warn("RECORDINGS_DIR", "is set: every call is recorded");
        }
        warnings
    }
}

/// The names of all settings.
fn names() -> Vec<&'static str> {
    [
        ServerSettings::NAMES,
        TwilioSettings::NAMES,
        MediaSettings::NAMES,
        AgentSettings::NAMES,
        SpeechSettings::NAMES,
        SpeechDetectionSettings::NAMES,
        DeepgramSettings::NAMES,
        LlmSettings::NAMES,
        TurnSettings::NAMES,
        ObservabilitySettings::NAMES,
        RecordingSettings::NAMES,
    ]
    .concat()
}

fn misspelt(environment: &dyn Environment) -> Vec<Warning> {
    let settings = names();
    let mut found = environment.names();
    found.sort_unstable();
    found
        .into_iter()
        .filter_map(|name| {
            let meant = spelling::probably_meant(&name, &settings)?;
            Some(Warning { message: format!("is not a setting; did you mean {meant}?"), name })
        })
        .collect()
}
