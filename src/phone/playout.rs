//! What a carrier does with the audio and marks a gateway sends: it plays them, in order, in real
//! time.
//!
//! [`Playout`] is a queue of audio and marks without a clock. Its driver queues what arrives and
//! calls [`Playout::tick`] once per 20 ms; each tick takes 160 bytes off the queue.
//!
//! Always true:
//! - a mark comes back when everything before it was taken, at once if nothing is before it;
//! - [`Playout::clear`] hands back all pending marks in order, and none of them comes back later;
//! - [`Playout::heard`] holds exactly the frames that ticks took, with the time of each.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use voice_pipeline::audio::ulaw::{self, SILENCE};
use voice_pipeline::time::CallTime;

use super::{FRAME_BYTES, duration_of};

/// Audio that may wait to be played: ten minutes. A gateway that sends more is broken.
const QUEUE_MAX_BYTES: usize = 10 * 60 * 8_000;

/// Marks that may wait in the queue.
const QUEUE_MAX_MARKS: usize = 10_000;

/// The queue holds more than any sane gateway sends ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the playout queue is full: {queued:?} of audio and {marks} marks wait")]
pub struct QueueFull {
    /// Audio waiting.
    pub queued: Duration,
    /// Marks waiting.
    pub marks: usize,
}

/// One frame that was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayedFrame {
    /// μ-law; a rest shorter than a frame is padded with silence.
    pub ulaw: [u8; FRAME_BYTES],
    /// When the gateway's message with the newest byte of this frame arrived.
    pub arrived: CallTime,
}

/// What one tick took off the queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tick {
    /// The frame the caller hears now; `None` when nothing is queued.
    pub frame: Option<PlayedFrame>,
    /// Marks that were reached, in order.
    pub marks: Vec<String>,
}

/// What [`Playout::clear`] dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Audio that will not be heard.
    pub audio: Duration,
    /// All pending marks, in order.
    pub marks: Vec<String>,
}

/// Agent audio that was played without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardSpan {
    /// When its first frame was played.
    pub at: CallTime,
    /// The samples, μ-law, whole frames.
    pub ulaw: Vec<u8>,
}

/// What was heard between two moments, at 8 kHz; silence where nothing was played.
pub fn heard_between(spans: &[HeardSpan], from: CallTime, until: CallTime) -> Vec<i16> {
    let place = |at: CallTime| ((at - from).as_micros() / 125) as usize;
    let mut samples = vec![0; place(until)];
    for span in spans {
        // A span that began earlier is cut, one that begins later is moved to its place.
        let skipped = ((from - span.at).as_micros() / 125) as usize;
        let target = samples.iter_mut().skip(place(span.at));
        for (sample, &byte) in target.zip(span.ulaw.iter().skip(skipped)) {
            *sample = ulaw::decode(byte);
        }
    }
    samples
}

enum Item {
    Audio { rest: Bytes, arrived: CallTime },
    Mark(String),
}

/// The carrier's queue of audio and marks for one stream.
#[derive(Default)]
pub struct Playout {
    queue: VecDeque<Item>,
    queued_bytes: usize,
    queued_marks: usize,
    heard: Vec<HeardSpan>,
    /// Whether the last tick played a frame, so that the next one continues its span.
    playing: bool,
}

impl Playout {
    /// Appends audio of any length that arrived at `now`.
    ///
    /// # Errors
    /// [`QueueFull`] when more waits than a gateway can mean; the audio is dropped.
    pub fn queue_audio(&mut self, now: CallTime, ulaw: Bytes) -> Result<(), QueueFull> {
        if self.queued_bytes + ulaw.len() > QUEUE_MAX_BYTES {
            return Err(self.full());
        }
        if !ulaw.is_empty() {
            self.queued_bytes += ulaw.len();
            self.queue.push_back(Item::Audio { rest: ulaw, arrived: now });
        }
        Ok(())
    }

    /// Appends a mark. Gives it back at once when nothing is before it.
    ///
    /// # Errors
    /// [`QueueFull`] when more marks wait than a gateway can mean; the mark is lost.
    pub fn queue_mark(&mut self, name: String) -> Result<Option<String>, QueueFull> {
        if self.queue.is_empty() {
            return Ok(Some(name));
        }
        if self.queued_marks >= QUEUE_MAX_MARKS {
            return Err(self.full());
        }
        self.queued_marks += 1;
        self.queue.push_back(Item::Mark(name));
        Ok(None)
    }

    /// Drops all audio and hands back all pending marks.
    pub fn clear(&mut self) -> Dropped {
        let audio = duration_of(self.queued_bytes);
        let marks = self
            .queue
            .drain(..)
            .filter_map(|item| match item {
                Item::Mark(name) => Some(name),
                Item::Audio { .. } => None,
            })
            .collect();
        self.queued_bytes = 0;
        self.queued_marks = 0;
        Dropped { audio, marks }
    }

    /// Plays the next 20 ms.
    pub fn tick(&mut self, now: CallTime) -> Tick {
        let frame = self.take_frame();
        match &frame {
            Some(frame) => self.record(now, frame),
            None => self.playing = false,
        }
        Tick { frame, marks: self.take_reached_marks() }
    }

    /// How much audio waits to be played.
    pub fn queued(&self) -> Duration {
        duration_of(self.queued_bytes)
    }

