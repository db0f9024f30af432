//! The recogniser.

use std::time::Duration;

use serde_json::{Value, json};
use voice_testkit::fakes::deepgram::{Endpointing, Route, Seen};
use voice_testkit::fakes::speech::{self, FakeVoice};

use crate::client::{Client, LISTEN, finals, silence, start, transcript};

const SENTENCE: &str = "Two players and a cart, please.";

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn finalize() -> Value {
    json!({ "type": "Finalize" })
}

fn close_stream() -> Value {
    json!({ "type": "CloseStream" })
}

fn is_results(message: &Value) -> bool {
    message["type"] == "Results"
}

#[tokio::test]
async fn hears_a_sentence_up_to_a_finalize() {
    let (fake, log) = start(|_| {});
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=false")).await;
    client.play(&silence(ms(300))).await.unwrap();
    client.play(&speech::speak(SENTENCE)).await.unwrap();
    client.send(finalize()).await;
    let messages = client.json_until(|message| message["from_finalize"] == true).await;
    assert_eq!(finals(&messages), [SENTENCE]);

    let (last, interims) = messages.split_last().unwrap();
    assert_eq!((&last["is_final"], &last["speech_final"]), (&json!(true), &json!(false)));
    assert_eq!((&last["start"], &last["duration"]), (&json!(0.0), &json!(1.96)));
    let texts: Vec<&str> = interims.iter().map(transcript).collect();
    assert_eq!(texts, ["Two players", "Two players and", "Two players and a cart,"]);
    for (interim, end) in interims.iter().zip([0.5, 1.0, 1.5]) {
        assert_eq!(
            (&interim["is_final"], &interim["start"], &interim["duration"]),
            (&json!(false), &json!(0.0), &json!(end))
        );
    }
    let word = &last["channel"]["alternatives"][0]["words"][4];
    let expected =
        json!({ "word": "cart", "punctuated_word": "cart,", "start": 1.24, "end": 1.54, "confidence": 0.98 });
    assert_eq!(*word, expected);

    let told = log.wait_for(|seen| match seen {
        Seen::SttFinal { text, from_finalize: true, speech_final: false, .. } => Some(text.to_string()),
        _ => None,
    });
    assert_eq!(told.await, SENTENCE);
    let told: Vec<u64> = log.all().iter().filter_map(Seen::conn).collect();
    assert!(matches!(log.all()[..], [Seen::Listening { .. }, Seen::SttAudio { .. }, Seen::SttInterim { .. }, ..]));
    assert_eq!(told, vec![1; told.len()]);
}

