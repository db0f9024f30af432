//! A caller in a hurry: frames go out four times as fast as a telephone sends them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use voice_pipeline::audio::ulaw::SILENCE;
use voice_pipeline::net::websocket::{Dialed, Dialer, WsLimits, WsMessage, WsReader, WsWriter};
use voice_testkit::fakes;
use voice_testkit::fakes::speech::{self, FRAME_BYTES, WordReader};
use voice_testkit::load::twiml;
use voice_testkit::load::wire::{self, Incoming, Sids, Writer};

const FRAME_EVERY: Duration = Duration::from_millis(5);
const DIAL_LIMIT: Duration = Duration::from_secs(20);

/// The first word of an answer that no fixed line of the agent has.
const ANSWERED: &str = "said:";

/// How a caller behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Asks something, hears the answer begin, hangs up.
    Asks(&'static str),
    /// Is gone without a word as soon as the greeting begins.
    Vanishes,
}

impl Manner {
    /// The manner of the caller with this number.
    pub(crate) fn of(number: u32) -> Self {
        // One word over a greeting would be no interruption.
        match number % 4 {
            0 => Self::Vanishes,
            1 => Self::Asks("please look it up"),
            _ => Self::Asks("book please"),
        }
    }
}

/// What is heard.
enum Heard {
    Sound,
    Mark(String),
    Word(String),
}

pub(crate) struct Caller {
    http: Client,
    dialer: Dialer,
    webhook: String,
    silence: String,
}

impl Caller {
    pub(crate) fn new(carrier_url: &str) -> Self {
        Self {
            // A carrier's connections are no part of a call.
            http: Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap(),
            dialer: fakes::dialer(),
            webhook: format!("{carrier_url}/twilio/voice"),
            silence: STANDARD.encode([SILENCE; FRAME_BYTES]),
        }
    }

    /// One call, from the webhook to the hang-up.
    pub(crate) async fn call(&self, manner: Manner) {
        let sids = Sids::random();
        let fields = [("AccountSid", &*sids.account), ("CallSid", &sids.call), ("From", "+15550100001"), ("To", "")];
        let answer = self.http.post(&self.webhook).form(&fields).send().await.unwrap();
        let stream = twiml::stream(&answer.text().await.unwrap()).unwrap().expect("the call is taken");
        let dialed = self.dialer.dial(&stream.url, &[], DIAL_LIMIT, &WsLimits::default()).await.unwrap();
        let Dialed { reader, mut writer, .. } = dialed;
        let mut wire = Writer::new(sids.clone());
        writer.send_text(Writer::connected()).await.unwrap();
        writer.send_text(wire.start(&stream.parameters)).await.unwrap();
        let (tell, heard) = mpsc::channel(64);
        match manner {
            // Dropping both halves breaks the line.
            Manner::Vanishes => {
                tokio::select! {
                    () = listen(reader, &sids.stream, tell) => panic!("the gateway hung up"),
                    () = until_sound(heard) => {}
                }
            }
            Manner::Asks(words) => {
                tokio::join!(listen(reader, &sids.stream, tell), self.talk(writer, wire, words, heard));
            }
        }
    }

    /// Says the words over the greeting and goes on in silence until they are answered.
    async fn talk(
        &self,
        mut writer: WsWriter<impl AsyncWrite + Unpin>,
        mut wire: Writer,
        words: &str,
        mut heard: mpsc::Receiver<Heard>,
    ) {
        let spoken: Vec<String> =
            speech::speak(words).chunks(FRAME_BYTES).map(|frame| STANDARD.encode(frame)).collect();
        let mut frames = spoken.iter();
        let mut greeted = false;
        let mut due = interval(FRAME_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                reply = writer.reply() => {
                    // A gateway that hangs up has told why.
                    let Some(reply) = reply else { return };
                    if !writer.answer(reply).await.is_ok_and(|flow| flow.is_continue()) {
                        return;
                    }
                }
                heard = heard.recv() => match heard {
                    None => return,
                    Some(Heard::Sound) => greeted = true,
                    Some(Heard::Mark(name)) => _ = writer.send_text(wire.mark(&name)).await,
                    Some(Heard::Word(word)) if word == ANSWERED => break,
                    Some(Heard::Word(_)) => {}
                },
                _ = due.tick() => {
                    let frame = if greeted { frames.next() } else { None };
                    let _ = writer.send_text(wire.media(frame.unwrap_or(&self.silence))).await;
                }
            }
        }
        // The gateway may be faster to close.
        let _ = writer.send_text(wire.stop()).await;
        writer.close(1000, "").await;
    }
}

/// Hands on what arrives until the gateway closes.
async fn listen(mut reader: WsReader<impl AsyncRead + Unpin>, stream_sid: &str, tell: mpsc::Sender<Heard>) {
    let (mut audio, mut words) = (Vec::new(), WordReader::default());
    while let Ok(WsMessage::Text(text)) = reader.next().await {
        let mut heard = Vec::new();
        match wire::read(&text, stream_sid, &mut audio).expect("a carrier understands every message") {
            Incoming::Audio => {
                heard.push(Heard::Sound);
                words.push(&audio, |word| heard.push(Heard::Word(word.word)));
            }
            Incoming::Mark(name) => heard.push(Heard::Mark(name)),
            Incoming::Clear => words = WordReader::default(),
        }
        for heard in heard {
            // Who has hung up hears nothing any more.
            let _ = tell.send(heard).await;
        }
    }
    reader.drain().await;
}

async fn until_sound(mut heard: mpsc::Receiver<Heard>) {
    while !matches!(heard.recv().await.expect("the gateway stays on the line"), Heard::Sound) {}
}
