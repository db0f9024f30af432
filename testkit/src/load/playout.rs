//! The carrier's playout buffer, counted and not copied: how much waits, how much was played, which
//! marks were reached, and where the line ran dry.
//!
//! Positions are bytes of μ-law since the stream began. What arrives ends at [`Playout::arrived`],
//! what the caller heard at [`Playout::played`]; a `clear` moves the second up to the first.
//!
//! Always true:
//! - a tick plays 160 bytes, less only when less waits;
//! - a mark comes back when everything before it was played, or at once by a `clear`;
//! - the line is dry only where a piece is unfinished: its mark has not arrived and audio of it was
//!   played. Silence between two pieces is the vendors' time, not the gateway's.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::FRAME_BYTES;

/// Audio that came after its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// From the moment it was to be played until it arrived.
    pub late: Duration,
    /// Ticks that had nothing to play.
    pub ticks: u32,
}

/// The playout buffer of one stream.
#[derive(Debug, Default)]
pub struct Playout {
    arrived: u64,
    played: u64,
    marks: VecDeque<(u64, String)>,
    reached: Vec<String>,
    /// Audio after the last mark was played, so that a next byte of it is due at once.
    piece_open: bool,
    dry: Option<Dry>,
}

#[derive(Debug, Clone, Copy)]
struct Dry {
    since: Instant,
    ticks: u32,
}

impl Playout {
    /// The end of what has arrived.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// The end of what was played or cleared away.
    pub fn played(&self) -> u64 {
        self.played
    }

    /// Whether nothing waits to be played.
    pub fn is_empty(&self) -> bool {
        self.played == self.arrived
    }

    /// Appends audio. Tells of the hole that it ends.
    pub fn audio(&mut self, now: Instant, bytes: usize) -> Option<Hole> {
        self.arrived += bytes as u64;
        self.piece_open = true;
        let dry = self.dry.take()?;
        Some(Hole { late: now.saturating_duration_since(dry.since), ticks: dry.ticks })
    }

    /// Appends a mark, which ends a piece.
    pub fn mark(&mut self, name: String) {
        self.piece_open = false;
        self.dry = None;
        if self.is_empty() {
            self.reached.push(name);
        } else {
            self.marks.push_back((self.arrived, name));
        }
    }

    /// Drops what waits; all its marks come back.
    pub fn clear(&mut self) {
        self.played = self.arrived;
        self.piece_open = false;
        self.dry = None;
        self.reached.extend(self.marks.drain(..).map(|(_, name)| name));
    }

    /// Plays the next 20 ms; true if there was anything to play.
    pub fn tick(&mut self, now: Instant) -> bool {
        if self.is_empty() {
            if self.piece_open {
                self.dry.get_or_insert(Dry { since: now, ticks: 0 }).ticks += 1;
            }
            return false;
        }
        self.played = self.arrived.min(self.played + FRAME_BYTES as u64);
        let reached = self.marks.iter().take_while(|(position, _)| *position <= self.played).count();
        self.reached.extend(self.marks.drain(..reached).map(|(_, name)| name));
        true
    }

    /// The marks that were reached since this was last asked, in order.
    pub fn take_marks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Line {
        playout: Playout,
        start: Instant,
    }

    impl Line {
        fn new() -> Self {
            Self { playout: Playout::default(), start: Instant::now() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        fn audio(&mut self, millis: u64, frames: usize) -> Option<Hole> {
            let now = self.at(millis);
            self.playout.audio(now, frames * FRAME_BYTES)
        }

        /// Ticks at these milliseconds; how many of them played something.
        fn tick(&mut self, millis: impl IntoIterator<Item = u64>) -> usize {
            let start = self.start;
            let at = |millis| start + Duration::from_millis(millis);
            millis.into_iter().filter(|&millis| self.playout.tick(at(millis))).count()
        }
    }

    #[test]
    fn plays_in_real_time_and_returns_marks_where_they_stand() {
        let mut line = Line::new();
        line.playout.mark("at once".into());
        assert_eq!(line.playout.take_marks(), ["at once"]);
        line.audio(0, 2);
        line.playout.mark("a".into());
        line.playout.mark("b".into());
        line.audio(1, 1);
        line.playout.mark("c".into());
        assert_eq!(line.tick([20]), 1);
        assert_eq!(line.playout.take_marks(), Vec::<String>::new());
        assert_eq!(line.tick([40]), 1);
        assert_eq!(line.playout.take_marks(), ["a", "b"]);
        assert_eq!(line.tick([60, 80, 100]), 1);
        assert_eq!(line.playout.take_marks(), ["c"]);
        assert_eq!((line.playout.played(), line.playout.arrived()), (480, 480));
    }

    #[test]
    fn plays_a_rest_that_is_shorter_than_a_frame() {
        let mut line = Line::new();
        line.playout.audio(line.start, 170);
        assert_eq!(line.tick([20, 40, 60]), 2);
        assert_eq!(line.playout.played(), 170);
    }

    #[test]
    fn a_clear_drops_audio_and_returns_every_mark_once() {
        let mut line = Line::new();
        line.audio(0, 5);
        line.playout.mark("a".into());
        line.audio(0, 5);
        line.playout.mark("b".into());
        line.tick([20]);
        line.playout.clear();
        assert_eq!(line.playout.take_marks(), ["a", "b"]);
        assert_eq!(line.tick([40, 60]), 0);
        assert_eq!(line.playout.played(), line.playout.arrived());
        assert_eq!(line.audio(70, 1), None);
        assert_eq!(line.tick([80]), 1);
        assert_eq!(line.playout.take_marks(), Vec::<String>::new());
    }

    #[test]
    fn a_hole_is_measured_from_the_tick_that_had_nothing_to_play() {
        let mut line = Line::new();
        line.audio(0, 2);
        assert_eq!(line.tick([20, 40]), 2);
        assert_eq!(line.tick([60, 80]), 0);
        assert_eq!(line.audio(95, 2), Some(Hole { late: Duration::from_millis(35), ticks: 2 }));
        assert_eq!(line.tick([100, 120]), 2);
        assert_eq!(line.audio(139, 1), None, "it came before its time");
    }

    #[test]
    fn silence_around_a_piece_is_no_hole() {
        let mut line = Line::new();
        assert_eq!(line.tick([20, 40]), 0);
        assert_eq!(line.audio(50, 1), None);
        line.playout.mark("a".into());
        assert_eq!(line.tick([60, 80, 100]), 1);
        assert_eq!(line.audio(110, 1), None);
        // The mark is a little late: nothing was missed.
        assert_eq!(line.tick([120, 140]), 1);
        line.playout.mark("b".into());
        assert_eq!(line.audio(150, 1), None);
        assert_eq!(line.tick([160, 180]), 1);
        line.playout.clear();
        assert_eq!(line.audio(190, 1), None);
    }
}
