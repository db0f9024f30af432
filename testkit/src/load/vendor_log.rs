//! What the vendors saw of every turn, told by their observers and recognised by its tag.
//!
//! [`VendorLog::deepgram`] and [`VendorLog::chat`] take everything the fakes tell. Where something
//! happens twice in a turn (a final in two windows, a request that is tried again), the moment that
//! led to the next step counts: the last one before it.

use std::collections::HashMap;
use std::time::Instant;

use super::words::Tag;
use crate::fakes::{chat, deepgram};

/// The vendors' moments of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VendorTurn {
    /// The recogniser sent the last of the sentence.
    pub stt_final: Option<Instant>,
    /// The request for an answer arrived.
    pub llm_request: Option<Instant>,
    /// The answer's first token was sent.
    pub llm_first_token: Option<Instant>,
    /// The reply's first text arrived to be spoken.
    pub tts_text: Option<Instant>,
    /// Its first audio was sent.
    pub tts_first_audio: Option<Instant>,
    /// How many requests there were.
    pub llm_requests: u32,
    /// The request that counts.
    pub(super) request: Option<u64>,
}

/// A vendor a connection was made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Vendor {
    /// The recogniser.
    Stt,
    /// The language model.
    Llm,
    /// The voice.
    Tts,
}

/// What the vendors saw in one row of the measurement.
#[derive(Debug, Default)]
pub struct VendorLog {
    turns: HashMap<Tag, VendorTurn>,
    /// The sentence a recogniser's socket is at.
    sentences: HashMap<u64, Tag>,
    requests: HashMap<u64, Tag>,
    connections: Vec<(Vendor, Instant)>,
    refused: u32,
}

impl VendorLog {
    /// Something the recogniser or the voice saw.
    pub fn deepgram(&mut self, seen: &deepgram::Seen) {
        use deepgram::Seen;
        let at = seen.at().into_std();
        match seen {
            Seen::Listening { .. } => self.connections.push((Vendor::Stt, at)),
            Seen::Speaking { route: deepgram::Route::Speak, .. } => self.connections.push((Vendor::Tts, at)),
            Seen::Refused { .. } => self.refused += 1,
            Seen::SttFinal { conn, text, .. } => {
                if let Some(tag) = Tag::last_in(text) {
                    self.sentences.insert(*conn, tag);
                }
                if let Some(tag) = self.sentences.get(conn) {
                    let turn = self.turns.entry(*tag).or_default();
                    if turn.llm_request.is_none() {
                        turn.stt_final = Some(at);
                    }
                }
            }
            Seen::TtsText { text, .. } => {
                if let Some(turn) = self.turn_of(text) {
                    turn.tts_text.get_or_insert(at);
                }
            }
            Seen::TtsFirstAudio { text, .. } => {
                if let Some(turn) = self.turn_of(text) {
                    turn.tts_first_audio.get_or_insert(at);
                }
            }
            _ => {}
        }
    }

    /// Something the language model saw.
    pub fn chat(&mut self, seen: &chat::Seen) {
        use chat::Seen;
        match seen {
            Seen::Connected { at, .. } => self.connections.push((Vendor::Llm, at.into_std())),
            Seen::Refused { .. } | Seen::Rejected { .. } => self.refused += 1,
            Seen::Request { at, request, body, .. } => {
                let Some(tag) = Tag::last_in(&chat::last_words(body)) else { return };
                self.requests.insert(*request, tag);
                let turn = self.turns.entry(tag).or_default();
                turn.llm_requests += 1;
                if turn.tts_text.is_none() {
                    (turn.llm_request, turn.request) = (Some(at.into_std()), Some(*request));
                }
            }
            Seen::FirstToken { at, request, .. } => {
                let turn = self.requests.get(request).and_then(|tag| self.turns.get_mut(tag));
                if let Some(turn) = turn.filter(|turn| turn.request == Some(*request)) {
                    turn.llm_first_token = Some(at.into_std());
                }
            }
            _ => {}
        }
    }

    /// What is known of a turn.
    pub fn turn(&self, tag: Tag) -> VendorTurn {
        self.turns.get(&tag).copied().unwrap_or_default()
    }

    /// How many connections to a vendor were opened from one moment to another.
    pub fn connections(&self, vendor: Vendor, from: Instant, until: Instant) -> usize {
        self.connections.iter().filter(|(to, at)| *to == vendor && (from..until).contains(at)).count()
    }

    /// How many connections and requests the vendors did not take.
    pub fn refused(&self) -> u32 {
        self.refused
    }

