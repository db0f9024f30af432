//! Pronunciations of words: dictionary, spelling and suffix rules, and what changes with context.
//!
//! [`Lexicon::pronounce`] answers in the network's phoneme alphabet with stress marks, or `None`
//! for a word it cannot derive (then the out-of-vocabulary network guesses). Checked entries win
//! over machine-made ones; an entry may depend on the part of speech; plurals, past tenses and
//! participles are derived from their stems; capitals add stress; unknown capitals are spelled.
//!
//! Not here: numbers, codes and abbreviations (`normalize` has already put them into words).

use super::stress::{Stress, has_primary, join_letters, restress};
use super::tables::{Section, Tables};

/// What follows a word, as far as the word's sound depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Following {
    /// A sound that is a vowel.
    Vowel,
    /// A sound that is a consonant.
    Consonant,
    /// A pause or the end.
    Pause,
}

/// The place of a word in its sentence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its part of speech.
    pub(super) tag: &'static str,
    /// What it runs into.
    pub(super) following: Following,
    /// Whether the next word is "to": "used to" differs from "used".
    pub(super) before_to: bool,
}

/// Sounds after which a t before a vowel becomes a flap ("waiting").
const FLAPPING: &str = "AIOWYiuæɑəɛɪɹʊʌ";

/// The dictionaries and their rules.
#[derive(Clone, Copy)]
pub(super) struct Lexicon<'t> {
    tables: &'t Tables,
}

impl<'t> Lexicon<'t> {
    pub(super) fn new(tables: &'t Tables) -> Self {
        Self { tables }
    }

    /// The phonemes of a word in its place.
    pub(super) fn pronounce(&self, word: &str, place: Place) -> Option<String> {
        if word.is_empty() {
            return None;
        }
        if let Some(phonemes) = self.function_word(word, place) {
            return Some(phonemes);
        }
        let stress = if word == word.to_lowercase() {
            Stress::Keep
        } else if word == word.to_uppercase() {
            Stress::AtLeastPrimary
        } else {
            Stress::AtLeastSecondary
        };
        let lower = word.to_lowercase();
        let word = if self.reads_as_lowercase(word, &lower, place) { lower.as_str() } else { word };
        if self.is_known(word) {
            return self.entry(word, stress, place);
        }
        if let Some(owner) = word.strip_suffix('\'')
            && let Some(known) = [format!("{owner}'s"), owner.to_owned()].into_iter().find(|form| self.is_known(form))
        {
            return self.entry(&known, stress, place);
        }
        self.plural(word, stress, place).or_else(|| self.past(word, stress, place)).or_else(|| {
            self.participle(word, if stress == Stress::Keep { Stress::AtLeastSecondary } else { stress }, place)
        })
    }

    /// The names of the letters as one word; `None` where a character has no name.
    pub(super) fn spell(&self, letters: &str) -> Option<String> {
        let mut names = Vec::new();
        for letter in letters.chars().filter(|letter| letter.is_alphabetic()) {
            names.push(self.find(Section::Gold, &letter.to_uppercase().to_string())?);
        }
        (!names.is_empty()).then(|| join_letters(&names))
    }

    /// Words whose sound hangs on their neighbours more than on any dictionary.
    fn function_word(&self, word: &str, place: Place) -> Option<String> {
        let Place { tag, following, before_to } = place;
        let fixed = |phonemes: &str| Some(phonemes.to_owned());
        let is_noun = tag.starts_with("NN");
        match word {
            "%" => self.entry("percent", Stress::Keep, place),
            "&" => self.entry("and", Stress::Keep, place),
            "+" => self.entry("plus", Stress::Keep, place),
            "@" => self.entry("at", Stress::Keep, place),
            "a" | "A" => fixed(if tag == "DT" { "ɐ" } else { "ˈA" }),
            "am" | "Am" | "AM" | "AN" if is_noun => self.spell(word),
            "am" if following != Following::Pause => fixed("ɐm"),
            "am" | "Am" | "AM" => fixed("æm"),
            "an" | "An" | "AN" => fixed("ɐn"),
            "I" if tag == "PRP" => fixed("ˌI"),
            "by" | "By" | "BY" if tag.starts_with("RB") => fixed("bˈI"),
            "to" | "To" => fixed(to_before(following)),
            "TO" if matches!(tag, "TO" | "IN") => fixed(to_before(following)),
            "IN" if tag == "NNP" => None,
            "in" | "In" | "IN" if following == Following::Pause || tag != "IN" => fixed("ˈɪn"),
            "in" | "In" | "IN" => fixed("ɪn"),
            "THE" if tag != "DT" => None,
            "the" | "The" | "THE" => fixed(if following == Following::Vowel { "ði" } else { "ðə" }),
            "used" | "Used" | "USED" if matches!(tag, "VBD" | "JJ") && before_to => fixed("jˈust"),
            "used" | "Used" | "USED" => fixed("jˈuzd"),
            _ if is_dotted_initials(word) => self.spell(word),
            _ => None,
        }
    }

