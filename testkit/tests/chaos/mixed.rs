//! Several things at once.

use voice_testkit::fakes::chat::Answer;
use voice_testkit::fakes::deepgram::{Pace, Route};
use voice_testkit::fakes::fault::{Counted, Fault, FaultKind};

use crate::call::SENTENCE;
use crate::scene::{Scene, ms};

const LONG: &str = "We have nine and ten and half past ten and eleven open for you on Saturday";

fn hanging() -> Fault {
    Fault { after_bytes: 0, counted: Counted::FromConnect, kind: FaultKind::Stall }
}

pub(crate) async fn ears_and_voice_die_together_in_mid_sentence() {
    let scene = Scene::alone();
    let mut call = scene.call().await;
    call.greeted().await;
    let dies = || {
        for route in [Route::Listen, Route::Speak] {
            assert_eq!(scene.first.break_all(route, &FaultKind::Reset), 1);
        }
    };
    call.say_and(SENTENCE, vec![(ms(900), Box::new(dies))]).await;
    call.answered().await;
    call.was_echoed();
    assert_eq!((scene.handshakes(Route::Listen), scene.handshakes(Route::Speak)), ((2, 0), (2, 0)));
    scene.ends_with(call).await;
}

pub(crate) async fn ears_and_voice_die_together_before_the_answer_is_heard() {
    let scene = Scene::with_stand_ins();
    scene.first.plan(|plan| plan.tts.first_byte_delay = ms(400));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.until("reply.piece").await;
    for route in [Route::Listen, Route::Speak] {
        assert_eq!(scene.first.break_all(route, &FaultKind::CloseTcp), 1);
    }
    call.answered().await;
    call.was_echoed();
    call.is_echoed("Thank you").await;
    scene.ends_with(call).await;
}

pub(crate) async fn an_interruption_while_a_voice_is_replaced_is_answered_by_the_next_one() {
    let scene = Scene::with_stand_ins();
    scene.first.plan(|plan| plan.tts.pace = Pace::RealTime(1.2));
    scene.second.plan(|plan| plan.break_nth(Route::Speak, 1, hanging()));
    scene.chat.plan(|plan| plan.queue.push_back(Answer::says(LONG)));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say("What is open please").await;
    call.until_heard("ten", call.studio.now()).await;
    assert_eq!(scene.first.break_all(Route::Speak, &FaultKind::Reset), 1);
    call.until("vendor.replaced").await;
    call.is_echoed("Half past ten is fine").await;
    assert_eq!(scene.handshakes(Route::Speak), (1, 2));
    scene.ends_stalled_with(call).await;
}

pub(crate) async fn a_caller_who_hangs_up_in_a_reconnect_leaves_nothing_behind() {
    let scene = Scene::alone();
    let mut call = scene.call().await;
    call.greeted().await;
    scene.first.plan(|plan| {
        plan.break_nth(Route::Listen, 2, hanging());
        plan.break_nth(Route::Speak, 2, hanging());
    });
    call.say(SENTENCE).await;
    call.until("playout.started").await;
    for route in [Route::Listen, Route::Speak] {
        assert_eq!(scene.first.break_all(route, &FaultKind::Reset), 1);
    }
    call.until_seen("vendor.failed", 1).await;
    scene.ends_stalled_with(call).await;
}

pub(crate) async fn a_caller_who_hangs_up_on_a_stalled_line_leaves_nothing_behind() {
    let scene = Scene::alone();
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.until("turn.committed").await;
    for route in [Route::Listen, Route::Speak] {
        assert_eq!(scene.first.break_all(route, &FaultKind::Stall), 1);
    }
    scene.ends_stalled_with(call).await;
}
