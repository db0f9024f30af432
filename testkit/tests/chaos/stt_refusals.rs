//! A recogniser cannot be reached, or does not want us.

use std::time::Duration;

use voice_testkit::fakes::deepgram::{Refusal, Route};
use voice_testkit::fakes::fault::{Counted, Fault, FaultKind};

use crate::call::SENTENCE;
use crate::scene::{Scene, ms};

fn hanging() -> Fault {
    Fault { after_bytes: 0, counted: Counted::FromConnect, kind: FaultKind::Stall }
}

pub(crate) async fn a_wrong_key_with_nobody_else_ends_the_call_with_an_apology() {
    let scene = Scene::alone();
    scene.first.plan(|plan| plan.refuse(Route::Listen, 9, &Refusal::unauthorized()));
    let call = scene.call().await;
    call.ends_in_an_apology(Duration::from_secs(6)).await;
    assert_eq!(scene.handshakes(Route::Listen), (1, 0), "a wrong key is not tried twice");
    scene.leaves_nothing().await;
}

pub(crate) async fn a_wrong_key_is_stood_in_for_and_the_next_call_does_not_try_it() {
    let scene = Scene::with_stand_ins();
    scene.first.plan(|plan| plan.refuse(Route::Listen, 9, &Refusal::unauthorized()));
    for calls in 1..=2 {
        let mut call = scene.call().await;
        call.greeted().await;
        call.is_echoed("Two please").await;
        assert_eq!(scene.handshakes(Route::Listen), (1, calls));
        call.hang_up().await;
    }
    scene.leaves_nothing().await;
}

pub(crate) async fn a_vendor_that_is_busy_for_a_moment_is_dialled_again() {
    let scene = Scene::alone();
    scene.first.plan(|plan| plan.refuse(Route::Listen, 2, &Refusal::unavailable()));
    let mut call = scene.call().await;
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Listen), (3, 0));
    scene.ends_with(call).await;
}

pub(crate) async fn a_handshake_that_hangs_costs_no_word_of_a_caller_who_speaks_at_once() {
    let scene = Scene::alone();
    scene.first.plan(|plan| plan.break_nth(Route::Listen, 1, hanging()));
    let mut call = scene.call().await;
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Listen), (2, 0));
    scene.ends_stalled_with(call).await;
}

pub(crate) async fn a_handshake_that_hangs_is_stood_in_for() {
    let scene = Scene::with_stand_ins();
    scene.first.plan(|plan| plan.break_nth(Route::Listen, 1, hanging()));
    let mut call = scene.call().await;
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Listen), (1, 1));
    scene.ends_stalled_with(call).await;
}

pub(crate) async fn a_vendor_that_is_down_for_good_is_stood_in_for() {
    let scene = Scene::with(|addresses| addresses.ears[0] = format!("ws://{}", addresses.nowhere()));
    let mut call = scene.call().await;
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Listen), (0, 1));
    scene.ends_with(call).await;
}

pub(crate) async fn when_all_are_down_the_caller_is_told_and_the_call_ends() {
    let scene = Scene::with(|addresses| addresses.ears = vec![format!("ws://{}", addresses.nowhere()); 2]);
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.take_back();
    call.answered().await;
    assert_eq!(call.reply(), "Sorry, I didn't catch that.");
    call.studio.wait(ms(100)).await;
    call.ends_in_an_apology(Duration::from_secs(20)).await;
    scene.leaves_nothing().await;
}