    /// Capitals at the start of a sentence or for emphasis, on a word the dictionary has in small
    /// letters. Short proper names keep their capitals and with them their own reading.
    fn reads_as_lowercase(&self, word: &str, lower: &str, place: Place) -> bool {
        let mut letters = word.chars();
        let one_case = word == word.to_uppercase()
            || letters.next().is_some() && letters.as_str() == letters.as_str().to_lowercase();
        word.chars().nth(1).is_some()
            && word.chars().all(|c| c.is_alphabetic() || c == '\'')
            && word != lower
            && one_case
            && (place.tag != "NNP" || word.chars().count() > 7)
            && !self.has_entry(word)
            && (self.has_entry(lower)
                || self.plural(lower, Stress::Keep, place).is_some()
                || self.past(lower, Stress::Keep, place).is_some()
                || self.participle(lower, Stress::Keep, place).is_some())
    }

    /// A dictionary entry; names of one capital and its small form answer for each other.
    fn find(&self, section: Section, word: &str) -> Option<&'t str> {
        if let Some(found) = self.tables.text(section, word) {
            return Some(found);
        }
        let mut letters = word.chars();
        let first = letters.next()?;
        let rest = letters.as_str();
        if rest.is_empty() || rest != rest.to_lowercase() {
            return None;
        }
        let other: String =
            if first.is_uppercase() { first.to_lowercase().collect() } else { first.to_uppercase().collect() };
        self.tables.text(section, &(other + rest))
    }

    fn has_entry(&self, word: &str) -> bool {
        self.find(Section::Gold, word).is_some() || self.find(Section::Silver, word).is_some()
    }

    /// Whether [`Lexicon::entry`] has an answer: an entry, or letters to be spelled.
    fn is_known(&self, word: &str) -> bool {
        if self.has_entry(word) {
            return true;
        }
        if word.is_empty() || !word.chars().all(|c| c.is_ascii_alphabetic()) {
            return false;
        }
        let rest = &word[1..];
        rest == rest.to_uppercase()
    }

    fn entry(&self, word: &str, stress: Stress, place: Place) -> Option<String> {
        let mut word = word.to_owned();
        let mut must_be_spoken_name = false;
        if word == word.to_uppercase() && self.find(Section::Gold, &word).is_none() {
            word = word.to_lowercase();
            must_be_spoken_name = place.tag == "NNP";
        }
        let silver = || if must_be_spoken_name { None } else { self.find(Section::Silver, &word) };
        let chosen = self.find(Section::Gold, &word).or_else(silver).and_then(|entry| variant(entry, place));
        match chosen {
            Some(phonemes) if !must_be_spoken_name || has_primary(phonemes) => Some(restress(phonemes, stress)),
            _ => self.spell(&word),
        }
    }

    fn plural(&self, word: &str, stress: Stress, place: Place) -> Option<String> {
        let long = word.chars().count() > 4;
        let bare = word.strip_suffix('s').filter(|_| word.chars().count() > 2)?;
        let stem = if !bare.ends_with('s') && self.is_known(bare) {
            bare.to_owned()
        } else if let Some(stem) =
            word.strip_suffix("'s").or_else(|| word.strip_suffix("es").filter(|stem| long && !stem.ends_with('i')))
            && self.is_known(stem)
        {
            stem.to_owned()
        } else {
            let stem = word.strip_suffix("ies").filter(|_| long)?.to_owned() + "y";
            if !self.is_known(&stem) {
                return None;
            }
            stem
        };
        Some(with_s(&self.entry(&stem, stress, place)?))
    }

    fn past(&self, word: &str, stress: Stress, place: Place) -> Option<String> {
        let letters = word.chars().count();
        let bare = word.strip_suffix('d').filter(|_| letters > 3)?;
        let stem = if !bare.ends_with('d') && self.is_known(bare) {
            bare
        } else {
            word.strip_suffix("ed").filter(|stem| letters > 4 && !stem.ends_with('e') && self.is_known(stem))?
        };
        Some(with_ed(&self.entry(stem, stress, place)?))
    }

    fn participle(&self, word: &str, stress: Stress, place: Place) -> Option<String> {
        let letters = word.chars().count();
        let bare = word.strip_suffix("ing").filter(|_| letters > 4)?;
        let with_e = format!("{bare}e");
        let stem = if letters > 5 && self.is_known(bare) {
            bare
        } else if self.is_known(&with_e) {
            &with_e
        } else {
            undoubled(bare).filter(|stem| letters > 5 && self.is_known(stem))?
        };
        Some(with_ing(&self.entry(stem, stress, place)?))
    }
}

