//! The messages of the scripts cut, bent, repeated and out of order, and plain noise: no codec may panic,
//! say what is no answer to what it was asked, or keep more than it promises.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use voice_pipeline::turn::PauseId;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::llm::LlmEvent;
use voice_pipeline::vendors::llm::chat_completions::Answer;
use voice_pipeline::vendors::socket::Incoming;
use voice_pipeline::vendors::stt::deepgram::DeepgramStt;
use voice_pipeline::vendors::stt::{SttEvent, SttVendor, UTTERANCE_MAX_BYTES};
use voice_pipeline::vendors::tts::deepgram::DeepgramTts;
use voice_pipeline::vendors::tts::{TtsSignal, TtsVendor};

use crate::deepgram::{LISTEN, SPEAK};
use crate::session::server_texts;

static LISTENED: LazyLock<Vec<String>> = LazyLock::new(|| server_texts(LISTEN));
static SPOKEN: LazyLock<Vec<String>> = LazyLock::new(|| server_texts(SPEAK));
static ANSWERED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let file: Value = serde_json::from_str(include_str!("../../fixtures/llm/chat_completions.json")).unwrap();
    let bodies = file["cases"].as_array().unwrap().iter().map(|case| case["body"].as_str().unwrap());
    bodies.flat_map(|body| body.lines().filter_map(|line| line.strip_prefix("data: "))).map(str::to_owned).collect()
});

/// What happens to a codec.
#[derive(Debug, Clone)]
enum Act {
    Text(String),
    Binary(Vec<u8>),
    /// The first and second thing our side may ask of it, and giving that up.
    Ask,
    Drop,
    GiveUp,
}

/// Any value in the place of another.
fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        select(vec![0.0, -1.0, 1e300, -1e300, 1e-300]).prop_map(Value::from),
        "[a-z\u{e9} \"\\\\]{0,12}".prop_map(Value::from),
        Just(json!("w\u{f6}rd ".repeat(4_000))),
        Just(json!([])),
        Just(json!({})),
        Just(json!([0, 1])),
        Just(json!({"alternatives": [{"transcript": "x"}, 7]})),
    ]
}

/// The field at the end of a path replaced.
fn bent(message: &str, path: &[Index], value: Value) -> String {
    fn put(field: &mut Value, path: &[Index], value: Value) {
        let inner = match (&mut *field, path.first()) {
            (Value::Object(map), Some(at)) if !map.is_empty() => {
                let at = at.index(map.len());
                map.values_mut().nth(at)
            }
            (Value::Array(items), Some(at)) if !items.is_empty() => {
                let at = at.index(items.len());
                items.get_mut(at)
            }
            _ => None,
        };
        match inner {
            Some(inner) => put(inner, &path[1..], value),
            None => *field = value,
        }
    }
    let Ok(mut document) = serde_json::from_str(message) else { return message.to_owned() };
    put(&mut document, path, value);
    document.to_string()
}

/// Every text of more than one word said again and again.
fn swollen(message: &str, times: usize) -> String {
    fn swell(field: &mut Value, times: usize) {
        match field {
            Value::Object(map) => map.values_mut().for_each(|inner| swell(inner, times)),
            Value::Array(items) => items.iter_mut().for_each(|inner| swell(inner, times)),
            Value::String(text) if text.trim().contains(' ') => *text = format!("{text} ").repeat(times),
            _ => {}
        }
    }
    let Ok(mut document) = serde_json::from_str(message) else { return message.to_owned() };
    swell(&mut document, times);
    document.to_string()
}

/// A message of `known`, whole or spoilt, or noise.
fn texts(known: &'static [String]) -> impl Strategy<Value = String> {
    let message = || select(known);
    prop_oneof![
        4 => message(),
        4 => (message(), vec(any::<Index>(), 1..7), values())
            .prop_map(|(message, path, value)| bent(&message, &path, value)),
        1 => (message(), select(vec![2, 1_000, 5_000])).prop_map(|(message, times)| swollen(&message, times)),
        1 => (message(), any::<Index>()).prop_map(|(message, at)| {
            String::from_utf8_lossy(&message.as_bytes()[..at.index(message.len())]).into_owned()
        }),
        1 => (message(), any::<Index>(), any::<u8>()).prop_map(|(message, at, byte)| {
            let mut bytes = message.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            String::from_utf8_lossy(&bytes).into_owned()
        }),
        1 => any::<String>(),
        1 => vec(any::<u8>(), 0..200).prop_map(|noise| String::from_utf8_lossy(&noise).into_owned()),
    ]
}

