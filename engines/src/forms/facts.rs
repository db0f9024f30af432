//! Facts of the agent's prompt: the section `## Facts` of the rendered system message.
//!
//! One fact a list item: `- **Name** (key, key): The sentences to speak.` The name is a key too. A key is
//! one or more words; a plural "s" makes no difference.

use voice_values::words::{Word, phrase};

/// Most facts spoken in one answer.
const MOST_AT_ONCE: usize = 2;

/// Something the agent knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    keys: Vec<Vec<String>>,
    /// What to say.
    pub(crate) say: String,
}

/// Reads the facts of a prompt. Without the section there are none.
pub(crate) fn facts(prompt: &str) -> Vec<Fact> {
    let mut out: Vec<Fact> = Vec::new();
    let mut inside = false;
    for line in prompt.lines() {
        if line.starts_with('#') {
            inside = line.trim_start_matches('#').trim().eq_ignore_ascii_case("facts");
        } else if inside && let Some(item) = line.strip_prefix("- ") {
            out.extend(fact(item));
        } else if inside
            && line.starts_with(char::is_whitespace)
            && !line.trim().is_empty()
            && let Some(last) = out.last_mut()
        {
            last.say.push(' ');
            last.say.push_str(line.trim());
        }
    }
    out
}

fn fact(item: &str) -> Option<Fact> {
    let (name, rest) = item.strip_prefix("**")?.split_once("**")?;
    let rest = rest.trim_start();
    let (keys, say) = match rest.strip_prefix('(') {
        Some(keys) => keys.split_once(')')?,
        None => ("", rest),
    };
    let say = say.trim_start().strip_prefix(':')?.trim().to_owned();
    let keys = std::iter::once(name).chain(keys.split(',')).map(key).filter(|key| !key.is_empty()).collect();
    Some(Fact { keys, say })
}

fn key(text: &str) -> Vec<String> {
    let words = phrase(text);
    // "Who is this" is also asked as "who's this".
    let article = |at: usize, word: &str| at == 0 && words.len() > 1 && is_in("a an the", word);
    let little = |at: usize, word: &str| at > 0 && words.len() > 2 && is_in(BETWEEN, singular(word));
    let kept = words.iter().enumerate().filter(|(at, word)| !article(*at, word) && !little(*at, word));
    kept.map(|(_, word)| singular(word).to_owned()).collect()
}

fn singular(word: &str) -> &str {
    let stem = word.strip_suffix("ies").filter(|stem| stem.len() > 2);
    stem.or_else(|| word.strip_suffix('y').filter(|stem| stem.len() > 2))
        .or_else(|| word.strip_suffix('s').filter(|stem| stem.len() > 2 && !stem.ends_with('s')))
        .unwrap_or(word)
}

/// Words that any question has, as [`singular`] leaves them; a key of nothing else says little about what is asked.
const QUESTION_WORDS: &str = "how much many long what when where which who doe do is are can";

/// Little words, as [`singular`] leaves them, that may stand between the words of a key: "how much *is a* cart".
const BETWEEN: &str = "a an the is are do doe for of to it";

/// Whether the words name a fact by a key of two words and more, which nobody says by the way.
pub(crate) fn clearly_named(facts: &[Fact], words: &[Word]) -> bool {
    let stems: Vec<&str> = words.iter().map(|word| singular(&word.text)).collect();
    let keys = facts.iter().flat_map(|fact| &fact.keys);
    let mut clear = keys.filter(|key| key.len() > 1 && key.iter().any(|word| !is_in(QUESTION_WORDS, word)));
    clear.any(|key| (0..stems.len()).any(|at| fits_from(&stems, at, key).is_some()))
}

