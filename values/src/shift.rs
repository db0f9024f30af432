//! How much earlier or later: "half an hour later", "push it back by an hour", "twenty minutes earlier".

use crate::number::cardinal;
use crate::words::{Word, says, text_at, text_before};

/// The shift at `at` in minutes, later ones positive, and how many words it takes.
pub(crate) fn shift_at(words: &[Word], at: usize) -> Option<(i32, usize)> {
    let by = usize::from(text_at(words, at) == "by");
    let (minutes, used) = amount(words, at + by)?;
    let end = at + by + used;
    let (later, after) = match text_at(words, end) {
        "later" | "back" => (true, 1),
        "earlier" | "sooner" | "forward" | "ahead" => (false, 1),
        _ => match text_before(words, at) {
            "later" | "back" => (true, 0),
            "earlier" | "sooner" | "forward" | "ahead" | "up" => (false, 0),
            _ => return None,
        },
    };
    Some((if later { minutes } else { -minutes }, by + used + after))
}

/// A span in minutes, and how many words it takes.
fn amount(words: &[Word], at: usize) -> Option<(i32, usize)> {
    const PHRASES: [(&[&str], i32); 14] = [
        (&["half", "an", "hour"], 30),
        (&["a", "half", "an", "hour"], 30),
        (&["a", "half", "hour"], 30),
        (&["half", "hour"], 30),
        (&["a", "quarter", "of", "an", "hour"], 15),
        (&["quarter", "of", "an", "hour"], 15),
        (&["an", "hour", "and", "a", "half"], 90),
        (&["one", "hour", "and", "a", "half"], 90),
        (&["one", "and", "a", "half", "hours"], 90),
        (&["an", "hour", "or", "so"], 60),
        (&["an", "hour"], 60),
        (&["a", "couple", "of", "hours"], 120),
        (&["a", "couple", "hours"], 120),
        (&["a", "few", "minutes"], 10),
    ];
    if let Some((phrase, minutes)) = PHRASES.iter().find(|(phrase, _)| says(words, at, phrase)) {
        return Some((*minutes, phrase.len()));
    }
    let (number, used) = cardinal(words, at)?;
    let number = i32::try_from(number).ok().filter(|number| (1..=300).contains(number))?;
    match text_at(words, at + used) {
        "minutes" | "minute" | "mins" => Some((number, used + 1)),
        "hours" | "hour" if number <= 12 => Some((number * 60, used + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    #[test]
    fn reads_by_how_much_a_time_moves() {
        for (text, minutes) in [
            ("half an hour later", 30),
            ("push that back by half an hour", 30),
            ("could we move it back an hour", 60),
            ("one hour earlier please", -60),
            ("bring it forward by twenty minutes", -20),
            ("move it up 30 minutes", -30),
            ("an hour and a half later", 90),
            ("two hours later", 120),
        ] {
            let words = words(text);
            let found = (0..words.len()).find_map(|at| shift_at(&words, at));
            assert_eq!(found.map(|found| found.0), Some(minutes), "{text}");
        }
        for text in ["in half an hour", "an hour", "a round takes two hours", "later", "we'd be back", "four back", ""]
        {
            let words = words(text);
            assert_eq!((0..words.len()).find_map(|at| shift_at(&words, at)), None, "{text}");
        }
    }
}
