//! Every setting, declared once: name, type, default, range, and what a lower or higher value does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::declare::settings;
use super::kinds::{
    SecretKind, base_url, bytes, choice, duration, flag, loopback, ms, number, optional, path, secs, text,
    whole_seconds, words,
};

/// The chat-completions server that is called when only a key is set.
const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";

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
        "MAX_CALLS" max_calls: u32 = number(8, 1..=10_000),
        /// How long running calls may go on after the signal to stop. Lower ends calls in mid-sentence;
        /// higher delays a release. The container runtime must wait longer than this.
        "DRAIN_SECONDS" drain: Duration = whole_seconds(600, 0..=86_400),
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
    }
}

settings! {
    /// What the agent says and which service its tools call.
    "Agent and tools" AgentSettings {
        /// Folder with one folder per agent.
        "PROMPTS_DIR" prompts_dir: PathBuf = path("prompts"),
        /// The agent that answers numbers no agent lists. Not needed when there is only one agent.
        "AGENT_DEFAULT" default_agent: Option<String> = optional(words("golf")),
        /// Service that the tools call. Unset: the built-in golf backend is started in the process.
        "BACKEND_BASE_URL" backend_base_url: Option<Url> = optional(base_url("http://127.0.0.1:8090")),
        /// Sent to that service as a bearer token.
        "BACKEND_TOKEN" backend_token: Option<SecretString> = optional(SecretKind),
        /// Longest tool result the model is given; the rest is cut with a note. Lower loses content;
        /// higher makes the model slower and dearer.
        "TOOL_RESULT_MAX" tool_result_max_bytes: usize = bytes(16 << 10, 1 << 10..=1 << 20),
    }
}

/// Who turns speech into text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SttVendor {
    /// The engine in this process.
    Local,
}

/// Who writes the replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LlmVendor {
    /// The scripted form-filling agent in this process.
    Forms,
    /// A chat-completions server.
    Chat,
}

/// Who turns text into speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtsVendor {
    /// The engine in this process.
    Local,
}

/// Which weights the local recogniser uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalSttModel {
    /// The quick one.
    Tiny,
    /// The more exact one, three times as slow.
    Base,
}

settings! {
    /// Who hears and speaks.
    "Speech" SpeechSettings {
        /// Who turns speech into text.
        "STT_VENDOR" stt: SttVendor = choice("local", &[("local", SttVendor::Local)]),
        /// Who turns text into speech.
        "TTS_VENDOR" tts: TtsVendor = choice("local", &[("local", TtsVendor::Local)]),
        /// Folder with the local engines' weights, fetched into it on the first start. Unset: a folder
        /// under the user's cache directory.
        "MODELS_DIR" models_dir: Option<PathBuf> = optional(path("/var/lib/voice-gateway")),
        /// Weights of the local recogniser. `base` makes about half as many mistakes on synthetic
        /// speech, hardly fewer on people, and takes three times the processor time.
        "LOCAL_STT_MODEL" local_stt_model: LocalSttModel =
            choice("tiny", &[("tiny", LocalSttModel::Tiny), ("base", LocalSttModel::Base)]),
        /// How long a transcript may take after the caller paused. Lower asks the caller to repeat more
        /// often on a busy machine; higher leaves them in silence.
        "STT_TIMEOUT" stt_timeout: Duration = duration(secs(3), ms(500)..=secs(30)),
        /// How long the first audio of a sentence may take. Lower gives up on a slow synthesiser
        /// earlier; higher leaves the caller in silence.
        "TTS_TIMEOUT" tts_timeout: Duration = duration(secs(3), ms(500)..=secs(30)),
        /// Speech sent to the carrier ahead of time. Lower is cut by a stumbling network; higher costs
        /// nothing the caller hears, because a barge-in clears the carrier's buffer.
        "PLAYOUT_LEAD" playout_lead: Duration = duration(secs(1), ms(100)..=secs(10)),
    }
}

/// What a chat-completions server calls its limit on a reply's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxTokensField {
    /// The newer name.
    MaxCompletionTokens,
    /// The older name, which most compatible servers know.
    MaxTokens,
}

