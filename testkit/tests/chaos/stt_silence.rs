//! A recogniser's line is up and says nothing, too late, or everything twice.

use voice_testkit::fakes::deepgram::{Endpointing, Route};
use voice_testkit::fakes::fault::{Counted, Fault, FaultKind};

use crate::call::SENTENCE;
use crate::scene::{Scene, ms};

fn stalling_at_once() -> Fault {
    Fault { after_bytes: 0, counted: Counted::FromHandshake, kind: FaultKind::Stall }
}

pub(crate) async fn without_an_answer_to_finalize_the_vendors_own_endpoint_is_the_answer() {
    let scene = Scene::alone();
    scene.first.plan(|plan| plan.stt.answers_finalize = false);
    let mut call = scene.call().await;
    call.greeted().await;
    for sentence in [SENTENCE, "Thank you"] {
        call.is_echoed(sentence).await;
    }
    assert_eq!(scene.handshakes(Route::Listen), (1, 0));
    scene.ends_with(call).await;
}

pub(crate) async fn without_any_final_the_guesses_are_taken() {
    let scene = Scene::alone();
    scene.first.plan(|plan| {
        plan.stt.answers_finalize = false;
        plan.stt.endpointing = Some(Endpointing::Off);
        plan.stt.sends_empty_results = false;
    });
    let mut call = scene.call().await;
    call.greeted().await;
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Listen), (1, 0), "a vendor that has nothing to say is not gone");
    scene.ends_with(call).await;
}

pub(crate) async fn a_line_that_stalls_from_the_start_is_found_out_at_the_pause() {
    let scene = Scene::alone();
    scene.first.plan(|plan| plan.break_nth(Route::Listen, 1, stalling_at_once()));
    let mut call = scene.call().await;
    call.greeted().await;
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Listen), (2, 0));
    scene.ends_stalled_with(call).await;
}

pub(crate) async fn a_line_that_stalls_in_mid_sentence_is_found_out_at_the_pause() {
    let scene = Scene::alone();
    let mut call = scene.call().await;
    call.greeted().await;
    let stalls = || assert_eq!(scene.first.break_all(Route::Listen, &FaultKind::Stall), 1);
    call.say_and(SENTENCE, vec![(ms(900), Box::new(stalls))]).await;
    call.answered().await;
    call.was_echoed();
    assert_eq!(scene.handshakes(Route::Listen), (2, 0));
    scene.ends_stalled_with(call).await;
}

pub(crate) async fn a_line_that_stalls_in_mid_sentence_is_stood_in_for() {
    let scene = Scene::with_stand_ins();
    let mut call = scene.call().await;
    call.greeted().await;
    let hangs = Fault { counted: Counted::FromConnect, ..stalling_at_once() };
    scene.first.plan(|plan| plan.break_nth(Route::Listen, 2, hangs));
    let stalls = || assert_eq!(scene.first.break_all(Route::Listen, &FaultKind::Stall), 1);
    call.say_and(SENTENCE, vec![(ms(900), Box::new(stalls))]).await;
    call.answered().await;
    call.was_echoed();
    assert_eq!(scene.handshakes(Route::Listen), (1, 1), "a handshake that may hang is not waited for");
    scene.ends_stalled_with(call).await;
}

pub(crate) async fn a_caller_whom_no_line_answers_is_told_so() {
    let scene = Scene::alone();
    scene.first.plan(|plan| (1..=9).for_each(|nth| plan.break_nth(Route::Listen, nth, stalling_at_once())));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.take_back();
    call.answered().await;
    assert_eq!(call.reply(), "Sorry, I didn't catch that.");
    scene.ends_stalled_with(call).await;
}

pub(crate) async fn finals_that_come_twice_and_in_parts_count_once() {
    let scene = Scene::alone();
    scene.first.plan(|plan| {
        plan.stt.duplicates_finals = true;
        plan.stt.splits_finals = true;
    });
    let mut call = scene.call().await;
    call.greeted().await;
    for sentence in [SENTENCE, "Thank you"] {
        call.is_echoed(sentence).await;
    }
    scene.ends_with(call).await;
}

pub(crate) async fn a_final_that_is_late_is_not_waited_for_and_not_heard_again() {
    let scene = Scene::alone();
    scene.first.plan(|plan| plan.stt.final_delay = ms(1_500));
    let mut call = scene.call().await;
    call.greeted().await;
    for sentence in [SENTENCE, "Thank you"] {
        call.is_echoed(sentence).await;
    }
    scene.ends_with(call).await;
}
