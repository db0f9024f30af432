//! One call's utterance: what audio belongs to it, when it is worth recognising, and how the texts
//! of its segments become one.
//!
//! [`Utterance`] is a state machine without I/O or clock; its time is the audio itself. Tell it
//! what the pipeline says (`audio`, `speech_started`, `paused`, `committed`) and what the
//! recogniser found (`recognised`, `gave_up`); after each, drain [`Utterance::poll_request`] and
//! [`Utterance::poll_event`].
//!
//! What always holds:
//! - audio before the onset of speech is kept to the pre-roll, silence after a pause to a short
//!   gap, a segment to its longest length: memory is bounded however long a call is silent;
//! - every request carries all that is not yet recognised, so a request that is superseded or
//!   left out loses no words;
//! - every pause is answered by a final or by [`SttEvent::Overloaded`], unless speech goes on or
//!   the utterance is committed before;
//! - what was asked before a commit changes nothing after it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use voice_pipeline::turn::PauseId;
use voice_pipeline::vendors::stt::SttEvent;

/// The recogniser's rate, by which durations become samples.
const SAMPLES_PER_SECOND: usize = 16_000;
/// Silence kept after a pause, in case speech goes on: enough to sound like a pause.
const GAP: Duration = Duration::from_millis(600);
/// Where in a full segment a quiet place to cut is looked for.
const CUT_WITHIN: Duration = Duration::from_secs(5);
/// Below this level (-50 dBFS) a frame holds no speech that a telephone would carry.
const QUIET_RMS: f64 = 100.0;
/// An utterance with less sound than this holds no word.
const SHORTEST_SOUND: Duration = Duration::from_millis(100);
const FRAME: usize = SAMPLES_PER_SECOND / 50;

/// What to keep and how often to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UtteranceSettings {
    /// `STT_PRE_ROLL`: audio kept from before the moment speech was detected.
    ///
    /// Lower cuts soft first sounds off; higher costs a little time and adds noise. Default `400ms`,
    /// from `100ms` to `1s`.
    pub pre_roll: Duration,
    /// `STT_INTERIM_EVERY`: new speech between two interim transcripts; in segments longer than
    /// eight times this, an eighth of the segment.
    ///
    /// Lower hears a barge-in's words sooner and costs CPU in proportion. Default `750ms`, from
    /// `250ms` to `5s`.
    pub interim_every: Duration,
    /// `STT_SEGMENT_MAX`: longest stretch of speech recognised in one go; longer speech is cut at a
    /// quiet place and stitched.
    ///
    /// Lower splits more sentences; higher slows the final of a long speech. Default `15s`, from
    /// `8s` to `25s`.
    pub segment_max: Duration,
}

impl Default for UtteranceSettings {
    fn default() -> Self {
        Self {
            pre_roll: Duration::from_millis(400),
            interim_every: Duration::from_millis(750),
            segment_max: Duration::from_secs(15),
        }
    }
}

/// Which request an answer belongs to. Only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(u64);

/// Audio to be recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// To be named in the answer.
    pub id: RequestId,
    /// The stretches to recognise, each by itself, in order. Never empty.
    pub segments: Vec<Arc<[i16]>>,
    /// Whether somebody waits for a final.
    pub is_final: bool,
}

/// The utterance of one call since the last commit.
#[derive(Debug)]
pub struct Utterance {
    settings: UtteranceSettings,
    phase: Phase,
    /// The newest audio while there is no speech.
    pre_roll: VecDeque<i16>,
    /// Segments that are complete, oldest first.
    sealed: Vec<Sealed>,
    /// The segment that still grows.
    open: Vec<i16>,
    /// How long `open` was when it was last sent out.
    asked_at: usize,
    next_id: u64,
    /// Requests without an answer, oldest first.
    asked: VecDeque<Asked>,
    request: Option<Request>,
    events: VecDeque<SttEvent>,
}

/// Where in the utterance the audio is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was said yet.
    Before,
    /// The caller speaks.
    Speaking,
    /// The caller paused; so many samples of the gap are still to be kept.
    Paused { gap_left: usize },
}

#[derive(Debug)]
enum Sealed {
    Audio(Arc<[i16]>),
    Text(String),
}

