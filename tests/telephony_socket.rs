//! A media socket against a carrier that behaves, and against peers that do not.

#![allow(clippy::unwrap_used)]

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex};
use tokio::task::JoinSet;
use tokio::time::Instant;
use voice_gateway::telephony::socket::{AcceptError, LineEnd, MediaLine, SocketSettings, accept};
use voice_gateway::telephony::tap::Listener;
use voice_gateway::telephony::twilio::codec::StreamStart;
use voice_pipeline::audio::chunk::UlawChunk;
use voice_pipeline::line::{Inbound, Outbound};
use voice_pipeline::net::websocket::{Role, WsEnd, WsLimits, WsMessage, WsReader, WsWriter, split};
use voice_pipeline::turn::TurnId;

const T1: TurnId = TurnId(1);
const T2: TurnId = TurnId(2);

/// The carrier's end of a socket.
struct Carrier {
    reader: WsReader<ReadHalf<DuplexStream>>,
    writer: WsWriter<WriteHalf<DuplexStream>>,
}

impl Carrier {
    async fn says(&mut self, message: &Value) {
        self.writer.send_text(&message.to_string()).await.unwrap();
    }

    async fn starts(&mut self) {
        self.says(&json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})).await;
        self.says(&start()).await;
    }

    async fn hears(&mut self) -> Value {
        match self.reader.next().await.unwrap() {
            WsMessage::Text(text) => serde_json::from_str(&text).unwrap(),
            WsMessage::Binary(_) => panic!("the carrier takes no binary messages"),
        }
    }

    /// The code with which the gateway closes, once everything before it was read.
    async fn hears_close(&mut self) -> Option<u16> {
        loop {
            match self.reader.next().await {
                Ok(_) => {}
                Err(WsEnd::PeerClosed { code }) => return code,
                Err(end) => panic!("closed without a code: {end:?}"),
            }
        }
    }
}

fn start() -> Value {
    json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
        "accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": "right"}}})
}

fn media(payload: &str) -> Value {
    json!({"event": "media", "sequenceNumber": "3", "streamSid": "MZ1",
        "media": {"track": "inbound", "chunk": "2", "timestamp": "40", "payload": payload}})
}

fn mark(name: &str) -> Value {
    json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}})
}

fn audio(turn: TurnId, ulaw: &'static [u8]) -> Outbound {
    Outbound::Audio { turn, ulaw: Bytes::from_static(ulaw) }
}

fn carrier_of(stream: DuplexStream) -> Carrier {
    let (reader, writer) = split(stream, Role::Client, &WsLimits::default());
    Carrier { reader, writer }
}

fn sockets() -> (DuplexStream, Carrier) {
    let (ours, theirs) = duplex(256 * 1024);
    (ours, carrier_of(theirs))
}

fn judge(start: &StreamStart) -> Result<(), &'static str> {
    if start.parameters.get("token").map(String::as_str) == Some("right") { Ok(()) } else { Err("wrong token") }
}

/// A line that is up, with the carrier's end of it and the tasks between.
async fn line_with(settings: &SocketSettings) -> (MediaLine, Carrier, JoinSet<()>) {
    let (ours, mut carrier) = sockets();
    let mut tasks = JoinSet::new();
    carrier.starts().await;
    let (line, ()) = accept(ours, settings, &mut tasks, judge).await.unwrap();
    (line, carrier, tasks)
}

async fn line() -> (MediaLine, Carrier, JoinSet<()>) {
    line_with(&SocketSettings::default()).await
}