#[tokio::test]
async fn silence_ends_speech() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=300&vad_events=true")).await;
    client.play(&silence(ms(500))).await.unwrap();
    client.play(&speech::speak("Yes, please.")).await.unwrap();
    client.play(&silence(ms(280))).await.unwrap();
    client.send(json!({ "type": "KeepAlive" })).await;
    client.play(&silence(ms(20))).await.unwrap();
    let messages = client.json_until(|message| message["speech_final"] == true).await;
    assert_eq!(finals(&messages), ["Yes, please."]);
    let last = messages.last().unwrap();
    // 4 and 7 letters.
    assert_eq!(last["duration"], json!(1.46));
    let started: Vec<_> = messages.iter().filter(|message| message["type"] == "SpeechStarted").collect();
    assert_eq!(started, [&json!({ "type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.5 })]);

    client.play(&speech::speak("And no.")).await.unwrap();
    client.play(&silence(ms(300))).await.unwrap();
    let messages = client.json_until(|message| message["speech_final"] == true).await;
    assert_eq!(finals(&messages), ["And no."]);
    assert_eq!(messages.last().unwrap()["start"], json!(1.46));
}

#[tokio::test]
async fn the_plan_goes_before_the_query_for_endpointing() {
    let (fake, _) = start(|plan| plan.stt.endpointing = Some(Endpointing::After(ms(100))));
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=false")).await;
    client.play(&[speech::speak("Yes."), silence(ms(100))].concat()).await.unwrap();
    assert_eq!(finals(&client.json_until(|message| message["speech_final"] == true).await), ["Yes."]);
}

#[tokio::test]
async fn unbroken_speech_is_cut_between_words_and_nothing_is_lost() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=300")).await;
    let text = "I would like to book a tee time for two players on Saturday and also a cart for both of us";
    client.play(&[speech::speak(text), silence(ms(300))].concat()).await.unwrap();
    let messages = client.json_until(|message| message["speech_final"] == true).await;
    let finals = finals(&messages);
    assert!(finals.len() >= 2, "{finals:?}");
    assert_eq!(finals.join(" "), text);
    let mut end = 0.0;
    for window in messages.iter().filter(|message| is_results(message)) {
        let start = window["start"].as_f64().unwrap();
        assert!((start - end).abs() < 0.002, "{start} follows {end}");
        if window["is_final"] == true {
            end = start + window["duration"].as_f64().unwrap();
        }
    }
}

#[tokio::test]
async fn silence_before_speech_does_not_fill_its_window() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=300")).await;
    client.play(&[silence(ms(2_800)), speech::speak(SENTENCE), silence(ms(300))].concat()).await.unwrap();
    assert_eq!(finals(&client.json_until(|message| message["speech_final"] == true).await), [SENTENCE]);
}

#[tokio::test]
async fn a_gap_after_the_last_word_ends_the_utterance_even_in_noise() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=300&utterance_end_ms=1000")).await;
    let mut voice = FakeVoice::default();
    let noise: Vec<u8> = (0..250).flat_map(|_| voice.frame()).collect();
    client.play(&[speech::speak("Cancel it."), noise].concat()).await.unwrap();
    let messages = client.json_until(|message| message["type"] == "UtteranceEnd").await;
    assert_eq!(finals(&messages), ["Cancel it."]);
    assert!(messages.iter().all(|message| message["speech_final"] != true), "noise is no silence");
    // 6 letters and 3.
    assert_eq!(messages.last().unwrap()["last_word_end"], json!(0.54));
}

