//! What one call costs the processor every 20 ms, and what its decisions cost.
//!
//! "inbound" is one frame of the caller from the carrier's message to what the recogniser takes,
//! "outbound" one frame of the agent from what the synthesiser gives to the carrier's message. Their
//! sum, fifty times a second, is what a call costs beside its vendors and the kernel.

use std::hint::black_box;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use voice_gateway::telephony::twilio::codec::{Encoder, TwilioMessage, decode};
use voice_pipeline::audio::{SampleRate, resample::Resampler, ulaw};
use voice_pipeline::chat::pieces::PieceCutter;
use voice_pipeline::net::sse::{DEFAULT_MAX_EVENT_BYTES, Framer};
use voice_pipeline::time::CallTime;
use voice_pipeline::turn::{Conversation, Event, PauseId, TurnId, TurnPolicy};
use voice_pipeline::vad::{FRAME_SAMPLES, SpeechDetector, VadSettings, WebRtcVad};
use voice_testkit::studio::{FakeVoice, silent_frame};

const STREAM: &str = "MZ18ad3ab5a668481ce02b83e7395059f0";
const FRAME: Duration = Duration::from_millis(20);

/// Two seconds of a voice and two of silence, as the carrier's messages.
fn media_messages() -> Vec<String> {
    let mut voice = FakeVoice::default();
    let message = |number: usize| {
        let frame = if number < 100 { voice.frame() } else { silent_frame() };
        let (sequence, timestamp) = (number + 3, number * 20 + 60);
        format!(
            r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{number}","timestamp":"{timestamp}","payload":"{}"}},"streamSid":"{STREAM}"}}"#,
            STANDARD.encode(frame)
        )
    };
    (0..200).map(message).collect()
}

fn rate(hz: u32) -> SampleRate {
    SampleRate::from_hz(hz).expect("a rate of the range")
}

fn inbound(c: &mut Criterion) {
    let messages = media_messages();
    let mut next = messages.iter().cycle();
    let mut detector = SpeechDetector::new(VadSettings::default(), Box::new(WebRtcVad::new()), None);
    let mut resampler = Resampler::new(rate(8_000), rate(16_000));
    let mut now = CallTime::ZERO;
    let (mut telephone, mut wide) = (Vec::with_capacity(FRAME_SAMPLES), Vec::with_capacity(4 * FRAME_SAMPLES));
    let mut hear = |telephone: &mut Vec<i16>| {
        let text = next.next().expect("a cycle has no end");
        let Ok(TwilioMessage::Media(bytes)) = decode(black_box(text), Some(STREAM)) else {
            panic!("{text} is no media message")
        };
        telephone.clear();
        ulaw::decode_into(&bytes, telephone);
        now = now + FRAME;
        let frame = telephone.as_slice().try_into().expect("the messages hold whole frames");
        detector.push(now, frame)
    };
    c.bench_function("frame/inbound to a recogniser of μ-law: JSON, base64, μ-law, VAD", |b| {
        b.iter(|| hear(&mut telephone));
    });
    c.bench_function("frame/inbound to the local recogniser: JSON, base64, μ-law, VAD, 8 to 16 kHz", |b| {
        b.iter(|| {
            let change = hear(&mut telephone);
            wide.clear();
            resampler.push(&telephone, &mut wide);
            (change, wide.len())
        });
    });
}

fn outbound(c: &mut Criterion) {
    let speech: Vec<i16> = (0..480).map(|n| (8_000.0 * (n as f32 * 0.11).sin()) as i16).collect();
    let mut resampler = Resampler::new(rate(24_000), rate(8_000));
    let mut encoder = Encoder::new(STREAM);
    let (mut telephone, mut bytes) = (Vec::with_capacity(FRAME_SAMPLES), Vec::with_capacity(FRAME_SAMPLES));
    c.bench_function("frame/outbound of the local voice: 24 to 8 kHz, μ-law, base64, JSON", |b| {
        b.iter(|| {
            telephone.clear();
            resampler.push(black_box(&speech), &mut telephone);
            bytes.clear();
            ulaw::encode_into(&telephone, &mut bytes);
            encoder.media(&bytes).len()
        });
    });
    let spoken = FakeVoice::default().frame();
    c.bench_function("frame/outbound of a voice in μ-law: base64, JSON", |b| {
        b.iter(|| encoder.media(black_box(&spoken)).len());
    });
}

