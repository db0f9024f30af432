//! The stretch of a row in which all its calls talk, and what the processes needed in it.
//!
//! It begins when the last call's greeting is over and ends when the first call hangs up. Processor
//! time and new connections are counted in it only: answering and ending calls costs extra, and a
//! call that is about to begin opens connections.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::figures::millis;
use super::process::Sample;

/// Less than this is too short for the kernel's coarse account of processor time.
const SHORTEST: Duration = Duration::from_secs(2);

/// The stretch in which all calls talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steady {
    /// The last call's greeting is over.
    pub from: Instant,
    /// The first call hangs up.
    pub until: Instant,
}

impl Steady {
    /// The stretch of calls that talked from one moment to another; `None` when they never all did.
    pub fn of(calls: impl IntoIterator<Item = (Instant, Instant)>) -> Option<Self> {
        let all = calls.into_iter().reduce(|(from, until), (began, ended)| (from.max(began), until.min(ended)));
        all.filter(|(from, until)| from < until).map(|(from, until)| Self { from, until })
    }

    /// The first and the last look at a process in this stretch, if they are far enough apart.
    fn looks(&self, samples: &[Sample]) -> Option<(Sample, Sample)> {
        let within = |sample: &&Sample| (self.from..=self.until).contains(&sample.at);
        let first = samples.iter().find(within)?;
        let last = samples.iter().rev().find(within)?;
        (last.at.duration_since(first.at) >= SHORTEST).then_some((*first, *last))
    }

    /// Milliseconds of processor time per second of each of so many calls.
    pub fn cpu_ms_per_call_second(&self, samples: &[Sample], calls: usize) -> Option<f64> {
        let (first, last) = self.looks(samples)?;
        (calls > 0).then(|| last.cpu_share_since(&first) * 1_000.0 / calls as f64)
    }

    /// The share of one processor that was used.
    pub fn cpu_share(&self, samples: &[Sample]) -> Option<f64> {
        let (first, last) = self.looks(samples)?;
        Some(last.cpu_share_since(&first))
    }

    /// How long it is.
    pub fn duration(&self) -> Duration {
        self.until.duration_since(self.from)
    }
}

/// What the gateway's process held before, during and after its calls.
pub fn server_figures(samples: &[Sample], steady: Option<Steady>, calls: usize) -> Value {
    let peak = samples.iter().map(|sample| sample.rss_kib).max();
    let [before, after] = [samples.first(), samples.last()].map(|sample| sample.map(|sample| sample.rss_kib));
    let per_call = peak.zip(before).filter(|_| calls > 0);
    json!({
        "steady_seconds": steady.map(|steady| (millis(steady.duration()) / 100.0).round() / 10.0),
        "cpu_ms_per_call_second": steady.and_then(|steady| steady.cpu_ms_per_call_second(samples, calls)).map(rounded),
        "cpu_share": steady.and_then(|steady| steady.cpu_share(samples)).map(rounded),
        "rss_before_kib": before,
        "rss_peak_kib": peak,
        "rss_after_kib": after,
        "rss_per_call_kib": per_call.map(|(peak, before)| peak.saturating_sub(before) / calls as u64),
        "threads": samples.iter().map(|sample| sample.threads).max(),
    })
}

/// To a thousandth.
pub fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(start: Instant, looks: &[(u64, u64, u64)]) -> Vec<Sample> {
        let of = |&(at, cpu, rss_kib): &(u64, u64, u64)| Sample {
            at: start + Duration::from_millis(at),
            cpu: Duration::from_millis(cpu),
            rss_kib,
            rss_peak_kib: rss_kib,
            threads: 5,
        };
        looks.iter().map(of).collect()
    }

    #[test]
    fn all_calls_talk_between_the_last_greeting_and_the_first_goodbye() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let steady = Steady::of([(at(1_000), at(9_000)), (at(2_000), at(8_000)), (at(1_500), at(9_500))]);
        assert_eq!(steady, Some(Steady { from: at(2_000), until: at(8_000) }));
        assert_eq!(Steady::of([(at(0), at(1_000)), (at(2_000), at(3_000))]), None);
        assert_eq!(Steady::of([]), None);
    }

    #[test]
    fn processor_time_counts_while_all_calls_talk() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let steady = Steady { from: at(2_000), until: at(8_000) };
        // 200 ms in 4 s of 10 calls; what was used before and after does not count.
        let looks =
            [(0, 0, 1_000), (1_900, 900, 1_500), (3_000, 1_000, 2_000), (7_000, 1_200, 3_000), (9_000, 5_000, 1_200)];
        let samples = samples(start, &looks);
        assert_eq!(steady.cpu_ms_per_call_second(&samples, 10), Some(5.0));
        let figures = server_figures(&samples, Some(steady), 10);
        assert_eq!(figures["cpu_ms_per_call_second"], 5.0);
        assert_eq!(figures["cpu_share"], 0.05);
        assert_eq!(figures["rss_per_call_kib"], 200);
        let memory = ["rss_before_kib", "rss_peak_kib", "rss_after_kib"].map(|name| figures[name].as_u64());
        assert_eq!(memory, [Some(1_000), Some(3_000), Some(1_200)]);
    }

    #[test]
    fn a_short_stretch_tells_nothing() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let samples = samples(start, &[(0, 0, 1), (1_000, 500, 1), (2_000, 900, 1)]);
        let steady = Steady { from: at(500), until: at(2_500) };
        assert_eq!(steady.cpu_ms_per_call_second(&samples, 1), None);
        assert_eq!(server_figures(&[], None, 0)["rss_per_call_kib"], Value::Null);
    }
}
