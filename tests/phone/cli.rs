//! The `call` subcommand with a voice and a recogniser made of tones: a word is 100 ms of tone, and
//! the recogniser tells how long it heard one.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clap::Parser;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde_json::Value;
use tokio::sync::mpsc;
use voice_gateway::phone::cli::{CallArgs, run_to};
use voice_pipeline::audio::SampleRate;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::stt::{AudioFormat, Stt, SttEvent, SttInput, SttLine};
use voice_pipeline::vendors::tts::{SpeakRequest, Tts, TtsEvent};

use super::fake_gateway::{FakeGateway, Socket};
use super::{TWIML, voice};

struct ToneVoice;

impl Tts for ToneVoice {
    fn name(&self) -> &'static str {
        "tone"
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate::WIDEBAND
    }

    fn speak(&self, request: SpeakRequest) -> BoxStream<'static, Result<TtsEvent, VendorError>> {
        let samples = request.text.split_whitespace().count() * 1_600;
        let tone = (0..samples).map(|n| ((n as f32 * 0.35).sin() * 6_000.0) as i16).collect();
        stream::iter([Ok(TtsEvent::Audio(tone))]).boxed()
    }
}

struct ToneEar;

impl Stt for ToneEar {
    fn name(&self) -> &'static str {
        "tone"
    }

    fn format(&self) -> AudioFormat {
        AudioFormat::Pcm(SampleRate::WIDEBAND)
    }

    fn open(&self) -> SttLine {
        let (input, mut inputs) = mpsc::channel(8);
        let (events_tx, events) = mpsc::channel(8);
        let driver = Box::pin(async move {
            let mut loud = 0;
            while let Some(input) = inputs.recv().await {
                match input {
                    SttInput::Audio(frame) => {
                        loud += u32::from(frame.iter().any(|sample| sample.unsigned_abs() > 1_000));
                    }
                    SttInput::SpeechStarted | SttInput::Ulaw(_) => {}
                    SttInput::Paused(pause) => {
                        let text = format!("{} ms", (f64::from(loud) / 5.0).round() * 100.0);
                        let last = SttEvent::Final { pause: Some(pause), text };
                        if events_tx.send(Ok(last)).await.is_err() {
                            return;
                        }
                    }
                    SttInput::Committed => loud = 0,
                }
            }
        });
        SttLine { input, events, driver }
    }
}

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    call: CallArgs,
}

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs `call` with these arguments and gives what it printed.
async fn call(gateway: &FakeGateway, path: &str, arguments: &[&str]) -> (anyhow::Result<ExitCode>, String) {
    let url = format!("{}{path}", gateway.url);
    let start = ["call", "--url", &url, "--auth-token", "hush"];
    let command = Command::parse_from(start.iter().chain(arguments));
    let printed = Printed::default();
    let result = run_to(command.call, Arc::new(ToneVoice), Arc::new(ToneEar), printed.clone()).await;
    let text = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
    (result, text)
}

/// Greets for 300 ms, answers the first words with 400 ms, and a key with a goodbye of 200 ms.
async fn receptionist(mut socket: Socket) {
    socket.until("start").await;
    socket.play(&voice(300)).await;
    socket.until_voice().await;
    socket.until_silence().await;
    socket.play(&voice(400)).await;
    socket.until("dtmf").await;
    socket.play(&voice(200)).await;
    socket.mark("goodbye").await;
    socket.until("mark").await;
    socket.close(1000).await;
}

#[tokio::test]
async fn prints_both_sides_with_latency_and_records_them() {
    let gateway = FakeGateway::start(TWIML, receptionist).await;
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("call.wav");
    let arguments = ["--say", "book a table", "--dtmf", "1", "--record", recording.to_str().unwrap()];
    let (result, printed) = call(&gateway, "/voice", &arguments).await;
    result.unwrap();
    gateway.finish().await;

    let lines: Vec<&str> = printed.lines().collect();
    let [greeting, caller, reply, latency, key, goodbye, .., summary] = lines.as_slice() else { panic!("{printed}") };
    assert_eq!(*greeting, "agent:  300 ms");
    assert_eq!(*caller, "caller: book a table");
    assert_eq!(*reply, "agent:  400 ms");
    assert!(latency.trim().starts_with("answered in "), "{printed}");
    assert_eq!(*key, "caller: (keys 1)");
    assert_eq!(*goodbye, "agent:  200 ms");
    assert!(summary.contains("1 replies"), "{printed}");
    assert!(summary.ends_with("0 warnings · ended by: gateway"), "{printed}");

    let wav = hound::WavReader::open(&recording).unwrap();
    assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, 8_000));
    assert!(wav.duration() > 8_000);
}