/// A greeting, a question with its answer, and an interruption of that answer.
fn script() -> Vec<(u64, Event)> {
    let at = CallTime::from_millis;
    let (greeting, reply) = (TurnId(0), TurnId(1));
    let pause = PauseId(1);
    vec![
        (0, Event::Answered),
        (10, Event::AudioSent(greeting)),
        (1_000, Event::ReplyComplete { turn: greeting, plays_until: at(2_000), ends_call: false }),
        (2_000, Event::PlayedOut(greeting)),
        (3_060, Event::SpeechStarted { onset: at(3_000) }),
        (3_240, Event::SpeechSustained { onset: at(3_000) }),
        (4_000, Event::Interim("a tee time".to_owned())),
        (5_200, Event::SpeechStopped { end: at(5_000) }),
        (5_250, Event::TurnScored { pause, probability: 0.95 }),
        (5_300, Event::Final { pause: Some(pause), text: "A tee time please.".to_owned() }),
        (5_500, Event::FirstToken(reply)),
        (6_000, Event::AudioSent(reply)),
        (7_000, Event::ReplyComplete { turn: reply, plays_until: at(12_000), ends_call: false }),
        (9_060, Event::SpeechStarted { onset: at(9_000) }),
        (9_240, Event::SpeechSustained { onset: at(9_000) }),
    ]
}

fn turn_taking(c: &mut Criterion) {
    let script = script();
    let mut group = c.benchmark_group("turn");
    group.throughput(Throughput::Elements(script.len() as u64));
    group.bench_function("a question, its answer, an interruption: 15 events", |b| {
        b.iter_batched(
            || (Conversation::new(TurnPolicy::default()), script.clone()),
            |(mut conversation, script)| {
                let mut commands = 0;
                for (ms, event) in script {
                    conversation.handle_event(CallTime::from_millis(ms), event);
                    while conversation.poll_command().is_some() {
                        commands += 1;
                    }
                    black_box(conversation.poll_timeout());
                }
                commands
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn sse(c: &mut Criterion) {
    let chunk = r#"{"id":"chatcmpl-C1","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4.1-mini","choices":[{"index":0,"delta":{"content":" Saturday"},"finish_reason":null}]}"#;
    let event = format!("data: {chunk}\n\n");
    let mut framer = Framer::new(DEFAULT_MAX_EVENT_BYTES);
    c.bench_function("sse/one event of a reply", |b| {
        b.iter(|| {
            framer.push(black_box(event.as_bytes()));
            framer.next_event().expect("far below the limit").expect("a whole event").len()
        });
    });
}

fn sentences(c: &mut Criterion) {
    let reply = "I have four tee times on Saturday: 7:30 AM, 9:10 AM, and two after noon for $45.50 each. \
                 Dr. Smith's group starts at ten, e.g. right before you. Which one would you like?";
    let deltas: Vec<&str> = reply.split_inclusive(' ').collect();
    let mut group = c.benchmark_group("sentences");
    group.throughput(Throughput::Elements(deltas.len() as u64));
    group.bench_function("cut a reply of 33 deltas", |b| {
        b.iter(|| {
            let mut cutter = PieceCutter::new();
            let pieces: usize = deltas.iter().map(|delta| cutter.push(black_box(delta)).len()).sum();
            pieces + usize::from(cutter.finish().is_some())
        });
    });
    group.finish();
}

criterion_group!(benches, inbound, outbound, turn_taking, sse, sentences);
criterion_main!(benches);
