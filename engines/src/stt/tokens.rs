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
/// A recogniser that is given half a word sometimes repeats itself until it is stopped. People
/// repeat themselves too ("five five five five"), so only many rounds count.
pub(super) fn loop_start(ids: &[i64]) -> Option<usize> {
    const LONGEST_ROUND: usize = 16;
    (1..=LONGEST_ROUND).find_map(|round| {
        let rounds = if round < 3 { 8 } else { 4 };
        let tail = ids.len().checked_sub(round * rounds)?;
        let last = &ids[ids.len() - round..];
        ids[tail..].chunks_exact(round).all(|chunk| chunk == last).then_some(tail + round)
    })
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

    #[test]
    fn notices_a_loop_but_not_a_dictated_number() {
        let five = [1, 5, 5, 5, 5, 1, 2, 1, 2];
        assert_eq!(loop_start(&five), None);
        let mut looping = vec![7, 8];
        for _ in 0..4 {
            assert_eq!(loop_start(&looping), None);
            looping.extend([1, 2, 3, 4]);
        }
        assert_eq!(loop_start(&looping), Some(6), "what came before and one round");
        assert_eq!(loop_start(&[9; 8]), Some(1));
    }
}
