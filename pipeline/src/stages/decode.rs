//! First stage: what the carrier sends becomes frames of 20 ms with a time; keys, marks and the end
//! of the call go straight to the session.
//!
//! Frames travel as the carrier's μ-law, a third of their samples' size; who needs samples decodes them.
//!
//! Time is audio time, not arrival time: a network that delivers five frames at once does not make
//! a word shorter. When the carrier falls silent altogether, silent frames are made up, so that a
//! pause is still heard.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Context, Drops, Signal};
use crate::audio::chunk::UlawChunk;
use crate::audio::frames::{FRAME_SAMPLES, Frame, Framer20ms};
use crate::audio::ulaw;
use crate::event::EndReason;
use crate::line::Inbound;
use crate::time::CallTime;

/// One frame's length.
const FRAME: Duration = Duration::from_millis(20);

/// A gap in the carrier's audio that is filled with silence.
const GAP: Duration = Duration::from_millis(60);

/// A difference between audio time and arrival time that is no jitter but lost audio.
const RESYNC: Duration = Duration::from_millis(200);

/// A frame of caller audio and when it ended.
#[derive(Debug, Clone, Copy)]
pub struct TimedFrame {
    /// As the carrier sent it.
    pub ulaw: Frame<u8>,
    /// When its last sample was spoken, as far as we can know.
    pub end: CallTime,
}

impl TimedFrame {
    /// Its samples.
    pub fn samples(&self) -> Frame<i16> {
        self.ulaw.map(ulaw::decode)
    }
}

/// What the ear is given. Almost always a frame, so its size is no waste.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant)]
pub enum Heard {
    /// 20 ms of audio.
    Frame(TimedFrame),
    /// The caller pressed a key: the audio around it holds a tone that is no speech.
    Key(CallTime),
}

/// Runs until the caller is gone.
pub async fn run(mut carrier: mpsc::Receiver<Inbound>, next: mpsc::Sender<Heard>, context: Context) {
    let mut decoder = Decoder::default();
    let mut drops = Drops::of("decode");
    loop {
        let inbound = match timeout(GAP, carrier.recv()).await {
            Ok(Some(inbound)) => inbound,
            Ok(None) => Inbound::HungUp,
            Err(_) => Inbound::Audio(UlawChunk::copy_from(&[ulaw::SILENCE; FRAME_SAMPLES])),
        };
        match inbound {
            Inbound::Audio(bytes) => decoder.push(context.clock.now(), &bytes, |frame| {
                if next.try_send(Heard::Frame(frame)).is_err() {
                    drops.count(&context);
                }
            }),
            Inbound::Digit(key) => {
                // Lost only where audio is lost as well.
                let _ = next.try_send(Heard::Key(context.clock.now()));
                context.signal(Signal::Digit(key)).await;
            }
            Inbound::Mark(name) => context.signal(Signal::Mark(name)).await,
            Inbound::HungUp => return context.signal(Signal::HungUp(EndReason::CallerHungUp)).await,
            Inbound::Faulty => return context.signal(Signal::HungUp(EndReason::CarrierFault)).await,
        }
    }
}

/// Cuts μ-law of any length into frames and gives each its time.
struct Decoder {
    framer: Framer20ms<u8>,
    clock: MediaClock,
    complete: Vec<Frame<u8>>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { framer: Framer20ms::ulaw(), clock: MediaClock::default(), complete: Vec::new() }
    }
}

impl Decoder {
    fn push(&mut self, now: CallTime, bytes: &[u8], mut emit: impl FnMut(TimedFrame)) {
        self.framer.push(bytes, &mut self.complete);
        for ulaw in self.complete.drain(..) {
            emit(TimedFrame { ulaw, end: self.clock.tick(now) });
        }
    }
}

/// Follows the carrier's audio time.
#[derive(Default)]
struct MediaClock {
    last_end: Option<CallTime>,
}

impl MediaClock {
    /// The end of the next frame, which arrived at `now`.
    fn tick(&mut self, now: CallTime) -> CallTime {
        let end = match self.last_end {
            Some(last) if now - last <= RESYNC => (last + FRAME).min(now),
            _ => now,
        };
        self.last_end = Some(end);
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(arrivals_ms: &[u64]) -> Vec<u64> {
        let mut clock = MediaClock::default();
        arrivals_ms.iter().map(|&at| clock.tick(CallTime::from_millis(at)).as_millis()).collect()
    }

    #[test]
    fn frames_that_arrive_in_a_bunch_keep_their_spacing() {
        assert_eq!(ends(&[20, 40, 120, 120, 120, 120, 140]), [20, 40, 60, 80, 100, 120, 140]);
    }

    #[test]
    fn a_long_gap_starts_the_clock_anew() {
        assert_eq!(ends(&[20, 40, 1_000, 1_020]), [20, 40, 1_000, 1_020]);
    }

    #[test]
    fn audio_time_never_runs_ahead_of_arrival() {
        assert_eq!(ends(&[20, 20, 20, 40]), [20, 20, 20, 40]);
    }
}
