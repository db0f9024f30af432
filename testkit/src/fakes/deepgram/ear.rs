//! What is heard in a stream of audio: windows of words, the ends of speech.
//!
//! [`Ear`] is told audio and the client's wishes, and appends what the vendor would say. Its only
//! clock is the stream's: a stream that stops makes nothing end. How long an answer takes is up to
//! its driver.
//!
//! What always holds:
//! - windows follow each other without gaps or overlaps; an interim repeats its whole window so far;
//! - each word is in exactly one final, unless finals are planned to come twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::query::ListenQuery;
use super::{DeepgramPlan, Endpointing};
use crate::fakes::speech::{FRAME_BYTES, WordReader, audio_bytes, is_voice};

/// Voice without marks that makes a segment of a scripted text: clicks are shorter.
const SCRIPT_AFTER: u64 = 800;
/// From one scripted word to the next.
const SCRIPT_WORD: u64 = 2_400;
/// Silence that ends speech where endpointing is off, so that speech can start again.
const SPEECH_GAP: u64 = 8_000;

/// What the vendor says. Times are samples at 8 kHz since the begin of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// A window of audio.
    Results(Results),
    /// Speech began.
    SpeechStarted { at: u64 },
    /// No word for long enough.
    UtteranceEnd { last_word_end: u64 },
}

/// A window of audio.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Results {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) words: Vec<Word>,
    pub(super) is_final: bool,
    pub(super) speech_final: bool,
    pub(super) from_finalize: bool,
}

/// A word in its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Why a window ends.
#[derive(Clone, Copy, PartialEq)]
enum Cause {
    Full,
    Silence,
    Finalize,
    EndOfStream,
}

/// One listener.
pub(super) struct Ear {
    numbers: Numbers,
    reader: WordReader,
    /// Audio that is not yet a whole frame.
    frame: Vec<u8>,
    clock: u64,
    window_start: u64,
    last_interim: u64,
    /// The words of the window.
    words: Vec<Word>,
    /// Speech that has not ended.
    speech: Option<Speech>,
    /// The end of the last word of a final, until an `UtteranceEnd` told it.
    last_word_end: Option<u64>,
    /// Scripted texts already heard.
    recited: usize,
}

struct Speech {
    since: u64,
    last_voice: u64,
    voiced: u64,
    marked: bool,
    /// The scripted words to come; `None` as long as no text was taken.
    script: Option<VecDeque<String>>,
}

/// The plan and the query in samples.
struct Numbers {
    plan: Arc<DeepgramPlan>,
    interims: Option<u64>,
    endpointing: Option<u64>,
    utterance_end: Option<u64>,
    max_window: u64,
    vad_events: bool,
}

impl Numbers {
    fn new(query: &ListenQuery, plan: Arc<DeepgramPlan>) -> Self {
        let endpointing = match plan.stt.endpointing.unwrap_or(query.endpointing) {
            Endpointing::Off => None,
            Endpointing::After(silence) => Some(samples(silence)),
        };
        Self {
            interims: query.interim_results.then(|| samples(plan.stt.interim_every)),
            endpointing,
            utterance_end: query.utterance_end.map(samples),
            max_window: samples(plan.stt.max_window),
            vad_events: query.vad_events,
            plan,
        }
    }
}

impl Ear {
    pub(super) fn new(query: &ListenQuery, plan: Arc<DeepgramPlan>) -> Self {
        Self {
            numbers: Numbers::new(query, plan),
            reader: WordReader::default(),
            frame: Vec::with_capacity(FRAME_BYTES),
            clock: 0,
            window_start: 0,
            last_interim: 0,
            words: Vec::new(),
            speech: None,
            last_word_end: None,
            recited: 0,
        }
    }

    /// Goes on by another plan.
    pub(super) fn change_plan(&mut self, query: &ListenQuery, plan: Arc<DeepgramPlan>) {
        self.numbers = Numbers::new(query, plan);
    }

    /// How much was heard.
    pub(super) fn heard(&self) -> u64 {
        self.clock + self.frame.len() as u64
    }

