//! A circuit breaker: a vendor that keeps failing is left alone for a while.
//!
//! [`Breaker`] is told how attempts ended and what time it is, and answers whether another attempt
//! is worth making. Closed, it lets everything pass; after [`BreakerPolicy::failures`] in a row it opens
//! and refuses; when its time is over one trial may pass, whose end decides: closed again, or
//! open for twice as long.
//!
//! What always holds: a success closes it at once; it never stays open longer than
//! [`BreakerPolicy::longest`] without letting a trial pass; a trial that never ends does not keep it shut.

use std::time::Duration;

use tokio::time::Instant;

/// When a breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open the first time; every failed trial doubles that.
    pub shortest: Duration,
    /// The longest it stays open.
    pub longest: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 3, shortest: Duration::from_secs(5), longest: Duration::from_secs(60) }
    }
}

/// Whether one vendor is worth an attempt.
#[derive(Debug, Clone)]
pub struct Breaker {
    policy: BreakerPolicy,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        lasts: Duration,
    },
    /// One attempt is under way; it counts as failed when it has not ended by then.
    Trying {
        until: Instant,
        lasts: Duration,
    },
}

impl Breaker {
    /// A closed breaker.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: State::Closed { failures: 0 } }
    }

    /// Whether an attempt is worth making now. After an open time the first to ask makes the trial.
    pub fn admits(&mut self, now: Instant) -> bool {
        let admits = self.would_admit(now);
        if admits && let State::Open { lasts, .. } | State::Trying { lasts, .. } = self.state {
            self.state = State::Trying { until: now + lasts, lasts };
        }
        admits
    }

    /// Whether it would admit an attempt now, for those who make none yet.
    pub fn would_admit(&self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until, .. } | State::Trying { until, .. } => until <= now,
        }
    }

    /// An attempt went well.
    pub fn succeeded(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// An attempt failed. One that would fail again in the same way (`is_lasting`: a wrong key) opens
    /// the breaker at once.
    pub fn failed(&mut self, now: Instant, is_lasting: bool) {
        let BreakerPolicy { failures: limit, shortest, longest } = self.policy;
        let open = |lasts: Duration| State::Open { until: now + lasts, lasts };
        self.state = match self.state {
            State::Closed { failures } if failures + 1 >= limit || is_lasting => open(shortest),
            State::Closed { failures } => State::Closed { failures: failures + 1 },
            State::Trying { lasts, .. } => open((lasts * 2).min(longest)),
            // Attempts that began before it opened.
            open @ State::Open { .. } => open,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BreakerPolicy =
        BreakerPolicy { failures: 2, shortest: Duration::from_secs(4), longest: Duration::from_secs(10) };

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_trial_pass() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::new(POLICY);
        breaker.failed(at(0), false);
        breaker.succeeded();
        breaker.failed(at(1), false);
        assert!(breaker.admits(at(1)), "failures count in a row only");
        breaker.failed(at(1), false);
        assert!(!breaker.admits(at(4)));
        assert!(breaker.would_admit(at(5)) && breaker.would_admit(at(5)), "to look is no trial");
        assert!(breaker.admits(at(5)), "the trial");
        assert!(!breaker.admits(at(5)), "only one");
        breaker.failed(at(6), false);
        assert!(!breaker.admits(at(13)), "twice as long");
        assert!(breaker.admits(at(14)));
        breaker.failed(at(14), false);
        assert!(breaker.admits(at(24)), "but never longer than the longest");
        breaker.succeeded();
        assert!(breaker.admits(at(24)) && breaker.admits(at(24)));
    }

    #[test]
    fn a_wrong_key_opens_it_at_once() {
        let now = Instant::now();
        let mut breaker = Breaker::new(POLICY);
        breaker.failed(now, true);
        assert!(!breaker.admits(now));
    }

    #[test]
    fn a_trial_that_never_ends_does_not_keep_it_shut() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::new(POLICY);
        breaker.failed(at(0), true);
        assert!(breaker.admits(at(4)));
        assert!(!breaker.admits(at(7)));
        assert!(breaker.admits(at(8)));
    }
}
