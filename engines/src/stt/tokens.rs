//! Moonshine's token table: ids to text.
//!
//! The file is one byte string per id, each behind its length: one byte below 128, else two (the
//! low seven bits first, then the rest).

/// The bytes of every token.
#[derive(Debug)]
pub(super) struct Tokens(Vec<Box<[u8]>>);

impl Tokens {
    /// Reads the table; `None` when it ends within an entry.
    pub(super) fn parse(mut file: &[u8]) -> Option<Self> {
        let mut tokens = Vec::new();
        while let Some((&first, rest)) = file.split_first() {
            let (length, rest) = if first < 0x80 {
                (usize::from(first), rest)
            } else {
                let (&second, rest) = rest.split_first()?;
                (usize::from(first & 0x7f) | usize::from(second) << 7, rest)
            };
            let (token, rest) = rest.split_at_checked(length)?;
            tokens.push(token.into());
            file = rest;
        }
        Some(Self(tokens))
    }

    /// How many ids there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The text of a sequence, without control tokens (`<s>`, `<0x0A>` and their like).
    pub(super) fn text(&self, ids: &[i64]) -> String {
        let mut bytes = Vec::new();
        for &id in ids {
            let token = usize::try_from(id).ok().and_then(|id| self.0.get(id));
            match token.map(AsRef::as_ref) {
                None | Some([b'<', .., b'>']) => {}
                Some(token) => bytes.extend_from_slice(token),
            }
        }
        // U+2581 marks the beginning of a word.
        String::from_utf8_lossy(&bytes).replace('\u{2581}', " ").trim().to_owned()
    }
}

/// Where a sequence begins to go round in circles, if it does: the length to keep.
///
/// A recogniser that is given half a word, or minutes of speech, sometimes repeats itself until it
/// is stopped: a word, or a whole sentence. People repeat themselves too ("five five five five"),
/// so the shorter what is repeated, the more rounds it takes.
pub(super) fn loop_start(ids: &[i64]) -> Option<usize> {
    (1..=ids.len() / 2).find_map(|round| {
        let tail = ids.len().checked_sub(shortest_loop(round))?;
        let is_loop = ids[tail..].iter().eq(ids[tail..].iter().take(round).cycle().take(ids.len() - tail));
        is_loop.then_some(tail + round)
    })
}

/// How many tokens in rounds of one length are no longer a person's.
fn shortest_loop(round: usize) -> usize {
    /// Two sentences in a row may be the same, and the one after them begin like them ("I want").
    const THIRD_SENTENCE: usize = 4;
    match round {
        ..3 => round * 8,
        3..8 => round * 4,
        _ => round * 2 + THIRD_SENTENCE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(tokens: &[&str]) -> Vec<u8> {
        let mut file = Vec::new();
        for token in tokens {
            let length = u8::try_from(token.len()).unwrap();
            if length < 0x80 {
                file.push(length);
            } else {
                file.extend([length & 0x7f | 0x80, length >> 7]);
            }
            file.extend(token.bytes());
        }
        file
    }

    #[test]
    fn joins_pieces_to_words_and_skips_control_tokens() {
        let long = "x".repeat(200);
        let tokens = Tokens::parse(&table(&["<unk>", "<s>", "", "▁tee", "▁ti", "me", &long])).unwrap();
        assert_eq!(tokens.len(), 7);
        assert_eq!(tokens.text(&[1, 3, 4, 5, 2]), "tee time");
        assert_eq!(tokens.text(&[6]), long);
        assert_eq!(tokens.text(&[-1, 99]), "");
    }

    #[test]
    fn a_table_that_is_cut_short_is_refused() {
        let file = table(&["▁tee", "▁time"]);
        assert!(Tokens::parse(&file[..file.len() - 1]).is_none());
        assert!(Tokens::parse(&[0x81]).is_none());
    }

    /// What is kept of words that come one by one, each a token.
    fn kept(text: &str) -> String {
        let words: Vec<&str> = text.split_whitespace().collect();
        let id = |word: &&str| i64::try_from(words.iter().position(|other| other == word).unwrap()).unwrap();
        let ids: Vec<i64> = words.iter().map(id).collect();
        let keep = (1..=ids.len()).find_map(|end| loop_start(&ids[..end]));
        words[..keep.unwrap_or(words.len())].join(" ")
    }

    #[test]
    fn keeps_what_people_say_more_than_once() {
        for said in [
            "",
            "no no no",
            "five five five one two one two",
            "two two two two",
            "five five five five five five five",
            "one two three one two three one two three four",
            "no not ten no not ten no not ten",
            "I want to cancel my tee time please I want to cancel my tee time please",
            "I want to cancel my tee time please I want to cancel my tee time please I want a refund",
        ] {
            assert_eq!(kept(said), said);
        }
    }

    #[test]
    fn keeps_one_round_of_a_loop() {
        for (before, round) in [
            ("", "no"),
            ("well", "thank you"),
            ("well", "see you later"),
            ("so then he", "and we went to play"),
            ("so then he", "and we went out to the lake again"),
            ("", "the ball rolled off that green into a pond where nobody could find any trace of it but me"),
        ] {
            let looping = format!("{before} {}", format!("{round} ").repeat(12));
            assert_eq!(kept(&looping), format!("{before} {round}").trim());
        }
    }

    #[test]
    fn stops_at_the_beginning_of_the_third_time_of_a_sentence() {
        let sentence: Vec<i64> = (10..30).collect();
        let mut ids = [&[7, 8], sentence.as_slice(), &sentence, &sentence[..3]].concat();
        assert_eq!(loop_start(&ids), None);
        ids.push(sentence[3]);
        assert_eq!(loop_start(&ids), Some(22));
    }
}
