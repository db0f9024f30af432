//! Twilio's recorded words: signatures, TwiML and a whole call, replayed.

#![allow(clippy::unwrap_used)]

use proptest::prelude::{any, proptest};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use voice_gateway::telephony::twilio::codec::{Encoder, TwilioMessage, decode};
use voice_gateway::telephony::twilio::signature::{SignatureSettings, SignedBody, SignedRequest, Verifier};
use voice_gateway::telephony::twilio::twiml::{
    ConnectStream, connect_stream, dial, hang_up, parameter_value, say_and_hang_up,
};
use voice_pipeline::audio::chunk::UlawChunk;

const SIGNATURES: &str = include_str!("vectors/twilio_signature_vectors.json");
const CALL: &str = include_str!("vectors/call_twilio.json");
const HTTP: &str = include_str!("vectors/http_twilio.json");

fn form(body: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

#[test]
fn judges_every_recorded_signature_as_expected() {
    let vectors: Value = serde_json::from_str(SIGNATURES).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 30);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let key = case["auth_token"].as_str().unwrap();
        let url = case["request_url"].as_str().unwrap();
        let fields = form(case["form_body"].as_str().unwrap_or_default());
        let settings_header = case["x_twilio_webhooks_signature_settings"].as_str();
        let settings = if settings_header.is_some() {
            SignatureSettings {
                auth_token: Some("not the key of this request".into()),
                shared_keys: [("webhooks_sharedkey_test".to_owned(), key.into())].into(),
                ..SignatureSettings::default()
            }
        } else {
            SignatureSettings { auth_token: Some(key.into()), ..SignatureSettings::default() }
        };
        let body = match (url.starts_with("wss://"), case["method"].as_str(), case["json_body"].as_str()) {
            (true, ..) => SignedBody::Upgrade,
            (_, _, Some(json)) => SignedBody::Raw(json.as_bytes()),
            (_, Some("GET"), _) => SignedBody::None,
            _ => SignedBody::Form(&fields),
        };
        let verdict = Verifier::new(settings).verify(&SignedRequest {
            url,
            body,
            account_sid: fields.iter().find(|(name, _)| name == "AccountSid").map(|(_, value)| value.as_str()),
            signature: case["x_twilio_signature"].as_str(),
            signature_settings: settings_header,
        });
        assert_eq!(Some(verdict.is_ok()), case["expect_valid"].as_bool(), "{name}: {verdict:?}");
    }
}

#[test]
fn believes_every_recorded_webhook() {
    let vectors: Value = serde_json::from_str(HTTP).unwrap();
    let token = vectors["auth_token_used_for_signatures"].as_str().unwrap();
    let verifier = Verifier::new(SignatureSettings { auth_token: Some(token.into()), ..SignatureSettings::default() });
    let mut verified = 0;
    for exchange in vectors["exchanges"].as_array().unwrap() {
        let Some(signature) = exchange["headers"]["X-Twilio-Signature"].as_str() else { continue };
        let fields = form(exchange["body"].as_str().unwrap());
        let verdict = verifier.verify(&SignedRequest {
            url: exchange["url"].as_str().unwrap(),
            body: SignedBody::Form(&fields),
            account_sid: None,
            signature: Some(signature),
            signature_settings: None,
        });
        assert!(verdict.is_ok(), "{}: {verdict:?}", exchange["name"]);
        verified += 1;
    }
    assert_eq!(verified, 12);
}