settings! {
    /// Who thinks. Without any of these the scripted agent answers.
    "Language model" LlmSettings {
        /// Who writes the replies: `forms`, the scripted agent, or `chat`, a chat-completions server.
        /// Unset: `chat` when `OPENAI_API_KEY` or `LLM_BASE_URL` is set, else `forms`.
        "LLM_VENDOR" chosen_vendor: Option<LlmVendor> =
            optional(choice("forms", &[("forms", LlmVendor::Forms), ("chat", LlmVendor::Chat)])),
        /// Key of the chat-completions server, sent as a bearer token.
        "OPENAI_API_KEY" api_key: Option<SecretString> = optional(SecretKind),
        /// Root of the chat-completions server, as its makers write it, mostly ending in `/v1`. Unset:
        /// OpenAI.
        "LLM_BASE_URL" chosen_base_url: Option<Url> = optional(base_url("http://127.0.0.1:11434/v1")),
        /// The model's name at that server.
        "LLM_MODEL" model: String = words("gpt-4.1-mini"),
        /// How long the first token may take before the request is made again. Lower retries slow
        /// models in vain; higher makes a lost request cost more.
        "LLM_FIRST_TOKEN_TIMEOUT" first_token_timeout: Duration = duration(secs(5), ms(500)..=secs(60)),
        /// Longest gap inside a reply. Lower cuts replies of a stumbling server; higher leaves the
        /// caller in silence.
        "LLM_IDLE_TIMEOUT" idle_timeout: Duration = duration(secs(5), ms(500)..=secs(60)),
        /// Longest reply, in tokens. Lower cuts long answers; higher lets a model ramble.
        "LLM_MAX_TOKENS" max_tokens: u32 = number(300, 16..=8_192),
        /// What the server calls that limit. Many compatible servers know only `max_tokens`.
        "LLM_MAX_TOKENS_FIELD" max_tokens_field: MaxTokensField = choice(
            "max_completion_tokens",
            &[
                ("max_completion_tokens", MaxTokensField::MaxCompletionTokens),
                ("max_tokens", MaxTokensField::MaxTokens),
            ],
        ),
        /// Lower is drier and more predictable, higher more varied. Unset: not sent, the server's own
        /// value holds; reasoning models refuse any other.
        "LLM_TEMPERATURE" temperature: Option<f32> = optional(number(0.3, 0.0..=2.0)),
    }
}

impl LlmSettings {
    /// Who writes the replies: the chosen vendor, or the one the other settings speak for.
    pub fn vendor(&self) -> LlmVendor {
        let server_is_known = self.api_key.is_some() || self.chosen_base_url.is_some();
        self.chosen_vendor.unwrap_or(if server_is_known { LlmVendor::Chat } else { LlmVendor::Forms })
    }

    /// Root of the chat-completions server.
    pub fn base_url(&self) -> Url {
        let openai = || Url::parse(OPENAI_BASE_URL).expect("a constant URL parses");
        self.chosen_base_url.clone().unwrap_or_else(openai)
    }
}

