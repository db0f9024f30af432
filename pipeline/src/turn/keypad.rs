//! Keypad entries: keys are collected until `#` or a quiet moment.

use std::time::Duration;

use crate::time::CallTime;

/// Stands before keypad input in the caller's words, so that the agent knows it was typed.
pub const KEYPAD_MARK: &str = "(keypad)";

/// Longest entry; further keys are ignored so that a stuck key cannot grow it.
const ENTRY_MAX: usize = 64;

/// The keys of an entry that is being typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Keypad {
    entry: Option<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    keys: String,
    complete_at: CallTime,
}

impl Keypad {
    /// Takes a key; gives the caller's words when `#` completes an entry.
    pub(super) fn press(&mut self, now: CallTime, key: char, pause: Duration) -> Option<String> {
        if key == '#' {
            return self.take();
        }
        if !matches!(key, '0'..='9' | '*') {
            return None;
        }
        let entry = self.entry.get_or_insert_with(|| Entry { keys: String::new(), complete_at: now });
        entry.complete_at = now + pause;
        if entry.keys.len() < ENTRY_MAX {
            entry.keys.push(key);
        }
        None
    }

    /// Gives the caller's words when the keys have been quiet for long enough.
    pub(super) fn complete(&mut self, now: CallTime) -> Option<String> {
        self.entry.as_ref().is_some_and(|entry| entry.complete_at <= now).then(|| self.take())?
    }

    pub(super) fn deadline(&self) -> Option<CallTime> {
        self.entry.as_ref().map(|entry| entry.complete_at)
    }

    fn take(&mut self) -> Option<String> {
        self.entry.take().map(|entry| format!("{KEYPAD_MARK} {}", entry.keys))
    }
}
