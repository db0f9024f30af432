//! Things dictated letter by letter and digit by digit: confirmation codes and phone numbers.
//!
//! "G V four eight two one", "gee vee 48 21", "golf victor four, double eight", "G as in golf": everything
//! is read into characters first; [`CodeShape`] (from the schema's `pattern`) then says which run of them
//! is a code. A code said without its fixed first letters ("4821", typed on the keypad) gets them from the
//! annotation.

use crate::alphabet::is_example;
use crate::number::{cardinal, digit, homophone, is_digits, tens, word_value};
use crate::words::{Word, text_at};

/// What a code looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeShape {
    /// One entry per character; empty: any 3 to 12 characters with a digit among them.
    pub classes: Vec<Class>,
    /// What callers leave out.
    pub prefix: String,
}

/// What one character of a code may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A to Z.
    Letter,
    /// 0 to 9.
    Digit,
    /// Either.
    Any,
    /// This one.
    Just(char),
}

impl CodeShape {
    /// Reads the simple patterns codes have: `^[A-Z]{2}[0-9]{4}$`, `^GV\d{4}$`. `None` for anything richer.
    pub fn from_pattern(pattern: &str) -> Option<Vec<Class>> {
        let mut rest = pattern.strip_prefix('^')?.strip_suffix('$')?;
        let mut classes = Vec::new();
        while let Some(c) = rest.chars().next() {
            let (class, used) = if let Some(inside) = rest.strip_prefix('[') {
                let end = inside.find(']')?;
                let class = match &inside[..end] {
                    "A-Z" | "a-z" | "A-Za-z" | "a-zA-Z" => Class::Letter,
                    "0-9" => Class::Digit,
                    "A-Z0-9" | "0-9A-Z" | "A-Za-z0-9" | "a-zA-Z0-9" | "a-z0-9" => Class::Any,
                    _ => return None,
                };
                (class, end + 2)
            } else if rest.starts_with("\\d") {
                (Class::Digit, 2)
            } else if c.is_ascii_alphanumeric() {
                (Class::Just(c.to_ascii_uppercase()), 1)
            } else {
                return None;
            };
            rest = &rest[used..];
            let mut times = 1;
            if let Some(inside) = rest.strip_prefix('{') {
                let end = inside.find('}')?;
                times = inside[..end].parse::<usize>().ok().filter(|times| (1..=32).contains(times))?;
                rest = &inside[end + 1..];
            }
            classes.extend(std::iter::repeat_n(class, times));
        }
        (!classes.is_empty() && classes.len() <= 32).then_some(classes)
    }

    /// `heard` as a code of this shape, with "o" taken for zero (and zero for "O") where the shape wants it.
    pub fn fit(&self, heard: &str) -> Option<String> {
        if self.classes.is_empty() {
            let fits = (3..=12).contains(&heard.len()) && heard.contains(|c: char| c.is_ascii_digit());
            return fits.then(|| heard.to_owned());
        }
        self.fit_exactly(heard).or_else(|| {
            let digits: String = heard.chars().filter(char::is_ascii_digit).collect();
            let letters = heard.len() - digits.len();
            // Letters in front may be misheard ("G B" for "G V"): the fixed ones are known anyway.
            let lost_prefix = !self.prefix.is_empty() && letters <= self.prefix.len() && heard.ends_with(&digits);
            if lost_prefix { self.fit_exactly(&format!("{}{digits}", self.prefix)) } else { None }
        })
    }

    fn fit_exactly(&self, heard: &str) -> Option<String> {
        if heard.chars().count() != self.classes.len() {
            return None;
        }
        heard
            .chars()
            .zip(&self.classes)
            .map(|(c, class)| match (class, c) {
                (Class::Letter, '0') => Some('O'),
                (Class::Digit, 'O') => Some('0'),
                (Class::Just(wanted), c) => (*wanted == c || (*wanted == '0' && c == 'O')).then_some(*wanted),
                (Class::Letter, c) => c.is_ascii_uppercase().then_some(c),
                (Class::Digit, c) => c.is_ascii_digit().then_some(c),
                (Class::Any, c) => Some(c),
            })
            .collect()
    }
}

/// The characters dictated from `at` on, and the end of each step: after how many words how many
/// characters were said. `loose`: letter names and misheard digits count too.
fn dictated(words: &[Word], at: usize, loose: bool) -> Vec<(String, usize)> {
    let mut out = Vec::new();
    let mut said = String::new();
    let mut here = at;
    while here < words.len() && said.len() < 40 {
        let Some((piece, used)) = piece(words, here, loose) else { break };
        said.push_str(&piece);
        here += used;
        if matches!((text_at(words, here), text_at(words, here + 1)), ("as" | "like", "in")) {
            here = (here + 3).min(words.len());
        } else if matches!(text_at(words, here), "for" | "like")
            && text_at(words, here + 1).len() > 1
            && word_value(text_at(words, here + 1)).is_none()
            && said.to_lowercase().ends_with(|last| text_at(words, here + 1).starts_with(last))
        {
            here += 2;
        } else if piece.len() == 1 && is_example(text_at(words, here), &piece) {
            // "G, like golf", without the filler word.
            here += 1;
        }
        out.push((said.clone(), here));
    }
    out
}

