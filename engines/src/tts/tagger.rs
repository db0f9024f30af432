//! Parts of speech, for words that are read differently as noun and verb ("close", "read").
//!
//! An averaged perceptron: a word with one dominant tag has it; every other word gets the tag whose
//! weights sum highest over features of the word, its neighbours and the two tags before it.
//! Tags are the Penn Treebank's.
//!
//! Not here: how text is cut into tokens (`tokens`), what a tag decides (`lexicon`).

use super::tables::{Section, Tables};

const BEFORE_FIRST: &str = "-START-";
const BEFORE_THAT: &str = "-START2-";
const AFTER_LAST: &str = "-END-";
const AFTER_THAT: &str = "-END2-";

/// Tags the tokens of one stretch of text.
pub(super) struct Tagger {
    names: Vec<&'static str>,
}

/// The tag of a token nobody asked the tagger about.
pub(super) const UNKNOWN_TAG: &str = "XX";

/// Every tag the tables may name; kept here so that tags are plain constants elsewhere.
const KNOWN_NAMES: [&str; 50] = [
    "$", "''", ",", "-LRB-", "-RRB-", ".", ":", "ADD", "AFX", "CC", "CD", "DT", "EX", "FW", "HYPH", "IN", "JJ", "JJR",
    "JJS", "LS", "MD", "NFP", "NN", "NNP", "NNPS", "NNS", "PDT", "POS", "PRP", "PRP$", "RB", "RBR", "RBS", "RP", "SYM",
    "TO", "UH", "VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "WDT", "WP", "WP$", "WRB", "XX", "_SP", "``",
];

impl Tagger {
    pub(super) fn new(tables: &Tables) -> Self {
        let names = tables
            .keys(Section::TagNames)
            .filter_map(|number| tables.text(Section::TagNames, number))
            .map(|name| KNOWN_NAMES.iter().copied().find(|known| *known == name).unwrap_or(UNKNOWN_TAG))
            .collect();
        Self { names }
    }

    /// One tag for each token.
    pub(super) fn tag(&self, tables: &Tables, tokens: &[&str]) -> Vec<&'static str> {
        let mut window: Vec<String> = vec![BEFORE_THAT.into(), BEFORE_FIRST.into()];
        window.extend(tokens.iter().map(|token| normal_form(tables, token)));
        window.extend([AFTER_LAST.into(), AFTER_THAT.into()]);

        let (mut previous, mut before_previous) = (BEFORE_FIRST, BEFORE_THAT);
        let mut tags = Vec::with_capacity(tokens.len());
        for (index, token) in tokens.iter().enumerate() {
            let tag = self.dominant(tables, token).unwrap_or_else(|| {
                self.best(tables, token, &window[index..index + 5], index == 0, previous, before_previous)
            });
            tags.push(tag);
            (before_previous, previous) = (previous, tag);
        }
        tags
    }

    fn dominant(&self, tables: &Tables, token: &str) -> Option<&'static str> {
        let number = *tables.get(Section::KnownTags, token)?.first()?;
        self.names.get(usize::from(number)).copied()
    }

    /// `window` holds two normal forms before the token, its own, and two after it.
    fn best(
        &self,
        tables: &Tables,
        token: &str,
        window: &[String],
        is_first: bool,
        previous: &str,
        before_previous: &str,
    ) -> &'static str {
        let features = [
            "b".to_owned(),
            format!("s3={}", last_three(token)),
            format!("p1={}", token.chars().next().unwrap_or(' ')),
            format!("w={}", window[2]),
            format!("sh={}", shape(token)),
            if is_first { "i0" } else { "i+" }.to_owned(),
            format!("t-1={previous}"),
            format!("t-2={before_previous}"),
            format!("t-12={previous},{before_previous}"),
            format!("w-1={}", window[1]),
            format!("s3-1={}", last_three(&window[1])),
            format!("w-2={}", window[0]),
            format!("w+1={}", window[3]),
            format!("s3+1={}", last_three(&window[3])),
            format!("w+2={}", window[4]),
        ];
        let mut scores = vec![0i32; self.names.len()];
        for feature in &features {
            for weight in tables.get(Section::TaggerWeights, feature).unwrap_or_default().chunks_exact(3) {
                if let Some(score) = scores.get_mut(usize::from(weight[0])) {
                    *score += i32::from(i16::from_le_bytes([weight[1], weight[2]]));
                }
            }
        }
        let best = scores.iter().zip(&self.names).max_by_key(|(score, name)| (**score, **name));
        best.map_or("NN", |(_, name)| name)
    }
}

/// How the features name a word: rare words by their shape only.
fn normal_form(tables: &Tables, word: &str) -> String {
    let all_digits = word.chars().all(char::is_numeric);
    let form = if word.contains('-') && !word.starts_with('-') {
        "!HYPHEN".to_owned()
    } else if all_digits && word.chars().count() == 4 {
        "!YEAR".to_owned()
    } else if word.starts_with(char::is_numeric) {
        "!DIGITS".to_owned()
    } else {
        word.to_lowercase()
    };
    if tables.get(Section::TaggerWords, &form).is_some() { form } else { format!("<{}>", shape(word)) }
}

fn shape(word: &str) -> String {
    let letters = word.chars().count();
    if word.chars().all(char::is_alphabetic) {
        let (first_upper, rest_lower) =
            (word.starts_with(char::is_uppercase), word.chars().skip(1).all(char::is_lowercase) && letters > 1);
        return if word.chars().all(char::is_lowercase) {
            "x"
        } else if word.chars().all(char::is_uppercase) {
            if letters > 1 { "XX" } else { "X1" }
        } else if first_upper && rest_lower {
            "Xx"
        } else {
            "xX"
        }
        .to_owned();
    }
    if word.chars().all(char::is_numeric) {
        return "d".to_owned();
    }
    let class = |c: char| {
        if c.is_numeric() {
            'd'
        } else if c.is_alphabetic() {
            'x'
        } else {
            c
        }
    };
    word.chars().take(4).map(class).collect()
}

fn last_three(word: &str) -> &str {
    word.char_indices().rev().nth(2).map_or(word, |(at, _)| &word[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_the_shape_of_a_word() {
        for (word, expected) in [
            ("golf", "x"),
            ("Golf", "Xx"),
            ("USGA", "XX"),
            ("A", "X1"),
            ("McCoy", "xX"),
            ("2026", "d"),
            ("n't", "x'x"),
            ("7:30am", "d:dd"),
        ] {
            assert_eq!(shape(word), expected, "{word}");
        }
    }

    #[test]
    fn takes_the_last_three_letters_of_any_script() {
        assert_eq!(last_three("reservation"), "ion");
        assert_eq!(last_three("ñü"), "ñü");
        assert_eq!(last_three(""), "");
    }
}
