//! A voice dies or falls silent in a reply; the caller hears every word of it once and in order.
//!
//! Where nobody tells when words begin, the next voice goes on by the pace that the lost one was heard to
//! speak at. So these calls have a turn before the one that breaks, in words of one length.

use std::time::Duration;

use voice_testkit::fakes::chat::Answer;
use voice_testkit::fakes::deepgram::{FlushAnswer, Pace, Refusal, Route};
use voice_testkit::fakes::fault::FaultKind;

use crate::call::Call;
use crate::scene::{Scene, ms};

const WORDS: &str = "book four more golf bags here soon";

/// The voice sends its audio a little faster than it is heard.
const PACED: Pace = Pace::RealTime(1.5);

/// A call with a first turn behind it.
async fn warmed_up(scene: &Scene) -> Call {
    scene.first.plan(|plan| plan.tts.pace = PACED);
    let mut call = scene.call().await;
    call.greeted().await;
    call.is_echoed(WORDS).await;
    call
}

/// The voice breaks in the middle of a reply.
async fn breaks_in_mid_sentence(scene: Scene, kind: FaultKind, handshakes: (u64, u64)) {
    let mut call = warmed_up(&scene).await;
    call.say(WORDS).await;
    let said_at = call.studio.now();
    call.until_heard("four", said_at).await;
    assert_eq!(scene.first.break_all(Route::Speak, &kind), 1);
    call.answered().await;
    call.was_echoed();
    assert_eq!(scene.handshakes(Route::Speak), handshakes);
    scene.ends_stalled_with(call).await;
}

pub(crate) async fn a_death_in_mid_sentence_is_stood_in_for() {
    breaks_in_mid_sentence(Scene::with_stand_ins(), FaultKind::Reset, (1, 1)).await;
}

pub(crate) async fn a_death_in_mid_sentence_with_nobody_else_is_dialled_again() {
    breaks_in_mid_sentence(Scene::alone(), FaultKind::CloseTcp, (2, 0)).await;
}

pub(crate) async fn half_a_message_in_mid_sentence_is_no_sound() {
    breaks_in_mid_sentence(Scene::alone(), FaultKind::CutThenClose, (2, 0)).await;
}

pub(crate) async fn garbage_in_mid_sentence_is_no_sound() {
    breaks_in_mid_sentence(Scene::alone(), FaultKind::Garbage(vec![0xFF; 32]), (2, 0)).await;
}

pub(crate) async fn a_message_that_nobody_can_read_is_no_sound() {
    breaks_in_mid_sentence(Scene::alone(), FaultKind::Garbage(b"\x81\x08not json".to_vec()), (2, 0)).await;
}

pub(crate) async fn a_stall_in_mid_sentence_is_stood_in_for() {
    breaks_in_mid_sentence(Scene::with_stand_ins(), FaultKind::Stall, (1, 1)).await;
}

/// The voice dies after it got its text, before any sound of it.
async fn dies_before_the_first_byte(scene: Scene, handshakes: (u64, u64)) {
    scene.first.plan(|plan| plan.tts.first_byte_delay = ms(400));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(WORDS).await;
    call.until("reply.piece").await;
    call.studio.wait(ms(100)).await;
    assert_eq!(scene.first.break_all(Route::Speak, &FaultKind::Reset), 1);
    call.answered().await;
    call.was_echoed();
    assert_eq!(scene.handshakes(Route::Speak), handshakes);
    scene.ends_with(call).await;
}

pub(crate) async fn a_death_before_the_first_byte_is_stood_in_for() {
    dies_before_the_first_byte(Scene::with_stand_ins(), (1, 1)).await;
}

pub(crate) async fn a_death_before_the_first_byte_with_nobody_else_is_dialled_again() {
    dies_before_the_first_byte(Scene::alone(), (2, 0)).await;
}

pub(crate) async fn a_piece_whose_end_is_never_told_is_not_said_again() {
    let scene = Scene::alone();
    let mut call = warmed_up(&scene).await;
    scene.first.plan(|plan| plan.tts.flush = FlushAnswer::AudioOnly);
    call.is_echoed(WORDS).await;
    scene.ends_with(call).await;
}

pub(crate) async fn audio_that_comes_after_an_interruption_is_not_heard() {
    let scene = Scene::alone();
    scene.first.plan(|plan| {
        plan.tts.pace = PACED;
        plan.tts.late_chunks = 6;
    });
    let long = "We have nine and ten and half past ten and eleven open for you on Saturday";
    scene.chat.plan(|plan| plan.queue.push_back(Answer::says(long)));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say("What is open please").await;
    call.until_heard("ten", call.studio.now()).await;
    call.say("Half past ten is fine").await;
    assert_eq!(call.count("barge_in"), 1);
    call.answered().await;
    call.was_echoed();
    assert_eq!(scene.handshakes(Route::Speak), (1, 0));
    scene.ends_with(call).await;
}

pub(crate) async fn when_all_voices_die_in_a_reply_the_caller_hears_a_recorded_apology() {
    let scene = Scene::with_stand_ins();
    let mut call = warmed_up(&scene).await;
    for fake in [&scene.first, &scene.second] {
        fake.plan(|plan| plan.refuse(Route::Speak, 9, &Refusal::unavailable()));
    }
    call.say(WORDS).await;
    call.until_heard("four", call.studio.now()).await;
    assert_eq!(scene.first.break_all(Route::Speak, &FaultKind::Reset), 1);
    call.ends_in_an_apology(Duration::from_secs(6)).await;
    scene.leaves_nothing().await;
}
