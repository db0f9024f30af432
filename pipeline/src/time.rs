//! Time within one call.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use tokio::time::Instant;

/// A moment in a call, counted from the moment the call was answered.
///
/// Microsecond resolution. Subtracting a later moment from an earlier one gives zero, so a late
/// timer never becomes a panic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CallTime(Duration);

impl CallTime {
    /// The moment the call was answered.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment `millis` milliseconds after the call was answered.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// Whole milliseconds since the call was answered.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// Time passed since the call was answered.
    pub fn since_answer(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for CallTime {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl Sub<Duration> for CallTime {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }
}

impl Sub for CallTime {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for CallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.0.as_secs_f64())
    }
}

/// Reads a call's time from the machine's clock: the only place where the two meet.
///
/// It is tokio's clock, so tests on a paused runtime control it.
#[derive(Clone, Copy, Debug)]
pub struct CallClock {
    answered: Instant,
}

impl CallClock {
    /// Starts the clock of a call that is answered now.
    pub fn start() -> Self {
        Self { answered: Instant::now() }
    }

    /// The time in the call now.
    pub fn now(self) -> CallTime {
        CallTime(self.answered.elapsed())
    }

    /// The machine's instant of a moment in this call.
    pub fn instant(self, at: CallTime) -> Instant {
        self.answered + at.0
    }
}
