//! How to reach a server of chat completions and what to ask of it.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};

/// The name under which a server wants the limit of an answer's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxTokensField {
    /// `max_tokens`: what most compatible servers know.
    MaxTokens,
    /// `max_completion_tokens`: OpenAI; its reasoning models refuse the other.
    MaxCompletionTokens,
}

impl MaxTokensField {
    /// The field's name in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }

    /// The name that the server at `base_url` most likely wants.
    pub fn for_base_url(base_url: &str) -> Self {
        if base_url.contains("api.openai.com") || base_url.contains(".openai.azure.com") {
            Self::MaxCompletionTokens
        } else {
            Self::MaxTokens
        }
    }
}

/// How to reach a server of chat completions and what to ask of it.
#[derive(Debug, Clone)]
pub struct ChatCompletionsSettings {
    /// The server's name in the settings. Default `chat`.
    pub name: &'static str,
    /// Whether a request that failed before its first token is made once more. Not where another model
    /// stands in: that one is asked at once. Default: yes.
    pub asks_again: bool,
    /// `LLM_BASE_URL`: the address before `/chat/completions`, with the version.
    ///
    /// Default `https://api.openai.com/v1`.
    pub base_url: String,
    /// `OPENAI_API_KEY`: sent as a bearer token. Local servers need none. Default: none.
    pub api_key: Option<SecretString>,
    /// `LLM_MODEL`: the model to ask for. Default `gpt-4.1-mini`.
    pub model: String,
    /// `LLM_MAX_TOKENS`: the longest answer. Lower cuts long answers short, higher lets a model
    /// ramble. Default `300`, from `16` to `8192`.
    pub max_tokens: u32,
    /// `LLM_MAX_TOKENS_FIELD`: `max_tokens` or `max_completion_tokens`. Default: by the server.
    pub max_tokens_field: MaxTokensField,
    /// `LLM_TEMPERATURE`: lower repeats itself, higher invents. Default: the server's own; from
    /// `0` to `2`.
    pub temperature: Option<f32>,
    /// `LLM_EXTRA_BODY`: a JSON object of further request fields, such as
    /// `{"reasoning_effort":"low"}`. A field named here wins over the gateway's own. Default: none.
    pub extra_body: Map<String, Value>,
    /// `LLM_EXTRA_HEADERS`: further request headers, such as `api-key` for Azure. Default: none.
    pub extra_headers: Vec<(String, SecretString)>,
    /// `LLM_CONNECT_TIMEOUT`: how long a connection may take. Default `2s`, from `100ms` to `30s`.
    pub connect_timeout: Duration,
    /// `LLM_FIRST_TOKEN_TIMEOUT`: how long the first token may take. Lower gives up on a cold
    /// model, higher leaves a caller in silence. Default `5s`, from `500ms` to `60s`.
    pub first_token_timeout: Duration,
    /// `LLM_IDLE_TIMEOUT`: the longest gap between two tokens; comments that keep the connection
    /// alive do not count. Default `5s`, from `500ms` to `60s`.
    pub idle_timeout: Duration,
}

impl Default for ChatCompletionsSettings {
    fn default() -> Self {
        Self {
            name: super::VENDOR,
            asks_again: true,
            base_url: "https://api.openai.com/v1".to_owned(),
            api_key: None,
            model: "gpt-4.1-mini".to_owned(),
            max_tokens: 300,
            max_tokens_field: MaxTokensField::MaxCompletionTokens,
            temperature: None,
            extra_body: Map::new(),
            extra_headers: Vec::new(),
            connect_timeout: Duration::from_secs(2),
            first_token_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openai_wants_the_new_name_for_the_token_limit_and_others_the_old() {
        let name = |url| MaxTokensField::for_base_url(url).as_str();
        assert_eq!(name("https://api.openai.com/v1"), "max_completion_tokens");
        assert_eq!(name("https://desk.openai.azure.com/openai/v1"), "max_completion_tokens");
        assert_eq!(name("http://127.0.0.1:11434/v1"), "max_tokens");
    }

    #[test]
    fn settings_do_not_show_their_secrets() {
        let settings = ChatCompletionsSettings {
            api_key: Some("sk-secret".into()),
            extra_headers: vec![("api-key".to_owned(), "azure-secret".into())],
            ..ChatCompletionsSettings::default()
        };
        assert!(!format!("{settings:?}").contains("secret\""));
        assert!(!format!("{settings:?}").contains("azure-secret"));
    }
}
