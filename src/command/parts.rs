//! From settings to the settings of the rooms, which know no environment.

use std::thread::available_parallelism;

use anyhow::Context;
use voice_engines::forms::{Forms, FormsAgent, FormsTool};
use voice_gateway::agent::Agent;
use voice_gateway::backend::BackendSettings;
use voice_gateway::call::CallSettings;
use voice_gateway::config::{Config, LlmVendor, MaxTokensField};
use voice_gateway::telephony::TelephonySettings;
use voice_gateway::telephony::socket::SocketSettings;
use voice_gateway::telephony::twilio::signature::SignatureSettings;
use voice_pipeline::audio::playout::PlayoutSettings;
use voice_pipeline::tools::ToolSpec;
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vad::VadSettings;
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::llm::chat_completions::{self, ChatCompletionsSettings};

pub(crate) fn telephony_settings(config: &Config) -> TelephonySettings {
    let media = &config.media;
    TelephonySettings {
        signature: SignatureSettings {
            auth_token: config.twilio.auth_token.clone(),
            account_tokens: config.twilio.account_tokens.clone(),
            shared_keys: config.twilio.shared_keys.clone(),
            allow_unsigned_call_fields: config.twilio.skip_unsigned_fields,
        },
        public_url: config.server.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
        trust_proxy: config.server.trust_proxy,
        max_calls: config.max_calls(available_parallelism().map_or(1, usize::from)) as usize,
        stream_token_lifetime: media.token_lifetime,
        socket: SocketSettings {
            start_timeout: media.start_timeout,
            media_timeout: media.media_timeout,
            ping_interval: media.ping_interval,
            max_malformed_in_a_row: media.max_malformed,
            max_message_bytes: media.max_message_bytes,
        },
    }
}

pub(crate) fn call_settings(config: &Config) -> CallSettings {
    let (turn, detection) = (&config.turn, &config.detection);
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
            stale_text_after: turn.stale_text_after,
            utterance_max: turn.utterance_max,
            barge_in_after: turn.barge_in_after,
            barge_in_words: turn.barge_in_words as usize,
            silence_prompt_after: turn.silence_prompt_after,
            silence_prompts: turn.silence_prompts,
            filler_after: turn.llm_filler_after,
            give_up_after: turn.llm_give_up_after,
            tool_filler_after: turn.tool_filler_after,
            tool_give_up_after: turn.tool_give_up_after,
            keypad_pause: turn.keypad_pause,
            mark_grace: turn.mark_grace,
            // Every agent has its own.
            call_max: TurnPolicy::default().call_max,
        },
        vad: VadSettings {
            start_frames: detection.start_frames,
            pause: detection.pause,
            min_level_dbfs: detection.min_level_dbfs,
            doubt_after: detection.doubt_after,
            noisy_floor_dbfs: detection.noisy_floor_dbfs,
            min_snr_db: detection.min_snr_db,
            referee_threshold: detection.referee_threshold,
            keypad_mute: detection.keypad_mute,
        },
        playout: PlayoutSettings { playout_latency: config.speech.playout_latency },
        playout_lead: config.speech.playout_lead,
        tts_timeout: config.speech.tts_timeout,
    }
}

pub(crate) fn deepgram_settings(config: &Config) -> DeepgramSettings {
    let deepgram = &config.deepgram;
    DeepgramSettings {
        api_key: deepgram.api_key.clone(),
        url: deepgram.url.as_str().trim_end_matches('/').to_owned(),
        stt_model: deepgram.stt_model.clone(),
        tts_model: deepgram.tts_model.clone(),
        language: deepgram.language.clone(),
        endpointing: deepgram.endpointing,
        utterance_end: Some(deepgram.utterance_end),
        smart_format: deepgram.smart_format,
        keyterms: deepgram.keyterms.clone(),
        connect_timeout: deepgram.connect_timeout,
        final_timeout: deepgram.final_timeout,
        ..DeepgramSettings::default()
    }
}

pub(crate) fn backend_settings(config: &Config, base_url: String) -> BackendSettings {
    BackendSettings {
        base_url,
        token: config.agent.backend_token.clone(),
        connect_timeout: config.agent.backend_connect_timeout,
        result_max_bytes: config.agent.tool_result_max_bytes,
    }
}

/// The scripted agent of an agent's tools.
pub(crate) fn forms(agent: &Agent) -> anyhow::Result<Forms> {
    let compiled = Forms::compile(&forms_agent(agent));
    compiled.with_context(|| format!("agent {} has no scripted form", agent.name))
}

