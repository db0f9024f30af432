//! How calls and the gateway end: the caller hangs up, the lines are all busy, the operator stops it.

use std::time::{Duration, Instant};

use voice_gateway::phone::{EndedBy, Phone, PhoneError, Waited};

use super::caller::{PATIENCE, Story};
use super::gateway::Gateway;
use super::words::has_any;

const CALLS_ACTIVE: &str = "voice_gateway_calls_active";

/// Dials, and gives what the carrier was told to say instead of a stream.
async fn turned_away(gateway: &Gateway) -> String {
    match Box::pin(Phone::dial(gateway.phone())).await {
        Err(PhoneError::NotConnected { said }) => said.join(" "),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the call went through"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_in_mid_reply_ends_everything_within_a_second() {
    let Some((story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let question = story.engines.voice("What can you do for me?").await;
    let mut caller = story.call(&gateway).await;
    let sid = caller.sid();
    caller.hears().await;
    assert!(gateway.metric(CALLS_ACTIVE).await >= 1.0);
    caller.live.speak(&question).await.unwrap();
    assert_eq!(caller.live.wait_until_agent_speaks(PATIENCE).await, Waited::Happened);

    let hung_up = Instant::now();
    let limit = Duration::from_secs(1);
    let (_, ended) = tokio::join!(caller.live.hang_up(), gateway.event(&sid, "call.ended", limit));
    eprintln!("ended {} ms after the caller hung up", hung_up.elapsed().as_millis());
    assert_eq!(ended["reason"], "caller_hung_up");
    gateway.metric_becomes(CALLS_ACTIVE, 0.0, limit).await;
    let later = gateway.events_of(&sid);
    let after_end = later.iter().skip_while(|event| event["event"] != "call.ended").skip(1);
    // Only the carrier has something to add.
    let strays: Vec<_> = after_end.filter(|event| !event["event"].as_str().unwrap().contains("status")).collect();
    assert!(strays.is_empty(), "{strays:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_over_the_cap_hears_a_busy_line() {
    let Some(story) = Story::begin().await else { return };
    let gateway = story.gateway(&[("MAX_CALLS", "1")]).await;
    let mut caller = story.call(&gateway).await;
    caller.hears().await;
    let busy = turned_away(&gateway).await;
    assert!(busy.contains("lines are busy"), "the second caller heard {busy:?}");
    assert_eq!(gateway.status_of("/readyz").await, 503);
    caller.live.finish().await;

    gateway.metric_becomes(CALLS_ACTIVE, 0.0, Duration::from_secs(2)).await;
    let mut next = story.call(&gateway).await;
    assert!(has_any(&next.hears().await, &["thanks"]), "the line is free again");
    next.live.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_it_finishes_the_running_call_first() {
    let Some(story) = Story::begin().await else { return };
    let mut gateway = story.gateway(&[]).await;
    let mut caller = story.call(&gateway).await;
    caller.hears().await;

    gateway.ask_to_stop();
    gateway.becomes_unready(PATIENCE).await;
    let busy = turned_away(&gateway).await;
    assert!(busy.contains("lines are busy"), "a new caller heard {busy:?}");
    let hours = caller.says("What are your opening hours?").await;
    assert!(has_any(&hours, &["open", "dusk", "six"]), "the running call is not served: {hours:?}");
    assert!(gateway.is_running(), "it stopped under a call");
    assert_eq!(caller.live.hang_up().await, EndedBy::Caller);

    let status = gateway.exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0));
}