#[test]
fn replays_a_whole_recorded_call_both_ways() {
    let call: Value = serde_json::from_str(CALL).unwrap();
    let mut stream_sid = None;
    let mut encoder = None;
    let mut seen = Vec::new();
    let frames = call["events"].as_array().unwrap().iter().filter(|event| event["opcode"] == "text");
    for event in frames {
        let frame = &event["frame"];
        if event["dir"] == "server_to_provider" {
            let encoder: &mut Encoder = encoder.as_mut().expect("nothing is sent before the start");
            let ours = match frame["event"].as_str().unwrap() {
                "media" => encoder.media(&base64_decode(frame["media"]["payload"].as_str().unwrap())),
                "mark" => encoder.mark(frame["mark"]["name"].as_str().unwrap()),
                "clear" => encoder.clear(),
                other => panic!("an event we never send: {other}"),
            };
            assert_eq!(&serde_json::from_str::<Value>(ours).unwrap(), frame);
            continue;
        }
        let message = decode(&frame.to_string(), stream_sid.as_deref()).unwrap();
        seen.push(match message {
            TwilioMessage::Connected => "connected",
            TwilioMessage::Start(start) => {
                assert_eq!(start.call_sid, "CA00000000000000000000000000000002");
                assert_eq!(start.parameters["session"], "s-1");
                assert_eq!(start.parameters["lang"], "en");
                encoder = Some(Encoder::new(&start.stream_sid));
                stream_sid = Some(start.stream_sid);
                "start"
            }
            TwilioMessage::Media(ulaw) => {
                assert_eq!(*ulaw, *base64_decode(frame["media"]["payload"].as_str().unwrap()));
                assert_eq!(ulaw.len(), 160);
                "media"
            }
            TwilioMessage::Mark(name) => {
                assert_eq!(name, frame["mark"]["name"].as_str().unwrap());
                "mark"
            }
            TwilioMessage::Dtmf(key) => {
                assert_eq!(key, '5');
                "dtmf"
            }
            TwilioMessage::Stop => "stop",
            TwilioMessage::Unknown => panic!("nothing in a recorded call is unknown: {frame}"),
        });
    }
    let count = |kind| seen.iter().filter(|seen| **seen == kind).count();
    assert_eq!(seen[..2], ["connected", "start"]);
    assert_eq!(*seen.last().unwrap(), "stop");
    assert_eq!((count("mark"), count("dtmf"), count("media")), (4, 1, 11));
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// An element with its attributes, or a text, as an XML parser understands them.
#[derive(Debug, PartialEq, Eq)]
enum Node {
    Open(String, Vec<(String, String)>),
    Text(String),
    Close(String),
}

fn parse(xml: &str) -> Vec<Node> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let name = str::to_owned;
    let mut nodes = Vec::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} in {xml}")) {
            Event::Eof => return nodes,
            Event::Decl(_) => {}
            Event::Start(tag) => {
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    (name(attribute.key.as_ref()), quick_xml::escape::unescape(&attribute.value).unwrap().into_owned())
                });
                nodes.push(Node::Open(name(tag.name().as_ref()), attributes.collect()));
            }
            Event::End(tag) => nodes.push(Node::Close(name(tag.name().as_ref()))),
            Event::Text(text) => push_text(&mut nodes, &text),
            Event::GeneralRef(reference) => {
                let reference = format!("&{};", &*reference);
                push_text(&mut nodes, &quick_xml::escape::unescape(&reference).unwrap());
            }
            other => panic!("{other:?} has no place in TwiML: {xml}"),
        }
    }
}

fn push_text(nodes: &mut Vec<Node>, more: &str) {
    match nodes.last_mut() {
        Some(Node::Text(text)) => text.push_str(more),
        _ => nodes.push(Node::Text(more.to_owned())),
    }
}

fn open(name: &str, attributes: &[(&str, &str)]) -> Node {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Node::Open(name.to_owned(), attributes.iter().map(own).collect())
}

fn close(name: &str) -> Node {
    Node::Close(name.to_owned())
}

const ATTACKS: [&str; 8] = [
    "plain",
    "\"/><Dial>+19005550100</Dial><X a=\"",
    "]]></Say><Redirect>https://evil.example.com/</Redirect>",
    "a & b < c > d ' e \" f",
    "&lt;already&gt; &amp; &#x41;",
    "<!-- --><!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>&y;",
    "line\nbreak\ttab\rreturn",
    "José 寿司 🍣",
];

