//! What operators get for what they set.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::*;

fn read(settings: &[(&'static str, &'static str)]) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    Config::read(&settings.iter().copied().collect::<BTreeMap<_, _>>())
}

fn problems(settings: &[(&'static str, &'static str)]) -> Vec<String> {
    read(settings).unwrap_err().problems.iter().map(Problem::to_string).collect()
}

fn warnings(settings: &[(&'static str, &'static str)]) -> Vec<String> {
    read(settings).unwrap().1.iter().map(Warning::to_string).collect()
}

#[test]
fn nothing_set_gives_the_defaults_without_a_word() {
    let (config, warnings) = read(&[]).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.drain, Duration::from_secs(600));
    assert_eq!(config.llm.vendors(), [LlmVendor::Forms]);
    assert_eq!(config.turn.barge_in_after, Duration::from_millis(240));
    assert_eq!(config.observability.events, EventsTarget::Off);
}

#[test]
fn what_is_set_is_used() {
    let (config, _) = read(&[
        ("LISTEN_ADDR", "0.0.0.0:80"),
        ("TWILIO_AUTH_TOKEN", " 12345 "),
        ("PUBLIC_URL", "https://voice.example.com"),
        ("TRUST_PROXY", "yes"),
        ("LOCAL_STT_MODEL", "base"),
        ("LLM_TEMPERATURE", "0.7"),
        ("ENDPOINT_UNLIKELY_AFTER", "1s"),
        ("EVENTS", "/tmp/calls.jsonl"),
        ("DRAIN_SECONDS", "0"),
    ])
    .unwrap();
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.twilio.auth_token.unwrap().expose_secret(), "12345");
    assert!(config.server.trust_proxy);
    assert_eq!(config.speech.local_stt_model, LocalSttModel::Base);
    assert_eq!(config.llm.temperature, Some(0.7));
    assert_eq!(config.turn.unlikely_after, Duration::from_secs(1));
    assert_eq!(config.observability.events, EventsTarget::File("/tmp/calls.jsonl".into()));
    assert_eq!(config.server.drain, Duration::ZERO);
}

#[test]
fn the_public_url_begins_with_http_or_https() {
    for url in ["https://voice.example.com", "http://10.0.0.1:8080/voice", "HTTPS://voice.example.com"] {
        let (config, _) = read(&[("PUBLIC_URL", url)]).unwrap();
        let url = config.server.public_url.unwrap();
        assert!(url.as_str().starts_with("https://") || url.as_str().starts_with("http://"), "{url}");
    }
    for url in ["wss://voice.example.com", "voice.example.com", "voice.example.com:8080", "//voice.example.com"] {
        assert_eq!(problems(&[("PUBLIC_URL", url)]).len(), 1, "{url}");
    }
}

#[test]
fn an_empty_setting_is_an_unset_one() {
    let (config, _) = read(&[("MAX_CALLS", ""), ("OPENAI_API_KEY", "  "), ("LLM_VENDOR", "")]).unwrap();
    assert_eq!(config.max_calls(2), 16);
    assert_eq!(config.llm.vendors(), [LlmVendor::Forms]);
}

