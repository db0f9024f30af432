//! What a sentence does in a conversation, whatever it is about: agree, refuse, ask to repeat, take leave.
//!
//! Agreement starts writes, so it is read strictly: words of agreement, hardly anything else, and no word
//! of refusal beside them. Everything doubtful is [`Answer::Unclear`] and costs one more question.

use std::sync::LazyLock;

use super::words::{Word, find, phrase};

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

const YES: &[&str] = &[
    "thats right",
    "thats correct",
    "that is right",
    "that is correct",
    "thats it",
    "sounds good",
    "sounds great",
    "sounds right",
    "sounds perfect",
    "sounds fine",
    "looks good",
    "looks right",
    "go ahead",
    "go for it",
    "please do",
    "do it",
    "book it",
    "lets do it",
    "lets do that",
    "uh huh",
    "mm hmm",
    "mhm",
    "mmhmm",
    "uhhuh",
    "that works",
    "works for me",
    "that ll work",
    "thatll work",
    "thatll do",
    "all good",
    "you got it",
    "of course",
    "for sure",
    "why not",
    "i do",
    "i would",
    "it is",
    "yes",
    "yeah",
    "yep",
    "yup",
    "yea",
    "ya",
    "yah",
    "yess",
    "sure",
    "ok",
    "okay",
    "correct",
    "right",
    "perfect",
    "absolutely",
    "definitely",
    "exactly",
    "affirmative",
    "great",
    "good",
    "fine",
    "certainly",
    "totally",
    "indeed",
    "alright",
    "all right",
    "wonderful",
    "excellent",
    "confirm",
    "confirmed",
    "yes please",
    "no problem",
    "no worries",
    "id love that",
    "id love to",
    "id like that",
];

const NO: &[&str] = &[
    "not quite",
    "not really",
    "not exactly",
    "not right",
    "not correct",
    "not yet",
    "not",
    "isnt",
    "thats wrong",
    "incorrect",
    "wrong",
    "nope",
    "nah",
    "no",
    "negative",
    "uh uh",
    "never",
    "dont",
    "do not",
    "hold off",
    "wasnt",
    "stop",
    "wait",
    "neither",
    "none",
    "cant",
    "wont",
    "rather not",
];

/// Words that may stand beside a yes without making it doubtful.
const NEUTRAL: &str = "a all and at ahead book do done for go i is it its just like me my now oh please really sir so sounds thank thanks \
that thats the then there this to uh um us very much well would you maam hi hello hmm ah er alright cool nice";

const MOVES: &[(Move, &[&str])] = &[
    (
        Move::Person,
        &[
            "a person",
            "real person",
            "a human",
            "human being",
            "an operator",
            "the operator",
            "operator",
            "representative",
            "an agent",
            "live agent",
            "somebody real",
            "someone real",
            "real human",
            "talk to someone",
            "talk to somebody",
            "speak to someone",
            "speak to somebody",
            "speak with someone",
            "talk with someone",
            "the manager",
            "a manager",
            "customer service",
            "transfer me",
            "put me through",
            "connect me",
            "the front desk",
            "talk to staff",
            "speak to staff",
        ],
    ),
    (
        Move::Leave,
        &[
            "goodbye",
            "good bye",
            "bye",
            "bye bye",
            "thats all",
            "that is all",
            "thatll be all",
            "that will be all",
            "thats it thanks",
            "thats it thank you",
            "nothing else",
            "im done",
            "were done",
            "im all set",
            "were all set",
            "hang up",
            "have a good day",
            "have a nice day",
            "have a great day",
            "have a good one",
            "im good",
            "were good",
            "thatll be it",
            "see you",
        ],
    ),
    (
        Move::Repeat,
        &[
            "repeat",
            "pardon",
            "pardon me",
            "say again",
            "say that again",
            "come again",
            "once more",
            "one more time",
            "what did you say",
            "what was that",
            "what is that again",
            "didnt hear",
            "didnt catch",
            "couldnt hear",
            "cant hear you",
            "excuse me",
            "im sorry",
            "sorry",
            "say it again",
            "again please",
            "what",
            "huh",
        ],
    ),
    (
        Move::Hold,
        &[
            "hold on",
            "hang on",
            "one second",
            "one sec",
            "a second",
            "a sec",
            "a moment",
            "one moment",
            "a minute",
            "one minute",
            "wait a",
            "just wait",
            "bear with me",
            "let me check",
            "let me think",
            "let me see",
            "let me look",
            "let me ask",
            "give me a",
        ],
    ),
    (
        Move::Help,
        &[
            "what can you do",
            "what can i do",
            "what else can you do",
            "what can you help",
            "what do you do",
            "help me",
            "my options",
            "what are the options",
            "how does this work",
            "what can i say",
            "what can i ask",
            "i need help",
            "i need some help",
            "help",
        ],
    ),
    (
        Move::Abandon,
        &[
            "never mind",
            "nevermind",
            "forget it",
            "forget that",
            "forget about it",
            "cancel that",
            "cancel it",
            "cancel this",
            "start over",
            "changed my mind",
            "dont book",
            "do not book",
            "dont bother",
            "leave it",
            "skip it",
            "dont want",
            "no longer want",
            "scratch that all",
            "not anymore",
            "start again",
        ],
    ),
    (
        Move::Unknown,
        &[
            "dont know",
            "do not know",
            "dont have it",
            "dont have my",
            "dont have a",
            "dont have the",
            "dont have one",
            "dont remember",
            "cant remember",
            "cant find",
            "lost it",
            "lost my",
            "forgot",
            "no idea",
            "not sure",
            "no clue",
        ],
    ),
    (Move::Thanks, &["thanks", "thank you", "thankyou", "cheers", "appreciate it"]),
    (
        Move::Greet,
        &[
            "hello",
            "hi",
            "hey",
            "hiya",
            "good morning",
            "good afternoon",
            "good evening",
            "how are you",
            "anyone there",
            "you there",
            "can you hear me",
        ],
    ),
];

