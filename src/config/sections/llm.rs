//! Who thinks.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use crate::config::declare::settings;
use crate::config::kinds::{
    JsonObjectKind, Kind as _, SecretKind, base_url, chain, choice, duration, header_values, ms, number, optional,
    secs, words,
};

/// The chat-completions server that is called when only a key is set.
const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";

/// Who writes the replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LlmVendor {
    /// The scripted form-filling agent in this process.
    Forms,
    /// A chat-completions server.
    Chat,
    /// A second one.
    Chat2,
}

const LLM_VENDORS: &[(&str, LlmVendor)] =
    &[("forms", LlmVendor::Forms), ("chat", LlmVendor::Chat), ("chat2", LlmVendor::Chat2)];

impl LlmVendor {
    /// Reads a chain as `LLM_VENDOR` has it, or says what it must be.
    pub fn chain(text: &str) -> Result<Vec<Self>, String> {
        let kind = chain("forms", LLM_VENDORS);
        kind.parse(text).ok_or_else(|| kind.expected())
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
        /// Who writes the replies: `forms`, the scripted agent, `chat`, a chat-completions server, `chat2`, another
        /// one, or several that stand in for one another, such as `chat,forms`. A reply that fails is asked of the
        /// next at once, in its middle too. Unset: `chat` when `OPENAI_API_KEY` or `LLM_BASE_URL` is set, else `forms`.
        "LLM_VENDOR" chosen_vendors: Option<Vec<LlmVendor>> = optional(chain("forms", LLM_VENDORS)),
        /// Key of the chat-completions server, sent as a bearer token.
        "OPENAI_API_KEY" api_key: Option<SecretString> = optional(SecretKind),
        /// Root of the chat-completions server, as its makers write it, mostly ending in `/v1`. Unset:
        /// OpenAI.
        "LLM_BASE_URL" chosen_base_url: Option<Url> = optional(base_url("http://127.0.0.1:11434/v1")),
        /// The model's name at that server.
        "LLM_MODEL" model: String = words("gpt-4.1-mini"),
        /// Root of the second chat-completions server, `chat2`. What is not named here it shares with the first, but
        /// neither the key nor `LLM_EXTRA_HEADERS`.
        "LLM2_BASE_URL" second_base_url: Option<Url> = optional(base_url("http://127.0.0.1:11434/v1")),
        /// Key of the second server. Unset: none is sent.
        "LLM2_API_KEY" second_api_key: Option<SecretString> = optional(SecretKind),
        /// The model's name at the second server. Unset: as at the first.
        "LLM2_MODEL" second_model: Option<String> = optional(words("gpt-4.1-mini")),
        /// How long a connection to the server may take. Lower notices a dead server sooner; higher bears
        /// a far one.
        "LLM_CONNECT_TIMEOUT" connect_timeout: Duration = duration(secs(2), ms(100)..=secs(30)),
        /// How long the first token may take before the request is made again. Lower retries slow
        /// models in vain; higher makes a lost request cost more.
        "LLM_FIRST_TOKEN_TIMEOUT" first_token_timeout: Duration = duration(secs(5), ms(500)..=secs(60)),
        /// Longest gap inside a reply. Lower cuts replies of a stumbling server; higher leaves the
        /// caller in silence.
        "LLM_IDLE_TIMEOUT" idle_timeout: Duration = duration(secs(5), ms(500)..=secs(60)),
        /// Longest reply, in tokens. Lower cuts long answers; higher lets a model ramble.
        "LLM_MAX_TOKENS" max_tokens: u32 = number(300, 16..=8_192),
        /// What the server calls that limit. Unset: `max_completion_tokens` at OpenAI and Azure, else
        /// `max_tokens`, which most compatible servers know.
        "LLM_MAX_TOKENS_FIELD" max_tokens_field: Option<MaxTokensField> = optional(choice(
            "max_tokens",
            &[
                ("max_tokens", MaxTokensField::MaxTokens),
                ("max_completion_tokens", MaxTokensField::MaxCompletionTokens),
            ],
        )),
        /// Lower is drier and more predictable, higher more varied. Unset: not sent, the server's own
        /// value holds; reasoning models refuse any other.
        "LLM_TEMPERATURE" temperature: Option<f32> = optional(number(0.3, 0.0..=2.0)),
        /// Further fields of every request. A field that is named here wins over the gateway's own.
        "LLM_EXTRA_BODY" extra_body: Map<String, Value> = JsonObjectKind,
        /// Further headers of every request to `chat`, such as Azure's `api-key`.
        "LLM_EXTRA_HEADERS" extra_headers: BTreeMap<String, SecretString> = header_values(),
        /// The same for the second server, which gets none of the first one's.
        "LLM2_EXTRA_HEADERS" second_extra_headers: BTreeMap<String, SecretString> = header_values(),
    }
}

impl LlmSettings {
    /// Who writes the replies: the chosen vendors, or the one the other settings speak for.
    pub fn vendors(&self) -> Vec<LlmVendor> {
        let server_is_known = self.api_key.is_some() || self.chosen_base_url.is_some();
        let fitting = if server_is_known { LlmVendor::Chat } else { LlmVendor::Forms };
        self.chosen_vendors.clone().unwrap_or_else(|| vec![fitting])
    }

    /// Root of the chat-completions server.
    pub fn base_url(&self) -> Url {
        let openai = || Url::parse(OPENAI_BASE_URL).expect("a constant URL parses");
        self.chosen_base_url.clone().unwrap_or_else(openai)
    }
}
