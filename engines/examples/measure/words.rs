//! Word error rates: which texts count as the same, and how many words are wrong.
//!
//! What is made equal before words are compared ([`RULES`] says it to the reader of the page):
//! letter case, punctuation, contractions, and numbers, which a recogniser writes as words or in
//! digits as it likes. Nothing else is forgiven: a name that sounds the same is an error.

use voice_values::numerals::{TEN_ORDINALS, TENS, UNIT_ORDINALS, UNITS};

/// The rules of [`words`], for the page.
pub(crate) const RULES: &str = "Before two texts are compared, both are written in lower case and without punctuation; \
    contractions are written out (\"I'm\" as \"I am\"), titles and \"okay\" are not (\"Mr.\"); numbers, spoken or written, count digit by digit, so \"nine \
    thirty\", \"9:30\" and \"9 3 0\" are the same three words; ordinals count as their numbers; \"a.m.\" and \"AM\" are \
    two letters; words in capitals and codes are spelled; \"$\" and \"%\" are words. Everything else is an error, also a \
    name that sounds the same, and a number that is misheard counts once for each digit. The rate is substitutions, insertions and deletions over the words that were said.";

/// Words that must be changed, added or left out to get from one text to the other, and how many the
/// first one has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Errors {
    pub(crate) wrong: usize,
    pub(crate) said: usize,
}

impl Errors {
    pub(crate) fn between(said: &str, heard: &str) -> Self {
        let (said, heard) = (words(said), words(heard));
        let mut row: Vec<usize> = (0..=heard.len()).collect();
        for (at, word) in said.iter().enumerate() {
            let mut diagonal = row[0];
            row[0] = at + 1;
            for (column, other) in heard.iter().enumerate() {
                let change = diagonal + usize::from(word != other);
                diagonal = row[column + 1];
                row[column + 1] = change.min(row[column] + 1).min(diagonal + 1);
            }
        }
        Self { wrong: row[heard.len()], said: said.len() }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.wrong += other.wrong;
        self.said += other.said;
    }

    /// In percent, as the page writes it.
    pub(crate) fn rate(self) -> String {
        format!("{:.1} %", 100.0 * self.wrong as f64 / self.said.max(1) as f64)
    }
}

/// A text as words that can be compared.
pub(crate) fn words(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut words = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let Some((value, taken)) = spoken_number(&tokens[at..]) {
            words.extend(value.to_string().chars().map(String::from));
            at += taken;
            continue;
        }
        let (token, before) = (tokens[at].as_str(), words.last());
        let after_digit = before.is_some_and(|word| word.bytes().all(|b| b.is_ascii_digit()));
        match token {
            "oh" if after_digit => words.push("0".to_owned()),
            "am" | "pm" if after_digit => words.extend(token.chars().map(String::from)),
            // "Twelve dollars and fifty cents", and $12.50.
            "and" if before.is_some_and(|word| word == "dollars") && begins_with_number(&tokens[at + 1..]) => {}
            _ => words.push(token.to_owned()),
        }
        at += 1;
    }
    words
}

fn begins_with_number(tokens: &[String]) -> bool {
    let is_digit = tokens.first().is_some_and(|token| token.bytes().all(|b| b.is_ascii_digit()));
    is_digit || spoken_number(tokens).is_some()
}

/// Lower-case words, letters of spelled ones, and the digits of written numbers.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for chunk in text.split_whitespace().flat_map(|chunk| chunk.split(['-', '–', '/', '…', '@'])) {
        let chunk = chunk.trim_matches(|c: char| !c.is_alphanumeric() && c != '$' && c != '%' && c != '&');
        if let Some(amount) = chunk.strip_prefix('$') {
            let (dollars, cents) = amount.split_once('.').unwrap_or((amount, ""));
            push_digits(dollars, &mut tokens);
            tokens.push("dollars".to_owned());
            if cents.bytes().any(|b| b != b'0') {
                push_digits(cents, &mut tokens);
                tokens.push("cents".to_owned());
            }
            continue;
        }
        if let Some(share) = chunk.strip_suffix('%') {
            push_digits(share, &mut tokens);
            tokens.push("percent".to_owned());
            continue;
        }
        if let Some((hour, minute)) = chunk.split_once(':') {
            push_digits(hour, &mut tokens);
            let (minute, letters) = minute.split_at(minute.len().min(2));
            if minute != "00" {
                push_digits(minute, &mut tokens);
            }
            tokens.extend(letters.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_lowercase().to_string()));
            continue;
        }
        // "a.m.", "6.5", "pinevalleygolf.com"
        let dotted = chunk.contains('.') && chunk.split('.').all(|part| part.chars().count() == 1);
        let decimal = chunk.contains('.') && chunk.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if chunk == "&" {
            tokens.push("and".to_owned());
        } else if decimal {
            for (at, part) in chunk.split('.').enumerate() {
                tokens.extend((at > 0).then(|| "point".to_owned()));
                push_digits(part, &mut tokens);
            }
        } else if dotted {
            tokens.extend(chunk.split('.').map(str::to_lowercase));
        } else {
            chunk.split([',', '.']).for_each(|word| push_word(word, chunk, &mut tokens));
        }
    }
    tokens
}

fn push_digits(digits: &str, tokens: &mut Vec<String>) {
    tokens.extend(digits.chars().filter(char::is_ascii_digit).map(String::from));
}