#[tokio::test]
async fn utterance_end_follows_speech_final_once() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=300&utterance_end_ms=1000")).await;
    client.play(&[speech::speak("Yes."), silence(ms(5_000))].concat()).await.unwrap();
    client.send(close_stream()).await;
    let (messages, code) = client.until_the_end().await;
    let ends: Vec<_> = messages.iter().filter(|message| message["type"] == "UtteranceEnd").collect();
    assert_eq!(ends, [&json!({ "type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 0.24 })]);
    assert_eq!(code, Some(1000));
}

#[tokio::test]
async fn the_last_words_come_before_the_metadata_and_the_close() {
    for ending in ["CloseStream", "an empty message"] {
        let (fake, log) = start(|_| {});
        let mut client = Client::open(&fake, LISTEN).await;
        client.play(&speech::speak("Good bye.")).await.unwrap();
        match ending {
            "CloseStream" => client.send(close_stream()).await,
            _ => client.writer.send_binary(&[]).await.unwrap(),
        }
        let (messages, code) = client.until_the_end().await;
        assert_eq!(finals(&messages), ["Good bye."], "{ending}");
        let metadata = messages.last().unwrap();
        assert_eq!((&metadata["type"], &metadata["duration"]), (&json!("Metadata"), &json!(0.48)), "{ending}");
        assert_eq!(code, Some(1000), "{ending}");
        drop(client);
        log.wait_for(|seen| matches!(seen, Seen::Closed { conn: 1, route: Route::Listen, .. }).then_some(())).await;
        assert_eq!((fake.requests(Route::Listen), fake.open(Route::Listen)), (1, 0));
    }
}

#[tokio::test]
async fn text_that_is_no_message_is_an_error_and_a_message_in_binary_is_audio() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, LISTEN).await;
    client.writer.send_text("{\"type\":\"Shout\"}").await.unwrap();
    let error = client.json().await;
    assert_eq!((&error["type"], &error["variant"]), (&json!("Error"), &json!("SchemaError")));
    assert_eq!(error["message"], "{\"type\":\"Shout\"}");
    client.writer.send_binary(b"{\"type\":\"KeepAlive\"}....").await.unwrap();
    client.send(close_stream()).await;
    let (messages, _) = client.until_the_end().await;
    assert_eq!(messages.last().unwrap()["duration"], json!(0.003));
}

#[tokio::test]
async fn without_an_encoding_nothing_is_transcribed() {
    for query in ["", "?encoding=mulaw", "?sample_rate=8000", "?encoding=mulaw&sample_rate=16000"] {
        let (fake, _) = start(|_| {});
        let mut client = Client::open(&fake, &format!("/v1/listen{query}")).await;
        client.play(&speech::speak(SENTENCE)).await.unwrap();
        client.send(finalize()).await;
        client.send(close_stream()).await;
        let (messages, code) = client.until_the_end().await;
        assert_eq!(messages.len(), 1, "{query}: {messages:?}");
        assert_eq!((&messages[0]["type"], &messages[0]["duration"]), (&json!("Metadata"), &json!(0.0)), "{query}");
        assert_eq!(code, Some(1000), "{query}");
    }
}

#[tokio::test]
async fn hears_linear_audio_too() {
    let (fake, _) = start(|_| {});
    let audio = speech::speak(SENTENCE);
    let linear = |copies: usize| -> Vec<u8> {
        let samples = audio.iter().map(|&byte| voice_pipeline::audio::ulaw::decode(byte).to_le_bytes());
        samples.flat_map(|sample| sample.repeat(copies)).collect()
    };
    for (rate, copies) in [(8_000, 1), (16_000, 2)] {
        let path = format!("/v1/listen?encoding=linear16&sample_rate={rate}&endpointing=false");
        let mut client = Client::open(&fake, &path).await;
        // An odd size cuts samples in two.
        for piece in linear(copies).chunks(333) {
            client.writer.send_binary(piece).await.unwrap();
        }
        client.send(finalize()).await;
        let messages = client.json_until(|message| message["from_finalize"] == true).await;
        assert_eq!(finals(&messages), [SENTENCE], "at {rate}");
        assert!(messages.iter().all(|message| message["is_final"] == true), "no interims were asked for");
    }
}

#[tokio::test]
async fn finalize_without_audio_is_answered_only_by_plan() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, LISTEN).await;
    client.send(finalize()).await;
    client.writer.send_text("marker").await.unwrap();
    assert_eq!(client.json().await["type"], "Error", "nothing came before the marker's answer");
    fake.plan(|plan| plan.stt.answers_empty_finalize = true);
    client.send(finalize()).await;
    let answer = client.json().await;
    assert_eq!((&answer["from_finalize"], transcript(&answer)), (&json!(true), ""));
}

#[tokio::test]
async fn a_plan_without_answers_keeps_the_words_for_later() {
    let (fake, _) = start(|plan| plan.stt.answers_finalize = false);
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=false&interim_results=false")).await;
    client.play(&speech::speak("Hello?")).await.unwrap();
    client.send(finalize()).await;
    client.writer.send_text("marker").await.unwrap();
    assert_eq!(client.json_until(|message| message["type"] == "Error").await.last().unwrap()["message"], "marker");
    fake.plan(|plan| plan.stt.answers_finalize = true);
    client.send(finalize()).await;
    let messages = client.json_until(|message| message["from_finalize"] == true).await;
    assert_eq!(finals(&messages), ["Hello?"]);
}

