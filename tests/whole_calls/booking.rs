//! Calls that want something: the greeting, a booking by voice and by keypad, a backend that is down.

use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::{ToSpan as _, Zoned};
use serde_json::Value;

use super::caller::Story;
use super::gateway::closed_port;
use super::words::{error_rate, has_any};

const SOON: Duration = Duration::from_secs(2);

/// The day so many days from today at the club, with its name.
pub(crate) fn day_in(days: i32) -> (Date, &'static str) {
    let today = Zoned::now().in_tz("America/Los_Angeles").unwrap().date();
    let day = today.checked_add(days.days()).unwrap();
    let name = match day.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    };
    (day, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_greeting_is_heard() {
    let Some((story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let mut caller = story.call(&gateway).await;
    let heard = caller.hears().await;
    let greeting = "Thanks for calling Pine Valley Golf Club, how can I help you today?";
    assert!(error_rate(greeting, &heard) <= 0.2, "heard {heard:?}");
    let record = caller.live.finish().await;
    assert_eq!(record.warnings, 0, "a carrier would complain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_books_a_tee_time_and_the_slot_is_taken() {
    let Some((story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let (date, weekday) = day_in(3);
    let wish = format!("Hi, I'd like to book a tee time for four this {weekday} at nine in the morning");
    let mut caller = story.call(&gateway).await;
    let sid = caller.sid();
    caller.hears().await;

    let asked = caller.says(&wish).await;
    assert!(has_any(&asked, &["name"]), "all but the name was said, and the agent asks {asked:?}");
    let read_back = caller.says("Johnson").await;
    for value in [&["johnson"][..], &["four"], &["nine"], &[&weekday.to_lowercase()]] {
        assert!(has_any(&read_back, value), "{value:?} is not read back in {read_back:?}");
    }
    assert!(gateway.tee_sheet(date, "09:00").await.is_empty(), "booked before the caller agreed");
    let booked = caller.says("yes").await;
    assert!(has_any(&booked, &["confirmation", "code", "booked", "confirmed"]), "the end was {booked:?}");

    assert_eq!(gateway.tee_sheet(date, "09:00").await, [("Johnson".to_owned(), 4)]);
    let understood = gateway.texts(&sid, "turn.committed");
    assert_eq!(understood.len(), 3, "three lines are three turns: {understood:?}");
    for (said, text) in [wish.as_str(), "Johnson", "yes"].iter().zip(&understood) {
        assert!(error_rate(said, text) <= 0.2, "{said:?} was understood as {text:?}");
    }
    let calls = gateway.events_named(&sid, "tool.called");
    assert_eq!(calls.len(), 1, "{calls:?}");
    let arguments: Value = serde_json::from_str(calls[0]["pii.arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments["date"], date.to_string());
    let record = caller.live.finish().await;
    assert_eq!((record.warnings, record.latencies.len()), (0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_corrects_what_was_read_back_and_only_the_corrected_booking_is_made() {
    let Some((story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let (date, weekday) = day_in(5);
    let mut caller = story.call(&gateway).await;
    let sid = caller.sid();
    caller.hears().await;
    caller.says(&format!("Please book a tee time for four this {weekday} at nine in the morning")).await;
    let read_back = caller.says("Johnson").await;
    assert!(has_any(&read_back, &["four"]), "read back {read_back:?}");

    let corrected = caller.says("No, change that to three people").await;
    assert!(has_any(&corrected, &["three"]), "after the correction the agent says {corrected:?}");
    assert!(gateway.events_named(&sid, "tool.called").is_empty(), "booked before the caller agreed");
    caller.says("yes").await;

    assert_eq!(gateway.tee_sheet(date, "09:00").await, [("Johnson".to_owned(), 3)]);
    assert_eq!(gateway.events_named(&sid, "tool.called").len(), 1);
    caller.live.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_answer_a_question() {
    let Some((story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let (_, weekday) = day_in(2);
    let mut caller = story.call(&gateway).await;
    caller.hears().await;
    let asked = caller.says(&format!("I'd like to book a tee time this {weekday} at nine in the morning")).await;
    assert!(has_any(&asked, &["many", "players", "people"]), "asked {asked:?}");

    let asked = caller.presses("3#").await;
    let sid = caller.sid();
    let entered = gateway.event(&sid, "keypad.entered", SOON).await;
    assert_eq!(entered["pii.digits"], "3");
    assert!(has_any(&asked, &["name"]), "after the number of players the agent asks {asked:?}");

    let read_back = caller.says("Miller").await;
    assert!(has_any(&read_back, &["three"]), "the keys are not in {read_back:?}");
    caller.live.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_down_is_said_gracefully_and_the_call_goes_on() {
    let Some(story) = Story::begin().await else { return };
    let closed = format!("http://127.0.0.1:{}", closed_port());
    let gateway = story.gateway(&[("BACKEND_BASE_URL", &closed)]).await;
    let (_, weekday) = day_in(3);
    let mut caller = story.call(&gateway).await;
    let sid = caller.sid();
    caller.hears().await;
    caller.says(&format!("Please book a tee time for two this {weekday} at nine in the morning")).await;
    caller.says("Johnson").await;
    let answer = caller.says("yes").await;

    let returned = gateway.event(&sid, "tool.returned", SOON).await;
    assert_eq!(returned["succeeded"], false);
    let regrets = ["sorry", "trouble", "problem", "unable", "can't", "couldn't", "apologize", "apologise"];
    assert!(has_any(&answer, &regrets), "the agent says {answer:?}");
    assert!(!has_any(&answer, &["confirmation"]), "nothing was booked, and the agent says {answer:?}");

    let hours = caller.says("What are your opening hours?").await;
    assert!(has_any(&hours, &["open", "dusk", "six"]), "the call does not go on: {hours:?}");
    caller.live.finish().await;
}