/// The words of a fact that a sentence wants to have: "book a *lesson*", "rent *clubs*".
pub(crate) fn object_of(facts: &[Fact], words: &[Word]) -> Option<std::ops::Range<usize>> {
    const VERBS: &str = "book reserve schedule arrange rent hire borrow buy order get take have";
    let stems: Vec<&str> = words.iter().map(|word| singular(&word.text)).collect();
    (1..stems.len()).find_map(|at| {
        let article = usize::from(matches!(stems[at], "a" | "an" | "the" | "some" | "my"));
        if !is_in(VERBS, &words[at - 1].text) {
            return None;
        }
        let keys = facts.iter().flat_map(|fact| &fact.keys);
        let end = keys.filter_map(|key| fits_from(&stems, at + article, key)).max();
        end.map(|end| at + article..end)
    })
}

fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

/// Where a key that starts at `at` ends, if it does.
fn fits_from(stems: &[&str], at: usize, key: &[String]) -> Option<usize> {
    let mut here = at;
    for (step, wanted) in key.iter().enumerate() {
        let mut skipped = 0;
        while step > 0 && skipped < 3 && stems.get(here).is_some_and(|stem| stem != wanted && is_in(BETWEEN, stem)) {
            here += 1;
            skipped += 1;
        }
        if stems.get(here) != Some(&wanted.as_str()) {
            return None;
        }
        here += 1;
    }
    Some(here)
}

/// The facts that `words` ask for, best first; `free` tells which words nothing else has claimed.
pub(crate) fn asked_for<'a>(facts: &'a [Fact], words: &[Word], free: &dyn Fn(usize) -> bool) -> Vec<&'a Fact> {
    let stems: Vec<&str> = words.iter().map(|word| singular(&word.text)).collect();
    let place = |key: &[String]| {
        (0..stems.len()).find(|at| fits_from(&stems, *at, key).is_some_and(|end| (*at..end).any(free)))
    };
    let weight =
        |key: &[String]| -> usize { key.iter().map(|word| if is_in(QUESTION_WORDS, word) { 4 } else { 10 }).sum() };
    let mut hits: Vec<(usize, usize, &Fact)> = facts
        .iter()
        .filter_map(|fact| {
            let found: Vec<(usize, usize)> =
                fact.keys.iter().filter_map(|key| Some((weight(key), place(key)?))).collect();
            let heaviest = found.iter().map(|(weight, _)| *weight).max()?;
            let score = heaviest + found.len().min(5);
            Some((score, found.iter().map(|(_, at)| *at).min()?, fact))
        })
        .collect();
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.0));
    // A second fact has to be asked for as clearly as the first.
    let best = hits.first().map_or(0, |hit| hit.0);
    hits.retain(|hit| hit.0 + 1 >= best);
    hits.truncate(MOST_AT_ONCE);
    hits.sort_by_key(|hit| hit.1);
    hits.into_iter().map(|hit| hit.2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use voice_values::words::words;

    const PROMPT: &str = "\
You answer the phone.

## Facts
- **Opening hours** (open, close, hours): We open at six thirty.
  We close at dusk.
- **Dress code** (wear, jeans): Collared shirts, please.
- **Parking**: Parking is free.
- broken item
- **Broken** (no colon) text

## Style
- **Not a fact** (style): never said.
";

    fn ask(question: &str) -> Vec<String> {
        asked_for(&facts(PROMPT), &words(question), &|_| true).into_iter().map(|fact| fact.say.clone()).collect()
    }

    #[test]
    fn reads_the_section_and_nothing_else() {
        let facts = facts(PROMPT);
        assert_eq!(facts.len(), 3);
        assert_eq!(facts[0].say, "We open at six thirty. We close at dusk.");
        assert_eq!(super::facts("no section"), []);
    }

    #[test]
    fn finds_the_fact_that_was_asked_for() {
        for (question, expected) in [
            ("When do you open?", vec!["We open at six thirty. We close at dusk."]),
            ("can I wear jean", vec!["Collared shirts, please."]),
            ("what's the dress code", vec!["Collared shirts, please."]),
            ("is there parking", vec!["Parking is free."]),
            ("parking and what are your hours", vec!["Parking is free.", "We open at six thirty. We close at dusk."]),
            ("do you like music", vec![]),
            ("style", vec![]),
        ] {
            assert_eq!(ask(question), expected, "{question}");
        }
    }
}