fn push_word(word: &str, chunk: &str, tokens: &mut Vec<String>) {
    let letters: String = word.chars().filter(|c| c.is_alphanumeric() || matches!(c, '\'' | '’')).collect();
    let letters = letters.replace('’', "'");
    if letters.is_empty() {
        return;
    }
    let has_digit = letters.bytes().any(|b| b.is_ascii_digit());
    let ordinal = ["st", "nd", "rd", "th"].iter().find_map(|ending| letters.strip_suffix(ending));
    if let Some(number) = ordinal.filter(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())) {
        return push_digits(number, tokens);
    }
    let is_capitals =
        (2..=4).contains(&letters.len()) && letters != "OK" && letters.bytes().all(|b| b.is_ascii_uppercase());
    // "9am", "GV4821", "PBX"; but not a headline's words between other marks.
    if has_digit || (is_capitals && chunk.len() <= 5) {
        tokens.extend(letters.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_lowercase().to_string()));
        return;
    }
    let lower = letters.to_lowercase();
    tokens.extend(written_out(&lower).split(' ').map(str::to_owned));
}

/// A contraction as its words, a title in its short form; a possessive stays.
fn written_out(word: &str) -> String {
    match word {
        "can't" | "cannot" => return "can not".to_owned(),
        "won't" => return "will not".to_owned(),
        "it's" | "that's" | "there's" | "what's" | "who's" | "he's" | "she's" | "here's" | "where's" => {
            return word.replace("'s", " is");
        }
        "let's" => return "let us".to_owned(),
        "mister" => return "mr".to_owned(),
        "missus" => return "mrs".to_owned(),
        "doctor" => return "dr".to_owned(),
        "okay" => return "ok".to_owned(),
        _ => {}
    }
    for (ending, full) in
        [("n't", " not"), ("'m", " am"), ("'re", " are"), ("'ve", " have"), ("'ll", " will"), ("'d", " would")]
    {
        if let Some(stem) = word.strip_suffix(ending) {
            return format!("{stem}{full}");
        }
    }
    word.replace('\'', "")
}

/// The number that the first words say, and how many of them do. Digits said one by one are numbers
/// of their own.
fn spoken_number(tokens: &[String]) -> Option<(u64, usize)> {
    let (mut value, mut taken) = below_thousand(tokens)?;
    if tokens.get(taken).is_some_and(|word| word == "thousand") {
        (value, taken) = (value * 1_000, taken + 1);
        let and = usize::from(tokens.get(taken).is_some_and(|word| word == "and"));
        if let Some((rest, more)) = tokens.get(taken + and..).and_then(below_thousand) {
            (value, taken) = (value + rest, taken + and + more);
        }
    }
    Some((value, taken))
}

fn below_thousand(tokens: &[String]) -> Option<(u64, usize)> {
    let (mut value, mut taken) = below_hundred(tokens)?;
    if tokens.get(taken).is_some_and(|word| word == "hundred") && value < 100 {
        (value, taken) = (value * 100, taken + 1);
        let and = usize::from(tokens.get(taken).is_some_and(|word| word == "and"));
        if let Some((rest, more)) = tokens.get(taken + and..).and_then(below_hundred) {
            (value, taken) = (value + rest, taken + and + more);
        }
    }
    Some((value, taken))
}

fn below_hundred(tokens: &[String]) -> Option<(u64, usize)> {
    let index = |table: &[&str], word: &str| table.iter().position(|entry| !entry.is_empty() && *entry == word);
    let word = tokens.first()?;
    let unit = |word: &str| index(&UNITS, word).or_else(|| index(&UNIT_ORDINALS, word));
    if let Some(unit) = unit(word) {
        return Some((unit as u64, 1));
    }
    if let Some(tens) = index(&TEN_ORDINALS, word) {
        return Some((tens as u64 * 10, 1));
    }
    let tens = index(&TENS, word)?;
    match tokens.get(1).and_then(|next| unit(next)).filter(|unit| (1..10).contains(unit)) {
        Some(unit) => Some(((tens * 10 + unit) as u64, 2)),
        None => Some((tens as u64 * 10, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        for (one, other) in [
            ("At nine thirty AM.", "at 9:30 a.m."),
            ("9am", "nine a m"),
            ("nine o'clock", "9 o'clock"),
            ("7:05 PM", "seven oh five p.m."),
            ("9:00", "nine"),
            ("555-018-4432", "five five five, zero one eight, four four three two"),
            ("Saturday the 21st", "Saturday the twenty-first"),
            ("That's $12.50 each", "That is twelve dollars and fifty cents each"),
            ("$260", "two hundred and sixty dollars"),
            ("6,842 yards", "six thousand eight hundred forty two yards"),
            ("10% off", "ten percent off"),
            ("code GV4821", "code G V four eight two one"),
            ("par 72", "par seventy two"),
            ("14.2", "fourteen point two"),
            ("I'm sorry, I can't", "I am sorry I cannot"),
            ("Okay, Mr. Lee.", "OK mister Lee"),
        ] {
            assert_eq!(words(one), words(other), "{one}");
        }
    }

    #[test]
    fn other_words_are_errors() {
        assert_eq!(Errors::between("a tee time for four", "a tea time for four"), Errors { wrong: 1, said: 5 });
        assert_eq!(Errors::between("yes please", "yes"), Errors { wrong: 1, said: 2 });
        assert_eq!(Errors::between("yes", "oh yes please"), Errors { wrong: 2, said: 1 });
        assert_eq!(Errors::between("nine thirty", "nine thirteen").wrong, 2, "9 3 0 and 9 1 3");
        assert_ne!(words("sixteen"), words("sixty"));
        assert_eq!(Errors::between("one two", "").rate(), "100.0 %");
    }
}
