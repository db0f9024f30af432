//! Latency as the caller's ear measures it: from the end of the caller's last audible sample to the
//! agent's first.
//!
//! [`TurnTimer`] is told what happens on the line and answers with a [`TurnLatency`] for every
//! reply. The parts of one sum to its total. What happens inside the gateway is not visible from
//! outside; the gateway's own events tell that.

use std::time::Duration;

use voice_pipeline::time::CallTime;

/// How long one reply took, for the caller's ear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnLatency {
    /// When the caller's last audible sample ended.
    pub caller_stopped: CallTime,
    /// From there to the agent's first audible sample.
    pub total: Duration,
    /// The network and the gateway: until the reply's first audio arrived.
    pub gateway: Duration,
    /// Until that audio was played.
    pub buffer: Duration,
    /// Silence at the beginning of the played audio.
    pub lead_in: Duration,
}

/// Measures the latency of each reply.
#[derive(Debug, Default)]
pub struct TurnTimer {
    /// When the caller stopped, while no reply was heard yet.
    waiting_since: Option<CallTime>,
    /// Arrival and playout of the reply's first audio.
    first_audio: Option<(CallTime, CallTime)>,
}

impl TurnTimer {
    /// The caller is audible: a reply is not due yet.
    pub fn caller_speaks(&mut self) {
        *self = Self::default();
    }

    /// The caller's last audible sample ended. While the agent talks over it there is no latency to
    /// measure.
    pub fn caller_stopped(&mut self, at: CallTime, agent_is_audible: bool) {
        self.waiting_since = (!agent_is_audible).then_some(at);
        self.first_audio = None;
    }

    /// Queued audio was dropped, or the agent fell silent: what was played before was no reply.
    pub fn agent_stopped(&mut self) {
        self.first_audio = None;
    }

    /// A frame of agent audio, which arrived at `arrived`, is played at `played`. `audible_from` is
    /// the time of its first audible sample. `fresh` tells that it does not continue older speech.
    pub fn agent_played(
        &mut self,
        arrived: CallTime,
        played: CallTime,
        audible_from: Option<CallTime>,
        fresh: bool,
    ) -> Option<TurnLatency> {
        let caller_stopped = self.waiting_since?;
        if self.first_audio.is_none() && (fresh || arrived > caller_stopped) {
            self.first_audio = Some((arrived, played));
        }
        let (arrived, played) = self.first_audio?;
        let audible = audible_from?;
        self.waiting_since = None;
        // Audio may have been on its way before the caller stopped; each part begins where the one
        // before it ends.
        let arrived = arrived.max(caller_stopped);
        let played = played.max(arrived);
        let audible = audible.max(played);
        Some(TurnLatency {
            caller_stopped,
            total: audible - caller_stopped,
            gateway: arrived - caller_stopped,
            buffer: played - arrived,
            lead_in: audible - played,
        })
    }
}

/// The value below which `part` (0 to 1) of the durations lie, by nearest rank; zero for none.
pub fn percentile(durations: &[Duration], part: f64) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn measures_from_the_callers_end_to_the_first_audible_sample() {
        let mut timer = TurnTimer::default();
        timer.caller_speaks();
        timer.caller_stopped(at(1_000), false);
        assert_eq!(timer.agent_played(at(1_600), at(1_620), None, true), None);
        let latency = timer.agent_played(at(1_610), at(1_640), Some(at(1_650)), false).unwrap();
        assert_eq!(latency.total, ms(650));
        assert_eq!((latency.gateway, latency.buffer, latency.lead_in), (ms(600), ms(20), ms(30)));
        assert_eq!(timer.agent_played(at(1_620), at(1_660), Some(at(1_660)), false), None);
    }

    #[test]
    fn parts_sum_to_the_whole_even_when_the_reply_was_on_its_way_early() {
        let mut timer = TurnTimer::default();
        timer.caller_stopped(at(1_000), false);
        let latency = timer.agent_played(at(980), at(1_020), Some(at(1_021)), true).unwrap();
        assert_eq!(latency.gateway + latency.buffer + latency.lead_in, latency.total);
        assert_eq!(latency.total, ms(21));
    }

    #[test]
    fn waits_until_the_caller_is_really_done() {
        let mut timer = TurnTimer::default();
        timer.caller_stopped(at(1_000), false);
        timer.caller_speaks();
        assert_eq!(timer.agent_played(at(1_200), at(1_220), Some(at(1_220)), true), None);
        timer.caller_stopped(at(2_000), false);
        let latency = timer.agent_played(at(2_500), at(2_520), Some(at(2_520)), true).unwrap();
        assert_eq!(latency.total, ms(520));
    }

    #[test]
    fn measures_nothing_while_the_agent_talks_over_the_caller() {
        let mut timer = TurnTimer::default();
        timer.caller_stopped(at(1_000), true);
        assert_eq!(timer.agent_played(at(1_001), at(1_020), Some(at(1_020)), false), None);
    }

    #[test]
    fn takes_the_rest_of_an_interrupted_reply_for_no_answer() {
        let mut timer = TurnTimer::default();
        timer.caller_stopped(at(1_000), false);
        timer.agent_played(at(1_005), at(1_020), None, false);
        timer.agent_stopped();
        let latency = timer.agent_played(at(1_700), at(1_720), Some(at(1_720)), true).unwrap();
        assert_eq!(latency.gateway, ms(700));
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let durations: Vec<_> = (1..=20).map(ms).collect();
        assert_eq!(percentile(&durations, 0.5), ms(10));
        assert_eq!(percentile(&durations, 0.95), ms(19));
        assert_eq!(percentile(&durations[..1], 0.95), ms(1));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }
}
