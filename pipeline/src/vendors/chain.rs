//! Vendors in the order in which they are asked.
//!
//! A [`Chain`] is shared by all calls; each vendor in it has a circuit breaker, so that what one call
//! learned spares the next one the wait. A call asks [`Chain::first`] where to begin, reports how
//! it went, and after a failure goes on with [`Chain::after`].
//!
//! Not here: what is done again at the next vendor (the stages know), connections (`net`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::VendorError;
use super::breaker::{Breaker, BreakerPolicy};

/// Vendors of one kind, first choice first; never empty.
pub struct Chain<V: ?Sized> {
    links: Arc<[Link<V>]>,
}

struct Link<V: ?Sized> {
    vendor: Arc<V>,
    breaker: Mutex<Breaker>,
}

impl<V: ?Sized> Clone for Chain<V> {
    fn clone(&self) -> Self {
        Self { links: Arc::clone(&self.links) }
    }
}

impl<V: ?Sized> From<Arc<V>> for Chain<V> {
    fn from(only: Arc<V>) -> Self {
        Self::new(only, [])
    }
}

impl<V: ?Sized> Chain<V> {
    /// A first choice and those that stand in for it, in order.
    pub fn new(first: Arc<V>, others: impl IntoIterator<Item = Arc<V>>) -> Self {
        let link = |vendor| Link { vendor, breaker: Mutex::new(Breaker::new(BreakerPolicy::default())) };
        Self { links: std::iter::once(first).chain(others).map(link).collect() }
    }

    /// The vendor at a place.
    ///
    /// # Panics
    /// At a place that neither [`Chain::first`] nor [`Chain::after`] named.
    pub fn vendor(&self, place: usize) -> &Arc<V> {
        &self.links[place].vendor
    }

    /// All vendors, in order.
    pub fn vendors(&self) -> impl Iterator<Item = &Arc<V>> {
        self.links.iter().map(|link| &link.vendor)
    }

    /// Where to begin: the first that is worth an attempt. When none is, the first of all: an
    /// attempt in vain costs less than a call without one.
    pub fn first(&self, now: Instant) -> usize {
        (0..self.links.len()).find(|&place| self.breaker(place).admits(now)).unwrap_or(0)
    }

    /// Where [`Chain::first`] would begin. For those who only get ready: it makes no attempt.
    pub fn likely_first(&self, now: Instant) -> usize {
        (0..self.links.len()).find(|&place| self.breaker(place).would_admit(now)).unwrap_or(0)
    }

    /// Who stands in after the vendor at `place` failed: the next behind it that is worth an attempt.
    pub fn after(&self, place: usize, now: Instant) -> Option<usize> {
        (place + 1..self.links.len()).find(|&place| self.breaker(place).admits(now))
    }

    /// The next behind the vendor at `place`, worth an attempt or not: for those who have nothing to lose.
    pub fn behind(&self, place: usize) -> Option<usize> {
        (place + 1 < self.links.len()).then_some(place + 1)
    }

    /// The vendor at `place` did its part.
    pub fn succeeded(&self, place: usize) {
        self.breaker(place).succeeded();
    }

    /// The vendor at `place` did not.
    pub fn failed(&self, place: usize, now: Instant, error: &VendorError) {
        self.breaker(place).failed(now, error.is_lasting());
    }

    fn breaker(&self, place: usize) -> MutexGuard<'_, Breaker> {
        self.links[place].breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> VendorError {
        VendorError::Refused { vendor: "a", status: 401, setting: "A_KEY" }
    }

    #[test]
    fn goes_on_behind_the_one_that_failed_and_remembers_it() {
        let now = Instant::now();
        let chain = Chain::new(Arc::new("a"), [Arc::new("b"), Arc::new("c")]);
        assert_eq!(chain.first(now), 0);
        chain.failed(0, now, &refused());
        assert_eq!(chain.after(0, now), Some(1));
        assert_eq!(chain.first(now), 1, "the next call does not begin with a vendor that refuses us");
        assert_eq!(chain.likely_first(now), 1);
        let later = now + BreakerPolicy::default().shortest;
        assert_eq!([chain.likely_first(later), chain.likely_first(later)], [0, 0], "to get ready is no attempt");
        assert_eq!([chain.first(later), chain.first(later)], [0, 1]);
        chain.succeeded(0);
        assert_eq!(chain.first(now), 0);
        assert_eq!(chain.after(2, now), None);
        assert_eq!((chain.behind(1), chain.behind(2)), (Some(2), None));
    }

    #[test]
    fn asks_the_first_of_all_when_none_is_worth_it() {
        let now = Instant::now();
        let chain = Chain::from(Arc::new("a"));
        chain.failed(0, now, &refused());
        assert_eq!(chain.first(now), 0);
        assert_eq!(**chain.vendor(0), "a");
    }
}