/// What the scripted agent is made from.
pub(crate) fn forms_agent(agent: &Agent) -> FormsAgent {
    let tools = agent.tools.iter().map(|tool| FormsTool {
        spec: ToolSpec {
            name: tool.name.clone(),
            description: tool.description.clone(),
            parameters: tool.parameters.clone(),
        },
        side_effect: tool.side_effect,
        annotations: tool.forms.clone(),
    });
    FormsAgent { language: agent.language.clone(), tools: tools.collect(), annotations: agent.forms.clone() }
}

/// How one of the chat-completions servers is asked. `asks_again`: nobody stands in for it.
pub(crate) fn chat_settings(config: &Config, vendor: LlmVendor, asks_again: bool) -> ChatCompletionsSettings {
    let llm = &config.llm;
    // What may be a secret of one server is never sent to the other.
    let (base_url, api_key, model, extra_headers) = match (vendor, &llm.second_base_url) {
        (LlmVendor::Chat2, Some(url)) => {
            (url.to_string(), &llm.second_api_key, llm.second_model.as_ref(), &llm.second_extra_headers)
        }
        _ => (llm.base_url().to_string(), &llm.api_key, None, &llm.extra_headers),
    };
    ChatCompletionsSettings {
        name: if vendor == LlmVendor::Chat2 { "chat2" } else { "chat" },
        asks_again,
        api_key: api_key.clone(),
        model: model.unwrap_or(&llm.model).clone(),
        max_tokens: llm.max_tokens,
        max_tokens_field: match llm.max_tokens_field {
            Some(MaxTokensField::MaxTokens) => chat_completions::MaxTokensField::MaxTokens,
            Some(MaxTokensField::MaxCompletionTokens) => chat_completions::MaxTokensField::MaxCompletionTokens,
            None => chat_completions::MaxTokensField::for_base_url(&base_url),
        },
        temperature: llm.temperature,
        extra_body: llm.extra_body.clone(),
        extra_headers: extra_headers.clone().into_iter().collect(),
        connect_timeout: llm.connect_timeout,
        first_token_timeout: llm.first_token_timeout,
        idle_timeout: llm.idle_timeout,
        base_url,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use voice_engines::stt::SttSettings;
    use voice_engines::tts::TtsSettings;

    use super::super::engines::{Wanted, model_set, stt_settings, tts_settings};
    use super::*;

    fn config(settings: &[(&'static str, &'static str)]) -> Config {
        Config::read(&settings.iter().copied().collect::<BTreeMap<_, _>>()).unwrap().0
    }

    #[test]
    fn unset_settings_of_calls_and_engines_are_the_rooms_own_defaults() {
        let config = config(&[]);
        assert_eq!(call_settings(&config), CallSettings::default());
        assert_eq!(stt_settings(&config), SttSettings::default());
        assert_eq!(tts_settings(&config), TtsSettings::default());
        assert_eq!(model_set(&config, Wanted::ALL), voice_engines::weights::ModelSet::DEFAULT);
    }

    #[test]
    fn unset_settings_of_the_carrier_are_the_rooms_own_defaults() {
        // How many calls a machine takes depends on its cores.
        let (set, default) = (telephony_settings(&config(&[("MAX_CALLS", "8")])), TelephonySettings::default());
        assert_eq!(set.public_url, default.public_url);
        assert_eq!(set.trust_proxy, default.trust_proxy);
        assert_eq!(set.max_calls, default.max_calls);
        assert_eq!(set.stream_token_lifetime, default.stream_token_lifetime);
        assert_eq!(set.socket, default.socket);
        assert_eq!(set.signature.allow_unsigned_call_fields, default.signature.allow_unsigned_call_fields);
        assert!(!set.signature.has_keys() && !default.signature.has_keys());
    }

    #[test]
    fn unset_settings_of_the_backend_are_the_rooms_own_defaults() {
        let base_url = "http://127.0.0.1:9";
        let (set, default) = (backend_settings(&config(&[]), base_url.to_owned()), BackendSettings::new(base_url));
        assert_eq!(set.base_url, default.base_url);
        assert_eq!(set.connect_timeout, default.connect_timeout);
        assert_eq!(set.result_max_bytes, default.result_max_bytes);
        assert!(set.token.is_none() && default.token.is_none());
    }

    #[test]
    fn unset_settings_of_the_model_are_the_rooms_own_defaults() {
        let (set, default) = (chat_settings(&config(&[]), LlmVendor::Chat, true), ChatCompletionsSettings::default());
        assert_eq!(set.base_url, default.base_url);
        assert_eq!(set.model, default.model);
        assert_eq!(set.max_tokens, default.max_tokens);
        assert_eq!(set.max_tokens_field, default.max_tokens_field);
        assert_eq!(set.temperature, default.temperature);
        assert_eq!(set.extra_body, default.extra_body);
        assert_eq!(set.connect_timeout, default.connect_timeout);
        assert_eq!(set.first_token_timeout, default.first_token_timeout);
        assert_eq!(set.idle_timeout, default.idle_timeout);
        assert!(set.extra_headers.is_empty() && default.extra_headers.is_empty());
        assert!(set.api_key.is_none() && default.api_key.is_none());
    }

    #[test]
    fn unset_settings_of_deepgram_are_the_rooms_own_defaults() {
        let (set, default) = (deepgram_settings(&config(&[])), DeepgramSettings::default());
        assert!(set.api_key.is_none() && default.api_key.is_none());
        assert_eq!(format!("{set:?}"), format!("{default:?}"));
    }

    #[test]
    fn the_second_server_shares_what_is_not_named_for_it() {
        let config = config(&[
            ("LLM_BASE_URL", "http://127.0.0.1:1/v1"),
            ("LLM_MODEL", "big"),
            ("OPENAI_API_KEY", "one"),
            ("LLM_EXTRA_HEADERS", "api-key=two"),
            ("LLM2_BASE_URL", "http://127.0.0.1:2/v1"),
            ("LLM2_EXTRA_HEADERS", "x-team=voice"),
        ]);
        let second = chat_settings(&config, LlmVendor::Chat2, true);
        assert_eq!(
            (second.name, second.base_url.as_str(), second.model.as_str()),
            ("chat2", "http://127.0.0.1:2/v1", "big")
        );
        assert!(second.api_key.is_none(), "a key is never sent to another server");
        let headers: Vec<_> = second.extra_headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(headers, ["x-team"], "nor is a header");
        assert_eq!(chat_settings(&config, LlmVendor::Chat, true).extra_headers[0].0, "api-key");
    }

    #[test]
    fn what_is_set_reaches_the_rooms() {
        let config = config(&[
            ("PUBLIC_URL", "https://voice.example.com/"),
            ("TWILIO_ACCOUNT_TOKENS", "AC01=one,AC02=two"),
            ("TWILIO_SHARED_KEYS", "SK01=three"),
            ("TWILIO_SKIP_UNSIGNED_FIELDS", "true"),
            ("LLM_BASE_URL", "http://127.0.0.1:11434/v1"),
            ("LLM_EXTRA_BODY", r#"{"seed":1}"#),
            ("LLM_EXTRA_HEADERS", "api-key=four"),
            ("ENDPOINT_SURE", "0.9"),
            ("ENDPOINT_SURE_AFTER", "300ms"),
            ("VAD_PAUSE", "250ms"),
            ("PLAYOUT_LATENCY", "70ms"),
            ("STT_PRE_ROLL", "300ms"),
            ("LOCAL_TTS_QUEUE", "8"),
            ("TOOL_RESULT_MAX", "4KiB"),
        ]);
        let telephony = telephony_settings(&config);
        assert_eq!(telephony.public_url.as_deref(), Some("https://voice.example.com"));
        assert_eq!(telephony.signature.account_tokens.keys().collect::<Vec<_>>(), ["AC01", "AC02"]);
        assert_eq!(telephony.signature.shared_keys.keys().collect::<Vec<_>>(), ["SK01"]);
        assert!(telephony.signature.allow_unsigned_call_fields);
        let chat = chat_settings(&config, LlmVendor::Chat, true);
        assert_eq!(chat.max_tokens_field, chat_completions::MaxTokensField::MaxTokens);
        assert_eq!(chat.extra_body["seed"], 1);
        assert_eq!(chat.extra_headers[0].0, "api-key");
        let call = call_settings(&config);
        assert_eq!((call.policy.sure_probability, call.policy.sure_after.as_millis()), (0.9, 300));
        assert_eq!((call.vad.pause.as_millis(), call.playout.playout_latency.as_millis()), (250, 70));
        assert_eq!(stt_settings(&config).utterance.pre_roll.as_millis(), 300);
        assert_eq!(tts_settings(&config).queue, 8);
        assert_eq!(backend_settings(&config, String::new()).result_max_bytes, 4096);
    }
}
