use proptest::prelude::*;

use super::*;

fn cut_by(text: &str, chars_per_delta: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut cutter = PieceCutter::new();
    let mut pieces = Vec::new();
    for delta in chars.chunks(chars_per_delta) {
        pieces.extend(cutter.push(&delta.iter().collect::<String>()));
    }
    pieces.extend(cutter.finish());
    pieces
}

fn cut(text: &str) -> Vec<String> {
    let whole = cut_by(text, usize::MAX);
    for chars_per_delta in [1, 2, 3, 7] {
        assert_eq!(cut_by(text, chars_per_delta), whole, "in deltas of {chars_per_delta}");
    }
    whole
}

/// The text must come out in one piece although other text stands before it.
fn stays_whole(sentence: &str) {
    let text = format!("Thank you for calling. {sentence} Anything else?");
    let expected = ["Thank you for calling.", sentence, "Anything else?"];
    assert_eq!(cut(&text), expected);
}

#[test]
fn speaks_the_first_clause_as_soon_as_it_is_worth_it() {
    assert_eq!(
        cut("I have four tee times open on Saturday, at nine, at ten, and at noon. Which one, sir?"),
        ["I have four tee times open on Saturday,", "at nine, at ten, and at noon.", "Which one, sir?"]
    );
    assert_eq!(cut("Well, sure, we do have nine."), ["Well, sure, we do have nine."]);
    assert_eq!(cut("Sure! How many of you are there?"), ["Sure!", "How many of you are there?"]);
    assert_eq!(
        cut("Let me check that for you — one moment please"),
        ["Let me check that for you —", "one moment please"]
    );
    assert_eq!(cut("There are two times left—nine or ten."), ["There are two times left—", "nine or ten."]);
}

#[test]
fn gives_the_first_piece_before_the_text_is_complete() {
    let mut cutter = PieceCutter::new();
    assert_eq!(cutter.push("I can offer you nine o'clock,"), [""; 0]);
    assert_eq!(cutter.push(" or"), ["I can offer you nine o'clock,"]);
    assert_eq!(cutter.push(" ten thirty. Which"), ["or ten thirty."; 0]);
    assert_eq!(cutter.push(" one do you like?"), [""; 0]);
    assert_eq!(cutter.finish().unwrap(), "or ten thirty. Which one do you like?");
    assert_eq!(cutter.push("Sure. Yes"), ["Sure."], "the next answer begins eagerly again");
}

#[test]
fn speaks_short_sentences_together() {
    assert_eq!(
        cut("You are booked. Great. See you then. Have a nice day out there. Bye."),
        ["You are booked.", "Great. See you then.", "Have a nice day out there.", "Bye."]
    );
}

#[test]
fn does_not_split_numbers_times_and_prices() {
    stays_whole("We open at 7:30 AM and close at 6:15 PM every day.");
    stays_whole("It is $45.50 for eighteen holes, or $1,000 a year.");
    stays_whole("The rating is 72.4 at a slope of 113.");
    stays_whole("We open at 7 a.m. Monday through Friday.");
    stays_whole("That is No. 5 on the list of ten.");
}

#[test]
fn waits_for_what_follows_a_dot() {
    let mut cutter = PieceCutter::new();
    assert_eq!(cutter.push("The price is $45."), [""; 0]);
    assert_eq!(cutter.push("50 for each of you."), [""; 0]);
    assert_eq!(cutter.push(" And"), ["The price is $45.50 for each of you."]);
}

#[test]
fn does_not_take_the_dot_of_an_abbreviation_for_an_end() {
    stays_whole("You are playing with Dr. Smith and Mrs. O'Neill of St. Andrews today.");
    stays_whole("It takes approx. four hours, e.g. from nine to one.");
    stays_whole("Ask for J. R. Ewing or Mary K. Jones at the desk.");
    stays_whole("The U.S. Open was played here in 1995 or so.");
    stays_whole("The address is 12 Main St. Springfield, right here.");
}

