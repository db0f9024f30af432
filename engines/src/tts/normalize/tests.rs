use super::super::tokens::Kind;
use super::*;

/// The words as spoken: letters to be named in angle brackets, sentences parted by a bar.
fn aloud(text: &str) -> String {
    let mut heard = String::new();
    for token in read_aloud(text).tokens {
        let text = if token.kind == Kind::Letters { format!("<{}>", token.text) } else { token.text };
        if !token.glued && !heard.is_empty() && !heard.ends_with('(') {
            heard.push(' ');
        }
        heard.push_str(&text);
        if token.ends_sentence {
            heard.push_str(" |");
        }
    }
    heard.trim_end_matches(" |").to_owned()
}

#[track_caller]
fn check(table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .filter(|(text, expected)| aloud(text) != *expected)
        .map(|(text, expected)| format!("{text}\n  expected {expected}\n  heard    {}", aloud(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn reads_money() {
    check(&[
        ("It's $4.50.", "It's four dollars and fifty cents."),
        ("$1", "one dollar"),
        ("$0.99 each", "ninety nine cents each"),
        ("$1,250.75", "one thousand two hundred fifty dollars and seventy five cents"),
        ("-$5", "minus five dollars"),
        ("$4.5 million", "four point five million dollars"),
        ("$30k", "thirty thousand dollars"),
        ("$50-60", "fifty to sixty dollars"),
        ("$50-$60", "fifty to sixty dollars"),
        ("a $20 deposit", "a twenty dollar deposit"),
        ("50 USD", "fifty dollars"),
        ("€12.30 or £3", "twelve euros and thirty cents or three pounds"),
        ("75¢", "seventy five cents"),
        ("$2.5", "two dollars and fifty cents"),
    ]);
}

#[test]
fn reads_dates() {
    check(&[
        ("on 2/19.", "on February nineteenth."),
        ("2/19/26", "February nineteenth, twenty twenty six"),
        ("2026-11-23", "November twenty-third, twenty twenty six"),
        ("June 3rd", "June third"),
        ("June 3, 2026 at", "June third, twenty twenty six at"),
        ("Sept. 4 works", "September fourth works"),
        ("June 3-5", "June third to fifth"),
        ("the 3rd of June", "the third of June"),
        ("3 June", "the third of June"),
        ("Mon. or Tues.", "Monday or Tuesday."),
        ("Sat. Sept. 5", "Saturday September fifth"),
        ("in June 2026", "in June twenty twenty six"),
        ("1/2 hour", "one half hour"),
        ("by 1/2", "by January second"),
        ("open 24/7", "open twenty four seven"),
        ("May I help?", "May I help?"),
        ("Tuesday, November 24th at 7:30", "Tuesday, November twenty-fourth at seven thirty"),
    ]);
}

#[test]
fn reads_times() {
    check(&[
        ("at 7:30 AM", "at seven thirty <AM>"),
        ("at 6:05.", "at six oh five."),
        ("at 4 p.m. on Monday", "at four <PM> on Monday"),
        ("at 4 p.m. Monday", "at four <PM> Monday"),
        ("at 4 p.m. Please come.", "at four <PM>. | Please come."),
        ("at 4 p.m.", "at four <PM>."),
        ("at 4 p.m., or", "at four <PM>, or"),
        ("7:00", "seven o'clock"),
        ("10am", "ten <AM>"),
        ("7:30-9:00", "seven thirty to nine"),
        ("7-9 PM", "seven to nine <PM>"),
        ("7am-9pm", "seven <AM> to nine <PM>"),
        ("from 11:30 to 2", "from eleven thirty to two"),
        ("14:45", "fourteen forty-five"),
    ]);
}

#[test]
fn reads_phone_numbers_in_groups() {
    let spoken = "five five five, one two three, four five six seven";
    for written in ["(555) 123-4567", "555-123-4567", "555.123.4567", "555 123 4567", "(555)123-4567", "5551234567"] {
        assert_eq!(aloud(written), spoken, "{written}");
    }
    check(&[
        ("Call (555) 123-4567 now.", "Call five five five, one two three, four five six seven now."),
        ("+1 555 123 4567", "plus one, five five five, one two three, four five six seven"),
        ("+15551234567", "plus one, five five five, one two three, four five six seven"),
        ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
        ("1-800-555-0199", "one, eight hundred, five five five, zero one nine nine"),
        ("555-0199", "five five five, zero one nine nine"),
        ("555-123-4567, ext. 204", "five five five, one two three, four five six seven, extension two zero four"),
        ("x204", "extension two zero four"),
    ]);
}

#[test]
fn reads_codes_sign_by_sign() {
    check(&[
        ("code GV4821", "code <G>, <V>, four eight, two one"),
        ("7B3K9Q", "seven, <B>, three, <K>, nine, <Q>"),
        ("PV-4821", "<P>, <V>, four eight, two one"),
        ("AB1", "<AB>, one"),
        ("AB12", "<A>, <B>, one two"),
        ("gv4821", "<g>, <v>, four eight, two one"),
        ("confirmation number is 48213", "confirmation number is four eight two one three"),
        ("card ending in 4242", "card ending in four two four two"),
        ("number 12345678", "number one two three four, five six seven eight"),
        ("order #4821", "order number four eight two one"),
        ("zip 94107", "zip nine four one zero seven"),
        ("COVID19", "COVID nineteen"),
        ("an F16", "an <F> sixteen"),
        ("a 4K screen", "a four <K> screen"),
        ("I-95", "<I> ninety five"),
        ("room 204", "room two zero four"),
    ]);
}

#[test]
fn spells_slowly_enough_to_write_along() {
    check(&[
        (
            "So I'll cancel reservation G V 4 8 2 1. Is that right?",
            "So I'll cancel reservation <G>, <V>, four eight, two one. | Is that right?",
        ),
        ("It's 4 8 2 B 1 for you", "It's four eight, two, <B>, one for you"),
        ("a G V 4 8 2", "a <G>, <V>, four eight, two"),
        ("That's J O H N.", "That's <J>, <O>, <H>, <N>."),
        ("J-o-h-n, right?", "<J>, <o>, <h>, <n>, right?"),
        ("G-V-4-8-2-1", "<G>, <V>, four eight, two one"),
        ("holes 1 2 3 4 5", "holes one two three four five"),
        ("it was a 1 2 3", "it was a one two three"),
        ("plan A 4 of", "plan A four of"),
        ("A, B, C, D", "A, B, C, D"),
    ]);
}

#[test]
fn tells_where_each_spelled_sign_stands() {
    let places = |text| -> Vec<usize> {
        let tokens = read_aloud(text).tokens.into_iter();
        tokens.filter(|token| token.kind != Kind::Mark).map(|token| token.source).collect()
    };
    assert_eq!(places("code G V 4 8"), [0, 5, 7, 9, 11]);
    assert_eq!(places("code GV48"), [0, 5, 5, 5, 5]);
}

#[test]
fn reads_numbers_that_count() {
    check(&[
        ("par 72", "par seventy two"),
        ("6,842 yards", "six thousand eight hundred forty two yards"),
        ("7191 yards", "seven thousand one hundred ninety one yards"),
        ("14.2", "fourteen point two"),
        ("10% off", "ten percent off"),
        ("4.5 %", "four point five percent"),
        ("85°F", "eighty five degrees Fahrenheit"),
        ("-5°", "minus five degrees"),
        ("10-15 mph.", "ten to fifteen miles per hour."),
        ("1 mi", "one mile"),
        ("6 ft. tall", "six feet tall"),
        ("3-5 players", "three to five players"),
        ("the 19th hole", "the nineteenth hole"),
        ("in 1999 and 2026", "in nineteen ninety nine and twenty twenty six"),
        ("the 1990s", "the nineteen nineties"),
        ("3/4 of", "three quarters of"),
        ("#1", "number one"),
        ("No. 5", "number five"),
        ("007", "zero zero seven"),
        ("4821 Fairway Dr.", "forty eight twenty one Fairway Drive."),
        ("3x", "three times"),
        ("16:9", "sixteen to nine"),
    ]);
}

#[test]
fn reads_abbreviations_and_ends_sentences_only_where_they_end() {
    check(&[
        ("Dr. Lee is in.", "Dr Lee is in."),
        ("on St. Andrew's Dr.", "on Saint Andrew's Drive."),
        ("Main St. and 5th Ave.", "Main Street and fifth Avenue."),
        ("See Mr. Smith. He knows.", "See Mr Smith. | He knows."),
        ("approx. 40 yards", "approximately forty yards"),
        ("Smith Inc. is here", "Smith Incorporated is here"),
        ("in the U.S. Please hold", "in the <U.S>. | Please hold"),
        ("the U.S. team", "the <U.S> team"),
        ("J. Smith", "<J> Smith"),
        ("clubs, balls, etc.", "clubs, balls, etc."),
        ("e.g. Monday", "for example Monday"),
        ("AT&T and R&B", "<AT> and <T> and <R> and <B>"),
        ("Henry VIII, Chapter IV", "Henry the eighth, Chapter four"),
        ("w/ cart", "with cart"),
        ("Wait... what?", "Wait... what?"),
        ("Hi! Are you (still) there?", "Hi! | Are you (still) there?"),
        ("yes—no", "yes— no"),
        ("yes - no", "yes — no"),
        ("the 'ready' 'golf club' and 'em", "the ready golf club and 'em"),
    ]);
}

#[test]
fn reads_addresses_of_the_net() {
    check(&[
        ("info@pinevalley.com", "info at pinevalley dot com"),
        ("j.smith_42@mail.co.uk.", "<j> dot smith underscore four two at mail dot co dot <uk>."),
        ("https://pinevalley.com/tee-times", "pinevalley dot com slash tee dash times"),
        ("www.golf.com", "<www> dot golf dot com"),
    ]);
}

#[test]
fn keeps_the_place_of_every_word_in_the_text() {
    let text = "“Call (555) 123-4567 — at 7:30 AM”, she said.";
    for token in read_aloud(text).tokens {
        let rest = text.get(token.source..).expect("a character begins there");
        assert!(!rest.starts_with([' ', '(', '“']), "{token:?}");
    }
}

proptest::proptest! {
    #[test]
    fn reads_anything_without_panicking(text in "\\PC{0,60}") {
        for token in read_aloud(&text).tokens {
            assert!(text.is_char_boundary(token.source));
            assert!(!token.text.is_empty());
        }
    }

    #[test]
    fn reads_any_mix_of_digits_and_signs(text in "[0-9A-Za-z$€%°:/.,@#()'+ –-]{0,24}") {
        read_aloud(&text);
    }
}
