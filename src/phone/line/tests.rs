use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::phone::FRAME;

const STREAM: &str = "MZ00000000000000000000000000000003";
const RECORDED: &str = include_str!("../../../tests/vectors/call_twilio.json");

fn sids() -> Sids {
    Sids { account: "AC00000000000000000000000000000001".into(), call: "CA00000000000000000000000000000002".into() }
}

fn at(millis: u64) -> CallTime {
    CallTime::from_millis(millis)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A line with an open stream, its opening messages taken away.
fn open_line(settings: &PhoneSettings) -> Line {
    let mut line = Line::new(sids(), settings);
    line.connect(STREAM.into());
    line.start(at(0), &BTreeMap::new());
    drain(&mut line);
    line
}

fn drain(line: &mut Line) -> (Vec<Value>, Vec<PhoneEvent>) {
    let (mut sent, mut events) = (Vec::new(), Vec::new());
    while let Some(output) = line.poll_output() {
        match output {
            Output::Send(WsMessage::Text(text)) => sent.push(serde_json::from_str(&text).unwrap()),
            Output::Send(WsMessage::Binary(_)) => panic!("a carrier sends no binary messages"),
            Output::Report(event) => events.push(event),
        }
    }
    (sent, events)
}

fn gateway_says(message: &Value) -> WsMessage {
    WsMessage::Text(message.to_string().into())
}

fn media(ulaw: &[u8]) -> WsMessage {
    let payload = STANDARD.encode(ulaw);
    gateway_says(&json!({"event": "media", "streamSid": STREAM, "media": {"payload": payload}}))
}

fn mark(name: &str) -> WsMessage {
    gateway_says(&json!({"event": "mark", "streamSid": STREAM, "mark": {"name": name}}))
}

fn clear() -> WsMessage {
    gateway_says(&json!({"event": "clear", "streamSid": STREAM}))
}

/// A loud tone.
fn voice(length: Duration) -> Vec<i16> {
    let samples = length.as_millis() * 8;
    (0..samples).map(|n| ((n as f32 * 0.7).sin() * 6_000.0) as i16).collect()
}

fn agent_voice(length: Duration) -> Vec<u8> {
    voice(length).into_iter().map(ulaw::encode).collect()
}

/// Ticks through the milliseconds of the range and gives what was reported.
fn run(line: &mut Line, millis: std::ops::Range<u64>) -> Vec<PhoneEvent> {
    let first = millis.start.next_multiple_of(FRAME.as_millis() as u64);
    let mut events = Vec::new();
    for time in (first..millis.end).step_by(20) {
        line.tick(at(time));
        events.extend(drain(line).1);
    }
    events
}

#[test]
fn replays_a_recorded_call_message_by_message() {
    let call: Value = serde_json::from_str(RECORDED).unwrap();
    let mut line = Line::new(sids(), &PhoneSettings::default());
    let mut sent = VecDeque::new();
    let mut compared = 0;
    for event in call["events"].as_array().unwrap() {
        let now = at(event["at_ms"].as_u64().unwrap());
        let frame = &event["frame"];
        if event["dir"] == "server_to_provider" {
            line.receive(now, &gateway_says(frame));
            sent.extend(drain(&mut line).0);
            continue;
        }
        match frame["event"].as_str() {
            Some("connected") => line.connect(STREAM.into()),
            Some("start") => {
                let parameters = &frame["start"]["customParameters"];
                line.start(now, &serde_json::from_value(parameters.clone()).unwrap());
            }
            Some("media") => {
                let audio = STANDARD.decode(frame["media"]["payload"].as_str().unwrap()).unwrap();
                line.speak(&audio.iter().map(|&byte| ulaw::decode(byte)).collect::<Vec<_>>());
                line.tick(now);
            }
            Some("dtmf") => {
                let digit = frame["dtmf"]["digit"].as_str().unwrap();
                let dtmf = line.messages.dtmf(digit.chars().next().unwrap());
                line.send(dtmf);
            }
            Some("stop") => line.stop(),
            Some("mark") => {}
            other => {
                assert_eq!((other, &event["opcode"]), (None, &json!("close")));
                continue;
            }
        }
        sent.extend(drain(&mut line).0);
        assert_eq!(sent.pop_front().as_ref(), Some(frame), "at {now:?}");
        compared += 1;
    }
    assert!(sent.is_empty(), "{sent:?}");
    assert_eq!(compared, 19);
}

#[test]
fn warns_once_per_stream_and_goes_on() {
    let call: Value = serde_json::from_str(RECORDED).unwrap();
    let mut line = open_line(&PhoneSettings::default());
    for case in call["invalid_server_frames"].as_array().unwrap() {
        match case["frame_text"].as_str() {
            Some(text) => line.receive(at(5), &WsMessage::Text(text.into())),
            None => line.receive(at(5), &WsMessage::Binary(vec![0x00, 0xFF].into())),
        }
    }
    let (sent, events) = drain(&mut line);
    assert_eq!(sent, Vec::<Value>::new());
    assert!(matches!(events.as_slice(), [PhoneEvent::Warning { code: 31_951, .. }]), "{events:?}");

    line.receive(at(10), &mark("still-here"));
    assert_eq!(drain(&mut line).0[0]["mark"]["name"], "still-here");

    line.connect("MZ1".into());
    line.receive(at(20), &mark("old stream"));
    let again = drain(&mut line).1;
    assert!(matches!(again.as_slice(), [PhoneEvent::Warning { .. }]), "{again:?}");
}

#[test]
fn measures_a_turn_by_the_callers_ear() {
    let mut line = open_line(&PhoneSettings::default());
    line.speak(&[voice(ms(400)), vec![0; 800]].concat());
    run(&mut line, 20..1_010);
    line.receive(at(1_010), &media(&[vec![SILENCE; 400], agent_voice(ms(300))].concat()));
    let events = run(&mut line, 1_010..2_500);

    let [latency] = line.latencies() else { panic!("{:?}", line.latencies()) };
    let near = |measured: Duration, expected: u64| measured.abs_diff(ms(expected)) <= ms(2);
    assert!(near(latency.caller_stopped.since_answer(), 400), "{latency:?}");
    assert!(near(latency.gateway, 610), "{latency:?}");
    assert!(near(latency.buffer, 10), "{latency:?}");
    assert!(near(latency.lead_in, 50), "{latency:?}");
    assert_eq!(latency.gateway + latency.buffer + latency.lead_in, latency.total);
    assert!(near(line.longest_silence(), 670), "{:?}", line.longest_silence());

    let spoke: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            PhoneEvent::AgentStartedSpeaking { at } => Some(("started", at.as_millis())),
            PhoneEvent::AgentStoppedSpeaking { at } => Some(("stopped", at.as_millis())),
            _ => None,
        })
        .collect();
    assert!(matches!(spoke.as_slice(), [("started", 1_069..=1_072), ("stopped", 1_368..=1_372)]), "{spoke:?}");
}

