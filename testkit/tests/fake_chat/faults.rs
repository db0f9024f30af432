//! Connections that break where the plan says, and clients that leave.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use voice_testkit::fakes::chat::{Answer, ChatPlan, ConnectionFault, Cut, Delivery, FakeChat, Seen, unobserved};

use super::{Desk, LIMIT, asks, bare_request, drain, events, with};

/// Before anything is written, in the head, and in events.
const PLACES: [usize; 5] = [0, 10, 200, 401, 1000];

#[tokio::test]
async fn a_connection_closes_behind_the_very_byte() {
    let mut desk = Desk::with(ChatPlan::default()).await;
    for place in PLACES {
        desk.fake.plan(|plan| plan.next_answer_cut = Some(Cut::close(place)));
        let (bytes, end) = drain(&mut bare_request(&desk.fake, &asks("nine or ten or eleven")).await).await;
        assert_eq!(bytes.len(), place);
        end.unwrap();
        desk.until(|seen| matches!(seen, Seen::BrokenOff { .. })).await;
    }
    let (whole, end) = drain(&mut bare_request(&desk.fake, &asks("nine or ten or eleven")).await).await;
    end.unwrap();
    assert!(whole.ends_with(b"[DONE]\n\n\r\n0\r\n\r\n"), "a cut is for one answer");
}

#[tokio::test]
async fn a_connection_is_reset_behind_the_very_byte() {
    let mut desk = Desk::with(ChatPlan::default()).await;
    for place in PLACES {
        desk.fake.plan(|plan| plan.queue.push_back(Answer::says("nine or ten or eleven").cut(Cut::reset(place))));
        let (bytes, end) = drain(&mut bare_request(&desk.fake, &asks("?")).await).await;
        assert_eq!(bytes.len(), place);
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
        desk.until(|seen| matches!(seen, Seen::BrokenOff { .. })).await;
    }
}

#[tokio::test]
async fn a_stalled_connection_stays_open_until_the_client_leaves() {
    let mut desk = Desk::with(ChatPlan::default()).await;
    for place in PLACES {
        desk.fake.plan(|plan| plan.next_answer_cut = Some(Cut::stall(place)));
        let mut socket = bare_request(&desk.fake, &asks("nine or ten or eleven")).await;
        let mut bytes = vec![0; place];
        timeout(LIMIT, socket.read_exact(&mut bytes)).await.unwrap().unwrap();
        let more = timeout(Duration::from_millis(50), socket.read(&mut [0; 1])).await;
        assert!(more.is_err(), "nothing comes and nothing ends: {more:?}");
        assert_eq!(desk.fake.counts().open, 1);
        drop(socket);
        desk.until(|seen| matches!(seen, Seen::ClientLeft { .. })).await;
    }
}

#[tokio::test]
async fn a_connection_is_refused_or_cut_by_its_number() {
    let mut plan = ChatPlan::default();
    plan.connection_faults.insert(1, ConnectionFault::Refuse);
    plan.connection_faults.insert(3, ConnectionFault::Cut(Cut::close(20)));
    let mut desk = Desk::with(plan).await;
    let mut refused = TcpStream::connect(desk.fake.address()).await.unwrap();
    assert_eq!(refused.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(matches!(desk.next_seen().await, Seen::Refused { conn: 1, .. }));
    let (whole, _) = drain(&mut bare_request(&desk.fake, &asks("?")).await).await;
    assert!(whole.len() > 1000);
    let (cut, _) = drain(&mut bare_request(&desk.fake, &asks("?")).await).await;
    assert_eq!(cut, b"HTTP/1.1 200 OK\r\ncon");
    assert_eq!(desk.fake.counts().accepted, 3);
}

#[tokio::test]
async fn every_request_has_one_end() {
    let mut desk = Desk::with(ChatPlan::default()).await;
    // The last is cut behind its last piece, when it was already handed over.
    for cut in [Cut::close(0), Cut::reset(500), Cut::close(1000), Cut::reset(1000)] {
        desk.fake.plan(|plan| {
            plan.delivery = if cut == Cut::reset(1000) { Delivery::Whole } else { Delivery::PerEvent };
            plan.next_answer_cut = Some(cut);
        });
        let _ = drain(&mut bare_request(&desk.fake, &asks("?")).await).await;
    }
    desk.fake.plan(|plan| plan.delivery = Delivery::PerByte);
    drain(&mut bare_request(&desk.fake, &asks("?")).await).await.1.unwrap();
    desk.until(|seen| matches!(seen, Seen::Request { request: 1, .. })).await;
    let mut ends = Vec::new();
    while ends.last() != Some(&(5, "finished")) {
        match desk.next_seen().await {
            Seen::BrokenOff { request, .. } => ends.push((request, "broken off")),
            Seen::Finished { request, .. } => ends.push((request, "finished")),
            Seen::ClientLeft { request, .. } => ends.push((request, "left")),
            _ => {}
        }
    }
    let broken = |request| (request, "broken off");
    assert_eq!(ends, [broken(1), broken(2), broken(3), broken(4), (5, "finished")]);
}

#[tokio::test]
async fn an_answer_breaks_off_behind_its_tokens() {
    let answer = Answer::says("one two three").breaking_off_after(2);
    let mut desk =
        Desk::with(ChatPlan::script([answer.clone(), answer, Answer::says("one").breaking_off_after(9)])).await;
    let (bytes, end) = drain(&mut bare_request(&desk.fake, &asks("?")).await).await;
    end.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("two ") && !text.contains("three") && !text.ends_with("0\r\n\r\n"), "{text}");
    desk.until(|seen| matches!(seen, Seen::BrokenOff { request: 1, .. })).await;
    let response = desk.post(&asks("?")).await;
    assert!(response.text().await.is_err(), "a client sees it as an error");
    let (bytes, _) = drain(&mut bare_request(&desk.fake, &asks("?")).await).await;
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("one") && !text.contains("\"stop\""), "what has fewer tokens never finishes: {text}");
}