/// Messages in any order, some of them twice, and what our side does between them.
fn acts(known: &'static [String]) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (texts(known), 1_usize..3).prop_map(|(text, times)| vec![Act::Text(text); times]),
        1 => vec(any::<u8>(), 0..400).prop_map(|noise| vec![Act::Binary(noise)]),
        2 => Just(vec![Act::Ask]),
        1 => Just(vec![Act::Drop]),
        1 => Just(vec![Act::GiveUp]),
    ];
    vec(act, 0..40).prop_map(|acts| acts.concat())
}

fn tells_nothing_said(error: &VendorError) -> bool {
    let shown = format!("{error} {error:?}");
    !["Saturday", "reservation", "players", "w\u{f6}rd"].iter().any(|word| shown.contains(word))
}

proptest! {
    #[test]
    fn a_recogniser_may_send_anything(acts in acts(&LISTENED)) {
        let mut codec = DeepgramStt::new(Arc::new(DeepgramSettings::default())).unwrap().codec();
        let (mut asked, mut answered, mut told) = (0, 0, String::new());
        for act in acts {
            let mut out = Vec::new();
            let result = match act {
                Act::Text(text) => codec.decode(Incoming::Text(&text), &mut out),
                Act::Binary(noise) => {
                    codec.encode_audio(&noise);
                    codec.decode(Incoming::Binary(Bytes::from(noise)), &mut out)
                }
                Act::Ask => {
                    asked += 1;
                    codec.encode_pause(PauseId(asked));
                    prop_assert_eq!(codec.awaited(), Some(PauseId(asked)));
                    Ok(())
                }
                Act::Drop => {
                    codec.committed();
                    told.clear();
                    Ok(())
                }
                Act::GiveUp => {
                    codec.give_up_awaited(&mut out);
                    prop_assert_eq!(codec.awaited(), None);
                    Ok(())
                }
            };
            prop_assert!(result.err().is_none_or(|error| tells_nothing_said(&error)));
            prop_assert!(out.len() <= 2);
            for event in out {
                let (SttEvent::Interim(text) | SttEvent::Settled { text, .. } | SttEvent::Final { text, .. }) = &event
                else {
                    panic!("no codec says {event:?}");
                };
                prop_assert!(text.len() <= UTTERANCE_MAX_BYTES);
                match event {
                    SttEvent::Final { pause: Some(PauseId(pause)), text } => {
                        prop_assert!(pause == asked && pause > answered, "only the newest pause is answered, and once");
                        (answered, told) = (pause, text);
                    }
                    SttEvent::Final { pause: None, text } => {
                        prop_assert!(text != told, "no final says the same again");
                        told = text;
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_voice_may_send_anything(acts in acts(&SPOKEN)) {
        let mut codec = DeepgramTts::new(Arc::new(DeepgramSettings::default())).unwrap().codec();
        let mut is_speaking = false;
        for act in acts {
            let mut out = Vec::new();
            let result = match act {
                Act::Text(text) => codec.decode(Incoming::Text(&text), &mut out),
                Act::Binary(noise) => codec.decode(Incoming::Binary(Bytes::from(noise)), &mut out),
                Act::Ask if !is_speaking => {
                    codec.encode_speak("Good morning.", &mut Vec::new());
                    is_speaking = true;
                    Ok(())
                }
                Act::Ask | Act::GiveUp => Ok(()),
                Act::Drop => {
                    let mut sent = Vec::new();
                    codec.encode_cancel(&mut sent);
                    prop_assert_eq!(sent.len(), usize::from(is_speaking));
                    is_speaking = false;
                    Ok(())
                }
            };
            prop_assert!(result.err().is_none_or(|error| tells_nothing_said(&error)));
            prop_assert!(out.len() <= 1);
            for signal in out {
                prop_assert!(is_speaking, "nothing is heard that was not asked for");
                is_speaking = signal != TtsSignal::PieceDone;
            }
        }
    }

    #[test]
    fn a_model_may_send_anything(texts in vec(texts(&ANSWERED), 0..40), as_document in any::<Index>()) {
        let (mut answer, mut out, mut is_over) = (Answer::default(), Vec::new(), false);
        for text in &texts {
            let before = out.len();
            let result = answer.handle_data(text, &mut out);
            prop_assert!(!is_over || (out.len() == before && result.is_ok()), "nothing follows the end");
            is_over |= result.is_err() || out.last().is_some_and(|event| matches!(event, LlmEvent::Done(_)));
        }
        let ends = answer.handle_end(&mut out);
        prop_assert!(!is_over || ends.is_ok());
        let done = out.iter().filter(|event| matches!(event, LlmEvent::Done(_))).count();
        prop_assert!(done <= 1);
        if let Some(document) = texts.get(as_document.index(texts.len().max(1))) {
            let _ = Answer::default().handle_document(document.as_bytes(), &mut Vec::new());
        }
    }
}