    /// Takes the next μ-law audio.
    pub(super) fn hear(&mut self, audio: &[u8], said: &mut Vec<Said>) {
        let mut rest = audio;
        if !self.frame.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(FRAME_BYTES - self.frame.len()));
            self.frame.extend_from_slice(head);
            rest = tail;
            if self.frame.len() == FRAME_BYTES {
                self.hear_rest_of_frame(said);
            }
        }
        let frames = rest.chunks_exact(FRAME_BYTES);
        self.frame.extend_from_slice(frames.remainder());
        for frame in frames {
            self.hear_frame(frame, said);
        }
    }

    /// Transcribes what there is, because the client asks for it.
    pub(super) fn finalize(&mut self, said: &mut Vec<Said>) {
        self.hear_rest_of_frame(said);
        let stt = &self.numbers.plan.stt;
        if stt.answers_finalize && (self.clock > self.window_start || stt.answers_empty_finalize) {
            self.end_window(Cause::Finalize, said);
        }
    }

    /// Transcribes what is left.
    pub(super) fn finish(&mut self, said: &mut Vec<Said>) {
        self.hear_rest_of_frame(said);
        if self.clock > self.window_start {
            self.end_window(Cause::EndOfStream, said);
        }
    }

    fn hear_rest_of_frame(&mut self, said: &mut Vec<Said>) {
        let frame = std::mem::take(&mut self.frame);
        if !frame.is_empty() {
            self.hear_frame(&frame, said);
        }
        self.frame = frame;
        self.frame.clear();
    }

    fn hear_frame(&mut self, frame: &[u8], said: &mut Vec<Said>) {
        let words_before = self.words.len();
        let words = &mut self.words;
        self.reader.push(frame, |heard| {
            let end = heard.at + audio_bytes(&heard.word) as u64;
            words.push(Word { text: heard.word, start: heard.at, end });
        });
        let started = self.clock;
        self.clock += frame.len() as u64;
        if is_voice(frame) {
            self.hear_voice(started, frame.len() as u64, said);
        }
        if let Some(speech) = &mut self.speech {
            speech.marked |= self.words.len() > words_before;
        }
        self.recite();
        self.look_at_the_clock(said);
    }

    fn hear_voice(&mut self, started: u64, length: u64, said: &mut Vec<Said>) {
        let vad_events = self.numbers.vad_events;
        let speech = self.speech.get_or_insert_with(|| {
            if vad_events {
                said.push(Said::SpeechStarted { at: started });
            }
            Speech { since: started, last_voice: started, voiced: 0, marked: false, script: None }
        });
        speech.voiced += length;
        speech.last_voice = self.clock;
    }

    /// Hears the next scripted word if it is due.
    fn recite(&mut self) {
        let Some(speech) = &mut self.speech else { return };
        let texts = &self.numbers.plan.stt.scripted;
        if speech.marked || speech.voiced < SCRIPT_AFTER {
            return;
        }
        if speech.script.is_none()
            && let Some(text) = texts.get(self.recited)
        {
            self.recited += 1;
            speech.script = Some(text.split_whitespace().map(str::to_owned).collect());
        }
        let Some(script) = &mut speech.script else { return };
        let start = self.words.last().map_or(self.window_start, |word| word.start + SCRIPT_WORD).max(speech.since);
        if start < speech.last_voice
            && let Some(text) = script.pop_front()
        {
            self.words.push(Word { text, start, end: start + SCRIPT_WORD });
        }
    }

    /// Hears the rest of a scripted text, because its segment is over.
    fn recite_the_rest(&mut self) {
        let Some(speech) = &mut self.speech else { return };
        let from = self.words.last().map_or(speech.since.max(self.window_start), |word| word.end.min(self.clock));
        for text in speech.script.take().unwrap_or_default() {
            self.words.push(Word { text, start: from, end: self.clock });
        }
    }

    fn look_at_the_clock(&mut self, said: &mut Vec<Said>) {
        let quiet = self.speech.as_ref().map(|speech| self.clock - speech.last_voice);
        // In speech only what is spoken fills a window, not the silence before it.
        let filling_since = self.speech.as_ref().map_or(0, |speech| speech.since).max(self.window_start);
        match (quiet, self.numbers.endpointing) {
            (Some(quiet), Some(silence)) if quiet > 0 && quiet >= silence => self.end_window(Cause::Silence, said),
            (Some(SPEECH_GAP..), None) => {
                self.recite_the_rest();
                self.speech = None;
            }
            _ if self.clock - filling_since >= self.numbers.max_window => self.end_window(Cause::Full, said),
            _ => {}
        }
        if self.numbers.interims.is_some_and(|every| self.clock - self.last_interim >= every) {
            self.interim(said);
        }
        if let (Some(gap), Some(last_word_end), []) = (self.numbers.utterance_end, self.last_word_end, &*self.words)
            && self.clock >= last_word_end + gap
        {
            self.last_word_end = None;
            said.push(Said::UtteranceEnd { last_word_end });
        }
    }

    fn interim(&mut self, said: &mut Vec<Said>) {
        self.last_interim = self.clock;
        if !self.words.is_empty() || self.numbers.plan.stt.sends_empty_results {
            said.push(Said::Results(Results {
                start: self.window_start,
                end: self.clock,
                words: self.words_until(self.clock),
                is_final: false,
                speech_final: false,
                from_finalize: false,
            }));
        }
    }

    fn end_window(&mut self, cause: Cause, said: &mut Vec<Said>) {
        if cause != Cause::Full {
            self.recite_the_rest();
            self.speech = None;
        }
        // A word that has not ended belongs to the next window.
        let (clock, window_start) = (self.clock, self.window_start);
        let begun = self.words.pop_if(|word| cause == Cause::Full && word.end > clock && word.start > window_start);
        let end = begun.as_ref().map_or(self.clock, |word| word.start);
        let words = self.words_until(end);
        self.words.clear();
        self.words.extend(begun);
        self.last_word_end = words.last().map(|word| word.end).or(self.last_word_end);
        let start = std::mem::replace(&mut self.window_start, end);
        self.last_interim = self.clock;
        let stt = &self.numbers.plan.stt;
        if words.is_empty() && matches!(cause, Cause::Full | Cause::EndOfStream) && !stt.sends_empty_results {
            return;
        }
        let mut last = Results {
            start,
            end,
            words,
            is_final: true,
            speech_final: cause == Cause::Silence,
            from_finalize: cause == Cause::Finalize,
        };
        let first = (stt.splits_finals && last.words.len() > 1).then(|| {
            let second_half = last.words.split_off(last.words.len() / 2);
            let words = std::mem::replace(&mut last.words, second_half);
            last.start = last.words[0].start;
            Results { start, end: last.start, words, is_final: true, speech_final: false, from_finalize: false }
        });
        let copies = if stt.duplicates_finals { 2 } else { 1 };
        for results in first.into_iter().chain([last]) {
            said.extend(std::iter::repeat_n(Said::Results(results), copies));
        }
    }

    /// The words of the window; none of them ends after `end`.
    fn words_until(&self, end: u64) -> Vec<Word> {
        let clipped = |word: &Word| Word { end: word.end.min(end), ..word.clone() };
        self.words.iter().map(clipped).collect()
    }
}

fn samples(span: Duration) -> u64 {
    span.as_millis() as u64 * 8
}
