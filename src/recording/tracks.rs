//! What both ends of a call heard, put together from what passed over the carrier's line.
//!
//! [`Tracks`] is told what passed and when, and gives back, in order, the samples that can no longer
//! change. It owns no file and no clock.
//!
//! What always holds:
//! - both tracks have one time line: sample `n` of the one was on the line when sample `n` of the other
//!   was, as far as the network's jitter allows;
//! - the agent's audio is where the carrier played it: one piece after the other, never before it was
//!   sent; what was cleared before it was played is not in it;
//! - what waits here is bounded: the newest [`HORIZON`] and what the carrier has not played yet.

use std::collections::VecDeque;
use std::time::Duration;

use voice_pipeline::audio::ulaw::SILENCE;

/// A clear may still change so much of the past: a mark that was long due and has not come back tells
/// that the carrier plays later than it should.
const HORIZON: Duration = Duration::from_secs(2);
/// The caller's audio comes without a gap; when it is so far behind the clock or ahead of it, some of it
/// is missing or was sent twice.
const JITTER: Duration = Duration::from_secs(1);
/// A mark may come back so much later than its audio was played.
const MARK_LATENESS: Duration = Duration::from_millis(500);

/// Both tracks of one call.
#[derive(Debug, Default)]
pub struct Tracks {
    /// When the first audio began.
    origin: Option<Duration>,
    /// How many samples have been given back already.
    settled: u64,
    caller: VecDeque<u8>,
    agent: VecDeque<u8>,
    /// Marks that have not come back, with the place in the agent's track where they are due.
    marks: VecDeque<(String, u64)>,
    /// Up to here the agent's audio was played for certain.
    confirmed: u64,
}

impl Tracks {
    /// Caller audio arrived. `now` counts from any fixed moment.
    pub fn caller(&mut self, now: Duration, ulaw: &[u8]) {
        let now = self.place(now.saturating_sub(duration_of(ulaw.len()))) + ulaw.len() as u64;
        let end = self.caller_end() + ulaw.len() as u64;
        let jitter = samples_in(JITTER);
        if end > now + jitter {
            return;
        }
        if end + jitter < now {
            let missing = now - end;
            self.caller.extend(std::iter::repeat_n(SILENCE, missing as usize));
        }
        self.caller.extend(ulaw);
    }

    /// Agent audio was sent to the carrier, which plays it after what it has.
    pub fn agent(&mut self, now: Duration, ulaw: &[u8]) {
        let begins = self.place(now);
        let silence = begins.saturating_sub(self.agent_end());
        self.agent.extend(std::iter::repeat_n(SILENCE, silence as usize));
        self.agent.extend(ulaw);
    }

    /// A mark was sent after the audio so far.
    pub fn mark_sent(&mut self, name: &str) {
        self.marks.push_back((name.to_owned(), self.agent_end()));
    }

    /// A mark came back: what was sent before it was played.
    pub fn mark_returned(&mut self, name: &str) {
        let Some(at) = self.marks.iter().position(|(sent, _)| sent == name) else { return };
        for (_, place) in self.marks.drain(..=at) {
            self.confirmed = place;
        }
    }

    /// The carrier was told to drop what it has not played.
    pub fn cleared(&mut self, now: Duration) {
        let mut played = self.place_if_begun(now).max(self.confirmed);
        if let Some((_, due)) = self.marks.front()
            && played > due + samples_in(MARK_LATENESS)
        {
            played = *due;
        }
        let kept = played.saturating_sub(self.settled);
        self.agent.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        // Marks that come back from now on prove nothing.
        self.marks.clear();
    }

    /// The samples that can no longer change, caller and agent in turn.
    pub fn settle(&mut self, now: Duration) -> Vec<u8> {
        self.take_until(self.place_if_begun(now.saturating_sub(HORIZON)))
    }

    /// The call is over: the rest of it. What the carrier had not played yet was not heard.
    pub fn finish(&mut self, now: Duration) -> Vec<u8> {
        let end = self.place_if_begun(now);
        self.agent.truncate(usize::try_from(end.saturating_sub(self.settled)).unwrap_or(usize::MAX));
        self.take_until(self.caller_end().max(self.agent_end()))
    }

