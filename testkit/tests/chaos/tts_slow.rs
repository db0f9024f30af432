//! A voice takes its time, or is silent for longer than a caller is left without a sound.

use voice_testkit::fakes::deepgram::{Pace, Route};
use voice_testkit::fakes::fault::{Counted, Fault, FaultKind};

use crate::call::FILLER;
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
    scene.ends_with(call).await;
}

pub(crate) async fn a_long_silence_in_mid_sentence_is_covered_by_a_filler() {
    let mut scene = Scene::with_stand_ins();
    scene.patience = ms(2_500);
    scene.first.plan(|plan| plan.tts.pace = Pace::RealTime(1.2));
    let silent = Fault { after_bytes: 0, counted: Counted::FromHandshake, kind: FaultKind::Stall };
    scene.second.plan(|plan| plan.break_nth(Route::Speak, 1, silent));
    let mut call = scene.call().await;
    call.greeted().await;
    for breaks in [false, true] {
        call.say(WORDS).await;
        if breaks {
            call.until_heard("four", call.studio.now()).await;
            assert_eq!(scene.first.break_all(Route::Speak, &FaultKind::Stall), 1);
        }
        call.answered().await;
    }
    let heard = call.reply();
    assert!(heard.contains(FILLER), "{heard:?}");
    let words: Vec<_> = heard.replace(FILLER, "").split_whitespace().map(str::to_owned).collect();
    assert_eq!(words.join(" "), format!("You said: {WORDS}"));
    scene.ends_stalled_with(call).await;
}
