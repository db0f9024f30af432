//! Many calls at once: the gateway as a process of its own, cloud vendors on loopback, and a crowd on the phone.
//!
//! Words travel as marks in the audio, so what a caller heard is read from it. No weights are needed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "crowd/callers.rs"]
mod callers;
#[path = "crowd/cloud.rs"]
mod cloud;
#[path = "whole_calls/gateway.rs"]
#[allow(dead_code, reason = "other stories ask the gateway more")]
mod gateway;

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use voice_gateway::phone::{EndedBy, Faults, Phone, PhoneSettings, Waited};

use callers::{Crowd, PATIENCE, hear_greeting, said_to, words_heard};
use cloud::Cloud;

const CALLS_ACTIVE: &str = "voice_gateway_calls_active";

/// What the golf agent says to a caller for whom there is no place.
const BUSY: &str = "lines are busy";

/// The last words of the golf agent's closing line.
const GOODBYE: &str = "Please call again. Goodbye!";

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_fifty_calls_end_in_their_own_time_or_are_told_goodbye() {
    let drain = Duration::from_secs(6);
    let cloud = Cloud::open();
    let mut gateway = cloud.gateway(&[("MAX_CALLS", "60"), ("DRAIN_SECONDS", "6")]).await;
    let (mut leaving, turned_away) = Crowd::dial(&gateway, 50).await;
    assert_eq!(turned_away, Vec::<String>::new(), "there is a place for everybody");
    leaving.all(async |live| hear_greeting(&live).await).await;
    let mut staying = leaving.split_off(25);

    gateway.ask_to_stop();
    let asked = Instant::now();
    gateway.becomes_unready(PATIENCE).await;
    assert!(said_to(&gateway).await.contains(BUSY), "a new caller hears that the lines are busy");

    // The running calls are served on: one asks something, half of them hang up when they please.
    let asks = async {
        staying.one().speak(&cloud::voice("still there")).await.unwrap();
        let waited = staying.one().wait_until_agent_speaks(PATIENCE).await;
        assert_eq!(waited, Waited::Happened, "a running call is not answered any more");
    };
    let leave = leaving.all(async |live| assert_eq!(live.hang_up().await, EndedBy::Caller));
    tokio::join!(asks, leave);
    assert!(asked.elapsed() < drain, "the machine is too busy to prove anything: {:?}", asked.elapsed());
    assert!(gateway.is_running(), "it stopped under its calls");

    staying
        .all(async |live| {
            // The last one may find nobody left who says what follows the stream.
            assert_ne!(live.ended().await, EndedBy::Caller);
            let heard = words_heard(&live);
            assert!(heard.ends_with(GOODBYE), "the last words were {heard:?}");
        })
        .await;
    assert!(asked.elapsed() >= drain, "no caller is said goodbye to before the drain time is over");
    let status = gateway.exit(PATIENCE).await;
    assert_eq!(status.code(), Some(0));

    let ended = gateway.all_events_named("call.ended");
    let of_reason = |reason: &str| ended.iter().filter(|event| event["reason"] == reason).count();
    assert_eq!((ended.len(), of_reason("caller_hung_up"), of_reason("draining")), (50, 25, 25));
    assert_eq!(gateway.all_events_named("call.answered").len(), 50);
    let address = gateway.carrier_url.trim_start_matches("http://");
    assert!(TcpStream::connect(address).await.is_err(), "somebody still listens");
    cloud.is_left_alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_every_call_at_once() {
    let cloud = Cloud::open();
    let mut gateway = cloud.gateway(&[("DRAIN_SECONDS", "600")]).await;
    let (mut crowd, _) = Crowd::dial(&gateway, 20).await;
    crowd.all(async |live| hear_greeting(&live).await).await;

    gateway.ask_to_stop();
    gateway.becomes_unready(PATIENCE).await;
    assert!(gateway.is_running(), "the first signal waits for the calls");
    gateway.ask_to_stop();
    let asked_again = Instant::now();
    // Whether anybody is left to say what follows the stream is a matter of luck.
    crowd.all(async |live| assert_ne!(live.ended().await, EndedBy::Caller)).await;
    let status = gateway.exit(PATIENCE).await;
    // The calls' tasks and the last ones of the process have two seconds each at most.
    assert!(asked_again.elapsed() < Duration::from_secs(5), "{:?} is not at once", asked_again.elapsed());
    assert_eq!(status.code(), Some(0));
    assert_eq!(gateway.all_events_named("call.ended").len(), 20);
    cloud.is_left_alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_callers_race_for_thirty_two_places() {
    let cloud = Cloud::open();
    let gateway = cloud.gateway(&[("MAX_CALLS", "32")]).await;
    let (mut crowd, turned_away) = Crowd::dial(&gateway, 200).await;
    assert_eq!((crowd.len(), turned_away.len()), (32, 168));
    assert!(turned_away.iter().all(|said| said.contains(BUSY)), "{turned_away:?}");
    gateway.metric_becomes(CALLS_ACTIVE, 32.0, PATIENCE).await;
    assert_eq!(gateway.status_of("/readyz").await, 503);

    // Ten hang up; of forty who have waited for that, ten get through.
    let mut rest = crowd.split_off(10);
    crowd.all(async |live| assert_eq!(live.hang_up().await, EndedBy::Caller)).await;
    gateway.metric_becomes(CALLS_ACTIVE, 22.0, PATIENCE).await;
    let (mut later, turned_away) = Crowd::dial(&gateway, 40).await;
    assert_eq!((later.len(), turned_away.len()), (10, 30));

    rest.all(async |live| assert_eq!(live.hang_up().await, EndedBy::Caller)).await;
    later.all(async |live| assert_eq!(live.hang_up().await, EndedBy::Caller)).await;
    gateway.metric_becomes(CALLS_ACTIVE, 0.0, PATIENCE).await;
    assert_eq!(gateway.status_of("/readyz").await, 200);
    cloud.is_left_alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_token_has_expired_is_closed_and_its_place_is_free() {
    let cloud = Cloud::open();
    let settings = [("MAX_CALLS", "1"), ("STREAM_TOKEN_LIFETIME", "5s"), ("MEDIA_START_TIMEOUT", "30s")];
    let gateway = cloud.gateway(&settings).await;
    let late = Faults { start_delay: Duration::from_millis(5_500), ..Faults::default() };
    let late = Phone::dial(PhoneSettings { faults: late, ..gateway.phone() }).await.unwrap();
    assert!(said_to(&gateway).await.contains(BUSY), "the place is kept for the announced call");
    assert_eq!(late.ended().await, EndedBy::Gateway);
    assert!(gateway.events_named(&late.sids().call, "call.answered").is_empty(), "it was answered");
    assert_eq!(words_heard(&late), "");

    let punctual = Phone::dial(gateway.phone()).await.unwrap();
    hear_greeting(&punctual).await;
    assert_eq!(punctual.hang_up().await, EndedBy::Caller);
}
