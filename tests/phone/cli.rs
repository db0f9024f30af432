//! The `call` subcommand with a voice and a recogniser made of tones: a word is 100 ms of tone, and
//! the recogniser tells how long it heard one.

use std::io::{Cursor, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use clap::Parser;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde_json::Value;
use tokio::sync::mpsc;
use voice_gateway::phone::cli::{CallArgs, Typed, run_to};
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
    let start = ["--url", &url, "--auth-token", "hush"];
    call_typing("", &[&start, arguments].concat()).await
}

/// Runs `call` with these arguments and these lines coming through a pipe.
async fn call_typing(typed: &'static str, arguments: &[&str]) -> (anyhow::Result<ExitCode>, String) {
    let command = Command::parse_from(["call"].iter().chain(arguments));
    let printed = Printed::default();
    let typed = Typed::from_pipe(Cursor::new(typed));
    let result = run_to(command.call, Arc::new(ToneVoice), Arc::new(ToneEar), typed, printed.clone()).await;
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
    assert_eq!(kinds, ["caller", "agent", "agent", "latency", "call", "summary"], "{printed}");
    let number = |line: &Value, field: &str| line[field].as_f64().unwrap();
    assert!(number(&lines[0], "at_ms") - number(&lines[1], "at_ms") >= 300.0, "{printed}");
    let latency = &lines[3];
    let parts: f64 = ["gateway_ms", "buffer_ms", "lead_in_ms"].iter().map(|part| number(latency, part)).sum();
    assert!((parts - number(latency, "total_ms")).abs() < 0.01, "{latency}");
    assert_eq!((&lines[4]["ended_by"], &lines[4]["failed"]), (&"caller".into(), &Value::Null));
    assert_eq!((&lines[5]["calls"], &lines[5]["failed"], &lines[5]["replies"]), (&1.into(), &0.into(), &1.into()));
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
async fn calls_the_gateway_of_this_machine_unless_another_one_is_named() {
    let nowhere = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (here, there) = (nowhere(), nowhere());
    let elsewhere = format!("http://{there}/voice");
    for (arguments, called) in [
        (&["call", "--say", "hello"][..], format!("http://{here}/twilio/voice")),
        (&["call", "--say", "hello", "--url", &elsewhere], elsewhere.clone()),
    ] {
        let call = Command::parse_from(arguments).call.or_gateway_at(here);
        let nothing = Typed::from_pipe(Cursor::new(""));
        let result = run_to(call, Arc::new(ToneVoice), Arc::new(ToneEar), nothing, Printed::default()).await;
        let error = format!("{:#}", result.unwrap_err());
        assert!(error.contains(&format!("no gateway answers at {called}")), "{error}");
    }
}

#[tokio::test]
async fn explains_a_refusal_and_a_bad_recording_before_calling() {
    let gateway = FakeGateway::start(TWIML, receptionist).await;
    let (refused, _) = call(&gateway, "/forbidden", &["--say", "hello"]).await;
    assert!(refused.unwrap_err().to_string().contains("TWILIO_AUTH_TOKEN"));
    let (missing, _) = call(&gateway, "/voice", &["--wav", "no-such-file.wav"]).await;
    assert!(missing.unwrap_err().to_string().contains("no-such-file.wav"));
}

#[tokio::test]
async fn a_refused_call_is_told_in_json_too() {
    let gateway = FakeGateway::start(TWIML, receptionist).await;
    let (refused, printed) = call(&gateway, "/forbidden", &["--json", "--say", "hello"]).await;
    assert!(refused.is_err());
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["type"], &lines[0]["answered"]), (&"call".into(), &false.into()), "{printed}");
    assert!(lines[0]["failed"].as_str().unwrap().contains("TWILIO_AUTH_TOKEN"), "{printed}");
    assert_eq!((&lines[1]["type"], &lines[1]["failed"]), (&"summary".into(), &1.into()), "{printed}");
}

#[tokio::test]
async fn lines_from_a_pipe_wait_for_the_agent_and_the_end_of_the_pipe_for_its_last_reply() {
    let gateway = FakeGateway::start(TWIML, receptionist).await;
    let url = format!("{}/voice", gateway.url);
    let (result, printed) = call_typing("/help\n\nbook a table\n/dtmf 1x\n/dtmf 1\n", &["--url", &url]).await;
    result.unwrap();
    gateway.finish().await;
    let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().starts_with("answered in")).collect();
    let [help, greeting, caller, reply, no_key, key, goodbye, summary] = lines.as_slice() else { panic!("{printed}") };
    assert!(help.contains("/hangup"), "{printed}");
    assert_eq!((*greeting, *caller, *reply), ("agent:  300 ms", "caller: book a table", "agent:  400 ms"));
    assert!(no_key.contains("'x' is no key"), "{printed}");
    assert_eq!((*key, *goodbye), ("caller: (keys 1)", "agent:  200 ms"));
    assert!(summary.ends_with("ended by: gateway"), "{printed}");
}

#[tokio::test]
async fn a_typed_hangup_ends_the_call_whatever_follows() {
    async fn patient(mut socket: Socket) {
        socket.until("start").await;
        socket.play(&voice(100)).await;
        let (last, closed) = socket.until_end().await;
        assert_eq!((&last["event"], closed), (&"stop".into(), true));
    }
    let gateway = FakeGateway::start(TWIML, patient).await;
    let url = format!("{}/voice", gateway.url);
    let (result, printed) = call_typing("/nonsense\n/hangup\nnever said\n", &["--url", &url]).await;
    result.unwrap();
    gateway.finish().await;
    assert!(printed.contains("no such command"), "{printed}");
    assert!(!printed.contains("never said") && printed.trim_end().ends_with("ended by: caller"), "{printed}");
}

