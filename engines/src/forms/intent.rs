//! What a sentence does in a conversation, whatever it is about: agree, refuse, ask to repeat, take leave.
//!
//! Agreement starts writes, so it is read strictly: words of agreement, hardly anything else, and no word
//! of refusal beside them. Everything doubtful is [`Answer::Unclear`] and costs one more question.

use std::sync::LazyLock;

use voice_values::words::{Word, find, phrase};

use super::phrases;

/// The answer to a yes/no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Yes, and nothing against it.
    Yes,
    /// No.
    No,
    /// Both, or words of agreement in a longer sentence.
    Unclear,
    /// Neither.
    Neither,
}

/// A move that does not fill a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// "Talk to a person".
    Person,
    /// "Goodbye".
    Leave,
    /// "Pardon?"
    Repeat,
    /// "Hold on a second".
    Hold,
    /// "What can you do?"
    Help,
    /// "Never mind".
    Abandon,
    /// "I don't know".
    Unknown,
    /// "Thanks".
    Thanks,
    /// "Hello".
    Greet,
}

/// The phrases of [`phrases::MOVES`], longest first, as words.
static MOVE_WORDS: LazyLock<Vec<(Move, Vec<Vec<String>>)>> = LazyLock::new(|| {
    let read = |phrases: &[&str]| {
        let mut read: Vec<Vec<String>> = phrases.iter().map(|wanted| phrase(wanted)).collect();
        read.sort_by_key(|wanted| std::cmp::Reverse(wanted.len()));
        read
    };
    phrases::MOVES.iter().map(|(what, phrases)| (*what, read(phrases))).collect()
});

/// Reads the answer to a yes/no question.
pub(crate) fn answer(words: &[Word]) -> Answer {
    let mut left = vec![true; words.len()];
    let polite_no = strike(
        words,
        &mut left,
        &["no problem", "no worries", "why not", "not a problem", "no thats right", "no thats correct", "no its right"],
    );
    // "No, that's right" agrees or refuses: one more question is cheaper than a wrong booking.
    let torn = polite_no
        && ["no thats right", "no thats correct", "no its right"]
            .iter()
            .any(|mixed| find(words, &phrase(mixed)).is_some());
    let no = strike(words, &mut left, phrases::NO);
    let yes = strike(words, &mut left, phrases::YES) || (polite_no && !torn);
    let others = words.iter().zip(&left).filter(|(word, left)| **left && !is_neutral(&word.text)).count();
    match (yes, no) {
        _ if torn => Answer::Unclear,
        (true, false) if others == 0 => Answer::Yes,
        (true, _) => Answer::Unclear,
        (false, true) => Answer::No,
        (false, false) => Answer::Neither,
    }
}

/// "No", "no that's it", "nope, we're great, thanks": declines whatever more is offered, and says nothing else.
pub(crate) fn declines(words: &[Word]) -> bool {
    // "Know" and "now" are what recognisers make of "no" and "nah".
    let refuses = |word: &Word| {
        matches!(word.text.as_str(), "no" | "nope" | "nah" | "none" | "nothing" | "negative" | "know" | "now")
    };
    let lead = |word: &&Word| matches!(word.text.as_str(), "oh" | "uh" | "um" | "well" | "okay" | "ok");
    if !words.iter().find(|word| !lead(word)).is_some_and(refuses) {
        return false;
    }
    let mut left = vec![true; words.len()];
    strike(words, &mut left, phrases::NO);
    strike(words, &mut left, phrases::YES);
    words.iter().zip(&left).all(|(word, left)| !left || is_neutral(&word.text) || refuses(word))
}

fn is_neutral(word: &str) -> bool {
    phrases::NEUTRAL.split_ascii_whitespace().any(|neutral| neutral == word)
}

/// Takes the phrases out of the sentence; tells whether any was there.
fn strike(words: &[Word], left: &mut [bool], phrases: &[&str]) -> bool {
    let mut any = false;
    for wanted in phrases {
        let parts: Vec<&str> = wanted.split(' ').collect();
        for at in 0..words.len().saturating_sub(parts.len() - 1) {
            let here = parts.iter().enumerate().all(|(step, part)| left[at + step] && words[at + step].text == *part);
            if here {
                left[at..at + parts.len()].fill(false);
                any = true;
            }
        }
    }
    any
}

