//! The caller talks over the agent.

use std::time::Duration;

use voice_gateway::phone::{PhoneEvent, Waited};
use voice_pipeline::audio::ulaw;
use voice_testkit::studio::FakeVoice;

use super::caller::{PATIENCE, Story};
use super::words::{distance, words};

const SOON: Duration = Duration::from_secs(5);

/// The setting's 240 ms, a frame on each side, and the scheduling of a busy machine.
const BARGE_IN_MS: u64 = 300;

/// How many words of `said` stand in what was understood, by the closest match.
fn words_understood(said: &[String], understood: &[String]) -> usize {
    (0..=said.len()).min_by_key(|&count| distance(&said[..count], understood)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn talking_over_the_agent_silences_it_and_it_knows_what_was_heard() {
    let Some((story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let question = story.engines.voice("What can you do for me?").await;
    // Without a gap: the time counts to the newest voiced frame, and a short "Wait," alone is a cough.
    let objection = story.engines.voice("Actually I would rather know your opening hours").await;
    let mut caller = story.call(&gateway).await;
    let sid = caller.sid();
    caller.hears().await;

    caller.live.speak(&question).await.unwrap();
    assert_eq!(caller.live.wait_until_agent_speaks(PATIENCE).await, Waited::Happened);
    let began = caller.live.agent_speaking_since().unwrap();
    caller.live.wait_until(began + Duration::from_millis(1_800)).await;
    caller.live.speak(&objection).await.unwrap();

    let barge_in = gateway.event(&sid, "barge_in", SOON).await;
    let after = barge_in["after_ms"].as_u64().unwrap();
    assert!(after <= BARGE_IN_MS, "the agent gave way after {after} ms");
    let cancelled = gateway.event(&sid, "reply.cancelled", SOON).await;
    let turn = &barge_in["turn"];
    let pieces = gateway.events_named(&sid, "reply.piece");
    let pieces = pieces.iter().filter(|piece| piece["turn"] == *turn);
    let said: Vec<_> = pieces.map(|piece| piece["pii.text"].as_str().unwrap()).collect();
    let said = words(&said.join(" "));
    let heard = words(cancelled["pii.heard"].as_str().unwrap());
    assert!(said.starts_with(&heard), "{heard:?} is not how {said:?} begins");
    assert!(!heard.is_empty() && heard.len() < said.len(), "{heard:?} of {said:?}");

    let (cleared, dropped) = loop {
        let event = caller.live.events().recv().await.expect("the line is cleared");
        if let PhoneEvent::Cleared { at, dropped } = event {
            break (at, dropped);
        }
    };
    assert!(!dropped.is_zero(), "nothing was left to drop");
    let line = caller.live.heard_between(began - Duration::from_millis(200), cleared);
    let understood = story.engines.understand(&line).await;
    let audible = words_understood(&said, &words(&understood));
    eprintln!("gave way after {after} ms; heard {} words by the agent's count, {audible} by ear", heard.len());
    assert!(
        audible.abs_diff(heard.len()) <= 1,
        "the agent believes {heard:?} was heard, the phone played {understood:?} of {said:?}"
    );
    caller.live.finish().await;
}

/// 400 ms of a hum with closed lips: a voice, and no word.
fn hum() -> Vec<i16> {
    let mut voice = FakeVoice::default();
    let mut samples = Vec::new();
    for _ in 0..20 {
        ulaw::decode_into(&voice.frame(), &mut samples);
    }
    samples
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hum_over_the_answer_does_not_cost_the_caller_the_rest_of_it() {
    let Some((story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let question = story.engines.voice("What can you do for me?").await;
    let mut caller = story.call(&gateway).await;
    let sid = caller.sid();
    caller.hears().await;

    caller.live.speak(&question).await.unwrap();
    assert_eq!(caller.live.wait_until_agent_speaks(PATIENCE).await, Waited::Happened);
    let began = caller.live.agent_speaking_since().unwrap();
    caller.live.wait_until(began + Duration::from_millis(2_000)).await;
    caller.live.speak(&hum()).await.unwrap();
    let answer = caller.hears().await;

    let turn = gateway.event(&sid, "turn.committed", SOON).await["turn"].clone();
    let pieces = gateway.events_named(&sid, "reply.piece");
    let said: Vec<_> = pieces.iter().filter(|piece| piece["turn"] == turn).collect();
    let said = words(&said.iter().map(|piece| piece["pii.text"].as_str().unwrap()).collect::<Vec<_>>().join(" "));
    let count = |name: &str| gateway.events_named(&sid, name).len();
    eprintln!("held {}, resumed {}: {answer:?}", count("reply.held"), count("reply.resumed"));
    assert_eq!((count("barge_in"), count("reply.cancelled")), (0, 0));
    assert_eq!(count("reply.held"), count("reply.resumed"));
    let (last, understood) = (&said[said.len() - 6..], words(&answer));
    let end = &understood[understood.len().saturating_sub(6)..];
    assert!(distance(last, end) <= 2, "{end:?} is not how {said:?} ends");
    caller.live.finish().await;
}