    fn take_until(&mut self, end: u64) -> Vec<u8> {
        let count = end.saturating_sub(self.settled) as usize;
        let mut both = Vec::with_capacity(2 * count);
        for _ in 0..count {
            both.push(self.caller.pop_front().unwrap_or(SILENCE));
            both.push(self.agent.pop_front().unwrap_or(SILENCE));
        }
        self.settled = self.settled.max(end);
        both
    }

    fn caller_end(&self) -> u64 {
        self.settled + self.caller.len() as u64
    }

    fn agent_end(&self) -> u64 {
        self.settled + self.agent.len() as u64
    }

    /// A moment's place in the tracks, which begin with the first audio of either side.
    fn place(&mut self, now: Duration) -> u64 {
        self.origin.get_or_insert(now);
        self.place_if_begun(now)
    }

    fn place_if_begun(&self, now: Duration) -> u64 {
        self.origin.map_or(0, |origin| samples_in(now.saturating_sub(origin)))
    }
}

fn samples_in(span: Duration) -> u64 {
    u64::try_from(span.as_micros() / 125).expect("a call does not last for millennia")
}

fn duration_of(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 125)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: u8 = 0x11;
    const AGENT: u8 = 0x22;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn audio(byte: u8, ms: usize) -> Vec<u8> {
        vec![byte; ms * 8]
    }

    /// A caller who is on the line, frame by frame, from `from` to `to`.
    fn caller_speaks(tracks: &mut Tracks, from: u64, to: u64) {
        for end in (from + 20..=to).step_by(20) {
            tracks.caller(at(end), &audio(CALLER, 20));
        }
    }

    /// When each side is audible, in milliseconds.
    fn audible(both: &[u8], side: usize) -> Vec<(usize, usize)> {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for (sample, pair) in both.chunks_exact(2).enumerate().filter(|(_, pair)| pair[side] != SILENCE) {
            assert_eq!(pair[side], [CALLER, AGENT][side]);
            match spans.last_mut() {
                Some((_, end)) if *end == sample => *end += 1,
                _ => spans.push((sample, sample + 1)),
            }
        }
        spans.into_iter().map(|(from, to)| (from / 8, to / 8)).collect()
    }

    #[test]
    fn an_answer_stands_where_it_was_played_and_no_earlier() {
        let mut tracks = Tracks::default();
        caller_speaks(&mut tracks, 0, 1_000);
        // A second of speech, sent at once and a little later a second piece: they follow one another.
        tracks.agent(at(1_000), &audio(AGENT, 1_000));
        tracks.agent(at(1_500), &audio(AGENT, 500));
        caller_speaks(&mut tracks, 1_000, 3_000);
        tracks.agent(at(3_000), &audio(AGENT, 200));
        caller_speaks(&mut tracks, 3_000, 4_000);
        let both = tracks.finish(at(4_000));
        assert_eq!(audible(&both, 0), [(0, 4_000)]);
        assert_eq!(audible(&both, 1), [(1_000, 2_500), (3_000, 3_200)]);
    }

    #[test]
    fn what_was_cleared_before_it_was_played_is_not_there() {
        let mut tracks = Tracks::default();
        caller_speaks(&mut tracks, 0, 1_000);
        tracks.agent(at(1_000), &audio(AGENT, 2_000));
        caller_speaks(&mut tracks, 1_000, 1_600);
        tracks.cleared(at(1_600));
        tracks.agent(at(2_000), &audio(AGENT, 100));
        caller_speaks(&mut tracks, 1_600, 2_500);
        assert_eq!(audible(&tracks.finish(at(2_500)), 1), [(1_000, 1_600), (2_000, 2_100)]);
    }

    #[test]
    fn marks_tell_how_far_a_carrier_was_that_plays_early_or_late() {
        let interrupted = |returned: bool, cleared_at: u64| {
            let mut tracks = Tracks::default();
            caller_speaks(&mut tracks, 0, 20);
            tracks.agent(at(20), &audio(AGENT, 400));
            tracks.mark_sent("one");
            tracks.agent(at(20), &audio(AGENT, 2_000));
            tracks.mark_sent("two");
            if returned {
                tracks.mark_returned("one");
            }
            tracks.cleared(at(cleared_at));
            // What comes back after a clear proves nothing.
            tracks.mark_returned("two");
            audible(&tracks.finish(at(5_000)), 1)
        };
        assert_eq!(interrupted(true, 220), [(20, 420)], "the first piece was played, whatever the clock says");
        assert_eq!(interrupted(true, 1_000), [(20, 1_000)]);
        assert_eq!(interrupted(false, 700), [(20, 700)], "a mark may be late");
        assert_eq!(interrupted(false, 1_500), [(20, 420)], "but not that late: the carrier stands still");
    }

    #[test]
    fn what_the_caller_never_heard_because_the_call_ended_is_not_there() {
        let mut tracks = Tracks::default();
        caller_speaks(&mut tracks, 0, 500);
        tracks.agent(at(500), &audio(AGENT, 3_000));
        caller_speaks(&mut tracks, 500, 1_200);
        let both = tracks.finish(at(1_200));
        assert_eq!(audible(&both, 1), [(500, 1_200)]);
        assert_eq!(both.len(), 2 * 1_200 * 8);
    }

    #[test]
    fn a_hole_in_the_callers_audio_does_not_shift_what_follows() {
        let mut tracks = Tracks::default();
        caller_speaks(&mut tracks, 0, 1_000);
        caller_speaks(&mut tracks, 4_000, 5_000);
        tracks.agent(at(5_000), &audio(AGENT, 100));
        let both = tracks.finish(at(5_100));
        assert_eq!(audible(&both, 0), [(0, 1_000), (4_000, 5_000)]);
        assert_eq!(audible(&both, 1), [(5_000, 5_100)]);
    }

    #[test]
    fn a_stumbling_network_adds_nothing_and_a_flood_is_cut() {
        let mut tracks = Tracks::default();
        caller_speaks(&mut tracks, 0, 1_000);
        // Half a second arrives late, all at once.
        for _ in 0..25 {
            tracks.caller(at(1_500), &audio(CALLER, 20));
        }
        caller_speaks(&mut tracks, 1_500, 2_000);
        assert_eq!(audible(&tracks.finish(at(2_000)), 0), [(0, 2_000)]);

        let mut tracks = Tracks::default();
        for _ in 0..1_000 {
            tracks.caller(at(20), &audio(CALLER, 20));
        }
        assert!(tracks.finish(at(20)).len() <= 2 * 1_040 * 8);
    }

    #[test]
    fn what_is_given_back_early_is_what_would_be_given_back_at_the_end() {
        let story = |settling: bool| {
            let (mut tracks, mut both) = (Tracks::default(), Vec::new());
            for second in 0..30 {
                let begins = second * 1_000;
                if second % 3 == 1 {
                    tracks.agent(at(begins), &audio(AGENT, 1_700));
                    tracks.mark_sent("piece");
                }
                if second % 6 == 2 {
                    tracks.cleared(at(begins + 300));
                } else if second % 3 == 2 {
                    tracks.mark_returned("piece");
                }
                caller_speaks(&mut tracks, begins, begins + 1_000);
                if settling {
                    both.extend(tracks.settle(at(begins + 1_000)));
                    let waiting = tracks.caller.len().max(tracks.agent.len());
                    assert!(waiting <= 8 * 4_000, "{waiting} samples wait");
                }
            }
            both.extend(tracks.finish(at(30_000)));
            both
        };
        assert!(story(true) == story(false));
    }

    #[test]
    fn a_call_without_audio_is_an_empty_recording() {
        let mut tracks = Tracks::default();
        tracks.mark_returned("never sent");
        tracks.cleared(at(100));
        assert!(tracks.settle(at(10_000)).is_empty());
        assert!(tracks.finish(at(20_000)).is_empty());
    }
}
