//! Numbers as words: cardinals, ordinals, years, decimals and digits one by one. American style,
//! without "and".

use voice_values::numerals::{TEN_ORDINALS, TENS, UNIT_ORDINALS, UNITS};

const SCALES: [(u64, &str); 4] =
    [(1_000_000_000_000, "trillion"), (1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand")];

/// Numbers from here on are read digit by digit.
pub(super) const TOO_LARGE: u64 = 1_000_000_000_000_000;

/// "two hundred forty nine", word by word.
pub(super) fn cardinal(number: u64) -> Vec<&'static str> {
    let mut words = Vec::new();
    let mut rest = number;
    for (scale, name) in SCALES {
        if rest >= scale {
            words.extend(cardinal(rest / scale));
            words.push(name);
            rest %= scale;
        }
    }
    if rest >= 100 {
        words.extend([UNITS[(rest / 100) as usize], "hundred"]);
        rest %= 100;
    }
    if rest >= 20 {
        words.push(TENS[(rest / 10) as usize]);
        rest %= 10;
    }
    if rest > 0 || number == 0 {
        words.push(UNITS[rest as usize]);
    }
    words
}

/// "twenty seventh", word by word.
pub(super) fn ordinal(number: u64) -> Vec<&'static str> {
    let mut words = cardinal(number);
    if let Some(last) = words.last_mut() {
        *last = ordinal_of(last);
    }
    words
}

/// A year: "nineteen ninety nine", "two thousand five", "twenty twenty six".
pub(super) fn year(number: u64) -> Vec<&'static str> {
    let (century, rest) = (number / 100, number % 100);
    if century % 10 == 0 && rest < 10 || century >= 100 || century == 0 {
        return cardinal(number);
    }
    let mut words = cardinal(century);
    match rest {
        0 => words.push("hundred"),
        1..10 => words.extend(["oh", UNITS[rest as usize]]),
        _ => words.extend(cardinal(rest)),
    }
    words
}

/// "four zero two".
pub(super) fn digits(text: &str) -> Vec<&'static str> {
    text.chars().filter_map(|c| c.to_digit(10)).map(|digit| UNITS[digit as usize]).collect()
}

/// Words of a number below a hundred joined as one compound: "forty-five". Said quickly, as in times
/// and dates, it has one main stress.
pub(super) fn hyphenated(words: &[&str]) -> String {
    words.join("-")
}

fn ordinal_of(word: &'static str) -> &'static str {
    let place = |names: &[&str]| names.iter().position(|name| *name == word);
    if let Some(ordinal) = place(&UNITS).map(|at| UNIT_ORDINALS[at]).or_else(|| place(&TENS).map(|at| TEN_ORDINALS[at]))
    {
        return ordinal;
    }
    match word {
        "hundred" => "hundredth",
        "thousand" => "thousandth",
        "million" => "millionth",
        "billion" => "billionth",
        "trillion" => "trillionth",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_of_any_size() {
        for (number, words) in [
            (0, "zero"),
            (7, "seven"),
            (18, "eighteen"),
            (40, "forty"),
            (249, "two hundred forty nine"),
            (1_001, "one thousand one"),
            (6_842, "six thousand eight hundred forty two"),
            (2_000_000, "two million"),
            (1_000_000_000_015, "one trillion fifteen"),
        ] {
            assert_eq!(cardinal(number).join(" "), words);
        }
    }

    #[test]
    fn reads_ordinals_and_years() {
        for (number, words) in
            [(1, "first"), (12, "twelfth"), (20, "twentieth"), (23, "twenty third"), (100, "one hundredth")]
        {
            assert_eq!(ordinal(number).join(" "), words);
        }
        for (number, words) in [
            (1999, "nineteen ninety nine"),
            (1905, "nineteen oh five"),
            (2000, "two thousand"),
            (2005, "two thousand five"),
            (2026, "twenty twenty six"),
            (1800, "eighteen hundred"),
        ] {
            assert_eq!(year(number).join(" "), words);
        }
    }

    #[test]
    fn reads_digits_one_by_one() {
        assert_eq!(digits("9-07").join(" "), "nine zero seven");
        assert_eq!(hyphenated(&ordinal(27)), "twenty-seventh");
    }
}
