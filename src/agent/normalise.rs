//! Mends the recogniser's slips in what a caller said, by an agent's list.

/// Phrases that are heard and what they mean.
#[derive(Debug, Default)]
pub(super) struct Normaliser {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    heard: Vec<String>,
    means: String,
}

impl Normaliser {
    /// Builds the rules; a longer phrase goes before a shorter one.
    pub(super) fn new(rules: impl IntoIterator<Item = (String, String)>) -> Self {
        let rule = |(heard, means): (String, String)| Rule {
            heard: words(&heard).map(|(_, word)| word.to_lowercase()).collect(),
            means,
        };
        let mut rules: Vec<_> = rules.into_iter().map(rule).filter(|rule| !rule.heard.is_empty()).collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.heard.len()));
        Self { rules }
    }

    /// Replaces whole words, whatever their case and whether a space or a hyphen joins them, and keeps everything else. What was put in is
    /// not looked at again.
    pub(super) fn apply(&self, text: &str) -> String {
        let words: Vec<_> = words(text).collect();
        let (mut mended, mut kept, mut position) = (String::with_capacity(text.len()), 0, 0);
        while position < words.len() {
            let Some(rule) = self.rules.iter().find(|rule| rule.matches(text, &words[position..])) else {
                position += 1;
                continue;
            };
            let (first, last) = (words[position], words[position + rule.heard.len() - 1]);
            mended.push_str(&text[kept..first.0]);
            mended.push_str(&in_case_of(first.1, &rule.means));
            kept = last.0 + last.1.len();
            position += rule.heard.len();
        }
        mended.push_str(&text[kept..]);
        mended
    }
}

impl Rule {
    fn matches(&self, text: &str, words: &[(usize, &str)]) -> bool {
        let heard = words.get(..self.heard.len());
        heard.is_some_and(|heard| {
            let same = heard.iter().zip(&self.heard).all(|(word, rule)| word.1.to_lowercase() == *rule);
            let joined = heard.windows(2).all(|pair| {
                let gap = &text[pair[0].0 + pair[0].1.len()..pair[1].0];
                matches!(gap.trim(), "" | "-")
            });
            same && joined
        })
    }
}

/// The words of a text with their places: letters, digits and the apostrophes between them.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '\u{2019}');
    text.split(move |c| !is_word(c))
        .map(|word| word.trim_matches(['\'', '\u{2019}']))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// A capital where a sentence began with the replaced words.
fn in_case_of(replaced: &str, means: &str) -> String {
    let mut letters = means.chars();
    match letters.next() {
        Some(first) if replaced.starts_with(char::is_uppercase) => first.to_uppercase().chain(letters).collect(),
        _ => means.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn golf() -> Normaliser {
        let rules = [("tea time", "tee time"), ("tea times", "tee times"), ("tea", "tee"), ("for some", "foursome")];
        Normaliser::new(rules.map(|(heard, means)| (heard.to_owned(), means.to_owned())))
    }

    #[test]
    fn whole_words_are_mended_and_everything_else_is_kept() {
        let mended = |text| golf().apply(text);
        assert_eq!(mended("Tea time,  please!"), "Tee time,  please!");
        assert_eq!(mended("Any TEA  times? A for some."), "Any Tee times? A foursome.");
        assert_eq!(mended("I'd like iced 'tea', teams and steam."), "I'd like iced 'tee', teams and steam.");
        assert_eq!(mended("Caf\u{e9} tea\u{2013}time."), "Caf\u{e9} tee\u{2013}time.");
        assert_eq!(mended("A tea-time"), "A tee time");
        assert_eq!(mended("for, some"), "for, some");
        assert_eq!(mended(""), "");
    }

    proptest! {
        #[test]
        fn without_a_slip_nothing_changes(text in "[^tTfF]*") {
            prop_assert_eq!(golf().apply(&text), text);
        }

        #[test]
        fn no_text_panics(text in "(tea|time|'|\u{130}|\u{df}| |for|some|.){0,20}") {
            golf().apply(&text);
        }
    }
}
