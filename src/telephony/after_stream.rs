//! What the carrier is to do once a call's stream is over.
//!
//! The carrier asks over HTTP when our side of the stream has closed; by then the call is gone. A
//! call that wants to be handed over leaves the target here before it hangs up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hand-overs that wait for the carrier to ask, for all calls. The oldest gives way: the carrier asks
/// within a second, so an old one belongs to a call whose caller hung up first.
const TRANSFERS_CAPACITY: usize = 1024;

/// All hand-overs that wait; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Transfers(Arc<Mutex<VecDeque<Transfer>>>);

struct Transfer {
    call_sid: Arc<str>,
    target: String,
}

impl std::fmt::Debug for Transfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The target is somebody's number.
        f.debug_struct("Transfer").field("call_sid", &self.call_sid).finish_non_exhaustive()
    }
}

impl Transfers {
    /// One call's way in.
    pub fn of_call(&self, call_sid: &Arc<str>) -> AfterStream {
        AfterStream { call_sid: Arc::clone(call_sid), transfers: self.clone() }
    }

    /// Where the call is to go, told once.
    pub fn take(&self, call_sid: &str) -> Option<String> {
        let mut waiting = self.lock();
        let place = waiting.iter().position(|transfer| &*transfer.call_sid == call_sid)?;
        waiting.remove(place).map(|transfer| transfer.target)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Transfer>> {
        // Nothing panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call's say in what follows its stream. Unless told otherwise the carrier hangs up.
#[derive(Debug, Clone)]
pub struct AfterStream {
    call_sid: Arc<str>,
    transfers: Transfers,
}

impl AfterStream {
    /// Has the carrier connect the caller to a phone number or a `sip:` address once the stream is
    /// over. The last word counts.
    pub fn transfer_to(&self, target: &str) {
        let mut waiting = self.transfers.lock();
        waiting.retain(|transfer| transfer.call_sid != self.call_sid);
        if waiting.len() == TRANSFERS_CAPACITY {
            waiting.pop_front();
        }
        waiting.push_back(Transfer { call_sid: Arc::clone(&self.call_sid), target: target.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_last_target_once_and_only_for_its_call() {
        let transfers = Transfers::default();
        let after = transfers.of_call(&"CA1".into());
        after.transfer_to("+14155550111");
        after.transfer_to("+14155550123");
        assert_eq!(transfers.take("CA2"), None);
        assert_eq!(transfers.take("CA1").as_deref(), Some("+14155550123"));
        assert_eq!(transfers.take("CA1"), None);
    }

    #[test]
    fn forgets_the_oldest_of_too_many() {
        let transfers = Transfers::default();
        for n in 0..=TRANSFERS_CAPACITY {
            transfers.of_call(&format!("CA{n}").into()).transfer_to("+14155550123");
        }
        assert_eq!(transfers.take("CA0"), None);
        assert!(transfers.take("CA1").is_some());
    }

    #[test]
    fn keeps_numbers_out_of_debug() {
        let transfers = Transfers::default();
        transfers.of_call(&"CA1".into()).transfer_to("+14155550123");
        assert!(!format!("{transfers:?}").contains("4155550123"));
    }
}