#[test]
fn ends_a_sentence_at_an_abbreviation_when_the_next_word_begins_one() {
    assert_eq!(
        cut("Thank you. We open at exactly 7 a.m. The last start is at 5 p.m. Would you like that?"),
        ["Thank you.", "We open at exactly 7 a.m.", "The last start is at 5 p.m.", "Would you like that?"]
    );
}

#[test]
fn leaves_addresses_and_ellipses_whole() {
    stays_whole("Visit www.golf.example.com/rates?x=1 or write to pro.shop@golf.example today.");
    stays_whole("Hmm... let me see... nine is taken already.");
    stays_whole("Read https://golf.example/a.b.c for the details.");
    assert_eq!(cut("Go on our page. The page is golf.example. Thanks for calling us today.").len(), 3);
}

#[test]
fn ends_pieces_at_lines_but_not_at_the_numbers_of_a_list() {
    assert_eq!(
        cut("Here are your options:\n1. Nine in the morning\n2. Ten in the morning\n\nWhich one?"),
        ["Here are your options:", "1. Nine in the morning", "2. Ten in the morning", "Which one?"]
    );
}

#[test]
fn keeps_quotes_and_markup_with_their_sentence() {
    assert_eq!(cut("He said \"**Yes.**\" Then he left us all."), ["He said \"**Yes.**\"", "Then he left us all."]);
    assert_eq!(
        cut("Okay. See [rules, fees and more. All of it](https://x.example) for it. Bye now."),
        ["Okay.", "See [rules, fees and more. All of it](https://x.example) for it.", "Bye now."]
    );
}

#[test]
fn cuts_endless_text_between_words() {
    let endless = "we go on and on at 7:30 PM with Dr. Who and more words ".repeat(30);
    let pieces = cut(&endless);
    assert!(pieces.len() > 4);
    for piece in &pieces {
        assert!(piece.chars().count() <= LONGEST_CHARS);
        assert!(!piece.ends_with("Dr.") && !piece.ends_with("7:30"), "{piece}");
    }
    assert!(cut(&"x".repeat(1_000)).iter().all(|piece| piece.len() <= LONGEST_CHARS));
}

#[test]
fn says_nothing_when_there_is_nothing() {
    assert_eq!(cut(" \n "), [""; 0]);
    assert_eq!(PieceCutter::new().finish(), None);
}

#[test]
fn cuts_after_the_full_stops_of_chinese_and_japanese() {
    assert_eq!(cut("您好。请问几位？"), ["您好。", "请问几位？"]);
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn texts() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => "[a-zA-Z]{1,9}",
        2 => prop::sample::select(vec![
            "7:30", "$45.50", "AM", "a.m.", "Dr.", "e.g.", "U.S.", "J.", "No.", "St.", "The", "We", "...", "…", "—",
            "–", "-", "1.", "1,000", "golf.com", "a@b.co", "**", "\"", "[x", "y](z)", "\n", "\n\n", "😀", "。", "é",
        ]).prop_map(String::from),
    ];
    let end = prop::sample::select(vec![" ", " ", " ", ", ", ". ", "? ", "! ", ": ", "", ".", "\n"]);
    prop::collection::vec((word, end), 0..120)
        .prop_map(|words| words.into_iter().map(|(word, end)| word + end).collect())
}

proptest! {
    #[test]
    fn loses_and_adds_nothing_whatever_the_deltas(
        text in prop_oneof![texts(), any::<String>()],
        chars_per_delta in 1_usize..40,
    ) {
        let pieces = cut_by(&text, chars_per_delta);
        prop_assert_eq!(compact(&pieces.concat()), compact(&text));
        prop_assert_eq!(&pieces, &cut_by(&text, usize::MAX));
        for piece in &pieces {
            prop_assert!(!piece.trim().is_empty());
            prop_assert!(piece.split_whitespace().map(|word| word.chars().count() + 1).sum::<usize>()
                <= LONGEST_CHARS + LONG_WORD_CHARS + 2);
        }
    }
}
