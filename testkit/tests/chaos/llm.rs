//! A model that refuses, is slow, or breaks off.

use std::time::Duration;

use serde_json::Value;
use voice_testkit::fakes::chat::{Answer, ApiError, ChatPlan, DefaultAnswer, FakeChat, unobserved};
use voice_testkit::vendors::locked;

use crate::call::SENTENCE;
use crate::scene::{Scene, ms};

/// Four words are heard before the fifth, sixth and seventh stay out.
const LONG: &str = "Sure, we have nine and ten open, and eleven on Sunday";

const SOON: Duration = Duration::from_secs(8);

pub(crate) fn first_answers(scene: &Scene, answers: impl IntoIterator<Item = Answer>) {
    scene.chat.plan(|plan| plan.queue.extend(answers));
}

/// The first model gives this answer and nobody stands in; the caller is apologised to.
async fn is_apologised_for(answer: Answer) {
    let scene = Scene::alone();
    // Once more where that is worth a try.
    first_answers(&scene, [answer.clone(), answer]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.ends_in_an_apology(SOON).await;
    scene.leaves_nothing().await;
}

/// The first model gives this answer and the second one echoes.
async fn is_stood_in_for(answer: Answer) {
    let scene = Scene::with_stand_ins();
    first_answers(&scene, [answer]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.is_echoed(SENTENCE).await;
    assert_eq!((scene.chat.counts().requests, scene.chat2.counts().requests), (1, 1));
    scene.ends_with(call).await;
}

fn busy_for_a_minute() -> Answer {
    Answer::error(ApiError::rate_limit()).header("retry-after", "60")
}

fn overloaded() -> Answer {
    Answer::error(ApiError::new(500, "server_error", "Try again."))
}

pub(crate) async fn a_server_that_is_not_there_is_apologised_for() {
    let scene = Scene::with(|addresses| {
        addresses.alone();
        addresses.brains[0] = format!("http://{}/v1", addresses.nowhere());
    });
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.ends_in_an_apology(SOON).await;
    scene.leaves_nothing().await;
}

pub(crate) async fn a_server_that_is_not_there_is_stood_in_for() {
    let scene = Scene::with(|addresses| addresses.brains[0] = format!("http://{}/v1", addresses.nowhere()));
    let mut call = scene.call().await;
    call.greeted().await;
    call.is_echoed(SENTENCE).await;
    scene.ends_with(call).await;
}

pub(crate) async fn an_error_that_passes_is_not_noticed() {
    let scene = Scene::alone();
    first_answers(&scene, [overloaded()]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.chat.counts().requests, 2);
    scene.ends_with(call).await;
}

pub(crate) async fn an_error_that_stays_is_apologised_for() {
    is_apologised_for(overloaded()).await;
}

pub(crate) async fn a_long_wait_that_is_asked_for_is_not_waited() {
    is_apologised_for(busy_for_a_minute()).await;
}

pub(crate) async fn a_busy_model_is_stood_in_for() {
    is_stood_in_for(busy_for_a_minute()).await;
}

pub(crate) async fn a_silent_model_is_stood_in_for() {
    is_stood_in_for(Answer::never()).await;
}

pub(crate) async fn a_silent_model_is_apologised_for_behind_a_filler() {
    let scene = Scene::alone();
    first_answers(&scene, [Answer::never(), Answer::never()]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.until("llm.slow").await;
    call.ends_in_an_apology(SOON).await;
    scene.leaves_nothing().await;
}

pub(crate) async fn a_slow_answer_to_an_unfinished_sentence_is_covered_in_time() {
    let scene = Scene::alone();
    first_answers(&scene, [Answer::never(), Answer::says("Here I am")]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.say("Book me a tee time for").await;
    call.answered().await;
    assert_eq!(call.reply(), "Here I am");
    scene.ends_with(call).await;
}

pub(crate) async fn a_slow_model_and_a_slow_tool_are_covered_in_time_together() {
    let scene = Scene::alone();
    let slowly = |answer: Answer| answer.paced(ms(800), ms(0));
    first_answers(&scene, [slowly(Answer::calls("searchTeeTimes", "{}")), slowly(Answer::says("Ten is open"))]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.say("What is open please").await;
    call.answered().await;
    let heard = call.reply();
    assert!(heard.ends_with("Ten is open"), "{heard:?}");
    assert_eq!(scene.chat.counts().requests, 2);
    scene.ends_with(call).await;
}

pub(crate) async fn a_break_before_the_first_word_is_stood_in_for() {
    is_stood_in_for(Answer::says(LONG).breaking_off_after(0)).await;
}

pub(crate) async fn a_break_in_mid_sentence_is_apologised_for() {
    is_apologised_for(Answer::says(LONG).breaking_off_after(8)).await;
}

pub(crate) async fn a_stall_in_mid_sentence_is_apologised_for() {
    is_apologised_for(Answer::says(LONG).hanging_after(8)).await;
}

pub(crate) async fn an_answer_nobody_can_read_is_stood_in_for() {
    is_stood_in_for(Answer::streams("data: {\"choices\": [{\"delta\"\n\ndata: what?\n\n")).await;
}

pub(crate) async fn an_answer_nobody_can_read_is_apologised_for() {
    is_apologised_for(Answer::streams("data: {\"choices\": [{\"delta\"\n\ndata: what?\n\n")).await;
}

pub(crate) async fn a_server_that_restarts_between_two_turns_is_not_noticed() {
    let server = FakeChat::start(ChatPlan::default(), unobserved()).unwrap();
    let address = server.address();
    let scene = Scene::with(|addresses| addresses.brains = vec![server.base_url()]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.is_echoed(SENTENCE).await;
    server.stop().await;
    let _server = FakeChat::start_on(address, ChatPlan::default(), unobserved()).unwrap();
    call.is_echoed("Thank you").await;
    scene.ends_with(call).await;
}

/// Whether a request holds the result of the booking.
pub(crate) fn knows_the_code(request: &Value) -> bool {
    let messages = request["messages"].as_array().into_iter().flatten();
    let results = messages.filter(|message| message["role"] == "tool");
    results.filter(|message| message["content"].as_str().is_some_and(|content| content.contains("GV1"))).count() == 1
}

pub(crate) async fn a_booking_is_made_once_and_its_result_outlives_the_model() {
    let scene = Scene::with_stand_ins();
    first_answers(&scene, [Answer::calls("bookTeeTime", "{}"), Answer::says(LONG).breaking_off_after(0)]);
    let told = |request: &Value| Answer::says(if knows_the_code(request) { "It is GV1" } else { "I know nothing" });
    scene.chat2.plan(|plan| plan.default = DefaultAnswer::by(told));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say("Yes please book it").await;
    call.answered().await;
    assert_eq!(call.reply(), "It is GV1");
    assert_eq!(*locked(&scene.tools_finished), ["bookTeeTime"]);
    let knowing: Vec<_> = scene.asked().iter().map(|request| knows_the_code(request)).collect();
    assert_eq!(knowing, [false, true, true]);
    scene.ends_with(call).await;
}
