use bytes::Bytes;
use serde_json::{Value, json};

use super::*;

/// A codec; audio is named by its first byte.
#[derive(Default)]
struct Line {
    codec: Codec,
}

impl Line {
    fn speaks(&mut self, text: &str) -> Vec<Value> {
        let mut out = Vec::new();
        self.codec.encode_speak(text, &mut out);
        out.iter().map(|message| serde_json::from_str(message).unwrap()).collect()
    }

    /// How many messages a cancel sends.
    fn cancels(&mut self) -> usize {
        let mut out = Vec::new();
        self.codec.encode_cancel(&mut out);
        assert!(out.iter().all(|message| message == r#"{"type":"Clear"}"#));
        out.len()
    }

    /// What comes of these messages: a digit is audio, `F` is `Flushed`, `C` is `Cleared`. The end of a
    /// piece is a dot.
    fn reads(&mut self, messages: &str) -> String {
        let mut out = Vec::new();
        for message in messages.chars() {
            let message = match message {
                'F' => Incoming::Text(r#"{"type":"Flushed","sequence_id":0}"#),
                'C' => Incoming::Text(r#"{"type":"Cleared","sequence_id":1}"#),
                audio => Incoming::Binary(Bytes::from(audio.to_string())),
            };
            self.codec.decode(message, &mut out).unwrap();
        }
        let shown = |signal| match signal {
            TtsSignal::Event(TtsEvent::Ulaw(ulaw)) => char::from(ulaw[0]),
            TtsSignal::PieceDone => '.',
            other => panic!("{other:?}"),
        };
        out.into_iter().map(shown).collect()
    }
}

#[test]
fn a_piece_is_text_with_a_space_behind_it_and_a_flush() {
    let mut line = Line::default();
    let speak = json!({"type": "Speak", "text": "He said \"yes\". "});
    assert_eq!(line.speaks(" He said \"yes\".\n"), [speak, json!({"type": "Flush"})]);
    assert_eq!(line.reads("11F"), "11.");
    assert_eq!(line.reads("1F"), "", "nobody asked for it");
}

#[test]
fn a_text_that_is_held_back_for_too_many_flushes_is_an_error_another_socket_can_mend() {
    for code in [r#""code":"EXCESSIVE_FLUSH""#, r#""warn_code":"EXCESSIVE_FLUSH","warn_msg":"too many""#] {
        let warning = format!(r#"{{"type":"Warning",{code}}}"#);
        let mut line = Line::default();
        line.speaks("One.");
        let error = line.codec.decode(Incoming::Text(&warning), &mut Vec::new()).unwrap_err();
        assert!(error.is_retryable() && !error.is_lasting(), "{error:?}");
        line.cancels();
        assert!(line.codec.decode(Incoming::Text(&warning), &mut Vec::new()).is_ok(), "nothing waits for it");
    }
    let mut line = Line::default();
    line.speaks("One.");
    let other = Incoming::Text(r#"{"type":"Warning","code":"SLOW_NETWORK","description":"FLUSH"}"#);
    assert!(line.codec.decode(other, &mut Vec::new()).is_ok());
}

#[test]
fn long_text_is_cut_at_word_ends() {
    let text = ["h\u{e9}llo", "w\u{f6}rld,", "\u{1f3cc}"].repeat(1_500).join(" ");
    let messages = Line::default().speaks(&text);
    let (flush, speaks) = messages.split_last().unwrap();
    assert_eq!(*flush, json!({"type": "Flush"}));
    assert!(speaks.len() > 3);
    let parts: Vec<&str> = speaks.iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert!(parts.iter().all(|part| part.chars().count() <= SPEAK_MAX_CHARS && part.ends_with(' ')));
    assert!(parts[..parts.len() - 1].iter().all(|part| part.chars().count() > SPEAK_MAX_CHARS - 10));
    assert_eq!(parts.concat().trim_end(), text);
}

#[test]
fn a_word_without_an_end_is_cut_where_it_must_be() {
    let lengths = |text: &str| parts(text).map(|part| part.chars().count()).collect::<Vec<_>>();
    assert_eq!(lengths(&"a".repeat(4_000)), [1_999, 1_999, 2]);
    let just_fits = "a".repeat(1_999);
    assert_eq!(lengths(&just_fits), [1_999]);
    assert_eq!(lengths(&format!("{just_fits} b")), [1_999, 1]);
    assert_eq!(lengths("  "), [0; 0]);
}

#[test]
fn what_comes_before_cleared_is_dropped() {
    let mut line = Line::default();
    line.speaks("One.");
    assert_eq!(line.reads("1"), "1");
    assert_eq!(line.cancels(), 1);
    assert_eq!(line.reads("11C1"), "");
    line.speaks("Two.");
    assert_eq!(line.reads("22F"), "22.");
}

#[test]
fn a_piece_asked_for_before_cleared_came_is_heard_whole() {
    let mut line = Line::default();
    line.speaks("One.");
    line.cancels();
    line.speaks("Two.");
    assert_eq!(line.reads("11FC22F"), "22.", "the dropped piece was done before the vendor read of it");
}

#[test]
fn a_flushed_behind_cleared_does_not_end_the_next_piece() {
    let mut line = Line::default();
    line.speaks("One.");
    line.cancels();
    line.speaks("Two.");
    assert_eq!(line.reads("1CF22F"), "22.");
    line.speaks("Three.");
    line.cancels();
    assert_eq!(line.reads("CF"), "", "nor does it end anything when nothing is being spoken");
    line.speaks("Four.");
    assert_eq!(line.reads("4F"), "4.");
}

#[test]
fn two_pieces_dropped_in_a_row_leave_nothing() {
    for arrives in ["1C2C33F", "1FC2FC33F", "1CC33F", "1CF2CF33F", "1FC2CF33F"] {
        let mut line = Line::default();
        for text in ["One.", "Two."] {
            line.speaks(text);
            assert_eq!(line.cancels(), 1);
        }
        line.speaks("Three.");
        assert_eq!(line.reads(arrives), "33.", "{arrives}");
    }
}

#[test]
fn a_flushed_that_never_came_does_not_hold_up_the_pieces_behind_the_next() {
    let mut line = Line::default();
    line.speaks("One.");
    line.cancels();
    assert_eq!(line.reads("1C"), "");
    line.speaks("Two.");
    assert_eq!(line.reads("2F"), "2.");
    line.speaks("Three.");
    assert_eq!(line.reads("F"), ".", "no audio, and no dropped piece to blame");
}

#[test]
fn a_piece_without_words_ends_without_audio() {
    let mut line = Line::default();
    line.speaks("One.");
    line.cancels();
    assert_eq!(line.reads("1C"), "");
    line.speaks("\u{2026}");
    assert_eq!(line.reads("F"), ".");
}

#[test]
fn cancelling_silence_sends_nothing() {
    let mut line = Line::default();
    assert_eq!(line.cancels(), 0);
    line.speaks("One.");
    line.reads("1F");
    assert_eq!(line.cancels(), 0);
    line.speaks("Two.");
    assert_eq!(line.cancels(), 1);
    assert_eq!(line.cancels(), 0);
}

#[test]
fn warnings_are_no_failures_and_failures_keep_their_words_to_themselves() {
    let mut line = Line::default();
    line.speaks("One.");
    let mut read = |message: Value| line.codec.decode(Incoming::Text(&message.to_string()), &mut Vec::new());
    read(json!({"type": "Warning", "code": "SLOW_NETWORK", "description": "Johnson"})).unwrap();
    read(json!({"type": "Warning", "warn_code": "X", "warn_msg": "Johnson"})).unwrap();
    read(json!({"type": "Metadata", "request_id": "x", "additional_model_uuids": ["y"]})).unwrap();
    read(json!({"type": "Brand-new", "code": 7})).unwrap();
    let failed = read(json!({"type": "Error", "code": "NET-0001", "description": "Johnson"})).unwrap_err();
    assert_eq!(failed.to_string(), "deepgram failed: NET-0001");
    assert!(matches!(read(json!(["Flushed"])), Err(VendorError::Malformed { .. })));
    assert_eq!(line.reads("1F"), "1.");
}

#[test]
fn an_agents_voice_is_the_model_when_it_is_one_of_deepgrams() {
    let vendor = DeepgramTts::new(Arc::new(DeepgramSettings::default())).unwrap();
    let url = |model| format!("wss://api.deepgram.com/v1/speak?model={model}&encoding=mulaw&sample_rate=8000");
    assert_eq!(vendor.endpoint("aura-2-orion-en").url, url("aura-2-orion-en"));
    assert_eq!(vendor.endpoint("af_heart").url, url("aura-2-thalia-en"));
    assert_eq!(vendor.endpoint("").url, url("aura-2-thalia-en"));
    let bad = DeepgramSettings { url: "deepgram".to_owned(), ..DeepgramSettings::default() };
    assert!(DeepgramTts::new(Arc::new(bad)).is_err());
}