#[tokio::test]
async fn a_pipe_that_has_more_to_say_than_the_call_lasts_is_a_failure() {
    let gateway = FakeGateway::start(TWIML, receptionist).await;
    let url = format!("{}/voice", gateway.url);
    let (result, _) = call_typing("book a table\n/dtmf 1\none more thing\n", &["--url", &url]).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("by: gateway") && error.contains("line 3"), "{error}");
    gateway.finish().await;
}

/// A server of another make: no TwiML, no marks, everything in one message.
#[tokio::test]
async fn a_stream_is_called_without_a_webhook_and_given_its_parameters() {
    async fn foreign(mut socket: Socket) {
        let start = socket.until("start").await;
        assert_eq!(start["start"]["customParameters"]["token"], "a=b");
        assert_eq!(start["start"]["customParameters"]["room"], "blue");
        assert_eq!(start["start"]["streamSid"], start["streamSid"]);
        socket.until_voice().await;
        socket.until_silence().await;
        socket.play(&voice(500)).await;
        let (last, closed) = socket.until_end().await;
        assert_eq!((&last["event"], closed), (&"stop".into(), true));
    }
    let mut gateway = FakeGateway::start(TWIML, foreign).await;
    let url = format!("{}/media", gateway.url.replace("http://", "ws://"));
    let parameters = ["--param", "token=a=b", "--param", "room=blue", "--patience", "1", "--say", "hello there"];
    let (result, printed) = call_typing("", &[&["--url", url.as_str()][..], &parameters].concat()).await;
    result.unwrap();
    assert!(printed.contains("(the agent did not finish within 1 s)"), "a silent server is not waited for: {printed}");
    assert!(printed.contains("agent:  500 ms") && printed.contains("1 replies"), "{printed}");
    assert_eq!(gateway.request().await.path, "/media", "and nothing else was asked");
    gateway.finish().await;
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_no_call() {
    let gateway = FakeGateway::start(TWIML, receptionist).await;
    let url = format!("{}/nowhere", gateway.url.replace("http://", "ws://"));
    let (refused, _) = call_typing("", &["--url", &url, "--say", "hello"]).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("31920") && refused.contains("404"), "{refused}");
}

#[tokio::test]
async fn several_calls_at_once_are_summed_up() {
    let gateway = FakeGateway::start(TWIML, receptionist).await;
    let (result, printed) = call(&gateway, "/voice", &["--calls", "5", "--say", "book a table", "--dtmf", "1"]).await;
    assert_eq!(result.unwrap(), ExitCode::SUCCESS);
    gateway.finish().await;
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 6, "a line for each call and one for all: {printed}");
    for call in 1..=5 {
        assert!(lines.iter().any(|line| line.starts_with(&format!("call {call}: "))), "{printed}");
    }
    assert!(lines[5].starts_with("5 calls · 5 answered · 0 failed · 5 replies · median "), "{printed}");
    assert!(lines[5].ends_with(" · 0 warnings"), "{printed}");
}

#[tokio::test]
async fn one_call_that_fails_among_several_is_named_and_fails_the_command() {
    async fn moody(mut socket: Socket) {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        if CALLS.fetch_add(1, Ordering::Relaxed) == 1 {
            socket.until("start").await;
            return socket.close(1000).await;
        }
        receptionist(socket).await;
    }
    let gateway = FakeGateway::start(TWIML, moody).await;
    let script = ["--json", "--calls", "3", "--say", "book a table", "--dtmf", "1"];
    let (result, printed) = call(&gateway, "/voice", &script).await;
    assert_eq!(result.unwrap(), ExitCode::FAILURE);
    gateway.finish().await;
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_call = |call: usize| lines.iter().filter(move |line| line["call"] == call);
    let kinds = |call: usize| of_call(call).map(|line| line["type"].as_str().unwrap()).collect::<Vec<_>>();
    let failed: Vec<_> = (1..=3).filter(|call| kinds(*call) == ["call"]).collect();
    assert_eq!(failed.len(), 1, "{printed}");
    for call in (1..=3).filter(|call| *call != failed[0]) {
        assert_eq!(kinds(call), ["agent", "caller", "agent", "latency", "caller", "agent", "call"], "{printed}");
        let words: Vec<_> = of_call(call).filter_map(|line| line["text"].as_str()).collect();
        assert_eq!(words, ["300 ms", "book a table", "400 ms", "(keys 1)", "200 ms"]);
    }
    let summary = lines.last().unwrap();
    assert_eq!((&summary["calls"], &summary["answered"], &summary["failed"]), (&3.into(), &3.into(), &1.into()));
    assert_eq!(summary["failures"][0]["call"], failed[0]);
    assert!(summary["failures"][0]["failed"].as_str().unwrap().contains("by: gateway"), "{printed}");
    assert!(summary["max_ms"].as_f64() >= summary["median_ms"].as_f64());
}

#[tokio::test]
async fn options_that_make_no_sense_together_are_refused_before_a_call() {
    for (arguments, words) in [
        (&["--calls", "2"][..], "--calls needs a script"),
        (&["--calls", "2", "--say", "a", "--record", "x.wav"], "--record records one call"),
        (&["--param", "a=b", "--url", "http://127.0.0.1:1/voice"], "--param needs a --url"),
    ] {
        let (refused, _) = call_typing("", arguments).await;
        assert!(refused.unwrap_err().to_string().contains(words), "{arguments:?}");
    }
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