/// A request that is out.
#[derive(Debug)]
struct Asked {
    id: RequestId,
    pause: Option<PauseId>,
    /// How many sealed segments there were.
    sealed: usize,
    /// Whether the open segment was asked for, and not only sealed ones.
    with_open: bool,
}

impl Utterance {
    /// An utterance in which nothing was said yet.
    pub fn new(settings: UtteranceSettings) -> Self {
        Self {
            settings,
            phase: Phase::Before,
            pre_roll: VecDeque::new(),
            sealed: Vec::new(),
            open: Vec::new(),
            asked_at: 0,
            next_id: 0,
            asked: VecDeque::new(),
            request: None,
            events: VecDeque::new(),
        }
    }

    /// The next stretch of caller audio.
    pub fn audio(&mut self, samples: &[i16]) {
        match self.phase {
            Phase::Before => self.keep_pre_roll(samples),
            Phase::Paused { gap_left } => {
                let (gap, beyond) = samples.split_at(gap_left.min(samples.len()));
                self.open.extend_from_slice(gap);
                self.phase = Phase::Paused { gap_left: gap_left - gap.len() };
                self.keep_pre_roll(beyond);
            }
            Phase::Speaking => {
                self.open.extend_from_slice(samples);
                if self.open.len() >= in_samples(self.settings.segment_max) {
                    self.seal();
                }
                if self.open.len() >= self.asked_at + self.until_next_interim() {
                    self.ask(None);
                }
            }
        }
    }

    /// The caller began to speak, or went on after a pause.
    pub fn speech_started(&mut self) {
        self.phase = Phase::Speaking;
        self.open.extend(self.pre_roll.drain(..));
        self.asked_at = self.open.len();
    }

    /// The caller paused: a final is wanted.
    pub fn paused(&mut self, pause: PauseId) {
        if self.phase == Phase::Speaking {
            self.phase = Phase::Paused { gap_left: in_samples(GAP) };
        }
        self.ask(Some(pause));
    }

    /// The utterance was taken. The next one starts from nothing but the pre-roll.
    pub fn committed(&mut self) {
        if self.phase != Phase::Before {
            let tail = std::mem::take(&mut self.open);
            let still_speaking = self.phase == Phase::Speaking;
            self.keep_pre_roll(&tail);
            self.phase = Phase::Before;
            if still_speaking {
                self.speech_started();
            }
        }
        self.sealed.clear();
        self.asked.clear();
        self.request = None;
    }

    /// The recogniser's answer: one text for each segment of the request. An answer that is
    /// overtaken by one to a newer request changes nothing.
    pub fn recognised(&mut self, id: RequestId, texts: Vec<String>) {
        let Some(at) = self.asked.iter().position(|asked| asked.id == id) else { return };
        let Some(asked) = self.asked.drain(..=at).next_back() else { return };
        let mut texts = texts.into_iter();
        for sealed in self.sealed.iter_mut().take(asked.sealed) {
            if matches!(sealed, Sealed::Audio(_))
                && let Some(text) = texts.next()
            {
                *sealed = Sealed::Text(text);
            }
        }
        let open = if asked.with_open { texts.next() } else { None };
        let text = self.stitched(open.as_deref());
        match asked.pause {
            Some(pause) => self.events.push_back(SttEvent::Final { pause: Some(pause), text }),
            None if text.is_empty() => {}
            None => self.events.push_back(SttEvent::Interim(text)),
        }
    }

    /// The recogniser left a request out. That matters only when it was the newest.
    pub fn gave_up(&mut self, id: RequestId) {
        let newest = self.asked.back().is_some_and(|asked| asked.id == id);
        self.asked.retain(|asked| asked.id != id);
        if newest {
            self.events.push_back(SttEvent::Overloaded);
        }
    }

    /// The next request for the recogniser. It holds all that the earlier ones held, which need
    /// not be begun any more.
    pub fn poll_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// The next event for the pipeline.
    pub fn poll_event(&mut self) -> Option<SttEvent> {
        self.events.pop_front()
    }

    /// New speech between two interims. Each recognises the whole segment again, so in a long one
    /// they are rarer, or one caller who talks and talks would have the recogniser to themselves.
    fn until_next_interim(&self) -> usize {
        in_samples(self.settings.interim_every).max(self.asked_at / 8)
    }