#[tokio::test]
async fn a_document_breaks_off_in_its_middle() {
    let desk = Desk::with(ChatPlan::script([Answer::says("one two three").breaking_off_after(1)])).await;
    let response = desk.post(&with(asks("?"), "stream", json!(false))).await;
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn an_answer_that_hangs_ends_when_the_client_leaves() {
    let mut desk = Desk::with(ChatPlan::script([Answer::says("one two three").hanging_after(2)])).await;
    let mut response = desk.post(&asks("?")).await;
    let mut body = String::new();
    while events(&body).len() < 3 {
        body.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(body.contains("two ") && !body.contains("three"), "{body}");
    drop(response);
    desk.until(|seen| matches!(seen, Seen::ClientLeft { request: 1, .. })).await;
}

#[tokio::test]
async fn who_is_never_answered_may_leave() {
    let long = Duration::from_secs(3600);
    let mut desk = Desk::with(ChatPlan::script([Answer::never(), Answer::says("Late.").after(long)])).await;
    for number in 1..=2 {
        let socket = bare_request(&desk.fake, &asks("?")).await;
        desk.until(|seen| matches!(seen, Seen::Request { .. })).await;
        assert_eq!(desk.fake.counts().open, 1);
        drop(socket);
        desk.until(|seen| matches!(seen, Seen::ClientLeft { request, .. } if *request == number)).await;
    }
}

#[tokio::test]
async fn an_answer_may_come_late() {
    let delay = Duration::from_millis(60);
    let mut desk = Desk::with(ChatPlan::script([Answer::says("Late.").after(delay)])).await;
    desk.stream(&asks("?")).await;
    let Seen::Request { at: asked, .. } = desk.until(|seen| matches!(seen, Seen::Request { .. })).await else {
        unreachable!("that was waited for")
    };
    let Seen::FirstToken { at: begun, .. } = desk.next_seen().await else { panic!("a token comes next") };
    assert!(begun - asked >= delay);
}

#[tokio::test]
async fn a_stopped_server_leaves_its_address_free_and_its_clients_alone() {
    let mut desk = Desk::with(ChatPlan::script([Answer::says("one two").hanging_after(1)])).await;
    let mut socket = bare_request(&desk.fake, &asks("?")).await;
    desk.until(|seen| matches!(seen, Seen::FirstToken { .. })).await;
    let address = desk.fake.address();
    desk.fake.stop().await;
    let _ = drain(&mut socket).await;
    while let Ok(seen) = desk.seen.try_recv() {
        assert!(!matches!(seen, Seen::ClientLeft { .. }), "nobody left");
    }
    let again = FakeChat::start_on(address, ChatPlan::default(), unobserved()).unwrap();
    let (whole, _) = drain(&mut bare_request(&again, &asks("?")).await).await;
    assert!(whole.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let mut idle = TcpStream::connect(address).await.unwrap();
    drop(again);
    let _ = drain(&mut idle).await;
}
