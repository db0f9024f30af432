//! A model that breaks off after its first word: somebody else goes on, and nothing is done twice.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use voice_engines::forms::{Forms, FormsAgent, FormsTool};
use voice_pipeline::tools::ToolSpec;
use voice_testkit::fakes::chat::{Answer, ApiError, DefaultAnswer};
use voice_testkit::fakes::deepgram::Pace;
use voice_testkit::vendors::locked;

use crate::call::{AGAIN, Call, SENTENCE};
use crate::llm::{first_answers, knows_the_code};
use crate::scene::{Scene, ms};

/// Its first clause is at the voice when it breaks off behind [`BROKEN_WORDS`].
const BROKEN: &str = "Sure, we have nine and ten open, and eleven on Sunday";
const BROKEN_WORDS: usize = 8;
const CLAUSE: &str = "Sure, we have nine and ten open,";

const SOON: Duration = Duration::from_secs(12);

fn breaks_off() -> Answer {
    Answer::says(BROKEN).breaking_off_after(BROKEN_WORDS)
}

/// A stream of the words up to the break, then this.
fn breaks_with(end: &str) -> Answer {
    let words: Vec<_> = BROKEN.split_inclusive(' ').take(BROKEN_WORDS).collect();
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": words.concat()}}]});
    Answer::streams(format!("data: {chunk}\n\ndata: {end}\n\n"))
}

/// What the agent said so far, as the newest request for an answer has it.
fn last_reply(request: &Value) -> String {
    let messages = request["messages"].as_array().into_iter().flatten().rev();
    let mut said = messages.filter(|message| message["role"] == "assistant");
    said.next().and_then(|message| message["content"].as_str()).unwrap_or_default().to_owned()
}

/// The first model breaks off like this; the second one answers behind what was heard, and both know of it.
async fn is_gone_on_with(broken: Answer) {
    let scene = Scene::with_stand_ins();
    first_answers(&scene, [broken]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.answered().await;
    let heard = format!("{CLAUSE} {AGAIN} You said: {SENTENCE}");
    assert_eq!(call.reply(), heard, "{}", call.story());
    assert_eq!((call.count("vendor.failed"), call.count("vendor.replaced")), (1, 1));
    call.say("Thank you").await;
    call.answered().await;
    let asked = scene.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0]["messages"], asked[1]["messages"], "the second model is asked what the first one was");
    assert_eq!(last_reply(&asked[2]), heard);
    scene.ends_with(call).await;
}

pub(crate) async fn a_break_in_mid_answer_is_gone_on_with_by_the_stand_in() {
    is_gone_on_with(breaks_off()).await;
}

pub(crate) async fn a_stall_in_mid_answer_is_gone_on_with_by_the_stand_in() {
    is_gone_on_with(Answer::says(BROKEN).hanging_after(BROKEN_WORDS)).await;
}

pub(crate) async fn an_error_in_mid_answer_is_gone_on_with_by_the_stand_in() {
    let error = json!({"error": {"message": "overloaded", "type": "server_error"}});
    is_gone_on_with(breaks_with(&error.to_string())).await;
}

pub(crate) async fn garbage_in_mid_answer_is_gone_on_with_by_the_stand_in() {
    is_gone_on_with(breaks_with("{\"choices\": [{\"delta\"")).await;
}

