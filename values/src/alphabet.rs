//! Spelling alphabets: "C as in Charlie, H as in Hotel".
//!
//! The word tells the letter far more surely than the letter before it, which a recogniser writes as "see",
//! "C." or "sea", and the "as in" between them as "of in", "is in" or "and".

use crate::words::{Word, text_at};

/// Words people spell with: the international alphabet and the usual first names and things.
const WORDS: &str = "alpha alfa apple adam able bravo boy baker bob banana charlie cat cathy delta dog david doctor echo \
    edward easy elephant foxtrot fox frank freddy golf george girl gary hotel henry house harry india ida igloo isaac juliet \
    juliett john jack jim kilo king kite karen lima larry lion linda love mike mary mother michael monkey november nancy nora \
    nicholas north oscar ocean orange oliver papa peter paul paula quebec queen quiet romeo robert roger robin sierra sam sugar \
    samuel steven tango tom thomas tiger uniform uncle umbrella union victor vincent violet whiskey whisky william walter xray \
    yankee yellow young yogurt zulu zebra zoo zoe";

/// Words between a letter and its example.
const MARKERS: [&str; 9] = ["as", "is", "of", "in", "and", "an", "like", "for", "has"];

/// Most words from one example to the next: a letter written as two, and the words between.
const MOST_APART: usize = 7;

/// The letters spelled with examples from `at` on, in lower case, and how many words they took. One example is
/// enough when single letters follow it.
pub(crate) fn spelled_with_examples(words: &[Word], at: usize) -> Option<(String, usize)> {
    let first = example(words, at)?;
    let mut letters = String::new();
    let (mut here, mut examples) = (at, 0);
    let mut next = Some(first);
    while let Some(place) = next {
        // Letters without an example stand before the one that has one.
        let markers = (here..place).rev().take_while(|at| MARKERS.contains(&text_at(words, *at))).count();
        let bare = here..place.saturating_sub(markers + 1);
        letters.extend(bare.filter_map(|at| single(text_at(words, at))));
        letters.extend(text_at(words, place).chars().next());
        examples += 1;
        here = place + 1;
        next = example(words, here);
    }
    let rest: String = (here..words.len()).map_while(|at| single(text_at(words, at))).collect();
    here += rest.len();
    letters.push_str(&rest);
    let enough = examples >= 2 || rest.len() >= 2;
    (enough && letters.len() >= 2).then_some((letters, here - at))
}

/// Whether people spell this letter with this word.
pub(crate) fn is_example(word: &str, letter: &str) -> bool {
    word.starts_with(&letter.to_lowercase()) && WORDS.split_ascii_whitespace().any(|known| known == word)
}

/// Where the next example stands whose letter begins at or soon behind `at`.
fn example(words: &[Word], at: usize) -> Option<usize> {
    let is_example = |place: &usize| {
        let marked = MARKERS.contains(&text_at(words, place.checked_sub(1)?)) && *place >= at + 2;
        (marked && WORDS.split_ascii_whitespace().any(|word| word == text_at(words, *place))).then_some(*place)
    };
    let place = (at + 1..words.len().min(at + MOST_APART)).find_map(|place| is_example(&place))?;
    // What stands before it is a letter, however it is written, or a name run together with its first one.
    let initial = text_at(words, place).get(..1)?;
    let letterlike = |at: usize| text_at(words, at).len() <= 4 || text_at(words, at).ends_with(initial);
    (at..place).all(letterlike).then_some(place)
}

fn single(word: &str) -> Option<char> {
    let mut chars = word.chars();
    chars.next().filter(|c| c.is_ascii_alphabetic() && chars.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    #[test]
    fn the_example_tells_the_letter() {
        for (text, letters) in [
            ("C as in Charlie, H as in Hotel, O as in Oscar.", "cho"),
            ("See of in Charlie, H is in Hotel, O is in Oscar.", "cho"),
            ("R.S. and Romeo, U.S. in uniform, I as an India, Z as in Zulu.", "ruiz"),
            ("See as in Zulu, I as in India, E as in Echo, El as in Lima", "ziel"),
            ("P is in papa, r is in Romeo, z is in Zulu, y is in Yankee", "przy"),
            ("B like boy, E like Edward, K, L like Larry", "bekl"),
            ("M for mother, A, Y", "may"),
        ] {
            let found = spelled_with_examples(&words(text), 0);
            assert_eq!(found.map(|found| found.0).as_deref(), Some(letters), "{text}");
        }
        for text in ["we stay in a hotel", "is John in", "I like Charlie and Mike", "two in november", "as in", ""] {
            let words = words(text);
            let found = (0..words.len()).find_map(|at| spelled_with_examples(&words, at));
            assert_eq!(found, None, "{text}");
        }
    }
}