async fn all_end(mut tasks: JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn carries_a_conversation_both_ways() {
    let (mut line, mut carrier, tasks) = line().await;
    assert_eq!(line.start.call_sid, "CA1");
    carrier.says(&media("//7+")).await;
    carrier.says(&json!({"event": "dtmf", "streamSid": "MZ1", "dtmf": {"track": "inbound_track", "digit": "#"}})).await;
    assert_eq!(line.inbound.recv().await, Some(Inbound::Audio(UlawChunk::copy_from(&[0xFF, 0xFE, 0xFE]))));
    assert_eq!(line.inbound.recv().await, Some(Inbound::Digit('#')));
    line.outbound.send(audio(T1, &[0xFF, 0xFE, 0xFE])).await.unwrap();
    line.outbound.send(Outbound::Mark { turn: T1, name: "t1:0".into() }).await.unwrap();
    line.outbound.send(Outbound::Clear).await.unwrap();
    assert_eq!(carrier.hears().await, json!({"event": "media", "streamSid": "MZ1", "media": {"payload": "//7+"}}));
    assert_eq!(carrier.hears().await, mark("t1:0"));
    assert_eq!(carrier.hears().await, json!({"event": "clear", "streamSid": "MZ1"}));
    carrier.says(&mark("t1:0")).await;
    assert_eq!(line.inbound.recv().await, Some(Inbound::Mark("t1:0".into())));
    carrier.says(&json!({"event": "stop", "streamSid": "MZ1", "stop": {"callSid": "CA1"}})).await;
    assert_eq!(line.inbound.recv().await, Some(Inbound::HungUp));
    assert_eq!(line.inbound.recv().await, None);
    assert_eq!(line.stats.end(), Some(LineEnd::Stopped));
    assert_eq!(carrier.hears_close().await, Some(1000));
    drop(carrier);
    all_end(tasks).await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_says_nothing_is_closed_after_five_seconds() {
    let (ours, mut carrier) = sockets();
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    let settings = SocketSettings::default();
    let accepted = async {
        let accepted = accept(ours, &settings, &mut tasks, judge).await;
        (accepted.unwrap_err(), started.elapsed())
    };
    let ((error, waited), code) = tokio::join!(accepted, async {
        let code = carrier.hears_close().await;
        assert_eq!(started.elapsed(), Duration::from_secs(5));
        drop(carrier);
        code
    });
    assert!(matches!(error, AcceptError::TimedOut(_)), "{error:?}");
    assert_eq!(code, Some(1008));
    assert_eq!(waited, Duration::from_secs(5));
    assert!(tasks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_trickle_of_other_messages_does_not_win_time() {
    let (ours, mut carrier) = sockets();
    let settings = SocketSettings::default();
    let mut tasks = JoinSet::new();
    let chatter = async {
        let connected = json!({"event": "connected"}).to_string();
        let mut sent = 0;
        while carrier.writer.send_text(&connected).await.is_ok() {
            sent += 1;
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        sent
    };
    let started = Instant::now();
    let accepted = async {
        let error = accept(ours, &settings, &mut tasks, judge).await.unwrap_err();
        (error, started.elapsed())
    };
    let ((error, waited), sent) = tokio::join!(accepted, chatter);
    assert!(matches!(error, AcceptError::TimedOut(_)), "{error:?}");
    assert_eq!(waited, Duration::from_millis(5_500), "five seconds for the start, half a one for the close");
    assert!(sent >= 12, "{sent} messages were on their way");
}

#[tokio::test(start_paused = true)]
async fn turns_a_stream_away_that_is_judged_wrong_or_begins_wrong() {
    let mut wrong_token = start();
    wrong_token["start"]["customParameters"] = json!({"token": "wrong"});
    let mut no_token = start();
    no_token["start"].as_object_mut().unwrap().remove("customParameters");
    for opening in [wrong_token, no_token, media("//7+"), mark("t1:0"), json!({"event": "stop"})] {
        let (ours, mut carrier) = sockets();
        let mut tasks = JoinSet::new();
        carrier.says(&opening).await;
        let settings = SocketSettings::default();
        let (refused, code) = tokio::join!(accept(ours, &settings, &mut tasks, judge), async {
            let code = carrier.hears_close().await;
            drop(carrier);
            code
        });
        let refused = refused.unwrap_err();
        assert!(matches!(refused, AcceptError::Refused("wrong token") | AcceptError::OutOfOrder), "{refused:?}");
        assert_eq!(code, Some(1008), "{opening}");
        assert!(tasks.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_start_ends_the_call() {
    let (mut line, mut carrier, tasks) = line().await;
    carrier.says(&start()).await;
    assert_eq!(line.inbound.recv().await, Some(Inbound::Faulty));
    assert_eq!(line.stats.end(), Some(LineEnd::Faulty));
    assert_eq!(carrier.hears_close().await, Some(1008));
    drop(carrier);
    all_end(tasks).await;
}

#[tokio::test(start_paused = true)]
async fn bears_malformed_messages_until_fifty_in_a_row() {
    let (mut line, mut carrier, tasks) = line().await;
    let junk = [
        "not json",
        "{}",
        "[1]",
        r#"{"event":"media"}"#,
        r#"{"event":"media","streamSid":"MZ9","media":{"payload":"/w=="}}"#,
    ];
    for number in 0..49 {
        carrier.writer.send_text(junk[number % junk.len()]).await.unwrap();
    }
    carrier.says(&mark("still here")).await;
    assert_eq!(line.inbound.recv().await, Some(Inbound::Mark("still here".into())));
    for _ in 0..49 {
        carrier.writer.send_binary(&[0x00, 0xFF]).await.unwrap();
    }
    carrier.says(&mark("and here")).await;
    assert_eq!(line.inbound.recv().await, Some(Inbound::Mark("and here".into())));
    assert_eq!(line.stats.malformed_messages(), 98);
    for _ in 0..50 {
        carrier.writer.send_text("not json").await.unwrap();
    }
    assert_eq!(line.inbound.recv().await, Some(Inbound::Faulty));
    assert_eq!(line.stats.end(), Some(LineEnd::Faulty));
    assert_eq!(carrier.hears_close().await, Some(1008));
    drop(carrier);
    all_end(tasks).await;
}

#[tokio::test(start_paused = true)]
async fn ignores_and_counts_what_it_does_not_know() {
    let (mut line, mut carrier, _tasks) = line().await;
    for _ in 0..200 {
        carrier.says(&json!({"event": "sentiment", "streamSid": "MZ1", "sentiment": {"mood": "fine"}})).await;
    }
    let mut outbound_track = media("//7+");
    outbound_track["media"]["track"] = json!("outbound");
    carrier.says(&outbound_track).await;
    let mut extra_fields = media("//7+");
    extra_fields["media"]["codec"] = json!({"a": [1]});
    extra_fields["region"] = json!("ie1");
    carrier.says(&extra_fields).await;
    assert_eq!(line.inbound.recv().await, Some(Inbound::Audio(UlawChunk::copy_from(&[0xFF, 0xFE, 0xFE]))));
    assert_eq!(line.stats.unknown_messages(), 201);
    assert_eq!(line.stats.malformed_messages(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_cap_ends_the_call_with_1009() {
    let (mut line, mut carrier, tasks) = line().await;
    carrier.writer.send_text(&"a".repeat(64 * 1024 + 1)).await.unwrap();
    assert_eq!(line.inbound.recv().await, Some(Inbound::Faulty));
    assert_eq!(line.stats.end(), Some(LineEnd::Faulty));
    assert_eq!(carrier.hears_close().await, Some(1009));
    drop(carrier);
    all_end(tasks).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_just_breaks_ends_everything_at_once() {
    let (mut line, carrier, tasks) = line().await;
    let started = Instant::now();
    drop(carrier);
    assert_eq!(line.inbound.recv().await, Some(Inbound::HungUp));
    assert_eq!(line.stats.end(), Some(LineEnd::Lost));
    all_end(tasks).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(line.outbound.send(Outbound::Clear).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_turn_behind_the_fence_reaches_the_wire() {
    let (line, mut carrier, _tasks) = line().await;
    line.fence.raise_to(T2);
    for message in [
        audio(T1, b"cancelled reply!"),
        Outbound::Mark { turn: T1, name: "t1:0".into() },
        Outbound::Clear,
        audio(T2, &[0xFF, 0xFE, 0xFE]),
        audio(T1, b"late straggler!!"),
        Outbound::Mark { turn: T2, name: "t2:0".into() },
    ] {
        line.outbound.send(message).await.unwrap();
    }
    assert_eq!(carrier.hears().await["event"], "clear");
    assert_eq!(carrier.hears().await["media"]["payload"], "//7+");
    assert_eq!(carrier.hears().await, mark("t2:0"));
    assert_eq!(line.stats.fenced_messages(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_cancelled_while_it_waits_in_the_queue_is_not_sent() {
    // The carrier reads nothing, so the first piece fills the pipe and the rest waits behind it.
    let (ours, theirs) = duplex(512);
    let mut carrier = carrier_of(theirs);
    let mut tasks = JoinSet::new();
    let settings = SocketSettings::default();
    let (accepted, ()) = tokio::join!(accept(ours, &settings, &mut tasks, judge), carrier.starts());
    let (line, ()) = accepted.unwrap();
    for _ in 0..40 {
        line.outbound.send(audio(T1, &[0x55; 800])).await.unwrap();
    }
    tokio::task::yield_now().await;
    line.fence.raise_to(T2);
    line.outbound.send(Outbound::Clear).await.unwrap();
    let mut sent_before_the_clear = 0;
    while carrier.hears().await["event"] != "clear" {
        sent_before_the_clear += 1;
    }
    assert!(sent_before_the_clear <= 2, "{sent_before_the_clear} pieces were heard after the barge-in");
}

/// A listener that notes what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn note(&self, note: String) {
        self.0.lock().unwrap().push(note);
    }
}

impl Listener for Notes {
    fn caller(&self, ulaw: &UlawChunk) {
        self.note(format!("caller {}", ulaw.len()));
    }

    fn agent(&self, ulaw: &Bytes) {
        self.note(format!("agent {}", ulaw.len()));
    }

    fn mark_sent(&self, name: &str) {
        self.note(format!("mark {name}"));
    }

    fn mark_returned(&self, name: &str) {
        self.note(format!("{name} is back"));
    }

    fn cleared(&self) {
        self.note("cleared".to_owned());
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_told_what_passed_and_not_what_was_held_back() {
    let (mut line, mut carrier, _tasks) = line().await;
    let notes = Arc::new(Notes::default());
    line.tap.attach(notes.clone());
    carrier.says(&media("//7+")).await;
    line.inbound.recv().await.unwrap();
    line.outbound.send(audio(T1, &[0xFF, 0xFE])).await.unwrap();
    line.outbound.send(Outbound::Mark { turn: T1, name: "t1:0".into() }).await.unwrap();
    assert_eq!(carrier.hears().await["event"], "media");
    assert_eq!(carrier.hears().await["event"], "mark");
    carrier.says(&mark("t1:0")).await;
    line.inbound.recv().await.unwrap();
    line.fence.raise_to(T2);
    line.outbound.send(audio(T1, &[0xFF])).await.unwrap();
    line.outbound.send(Outbound::Clear).await.unwrap();
    assert_eq!(carrier.hears().await["event"], "clear");
    assert_eq!(*notes.0.lock().unwrap(), ["caller 3", "agent 2", "mark t1:0", "t1:0 is back", "cleared"]);
}

#[tokio::test(start_paused = true)]
async fn hanging_up_sends_what_was_said_before_and_closes_in_order() {
    for dropped in [false, true] {
        let (line, mut carrier, tasks) = line().await;
        line.outbound.send(audio(T1, &[0xFF, 0xFE, 0xFE])).await.unwrap();
        line.outbound.send(Outbound::Mark { turn: T1, name: "goodbye".into() }).await.unwrap();
        if !dropped {
            line.outbound.send(Outbound::HangUp).await.unwrap();
        }
        let MediaLine { mut inbound, outbound, stats, .. } = line;
        drop(outbound);
        assert_eq!(carrier.hears().await["event"], "media");
        assert_eq!(carrier.hears().await, mark("goodbye"));
        assert_eq!(carrier.hears_close().await, Some(1000));
        assert_eq!(inbound.recv().await, Some(Inbound::HungUp));
        assert_eq!(stats.end(), Some(LineEnd::HungUp));
        drop(carrier);
        all_end(tasks).await;
    }
}

#[tokio::test(start_paused = true)]
async fn drops_the_newest_audio_of_a_pipeline_that_is_behind_but_no_key_and_no_mark() {
    let (mut line, mut carrier, _tasks) = line().await;
    for _ in 0..500 {
        carrier.says(&media("//7+")).await;
    }
    for key in ["1", "2", "3"] {
        carrier.says(&json!({"event": "dtmf", "dtmf": {"digit": key}})).await;
    }
    carrier.says(&mark("t1:0")).await;
    carrier.says(&json!({"event": "stop"})).await;
    while line.stats.end().is_none() {
        tokio::task::yield_now().await;
    }
    let mut audio_taken = 0;
    let mut others = Vec::new();
    while let Some(inbound) = line.inbound.recv().await {
        match inbound {
            Inbound::Audio(_) => audio_taken += 1,
            other => others.push(other),
        }
    }
    assert_eq!(
        others,
        [Inbound::Digit('1'), Inbound::Digit('2'), Inbound::Digit('3'), Inbound::Mark("t1:0".into()), Inbound::HungUp]
    );
    assert_eq!(audio_taken, 64, "1.28 s of audio");
    assert_eq!(line.stats.media_messages(), 500);
    assert_eq!(line.stats.dropped_audio_messages(), 500 - 64);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_audio_is_gone_after_fifteen_seconds() {
    let (mut line, mut carrier, tasks) = line().await;
    let started = Instant::now();
    tokio::time::sleep(Duration::from_secs(10)).await;
    carrier.says(&media("//7+")).await;
    assert!(matches!(line.inbound.recv().await, Some(Inbound::Audio(_))));
    // Other messages are no sign of a caller.
    carrier.says(&mark("t1:0")).await;
    assert!(matches!(line.inbound.recv().await, Some(Inbound::Mark(_))));
    assert_eq!(line.inbound.recv().await, Some(Inbound::HungUp));
    assert_eq!(started.elapsed(), Duration::from_secs(25));
    assert_eq!(line.stats.end(), Some(LineEnd::Silent));
    assert_eq!(carrier.hears_close().await, Some(1000));
    drop(carrier);
    all_end(tasks).await;
}

#[tokio::test(start_paused = true)]
async fn pings_every_twenty_seconds() {
    let (ours, mut theirs) = duplex(64 * 1024);
    let mut tasks = JoinSet::new();
    let settings = SocketSettings { media_timeout: Duration::from_secs(65), ..SocketSettings::default() };
    theirs.write_all(&masked_text(&start().to_string())).await.unwrap();
    let (_line, ()) = accept(ours, &settings, &mut tasks, judge).await.unwrap();
    let started = Instant::now();
    for ping in 1..=3 {
        let mut frame = [0; 2];
        theirs.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame, [0x89, 0]);
        assert_eq!(started.elapsed(), Duration::from_secs(20 * ping));
    }
}

/// A client's text frame under an all-zero mask.
fn masked_text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_stops_reading_is_given_up() {
    let (ours, mut theirs) = duplex(256);
    let mut tasks = JoinSet::new();
    let opening = masked_text(&start().to_string());
    let settings = SocketSettings::default();
    let (accepted, sent) = tokio::join!(accept(ours, &settings, &mut tasks, judge), theirs.write_all(&opening));
    sent.unwrap();
    let (mut line, ()) = accepted.unwrap();
    line.outbound.send(audio(T1, &[0x55; 800])).await.unwrap();
    let started = Instant::now();
    assert_eq!(line.inbound.recv().await, Some(Inbound::HungUp));
    assert_eq!(line.stats.end(), Some(LineEnd::Stalled));
    assert_eq!(started.elapsed(), Duration::from_secs(10));
    all_end(tasks).await;
    let ended = theirs.write_all(b"more").await.unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::BrokenPipe);
}
