//! When things happened in a turn, and the wait the caller noticed.

use std::time::Duration;

use crate::event::TurnLatency;
use crate::time::CallTime;

/// The moments of one turn, each set once, in order.
#[derive(Debug)]
pub(super) struct Timeline {
    speech_end: CallTime,
    committed: CallTime,
    first_token: Option<CallTime>,
    first_piece: Option<CallTime>,
    first_audio: Option<CallTime>,
}

impl Timeline {
    pub(super) fn committed(speech_end: CallTime, now: CallTime) -> Self {
        Self { speech_end, committed: now, first_token: None, first_piece: None, first_audio: None }
    }

    pub(super) fn first_token(&mut self, now: CallTime) -> bool {
        set_once(&mut self.first_token, now)
    }

    pub(super) fn first_piece(&mut self, now: CallTime) -> bool {
        set_once(&mut self.first_piece, now)
    }

    pub(super) fn first_audio(&mut self, now: CallTime) -> bool {
        set_once(&mut self.first_audio, now)
    }

    /// The first frame was handed over at `now`, behind what the carrier still had to play. A
    /// moment that was never told is taken as no time after the one before it.
    pub(super) fn measure(&self, now: CallTime, behind: Duration) -> TurnLatency {
        let first_token = self.first_token.unwrap_or(self.committed);
        let first_piece = self.first_piece.unwrap_or(first_token);
        let first_audio = self.first_audio.unwrap_or(first_piece);
        TurnLatency {
            endpointing: self.committed - self.speech_end,
            first_token: first_token - self.committed,
            first_piece: first_piece - first_token,
            first_audio: first_audio - first_piece,
            first_frame: now - first_audio,
            heard: behind,
        }
    }
}

fn set_once(moment: &mut Option<CallTime>, now: CallTime) -> bool {
    let first = moment.is_none();
    moment.get_or_insert(now);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_wait_sum_to_the_whole() {
        let at = CallTime::from_millis;
        let mut timeline = Timeline::committed(at(1_000), at(1_400));
        assert!(timeline.first_token(at(1_500)));
        assert!(!timeline.first_token(at(1_900)));
        timeline.first_piece(at(1_510));
        timeline.first_audio(at(1_600));
        let latency = timeline.measure(at(1_603), Duration::from_millis(20));
        assert_eq!(latency.endpointing, Duration::from_millis(400));
        assert_eq!(latency.first_token, Duration::from_millis(100));
        assert_eq!(latency.total(), Duration::from_millis(623));
    }
}
