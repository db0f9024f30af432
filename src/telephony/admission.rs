//! How many calls may be up at once, counted exactly.
//!
//! [`Admission::admit`] gives a [`Permit`] for a call or says why not. The call counts as long as
//! any clone of its permit lives: in a token that waits for its stream, then in the call. A second
//! permit for the same call (a webhook that Twilio repeats) counts once.
//!
//! Invariant: at no moment do permits of more than `max_calls` different calls exist.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

/// Why a call is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Turned {
    /// As many calls as allowed are up.
    #[error("at capacity")]
    Full,
    /// The gateway is shutting down.
    #[error("draining")]
    Draining,
    /// The gateway has only just been started.
    #[error("not ready")]
    NotReady,
}

/// The counter; clones share it.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max_calls: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Living permits by call.
    permits: HashMap<Arc<str>, usize>,
    draining: bool,
}

impl Admission {
    /// Lets at most `max_calls` calls in.
    pub fn new(max_calls: usize) -> Self {
        Self(Arc::new(Shared { max_calls, state: Mutex::default() }))
    }

    /// A permit for the call, if there is room or the call has one already.
    pub fn admit(&self, call_sid: &str) -> Result<Permit, Turned> {
        let mut state = self.0.lock();
        if let Some((call_sid, permits)) = state.permits.get_key_value(call_sid).map(|(sid, n)| (Arc::clone(sid), *n)) {
            state.permits.insert(Arc::clone(&call_sid), permits + 1);
            return Ok(Permit { call_sid, shared: Arc::clone(&self.0) });
        }
        if state.draining {
            return Err(Turned::Draining);
        }
        if state.permits.len() >= self.0.max_calls {
            return Err(Turned::Full);
        }
        let call_sid: Arc<str> = call_sid.into();
        state.permits.insert(Arc::clone(&call_sid), 1);
        Ok(Permit { call_sid, shared: Arc::clone(&self.0) })
    }

    /// Takes no new call from now on.
    pub fn drain(&self) {
        self.0.lock().draining = true;
    }

    /// Whether no new call is taken any more.
    pub fn is_draining(&self) -> bool {
        self.0.lock().draining
    }

    /// Calls that are up or expected.
    pub fn calls(&self) -> usize {
        self.0.lock().permits.len()
    }

    /// The cap.
    pub fn max_calls(&self) -> usize {
        self.0.max_calls
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, and a counter is whole between any two lines.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for one call, given back when its last clone is dropped.
#[derive(Debug)]
pub struct Permit {
    call_sid: Arc<str>,
    shared: Arc<Shared>,
}

impl Clone for Permit {
    fn clone(&self) -> Self {
        if let Some(permits) = self.shared.lock().permits.get_mut(&self.call_sid) {
            *permits += 1;
        }
        Self { call_sid: Arc::clone(&self.call_sid), shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        match state.permits.get_mut(&self.call_sid) {
            Some(permits) if *permits > 1 => *permits -= 1,
            _ => {
                state.permits.remove(&self.call_sid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_in_as_many_calls_as_allowed_and_the_next_when_one_is_over() {
        let admission = Admission::new(2);
        let first = admission.admit("CA1").unwrap();
        let _second = admission.admit("CA2").unwrap();
        assert_eq!(admission.admit("CA3").unwrap_err(), Turned::Full);
        drop(first);
        assert_eq!(admission.calls(), 1);
        assert!(admission.admit("CA3").is_ok());
    }

    #[test]
    fn counts_a_repeated_webhook_once_even_at_the_cap() {
        let admission = Admission::new(1);
        let first = admission.admit("CA1").unwrap();
        let again = admission.admit("CA1").unwrap();
        let copy = again.clone();
        assert_eq!(admission.calls(), 1);
        drop((first, again));
        assert_eq!(admission.calls(), 1, "the copy still holds the call");
        drop(copy);
        assert_eq!(admission.calls(), 0);
    }

    #[test]
    fn takes_no_new_call_while_draining_but_answers_for_those_it_has() {
        let admission = Admission::new(10);
        let _permit = admission.admit("CA1").unwrap();
        admission.drain();
        assert_eq!(admission.admit("CA2").unwrap_err(), Turned::Draining);
        assert!(admission.admit("CA1").is_ok());
        assert!(admission.is_draining());
    }

    #[test]
    fn never_exceeds_the_cap_however_many_threads_ask() {
        let admission = Admission::new(50);
        let permits: Vec<Permit> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8)
                .map(|worker| {
                    let admission = admission.clone();
                    scope.spawn(move || {
                        (0..500).filter_map(|n| admission.admit(&format!("CA{worker}-{n}")).ok()).collect::<Vec<_>>()
                    })
                })
                .collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        assert_eq!(permits.len(), 50);
        assert_eq!(admission.calls(), 50);
        drop(permits);
        assert_eq!(admission.calls(), 0);
    }
}