pub(crate) async fn a_break_before_anything_was_at_the_voice_is_not_noticed() {
    let scene = Scene::with_stand_ins();
    first_answers(&scene, [Answer::says(BROKEN).breaking_off_after(3)]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.is_echoed(SENTENCE).await;
    scene.ends_with(call).await;
}

pub(crate) async fn a_model_that_is_alone_is_asked_once_again() {
    let scene = Scene::alone();
    first_answers(&scene, [breaks_off()]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.answered().await;
    assert_eq!(call.reply(), format!("{CLAUSE} {AGAIN} You said: {SENTENCE}"), "{}", call.story());
    assert_eq!((call.count("vendor.failed"), call.count("vendor.replaced")), (1, 0));
    scene.ends_with(call).await;
}

pub(crate) async fn when_the_stand_in_breaks_off_as_well_the_caller_is_apologised_to() {
    let scene = Scene::with_stand_ins();
    first_answers(&scene, [breaks_off()]);
    scene.chat2.plan(|plan| plan.queue.push_back(breaks_off()));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.ends_in_an_apology(SOON).await;
    assert_eq!((scene.chat.counts().requests, scene.chat2.counts().requests), (1, 1));
    scene.leaves_nothing().await;
}

pub(crate) async fn a_break_behind_a_booking_loses_no_result_and_books_no_second_time() {
    let scene = Scene::with_stand_ins();
    first_answers(&scene, [Answer::calls("bookTeeTime", "{}"), breaks_off()]);
    let told = |request: &Value| Answer::says(if knows_the_code(request) { "It is GV1" } else { "I know nothing" });
    scene.chat2.plan(|plan| plan.default = DefaultAnswer::by(told));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say("Yes please book it").await;
    call.answered().await;
    assert_eq!(call.reply(), format!("{CLAUSE} {AGAIN} It is GV1"), "{}", call.story());
    assert_eq!(*locked(&scene.tools_finished), ["bookTeeTime"]);
    let knowing: Vec<_> = scene.asked().iter().map(|request| knows_the_code(request)).collect();
    assert_eq!(knowing, [false, true, true]);
    scene.ends_with(call).await;
}

/// The first model breaks off in a booking after so many tokens of it; the second one books where it is
/// not booked yet. There is one booking, and so many requests at the second model.
async fn is_booked_once(tokens: usize, stood_in: u64) {
    let scene = Scene::with_stand_ins();
    let booking = || Answer::calls("bookTeeTime", r#"{"players":2}"#);
    let next = move |request: &Value| if knows_the_code(request) { Answer::says("It is GV1") } else { booking() };
    first_answers(&scene, [booking().breaking_off_after(tokens)]);
    scene.chat.plan(|plan| plan.default = DefaultAnswer::by(next));
    scene.chat2.plan(|plan| plan.default = DefaultAnswer::by(next));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say("Yes please book it").await;
    call.answered().await;
    assert_eq!(call.reply(), "It is GV1", "{}", call.story());
    assert_eq!(*locked(&scene.tools_finished), ["bookTeeTime"]);
    assert_eq!((call.count("vendor.failed"), scene.chat2.counts().requests), (1, stood_in));
    scene.ends_with(call).await;
}

pub(crate) async fn a_booking_that_arrived_whole_counts_though_its_answer_broke_off() {
    // Its name, and thirteen characters in pieces of six.
    is_booked_once(4, 0).await;
}

pub(crate) async fn a_booking_that_was_cut_off_is_made_by_the_stand_in_alone() {
    is_booked_once(3, 1).await;
}

pub(crate) async fn an_interruption_of_the_second_answer_leaves_both_parts_to_the_word() {
    let scene = Scene::with_stand_ins();
    scene.first.plan(|plan| plan.tts.pace = Pace::RealTime(1.5));
    first_answers(&scene, [breaks_off()]);
    let second = "We have six and seven and eight and half past twelve open for you on Saturday";
    scene.chat2.plan(|plan| plan.queue.push_back(Answer::says(second)));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    let asked_at = call.studio.now();
    call.until_heard("half", asked_at).await;
    call.is_echoed("Half past twelve is fine").await;
    assert_eq!(call.count("barge_in"), 1);
    let known = last_reply(scene.asked().last().expect("a request"));
    let whole = format!("{CLAUSE} {AGAIN} {second}");
    let known = known.trim_end_matches([' ', '—']);
    let words = |text: &str| text.split(' ').count();
    let audible = call.heard_between(asked_at, call.barged_in_at());
    assert!(whole.starts_with(known), "{known:?} of {whole:?}");
    assert!(words(known).abs_diff(words(&audible)) <= 1, "known: {known:?}, audible: {audible:?}; {}", call.story());
    scene.ends_with(call).await;
}

/// A scripted agent that books for a number of players.
fn forms() -> Forms {
    let players = json!({"type": "integer", "minimum": 1, "maximum": 4});
    let spec = ToolSpec {
        name: "bookTeeTime".into(),
        description: "Books a tee time.".into(),
        parameters: json!({"type": "object", "required": ["players"], "properties": {"players": players}}),
    };
    let annotations = json!({
        "does": "book a tee time",
        "default": true,
        "triggers": ["book|reserve tee_time"],
        "read_back": "That's a tee time for {players}. Shall I book it?",
        "done": "It is booked as {code|plain}.",
        "fields": {"players": {"ask": ["How many players?", "For how many?"], "unit": ["player", "players"]}},
    });
    let tools = vec![FormsTool { spec, side_effect: true, annotations }];
    Forms::compile(&FormsAgent { language: "en-US".into(), tools, annotations: Value::Null }).unwrap()
}

pub(crate) async fn forms_goes_on_from_the_history_and_books_after_its_own_read_back() {
    let scene = Scene::with(|addresses| {
        addresses.alone();
        addresses.last_brain = Some(Arc::new(forms()));
    });
    first_answers(&scene, [Answer::says("Certainly, a tee time for two, and").breaking_off_after(7)]);
    scene.chat.plan(|plan| plan.default = DefaultAnswer::by(|_| ApiError::new(503, "server_error", "Gone.").into()));
    let mut call: Call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.answered().await;
    let read_back = format!("Certainly, a tee time for two, {AGAIN} That's a tee time for 2 players. Shall I book it?");
    assert_eq!(call.reply(), read_back, "{}", call.story());
    assert!(locked(&scene.tools_finished).is_empty(), "nobody has agreed to anything yet");
    call.say("Yes please").await;
    call.answered().await;
    let told = call.reply();
    assert!(told.starts_with("It is booked as GV1."), "{told:?}; {}", call.story());
    assert_eq!(*locked(&scene.tools_finished), ["bookTeeTime"]);
    scene.ends_with(call).await;
}

pub(crate) async fn a_caller_who_hangs_up_between_two_answers_leaves_nothing_behind() {
    let scene = Scene::with_stand_ins();
    first_answers(&scene, [breaks_off()]);
    scene.chat2.plan(|plan| plan.queue.push_back(Answer::says(BROKEN).paced(ms(5_000), ms(0))));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.until("vendor.replaced").await;
    scene.ends_with(call).await;
}
