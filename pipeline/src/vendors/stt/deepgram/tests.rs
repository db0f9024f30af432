use serde_json::{Value, json};

use super::super::utterance::UTTERANCE_MAX_BYTES;
use super::*;

const P1: PauseId = PauseId(1);
const P2: PauseId = PauseId(2);

/// A codec and what came out of it.
#[derive(Default)]
pub(super) struct Line {
    codec: Codec,
}

impl Line {
    pub(super) fn reads(&mut self, message: &Value) -> Vec<SttEvent> {
        let mut out = Vec::new();
        self.codec.decode(Incoming::Text(&message.to_string()), &mut out).unwrap();
        out
    }

    /// Sends so much audio and then the pause.
    pub(super) fn pauses(&mut self, pause: PauseId, audio_ms: usize) {
        self.codec.encode_audio(&vec![0xff; audio_ms * 8]);
        assert_eq!(self.codec.encode_pause(pause), Some(Outgoing::Text(r#"{"type":"Finalize"}"#)));
    }

    pub(super) fn gives_up(&mut self) -> Vec<SttEvent> {
        let mut out = Vec::new();
        self.codec.give_up_awaited(&mut out);
        out
    }
}

/// A result with words of half a second each.
pub(super) fn result(start: f64, duration: f64, text: &str, flags: &[&str]) -> Value {
    let word = |(at, word): (usize, &str)| {
        let start = start + 0.5 * f64::from(u32::try_from(at).unwrap());
        json!({"word": word.to_lowercase(), "punctuated_word": word, "start": start, "end": start + 0.4})
    };
    let words: Vec<_> = text.split_whitespace().enumerate().map(word).collect();
    let mut message = json!({
        "type": "Results", "start": start, "duration": duration, "is_final": false,
        "channel": {"alternatives": [{"transcript": text, "confidence": 0.9, "words": words}]},
    });
    for flag in flags {
        message[flag] = json!(true);
    }
    message
}

fn utterance_end() -> Value {
    json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 2.5})
}

pub(super) fn interim(text: &str) -> SttEvent {
    SttEvent::Interim(text.to_owned())
}

pub(super) fn settled(text: &str, audio_ms: u64) -> SttEvent {
    SttEvent::Settled { text: text.to_owned(), audio: Duration::from_millis(audio_ms) }
}

fn last(pause: Option<PauseId>, text: &str) -> SttEvent {
    SttEvent::Final { pause, text: text.to_owned() }
}

#[test]
fn a_long_utterance_is_joined_from_its_windows() {
    let mut line = Line::default();
    assert_eq!(line.reads(&result(0.0, 1.0, "book me", &[])), [interim("book me")]);
    assert_eq!(
        line.reads(&result(0.0, 2.0, "Book me a tee time", &["is_final"])),
        [settled("Book me a tee time", 2_000), interim("Book me a tee time")],
        "what was settled and not guessed is news"
    );
    assert_eq!(line.reads(&result(2.0, 1.0, "for Saturday.", &[])), [interim("Book me a tee time for Saturday.")]);
    assert_eq!(
        line.reads(&result(2.0, 1.5, "for Saturday.", &["is_final", "speech_final"])),
        [settled("Book me a tee time for Saturday.", 3_500), last(None, "Book me a tee time for Saturday.")]
    );
    assert_eq!(line.reads(&utterance_end()), [], "the same end again");
    assert_eq!(line.reads(&result(3.5, 1.0, "", &["is_final"])), [settled("Book me a tee time for Saturday.", 4_500)]);
}

#[test]
fn silence_is_settled_and_otherwise_nothing() {
    let mut line = Line::default();
    assert_eq!(line.reads(&result(0.0, 1.0, "", &[])), []);
    assert_eq!(line.reads(&result(0.0, 2.0, "", &["is_final", "speech_final"])), [settled("", 2_000)]);
    assert_eq!(line.reads(&utterance_end()), []);
    assert_eq!(line.reads(&json!({"type": "SpeechStarted", "channel": [0, 1], "timestamp": 2})), []);
    assert_eq!(line.reads(&json!({"type": "Metadata", "duration": 2.0})), []);
}

#[test]
fn a_guess_that_comes_to_nothing_is_taken_back() {
    let mut line = Line::default();
    line.reads(&result(0.0, 1.0, "you", &[]));
    assert_eq!(line.reads(&result(0.0, 1.2, "", &[])), [interim("")]);
    line.reads(&result(0.0, 1.4, "you", &[]));
    assert_eq!(line.reads(&result(0.0, 2.0, "", &["is_final"])), [settled("", 2_000), interim("")]);
}

#[test]
fn in_noise_the_gap_behind_the_last_word_ends_the_utterance_once() {
    let mut line = Line::default();
    line.reads(&result(0.0, 3.0, "Cancel my reservation", &["is_final"]));
    assert_eq!(line.reads(&utterance_end()), [last(None, "Cancel my reservation")]);
    assert_eq!(line.reads(&utterance_end()), []);
}

#[test]
fn an_utterance_that_goes_on_after_a_final_is_told_whole() {
    let mut line = Line::default();
    line.reads(&result(0.0, 1.0, "Two players.", &["is_final", "speech_final"]));
    assert_eq!(line.reads(&result(1.0, 1.0, "and", &[])), [interim("Two players. and")]);
    let ends = result(1.0, 2.0, "And a cart.", &["is_final", "speech_final"]);
    assert_eq!(line.reads(&ends), [settled("Two players. And a cart.", 3_000), last(None, "Two players. And a cart.")]);
}

#[test]
fn a_window_that_is_settled_twice_counts_once() {
    let mut line = Line::default();
    let yes = result(0.0, 1.0, "Yes.", &["is_final", "speech_final"]);
    assert_eq!(line.reads(&yes), [settled("Yes.", 1_000), last(None, "Yes.")]);
    assert_eq!(line.reads(&yes), [settled("Yes.", 1_000)]);
    line.codec.committed();
    assert_eq!(line.reads(&yes), [settled("", 1_000)]);
    let again = result(1.0, 1.0, "Yes.", &["is_final", "speech_final"]);
    assert_eq!(line.reads(&again), [settled("Yes.", 2_000), last(None, "Yes.")]);
}

#[test]
fn an_answer_that_comes_twice_answers_once() {
    let mut line = Line::default();
    line.pauses(P1, 1_000);
    let answer = result(0.0, 1.0, "Yes.", &["is_final", "from_finalize"]);
    assert_eq!(line.reads(&answer), [settled("Yes.", 1_000), last(Some(P1), "Yes.")]);
    line.pauses(P2, 1_000);
    assert_eq!(line.reads(&answer), [settled("Yes.", 1_000)]);
    assert_eq!(line.codec.awaited(), Some(P2));
}

#[test]
fn a_pause_is_answered_with_or_without_words() {
    let mut line = Line::default();
    line.pauses(P1, 1_000);
    assert_eq!(line.codec.awaited(), Some(P1));
    let nothing = result(0.0, 1.0, "", &["is_final", "from_finalize"]);
    assert_eq!(line.reads(&nothing), [settled("", 1_000), last(Some(P1), "")]);
    assert_eq!(line.codec.awaited(), None);
    line.pauses(P2, 1_000);
    let words = result(1.0, 1.0, "At eight.", &["is_final", "from_finalize", "speech_final"]);
    assert_eq!(line.reads(&words), [settled("At eight.", 2_000), last(Some(P2), "At eight.")]);
    assert_eq!(line.reads(&utterance_end()), []);
}

#[test]
fn an_answer_repeats_a_final_that_was_told_before_the_pause() {
    let mut line = Line::default();
    line.reads(&result(0.0, 1.0, "Yes.", &["is_final", "speech_final"]));
    line.pauses(P1, 1_200);
    let answer = result(1.0, 0.2, "", &["is_final", "from_finalize"]);
    assert_eq!(line.reads(&answer), [settled("Yes.", 1_200), last(Some(P1), "Yes.")]);
}

#[test]
fn a_final_of_deepgrams_own_ends_the_wait_and_the_late_answer_adds_words_only() {
    let mut line = Line::default();
    line.pauses(P1, 1_400);
    line.reads(&result(0.0, 1.2, "At eight", &["is_final", "speech_final"]));
    assert_eq!(line.codec.awaited(), None);
    assert_eq!(line.gives_up(), []);
    let empty = result(1.2, 0.2, "", &["is_final", "from_finalize"]);
    assert_eq!(line.reads(&empty), [settled("At eight", 1_400)], "nothing new");
    line.pauses(P2, 1_000);
    line.reads(&result(1.4, 0.5, "please", &["is_final", "speech_final"]));
    let more = result(1.9, 0.5, "Joe.", &["is_final", "from_finalize"]);
    assert_eq!(line.reads(&more), [settled("At eight please Joe.", 2_400), last(None, "At eight please Joe.")]);
}

#[test]
fn a_final_without_news_does_not_end_the_wait() {
    let mut line = Line::default();
    line.reads(&result(0.0, 1.0, "Yes.", &["is_final", "speech_final"]));
    line.pauses(P1, 1_200);
    assert_eq!(line.reads(&utterance_end()), []);
    assert_eq!(line.codec.awaited(), Some(P1));
}

#[test]
fn the_late_answer_to_an_older_pause_is_not_the_newer_ones() {
    let mut line = Line::default();
    line.pauses(P1, 1_000);
    line.pauses(P2, 1_500);
    let older = result(0.0, 1.02, "Two", &["is_final", "from_finalize"]);
    assert_eq!(line.reads(&older), [settled("Two", 1_020), interim("Two")]);
    assert_eq!(line.codec.awaited(), Some(P2));
    let newer = result(1.02, 1.5, "players.", &["is_final", "from_finalize"]);
    assert_eq!(line.reads(&newer), [settled("Two players.", 2_520), last(Some(P2), "Two players.")]);
}

#[test]
fn a_pause_whose_elder_was_never_answered_gets_its_answer() {
    let mut line = Line::default();
    line.pauses(P1, 1_000);
    line.pauses(P2, 1_500);
    let newer = result(0.0, 2.48, "Two players.", &["is_final", "from_finalize"]);
    assert_eq!(line.reads(&newer), [settled("Two players.", 2_480), last(Some(P2), "Two players.")]);
}

#[test]
fn the_answer_to_a_pause_that_was_answered_otherwise_is_not_the_next_ones() {
    let mut line = Line::default();
    line.pauses(P1, 1_000);
    line.reads(&result(0.0, 0.8, "Two", &["is_final", "speech_final"]));
    line.pauses(P2, 1_500);
    let late = result(0.8, 0.2, "", &["is_final", "from_finalize"]);
    assert_eq!(line.reads(&late), [settled("Two", 1_000)]);
    assert_eq!(line.codec.awaited(), Some(P2));
}

#[test]
fn an_answer_that_does_not_come_is_what_is_known() {
    let mut line = Line::default();
    line.reads(&result(0.0, 1.0, "Two players", &["is_final"]));
    line.reads(&result(1.0, 0.5, "and", &[]));
    line.pauses(P1, 1_500);
    assert_eq!(line.gives_up(), [last(Some(P1), "Two players and")]);
    assert_eq!(line.gives_up(), []);
    let late = result(1.0, 0.5, "and", &["is_final", "from_finalize"]);
    assert_eq!(line.reads(&late), [settled("Two players and", 1_500)], "it says nothing new");
}

#[test]
fn a_committed_utterance_does_not_come_back() {
    let mut line = Line::default();
    line.reads(&result(0.0, 1.0, "Book me", &["is_final"]));
    line.reads(&result(1.0, 1.0, "for Saturday", &[]));
    line.pauses(P1, 2_000);
    line.gives_up();
    line.codec.committed();
    assert_eq!(line.reads(&result(1.0, 1.1, "For Saturday.", &[])), [], "guessed at before, forgotten now");
    assert_eq!(
        line.reads(&result(1.0, 2.0, "For Saturday. At nine.", &["is_final"])),
        [settled("At nine.", 3_000), interim("At nine.")],
        "what the caller said since then is kept"
    );
    line.codec.committed();
    assert_eq!(
        line.reads(&result(3.0, 1.0, "Thanks.", &["is_final", "speech_final"])),
        [settled("Thanks.", 4_000), last(None, "Thanks.")]
    );
}

#[test]
fn a_commit_before_the_answer_ends_the_wait() {
    let mut line = Line::default();
    line.reads(&result(0.0, 1.0, "Yes.", &["is_final", "speech_final"]));
    line.pauses(P1, 1_200);
    line.codec.committed();
    assert_eq!(line.codec.awaited(), None);
    assert_eq!(line.reads(&result(1.0, 0.2, "", &["is_final", "from_finalize"])), [settled("", 1_200)]);
}

#[test]
fn without_word_times_a_guessed_window_is_forgotten_whole() {
    let without_words = |mut message: Value| {
        message["channel"]["alternatives"][0]["words"] = Value::Null;
        message
    };
    let mut line = Line::default();
    line.reads(&result(0.0, 1.0, "for Saturday", &[]));
    line.codec.committed();
    let same = without_words(result(0.0, 1.0, "For Saturday.", &["is_final"]));
    assert_eq!(line.reads(&same), [settled("", 1_000)]);
    let longer = without_words(result(0.0, 1.5, "For Saturday at nine.", &["is_final"]));
    assert_eq!(line.reads(&longer)[0], settled("For Saturday at nine.", 1_500));
}

#[test]
fn an_utterance_has_an_end_however_much_is_sent() {
    let mut line = Line::default();
    let words = "word ".repeat(1_000);
    for second in 0..40 {
        for event in line.reads(&result(f64::from(second), 1.0, words.trim(), &["is_final", "speech_final"])) {
            let (SttEvent::Settled { text, .. } | SttEvent::Interim(text) | SttEvent::Final { text, .. }) = event
            else {
                panic!("{event:?}");
            };
            assert!(text.len() <= UTTERANCE_MAX_BYTES);
        }
    }
    line.pauses(P1, 0);
    let [SttEvent::Final { text, .. }] = &line.gives_up()[..] else { panic!("no final") };
    assert!(text.len() > UTTERANCE_MAX_BYTES - 8);
}
