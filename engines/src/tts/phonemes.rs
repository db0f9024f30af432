//! From text to phonemes: the readers' tokens, tagged, looked up and joined into sentences.
//!
//! [`FrontEnd::sentences`] gives one [`Sentence`] per run of the acoustic network. Tokens that
//! stand together without a space are tried as one word first ("didn't"), then in parts; words are
//! looked up from the last to the first, because a word's sound may depend on what follows it.
//!
//! Not here: how numbers and abbreviations are read (`normalize`), pronunciations (`lexicon`).

use super::lexicon::{Following, Lexicon, Place};
use super::normalize::read_aloud;
use super::stress::{Stress, is_consonant, is_vowel, join_compound, restress};
use super::tables::{Section, Tables};
use super::tagger::Tagger;
use super::tokens::{Kind, Token};

/// The acoustic network is given at most this many phonemes at once.
const PHONEMES_MAX: usize = 400;

/// What the network speaks in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sentence {
    pub(super) phonemes: String,
    pub(super) words: Vec<WordPlace>,
}

/// Where a word begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WordPlace {
    /// Its first phoneme, in characters.
    pub(super) phoneme: usize,
    /// Its first byte in the request.
    pub(super) source: usize,
}

/// Turns text into phonemes.
pub(super) struct FrontEnd {
    tables: Tables,
    tagger: Tagger,
}

/// Guesses a word no dictionary has.
pub(super) type Guess<'g> = &'g mut dyn FnMut(&str) -> Option<String>;

impl FrontEnd {
    pub(super) fn new(tables: Tables) -> Self {
        let tagger = Tagger::new(&tables);
        Self { tables, tagger }
    }

    /// The sentences of a text, each short enough for the network.
    pub(super) fn sentences(&self, text: &str, guess: Guess<'_>) -> Vec<Sentence> {
        let script = read_aloud(text);
        script
            .tokens
            .split_inclusive(|token| token.ends_sentence)
            .flat_map(|tokens| shorten(self.sentence(tokens, guess)))
            .filter(|sentence| sentence.phonemes.chars().any(char::is_alphabetic))
            .collect()
    }

    fn sentence(&self, tokens: &[Token], guess: Guess<'_>) -> Sentence {
        let texts: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
        let tags = self.tagger.tag(&self.tables, &texts);
        let groups = groups(tokens);
        let mut spoken = vec![String::new(); groups.len()];
        let mut following = Following::Pause;
        let mut before_to = false;
        for (at, group) in groups.iter().enumerate().rev() {
            let (first, last) = (group.start, group.end);
            let mut word = GroupReader { front_end: self, following, before_to };
            spoken[at] = word.read(&tokens[first..last], &tags[first..last], guess);
            following = following_of(&spoken[at], following);
            before_to = tokens[first].text.eq_ignore_ascii_case("to") && last - first == 1;
        }
        join(tokens, &groups, &spoken)
    }
}

/// Reads one group of tokens that stand together.
struct GroupReader<'f> {
    front_end: &'f FrontEnd,
    following: Following,
    before_to: bool,
}

/// A part of a group: a token or a piece of one that is in mixed case ("MacDonald").
#[derive(Clone, Copy)]
struct Part<'t> {
    text: &'t str,
    tag: &'static str,
}