fn to_before(following: Following) -> &'static str {
    match following {
        Following::Vowel => "tʊ",
        Following::Consonant => "tə",
        Following::Pause => "tu",
    }
}

/// "U.S." and "p.m.", but not "etc." or "pine.valley".
fn is_dotted_initials(word: &str) -> bool {
    word.trim_matches('.').contains('.')
        && word.chars().all(|c| c == '.' || c.is_alphabetic())
        && word.split('.').all(|part| part.chars().count() < 3)
}

/// The reading that fits the part of speech; `None` where the letters are to be spelled.
fn variant(entry: &str, place: Place) -> Option<&str> {
    if !entry.starts_with('\u{1}') {
        return Some(entry);
    }
    let reading = |tag: &str| {
        entry.split('\u{1}').find_map(|line| {
            let rest = line.strip_prefix(tag)?;
            if rest.is_empty() { Some(None) } else { rest.strip_prefix('=').map(Some) }
        })
    };
    let family = match place.tag {
        tag if tag.starts_with("VB") => "VERB",
        tag if tag.starts_with("NN") => "NOUN",
        tag if tag.starts_with("RB") => "ADV",
        tag if tag.starts_with("JJ") => "ADJ",
        tag => tag,
    };
    let before_pause = if place.following == Following::Pause { reading("None") } else { None };
    before_pause.or_else(|| reading(place.tag)).or_else(|| reading(family)).or_else(|| reading("DEFAULT")).flatten()
}

/// "-ck" and doubled consonants before "-ing": "putt-ing", "panick-ing".
fn undoubled(bare: &str) -> Option<&str> {
    let mut last = bare.chars().rev();
    let (end, before) = (last.next()?, last.next()?);
    let doubled = end == before && "bcdgklmnprstvxz".contains(end) || (before, end) == ('c', 'k');
    doubled.then(|| &bare[..bare.len() - end.len_utf8()])
}

fn with_s(stem: &str) -> String {
    let ending = match stem.chars().next_back() {
        Some('p' | 't' | 'k' | 'f' | 'θ') => "s",
        Some('s' | 'z' | 'ʃ' | 'ʒ' | 'ʧ' | 'ʤ') => "ᵻz",
        _ => "z",
    };
    format!("{stem}{ending}")
}

fn with_ed(stem: &str) -> String {
    match stem.chars().next_back() {
        Some('p' | 'k' | 'f' | 'θ' | 'ʃ' | 's' | 'ʧ') => format!("{stem}t"),
        Some('d') => format!("{stem}ᵻd"),
        Some('t') => match flapped(stem) {
            Some(flapped) => format!("{flapped}ᵻd"),
            None => format!("{stem}ᵻd"),
        },
        _ => format!("{stem}d"),
    }
}

fn with_ing(stem: &str) -> String {
    format!("{}ɪŋ", flapped(stem).as_deref().unwrap_or(stem))
}

fn flapped(stem: &str) -> Option<String> {
    let bare = stem.strip_suffix('t')?;
    bare.ends_with(|c| FLAPPING.contains(c)).then(|| format!("{bare}ɾ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_endings_as_they_sound() {
        assert_eq!(with_s("kˈɑɹt"), "kˈɑɹts");
        assert_eq!(with_s("klˈOz"), "klˈOzᵻz");
        assert_eq!(with_s("tˈi"), "tˈiz");
        assert_eq!(with_ed("bˈʊk"), "bˈʊkt");
        assert_eq!(with_ed("wˈAt"), "wˈAɾᵻd");
        assert_eq!(with_ed("ˈæd"), "ˈædᵻd");
        assert_eq!(with_ing("pˈʌt"), "pˈʌɾɪŋ");
    }

    #[test]
    fn picks_the_reading_by_part_of_speech() {
        let read = "\u{1}DEFAULT=ɹˈid\u{1}VBD=ɹˈɛd\u{1}NOUN\u{1}None=ɹˈEnd";
        let place = |tag, following| Place { tag, following, before_to: false };
        assert_eq!(variant(read, place("VBD", Following::Vowel)), Some("ɹˈɛd"));
        assert_eq!(variant(read, place("VBZ", Following::Vowel)), Some("ɹˈid"));
        assert_eq!(variant(read, place("NNS", Following::Vowel)), None);
        assert_eq!(variant(read, place("VBD", Following::Pause)), Some("ɹˈEnd"));
    }

    #[test]
    fn tells_initials_from_sentence_ends() {
        assert!(is_dotted_initials("U.S."));
        assert!(is_dotted_initials("a.m"));
        assert!(!is_dotted_initials("etc."));
        assert!(!is_dotted_initials("pine.valley"));
    }
}
