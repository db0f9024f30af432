//! How many connections to a server lie ready, as far as can be known from outside the client's pool.
//!
//! [`Pool`] is told when an exchange takes a connection and when it gives one back, and answers whether a
//! caller who is speaking should have one opened. Callers who speak at the same time each count on one.
//!
//! It may be wrong: servers close idle connections without a word. Then a request opens its own.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// A connection that has been idle for longer may be closed by its server: many keep them for five seconds.
const FRESH: Duration = Duration::from_secs(4);

/// A caller who has not asked for so long after beginning to speak will not.
const EXPECTED: Duration = Duration::from_secs(8);

/// Connections and callers that are counted at most.
const COUNTED: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Since when each idle connection has been idle, oldest first.
    idle: VecDeque<Instant>,
    /// When each caller who will ask was announced, oldest first.
    expected: VecDeque<Instant>,
}

impl Pool {
    /// An exchange begins.
    pub(super) fn taken(&mut self, now: Instant) {
        self.expire(now);
        self.idle.pop_back();
        self.expected.pop_front();
    }

    /// An exchange was read to its end.
    pub(super) fn given_back(&mut self, now: Instant) {
        self.expire(now);
        if self.idle.len() < COUNTED {
            self.idle.push_back(now);
        }
    }

    /// A caller will ask soon. Whether a connection should be opened for them.
    pub(super) fn wants_connection(&mut self, now: Instant) -> bool {
        self.expire(now);
        if self.expected.len() < COUNTED {
            self.expected.push_back(now);
        }
        self.idle.len() < self.expected.len()
    }

    fn expire(&mut self, now: Instant) {
        while self.idle.front().is_some_and(|&since| now - since >= FRESH) {
            self.idle.pop_front();
        }
        while self.expected.front().is_some_and(|&since| now - since >= EXPECTED) {
            self.expected.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_one_for_every_caller_who_speaks_and_none_that_is_not_needed() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pool = Pool::default();
        assert!(pool.wants_connection(at(0)), "the first caller");
        pool.given_back(at(100));
        assert!(pool.wants_connection(at(200)), "the second one speaks at the same time");
        pool.given_back(at(300));
        pool.taken(at(400));
        pool.given_back(at(500));
        pool.taken(at(600));
        pool.given_back(at(700));
        assert!(!pool.wants_connection(at(800)), "there are two");
        assert!(pool.wants_connection(at(9_000)), "and none that is fresh");
    }

    #[test]
    fn forgets_a_caller_who_does_not_ask() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pool = Pool::default();
        assert!(pool.wants_connection(at(0)));
        pool.given_back(at(8_000));
        assert!(!pool.wants_connection(at(8_001)));
    }
}