    fn keep_pre_roll(&mut self, samples: &[i16]) {
        self.pre_roll.extend(samples);
        let excess = self.pre_roll.len().saturating_sub(in_samples(self.settings.pre_roll));
        self.pre_roll.drain(..excess);
    }

    fn ask(&mut self, pause: Option<PauseId>) {
        if let Some(unsent) = self.request.take() {
            self.asked.retain(|asked| asked.id != unsent.id);
        }
        self.asked_at = self.open.len();
        let mut segments: Vec<Arc<[i16]>> = Vec::new();
        segments.extend(self.sealed.iter().filter_map(|sealed| match sealed {
            Sealed::Audio(audio) => Some(Arc::clone(audio)),
            Sealed::Text(_) => None,
        }));
        let with_open = holds_sound(&self.open);
        if with_open {
            segments.push(self.open.as_slice().into());
        }
        if segments.is_empty() {
            // Noise and clicks make a recogniser invent words.
            if let Some(pause) = pause {
                self.asked.clear();
                let text = self.stitched(None);
                self.events.push_back(SttEvent::Final { pause: Some(pause), text });
            }
            return;
        }
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.asked.push_back(Asked { id, pause, sealed: self.sealed.len(), with_open });
        self.request = Some(Request { id, segments, is_final: pause.is_some() });
    }

    /// Closes the open segment at its quietest place and begins the next one there.
    fn seal(&mut self) {
        let rest = self.open.split_off(quietest_place(&self.open));
        let full = std::mem::replace(&mut self.open, rest);
        self.sealed.push(Sealed::Audio(full.into()));
        self.ask(None);
    }

    fn stitched(&self, open: Option<&str>) -> String {
        let sealed = self.sealed.iter().filter_map(|sealed| match sealed {
            Sealed::Text(text) => Some(text.as_str()),
            Sealed::Audio(_) => None,
        });
        let texts: Vec<&str> = sealed.chain(open).map(str::trim).filter(|text| !text.is_empty()).collect();
        texts.join(" ")
    }
}

/// A recording cut at quiet places into segments of at most `longest`.
pub(super) fn cut(mut recording: &[i16], longest: Duration) -> Vec<Arc<[i16]>> {
    let longest = in_samples(longest).max(FRAME);
    let mut segments = Vec::new();
    while recording.len() > longest {
        let (segment, rest) = recording.split_at(quietest_place(&recording[..longest]));
        segments.push(segment.into());
        recording = rest;
    }
    segments.push(recording.into());
    segments.retain(|segment: &Arc<[i16]>| holds_sound(segment));
    segments
}

fn in_samples(span: Duration) -> usize {
    usize::try_from(span.as_millis()).unwrap_or(usize::MAX).saturating_mul(SAMPLES_PER_SECOND / 1000)
}

fn energy(frame: &[i16]) -> f64 {
    frame.iter().map(|&sample| f64::from(sample).powi(2)).sum()
}

/// Whether there is enough sound for a word.
fn holds_sound(audio: &[i16]) -> bool {
    let limit = QUIET_RMS.powi(2) * FRAME as f64;
    let loud = audio.chunks_exact(FRAME).filter(|frame| energy(frame) > limit).count();
    loud * FRAME >= in_samples(SHORTEST_SOUND)
}

/// The middle of the quietest 200 ms near the end.
fn quietest_place(audio: &[i16]) -> usize {
    const WINDOW: usize = 10;
    let from = audio.len().saturating_sub(in_samples(CUT_WITHIN));
    let energies: Vec<f64> = audio[from..].chunks_exact(FRAME).map(energy).collect();
    let quietest = energies
        .windows(WINDOW)
        .map(|window| window.iter().sum::<f64>())
        .enumerate()
        // Of equally quiet places the last, so that a segment is as long as it may be.
        .min_by(|(at, sum), (other_at, other)| sum.total_cmp(other).then(other_at.cmp(at)));
    match quietest {
        Some((at, _)) => from + (at + WINDOW / 2) * FRAME,
        None => audio.len(),
    }
}

#[cfg(test)]
#[path = "utterance_tests.rs"]
mod tests;
