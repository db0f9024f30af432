//! Stress marks in phoneme strings.
//!
//! A mark stands directly before the vowel it raises: `ˈ` primary, `ˌ` secondary. Pure functions
//! over strings; when they apply is decided by `lexicon` and `phonemes`.

const PRIMARY: char = 'ˈ';
const SECONDARY: char = 'ˌ';

/// How a word's own stress is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stress {
    /// As the dictionary has it.
    Keep,
    /// All marks removed: the word leans on its neighbours.
    Remove,
    /// Primary becomes secondary, secondary goes.
    Demote,
    /// A word without marks gets a secondary one: capitalised function words.
    AtLeastSecondary,
    /// The word gets a primary one: all capitals.
    AtLeastPrimary,
}

pub(super) fn is_vowel(phoneme: char) -> bool {
    "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ".contains(phoneme)
}

pub(super) fn is_consonant(phoneme: char) -> bool {
    "bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ".contains(phoneme)
}

pub(super) fn has_primary(phonemes: &str) -> bool {
    phonemes.contains(PRIMARY)
}

/// Applies a change of stress.
pub(super) fn restress(phonemes: &str, change: Stress) -> String {
    let marked = phonemes.contains([PRIMARY, SECONDARY]);
    match change {
        Stress::Remove => phonemes.replace([PRIMARY, SECONDARY], ""),
        Stress::Demote if has_primary(phonemes) => {
            phonemes.replace(SECONDARY, "").replace(PRIMARY, &SECONDARY.to_string())
        }
        Stress::AtLeastSecondary if !marked => before_first_vowel(SECONDARY, phonemes),
        Stress::AtLeastPrimary if !marked => before_first_vowel(PRIMARY, phonemes),
        Stress::AtLeastPrimary if !has_primary(phonemes) => phonemes.replace(SECONDARY, &PRIMARY.to_string()),
        Stress::Keep | Stress::Demote | Stress::AtLeastSecondary | Stress::AtLeastPrimary => phonemes.to_owned(),
    }
}

fn before_first_vowel(mark: char, phonemes: &str) -> String {
    let Some(at) = phonemes.find(is_vowel) else { return phonemes.to_owned() };
    format!("{}{mark}{}", &phonemes[..at], &phonemes[at..])
}

/// Joins the names of letters ("pˈi", "ˈɛm") into one word with the stress on its last: `pˌiˈɛm`.
pub(super) fn join_letters(names: &[&str]) -> String {
    let joined = restress(&names.concat(), Stress::Demote);
    match joined.rfind(SECONDARY) {
        Some(at) => format!("{}{PRIMARY}{}", &joined[..at], &joined[at + SECONDARY.len_utf8()..]),
        None => joined,
    }
}

/// Joins the parts of a compound ("forty" "five") into one word: the lighter half of the parts loses
/// its primary stress. A one-letter part leaves the stress to the other.
pub(super) fn join_compound(parts: &[(String, usize)]) -> String {
    let mut sounding: Vec<usize> = (0..parts.len()).filter(|&at| !parts[at].0.is_empty()).collect();
    let primaries = sounding.iter().filter(|&&at| has_primary(&parts[at].0)).count();
    let demoted: Vec<usize> = if sounding.len() == 2 && parts[sounding[0]].1 == 1 {
        vec![sounding[1]]
    } else if sounding.len() < 2 || primaries <= sounding.len().div_ceil(2) {
        Vec::new()
    } else {
        sounding.sort_by_key(|&at| (has_primary(&parts[at].0), weight(&parts[at].0), at));
        sounding.truncate(sounding.len() / 2);
        sounding
    };
    let mut joined = String::new();
    for (at, (phonemes, _)) in parts.iter().enumerate() {
        let change = if demoted.contains(&at) { Stress::Demote } else { Stress::Keep };
        joined.push_str(&restress(phonemes, change));
    }
    joined
}

/// How much there is of a word: diphthongs and affricates count twice.
fn weight(phonemes: &str) -> usize {
    phonemes.chars().map(|phoneme| if "AIOQWYʤʧ".contains(phoneme) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_stress_only_where_there_is_something_to_change() {
        assert_eq!(restress("ɑɹ", Stress::AtLeastSecondary), "ˌɑɹ");
        assert_eq!(restress("ʃˈi", Stress::AtLeastSecondary), "ʃˈi");
        assert_eq!(restress("ʃi", Stress::AtLeastPrimary), "ʃˈi");
        assert_eq!(restress("ʃˌi", Stress::AtLeastPrimary), "ʃˈi");
        assert_eq!(restress("ˌɛkspɹˈɛs", Stress::Demote), "ɛkspɹˌɛs");
        assert_eq!(restress("pˈYnt", Stress::Remove), "pYnt");
        assert_eq!(restress("z", Stress::AtLeastPrimary), "z");
    }

    #[test]
    fn stresses_the_last_of_spelled_letters() {
        assert_eq!(join_letters(&["pˈi", "ˈɛm"]), "pˌiˈɛm");
        assert_eq!(join_letters(&["ˈA"]), "ˈA");
        assert_eq!(join_letters(&[]), "");
    }

    #[test]
    fn gives_a_compound_one_main_stress() {
        let part = |phonemes: &str, letters| (phonemes.to_owned(), letters);
        assert_eq!(join_compound(&[part("fˈɪfti", 5), part("", 1), part("tˈu", 3)]), "fˈɪftitˌu");
        assert_eq!(join_compound(&[part("twˈɛnti", 6), part("sˈɛvənθ", 7)]), "twˌɛntisˈɛvənθ");
        assert_eq!(join_compound(&[part("ˈi", 1), part("kˈɑmɜɹs", 8)]), "ˈikˌɑmɜɹs");
        assert_eq!(join_compound(&[part("ɹˈɛd", 3)]), "ɹˈɛd");
    }
}