#[test]
fn a_parser_reads_back_exactly_what_was_meant_whatever_the_values_hold() {
    for attack in ATTACKS {
        let stream_url = "wss://gw.example.com/twilio/media";
        let parameters = [("token", "t-1"), ("from", attack)];
        let xml = connect_stream(&ConnectStream {
            stream_url,
            status_url: "https://gw.example.com/twilio/stream-status",
            after_url: "https://gw.example.com/twilio/after-stream",
            parameters: &parameters,
            apology: attack,
        });
        let expected = [
            open("Response", &[]),
            open("Connect", &[("action", "https://gw.example.com/twilio/after-stream"), ("method", "POST")]),
            open(
                "Stream",
                &[
                    ("url", stream_url),
                    ("statusCallback", "https://gw.example.com/twilio/stream-status"),
                    ("statusCallbackMethod", "POST"),
                ],
            ),
            open("Parameter", &[("name", "token"), ("value", "t-1")]),
            close("Parameter"),
            open("Parameter", &[("name", "from"), ("value", attack)]),
            close("Parameter"),
            close("Stream"),
            close("Connect"),
            open("Say", &[]),
            Node::Text(attack.to_owned()),
            close("Say"),
            close("Response"),
        ];
        assert_eq!(parse(&xml), expected, "{attack}");
    }
}

#[test]
fn says_a_sentence_and_hangs_up() {
    for attack in ATTACKS {
        let expected = [
            open("Response", &[]),
            open("Say", &[]),
            Node::Text(attack.to_owned()),
            close("Say"),
            open("Hangup", &[]),
            close("Hangup"),
            close("Response"),
        ];
        assert_eq!(parse(&say_and_hang_up(attack)), expected, "{attack}");
    }
    assert_eq!(parse(&hang_up()), [open("Response", &[]), open("Hangup", &[]), close("Hangup"), close("Response")]);
}

#[test]
fn hands_over_to_a_number_or_a_sip_address() {
    for (target, noun) in [("+14155550123", "Number"), ("sip:desk@example.com", "Sip"), (ATTACKS[1], "Number")] {
        let expected = [
            open("Response", &[]),
            open("Dial", &[]),
            open(noun, &[]),
            Node::Text(target.to_owned()),
            close(noun),
            close("Dial"),
            close("Response"),
        ];
        assert_eq!(parse(&dial(target)), expected);
    }
}

#[test]
fn cuts_a_parameter_to_what_twilio_carries_and_xml_can_hold() {
    assert_eq!(parameter_value("from", "+1\u{0}\u{8}415\u{FFFE}"), "+1  415 ");
    let long = "寿".repeat(1_000);
    assert_eq!(parameter_value("from", &long).chars().count() + "from".len(), 499);
    for attack in ATTACKS {
        assert_eq!(parameter_value("from", attack), attack);
    }
}

proptest! {
    #[test]
    fn any_text_that_fits_a_parameter_comes_back_as_it_is(text in any::<String>()) {
        let value = parameter_value("from", &text);
        let parameters = [("from", value.as_str())];
        let xml = connect_stream(&ConnectStream {
            stream_url: "wss://gw.example.com/twilio/media",
            status_url: &text,
            after_url: "https://gw.example.com/twilio/after-stream",
            parameters: &parameters,
            apology: &text,
        });
        assert!(parse(&xml).contains(&open("Parameter", &[("name", "from"), ("value", &value)])));
    }

    #[test]
    fn no_text_makes_the_decoder_panic(text in any::<String>(), event in "connected|start|media|dtmf|mark|stop|x") {
        let _ = decode(&text, Some("MZ1"));
        let inner = Value::from(text);
        for body in [inner.clone(), serde_json::json!({"payload": inner.clone(), "name": inner.clone(), "digit": inner.clone(), "callSid": inner})] {
            let _ = decode(&serde_json::json!({"event": event, event.as_str(): body}).to_string(), Some("MZ1"));
        }
    }

    #[test]
    fn any_audio_survives_the_way_out_and_in(ulaw in any::<Vec<u8>>()) {
        let mut encoder = Encoder::new("MZ1");
        assert_eq!(decode(encoder.media(&ulaw), Some("MZ1")), Ok(TwilioMessage::Media(UlawChunk::copy_from(&ulaw))));
    }
}