#[tokio::test]
async fn finals_are_split_and_doubled_by_plan() {
    let (fake, _) = start(|plan| {
        plan.stt.splits_finals = true;
        plan.stt.duplicates_finals = true;
    });
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=false")).await;
    client.play(&speech::speak("One two three.")).await.unwrap();
    client.send(finalize()).await;
    client.send(close_stream()).await;
    let (messages, _) = client.until_the_end().await;
    assert_eq!(finals(&messages), ["One", "One", "two three.", "two three."]);
    let finals: Vec<_> = messages.iter().filter(|message| message["is_final"] == true).collect();
    let from_finalize: Vec<_> = finals.iter().map(|message| message["from_finalize"] == true).collect();
    assert_eq!(from_finalize, [false, false, true, true]);
    assert_eq!(finals[2]["start"], json!(0.18));
}

#[tokio::test]
async fn a_human_recording_is_heard_as_scripted() {
    let (fake, _) = start(|plan| plan.stt.scripted = vec!["Book me a tee time".into(), "Good bye".into()]);
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=300")).await;
    let mut voice = FakeVoice::default();
    let mut recording = |frames: usize| -> Vec<u8> { (0..frames).flat_map(|_| voice.frame()).collect() };
    let click = recording(3);
    let spoken = recording(60);
    let pause = silence(ms(300));
    client
        .play(&[&click, &pause, &spoken, &pause, &spoken, &pause, &spoken, &pause].map(Vec::as_slice).concat())
        .await
        .unwrap();
    client.send(close_stream()).await;
    let (messages, _) = client.until_the_end().await;
    assert_eq!(finals(&messages), ["Book me a tee time", "Good bye"]);
    let first = messages.iter().map(transcript).find(|text| !text.is_empty()).unwrap();
    assert!("Book me a tee time".starts_with(first) && first != "Book me a tee time", "interims grow: {first:?}");
}

#[tokio::test]
async fn late_answers_are_late_and_in_order() {
    let (fake, log) = start(|plan| {
        plan.stt.final_delay = ms(60);
        plan.stt.interim_delay = ms(5);
    });
    let mut client = Client::open(&fake, &format!("{LISTEN}&endpointing=false")).await;
    client.play(&speech::speak(SENTENCE)).await.unwrap();
    let asked = tokio::time::Instant::now();
    client.send(finalize()).await;
    let messages = client.json_until(|message| message["from_finalize"] == true).await;
    assert!(asked.elapsed() >= ms(60));
    assert!(messages.len() > 2);
    let sent = log.wait_for(|seen| match seen {
        Seen::SttFinal { at, .. } => Some(*at),
        _ => None,
    });
    assert!(sent.await >= asked + ms(60), "it is told when it is sent");
}

#[tokio::test]
async fn a_silent_client_is_closed_with_1011() {
    let (fake, _) = start(|plan| plan.stt.idle_timeout = ms(50));
    let mut client = Client::open(&fake, LISTEN).await;
    client.play(&silence(ms(20))).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(client.until_the_end().await.1, Some(1011));
    assert!(begun.elapsed() >= ms(45));
}

#[tokio::test]
async fn audio_arrives_untouched() {
    let (fake, _) = start(|plan| plan.keeps_audio = true);
    let sent: Vec<u8> = (0..=255).cycle().take(10_007).collect();
    let mut client = Client::open(&fake, LISTEN).await;
    client.play(&sent).await.unwrap();
    client.send(close_stream()).await;
    client.until_the_end().await;
    assert!(fake.received_audio(1) == sent);
    assert!(fake.received_audio(2).is_empty());
}

#[tokio::test]
async fn keyterms_can_be_changed() {
    let (fake, _) = start(|_| {});
    let mut client = Client::open(&fake, LISTEN).await;
    client.send(json!({ "type": "Configure", "keyterms": ["back nine"] })).await;
    let answer = client.json().await;
    assert_eq!((&answer["type"], &answer["keyterms"]), (&json!("ConfigureSuccess"), &json!(["back nine"])));
}
