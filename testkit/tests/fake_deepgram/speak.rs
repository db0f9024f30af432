//! The voice's socket.

use std::time::Duration;

use serde_json::{Value, json};
use voice_pipeline::audio::ulaw;
use voice_pipeline::net::websocket::WsMessage;
use voice_testkit::fakes::deepgram::{FlushAnswer, Pace, Route, Seen};
use voice_testkit::fakes::speech;

use crate::client::{Client, SPEAK, silence, speak, start, words};

fn flush() -> Value {
    json!({ "type": "Flush" })
}

fn clear() -> Value {
    json!({ "type": "Clear" })
}

fn close() -> Value {
    json!({ "type": "Close" })
}

#[tokio::test]
async fn what_it_says_is_what_it_was_told() {
    let (fake, log) = start(|_| {});
    let mut client = Client::open(&fake, SPEAK).await;
    let metadata = client.json().await;
    assert_eq!((&metadata["type"], &metadata["model_name"]), (&json!("Metadata"), &json!("aura-2-thalia-en")));
    client.send(speak("Your tee time ")).await;
    client.send(speak("is booked. ")).await;
    client.send(flush()).await;
    client.send(speak("See you. ")).await;
    client.send(flush()).await;
    let (audio, answer) = client.audio().await;
    assert_eq!(words(&audio), "Your tee time is booked.");
    assert!(audio == speech::speak("Your tee time is booked."));
    assert_eq!(answer, json!({ "type": "Flushed", "sequence_id": 0 }));
    let (audio, answer) = client.audio().await;
    assert_eq!(words(&audio), "See you.");
    assert_eq!(answer["sequence_id"], 1);
    client.send(close()).await;
    assert_eq!(client.until_the_end().await.1, Some(1000));
    drop(client);
    log.wait_for(|seen| matches!(seen, Seen::Closed { route: Route::Speak, .. }).then_some(())).await;

    let told: Vec<String> = log.all().iter().filter_map(seen_of_speech).collect();
    let of = |prefix: &str| -> Vec<String> { told.iter().filter(|told| told.starts_with(prefix)).cloned().collect() };
    assert_eq!(of("text"), ["text Your tee time ", "text is booked. ", "text See you. "]);
    assert_eq!(of("first"), ["first Your tee time is booked. ", "first See you. "]);
    assert_eq!((of("flush").len(), of("done").len()), (2, 2));
    assert_eq!(told.first().unwrap(), "speaking");
    assert_eq!(told.last().unwrap(), "done");
}

fn seen_of_speech(seen: &Seen) -> Option<String> {
    Some(match seen {
        Seen::Speaking { route: Route::Speak, .. } => "speaking".into(),
        Seen::TtsText { text, .. } => format!("text {text}"),
        Seen::TtsFlush { .. } => "flush".into(),
        Seen::TtsFirstAudio { text, .. } => format!("first {text}"),
        Seen::TtsFlushed { .. } => "done".into(),
        Seen::TtsCleared { .. } => "clear".into(),
        _ => return None,
    })
}

#[tokio::test]
async fn audio_comes_in_chunks_at_its_pace() {
    let (fake, _) = start(|plan| {
        plan.tts.first_byte_delay = Duration::from_millis(30);
        plan.tts.chunk_bytes = 320;
        plan.tts.pace = Pace::RealTime(10.0);
        plan.tts.sends_metadata = false;
    });
    let mut client = Client::open(&fake, SPEAK).await;
    client.send(speak("Goodbye, then.")).await;
    let begun = tokio::time::Instant::now();
    client.send(flush()).await;
    let mut sizes = Vec::new();
    let mut first = None;
    while let WsMessage::Binary(chunk) = client.next().await.unwrap() {
        first.get_or_insert_with(|| begun.elapsed());
        sizes.push(chunk.len());
    }
    // 8 letters and 5, of 480 bytes each, in whole frames.
    assert_eq!(sizes, [vec![320; 19], vec![160]].concat());
    assert!(first.unwrap() >= Duration::from_millis(30));
    assert!(begun.elapsed() >= Duration::from_millis(30 + 19 * 4));
}

#[tokio::test]
async fn clear_stops_within_a_chunk_and_the_next_flush_is_clean() {
    let (fake, log) = start(|plan| plan.tts.pace = Pace::RealTime(1.0));
    let mut client = Client::open(&fake, SPEAK).await;
    client.json().await;
    client.send(speak("We have slots at eight ten, eight twenty and nine. ")).await;
    client.send(flush()).await;
    client.send(speak("And this is never said. ")).await;
    assert!(matches!(client.next().await.unwrap(), WsMessage::Binary(chunk) if chunk.len() == 800));
    client.send(clear()).await;
    let (late, answer) = client.audio().await;
    assert_eq!(answer, json!({ "type": "Cleared", "sequence_id": 1 }));
    assert!(late.len() <= 800, "{} bytes", late.len());
    client.send(speak("Sure. ")).await;
    client.send(flush()).await;
    let (audio, answer) = client.audio().await;
    assert_eq!((words(&audio).as_str(), &answer["sequence_id"]), ("Sure.", &json!(2)));
    let flushed = log.all().iter().filter(|seen| matches!(seen, Seen::TtsFlushed { .. })).count();
    assert_eq!(flushed, 1);
}

