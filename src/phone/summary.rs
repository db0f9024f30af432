//! What calls came to: each one's figures, and all of them together.

use std::time::Duration;

use super::events::EndedBy;
use super::latency::percentile;

/// What one call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Its number, from 1.
    pub(super) call: usize,
    /// The carrier's id, once it was answered.
    pub(super) sid: Option<String>,
    /// What was measured; `None` for a call that was not answered.
    pub(super) figures: Option<Figures>,
    /// Why it did not go as it was meant to.
    pub(super) failed: Option<String>,
}

/// What was measured in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) duration: Duration,
    pub(super) first_sound: Option<Duration>,
    /// How long the caller waited for each reply.
    pub(super) replies: Vec<Duration>,
    pub(super) longest_silence: Duration,
    pub(super) warnings: u64,
    pub(super) ended_by: EndedBy,
}

/// How long callers waited for their replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replies {
    pub(super) count: usize,
    pub(super) median: Duration,
    pub(super) p95: Duration,
    pub(super) max: Duration,
}

impl Replies {
    pub(super) fn of(waited: &[Duration]) -> Self {
        Self {
            count: waited.len(),
            median: percentile(waited, 0.5),
            p95: percentile(waited, 0.95),
            max: percentile(waited, 1.0),
        }
    }
}

/// What several calls came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) calls: usize,
    pub(super) answered: usize,
    /// The calls that failed, and why.
    pub(super) failures: Vec<(usize, String)>,
    pub(super) replies: Replies,
    pub(super) longest_silence: Duration,
    pub(super) warnings: u64,
}

impl Summary {
    pub(super) fn of(outcomes: &[Outcome]) -> Self {
        let answered: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.figures.as_ref()).collect();
        let failed = |outcome: &Outcome| Some((outcome.call, outcome.failed.clone()?));
        let waited: Vec<_> = answered.iter().flat_map(|figures| &figures.replies).copied().collect();
        Self {
            calls: outcomes.len(),
            answered: answered.len(),
            failures: outcomes.iter().filter_map(failed).collect(),
            replies: Replies::of(&waited),
            longest_silence: answered.iter().map(|figures| figures.longest_silence).max().unwrap_or_default(),
            warnings: answered.iter().map(|figures| figures.warnings).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn answered(call: usize, replies: &[u64], longest_silence: u64, failed: Option<&str>) -> Outcome {
        let figures = Figures {
            duration: ms(10_000),
            first_sound: None,
            replies: replies.iter().copied().map(ms).collect(),
            longest_silence: ms(longest_silence),
            warnings: 1,
            ended_by: EndedBy::Caller,
        };
        Outcome { call, sid: None, figures: Some(figures), failed: failed.map(str::to_owned) }
    }

    #[test]
    fn sums_up_what_each_call_came_to() {
        let refused = Outcome { call: 2, sid: None, figures: None, failed: Some("busy".to_owned()) };
        let summary = Summary::of(&[
            answered(1, &[400, 600], 900, None),
            refused,
            answered(3, &[500], 1_200, Some("the call ended")),
        ]);
        assert_eq!((summary.calls, summary.answered, summary.warnings), (3, 2, 2));
        assert_eq!(summary.failures, [(2, "busy".to_owned()), (3, "the call ended".to_owned())]);
        assert_eq!(summary.replies, Replies { count: 3, median: ms(500), p95: ms(600), max: ms(600) });
        assert_eq!(summary.longest_silence, ms(1_200));
    }

    #[test]
    fn no_answer_leaves_nothing_to_measure() {
        let summary = Summary::of(&[]);
        assert_eq!((summary.answered, summary.replies.count, summary.replies.max), (0, 0, Duration::ZERO));
    }
}
