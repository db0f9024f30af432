//! After a line to a recogniser is lost: who is asked next, and when.
//!
//! [`Recovery`] is told that a line was lost and why, and answers what to do. A vendor that was
//! connected is dialled again at once, and only once; then, or if it never was, the next in the chain is asked.
//! One that fell silent is not worth the wait for a handshake while another can be asked. Where there is none,
//! the search begins again after a growing pause with full jitter, until nobody has listened for [`DEAF_MAX`].

use std::time::Duration;

use tokio::time::Instant;

use crate::vendors::VendorError;
use crate::vendors::chain::Chain;
use crate::vendors::stt::Stt;

/// How long a call goes on with nobody listening.
pub(super) const DEAF_MAX: Duration = Duration::from_secs(12);

/// The first pause before another attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause before another attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What to do about a lost line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Open a line to the vendor at this place of the chain, at this time.
    Open { place: usize, at: Instant },
    /// Nobody will listen to this call any more.
    GiveUp,
}

/// A line that was up for so long worked, even if nobody spoke.
const LIVED: Duration = Duration::from_secs(5);

/// One that gave words has worked when it was up for so long. Without this a vendor whose lines die as soon as
/// they have heard something would be dialled without a pause.
const LIVED_WITH_WORDS: Duration = Duration::from_secs(1);

/// A lost line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost<'a> {
    /// Whose it was.
    pub(super) place: usize,
    /// Why.
    pub(super) error: &'a VendorError,
    /// How long it was up, if it ever was.
    pub(super) connected_for: Option<Duration>,
    /// Whether it has said anything of what it heard.
    pub(super) gave_words: bool,
}

/// How the search for somebody who listens stands.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// Since when nobody has listened, and the attempts since then.
    deaf: Option<(Instant, u32)>,
}

impl Recovery {
    /// A line was lost. `random` is uniform in 0..1.
    pub(super) fn lost(&mut self, now: Instant, chain: &Chain<dyn Stt>, line: &Lost<'_>, random: f64) -> Remedy {
        let Lost { place, error, connected_for, gave_words } = *line;
        chain.failed(place, now, error);
        let enough = if gave_words { LIVED_WITH_WORDS } else { LIVED };
        if connected_for.is_some_and(|lived| lived >= enough) {
            self.deaf = None;
        }
        let (since, attempts) = self.deaf.map_or((now, 0), |(since, attempts)| (since, attempts + 1));
        self.deaf = Some((since, attempts));
        let again = attempts == 0 && connected_for.is_some() && error.is_retryable();
        let fell_silent = matches!(error, VendorError::TimedOut { .. });
        let next = if again && !fell_silent { None } else { chain.after(place, now) };
        if again || next.is_some() {
            return Remedy::Open { place: next.unwrap_or(place), at: now };
        }
        // Behind the last one the search begins again, at whoever may have recovered.
        let first = chain.first(now);
        let is_hopeless = first == place && error.is_lasting();
        if is_hopeless || now - since >= DEAF_MAX {
            return Remedy::GiveUp;
        }
        let ceiling = FIRST_PAUSE.saturating_mul(1 << attempts.min(8)).min(LONGEST_PAUSE);
        Remedy::Open { place: first, at: now + ceiling.mul_f64(random.clamp(0.0, 1.0)) }
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