#[tokio::test]
async fn cleared_audio_comes_late_by_plan() {
    let (fake, _) = start(|plan| {
        plan.tts.pace = Pace::RealTime(1.0);
        plan.tts.late_chunks = 3;
    });
    let mut client = Client::open(&fake, SPEAK).await;
    client.json().await;
    client.send(speak("We have slots at eight ten, eight twenty and nine. ")).await;
    client.send(flush()).await;
    client.next().await.unwrap();
    client.send(clear()).await;
    let (late, answer) = client.audio().await;
    assert_eq!(answer["type"], "Cleared");
    assert!((2_400..=3_200).contains(&late.len()), "{} bytes", late.len());
}

#[tokio::test]
async fn clear_is_heard_while_audio_is_sent_as_fast_as_it_is_taken() {
    let (fake, _) = start(|plan| plan.tts.chunk_bytes = 160);
    let mut client = Client::open(&fake, SPEAK).await;
    client.json().await;
    let text = "word ".repeat(390);
    for _ in 0..20 {
        client.send(speak(&text)).await;
    }
    client.send(flush()).await;
    client.next().await.unwrap();
    client.send(clear()).await;
    let (audio, answer) = client.audio().await;
    assert_eq!(answer["type"], "Cleared");
    let whole = speech::speak(&text).len() * 20;
    assert!(audio.len() < whole / 2, "{} of {whole} bytes", audio.len());
}

#[tokio::test]
async fn what_is_no_message_ends_the_socket() {
    for message in [r#"{"type":"Reset"}"#, "Speak!", r#"{"type":"Speak"}"#] {
        let (fake, _) = start(|_| {});
        let mut client = Client::open(&fake, SPEAK).await;
        client.writer.send_text(message).await.unwrap();
        let (messages, code) = client.until_the_end().await;
        assert_eq!((&messages[1]["type"], code), (&json!("Error"), Some(1008)), "{message}");
    }
}

#[tokio::test]
async fn a_text_has_its_limit() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, SPEAK).await;
    client.send(speak(&"ä".repeat(2_000))).await;
    client.send(close()).await;
    assert_eq!(client.until_the_end().await.1, Some(1000));
    let mut client = Client::open(&fake, SPEAK).await;
    client.send(speak(&"ä".repeat(2_001))).await;
    let (messages, code) = client.until_the_end().await;
    assert_eq!((&messages[1]["type"], code), (&json!("Error"), Some(1008)));
}

#[tokio::test]
async fn the_twenty_first_flush_of_a_minute_is_refused_and_its_text_waits() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, SPEAK).await;
    client.json().await;
    for _ in 0..20 {
        client.send(speak("Yes. ")).await;
        client.send(flush()).await;
        assert_eq!(client.audio().await.1["type"], "Flushed");
    }
    client.send(speak("Too much. ")).await;
    client.send(flush()).await;
    let (audio, warning) = client.audio().await;
    assert_eq!((&warning["type"], &warning["code"]), (&json!("Warning"), &json!("EXCESSIVE_FLUSH")));
    assert_eq!(words(&audio), "");
    client.send(close()).await;
    let WsMessage::Binary(audio) = client.next().await.unwrap() else { panic!("the rest is spoken at the end") };
    assert_eq!(words(&audio), "Too");
}

#[tokio::test]
async fn flushes_stay_unanswered_by_plan() {
    let (fake, _) = start(|plan| plan.tts.flush = FlushAnswer::Nothing);
    let mut client = Client::open(&fake, SPEAK).await;
    client.json().await;
    client.send(speak("Nobody hears this. ")).await;
    client.send(flush()).await;
    client.send(clear()).await;
    let (audio, answer) = client.audio().await;
    assert_eq!((audio.len(), &answer["type"]), (0, &json!("Cleared")));
    fake.plan(|plan| plan.tts.flush = FlushAnswer::AudioOnly);
    client.send(speak("Everybody hears this. ")).await;
    client.send(flush()).await;
    client.send(close()).await;
    let mut audio = Vec::new();
    while let Ok(WsMessage::Binary(chunk)) = client.next().await {
        audio.extend_from_slice(&chunk);
    }
    assert_eq!(words(&audio), "Everybody hears this.");
}

#[tokio::test]
async fn silence_comes_instead_of_sound_by_plan() {
    let (fake, _) = start(|plan| plan.tts.silent = true);
    let mut client = Client::open(&fake, SPEAK).await;
    client.json().await;
    client.send(speak("Hello?")).await;
    client.send(flush()).await;
    assert!(client.audio().await.0 == silence(Duration::from_millis(360)));
}

#[tokio::test]
async fn a_flush_of_nothing_is_answered() {
    let (fake, _) = start(|plan| plan.tts.first_byte_delay = Duration::from_secs(3_600));
    let mut client = Client::open(&fake, SPEAK).await;
    client.json().await;
    client.send(flush()).await;
    assert_eq!(client.json().await["type"], "Flushed");
}

#[tokio::test]
async fn linear_audio_is_the_same_sound() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, "/v1/speak?encoding=linear16&sample_rate=8000").await;
    client.json().await;
    client.send(speak("Hello.")).await;
    client.send(flush()).await;
    let (audio, _) = client.audio().await;
    let ulaw: Vec<u8> =
        audio.chunks(2).map(|sample| ulaw::encode(i16::from_le_bytes(sample.try_into().unwrap()))).collect();
    assert!(ulaw == speech::speak("Hello."));
}