impl GroupReader<'_> {
    fn read(&mut self, tokens: &[Token], tags: &[&'static str], guess: Guess<'_>) -> String {
        let lexicon = Lexicon::new(&self.front_end.tables);
        let plain = |text: &str, change| {
            let place = Place { tag: "XX", following: self.following, before_to: false };
            lexicon.pronounce(text, place).map(|phonemes| restress(&phonemes, change)).unwrap_or_default()
        };
        let phonemes = match tokens {
            [Token { kind: Kind::Mark, text, .. }] => return text.clone(),
            [Token { kind: Kind::Letters, text, .. }] => lexicon.spell(text).unwrap_or_default(),
            [Token { kind: Kind::Unstressed, text, .. }] => plain(text, Stress::Remove),
            [Token { kind: Kind::Name, text, .. }] => match self.front_end.chain_of_words(text) {
                Some(chain) => chain.iter().map(|word| plain(word, Stress::Keep)).collect::<Vec<_>>().join(" "),
                None => self.words(tokens, tags, guess),
            },
            _ => self.words(tokens, tags, guess),
        };
        // The network's alphabet writes the flapped and the swallowed t its own way.
        phonemes.replace('ɾ', "T").replace('ʔ', "t")
    }

    fn words(&mut self, tokens: &[Token], tags: &[&'static str], guess: Guess<'_>) -> String {
        let lexicon = Lexicon::new(&self.front_end.tables);
        let parts: Vec<Part<'_>> = tokens
            .iter()
            .zip(tags)
            .flat_map(|(token, tag)| camel_parts(&token.text).into_iter().map(|text| Part { text, tag }))
            .collect();
        let mut spoken = vec![(String::new(), 0); parts.len()];
        let mut end = parts.len();
        while end > 0 {
            let found = (0..end).find_map(|start| {
                let (text, tag) = merged(&parts[start..end]);
                let place = Place { tag, following: self.following, before_to: self.before_to };
                Some((start, lexicon.pronounce(&text, place)?, text.chars().count()))
            });
            if let Some((start, phonemes, letters)) = found {
                self.following = following_of(&phonemes, self.following);
                self.before_to = false;
                spoken[start] = (phonemes, letters);
                end = start;
            } else if parts[end - 1].text.chars().all(|c| !c.is_alphanumeric()) {
                end -= 1;
            } else {
                return self.unknown(&merged(&parts).0, guess);
            }
        }
        if parts.iter().any(|part| part.text == "/") {
            let heard: Vec<&str> =
                spoken.iter().map(|(phonemes, _)| phonemes.as_str()).filter(|part| !part.is_empty()).collect();
            return heard.join(" ");
        }
        join_compound(&spoken)
    }

    /// A word no dictionary has.
    fn unknown(&self, word: &str, guess: Guess<'_>) -> String {
        let lexicon = Lexicon::new(&self.front_end.tables);
        let mut heard = Vec::new();
        for piece in word.split(|c: char| !c.is_alphanumeric() && c != '\'') {
            let letters = piece.trim_matches('\'');
            if !letters.is_empty() {
                heard.extend(guess(letters).or_else(|| lexicon.spell(letters)));
            }
        }
        heard.join(" ")
    }
}

impl FrontEnd {
    /// "pinevalleygolf" as its words: the fewest that make up the whole.
    fn chain_of_words<'w>(&self, word: &'w str) -> Option<Vec<&'w str>> {
        const LONGEST: usize = 40;
        if !(8..=LONGEST).contains(&word.len()) || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        let mut best: Vec<Option<Vec<&str>>> = vec![Some(Vec::new())];
        for end in 1..=word.len() {
            let shortest = (0..end.saturating_sub(2))
                .filter_map(|start| {
                    let before = best[start].as_ref()?;
                    self.tables.text(Section::Gold, &word[start..end])?;
                    Some([before.as_slice(), &[&word[start..end]]].concat())
                })
                .min_by_key(Vec::len);
            best.push(shortest);
        }
        best.pop()?.filter(|parts| parts.len() < 5)
    }
}

/// Where a group of tokens begins and ends.
type Group = std::ops::Range<usize>;

/// Tokens without spaces between them, marks always on their own.
fn groups(tokens: &[Token]) -> Vec<Group> {
    let mut found: Vec<Group> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let continues = token.glued && token.kind == Kind::Word && at > 0 && tokens[at - 1].kind == Kind::Word;
        match found.last_mut() {
            Some(group) if continues => group.end = at + 1,
            _ => found.push(at..at + 1),
        }
    }
    found
}

/// The text of parts as one word, with the tag of the weightiest: capitals count twice.
fn merged<'t>(parts: &[Part<'t>]) -> (String, &'static str) {
    let weight = |part: &&Part<'t>| -> usize { part.text.chars().map(|c| if c.is_uppercase() { 2 } else { 1 }).sum() };
    let text = parts.iter().map(|part| part.text).collect();
    // Of equals the first counts.
    let tag = parts.iter().rev().max_by_key(weight).map_or("XX", |part| part.tag);
    (text, tag)
}

/// "MacDonald" as "Mac" and "Donald", "USAToday" as "USA" and "Today".
fn camel_parts(word: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = word.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for window in letters.windows(2) {
        let [(_, before), (at, here)] = window else { continue };
        let next_small = word[*at..].chars().nth(1).is_some_and(char::is_lowercase);
        let cut = here.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && next_small);
        if cut {
            parts.push(&word[start..*at]);
            start = *at;
        }
    }
    parts.push(&word[start..]);
    parts
}

