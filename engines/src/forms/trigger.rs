//! Triggers: words that start a tool, in order, with room between them.
//!
//! `book|reserve tee_time|slot` matches "could you book us a nice tee time": every group needs one of its
//! alternatives, in order, with at most [`MOST_BETWEEN`] other words between two groups. Endings ("-s",
//! "-ing", "-ed") make no difference.

use voice_values::words::{Word, phrase};

/// Most words between two groups of a trigger.
const MOST_BETWEEN: usize = 4;

/// Score of a matched word: more than all gaps of a trigger of two groups together.
const WEIGHT: usize = 8;

/// A compiled trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trigger {
    groups: Vec<Vec<Vec<String>>>,
}

impl Trigger {
    /// Reads a trigger; `None` when a group has no words.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let group = |group: &str| -> Vec<Vec<String>> {
            let alternatives = group
                .split('|')
                .map(|words| phrase(&words.replace('_', " ")).iter().map(|w| stem(w).to_owned()).collect());
            alternatives.filter(|words: &Vec<String>| !words.is_empty()).collect()
        };
        let groups: Vec<_> = text.split_whitespace().map(group).collect();
        (!groups.is_empty() && groups.iter().all(|group| !group.is_empty())).then_some(Self { groups })
    }

    /// How well the trigger fits: [`WEIGHT`] for every word matched, less one for every word between;
    /// 0 when it does not fit.
    pub(crate) fn score(&self, words: &[Word]) -> usize {
        let stems: Vec<&str> = words.iter().map(|word| stem(&word.text)).collect();
        (0..stems.len()).filter_map(|at| self.fits_from(&stems, at, 0)).max().unwrap_or(0)
    }

    /// Whether the trigger knows the word.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.groups.iter().flatten().flatten().any(|known| known == stem(word))
    }

    fn fits_from(&self, stems: &[&str], at: usize, group: usize) -> Option<usize> {
        let alternatives = self.groups.get(group)?;
        let here = |alternative: &&Vec<String>| {
            stems.len() >= at + alternative.len()
                && stems[at..].iter().zip(*alternative).all(|(stem, wanted)| stem == wanted)
        };
        let last = group + 1 == self.groups.len();
        let fits = alternatives.iter().filter(here).filter_map(|alternative| {
            let (next, own) = (at + alternative.len(), alternative.len() * WEIGHT);
            if last {
                return Some(own);
            }
            let rest =
                (0..=MOST_BETWEEN).filter_map(|gap| Some(self.fits_from(stems, next + gap, group + 1)? - gap)).max();
            rest.map(|rest| rest + own)
        });
        fits.max()
    }
}

/// The score of so many words without another between them.
pub(crate) const fn of_words(count: usize) -> usize {
    count * WEIGHT
}

/// The best score of several triggers.
pub(crate) fn best(triggers: &[Trigger], words: &[Word]) -> usize {
    triggers.iter().map(|trigger| trigger.score(words)).max().unwrap_or(0)
}

fn stem(word: &str) -> &str {
    let stem = without_ending(word);
    // "Getting" and "cancelled" double the consonant of "get" and "cancel".
    let mut letters = stem.chars().rev();
    let doubled = letters.next().is_some_and(|last| Some(last) == letters.next() && !"aeious".contains(last));
    if doubled && stem.is_ascii() { &stem[..stem.len() - 1] } else { stem }
}

fn without_ending(word: &str) -> &str {
    let cut = |ending: &str| word.strip_suffix(ending).filter(|stem| stem.len() > 2);
    cut("ings")
        .or_else(|| cut("ing"))
        .or_else(|| cut("ed"))
        .or_else(|| cut("es"))
        .or_else(|| cut("s").filter(|stem| !stem.ends_with('s')))
        .or_else(|| cut("e"))
        .unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use voice_values::words::words;

    #[test]
    fn matches_words_in_order_with_room_between() {
        let trigger = Trigger::read("book|reserve|set_up tee_time|slot").unwrap();
        for (text, score) in [
            ("I'd like to book a tee time", 23),
            ("could you be reserving us a nice slot", 13),
            ("set up some tee times for us", 31),
            ("setting up a tee time", 31),
            ("Booked a slot", 15),
            ("a tee time to book", 0),
            ("book one two three four five slot", 0),
            ("", 0),
        ] {
            assert_eq!(trigger.score(&words(text)), score, "{text}");
        }
        assert_eq!(Trigger::read(""), None);
        assert_eq!(Trigger::read("| a"), None);
    }
}
