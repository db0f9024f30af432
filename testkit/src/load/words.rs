//! What callers and agent say under load, so that everything is recognised by its words.
//!
//! Every sentence begins with a [`Tag`] that no other turn uses, and its reply begins with the same
//! one. Whoever sees the text, a transcript, a request, a piece for the synthesiser or the audio
//! itself, knows by it which call and which turn it belongs to.
//!
//! No word occurs twice in a reply: a word that is heard twice was played twice.

use std::fmt;

/// The name of one turn of one call, spoken as a word: `c17t3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag {
    /// The call, from 0.
    pub call: u32,
    /// The turn in it, from 0.
    pub turn: u32,
}

impl Tag {
    /// The tag a word is, if it is one. Capitals and punctuation around it do not matter.
    pub fn read(word: &str) -> Option<Self> {
        let word = bare(word);
        let (call, turn) = word.strip_prefix(['c', 'C'])?.split_once(['t', 'T'])?;
        let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?;
        Some(Self { call: number(call)?, turn: number(turn)? })
    }

    /// The first tag in a text.
    pub fn first_in(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(Self::read)
    }

    /// The last tag in a text: what a caller said last.
    pub fn last_in(text: &str) -> Option<Self> {
        text.split_whitespace().rev().find_map(Self::read)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}t{}", self.call, self.turn)
    }
}

/// None ends in a word after which more is to come, or the gateway would wait for it.
const SENTENCES: [&str; 4] = [
    "book a tee time please",
    "move it over to noon please",
    "what does one cart cost please",
    "can two more players join please",
];

/// The first clause is long enough to be spoken by itself, so a reply is two pieces.
const REPLY: &str = "works for four players, see you at the club then.";

/// What the caller says in a turn.
pub fn sentence(tag: Tag) -> String {
    format!("{tag} {}", SENTENCES[tag.turn as usize % SENTENCES.len()])
}

/// What the agent answers.
pub fn reply(tag: Tag) -> String {
    format!("{tag} {REPLY}")
}

/// The words of a text as the ear tells them apart: without capitals and punctuation.
pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(|word| bare(word).to_lowercase()).filter(|word| !word.is_empty()).collect()
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// How what was heard differs from what should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WordFaults {
    /// Words that were left out.
    pub missing: u32,
    /// Words that came again.
    pub doubled: u32,
    /// Words of somebody else.
    pub strange: u32,
}

impl WordFaults {
    /// All of them together.
    pub fn total(self) -> u32 {
        self.missing + self.doubled + self.strange
    }
}

/// Compares the words heard, in order, with those of the reply. Of a reply that was cut short the
/// end may be missing.
pub fn compare(expected: &[String], heard: &[String], cut_short: bool) -> WordFaults {
    let mut faults = WordFaults::default();
    let mut next = 0;
    for word in heard {
        match expected.iter().position(|candidate| candidate == word) {
            Some(at) if at >= next => {
                faults.missing += (at - next) as u32;
                next = at + 1;
            }
            Some(_) => faults.doubled += 1,
            None => faults.strange += 1,
        }
    }
    if !cut_short {
        faults.missing += (expected.len() - next) as u32;
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TAG: Tag = Tag { call: 17, turn: 3 };

    #[test]
    fn a_tag_is_read_back_whatever_stands_around_it() {
        for word in ["c17t3", "C17t3.", "\"c17T3\",", "c17t3?"] {
            assert_eq!(Tag::read(word), Some(TAG), "{word}");
        }
        for word in ["cart", "ct", "c17", "c17t", "ct3", "c1x7t3", "17t3", "c17t3t4", "c+1t3", "c99999999999t1", ""] {
            assert_eq!(Tag::read(word), None, "{word}");
        }
    }

    #[test]
    fn every_sentence_and_reply_carries_its_tag_alone() {
        for turn in 0..9 {
            let tag = Tag { call: 2, turn };
            for text in [sentence(tag), reply(tag)] {
                assert_eq!((Tag::first_in(&text), Tag::last_in(&text)), (Some(tag), Some(tag)));
            }
        }
        let joined = format!("{} {}", sentence(TAG), sentence(Tag { call: 17, turn: 4 }));
        assert_eq!(Tag::last_in(&joined), Some(Tag { call: 17, turn: 4 }));
    }

    #[test]
    fn no_word_of_a_reply_occurs_twice() {
        let words = words(&reply(TAG));
        assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len());
    }

    #[test]
    fn tells_missing_doubled_and_strange_words_apart() {
        let expected = words("one two three four");
        let of = |heard: &str, cut: bool| {
            let WordFaults { missing, doubled, strange } = compare(&expected, &words(heard), cut);
            [missing, doubled, strange]
        };
        assert_eq!(of("One, two three: four.", false), [0, 0, 0]);
        assert_eq!(of("one four", false), [2, 0, 0]);
        assert_eq!(of("one two", false), [2, 0, 0]);
        assert_eq!(of("one two", true), [0, 0, 0]);
        assert_eq!(of("two", true), [1, 0, 0]);
        assert_eq!(of("one two two three four four", false), [0, 2, 0]);
        assert_eq!(of("please one two three moment four", false), [0, 0, 2]);
        assert_eq!(of("", true), [0, 0, 0]);
    }
}
