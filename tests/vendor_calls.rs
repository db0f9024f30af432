//! Whole calls through cloud vendors: the gateway as a process of its own, pointed by environment alone at a
//! Deepgram and a chat-completions server on loopback, and a caller on the phone.
//!
//! Words travel as marks in the audio, so what a story asserts is what was audible. No weights are needed, but
//! for the story in which the local voice stands in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "whole_calls/gateway.rs"]
#[allow(dead_code, reason = "other stories ask the gateway more")]
mod gateway;

use std::time::Duration;

use jiff::ToSpan as _;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use voice_gateway::phone::{LiveCall, Phone, PhoneEvent, Waited};
use voice_pipeline::audio::ulaw;
use voice_pipeline::time::CallTime;
use voice_testkit::fakes::chat::{Answer, ChatPlan, Counts, DefaultAnswer, FakeChat, last_words};
use voice_testkit::fakes::deepgram::{DeepgramPlan, FakeDeepgram, Pace, Refusal, Route};
use voice_testkit::fakes::fault::FaultKind;
use voice_testkit::fakes::speech::{self, WordReader};

use gateway::Gateway;

/// More than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(5);

/// The agent has said everything after so much silence.
const SILENCE: Duration = Duration::from_millis(900);

/// The setting's 240 ms, a frame on each side, and the scheduling of a busy machine.
const BARGE_IN_MS: u64 = 300;

/// Long enough to be cut anywhere in its middle.
const LONG: &str = "We have one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen \
                    sixteen seventeen eighteen nineteen twenty slots in all.";

/// A day on which the backend takes bookings.
fn some_day() -> jiff::civil::Date {
    jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date() + 7.days()
}

/// Answers by what the caller says: books, talks at length, or repeats.
fn thinks(request: &Value) -> Answer {
    let last = request["messages"].as_array().and_then(|messages| messages.last()).unwrap();
    let words = last_words(request);
    match last["role"].as_str() {
        Some("tool") => Answer::says("You are all set."),
        _ if words.contains("book") => {
            let date = some_day().to_string();
            let arguments = json!({"date": date, "time": "09:10", "players": 2, "name": "Smith"});
            Answer::calls("bookTeeTime", arguments)
        }
        _ if words.contains("everything") => Answer::says(LONG),
        _ => Answer::says(format!("You said {words}")),
    }
}

fn chat() -> FakeChat {
    let plan = ChatPlan { default: DefaultAnswer::by(thinks), ..ChatPlan::default() };
    FakeChat::start(plan, voice_testkit::fakes::chat::unobserved()).unwrap()
}

fn deepgram() -> FakeDeepgram {
    let plan = DeepgramPlan { key: Some("secret".into()), ..DeepgramPlan::default() };
    FakeDeepgram::start(plan, voice_testkit::fakes::deepgram::unobserved()).unwrap()
}

/// A gateway with nothing but these vendors.
async fn gateway(deepgram: &FakeDeepgram, settings: &[(&str, &str)]) -> Gateway {
    let url = deepgram.url();
    let vendors = [
        ("STT_VENDOR", "deepgram"),
        ("TTS_VENDOR", "deepgram"),
        ("DEEPGRAM_URL", url.as_str()),
        ("DEEPGRAM_API_KEY", "secret"),
    ];
    let settings = vendors.iter().chain(settings).map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let settings: Vec<_> = settings.collect();
    let gateway = spawn_blocking(move || Gateway::start(&settings)).await.unwrap();
    // From now on as fast as a vendor speaks, not all at once: there is a middle in which it can die.
    deepgram.plan(|plan| plan.tts.pace = Pace::RealTime(1.5));
    gateway
}

/// A caller whose words are marks.
struct Caller {
    live: LiveCall,
    /// Up to where it has listened.
    heard_until: CallTime,
}

impl Caller {
    /// Calls, and hears the greeting.
    async fn greeted(gateway: &Gateway) -> Self {
        let live = Phone::dial(gateway.phone()).await.unwrap();
        let mut caller = Self { live, heard_until: CallTime::ZERO };
        assert!(caller.hears().await.starts_with("Thanks for calling"), "the greeting is heard");
        caller
    }

    fn sid(&self) -> String {
        self.live.sids().call.clone()
    }

    async fn says(&self, text: &str) {
        let samples: Vec<i16> = speech::speak(text).into_iter().map(ulaw::decode).collect();
        self.live.speak(&samples).await.unwrap();
    }

    /// The words of the agent since it was last listened to, when it has finished.
    async fn hears(&mut self) -> String {
        assert_eq!(self.live.wait_until_agent_finishes(PATIENCE).await, Waited::Happened);
        assert_eq!(self.live.wait_until_agent_is_quiet_for(SILENCE, PATIENCE).await, Waited::Happened);
        self.heard_so_far()
    }