fn piece(words: &[Word], at: usize, loose: bool) -> Option<(String, usize)> {
    let word = text_at(words, at);
    if let Some(times) = match word {
        "double" => Some(2),
        "triple" => Some(3),
        _ => None,
    } {
        let (next, used) = piece(words, at + 1, loose).filter(|(next, _)| next.len() == 1)?;
        return Some((next.repeat(times), used + 1));
    }
    if is_digits(word) {
        return Some((word.to_owned(), 1));
    }
    if matches!(word, "oh" | "o" | "zero" | "nought") {
        return Some((if word == "zero" || word == "nought" { "0" } else { "O" }.to_owned(), 1));
    }
    // "Forty-eight" is 48, and "four eight" is 4 and 8.
    if tens(word).is_some()
        || word_value(word).is_some_and(|value| value >= 10)
        || matches!(text_at(words, at + 1), "thousand" | "hundred")
    {
        return cardinal(words, at).map(|(value, used)| (value.to_string(), used));
    }
    if let Some(value) = digit(word) {
        return Some((value.to_string(), 1));
    }
    let ascii = word.bytes().all(|b| b.is_ascii_alphanumeric());
    if ascii && (word.len() == 1 || word.bytes().any(|b| b.is_ascii_digit())) {
        return Some((word.to_uppercase(), 1));
    }
    if !loose {
        return None;
    }
    if let Some(letter) = letter_name(word).or_else(|| spelling_word(word)) {
        return Some((letter.to_string(), 1));
    }
    if let Some(value) = homophone(word) {
        return Some((value.to_string(), 1));
    }
    // Two or three letters run together: "GV".
    let initials = ascii && word.len() <= 3 && !word.is_empty() && !crate::name::is_plain(word);
    initials.then(|| (word.to_uppercase(), 1))
}

/// The code that starts at `at`, and how many words it takes.
pub fn code_at(words: &[Word], at: usize, shape: &CodeShape, loose: bool) -> Option<(String, usize)> {
    let steps = dictated(words, at, true);
    let found = steps.iter().rev().find_map(|(said, end)| Some((shape.fit(said)?, said, end - at)))?;
    let (code, said, used) = found;
    let has_both = said.contains(|c: char| c.is_ascii_digit()) && said.contains(|c: char| c.is_ascii_alphabetic());
    let whole = !shape.classes.is_empty() && has_both && said.len() == shape.classes.len();
    (loose || whole).then_some((code, used))
}

/// What was dictated although it is no code: enough characters to be worth saying so.
pub fn almost_code(words: &[Word], at: usize) -> Option<(String, usize)> {
    let steps = dictated(words, at, true);
    let (said, end) = steps.last()?;
    let digits = said.chars().filter(char::is_ascii_digit).count();
    (digits >= 2).then(|| (said.clone(), end - at))
}

/// The phone number that starts at `at`: 7 to 15 digits.
pub fn phone_at(words: &[Word], at: usize, loose: bool) -> Option<(String, usize)> {
    let first = text_at(words, at);
    let starts = is_digits(first)
        || digit(first).is_some()
        || tens(first).is_some()
        || matches!(first, "oh" | "o" | "double" | "triple" | "area");
    if !starts && !loose {
        return None;
    }
    let lead = 2 * usize::from(first == "area" && text_at(words, at + 1) == "code");
    let steps = dictated(words, at + lead, loose);
    steps.iter().rev().find_map(|(said, end)| {
        let said = said.replace('O', "0");
        let all_digits = said.bytes().all(|b| b.is_ascii_digit());
        (all_digits && (7..=15).contains(&said.len())).then(|| (said, end - at))
    })
}

/// A number with its country code, when the agent's numbers have one.
pub fn international(digits: &str, prefix: &str) -> String {
    let code = prefix.trim_start_matches('+');
    if prefix.is_empty() || (digits.len() > 10 && digits.starts_with(code)) {
        let plus = if prefix.is_empty() { "" } else { "+" };
        return format!("{plus}{digits}");
    }
    format!("{prefix}{}", digits.trim_start_matches('0'))
}