    /// Whether nothing waits to be played.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// What was really played, in order.
    pub fn heard(&self) -> &[HeardSpan] {
        &self.heard
    }

    fn take_frame(&mut self) -> Option<PlayedFrame> {
        let mut ulaw = [SILENCE; FRAME_BYTES];
        let mut filled = 0;
        let mut newest = None;
        // Marks inside the frame stay in order: they are set aside until the frame is full.
        let mut reached = Vec::new();
        while filled < FRAME_BYTES {
            match self.queue.pop_front() {
                Some(Item::Audio { mut rest, arrived }) => {
                    let part = rest.split_to(rest.len().min(FRAME_BYTES - filled));
                    ulaw[filled..filled + part.len()].copy_from_slice(&part);
                    filled += part.len();
                    newest = Some(arrived);
                    if !rest.is_empty() {
                        self.queue.push_front(Item::Audio { rest, arrived });
                    }
                }
                Some(mark @ Item::Mark(_)) => reached.push(mark),
                None => break,
            }
        }
        self.queued_bytes -= filled;
        for mark in reached.into_iter().rev() {
            self.queue.push_front(mark);
        }
        newest.map(|arrived| PlayedFrame { ulaw, arrived })
    }

    fn take_reached_marks(&mut self) -> Vec<String> {
        let mut marks = Vec::new();
        while let Some(Item::Mark(_)) = self.queue.front() {
            if let Some(Item::Mark(name)) = self.queue.pop_front() {
                self.queued_marks -= 1;
                marks.push(name);
            }
        }
        marks
    }

    fn record(&mut self, now: CallTime, frame: &PlayedFrame) {
        match self.heard.last_mut() {
            Some(span) if self.playing => span.ulaw.extend_from_slice(&frame.ulaw),
            _ => self.heard.push(HeardSpan { at: now, ulaw: frame.ulaw.to_vec() }),
        }
        self.playing = true;
    }

    fn full(&self) -> QueueFull {
        QueueFull { queued: self.queued(), marks: self.queued_marks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    fn audio(frames: usize) -> Bytes {
        Bytes::from(vec![0x20; frames * FRAME_BYTES])
    }

    #[test]
    fn returns_a_mark_when_the_audio_before_it_was_played() {
        let mut playout = Playout::default();
        playout.queue_audio(at(0), audio(2)).unwrap();
        assert_eq!(playout.queue_mark("greet-1".into()), Ok(None));
        assert_eq!(playout.tick(at(20)).marks, Vec::<String>::new());
        assert_eq!(playout.tick(at(40)).marks, ["greet-1"]);
        assert!(playout.is_empty());
    }

    #[test]
    fn returns_a_mark_at_once_when_nothing_is_queued() {
        let mut playout = Playout::default();
        assert_eq!(playout.queue_mark("empty".into()), Ok(Some("empty".into())));
        assert_eq!(playout.tick(at(20)), Tick::default());
    }

    #[test]
    fn drops_audio_and_returns_marks_in_order_when_cleared() {
        let mut playout = Playout::default();
        for name in ["a-1", "a-2"] {
            playout.queue_audio(at(0), audio(10)).unwrap();
            playout.queue_mark(name.into()).unwrap();
        }
        playout.tick(at(20));
        let dropped = playout.clear();
        assert_eq!(dropped.audio, Duration::from_millis(380));
        assert_eq!(dropped.marks, ["a-1", "a-2"]);
        assert_eq!(playout.tick(at(40)), Tick::default());
        playout.queue_audio(at(50), audio(1)).unwrap();
        assert!(playout.tick(at(60)).frame.is_some(), "audio after clear plays");
    }

    #[test]
    fn pads_a_short_rest_with_silence_and_goes_over_message_borders() {
        let mut playout = Playout::default();
        playout.queue_audio(at(1), Bytes::from(vec![1; 100])).unwrap();
        playout.queue_mark("inside".into()).unwrap();
        playout.queue_audio(at(2), Bytes::from(vec![2; 100])).unwrap();

        let first = playout.tick(at(20));
        let frame = first.frame.unwrap();
        assert_eq!((frame.ulaw[99], frame.ulaw[100]), (1, 2));
        assert_eq!(frame.arrived, at(2));
        assert_eq!(first.marks, ["inside"]);

        let rest = playout.tick(at(40)).frame.unwrap();
        assert_eq!((rest.ulaw[39], rest.ulaw[40]), (2, SILENCE));
    }

    #[test]
    fn records_what_was_played_with_its_gaps() {
        let mut playout = Playout::default();
        playout.queue_audio(at(0), audio(2)).unwrap();
        for time in [20, 40, 60] {
            playout.tick(at(time));
        }
        playout.queue_audio(at(70), audio(1)).unwrap();
        playout.tick(at(80));
        let spans: Vec<_> = playout.heard().iter().map(|s| (s.at, s.ulaw.len())).collect();
        assert_eq!(spans, [(at(20), 320), (at(80), 160)]);
    }

    #[test]
    fn refuses_more_audio_than_a_gateway_can_mean() {
        let mut playout = Playout::default();
        playout.queue_audio(at(0), Bytes::from(vec![0; QUEUE_MAX_BYTES])).unwrap();
        let refused = playout.queue_audio(at(0), audio(1)).unwrap_err();
        assert_eq!(refused.queued, Duration::from_secs(600));
    }
}
