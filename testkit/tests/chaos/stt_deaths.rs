//! A recogniser's line dies at some moment of a sentence; the sentence comes out whole and once.

use voice_testkit::fakes::chat::Answer;
use voice_testkit::fakes::deepgram::{Refusal, Route};
use voice_testkit::fakes::fault::{Counted, Fault, FaultKind};

use crate::call::SENTENCE;
use crate::scene::{Scene, ms};

/// A frame of a server that closes its socket with code 1011.
const CLOSE_1011: [u8; 4] = [0x88, 0x02, 0x03, 0xF3];

/// A text message that is no JSON.
const NOT_JSON: &[u8] = b"\x81\x08not json";

/// The line breaks in the middle of a word and is dialled again.
async fn dies_in_mid_word(kind: FaultKind) {
    let scene = Scene::alone();
    let mut call = scene.call().await;
    call.greeted().await;
    let breaks = || assert_eq!(scene.first.break_all(Route::Listen, &kind), 1);
    call.say_and(SENTENCE, vec![(ms(900), Box::new(breaks))]).await;
    call.answered().await;
    call.was_echoed();
    assert_eq!(scene.handshakes(Route::Listen), (2, 0));
    scene.ends_with(call).await;
}

pub(crate) async fn a_reset_in_mid_word_costs_no_word() {
    dies_in_mid_word(FaultKind::Reset).await;
}

pub(crate) async fn an_end_without_a_close_in_mid_word_costs_no_word() {
    dies_in_mid_word(FaultKind::CloseTcp).await;
}

pub(crate) async fn a_close_with_1011_in_mid_word_costs_no_word() {
    dies_in_mid_word(FaultKind::Garbage(CLOSE_1011.to_vec())).await;
}

pub(crate) async fn bytes_that_are_no_frame_cost_no_word() {
    dies_in_mid_word(FaultKind::Garbage(vec![0xFF; 16])).await;
}

pub(crate) async fn a_message_that_nobody_can_read_costs_no_word() {
    dies_in_mid_word(FaultKind::Garbage(NOT_JSON.to_vec())).await;
}

pub(crate) async fn half_a_message_costs_no_word() {
    let scene = Scene::alone();
    // The first message is the first guess at words, 600 bytes and more.
    let half = Fault { after_bytes: 300, counted: Counted::FromHandshake, kind: FaultKind::CutThenClose };
    scene.first.plan(|plan| {
        plan.stt.sends_empty_results = false;
        plan.break_nth(Route::Listen, 1, half);
    });
    let mut call = scene.call().await;
    call.greeted().await;
    assert_eq!(scene.handshakes(Route::Listen), (1, 0));
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Listen), (2, 0));
    scene.ends_with(call).await;
}

pub(crate) async fn two_deaths_in_one_sentence_cost_no_word() {
    let scene = Scene::alone();
    let mut call = scene.call().await;
    call.greeted().await;
    let reset = || assert_eq!(scene.first.break_all(Route::Listen, &FaultKind::Reset), 1);
    call.say_and(SENTENCE, vec![(ms(500), Box::new(reset)), (ms(1_300), Box::new(reset))]).await;
    call.answered().await;
    call.was_echoed();
    assert_eq!(scene.handshakes(Route::Listen), (3, 0));
    scene.ends_with(call).await;
}

pub(crate) async fn lines_that_die_after_their_first_words_are_not_dialled_in_a_circle() {
    let scene = Scene::alone();
    // A guess is 600 bytes and more: one comes through whole.
    let soon = Fault { after_bytes: 1_200, counted: Counted::FromHandshake, kind: FaultKind::CloseTcp };
    scene.first.plan(|plan| {
        plan.stt.sends_empty_results = false;
        (1..500).for_each(|nth| plan.break_nth(Route::Listen, nth, soon.clone()));
    });
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    let (dialled, _) = scene.handshakes(Route::Listen);
    assert!((2..=12).contains(&dialled), "{dialled} handshakes in one sentence");
    call.take_back();
    scene.ends_with(call).await;
}

pub(crate) async fn a_death_before_the_first_word_costs_none() {
    let scene = Scene::alone();
    let at_once = Fault { after_bytes: 0, counted: Counted::FromHandshake, kind: FaultKind::CloseTcp };
    scene.first.plan(|plan| plan.break_nth(Route::Listen, 1, at_once));
    let mut call = scene.call().await;
    // Over the greeting, as soon as the line is up.
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Listen), (2, 0));
    scene.ends_with(call).await;
}

pub(crate) async fn a_death_between_the_pause_and_the_final_is_asked_again() {
    let scene = Scene::alone();
    scene.first.plan(|plan| plan.stt.final_delay = ms(400));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.until("speech.stopped").await;
    assert_eq!(scene.first.break_all(Route::Listen, &FaultKind::Reset), 1);
    assert_eq!(call.count("transcript.final"), 0);
    call.answered().await;
    call.was_echoed();
    scene.ends_with(call).await;
}

pub(crate) async fn a_death_in_the_pause_of_an_unfinished_sentence_costs_no_word() {
    let scene = Scene::alone();
    let mut call = scene.call().await;
    call.greeted().await;
    call.say("Book me a tee time for").await;
    call.until("transcript.final").await;
    assert_eq!(scene.first.break_all(Route::Listen, &FaultKind::Reset), 1);
    call.goes_on("two please").await;
    call.answered().await;
    call.was_echoed();
    assert_eq!(scene.handshakes(Route::Listen), (2, 0));
    scene.ends_with(call).await;
}

pub(crate) async fn a_vendor_that_does_not_come_back_in_mid_sentence_is_replaced() {
    let scene = Scene::with_stand_ins();
    let mut call = scene.call().await;
    call.greeted().await;
    scene.first.plan(|plan| plan.refuse(Route::Listen, 9, &Refusal::unavailable()));
    let reset = || assert_eq!(scene.first.break_all(Route::Listen, &FaultKind::Reset), 1);
    call.say_and(SENTENCE, vec![(ms(900), Box::new(reset))]).await;
    call.answered().await;
    call.was_echoed();
    assert_eq!(scene.handshakes(Route::Listen), (2, 1));
    scene.ends_with(call).await;
}

pub(crate) async fn a_death_under_the_agents_words_is_no_hindrance_to_an_interruption() {
    let scene = Scene::alone();
    let long = "We have nine and ten and half past ten and eleven open for you on Saturday";
    scene.chat.plan(|plan| plan.queue.push_back(Answer::says(long)));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say("What is open please").await;
    call.until("playout.started").await;
    call.until_heard("ten", call.studio.now()).await;
    assert_eq!(scene.first.break_all(Route::Listen, &FaultKind::Reset), 1);
    call.say("Let me have half past ten").await;
    assert_eq!(call.count("barge_in"), 1);
    call.answered().await;
    call.was_echoed();
    assert_eq!(scene.handshakes(Route::Listen), (2, 0));
    scene.ends_with(call).await;
}
