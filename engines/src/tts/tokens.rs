//! Tokens: what is spoken, piece by piece, as the tagger and the lexicon want to see it.
//!
//! A [`Script`] is filled by the readers in `normalize` in speaking order. Every token knows the
//! byte of the request it stands for, so that word times can be told. Words are cut where the
//! tagger's training data cut them: contractions ("did" "n't"), possessives, hyphens.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word or part of a word.
    Word,
    /// A word without stress of its own: the "point" of a decimal number.
    Unstressed,
    /// A name in an address, which may be several words run together.
    Name,
    /// Letters to be named one by one.
    Letters,
    /// A punctuation mark the network hears: a pause or an intonation.
    Mark,
}

/// A piece of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) kind: Kind,
    /// No space between this token and the one before it.
    pub(super) glued: bool,
    /// Where in the request the words come from.
    pub(super) source: usize,
    /// Whether a sentence is over after this mark.
    pub(super) ends_sentence: bool,
}

/// The tokens of one text, in speaking order.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) tokens: Vec<Token>,
    source: usize,
}

impl Script {
    /// What is added from here on comes from this byte of the request.
    pub(super) fn speak_from(&mut self, byte: usize) {
        self.source = byte;
    }

    /// Adds a word, cut into the tagger's pieces.
    pub(super) fn word(&mut self, word: &str) {
        let mut first = true;
        for piece in pieces(word) {
            self.push(piece, Kind::Word, !first);
            first = false;
        }
    }

    /// Adds several words.
    pub(super) fn words<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) {
        for word in words {
            self.word(word);
        }
    }

    /// Adds a word that leans on its neighbours.
    pub(super) fn unstressed(&mut self, word: &str) {
        self.push(word, Kind::Unstressed, false);
    }

    /// Adds a name out of an address.
    pub(super) fn name(&mut self, name: &str) {
        self.push(name, Kind::Name, false);
    }

    /// Adds letters to be named.
    pub(super) fn letters(&mut self, letters: &str) {
        self.push(letters, Kind::Letters, false);
    }

    /// Adds a mark after a word.
    pub(super) fn mark(&mut self, mark: &str) {
        self.push(mark, Kind::Mark, true);
    }

    /// Adds a mark before a word.
    pub(super) fn opening_mark(&mut self, mark: &str) {
        self.push(mark, Kind::Mark, false);
    }

    /// The last token ends a sentence.
    pub(super) fn sentence_ends(&mut self) {
        if let Some(last) = self.tokens.last_mut() {
            last.ends_sentence = true;
        }
    }

    fn push(&mut self, text: &str, kind: Kind, glued: bool) {
        let glued = glued && !self.tokens.is_empty();
        self.tokens.push(Token { text: text.to_owned(), kind, glued, source: self.source, ends_sentence: false });
    }
}

/// Cuts a word where the tagger expects it.
fn pieces(word: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, _) in word.match_indices(['-', '/']) {
        let joins = at > start && word[at + 1..].starts_with(char::is_alphabetic);
        if joins {
            push_contraction(&word[start..at], &mut found);
            found.push(&word[at..=at]);
            start = at + 1;
        }
    }
    push_contraction(&word[start..], &mut found);
    found.retain(|piece| !piece.is_empty());
    found
}

fn push_contraction<'w>(word: &'w str, found: &mut Vec<&'w str>) {
    if word.eq_ignore_ascii_case("cannot") {
        found.extend([&word[..3], &word[3..]]);
        return;
    }
    let lower = word.to_ascii_lowercase();
    let cut = ["n't", "'s", "'m", "'re", "'ve", "'ll", "'d"]
        .into_iter()
        .filter(|ending| lower.ends_with(ending) && word.len() > ending.len())
        .map(|ending| word.len() - ending.len())
        .next();
    match cut {
        Some(at) => {
            push_contraction(&word[..at], found);
            found.push(&word[at..]);
        }
        None => found.push(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_words_like_the_tagger_learned_them() {
        for (word, expected) in [
            ("didn't", &["did", "n't"][..]),
            ("can't", &["ca", "n't"]),
            ("cannot", &["can", "not"]),
            ("I'd've", &["I", "'d", "'ve"]),
            ("Andrew's", &["Andrew", "'s"]),
            ("o'clock", &["o'clock"]),
            ("re-book", &["re", "-", "book"]),
            ("twenty-seventh", &["twenty", "-", "seventh"]),
            ("'s", &["'s"]),
            ("-", &["-"]),
        ] {
            assert_eq!(pieces(word), expected, "{word}");
        }
    }
}