#[test]
fn a_pause_inside_a_reply_does_not_end_it_while_audio_waits() {
    let mut line = open_line(&PhoneSettings::default());
    let pause = vec![SILENCE; 8 * 1_000];
    let reply = [agent_voice(ms(200)), pause, agent_voice(ms(200))].concat();
    line.receive(at(0), &media(&reply));
    let events = run(&mut line, 20..1_400);
    assert!(!events.iter().any(|e| matches!(e, PhoneEvent::AgentStoppedSpeaking { .. })));
    let events = run(&mut line, 1_400..2_400);
    assert!(events.iter().any(|e| matches!(e, PhoneEvent::AgentStoppedSpeaking { .. })));
}

#[test]
fn a_clear_silences_the_agent_at_once_and_the_next_reply_is_timed() {
    let mut line = open_line(&PhoneSettings::default());
    line.receive(at(0), &media(&agent_voice(ms(5_000))));
    line.receive(at(0), &mark("0:0"));
    run(&mut line, 20..1_000);
    line.speak(&voice(ms(500)));
    run(&mut line, 1_000..1_300);
    line.receive(at(1_301), &clear());
    let (sent, events) = drain(&mut line);
    assert_eq!(sent[0]["mark"]["name"], "0:0");
    assert!(matches!(
        events.as_slice(),
        [
            PhoneEvent::Cleared { .. },
            PhoneEvent::AgentStoppedSpeaking { .. },
            PhoneEvent::MarkEchoed { played: false, .. }
        ]
    ));
    run(&mut line, 1_300..1_800);
    line.receive(at(1_805), &media(&agent_voice(ms(500))));
    run(&mut line, 1_805..2_000);
    let [latency] = line.latencies() else { panic!("{:?}", line.latencies()) };
    assert!(latency.total.abs_diff(ms(340)) <= ms(3), "{latency:?}");
    assert_eq!(line.heard().len(), 2);
}

#[test]
fn keeps_both_legs_in_step() {
    let mut line = open_line(&PhoneSettings::default());
    line.speak(&voice(ms(30)));
    line.receive(at(0), &media(&agent_voice(ms(50))));
    run(&mut line, 20..220);
    let legs = line.legs();
    assert_eq!((legs.caller.len(), legs.agent.len()), (1_600, 1_600));
    assert!(legs.caller[240..].iter().all(|&byte| byte == SILENCE));
    assert!(legs.agent[400..].iter().all(|&byte| byte == SILENCE));
}

#[test]
fn unknown_messages_come_between_the_known_ones_with_the_same_sequence() {
    let mut settings = PhoneSettings::default();
    settings.faults.unknown_messages = true;
    let mut line = Line::new(sids(), &settings);
    line.connect(STREAM.into());
    line.start(at(0), &BTreeMap::new());
    for n in 1..=50 {
        line.tick(at(n * 20));
    }
    let sent = drain(&mut line).0;
    let events: Vec<_> = sent.iter().map(|message| message["event"].as_str().unwrap()).collect();
    assert_eq!(events[..3], ["connected", "forecast", "start"]);
    assert_eq!(events.last(), Some(&"forecast"));
    let sequence: Vec<u64> =
        sent[1..].iter().map(|message| message["sequenceNumber"].as_str().unwrap().parse().unwrap()).collect();
    assert!(sequence.iter().copied().eq(1..=53), "{sequence:?}");
}

#[test]
fn a_paused_line_sends_no_media_but_goes_on_playing() {
    let mut line = open_line(&PhoneSettings::default());
    line.pause_media(true);
    line.receive(at(0), &media(&agent_voice(ms(40))));
    line.receive(at(0), &mark("m"));
    line.tick(at(20));
    line.tick(at(40));
    let sent = drain(&mut line).0;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["event"], "mark");
}