#[tokio::test]
async fn talks_over_the_agent_and_prints_json() {
    async fn talker(mut socket: Socket) {
        socket.until("start").await;
        socket.play(&voice(20_000)).await;
        socket.until_voice().await;
        socket.clear().await;
        socket.until_silence().await;
        socket.play(&voice(100)).await;
        socket.until_end().await;
    }
    let gateway = FakeGateway::start(TWIML, talker).await;
    let (result, printed) = call(&gateway, "/voice", &["--json", "--interrupt", "stop please now@300ms"]).await;
    result.unwrap();
    gateway.finish().await;

    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["caller", "agent", "agent", "latency", "summary"], "{printed}");
    let number = |line: &Value, field: &str| line[field].as_f64().unwrap();
    assert!(number(&lines[0], "at_ms") - number(&lines[1], "at_ms") >= 300.0, "{printed}");
    let latency = &lines[3];
    let parts: f64 = ["gateway_ms", "buffer_ms", "lead_in_ms"].iter().map(|part| number(latency, part)).sum();
    assert!((parts - number(latency, "total_ms")).abs() < 0.01, "{latency}");
    assert_eq!(lines[4]["ended_by"], "caller");
}

#[tokio::test]
async fn fails_when_the_call_ends_before_the_script() {
    async fn rude(mut socket: Socket) {
        socket.until("start").await;
        socket.play(&voice(100)).await;
        socket.mark("bye").await;
        socket.until("mark").await;
        socket.close(1000).await;
    }
    let gateway = FakeGateway::start(TWIML, rude).await;
    let (result, printed) = call(&gateway, "/voice", &["--say", "hello"]).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("by: gateway") && error.contains("step 1 of 1"), "{error}");
    assert!(printed.contains("agent:  100 ms"), "{printed}");
    gateway.finish().await;
}

#[tokio::test]
async fn explains_a_refusal_and_a_bad_recording_before_calling() {
    let gateway = FakeGateway::start(TWIML, receptionist).await;
    let (refused, _) = call(&gateway, "/forbidden", &["--say", "hello"]).await;
    assert!(refused.unwrap_err().to_string().contains("TWILIO_AUTH_TOKEN"));
    let (missing, _) = call(&gateway, "/voice", &["--wav", "no-such-file.wav"]).await;
    assert!(missing.unwrap_err().to_string().contains("no-such-file.wav"));
}

fn refusal(file: &str) -> String {
    Command::try_parse_from(["call", "--record", file]).err().unwrap().to_string()
}

#[test]
fn a_recording_that_cannot_be_written_is_refused_before_any_call() {
    assert!(refusal("call.mp3").contains(".wav or .opus"), "{}", refusal("call.mp3"));
    #[cfg(not(feature = "opus"))]
    for hint in ["--features opus", "libopus-dev"] {
        assert!(refusal("call.opus").contains(hint), "{}", refusal("call.opus"));
    }
}

#[tokio::test]
#[cfg(feature = "opus")]
async fn records_a_call_as_opus() {
    let gateway = FakeGateway::start(TWIML, receptionist).await;
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("call.opus");
    let arguments = ["--say", "book a table", "--dtmf", "1", "--record", recording.to_str().unwrap()];
    let (result, printed) = call(&gateway, "/voice", &arguments).await;
    result.unwrap();
    gateway.finish().await;

    let mut packets = ogg::PacketReader::new(std::fs::File::open(&recording).unwrap());
    let head = packets.read_packet_expected().unwrap();
    assert!(head.data.starts_with(b"OpusHead\x01\x02"));
    let mut last = head;
    while let Some(packet) = packets.read_packet().unwrap() {
        last = packet;
    }
    let seconds = last.absgp_page() as f64 / 48_000.0;
    let told: f64 = printed.lines().last().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(last.last_in_stream() && (seconds - told).abs() < 0.2, "{seconds} s, but {printed}");
}
