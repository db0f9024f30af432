//! A voice cannot be reached, or dies while nobody speaks.

use std::time::Duration;

use voice_testkit::fakes::deepgram::{Refusal, Route};
use voice_testkit::fakes::fault::{Counted, Fault, FaultKind};

use crate::call::SENTENCE;
use crate::scene::{Scene, ms};

const SOON: Duration = Duration::from_secs(8);

/// How long a line must have been up to be dialled again at once, and a little.
const LIVED: Duration = ms(5_300);

pub(crate) async fn a_wrong_key_is_apologised_for_with_a_recorded_line() {
    let scene = Scene::alone();
    scene.first.plan(|plan| plan.refuse(Route::Speak, 9, &Refusal::unauthorized()));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(SENTENCE).await;
    call.ends_in_an_apology(SOON).await;
    assert!(scene.handshakes(Route::Speak).0 <= 2, "a wrong key is not tried for ever");
    scene.leaves_nothing().await;
}

pub(crate) async fn a_wrong_key_is_stood_in_for_before_the_first_word_is_wanted() {
    let scene = Scene::with_stand_ins();
    scene.first.plan(|plan| plan.refuse(Route::Speak, 9, &Refusal::unauthorized()));
    let mut call = scene.call().await;
    call.greeted().await;
    assert_eq!(scene.handshakes(Route::Speak), (1, 1), "the greeting is time enough");
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Speak), (1, 1));
    scene.ends_with(call).await;
}

pub(crate) async fn a_voice_that_is_not_there_is_stood_in_for() {
    let scene = Scene::with(|addresses| addresses.mouths[0] = format!("ws://{}", addresses.nowhere()));
    let mut call = scene.call().await;
    call.greeted().await;
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Speak), (0, 1));
    scene.ends_with(call).await;
}

pub(crate) async fn a_handshake_that_hangs_is_stood_in_for() {
    let scene = Scene::with_stand_ins();
    let hangs = Fault { after_bytes: 0, counted: Counted::FromConnect, kind: FaultKind::Stall };
    scene.first.plan(|plan| plan.break_nth(Route::Speak, 1, hangs));
    let mut call = scene.call().await;
    call.is_echoed("Two please").await;
    assert_eq!(scene.handshakes(Route::Speak), (1, 1));
    scene.ends_stalled_with(call).await;
}

pub(crate) async fn a_line_that_dies_idle_is_up_again_before_the_next_turn() {
    let scene = Scene::alone();
    let mut call = scene.call().await;
    call.greeted().await;
    let rest = LIVED.saturating_sub(call.studio.now());
    call.studio.wait(rest).await;
    assert_eq!(scene.first.break_all(Route::Speak, &FaultKind::CloseTcp), 1);
    call.until_seen("vendor.connected", 3).await;
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Speak), (2, 0), "no handshake stands in the way of a turn");
    scene.ends_with(call).await;
}

pub(crate) async fn a_young_line_that_dies_idle_is_dialled_when_it_is_wanted() {
    let scene = Scene::alone();
    let mut call = scene.call().await;
    call.greeted().await;
    assert_eq!(scene.first.break_all(Route::Speak, &FaultKind::Reset), 1);
    call.until("vendor.failed").await;
    call.is_echoed(SENTENCE).await;
    assert_eq!(scene.handshakes(Route::Speak), (2, 0));
    scene.ends_with(call).await;
}