    fn heard_so_far(&mut self) -> String {
        let now = self.live.clock().now();
        let samples = self.live.heard_between(self.heard_until, now);
        self.heard_until = now;
        let bytes: Vec<u8> = samples.into_iter().map(ulaw::encode).collect();
        let mut words = Vec::new();
        WordReader::default().push(&bytes, |heard| words.push(heard.word));
        words.join(" ")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn books_and_gives_way_through_cloud_vendors_alone() {
    let (deepgram, chat) = (deepgram(), chat());
    let base_url = chat.base_url();
    let gateway = gateway(&deepgram, &[("LLM_VENDOR", "chat"), ("LLM_BASE_URL", &base_url)]).await;
    let mut caller = Caller::greeted(&gateway).await;
    let sid = caller.sid();

    caller.says("please book it for two").await;
    assert_eq!(caller.hears().await, "You are all set.");
    assert_eq!(gateway.tee_sheet(some_day(), "09:10").await, [("Smith".to_owned(), 2)], "one booking");
    assert_eq!(gateway.texts(&sid, "turn.committed"), ["please book it for two"]);

    caller.says("tell me everything").await;
    assert_eq!(caller.live.wait_until_agent_speaks(PATIENCE).await, Waited::Happened);
    let began = caller.live.agent_speaking_since().unwrap();
    caller.live.wait_until(began + Duration::from_millis(2_500)).await;
    caller.says("no thank you rather something else").await;
    let barge_in = gateway.event(&sid, "barge_in", SOON).await;
    assert!(barge_in["after_ms"].as_u64().unwrap() <= BARGE_IN_MS, "{barge_in}");
    let cancelled = gateway.event(&sid, "reply.cancelled", SOON).await;
    let believed = cancelled["pii.heard"].as_str().unwrap().to_owned();
    let cleared = loop {
        if let PhoneEvent::Cleared { at, .. } = caller.live.events().recv().await.expect("the line is cleared") {
            break at;
        }
    };
    let audible = {
        let samples = caller.live.heard_between(began - Duration::from_millis(100), cleared);
        let mut words = Vec::new();
        let bytes: Vec<u8> = samples.into_iter().map(ulaw::encode).collect();
        WordReader::default().push(&bytes, |heard| words.push(heard.word));
        words
    };
    let count = believed.split_whitespace().count();
    assert!(LONG.starts_with(&believed) && count > 2, "{believed:?}");
    // A word's mark is at its beginning: of the last one only that was certainly audible.
    let whole = audible.len() - 1;
    assert!(whole.abs_diff(count) <= 1, "believed {believed:?}, audible {audible:?}");
    caller.heard_until = cleared;
    assert_eq!(caller.hears().await, "You said no thank you rather something else");

    let Counts { requests, .. } = chat.counts();
    assert!(requests >= 4, "question, result, question, answer: {requests}");
    // One socket for the agent's fixed lines, one for the call.
    assert_eq!((deepgram.requests(Route::Listen), deepgram.requests(Route::Speak)), (1, 2));
    let record = caller.live.finish().await;
    assert_eq!(record.warnings, 0);
    gateway.event(&sid, "call.ended", SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_goes_on_although_every_vendor_dies_once() {
    let (deepgram, chat, second) = (deepgram(), chat(), chat());
    let (first_url, second_url) = (chat.base_url(), second.base_url());
    let llm = [("LLM_VENDOR", "chat,chat2"), ("LLM_BASE_URL", &*first_url), ("LLM2_BASE_URL", &*second_url)];
    let gateway = gateway(&deepgram, &llm).await;
    let mut caller = Caller::greeted(&gateway).await;
    let sid = caller.sid();

    // The ear dies in the middle of a sentence, and the brain is gone when it is asked.
    chat.stop().await;
    let sentence = "one two three four five six seven eight nine";
    let dies = async {
        gateway.event(&sid, "transcript.interim", PATIENCE).await;
        assert_eq!(deepgram.break_all(Route::Listen, &FaultKind::Reset), 1);
    };
    tokio::join!(caller.says(sentence), dies);
    assert_eq!(caller.hears().await, format!("You said {sentence}"));
    assert_eq!(gateway.texts(&sid, "turn.committed"), [sentence], "whole and once");

    // The mouth dies in the middle of a sentence.
    caller.says("tell me everything").await;
    assert_eq!(caller.live.wait_until_agent_speaks(PATIENCE).await, Waited::Happened);
    let began = caller.live.agent_speaking_since().unwrap();
    caller.live.wait_until(began + Duration::from_millis(1_500)).await;
    assert_eq!(deepgram.break_all(Route::Speak, &FaultKind::Reset), 1);
    let heard = caller.hears().await;
    let (heard, said): (Vec<_>, Vec<_>) = (heard.split(' ').collect(), LONG.split_whitespace().collect());
    let doubled = heard.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let missing = said.iter().filter(|word| !heard.contains(word)).count();
    // Without word times the word at the seam is a guess.
    assert!(doubled + missing <= 1, "{heard:?}");

    caller.says("still there").await;
    assert_eq!(caller.hears().await, "You said still there");
    let failed: Vec<_> = gateway.events_named(&sid, "vendor.failed");
    for stage in ["stt", "llm", "tts"] {
        assert!(failed.iter().any(|event| event["stage"] == stage), "{stage} is missing in {failed:?}");
    }
    let replaced = gateway.events_named(&sid, "vendor.replaced");
    assert!(replaced.iter().all(|event| event["from"] == "chat" && event["to"] == "chat2"), "{replaced:?}");
    assert!(!replaced.is_empty());
    caller.live.finish().await;
}

/// Takes the wish, and is long over the name: there is a middle in which it can die.
fn asks_for_the_name(request: &Value) -> Answer {
    let words = last_words(request);
    if words.contains("Smith") {
        let thanks = "Thank you, so that is a tee time for two, and now I will read all of it back to you, the day and \
                      the time and how many of you will come and the name it is under, one after the other, and you \
                      tell me at the end of it if there is a thing that is not as you want it to be";
        return Answer::says(thanks).paced(Duration::ZERO, Duration::from_millis(80));
    }
    Answer::says("Sure, what name should it be under?")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scripted_agent_makes_the_booking_in_which_the_model_died_for_good() {
    let plan = ChatPlan { default: DefaultAnswer::by(asks_for_the_name), ..ChatPlan::default() };
    let chat = FakeChat::start(plan, voice_testkit::fakes::chat::unobserved()).unwrap();
    let (deepgram, base_url) = (deepgram(), chat.base_url());
    let gateway = gateway(&deepgram, &[("LLM_VENDOR", "chat,forms"), ("LLM_BASE_URL", &base_url)]).await;
    let mut caller = Caller::greeted(&gateway).await;
    let sid = caller.sid();

    caller.says(&format!("book a tee time for two on {} at 9:10 am", some_day().strftime("%B %-d"))).await;
    assert_eq!(caller.hears().await, "Sure, what name should it be under?");
    caller.says("the name is Smith").await;
    assert_eq!(caller.live.wait_until_agent_speaks(PATIENCE).await, Waited::Happened);
    chat.stop().await;
    let heard = caller.hears().await;
    let seam = "Thank you, so that is a tee time for two, Sorry, let me say that again. So that's a tee time on";
    assert!(heard.contains(seam), "{heard:?}");
    assert!(heard.ends_with("at 9:10 AM for 2 players, under the name Smith. Is that right?"), "{heard:?}");
    assert!(gateway.tee_sheet(some_day(), "09:10").await.is_empty(), "nobody has agreed to anything yet");

    caller.says("yes that is right").await;
    let heard = caller.hears().await;
    assert!(heard.contains("You're all set, Smith:"), "{heard:?}");
    assert_eq!(gateway.tee_sheet(some_day(), "09:10").await, [("Smith".to_owned(), 2)], "one booking");
    let replaced = gateway.events_named(&sid, "vendor.replaced");
    assert!(replaced.iter().all(|event| (&event["from"], &event["to"]) == (&json!("chat"), &json!("forms"))));
    assert!(!replaced.is_empty() && gateway.events_named(&sid, "tool.called").len() == 1);
    caller.live.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_voice_goes_on_when_the_cloud_is_gone_for_good() {
    if voice_engines::weights::testing::weights_or_skip(voice_engines::weights::ModelSet::DEFAULT).is_none() {
        return;
    }
    let (deepgram, chat) = (deepgram(), chat());
    let base_url = chat.base_url();
    let settings = [("LLM_VENDOR", "chat"), ("LLM_BASE_URL", &*base_url), ("TTS_VENDOR", "deepgram,local")];
    let gateway = gateway(&deepgram, &settings).await;
    let mut caller = Caller::greeted(&gateway).await;
    let sid = caller.sid();
    deepgram.plan(|plan| plan.refuse(Route::Speak, 50, &Refusal::unavailable()));
    assert_eq!(deepgram.break_all(Route::Speak, &FaultKind::CloseTcp), 1);
    caller.says("hello there").await;
    let spoken = caller.hears().await;
    assert_eq!(spoken, "", "a voice without marks speaks");
    let replaced = gateway.event(&sid, "vendor.replaced", SOON).await;
    assert_eq!((&replaced["stage"], &replaced["to"]), (&json!("tts"), &json!("local")));
    caller.live.finish().await;
}
