//! Callers of the load generator on real sockets, against a stand-in for the gateway.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod load_support;

use std::time::{Duration, Instant};

use load_support::{Manners, serve};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use voice_testkit::load::caller::CallPlan;
use voice_testkit::load::line::{CallEnd, CallOutcome, Office};
use voice_testkit::load::voice::Voice;
use voice_testkit::load::words::{Tag, WordFaults, compare};

/// Makes one call of short sentences to a gateway with these manners.
async fn call(manners: Manners, turns: u32, interrupt_every: u32) -> CallOutcome {
    call_until(manners, turns, interrupt_every, CancellationToken::new()).await
}

async fn call_until(manners: Manners, turns: u32, interrupt_every: u32, stop: CancellationToken) -> CallOutcome {
    // Whoever installs one first wins.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut gateway = JoinSet::new();
    gateway.spawn(serve(listener, manners));
    let voice = Voice::synthetic();
    let utterances = (0..turns).map(|turn| voice.utter(&format!("{} hi", Tag { call: 5, turn }), 0)).collect();
    let plan = CallPlan { call: 5, utterances, interrupt_every, seed: 1 };
    Office::new(&address, stop).unwrap().call(plan, Instant::now()).await
}

fn faults(outcome: &CallOutcome, turn: usize) -> WordFaults {
    let turn = &outcome.turns[turn];
    compare(&turn.expected, &turn.heard, turn.cut_short)
}

#[tokio::test]
async fn talks_interrupts_and_hangs_up() {
    let outcome = call(Manners::Good, 2, 1).await;
    assert_eq!((&outcome.end, outcome.unreadable, outcome.turns.len()), (&CallEnd::HungUp, 0, 2));
    assert!(outcome.greeted && outcome.talking_since.unwrap() < outcome.ended_at);
    for turn in 0..2 {
        assert_eq!(faults(&outcome, turn), WordFaults::default());
        let turn = &outcome.turns[turn];
        let reaction = turn.played.unwrap() - turn.stopped.unwrap();
        // Ten frames of silence, and whatever a busy machine needs on top.
        assert!((190..1_500).contains(&reaction.as_millis()), "{reaction:?}");
        assert!(turn.holes.is_empty() && turn.unasked_clears == 0);
    }
    assert!(outcome.turns[0].cut_short && outcome.turns[1].interrupts);
    let cleared = outcome.turns[1].cleared.unwrap() - outcome.turns[1].onset.unwrap();
    assert!((210..1_000).contains(&cleared.as_millis()), "{cleared:?}");
    // From greeting to goodbye a frame every 20 ms.
    assert!(outcome.punctuality.ticks > 150);
}

#[tokio::test]
async fn hears_what_is_wrong_with_a_reply() {
    let (stumbling, mumbling) = tokio::join!(call(Manners::Stumbles, 1, 0), call(Manners::Mumbles, 1, 0));
    assert_eq!(stumbling.turns[0].holes.len(), 1);
    let late = stumbling.turns[0].holes[0];
    assert!((100..1_000).contains(&late.as_millis()), "{late:?}");
    assert!(stumbling.turns[0].late_frames >= 5);
    assert_eq!(faults(&stumbling, 0), WordFaults::default());
    assert_eq!(faults(&mumbling, 0).missing, 1);
    assert_eq!((stumbling.end, mumbling.end), (CallEnd::HungUp, CallEnd::HungUp));
}

#[tokio::test]
async fn says_why_a_call_came_to_nothing() {
    let (busy, broken) = tokio::join!(call(Manners::Busy, 1, 0), call(Manners::Broken, 1, 0));
    assert_eq!(busy.end, CallEnd::Busy);
    assert!(matches!(broken.end, CallEnd::Refused(reason) if reason.contains("500")));
    let dropped = call(Manners::HangsUp, 1, 0).await;
    assert!(matches!(dropped.end, CallEnd::Dropped(reason) if reason.contains("1000")));
    assert_eq!((dropped.turns.len(), dropped.turns[0].arrived), (1, None));
}

#[tokio::test]
async fn nobody_at_the_other_end_is_a_refusal() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let office = Office::new(&format!("http://{closed}"), CancellationToken::new()).unwrap();
    let outcome = office.call(CallPlan::default(), Instant::now()).await;
    assert!(matches!(outcome.end, CallEnd::Refused(_)));
}

#[tokio::test]
async fn a_row_that_is_stopped_ends_its_calls() {
    let stop = CancellationToken::new();
    let started = Instant::now();
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.cancel();
    };
    let (outcome, ()) = tokio::join!(call_until(Manners::Good, 50, 0, stop.clone()), stopping);
    assert_eq!(outcome.end, CallEnd::Stopped);
    assert!(started.elapsed() < Duration::from_secs(5));
}
