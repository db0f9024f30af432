//! What models write, and what reaches a tool of it.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Monday night in California, where it is Tuesday in UTC.
fn now() -> Zoned {
    "2026-11-23T21:05:00[America/Los_Angeles]".parse().unwrap()
}

fn validator(parameters: &Json) -> Validator {
    jsonschema::options().should_validate_formats(true).build(parameters).unwrap()
}

/// What becomes of one argument of this schema with these annotations, and whether it was replaced.
fn becomes(schema: &Json, notes: &Json, given: &Json) -> (Json, u32) {
    let parameters = json!({"type": "object", "properties": {"it": schema}});
    let reader = Reader::new(&parameters, &json!({"fields": {"it": notes}}));
    let mut arguments = json!({"it": given});
    let replaced = reader.read(&mut arguments, &validator(&parameters), &now());
    (arguments["it"].take(), replaced)
}

fn date() -> Json {
    json!({"type": "string", "format": "date"})
}

fn time() -> Json {
    json!({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"})
}

fn count() -> Json {
    json!({"type": "integer", "minimum": 1, "maximum": 4})
}

fn code() -> Json {
    json!({"type": "string", "pattern": "^[A-Z]{2}[0-9]{4}$"})
}

fn phone() -> Json {
    json!({"type": "string", "pattern": "^\\+[1-9][0-9]{6,14}$"})
}

fn email() -> Json {
    json!({"type": "string", "format": "email"})
}

fn choice() -> Json {
    json!({"type": "string", "enum": ["window", "terrace"]})
}

fn flag() -> Json {
    json!({"type": "boolean"})
}

#[test]
fn what_can_be_read_as_what_the_schema_wants_becomes_that() {
    for (schema, given, expected) in [
        (date(), json!("next Friday"), json!("2026-12-04")),
        (date(), json!("11/28"), json!("2026-11-28")),
        (date(), json!("Saturday the 28th"), json!("2026-11-28")),
        (date(), json!("tomorrow"), json!("2026-11-24")),
        (date(), json!("2026-11-28T09:00:00"), json!("2026-11-28")),
        (date(), json!(" 2026-11-28 "), json!("2026-11-28")),
        (time(), json!("9 am"), json!("09:00")),
        (time(), json!("nine thirty"), json!("09:30")),
        (time(), json!("9:00"), json!("09:00")),
        (time(), json!("9:00 PM"), json!("21:00")),
        (time(), json!("09:00:00"), json!("09:00")),
        (time(), json!("half past two"), json!("14:30")),
        (time(), json!("nine"), json!("09:00")),
        (time(), json!(9), json!("09:00")),
        (json!({"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}:[0-9]{2}$"}), json!("9 am"), json!("09:00:00")),
        (count(), json!("4"), json!(4)),
        (count(), json!("four"), json!(4)),
        (count(), json!("a foursome"), json!(4)),
        (count(), json!("me and my wife"), json!(2)),
        (json!({"type": ["null", "integer"]}), json!("four"), json!(4)),
        (code(), json!("gv 48 21"), json!("GV4821")),
        (code(), json!("GV-4821"), json!("GV4821")),
        (code(), json!("g as in golf, v as in victor, four eight two one"), json!("GV4821")),
        (json!({"type": "string", "pattern": "^[0-9]{4}$"}), json!(4821), json!("4821")),
        (json!({"type": "string", "pattern": "^[a-z]{2}[0-9]{2}$"}), json!("G V 4 8"), json!("gv48")),
        (phone(), json!("+1 (555) 123-4567"), json!("+15551234567")),
        (email(), json!("sarah dot j at example dot com"), json!("sarah.j@example.com")),
        (choice(), json!("Window"), json!("window")),
        (choice(), json!("on the terrace please"), json!("terrace")),
        (flag(), json!("yes"), json!(true)),
        (flag(), json!("no thanks"), json!(false)),
        (flag(), json!("True"), json!(true)),
        (json!({"type": "string"}), json!(42), json!("42")),
    ] {
        assert_eq!(becomes(&schema, &json!({}), &given), (expected, 1), "{given} for {schema}");
    }
}

#[test]
fn what_fits_cannot_be_read_or_could_mean_two_things_stays_as_it_is() {
    for (schema, given) in [
        (date(), json!("2026-11-28")),
        (time(), json!("21:00")),
        (count(), json!(4)),
        (code(), json!("GV4821")),
        (json!({"type": "string"}), json!("tomorrow")),
        (date(), json!("this weekend")),
        (date(), json!("Sunday the 28th")),
        (date(), json!("2026-02-30")),
        (date(), json!("whenever you like")),
        (date(), json!("")),
        (date(), json!(["2026-11-28"])),
        (time(), json!("in the morning")),
        (time(), json!("between nine and ten")),
        (time(), json!("25:00")),
        (count(), json!("six")),
        (count(), json!("a few")),
        (count(), json!(2.5)),
        (code(), json!("4821")),
        (code(), json!("GV48213")),
        (phone(), json!("(555) 123-4567")),
        (email(), json!("at home")),
        (choice(), json!("window or terrace")),
        (choice(), json!("upstairs")),
        (flag(), json!("perhaps")),
        (flag(), json!(1)),
        (json!({"type": "array"}), json!("one, two")),
    ] {
        assert_eq!(becomes(&schema, &json!({}), &given), (given.clone(), 0), "{given} for {schema}");
    }
}

#[test]
fn annotations_say_what_an_argument_holds_and_within_what_it_makes_sense() {
    let evening = json!({"earliest": "17:00", "latest": "23:00"});
    let all_day = json!({"earliest": "06:00", "latest": "23:00"});
    for (schema, notes, given, expected) in [
        (time(), &evening, "eight", "20:00"),
        (time(), &all_day, "eight", "eight"),
        (time(), &all_day, "eight in the morning", "08:00"),
        (code(), &json!({"prefix": "gv"}), "4821", "GV4821"),
        (phone(), &json!({"prefix": "+1"}), "555 123 4567", "+15551234567"),
        (choice(), &json!({"choices": {"terrace": ["outside"]}}), "outside", "terrace"),
        (json!({"type": "string", "pattern": "^.{10}$"}), &json!({"kind": "date"}), "tomorrow", "2026-11-24"),
    ] {
        assert_eq!(becomes(&schema, notes, &json!(given)).0, json!(expected), "{given} for {schema}");
    }
    assert_eq!(becomes(&count(), &json!({"unit": ["golfer", "golfers"]}), &json!("four golfers")).0, json!(4));
    assert_eq!(becomes(&count(), &json!({"unit": 7}), &json!("four")).0, json!(4), "a note that makes no sense");
}

#[test]
fn every_argument_is_read_for_itself() {
    let parameters = json!({
        "type": "object",
        "required": ["day", "at"],
        "properties": {"day": date(), "at": time(), "a/b~c": count()},
    });
    let reader = Reader::new(&parameters, &Json::Null);
    let mut arguments = json!({"day": "this weekend", "at": "9 am", "a/b~c": "two", "else": "tomorrow"});
    assert_eq!(reader.read(&mut arguments, &validator(&parameters), &now()), 2);
    assert_eq!(arguments, json!({"day": "this weekend", "at": "09:00", "a/b~c": 2, "else": "tomorrow"}));
    let mut missing = json!({"at": "9 am"});
    assert_eq!(reader.read(&mut missing, &validator(&parameters), &now()), 1);
    assert_eq!(missing, json!({"at": "09:00"}));
}

/// Words of all kinds of values, in any order.
const SAID: [&str; 24] = [
    "tomorrow",
    "next",
    "Friday",
    "the",
    "28th",
    "11/28",
    "nine",
    "thirty",
    "am",
    "9:00",
    "to",
    "for",
    "four",
    "people",
    "g",
    "v",
    "48",
    "21",
    "at",
    "example.com",
    "window",
    "yes",
    "no",
    "+1555",
];

proptest! {
    #[test]
    fn an_argument_is_either_untouched_or_fits(
        words in prop::collection::vec(prop::sample::select(SAID.to_vec()), 0..6),
        noise in "\\PC{0,12}",
    ) {
        for schema in [date(), time(), count(), code(), phone(), email(), choice(), flag()] {
            for given in [json!(words.join(" ")), json!(noise)] {
                let (read, replaced) = becomes(&schema, &json!({"prefix": "+1"}), &given);
                prop_assert_eq!(replaced == 0, read == given);
                prop_assert!(replaced == 0 || validator(&schema).is_valid(&read), "{} became {}", given, read);
            }
        }
    }
}