fn following_of(phonemes: &str, after: Following) -> Following {
    phonemes
        .chars()
        .find_map(|phoneme| match phoneme {
            _ if is_vowel(phoneme) => Some(Following::Vowel),
            _ if is_consonant(phoneme) => Some(Following::Consonant),
            ';' | ':' | ',' | '.' | '!' | '?' | '—' | '…' => Some(Following::Pause),
            _ => None,
        })
        .unwrap_or(after)
}

fn join(tokens: &[Token], groups: &[Group], spoken: &[String]) -> Sentence {
    let mut sentence = Sentence::default();
    let mut characters = 0;
    let mut last_source = None;
    let mut glue_next = true;
    for (group, phonemes) in groups.iter().zip(spoken) {
        if phonemes.is_empty() {
            continue;
        }
        let first = &tokens[group.start];
        let is_mark = first.kind == Kind::Mark;
        if !(glue_next || is_mark && first.glued) {
            sentence.phonemes.push(' ');
            characters += 1;
        }
        if !is_mark && last_source != Some(first.source) {
            sentence.words.push(WordPlace { phoneme: characters, source: first.source });
            last_source = Some(first.source);
        }
        sentence.phonemes.push_str(phonemes);
        characters += phonemes.chars().count();
        glue_next = is_mark && (first.text == "(" || first.text == "—" && first.glued);
    }
    sentence
}

/// Cuts a sentence that is too long after a clause, or after a word where there is no clause.
fn shorten(sentence: Sentence) -> Vec<Sentence> {
    let mut done = Vec::new();
    let mut rest = sentence;
    loop {
        let letters: Vec<char> = rest.phonemes.chars().collect();
        if letters.len() <= PHONEMES_MAX {
            done.push(rest);
            return done;
        }
        let spaces = |at: &usize| letters[*at] == ' ';
        let after_clause = |at: &usize| *at > 0 && matches!(letters[at - 1], ',' | ';' | ':' | '—' | '.');
        let window = PHONEMES_MAX / 4..PHONEMES_MAX;
        let cut = window
            .clone()
            .rev()
            .filter(spaces)
            .find(after_clause)
            .or_else(|| window.rev().find(spaces))
            .unwrap_or(PHONEMES_MAX);
        let skipped = usize::from(letters[cut] == ' ');
        let (before, after): (Vec<WordPlace>, Vec<WordPlace>) = rest.words.iter().partition(|word| word.phoneme < cut);
        done.push(Sentence { phonemes: letters[..cut].iter().collect(), words: before });
        rest = Sentence {
            phonemes: letters[cut + skipped..].iter().collect(),
            words: after.into_iter().map(|word| WordPlace { phoneme: word.phoneme - cut - skipped, ..word }).collect(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_long_sentences_at_clauses_and_keeps_every_word() {
        let word = "ɡˈɔlf";
        let clause = format!("{}, ", [word; 9].join(" "));
        let phonemes = clause.repeat(20).trim_end().to_owned();
        let words = phonemes
            .char_indices()
            .enumerate()
            .filter(|(_, (byte, _))| phonemes[*byte..].starts_with(word))
            .map(|(phoneme, (source, _))| WordPlace { phoneme, source })
            .collect();
        let whole = Sentence { phonemes: phonemes.clone(), words };
        let parts = shorten(whole.clone());
        assert!(parts.len() > 2);
        assert_eq!(parts.iter().map(|part| part.phonemes.as_str()).collect::<Vec<_>>().join(" "), phonemes);
        assert_eq!(parts.iter().map(|part| part.words.len()).sum::<usize>(), whole.words.len());
        for part in &parts {
            assert!(part.phonemes.chars().count() <= PHONEMES_MAX);
            assert!(part.phonemes.ends_with(','));
            for place in &part.words {
                let at: String = part.phonemes.chars().skip(place.phoneme).take(5).collect();
                assert_eq!(at, word);
            }
        }
    }

    #[test]
    fn cuts_mixed_case_where_a_new_word_begins() {
        for (word, parts) in [
            ("MacDonald", &["Mac", "Donald"][..]),
            ("iPhone", &["i", "Phone"]),
            ("USAToday", &["USA", "Today"]),
            ("golf", &["golf"]),
            ("USGA", &["USGA"]),
        ] {
            assert_eq!(camel_parts(word), parts);
        }
    }

    #[test]
    fn knows_what_a_word_runs_into() {
        assert_eq!(following_of("ˈOpᵊn", Following::Pause), Following::Vowel);
        assert_eq!(following_of("jˈu", Following::Pause), Following::Consonant);
        assert_eq!(following_of("", Following::Vowel), Following::Vowel);
        assert_eq!(following_of(",", Following::Vowel), Following::Pause);
    }
}