/// The move a sentence makes, if its words are mostly that: a long sentence with "sorry" in it is about
/// something else.
pub(crate) fn intent(words: &[Word]) -> Option<Move> {
    // No sentence ends in "by": that was "bye", and "good buy" was "goodbye".
    let last = words.last().map_or("", |word| word.text.as_str());
    let polite =
        |word: &Word| matches!(word.text.as_str(), "no" | "know" | "thanks" | "thank" | "okay" | "good" | "could");
    if words.len() > 1 && (last == "by" || last == "buy" && words.iter().any(polite)) {
        return Some(Move::Leave);
    }
    MOVE_WORDS.iter().find_map(|(what, phrases)| {
        let hit = phrases.iter().find(|wanted| find(words, wanted).is_some())?;
        let length = hit.len();
        let apology = hit.last().is_some_and(|last| last == "sorry");
        let vague = apology || length == 1 && hit[0] != "repeat" && hit[0] != "pardon";
        let room = match what {
            Move::Person | Move::Leave | Move::Abandon | Move::Unknown | Move::Help => 12,
            Move::Repeat if vague => 2,
            Move::Repeat | Move::Hold => 10,
            Move::Thanks | Move::Greet => 5,
        };
        // "Hey, are you hiring?" asks something.
        let asks = *what == Move::Greet && length == 1 && words.len() > 2 && is_question(&words[1..]);
        (words.len() <= length + room && !asks).then_some(*what)
    })
}

/// Whether the sentence asks for leave to do something: "can we …", "is it possible to …".
pub(crate) fn is_request(words: &[Word]) -> bool {
    const REQUESTS: [&str; 9] =
        ["can i", "can we", "could i", "could we", "may i", "may we", "might i", "is it possible", "can you"];
    REQUESTS.iter().any(|request| find(words, &phrase(request)).is_some())
}

/// Whether the sentence asks something.
pub(crate) fn is_question(words: &[Word]) -> bool {
    const ASKING: &str = "what whats how hows when whens where wheres which who whos why do does is are can could may should will would any have did";
    static PHRASE_WORDS: LazyLock<Vec<Vec<String>>> =
        LazyLock::new(|| phrases::ASKING.iter().map(|wanted| phrase(wanted)).collect());
    let lead = words.iter().position(|word| {
        !matches!(
            word.text.as_str(),
            "so" | "and"
                | "um"
                | "uh"
                | "well"
                | "oh"
                | "okay"
                | "ok"
                | "also"
                | "hi"
                | "hello"
                | "hey"
                | "good"
                | "morning"
                | "afternoon"
                | "evening"
                | "please"
                | "but"
                | "yes"
                | "no"
                | "sorry"
                | "one"
                | "actually"
        )
    });
    let asks = lead.is_some_and(|lead| ASKING.split(' ').any(|asking| asking == words[lead].text));
    asks || PHRASE_WORDS.iter().any(|wanted| find(words, wanted).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use voice_values::words::words;

    #[test]
    fn hears_agreement_in_its_many_wordings() {
        for text in [
            "yes",
            "Yes.",
            "yep",
            "Yeah, that's right!",
            "sounds good",
            "that's correct",
            "uh-huh",
            "mm-hmm",
            "correct",
            "okay",
            "sure, go ahead",
            "yes please book it",
            "perfect thank you",
            "yes that is all correct thank you very much",
            "absolutely",
            "why not",
            "no problem",
            "please do",
            "you got it",
            "Right.",
            "that works for me",
        ] {
            assert_eq!(answer(&words(text)), Answer::Yes, "{text}");
        }
    }

    #[test]
    fn hears_refusal_in_its_many_wordings() {
        for text in [
            "no",
            "Nope.",
            "nah",
            "not quite",
            "that's wrong",
            "no thanks",
            "uh-uh",
            "incorrect",
            "don't",
            "no no no",
            "it isn't",
            "wait",
        ] {
            assert_eq!(answer(&words(text)), Answer::No, "{text}");
        }
    }

    #[test]
    fn takes_nothing_doubtful_for_a_yes() {
        for text in [
            "no, that's right",
            "yes no",
            "that's not right",
            "right, what about the restaurant",
            "okay so what does it cost",
            "yes but with carts for everybody",
            "not correct",
            "I guess good old Tom would know",
            "good question",
            "",
            "Johnson",
        ] {
            assert_ne!(answer(&words(text)), Answer::Yes, "{text}");
        }
    }

    #[test]
    fn tells_moves_apart() {
        for (text, expected) in [
            ("Can I talk to a person?", Some(Move::Person)),
            ("I want to speak to someone please", Some(Move::Person)),
            ("goodbye", Some(Move::Leave)),
            ("Good-by.", Some(Move::Leave)),
            ("No thanks by,", Some(Move::Leave)),
            ("that's all, thanks", Some(Move::Leave)),
            ("pardon?", Some(Move::Repeat)),
            ("can you repeat that please", Some(Move::Repeat)),
            ("sorry, what did you say", Some(Move::Repeat)),
            ("what?", Some(Move::Repeat)),
            ("Could you say that slowly?", Some(Move::Repeat)),
            ("hold on a second", Some(Move::Hold)),
            ("what can you do", Some(Move::Help)),
            ("never mind", Some(Move::Abandon)),
            ("I don't know", Some(Move::Unknown)),
            ("thank you", Some(Move::Thanks)),
            ("hello?", Some(Move::Greet)),
            ("sorry I meant four people on the other day", None),
            ("Johnson", None),
            ("I can't find it anywhere, I'm sorry", Some(Move::Unknown)),
        ] {
            assert_eq!(intent(&words(text)), expected, "{text}");
        }
    }
}