settings! {
    /// When the floor changes hands. Waits are counted from the last sound of the caller's voice.
    "Turn-taking" TurnSettings {
        /// Silence that counts as a pause: the recogniser and the turn model start on what was said.
        /// Lower starts them on every breath; higher delays every answer.
        "VAD_PAUSE" pause: Duration = duration(ms(200), ms(100)..=secs(1)),
        /// From this probability of the turn model the caller is surely done. Lower answers sooner and
        /// cuts more callers off.
        "ENDPOINT_SURE" sure: f32 = number(0.8, 0.0..=1.0),
        /// From this probability the caller is likely done. Not above `ENDPOINT_SURE`.
        "ENDPOINT_LIKELY" likely: f32 = number(0.5, 0.0..=1.0),
        /// Silence before the answer when the caller is surely done. Lower answers sooner, though never
        /// before the transcript is there; higher waits although nothing speaks for it.
        "ENDPOINT_SURE_AFTER" sure_after: Duration = duration(ms(200), ms(0)..=secs(3)),
        /// The same when they are likely done.
        "ENDPOINT_LIKELY_AFTER" likely_after: Duration = duration(ms(500), ms(100)..=secs(3)),
        /// The same when they are likely not done.
        "ENDPOINT_UNLIKELY_AFTER" unlikely_after: Duration = duration(ms(1_200), ms(200)..=secs(5)),
        /// The same when the turn model has no answer.
        "ENDPOINT_UNSCORED_AFTER" unscored_after: Duration = duration(ms(1_500), ms(200)..=secs(5)),
        /// The same after a hanging word ("for", "and") or a half-dictated number. Lower cuts dictated
        /// numbers in two; higher makes a caller wait who really ended like that.
        "ENDPOINT_UNFINISHED_AFTER" unfinished_after: Duration = duration(secs(2), ms(200)..=secs(10)),
        /// Longest utterance without a pause; then the agent answers what it has. Lower interrupts
        /// talkers; higher is helpless against a radio in the background.
        "UTTERANCE_MAX" utterance_max: Duration = duration(secs(60), secs(5)..=secs(600)),
        /// Speech over a reply that counts as an interruption. Lower stops for coughs; higher talks over
        /// the caller.
        "BARGE_IN_AFTER" barge_in_after: Duration = duration(ms(240), ms(60)..=secs(3)),
        /// Words over a reply that count as an interruption however short they were.
        "BARGE_IN_WORDS" barge_in_words: u32 = number(2, 1..=20),
        /// Silence of both sides before the caller is asked whether they are still there. Lower nags;
        /// higher keeps dead lines open.
        "SILENCE_PROMPT_AFTER" silence_prompt_after: Duration = duration(secs(8), secs(2)..=secs(120)),
        /// How often they are asked before the call ends.
        "SILENCE_PROMPTS" silence_prompts: u32 = number(2, 0..=10),
        /// Quiet that ends keypad input without `#`. Lower cuts slow typists; higher delays the answer.
        "KEYPAD_PAUSE" keypad_pause: Duration = duration(secs(2), ms(500)..=secs(10)),
        /// How long the model may be silent before a filler ("One moment, please.") is spoken.
        "LLM_FILLER_AFTER" llm_filler_after: Duration = duration(ms(1_500), ms(300)..=secs(10)),
        /// How long the model may be silent before the agent apologises and hangs up. Above
        /// `LLM_FILLER_AFTER`. Lower gives up on slow models; higher leaves the caller waiting.
        "LLM_GIVE_UP_AFTER" llm_give_up_after: Duration = duration(secs(12), secs(2)..=secs(120)),
        /// How long a tool may run before its filler is spoken.
        "TOOL_FILLER_AFTER" tool_filler_after: Duration = duration(ms(1_500), ms(300)..=secs(10)),
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Where call events are written as JSON lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventsTarget {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To the end of a file.
    File(PathBuf),
}

impl EventsTarget {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "stdout" => Some(Self::Stdout),
            // A bare word is a typing slip more often than a file in the working directory.
            path if path.contains(['/', '\\', '.']) => Some(Self::File(path.into())),
            _ => None,
        }
    }
}

settings! {
    /// What operators see of the calls. See also docs/EVENTS.md.
    "Observability" ObservabilitySettings {
        /// How log lines look.
        "LOG_FORMAT" log_format: LogFormat =
            choice("pretty", &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)]),
        /// Which log lines are written: a level, or levels per part of the program.
        "LOG_LEVEL" log_level: String = text(
            "info",
            "a level (error, warn, info, debug, trace) or a filter such as info,voice_gateway=debug",
            |text| EnvFilter::try_new(text).is_ok().then(|| text.to_owned()),
        ),
        /// Whether logs and events show what was said, phone numbers and tool arguments, in fields
        /// whose names begin with `pii.`.
        "LOG_PII" show_pii: bool = flag(false),
        /// Where call events are written, one JSON object a line.
        "EVENTS" events: EventsTarget =
            text("off", "off, stdout or the path of a file, such as /var/log/calls.jsonl", EventsTarget::parse),
    }
}