    fn turn_of(&mut self, text: &str) -> Option<&mut VendorTurn> {
        Some(self.turns.entry(Tag::first_in(text)?).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    struct Log {
        log: VendorLog,
        start: Instant,
    }

    impl Log {
        fn new() -> Self {
            Self { log: VendorLog::default(), start: Instant::now() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        fn heard(&mut self, millis: u64, conn: u64, text: &str) {
            let (at, text) = (self.at(millis).into(), Arc::from(text));
            let seen = deepgram::Seen::SttFinal { conn, at, text, from_finalize: true, speech_final: false };
            self.log.deepgram(&seen);
        }

        fn asked(&mut self, millis: u64, request: u64, said: &[&str]) {
            let messages: Vec<_> = said.iter().map(|text| json!({"role": "user", "content": text})).collect();
            let body = Arc::new(json!({"messages": messages}));
            self.log.chat(&chat::Seen::Request { conn: 1, at: self.at(millis).into(), request, body });
        }

        fn answers(&mut self, millis: u64, request: u64) {
            self.log.chat(&chat::Seen::FirstToken { conn: 1, at: self.at(millis).into(), request });
        }

        fn is_given(&mut self, millis: u64, text: &str) {
            let (at, text) = (self.at(millis).into(), Arc::from(text));
            self.log.deepgram(&deepgram::Seen::TtsText { conn: 9, at, text });
        }

        fn speaks(&mut self, millis: u64, text: &str) {
            let (at, text) = (self.at(millis).into(), Arc::from(text));
            self.log.deepgram(&deepgram::Seen::TtsFirstAudio { conn: 9, at, text });
        }

        /// Milliseconds of final, request, first token, text and first audio.
        fn turn(&self, call: u32, turn: u32) -> [Option<u64>; 5] {
            let turn = self.log.turn(Tag { call, turn });
            let moments = [turn.stt_final, turn.llm_request, turn.llm_first_token, turn.tts_text, turn.tts_first_audio];
            moments.map(|at| Some(at?.duration_since(self.start).as_millis() as u64))
        }
    }

    #[test]
    fn follows_turns_of_many_calls_by_their_words() {
        let mut log = Log::new();
        log.heard(10, 1, "c1t0 book a tee time please");
        log.heard(11, 2, "C2t0 book a tee time please.");
        log.asked(12, 1, &["c2t0 book a tee time please"]);
        log.asked(13, 2, &["c1t0 book a tee time please"]);
        log.answers(20, 2);
        log.answers(21, 1);
        log.is_given(22, "c1t0 works for four players,");
        log.is_given(23, "see you at the club then.");
        log.is_given(24, "c2t0 works for four players,");
        log.speaks(30, "c1t0 works for four players,");
        log.speaks(31, "see you at the club then.");
        assert_eq!(log.turn(1, 0), [Some(10), Some(13), Some(20), Some(22), Some(30)]);
        assert_eq!(log.turn(2, 0), [Some(11), Some(12), Some(21), Some(24), None]);
        assert_eq!(log.turn(1, 1), [None; 5]);
    }

    #[test]
    fn a_sentence_in_two_windows_ends_with_the_second() {
        let mut log = Log::new();
        log.heard(10, 1, "c1t0 book a");
        log.heard(15, 2, "c2t0 book a");
        log.heard(20, 1, "tee time please");
        log.asked(21, 1, &["c1t0 book a tee time please"]);
        log.heard(22, 1, "");
        assert_eq!(log.turn(1, 0)[..2], [Some(20), Some(21)]);
        assert_eq!(log.turn(2, 0)[..2], [Some(15), None]);
    }

    #[test]
    fn a_request_that_is_made_again_counts_when_it_leads_to_speech() {
        let mut log = Log::new();
        log.heard(10, 1, "c1t0 book a tee time please");
        log.asked(11, 1, &["c1t0 book a tee time please"]);
        log.asked(50, 2, &["c1t0 book a tee time please"]);
        log.answers(60, 2);
        log.answers(61, 1);
        log.is_given(62, "c1t0 works");
        log.asked(70, 3, &["c1t0 book a tee time please"]);
        log.answers(75, 3);
        assert_eq!(log.turn(1, 0), [Some(10), Some(50), Some(60), Some(62), None]);
        assert_eq!(log.log.turn(Tag { call: 1, turn: 0 }).llm_requests, 3);
    }

    #[test]
    fn the_last_words_of_a_conversation_name_the_turn() {
        let mut log = Log::new();
        log.asked(5, 1, &["c1t0 book a tee time please", "c1t1 move it over to noon please"]);
        assert_eq!(log.turn(1, 0), [None; 5]);
        assert_eq!(log.turn(1, 1)[1], Some(5));
    }

    #[test]
    fn counts_connections_in_a_stretch_of_time() {
        let mut log = Log::new();
        for millis in [10, 20, 30] {
            log.log.deepgram(&deepgram::Seen::Listening { conn: millis, at: log.at(millis).into() });
        }
        let (conn, at) = (4, log.at(25));
        log.log.deepgram(&deepgram::Seen::Speaking { conn, route: deepgram::Route::Speak, at: at.into() });
        log.log.deepgram(&deepgram::Seen::Speaking { conn, route: deepgram::Route::SpeakHttp, at: at.into() });
        log.log.chat(&chat::Seen::Connected { conn, at: at.into() });
        let of = |vendor| log.log.connections(vendor, log.at(20), log.at(30));
        assert_eq!([Vendor::Stt, Vendor::Tts, Vendor::Llm].map(of), [1, 1, 1]);
    }
}
