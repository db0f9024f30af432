//! What the gateway records is what both sides heard.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use voice_gateway::phone::Waited;
use voice_pipeline::audio::ulaw;

use super::caller::{PATIENCE, Story};

/// How long the file may take to be whole after the call.
const SOON: Duration = Duration::from_secs(10);
/// Further apart than this the phone and the gateway do not hear each other: 400 ms.
const LAG_MAX: usize = 20;

/// Loudness every 20 ms.
fn envelope(leg: &[u8]) -> Vec<f64> {
    let loudness = |frame: &[u8]| frame.iter().map(|&byte| f64::from(ulaw::decode(byte).unsigned_abs())).sum::<f64>();
    leg.chunks_exact(160).map(loudness).collect()
}

/// How alike two legs are, and by how many frames the second is later.
fn likeness(first: &[u8], second: &[u8]) -> (f64, isize) {
    let (first, second) = (envelope(first), envelope(second));
    let alike = |one: &[f64], other: &[f64]| {
        let product: f64 = one.iter().zip(other).map(|(a, b)| a * b).sum();
        let power = |leg: &[f64]| leg.iter().map(|a| a * a).sum::<f64>();
        product / (power(&first) * power(&second)).sqrt()
    };
    let later = (0..LAG_MAX).map(|lag| (alike(&first, &second[lag..]), lag as isize));
    let earlier = (1..LAG_MAX).map(|lag| (alike(&first[lag..], &second), -(lag as isize)));
    later.chain(earlier).max_by(|(one, _), (other, _)| one.total_cmp(other)).unwrap()
}

async fn legs_of(wav: &Path) -> (Vec<u8>, Vec<u8>) {
    let deadline = Instant::now() + SOON;
    while !wav.exists() {
        assert!(Instant::now() < deadline, "there is no {} after {SOON:?}", wav.display());
        sleep(Duration::from_millis(20)).await;
    }
    let bytes = std::fs::read(wav).unwrap();
    let leg = |side: usize| bytes[58..].iter().skip(side).step_by(2).copied().collect();
    (leg(0), leg(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_what_both_sides_heard() {
    let Some(story) = Story::begin().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let gateway = story.gateway(&[("RECORDINGS_DIR", folder.path().to_str().unwrap())]).await;
    let question = story.engines.voice("What can you do for me?").await;
    let objection = story.engines.voice("Actually I would rather know your opening hours").await;
    let mut caller = story.call(&gateway).await;
    let sid = caller.sid();
    caller.hears().await;

    // An answer that is cut off: most of it was sent, and is not heard.
    caller.live.speak(&question).await.unwrap();
    assert_eq!(caller.live.wait_until_agent_speaks(PATIENCE).await, Waited::Happened);
    let began = caller.live.agent_speaking_since().unwrap();
    caller.live.wait_until(began + Duration::from_millis(1_200)).await;
    caller.plays(&objection).await;
    let heard = caller.live.finish().await.legs;

    let (caller_leg, agent_leg) = legs_of(&folder.path().join(format!("{sid}.wav"))).await;
    let (caller_alike, caller_lag) = likeness(&heard.caller, &caller_leg);
    let (agent_alike, agent_lag) = likeness(&heard.agent, &agent_leg);
    eprintln!("caller {caller_alike:.3} at {caller_lag}, agent {agent_alike:.3} at {agent_lag} frames");
    assert!(caller_alike > 0.95 && agent_alike > 0.95, "caller {caller_alike:.3}, agent {agent_alike:.3}");
    assert!(caller_lag.abs_diff(agent_lag) <= 5, "the legs are {caller_lag} and {agent_lag} frames late");
}
