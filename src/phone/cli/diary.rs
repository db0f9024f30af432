//! What happens in one call, for the report: written as it happens, or kept until the call is over.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::phone::report::{Entry, Report};

/// The entries of one call.
pub(super) struct Diary<'a, W> {
    call: usize,
    report: &'a Mutex<Report<W>>,
    /// Entries that wait for the end of the call. `None`: each is written at once.
    kept: Option<Mutex<Vec<Entry>>>,
}

impl<'a, W: Write> Diary<'a, W> {
    /// Writes each entry as it comes.
    pub(super) fn open(call: usize, report: &'a Mutex<Report<W>>) -> Self {
        Self { call, report, kept: None }
    }

    /// Keeps the entries: many calls at once would be told in pieces.
    pub(super) fn closed(call: usize, report: &'a Mutex<Report<W>>) -> Self {
        Self { kept: Some(Mutex::default()), ..Self::open(call, report) }
    }

    pub(super) fn note(&self, entry: Entry) {
        match &self.kept {
            None => self.report.lock().unwrap_or_else(PoisonError::into_inner).entry(self.call, &entry),
            Some(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).push(entry),
        }
    }

    /// What was kept.
    pub(super) fn into_kept(self) -> Vec<Entry> {
        self.kept.map(|kept| kept.into_inner().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
    }
}