#[test]
fn every_problem_is_reported_at_once_with_what_would_be_right() {
    let found = problems(&[
        ("LISTEN_ADDR", "8080"),
        ("MAX_CALLS", "0"),
        ("BARGE_IN_AFTER", "half"),
        ("TRUST_PROXY", "maybe"),
        ("LLM_VENDOR", "openai"),
        ("STT_VENDOR", "depgram"),
        ("LOG_LEVEL", "voice_gateway=loud"),
        ("EVENTS", "stdot"),
        ("PUBLIC_URL", "voice.example.com"),
        ("TOOL_RESULT_MAX", "1GiB"),
        ("DRAIN_SECONDS", "10m"),
    ]);
    let expected = [
        r#"LISTEN_ADDR is "8080", but must be an IP address with a port, such as 127.0.0.1:8080"#,
        r#"PUBLIC_URL is "voice.example.com", but must be an http or https URL without user or query, such as https://voice.example.com"#,
        r#"TRUST_PROXY is "maybe", but must be true or false"#,
        r#"MAX_CALLS is "0", but must be a number from 1 to 10000"#,
        r#"DRAIN_SECONDS is "10m", but must be a number from 0 to 86400 (seconds)"#,
        r#"TOOL_RESULT_MAX is "1GiB", but must be a size from 1KiB to 1MiB, such as 16KiB"#,
        r#"STT_VENDOR is "depgram", but must be local or deepgram, or several of them in the order in which they stand in for one another, such as local,deepgram"#,
        r#"LLM_VENDOR is "openai", but must be forms or chat or chat2, or several of them in the order in which they stand in for one another, such as forms,chat,chat2"#,
        r#"BARGE_IN_AFTER is "half", but must be a duration from 60ms to 3s, such as 240ms"#,
        r#"LOG_LEVEL is "voice_gateway=loud", but must be a level (error, warn, info, debug, trace) or a filter such as info,voice_gateway=debug"#,
        r#"EVENTS is "stdot", but must be off, stdout or the path of a file, such as /var/log/calls.jsonl"#,
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_report_lists_one_problem_a_line() {
    let errors = read(&[("MAX_CALLS", "0"), ("LOG_PII", "?")]).unwrap_err();
    let report = errors.to_string();
    assert_eq!(report.lines().count(), 3);
    assert!(report.starts_with("2 settings cannot be used\n  MAX_CALLS is \"0\""), "{report}");
}

#[test]
fn a_value_is_shown_short_and_on_one_line() {
    let long: &'static str = "9\n".repeat(500).leak();
    let found = problems(&[("MAX_CALLS", long)]);
    assert!(found[0].len() < 200 && !found[0].contains('\n'), "{found:?}");
}

#[test]
fn secrets_show_nowhere() {
    let secret = [
        ("TWILIO_AUTH_TOKEN", "sk-plain secret", "sk-plain-secret"),
        ("BACKEND_TOKEN", "sk-plain secret", "sk-plain-secret"),
        ("OPENAI_API_KEY", "sk-plain secret", "sk-plain-secret"),
        ("LLM2_API_KEY", "sk-plain secret", "sk-plain-secret"),
        ("DEEPGRAM_API_KEY", "sk-plain secret", "sk-plain-secret"),
        ("TWILIO_ACCOUNT_TOKENS", "AC01:sk-plain", "AC01=sk-plain"),
        ("TWILIO_SHARED_KEYS", "SK01=sk-plain,", "SK01=sk-plain"),
        ("LLM_EXTRA_HEADERS", "api key=sk-plain", "api-key=sk-plain"),
    ];
    for (name, wrong, right) in secret {
        let found = problems(&[(name, wrong)]).join("\n");
        assert!(found.contains(name) && !found.contains("sk-plain"), "{found}");
        let (config, warnings) = read(&[(name, right), ("PUBLIC_URL", "https://voice.example.com")]).unwrap();
        let shown = format!("{config:?} {warnings:?}");
        assert!(!shown.contains("sk-plain"), "{shown}");
    }
}

#[test]
fn a_password_in_a_url_is_refused_and_not_shown() {
    let found = problems(&[("BACKEND_BASE_URL", "https://user:hunter2@example.com")]).join("\n");
    assert!(found.starts_with("BACKEND_BASE_URL has a value that is not shown"), "{found}");
    assert!(!found.contains("hunter2"), "{found}");
}

#[test]
fn local_engines_carry_fewer_calls_than_sockets() {
    let max_calls = |settings: &[_]| read(settings).unwrap().0.max_calls(2);
    let cloud = [("STT_VENDOR", "deepgram"), ("TTS_VENDOR", "deepgram"), ("DEEPGRAM_API_KEY", "k")];
    assert_eq!(max_calls(&[]), 16);
    assert_eq!(max_calls(&cloud), 200);
    assert_eq!(max_calls(&[cloud[0], ("TTS_VENDOR", "deepgram,local"), cloud[2]]), 16);
    assert_eq!(max_calls(&[("MAX_CALLS", "20")]), 20);
}

#[test]
fn recordings_are_off_and_of_a_format_that_this_build_writes() {
    let (config, warnings) = read(&[]).unwrap();
    assert_eq!((config.recordings.folder, config.recordings.format), (None, RecordingFormat::Wav));
    assert!(warnings.iter().all(|warning| warning.name != "RECORDINGS_DIR"));
    let (config, warnings) = read(&[("RECORDINGS_DIR", "calls")]).unwrap();
    assert_eq!(config.recordings.folder, Some("calls".into()));
    assert!(warnings.iter().any(|warning| warning.name == "RECORDINGS_DIR"), "whoever turns it on is told");
    let opus = [("RECORDINGS_FORMAT", "opus")];
    if cfg!(feature = "opus") {
        assert_eq!(read(&opus).unwrap().0.recordings.format, RecordingFormat::Opus);
    } else {
        let problem = problems(&opus).concat();
        assert!(problem.contains("--features opus") && problem.contains("libopus-dev"), "{problem}");
    }
}

#[test]
fn a_key_or_a_server_chooses_the_chat_model_unless_told_otherwise() {
    let vendors = |settings| read(settings).unwrap().0.llm.vendors();
    assert_eq!(vendors(&[("OPENAI_API_KEY", "sk-1")]), [LlmVendor::Chat]);
    assert_eq!(vendors(&[("LLM_BASE_URL", "http://127.0.0.1:11434/v1")]), [LlmVendor::Chat]);
    assert_eq!(vendors(&[("OPENAI_API_KEY", "sk-1"), ("LLM_VENDOR", "forms")]), [LlmVendor::Forms]);
    assert_eq!(
        vendors(&[("OPENAI_API_KEY", "sk-1"), ("LLM_VENDOR", "chat, forms")]),
        [LlmVendor::Chat, LlmVendor::Forms]
    );
    let openai = read(&[("OPENAI_API_KEY", "sk-1")]).unwrap().0.llm.base_url();
    assert_eq!(openai.as_str(), "https://api.openai.com/v1");
}

#[test]
fn a_vendor_without_its_key_or_address_is_a_problem() {
    assert_eq!(
        problems(&[("STT_VENDOR", "deepgram,local"), ("TTS_VENDOR", "deepgram"), ("LLM_VENDOR", "chat2,chat")]),
        [
            "LLM_VENDOR names \"chat\", but neither OPENAI_API_KEY nor LLM_BASE_URL is set",
            "LLM_VENDOR names \"chat2\", but LLM2_BASE_URL is not set",
            "STT_VENDOR names \"deepgram\", but DEEPGRAM_API_KEY is not set",
            "TTS_VENDOR names \"deepgram\", but DEEPGRAM_API_KEY is not set",
        ]
    );
    let own_server = [("STT_VENDOR", "deepgram"), ("DEEPGRAM_URL", "ws://127.0.0.1:8000")];
    assert_eq!(warnings(&own_server), Vec::<String>::new(), "a server of one's own may need no key");
}

#[test]
fn settings_that_contradict_each_other_are_problems() {
    assert_eq!(
        problems(&[("LLM_VENDOR", "chat")]),
        ["LLM_VENDOR names \"chat\", but neither OPENAI_API_KEY nor LLM_BASE_URL is set"]
    );
    assert_eq!(
        problems(&[("ENDPOINT_SURE", "0.4"), ("ADMIN_ADDR", "127.0.0.1:8080")]),
        [
            "ADMIN_ADDR is 127.0.0.1:8080, which is LISTEN_ADDR too",
            "ENDPOINT_LIKELY is 0.5, but must not be above ENDPOINT_SURE (0.4)",
        ]
    );
    assert_eq!(
        problems(&[("LLM_FILLER_AFTER", "9s"), ("LLM_GIVE_UP_AFTER", "8s")]),
        ["LLM_GIVE_UP_AFTER is 8s, but must not be below LLM_FILLER_AFTER (9s)"]
    );
    assert_eq!(
        problems(&[("TOOL_FILLER_AFTER", "9s"), ("TOOL_GIVE_UP_AFTER", "8s")]),
        ["TOOL_GIVE_UP_AFTER is 8s, but must not be below TOOL_FILLER_AFTER (9s)"]
    );
}

#[test]
fn both_addresses_may_ask_for_any_free_port() {
    assert!(read(&[("LISTEN_ADDR", "127.0.0.1:0"), ("ADMIN_ADDR", "127.0.0.1:0")]).is_ok());
}

#[test]
fn a_misspelt_name_is_pointed_out() {
    let found = warnings(&[("LISTEN_ADR", "127.0.0.1:1"), ("PATH", "/bin"), ("TWILIO_ACCOUNT_SID", "AC")]);
    assert_eq!(found, ["LISTEN_ADR is not a setting; did you mean LISTEN_ADDR?"]);
}

#[test]
fn a_token_without_a_public_url_is_pointed_out() {
    for (name, value) in
        [("TWILIO_AUTH_TOKEN", "t"), ("TWILIO_ACCOUNT_TOKENS", "AC01=t"), ("TWILIO_SHARED_KEYS", "k=t")]
    {
        assert_eq!(warnings(&[(name, value)]).len(), 1, "{name}");
    }
    assert!(warnings(&[("TWILIO_AUTH_TOKEN", "t"), ("TRUST_PROXY", "true")]).is_empty());
}

#[test]
fn every_name_is_declared_once() {
    let names = names();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let in_the_manual = manual::sections().iter().map(|section| section.entries.len()).sum::<usize>();
    assert_eq!(names.len(), in_the_manual);
}

#[test]
fn every_default_is_accepted_when_it_is_written_out() {
    for entry in manual::sections().iter().flat_map(|section| &section.entries) {
        let Some(default) = &entry.default else { continue };
        let environment = BTreeMap::from([(entry.name, default.as_str())]);
        assert!(Config::read(&environment).is_ok(), "{} = {default}", entry.name);
    }
}
