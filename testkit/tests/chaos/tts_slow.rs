//! A voice takes its time, or is silent for longer than a caller is left without a sound.

use crate::scene::{Scene, ms};

const WORDS: &str = "book four more golf bags here soon";

pub(crate) async fn a_slow_voice_is_waited_for_behind_a_filler() {
    let mut scene = Scene::alone();
    scene.patience = ms(4_000);
    scene.first.plan(|plan| plan.tts.first_byte_delay = ms(3_300));
    let mut call = scene.call().await;
    call.greeted().await;
    call.say(WORDS).await;
    call.answered().await;
    assert!(call.count("llm.slow") > 0);
    call.was_echoed();
    call.hang_up().await;
    scene.leaves_nothing().await;
}