/// The phrases of [`MOVES`], longest first, as words.
static MOVE_WORDS: LazyLock<Vec<(Move, Vec<Vec<String>>)>> = LazyLock::new(|| {
    let read = |phrases: &[&str]| {
        let mut read: Vec<Vec<String>> = phrases.iter().map(|wanted| phrase(wanted)).collect();
        read.sort_by_key(|wanted| std::cmp::Reverse(wanted.len()));
        read
    };
    MOVES.iter().map(|(what, phrases)| (*what, read(phrases))).collect()
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
    let no = strike(words, &mut left, NO);
    let yes = strike(words, &mut left, YES) || (polite_no && !torn);
    let others = words.iter().zip(&left).filter(|(word, left)| **left && !is_neutral(&word.text)).count();
    match (yes, no) {
        _ if torn => Answer::Unclear,
        (true, false) if others == 0 => Answer::Yes,
        (true, _) => Answer::Unclear,
        (false, true) => Answer::No,
        (false, false) => Answer::Neither,
    }
}

fn is_neutral(word: &str) -> bool {
    NEUTRAL.split_ascii_whitespace().any(|neutral| neutral == word)
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
    MOVE_WORDS.iter().find_map(|(what, phrases)| {
        let hit = phrases.iter().find(|wanted| find(words, wanted).is_some())?;
        let length = hit.len();
        let vague = length == 1 && hit[0] != "repeat" && hit[0] != "pardon";
        let room = match what {
            Move::Person | Move::Leave | Move::Abandon | Move::Unknown | Move::Help => 12,
            Move::Hold => 6,
            Move::Repeat if vague => 2,
            Move::Repeat => 6,
            Move::Thanks | Move::Greet => 5,
        };
        (words.len() <= length + room).then_some(*what)
    })
}

/// Words that make a question wherever they stand.
const PHRASES: &[&str] = &[
    "tell me",
    "wondering",
    "do you",
    "is there",
    "are there",
    "can i",
    "can we",
    "what is",
    "what are",
    "how much",
    "how many",
    "how long",
    "do i",
    "do we",
    "about the",
    "is it",
    "what about",
    "whats",
    "wheres",
    "like to know",
];

/// Whether the sentence asks something.
pub(crate) fn is_question(words: &[Word]) -> bool {
    const ASKING: &str = "what whats how hows when whens where wheres which who whos why do does is are can could may should will would any have did";
    static PHRASE_WORDS: LazyLock<Vec<Vec<String>>> =
        LazyLock::new(|| PHRASES.iter().map(|wanted| phrase(wanted)).collect());
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
    use super::super::words::words;
    use super::*;

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
            ("that's all, thanks", Some(Move::Leave)),
            ("pardon?", Some(Move::Repeat)),
            ("can you repeat that please", Some(Move::Repeat)),
            ("sorry, what did you say", Some(Move::Repeat)),
            ("what?", Some(Move::Repeat)),
            ("hold on a second", Some(Move::Hold)),
            ("what can you do", Some(Move::Help)),
            ("never mind", Some(Move::Abandon)),
            ("I don't know", Some(Move::Unknown)),
            ("thank you", Some(Move::Thanks)),
            ("hello?", Some(Move::Greet)),
            ("sorry I meant four people on the other day", None),
            ("Johnson", None),
        ] {
            assert_eq!(intent(&words(text)), expected, "{text}");
        }
    }
}
