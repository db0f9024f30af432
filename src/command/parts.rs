//! From settings to the settings of the rooms, which know no environment.

use std::sync::Arc;

use anyhow::Context;
use voice_engines::forms::{Forms, FormsAgent, FormsTool};
use voice_gateway::agent::Agent;
use voice_gateway::backend::BackendSettings;
use voice_gateway::call::CallSettings;
use voice_gateway::config::{Config, LlmVendor, MaxTokensField};
use voice_gateway::telephony::TelephonySettings;
use voice_gateway::telephony::twilio::signature::SignatureSettings;
use voice_pipeline::audio::playout::PlayoutSettings;
use voice_pipeline::net::http::chat_completions::ChatCompletions;
use voice_pipeline::tools::ToolSpec;
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vad::VadSettings;
use voice_pipeline::vendors::llm::Llm;
use voice_pipeline::vendors::llm::chat_completions::{self, ChatCompletionsSettings};

pub(crate) fn telephony_settings(config: &Config) -> TelephonySettings {
    TelephonySettings {
        signature: SignatureSettings {
            auth_token: config.twilio.auth_token.clone(),
            allow_unsigned_call_fields: config.twilio.skip_unsigned_fields,
            ..SignatureSettings::default()
        },
        public_url: config.server.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
        trust_proxy: config.server.trust_proxy,
        max_calls: config.server.max_calls as usize,
        ..TelephonySettings::default()
    }
}

pub(crate) fn call_settings(config: &Config) -> CallSettings {
    let turn = &config.turn;
    CallSettings {
        policy: TurnPolicy {
            sure_probability: turn.sure,
            likely_probability: turn.likely,
            sure_after: turn.sure_after,
            likely_after: turn.likely_after,
            unlikely_after: turn.unlikely_after,
            unscored_after: turn.unscored_after,
            unfinished_after: turn.unfinished_after,
            stt_timeout: config.speech.stt_timeout,
            utterance_max: turn.utterance_max,
            barge_in_after: turn.barge_in_after,
            barge_in_words: turn.barge_in_words as usize,
            silence_prompt_after: turn.silence_prompt_after,
            silence_prompts: turn.silence_prompts,
            filler_after: turn.llm_filler_after,
            give_up_after: turn.llm_give_up_after,
            tool_filler_after: turn.tool_filler_after,
            keypad_pause: turn.keypad_pause,
            ..TurnPolicy::default()
        },
        vad: VadSettings { pause: turn.pause, ..VadSettings::default() },
        playout: PlayoutSettings::default(),
        playout_lead: config.speech.playout_lead,
        tts_timeout: config.speech.tts_timeout,
    }
}

pub(crate) fn backend_settings(config: &Config, base_url: String) -> BackendSettings {
    BackendSettings { token: config.agent.backend_token.clone(), ..BackendSettings::new(base_url) }
}

/// Who thinks for an agent.
pub(crate) fn brain(config: &Config, agent: &Agent) -> anyhow::Result<Arc<dyn Llm>> {
    match config.llm.vendor() {
        LlmVendor::Forms => Ok(Arc::new(forms(agent)?)),
        LlmVendor::Chat => Ok(Arc::new(ChatCompletions::new(chat_settings(config))?)),
    }
}

fn forms(agent: &Agent) -> anyhow::Result<Forms> {
    let tools = agent.tools.iter().map(|tool| FormsTool {
        spec: ToolSpec {
            name: tool.name.clone(),
            description: tool.description.clone(),
            parameters: tool.parameters.clone(),
        },
        side_effect: tool.side_effect,
        annotations: tool.forms.clone(),
    });
    let compiled = Forms::compile(&FormsAgent {
        language: agent.language.clone(),
        tools: tools.collect(),
        annotations: agent.forms.clone(),
    });
    compiled.with_context(|| format!("agent {} has no scripted form", agent.name))
}

fn chat_settings(config: &Config) -> ChatCompletionsSettings {
    ChatCompletionsSettings {
        base_url: config.llm.base_url().to_string(),
        api_key: config.llm.api_key.clone(),
        model: config.llm.model.clone(),
        max_tokens: config.llm.max_tokens,
        max_tokens_field: match config.llm.max_tokens_field {
            MaxTokensField::MaxTokens => chat_completions::MaxTokensField::MaxTokens,
            MaxTokensField::MaxCompletionTokens => chat_completions::MaxTokensField::MaxCompletionTokens,
        },
        temperature: config.llm.temperature,
        first_token_timeout: config.llm.first_token_timeout,
        idle_timeout: config.llm.idle_timeout,
        ..ChatCompletionsSettings::default()
    }
}
