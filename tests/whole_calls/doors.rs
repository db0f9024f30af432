//! Who is let in: signatures at the webhook, tokens at the media socket, garbage on it.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use voice_gateway::phone::carrier::{Messages, Sids, random_sid};
use voice_gateway::phone::signature::sign;
use voice_gateway::phone::twiml::{self, Stream, Verb};
use voice_gateway::phone::{EndedBy, Faults, PhoneSettings};
use voice_pipeline::net::websocket::{Dialed, Dialer, WsLimits, WsMessage};

use super::caller::Story;
use super::gateway::Gateway;
use super::words::has_any;

const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
const PUBLIC_URL: &str = "https://voice.example.com";
const LIMIT: Duration = Duration::from_secs(5);

/// Unreadable messages in a row that a call survives.
const ENDURED: usize = 49;

fn form_of(sids: &Sids) -> Vec<(String, String)> {
    [
        ("AccountSid", sids.account.as_str()),
        ("CallSid", &sids.call),
        ("From", "+15550100001"),
        ("To", "+15550100000"),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Posts the voice webhook, with a signature or without.
async fn webhook(gateway: &Gateway, form: &[(String, String)], signature: Option<&str>) -> reqwest::Response {
    let mut request = reqwest::Client::new().post(format!("{}/twilio/voice", gateway.carrier_url)).form(form);
    if let Some(signature) = signature {
        request = request.header("X-Twilio-Signature", signature);
    }
    request.send().await.unwrap()
}

/// Announces a call; gives the stream it is to open.
async fn announce(gateway: &Gateway, sids: &Sids) -> Stream {
    let answer = webhook(gateway, &form_of(sids), None).await;
    let verbs = twiml::parse(&answer.text().await.unwrap()).unwrap();
    let stream = verbs.into_iter().find_map(|verb| match verb {
        Verb::Connect { stream, .. } => Some(stream),
        _ => None,
    });
    stream.expect("a call that is let in gets a stream")
}

/// Opens a stream with these parameters, waits for the agent's first word, and leaves. `false` when
/// the gateway closes the socket instead.
async fn is_answered(gateway: &Gateway, sids: &Sids, parameters: &BTreeMap<String, String>) -> bool {
    let url = format!("{}/twilio/media", gateway.carrier_url.replace("http://", "ws://"));
    let dialing = Dialer::new().unwrap().dial(&url, &[], LIMIT, &WsLimits::default()).await;
    let Dialed { mut reader, mut writer, .. } = dialing.unwrap();
    let mut messages = Messages::new(sids.clone(), random_sid("MZ"), false);
    writer.send_text(&Messages::connected()).await.unwrap();
    writer.send_text(&messages.start(parameters)).await.unwrap();
    let first = tokio::time::timeout(LIMIT, reader.next()).await.expect("it neither speaks nor closes");
    let answered = first.is_ok();
    if answered {
        writer.send_text(&messages.stop()).await.unwrap();
    }
    writer.close(1000, "").await;
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn only_webhooks_with_the_right_signature_are_answered() {
    let Some(story) = Story::begin().await else { return };
    let settings = [("TWILIO_AUTH_TOKEN", AUTH_TOKEN), ("PUBLIC_URL", PUBLIC_URL)];
    let gateway = story.gateway(&settings).await;
    let form = form_of(&Sids::random());
    let url = format!("{PUBLIC_URL}/twilio/voice");
    let right = sign(AUTH_TOKEN, &url, &form);
    let other_token = sign("00000000000000000000000000000000", &url, &form);
    let other_url = sign(AUTH_TOKEN, "https://elsewhere.example.com/twilio/voice", &form);

    for wrong in [None, Some(""), Some("bm90IGEgc2lnbmF0dXJl"), Some(&*other_token), Some(&*other_url)] {
        assert_eq!(webhook(&gateway, &form, wrong).await.status(), 403, "{wrong:?}");
    }
    let mut changed = form.clone();
    changed[2].1 = "+15550109999".into();
    assert_eq!(webhook(&gateway, &changed, Some(&right)).await.status(), 403, "the caller's number was changed");

    let answer = webhook(&gateway, &form, Some(&right)).await;
    assert_eq!(answer.status(), 200);
    let twiml = answer.text().await.unwrap();
    assert!(twiml.contains("wss://voice.example.com/twilio/media"), "{twiml}");

    // A socket whose handshake is not signed is not opened at all.
    let phone = PhoneSettings { auth_token: Some(SecretString::from("wrong")), ..gateway.phone() };
    assert!(Box::pin(voice_gateway::phone::Phone::dial(phone)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_socket_opens_once_and_only_for_its_own_call() {
    let Some((_story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let sids = Sids::random();
    let stream = announce(&gateway, &sids).await;

    let mut made_up = stream.parameters.clone();
    made_up.values_mut().for_each(|value| *value = "made up".into());
    assert!(!is_answered(&gateway, &sids, &made_up).await, "made up");
    assert!(!is_answered(&gateway, &sids, &BTreeMap::new()).await, "missing");
    assert!(!is_answered(&gateway, &Sids::random(), &stream.parameters).await, "another call's");
    assert!(is_answered(&gateway, &sids, &stream.parameters).await, "the right one");
    assert!(!is_answered(&gateway, &sids, &stream.parameters).await, "used before");
    assert_eq!(gateway.status_of("/readyz").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_a_call_only_after_fifty_messages_in_a_row() {
    let Some((story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    // Messages and fields nobody knows come on top, and count as nothing.
    let faults = Faults { unknown_messages: true, ..Faults::default() };
    let mut caller = story.call_with(PhoneSettings { faults, ..gateway.phone() }).await;
    let sid = caller.sid();
    caller.hears().await;
    let garbage = ["", "{", "null", "[]", "{\"event\":7}", "{\"event\":\"media\"}", "\u{0}\u{ffff}"];
    let mut garbage = garbage.iter().cycle().map(|text| WsMessage::Text((*text).into()));

    garbage.by_ref().take(ENDURED).for_each(|message| caller.live.send_raw(message));
    let hours = caller.says("What are your opening hours?").await;
    assert!(has_any(&hours, &["open", "dusk", "six"]), "the call does not go on: {hours:?}");

    // The caller's own audio in between would begin the count anew.
    caller.live.pause_media(true);
    garbage.by_ref().take(ENDURED + 5).for_each(|message| caller.live.send_raw(message));
    let ended = gateway.event(&sid, "call.ended", LIMIT).await;
    assert_eq!(ended["reason"], "carrier_fault");
    assert_ne!(caller.live.ended().await, EndedBy::Caller);
    assert_eq!(gateway.status_of("/healthz").await, 200);
    assert_eq!(gateway.status_of("/readyz").await, 200);
}
