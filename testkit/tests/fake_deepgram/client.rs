//! A client of the fake, and an observer that writes everything down.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::timeout;
use voice_pipeline::audio::ulaw;
use voice_pipeline::net::websocket::{
    DialError, DialedStream, WsEnd, WsLimits, WsMessage, WsReader, WsWriteError, WsWriter,
};
use voice_testkit::fakes;
use voice_testkit::fakes::deepgram::{DeepgramPlan, FakeDeepgram, Observer, Seen};
use voice_testkit::fakes::speech::{FRAME_BYTES, HeardWord, WordReader};

/// Far more than anything here takes; a test that hits it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const LISTEN: &str = "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true";
pub(crate) const SPEAK: &str = "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000";

/// A fake without delays, and what it saw.
pub(crate) fn start(change: impl FnOnce(&mut DeepgramPlan)) -> (FakeDeepgram, SeenLog) {
    let mut plan = DeepgramPlan::default();
    plan.stt.interim_delay = Duration::ZERO;
    plan.stt.final_delay = Duration::ZERO;
    plan.tts.first_byte_delay = Duration::ZERO;
    change(&mut plan);
    let log = SeenLog::default();
    (FakeDeepgram::start(plan, log.observer()).unwrap(), log)
}

pub(crate) struct Client {
    pub(crate) reader: WsReader<ReadHalf<DialedStream>>,
    pub(crate) writer: WsWriter<WriteHalf<DialedStream>>,
}

impl Client {
    pub(crate) async fn open(fake: &FakeDeepgram, path: &str) -> Self {
        Self::try_open(fake, path, "Token KEY").await.unwrap()
    }

    pub(crate) async fn try_open(fake: &FakeDeepgram, path: &str, authorization: &str) -> Result<Self, DialError> {
        let headers = [(hyper::header::AUTHORIZATION, authorization.parse().unwrap())];
        let url = format!("{}{path}", fake.url());
        let limits = WsLimits { max_message_bytes: 1 << 20, ..WsLimits::default() };
        let dialed = fakes::dialer().dial(&url, &headers, PATIENCE, &limits).await?;
        Ok(Self { reader: dialed.reader, writer: dialed.writer })
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.writer.send_text(&message.to_string()).await.unwrap();
    }

    /// Sends audio as a carrier cuts it.
    pub(crate) async fn play(&mut self, audio: &[u8]) -> Result<(), WsWriteError> {
        for frame in audio.chunks(FRAME_BYTES) {
            self.writer.send_binary(frame).await?;
        }
        Ok(())
    }

    pub(crate) async fn next(&mut self) -> Result<WsMessage, WsEnd> {
        timeout(PATIENCE, self.reader.next()).await.expect("the fake says something in time")
    }

    /// The next message, which is text.
    pub(crate) async fn json(&mut self) -> Value {
        match self.next().await.unwrap() {
            WsMessage::Text(text) => serde_json::from_str(&text).unwrap(),
            WsMessage::Binary(audio) => panic!("{} bytes of audio instead of text", audio.len()),
        }
    }

    /// Text messages up to and with the first that fits.
    pub(crate) async fn json_until(&mut self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let message = self.json().await;
            let done = fits(&message);
            messages.push(message);
            if done {
                return messages;
            }
        }
    }

    /// Everything up to the end, with the code of the close.
    pub(crate) async fn until_the_end(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Ok(WsMessage::Text(text)) => messages.push(serde_json::from_str(&text).unwrap()),
                Ok(WsMessage::Binary(_)) => {}
                Err(WsEnd::PeerClosed { code }) => return (messages, code),
                Err(end) => panic!("{end:?} after {messages:?}"),
            }
        }
    }

    /// The audio before the next text message, and that message.
    pub(crate) async fn audio(&mut self) -> (Vec<u8>, Value) {
        let mut audio = Vec::new();
        loop {
            match self.next().await.unwrap() {
                WsMessage::Binary(chunk) => audio.extend_from_slice(&chunk),
                WsMessage::Text(text) => return (audio, serde_json::from_str(&text).unwrap()),
            }
        }
    }
}

pub(crate) fn speak(text: &str) -> Value {
    json!({ "type": "Speak", "text": text })
}

pub(crate) fn silence(span: Duration) -> Vec<u8> {
    vec![ulaw::SILENCE; span.as_millis() as usize * 8]
}

/// The words in some audio.
pub(crate) fn words(audio: &[u8]) -> String {
    let mut words = Vec::new();
    WordReader::default().push(audio, |HeardWord { word, .. }| words.push(word));
    words.join(" ")
}

/// The text of a `Results`.
pub(crate) fn transcript(message: &Value) -> &str {
    message["channel"]["alternatives"][0]["transcript"].as_str().unwrap_or_default()
}

/// The texts of those messages that are finals and not empty.
pub(crate) fn finals(messages: &[Value]) -> Vec<&str> {
    let finals = messages.iter().filter(|message| message["is_final"] == true);
    finals.map(transcript).filter(|text| !text.is_empty()).collect()
}

/// What an observer saw.
#[derive(Default, Clone)]
pub(crate) struct SeenLog(Arc<(Mutex<Vec<Seen>>, Notify)>);

impl SeenLog {
    pub(crate) fn observer(&self) -> Observer {
        let log = Arc::clone(&self.0);
        Arc::new(move |seen| {
            log.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
            log.1.notify_waiters();
        })
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for something to be seen, or to have been seen.
    pub(crate) async fn wait_for<T: Debug>(&self, wanted: impl Fn(&Seen) -> Option<T>) -> T {
        let found = async {
            loop {
                let mut changed = std::pin::pin!(self.0.1.notified());
                changed.as_mut().enable();
                if let Some(found) = self.all().iter().find_map(&wanted) {
                    return found;
                }
                changed.await;
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("not seen, but: {:#?}", self.all()))
    }
}