/// What a recogniser writes for the name of a letter.
pub(crate) fn letter_name(word: &str) -> Option<char> {
    Some(match word {
        "ay" => 'A',
        "bee" | "be" => 'B',
        "see" | "sea" | "cee" => 'C',
        "dee" => 'D',
        "ee" => 'E',
        "ef" | "eff" => 'F',
        "gee" | "jee" | "ji" => 'G',
        "aitch" | "haitch" => 'H',
        "eye" => 'I',
        "jay" => 'J',
        "kay" | "okay" => 'K',
        "el" | "ell" => 'L',
        "em" => 'M',
        "en" => 'N',
        "pee" => 'P',
        "cue" | "queue" => 'Q',
        "are" | "ar" => 'R',
        "ess" | "es" => 'S',
        "tee" | "tea" => 'T',
        "you" | "yew" => 'U',
        "vee" | "ve" | "we" => 'V',
        "ex" => 'X',
        "why" | "wye" => 'Y',
        "zee" | "zed" => 'Z',
        _ => return None,
    })
}

/// The words of the spelling alphabet.
fn spelling_word(word: &str) -> Option<char> {
    const WORDS: [&str; 30] = [
        "alpha", "alfa", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "juliett",
        "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor",
        "victory", "whiskey", "xray", "yankee", "zulu", "zebra",
    ];
    WORDS.contains(&word).then(|| word.chars().next()).flatten().map(|c| c.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    fn shape() -> CodeShape {
        CodeShape { classes: CodeShape::from_pattern("^[A-Z]{2}[0-9]{4}$").unwrap(), prefix: "GV".into() }
    }

    fn first(text: &str, loose: bool) -> Option<String> {
        let words = words(text);
        (0..words.len()).find_map(|at| code_at(&words, at, &shape(), loose)).map(|found| found.0)
    }

    #[test]
    fn reads_codes_as_they_are_dictated() {
        for text in [
            "GV4821",
            "GV 4821",
            "G V four eight two one",
            "g. v. 4 8 2 1",
            "G.V. 4821",
            "gee vee forty-eight twenty-one",
            "golf victor four eight two one",
            "G as in golf, V as in Victor, 4 8 2 1",
            "G for golf V for victor four eight two one",
            "my code is GV, 48, 21.",
            "G V for eight to one",
            "4821",
            "four thousand eight hundred twenty one",
        ] {
            assert_eq!(first(text, true).as_deref(), Some("GV4821"), "{text}");
        }
        assert_eq!(first("G V double four oh one", true).as_deref(), Some("GV4401"));
        assert_eq!(first("G V triple four zero", true).as_deref(), Some("GV4440"));
        assert_eq!(first("change GV4821 to ten", false).as_deref(), Some("GV4821"));
    }

    #[test]
    fn puts_misheard_fixed_letters_right() {
        let classes = CodeShape::from_pattern("^GV[0-9]{4}$").unwrap();
        let shape = CodeShape { classes, prefix: "GV".into() };
        assert_eq!(shape.fit("GB4821").as_deref(), Some("GV4821"));
        assert_eq!(shape.fit("4821").as_deref(), Some("GV4821"));
        assert_eq!(shape.fit("GBX4821"), None);
        assert_eq!(shape.fit("48G21"), None);
    }

    #[test]
    fn does_not_see_codes_in_small_talk() {
        for text in ["four people at nine", "I see you", "4821", "the 28th at 7:40", "a tee time for four"] {
            assert_eq!(first(text, false), None, "{text}");
        }
        for text in ["I have no idea", "what is that", "48", "G V 48213"] {
            assert_eq!(first(text, true), None, "{text}");
        }
    }

    #[test]
    fn reads_the_patterns_codes_have_and_no_others() {
        use Class::{Any, Digit, Just, Letter};
        assert_eq!(CodeShape::from_pattern("^GV\\d{2}$"), Some(vec![Just('G'), Just('V'), Digit, Digit]));
        assert_eq!(CodeShape::from_pattern("^[A-Z][A-Z0-9]{2}$"), Some(vec![Letter, Any, Any]));
        for rich in ["", "^$", "[0-9]{4}", "^(a|b)$", "^[0-9]+$", "^[0-9]{9999}$", "^\\w$", "^[0-9$", "^é$"] {
            assert_eq!(CodeShape::from_pattern(rich), None, "{rich}");
        }
    }

    #[test]
    fn reads_phone_numbers() {
        let read = |text: &str| {
            let words = words(text);
            (0..words.len()).find_map(|at| phone_at(&words, at, false)).map(|found| found.0)
        };
        for (text, expected) in [
            ("(555) 123-4567", "5551234567"),
            ("five five five, one two one two", "5551212"),
            ("it's 555 double one oh 4567", "5551104567"),
            ("area code 415 555 2671", "4155552671"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(read("four people at nine"), None);
    }
}
