//! The words of one utterance, for recognisers that settle them window by window.
//!
//! A recogniser looks at a window of audio, guesses at its words, guesses again, and then settles it and
//! turns to the next. [`Utterance`] joins the windows to the text of the whole utterance.
//!
//! What always holds: no text is longer than [`UTTERANCE_MAX_BYTES`]; a final that says nothing new is told
//! once ([`Utterance::news`]); after [`Utterance::commit`] nothing of the old words comes back, and what the
//! recogniser had guessed at is marked as heard up to [`Utterance::forgotten_until`].

use std::time::Duration;

/// The longest text of an utterance, more than half an hour of speech. Words behind it are left out.
pub const UTTERANCE_MAX_BYTES: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Utterance {
    /// The words of settled windows.
    settled: String,
    /// The guess at the running window, and where that ends in the audio.
    running: String,
    running_until: Duration,
    /// Audio of utterances before this one.
    forgotten_until: Duration,
    /// The text of the last final.
    told: String,
}

impl Utterance {
    /// The recogniser's guess at the running window, which ends at `until`. False when there was and is
    /// nothing in it.
    pub(super) fn guess(&mut self, text: &str, until: Duration) -> bool {
        let is_news = !(self.running.is_empty() && text.is_empty());
        self.running.clear();
        append(&mut self.running, text);
        self.running_until = until;
        is_news
    }

    /// The running window is settled. False when the guess at it was right.
    pub(super) fn settle(&mut self, text: &str) -> bool {
        let is_news = self.running != text;
        self.running.clear();
        append(&mut self.settled, text);
        is_news
    }

    /// The settled words.
    pub(super) fn settled(&self) -> &str {
        &self.settled
    }

    /// All words: the settled ones and the guess behind them.
    pub(super) fn whole(&self) -> String {
        let mut whole = self.settled.clone();
        append(&mut whole, &self.running);
        whole
    }

    /// The settled words, if the last final did not hold just them.
    pub(super) fn news(&self) -> Option<String> {
        (!self.settled.is_empty() && self.settled != self.told).then(|| self.settled.clone())
    }

    /// A final with this text was told.
    pub(super) fn told(&mut self, text: &str) {
        text.clone_into(&mut self.told);
    }

    /// The next utterance begins.
    pub(super) fn commit(&mut self) {
        if !self.running.is_empty() {
            self.forgotten_until = self.forgotten_until.max(self.running_until);
        }
        self.settled.clear();
        self.running.clear();
        self.told.clear();
    }

    /// Where the last window ends whose words belong to a committed utterance although they were not
    /// settled then.
    pub(super) fn forgotten_until(&self) -> Duration {
        self.forgotten_until
    }
}

/// Puts `text` behind a space, as far as there is room.
fn append(to: &mut String, text: &str) {
    let room = UTTERANCE_MAX_BYTES.saturating_sub(to.len() + usize::from(!to.is_empty()));
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end == 0 {
        return;
    }
    if !to.is_empty() {
        to.push(' ');
    }
    to.push_str(&text[..end]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn windows_are_joined_by_single_spaces_and_empty_ones_leave_no_trace() {
        let mut utterance = Utterance::default();
        assert!(!utterance.guess("", s(1)));
        assert!(utterance.guess("book me", s(1)));
        assert!(utterance.settle("Book me"));
        assert!(!utterance.settle(""));
        utterance.guess("a tee time", s(2));
        assert_eq!((utterance.settled(), utterance.whole().as_str()), ("Book me", "Book me a tee time"));
        assert!(utterance.guess("", s(2)), "a guess that is taken back is news");
        assert_eq!(utterance.whole(), "Book me");
    }

    #[test]
    fn a_final_that_says_nothing_new_is_told_once() {
        let mut utterance = Utterance::default();
        assert_eq!(utterance.news(), None);
        utterance.settle("Yes.");
        assert_eq!(utterance.news().as_deref(), Some("Yes."));
        utterance.told("Yes.");
        assert_eq!(utterance.news(), None);
        utterance.settle("Please.");
        assert_eq!(utterance.news().as_deref(), Some("Yes. Please."));
        utterance.commit();
        utterance.settle("Yes.");
        assert!(utterance.news().is_some(), "another utterance may be the same words");
    }

    #[test]
    fn only_guessed_words_are_forgotten_by_their_time() {
        let mut utterance = Utterance::default();
        utterance.guess("yes", s(1));
        utterance.settle("Yes.");
        utterance.guess("", s(2));
        utterance.commit();
        assert_eq!(utterance.forgotten_until(), s(0));
        utterance.guess("at eight", s(3));
        utterance.commit();
        assert_eq!(utterance.forgotten_until(), s(3));
        assert_eq!(utterance.whole(), "");
    }

    #[test]
    fn no_text_is_longer_than_the_longest() {
        let mut utterance = Utterance::default();
        for _ in 0..UTTERANCE_MAX_BYTES {
            utterance.settle("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}");
        }
        utterance.guess(&"\u{e9}".repeat(UTTERANCE_MAX_BYTES), s(1));
        utterance.told(&utterance.whole());
        assert!(utterance.whole().len() <= UTTERANCE_MAX_BYTES);
        assert!(utterance.settled().len() > UTTERANCE_MAX_BYTES - 4);
        assert!(utterance.running.len() <= UTTERANCE_MAX_BYTES);
    }
}
