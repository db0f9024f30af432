//! Calls in which nothing breaks: what passes through them, and what they do not wait for.

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::Instant;
use voice_pipeline::audio::ulaw::SILENCE;
use voice_testkit::fakes::chat::{self, Answer};
use voice_testkit::fakes::deepgram::{Pace, Route};
use voice_testkit::fakes::speech::{FRAME_BYTES, speak};
use voice_testkit::vendors::locked;

use crate::call::SENTENCE;
use crate::scene::{Scene, ms};

/// The frames that are not made of silence: of those the gateway makes some itself when a carrier is late.
fn sounding(audio: &[u8]) -> Vec<&[u8]> {
    audio.chunks(FRAME_BYTES).filter(|frame| frame.iter().any(|&byte| byte != SILENCE)).collect()
}

pub(crate) async fn audio_travels_untouched() {
    let scene = Scene::alone();
    scene.first.plan(|plan| {
        plan.keeps_audio = true;
        // Neither whole frames nor whole batches.
        plan.tts.chunk_bytes = 333;
    });
    let mut call = scene.call().await;
    call.greeted().await;
    let greeting = call.studio.received().len();
    call.is_echoed(SENTENCE).await;
    let spoken = speak(&format!("You said: {SENTENCE}"));
    let received = &call.studio.received()[greeting..];
    assert!(received.starts_with(&spoken), "{} bytes of the voice are {}", spoken.len(), received.len());
    assert!(received[spoken.len()..].iter().all(|&byte| byte == SILENCE), "nothing but padding follows");

    // Every byte there is, in any order.
    let mut rng = SmallRng::seed_from_u64(7);
    let noise: Vec<u8> = (0..100 * FRAME_BYTES).map(|_| rng.random()).collect();
    call.studio.send(&noise).await;
    call.studio.wait(ms(500)).await;
    let (sent, heard) = (sounding(call.studio.sent()), scene.first.received_audio(1));
    assert!(sent == sounding(&heard), "the recogniser did not hear what the caller sent");
    assert!(sent.concat().ends_with(&noise));
    scene.ends_with(call).await;
}

pub(crate) async fn no_handshake_on_the_path_of_a_turn() {
    let scene = Scene::alone();
    scene.first.plan(|plan| plan.tts.pace = Pace::RealTime(1.5));
    let long = "We have nine and ten and half past ten and eleven open for you on Saturday";
    let short = "What else is there";
    scene.chat.plan(|plan| plan.queue.extend([long, short, long, short, short].map(Answer::says)));
    let mut call = scene.call().await;
    call.greeted().await;
    for (sentence, is_interrupted) in
        [("Is it open", true), ("Half past ten", false), ("What is open", true), ("Ten then", false), ("Thanks", false)]
    {
        call.say(sentence).await;
        let said_at = call.studio.now();
        if is_interrupted {
            call.until_heard("half", said_at).await;
        } else {
            call.answered().await;
            assert_eq!(call.reply(), short);
        }
    }
    assert_eq!(call.count("barge_in"), 2);
    assert_eq!((scene.handshakes(Route::Listen), scene.handshakes(Route::Speak)), ((1, 0), (1, 0)));
    let (committed, first_tokens) = (call.times_of("turn.committed"), call.times_of("reply.first_token"));
    assert_eq!((committed.len(), first_tokens.len()), (5, 5));
    let connected: Vec<Instant> = locked(&scene.chat_seen)
        .iter()
        .filter_map(|seen| match seen {
            chat::Seen::Connected { at, .. } => Some(*at),
            _ => None,
        })
        .collect();
    for (from, to) in committed.into_iter().zip(first_tokens).skip(1) {
        let in_the_way = connected.iter().filter(|at| (from..=to).contains(at)).count();
        assert_eq!(in_the_way, 0, "a connection to the model stands in the way of a turn; {}", call.story());
    }
    scene.ends_with(call).await;
}
