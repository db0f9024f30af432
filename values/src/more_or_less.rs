//! By how many a count changes: "add one more player", "one less", "two of us can't make it".

use crate::number::cardinal;
use crate::people::is_somebody;
use crate::words::{Word, says, text_at};

/// The change at `at`, negative for fewer, and how many words it takes. `units` are the agent's own words for
/// what is counted.
pub fn count_shift_at(words: &[Word], at: usize, units: &[String]) -> Option<(i64, usize)> {
    let is_unit = |at: usize| {
        let word = text_at(words, at);
        is_somebody(word) || units.iter().any(|unit| unit == word)
    };
    let sign = match text_at(words, at) {
        "add" | "bring" | "adding" | "bringing" | "plus" => Some(1),
        "remove" | "drop" | "lose" | "minus" | "removing" | "lost" => Some(-1),
        _ => None,
    };
    let start = at + usize::from(sign.is_some());
    let (number, used) = match text_at(words, start) {
        "a" | "an" | "another" => (1, 1),
        _ => cardinal(words, start).filter(|(number, _)| *number < 20)?,
    };
    let number = i64::try_from(number).ok()?;
    let mut end = start + used;
    let more =
        matches!(text_at(words, end), "more" | "extra" | "additional" | "other") || text_at(words, start) == "another";
    let fewer = matches!(text_at(words, end), "less" | "fewer");
    end += usize::from(fewer || (more && text_at(words, start) != "another"));
    let of_us = 2 * usize::from(says(words, end, &["of", "us"]) || says(words, end, &["of", "them"]));
    let unit = of_us.max(usize::from(is_unit(end)));
    end += unit + usize::from(unit > 0 && text_at(words, end + unit) == "just");
    let gone =
        [&["dropped", "out"][..], &["cant", "make", "it"], &["cant", "come"], &["is", "out"], &["has", "cancelled"]]
            .into_iter()
            .find(|gone| unit > 0 && says(words, end, gone));
    let change = match (sign, more, fewer, gone) {
        (_, _, true, _) | (_, false, _, Some(_)) => -number,
        (Some(sign), _, _, _) if unit > 0 => sign * number,
        (None, true, _, None) if unit > 0 => number,
        _ => return None,
    };
    Some((change, end + gone.map_or(0, <[_]>::len) - at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    fn change(text: &str) -> Option<i64> {
        let (words, units) = (words(text), ["player".to_owned(), "players".to_owned()]);
        (0..words.len()).find_map(|at| count_shift_at(&words, at, &units)).map(|found| found.0)
    }

    #[test]
    fn reads_by_how_many_a_count_changes() {
        for (text, expected) in [
            ("can we add one more player", 1),
            ("add a player please", 1),
            ("there's another person coming", 1),
            ("two more people", 2),
            ("one less", -1),
            ("make it one player fewer, I mean two fewer", -2),
            ("one guy dropped out", -1),
            ("two of us can't make it", -2),
            ("remove one player", -1),
        ] {
            assert_eq!(change(text), Some(expected), "{text}");
        }
        for text in
            ["one more thing", "four players", "add it to the list", "another question", "two of us", "once more", ""]
        {
            assert_eq!(change(text), None, "{text}");
        }
    }
}
