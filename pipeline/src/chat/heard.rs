//! From played time to heard words.
//!
//! Where the synthesiser told when words begin, these moments count; between them, and where it told
//! nothing, time is shared out by the length of the words. A word is heard when it was played to
//! its middle.

use std::time::Duration;

use crate::chat::WordStart;

/// Speaking time of a letter, used only while the length of a piece is not known yet and the voice has not
/// finished one that tells.
pub(crate) const PER_LETTER: Duration = Duration::from_millis(65);
/// A digit is spoken as a word of about so many letters.
const LETTERS_PER_DIGIT: u32 = 4;

/// How many bytes of `text` were heard after `played`: up to the end of the last heard word.
///
/// `lasts` is the length of the piece where it is known, else `queued` of it was sent so far and the rest
/// takes `per_letter`.
pub(super) fn heard_bytes(
    text: &str,
    starts: &[WordStart],
    played: Duration,
    queued: Duration,
    (lasts, per_letter): (Option<Duration>, Duration),
) -> usize {
    if played.is_zero() {
        return 0;
    }
    let words = words(text);
    let Some(last) = words.last() else { return text.len() };
    let letters = last.letters_before + last.letters;

    let mut anchors = vec![(0, Duration::ZERO)];
    for start in starts {
        let Some(word) = words.iter().rev().find(|word| word.start <= start.offset) else { continue };
        let (known, at) = anchors[anchors.len() - 1];
        if word.letters_before > known && start.at >= at && start.offset < text.len() {
            anchors.push((word.letters_before, start.at));
        }
    }
    let (known, at) = anchors[anchors.len() - 1];
    let end = lasts.unwrap_or_else(|| queued.max(at + per_letter * (letters - known))).max(at);
    anchors.push((letters, end));

    let mut heard = 0;
    for word in &words {
        let from = time_at(&anchors, word.letters_before);
        let to = time_at(&anchors, word.letters_before + word.letters);
        if played < (from + to) / 2 {
            return heard;
        }
        heard = word.end;
    }
    text.len()
}

/// Where the first word begins that is not in `audio`, which begins with the text: what another voice has
/// to say when this one is lost. A letter takes the voice about `per_letter`.
pub(crate) fn unspoken_from(text: &str, starts: &[WordStart], audio: Duration, per_letter: Duration) -> usize {
    let spoken = heard_bytes(text, starts, audio, audio, (None, per_letter));
    spoken + (text[spoken..].len() - text[spoken..].trim_start().len())
}

/// How many letters a text takes as long as.
pub(crate) fn letters(text: &str) -> u32 {
    words(text).last().map_or(0, |last| last.letters_before + last.letters)
}

struct Word {
    start: usize,
    end: usize,
    letters_before: u32,
    letters: u32,
}

fn words(text: &str) -> Vec<Word> {
    let mut letters_before = 0;
    text.split_whitespace()
        .map(|word| {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            // One more for the gap, so that a word of punctuation takes time too.
            let letters = 1 + word.chars().map(letters_of).sum::<u32>();
            let before = letters_before;
            letters_before += letters;
            Word { start, end: start + word.len(), letters_before: before, letters }
        })
        .collect()
}

fn letters_of(c: char) -> u32 {
    if c.is_numeric() { LETTERS_PER_DIGIT } else { u32::from(c.is_alphabetic()) }
}

/// The moment at which so many letters are spoken; `anchors` rise in both and cover all letters.
fn time_at(anchors: &[(u32, Duration)], letters: u32) -> Duration {
    let after = anchors.iter().position(|&(known, _)| known > letters).unwrap_or(anchors.len() - 1);
    let ((from_letters, from), (to_letters, to)) = (anchors[after - 1], anchors[after]);
    from + (to - from) * (letters - from_letters) / (to_letters - from_letters)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn heard<'a>(text: &'a str, starts: &[WordStart], played: u64, lasts: u64) -> &'a str {
        &text[..heard_bytes(text, starts, ms(played), ms(lasts), (Some(ms(lasts)), PER_LETTER))]
    }

    fn start(offset: usize, at: u64) -> WordStart {
        WordStart { offset, at: ms(at) }
    }

    #[test]
    fn counts_a_word_that_was_played_to_its_middle() {
        let text = "aaaa bbbb cccc";
        assert_eq!(heard(text, &[], 0, 3_000), "");
        assert_eq!(heard(text, &[], 499, 3_000), "");
        assert_eq!(heard(text, &[], 500, 3_000), "aaaa");
        assert_eq!(heard(text, &[], 1_500, 3_000), "aaaa bbbb");
        assert_eq!(heard(text, &[], 3_000, 3_000), text);
    }

    #[test]
    fn prefers_the_synthesisers_word_starts() {
        let text = "aaaa bbbb cccc";
        let starts = [start(0, 0), start(5, 2_000), start(10, 2_200)];
        assert_eq!(heard(text, &starts, 990, 3_000), "");
        assert_eq!(heard(text, &starts, 1_900, 3_000), "aaaa");
        assert_eq!(heard(text, &starts, 2_100, 3_000), "aaaa bbbb");
    }

    #[test]
    fn shares_out_time_behind_the_last_known_word() {
        let text = "aaaa bbbb cccc dddd";
        assert_eq!(heard(text, &[start(5, 1_000)], 2_000, 4_000), "aaaa bbbb");
    }

    #[test]
    fn guesses_the_length_while_the_rest_of_the_piece_is_unknown() {
        let text = "we have a tee time at eight in the morning and another one at noon";
        let bytes = heard_bytes(text, &[], ms(1_000), ms(1_000), (None, PER_LETTER));
        assert!(bytes > 5 && bytes < text.len() / 2, "{}", &text[..bytes]);
    }

    #[test]
    fn gives_numbers_the_time_they_take() {
        assert_eq!(heard("one 7:30 two", &[], 1_000, 2_000), "one 7:30");
        assert_eq!(heard("one 7:30 two", &[], 500, 2_000), "one");
    }

    proptest! {
        #[test]
        fn hears_whole_words_and_ever_more(
            text in "[a-zé7,.! ]{0,60}",
            starts in prop::collection::vec((0_usize..80, 0_u64..4_000), 0..8),
            played in 0_u64..5_000,
            more in 0_u64..500,
            lasts in prop::option::of(0_u64..4_000),
        ) {
            let starts: Vec<_> = starts.into_iter().map(|(offset, at)| start(offset, at)).collect();
            let at = |played| heard_bytes(&text, &starts, ms(played), ms(2_000), (lasts.map(ms), PER_LETTER));
            let (now, later) = (at(played), at(played + more));
            prop_assert!(now <= later && later <= text.len());
            prop_assert!(text.is_char_boundary(now));
            prop_assert!(now == 0 || now == text.len() || text[now..].starts_with(char::is_whitespace));
        }
    }
}
