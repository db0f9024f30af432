//! A stand-in for the gateway: it takes calls, hears the words of the marks, answers with its own,
//! and has the bad manners a test asks for. No vendor is asked.
#![allow(dead_code, reason = "every test uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use voice_pipeline::net::websocket::{Role, WsLimits, WsMessage, WsReader, WsWriter, close_code, split};
use voice_testkit::fakes::speech::{self, FRAME_BYTES, WordReader};
use voice_testkit::load::words::{Tag, reply};

/// What the stand-in does beside what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Nothing.
    Good,
    /// It has no line free.
    Busy,
    /// It answers the webhook with an error.
    Broken,
    /// It closes the stream instead of answering.
    HangsUp,
    /// It lets 200 ms of silence into each reply.
    Stumbles,
    /// It leaves the last word out.
    Mumbles,
}

/// Frames of silence after which a sentence is over.
const PAUSE_FRAMES: usize = 10;
/// Frames of voice that interrupt.
const BARGE_IN_FRAMES: usize = 12;

/// Serves calls until it is dropped or the listener fails.
pub(crate) async fn serve(listener: TcpListener, manners: Manners) {
    let address = listener.local_addr().unwrap();
    let mut calls = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        calls.spawn(async move {
            // A caller that is gone is the end of its call.
            let _ = answer(stream, &address.to_string(), manners).await;
        });
    }
}

async fn answer(mut stream: TcpStream, address: &str, manners: Manners) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    if head.starts_with("POST /twilio/voice ") {
        let mut form = vec![0; header("content-length:").parse().unwrap()];
        stream.read_exact(&mut form).await?;
        assert!(String::from_utf8_lossy(&form).contains("CallSid=CA"));
        let (status, twiml) = match manners {
            Manners::Broken => ("500 Internal Server Error", String::new()),
            Manners::Busy => ("200 OK", "<Response><Say>We are busy.</Say><Hangup/></Response>".into()),
            _ => {
                let stream =
                    format!("<Stream url=\"ws://{address}/media\"><Parameter name=\"token\" value=\"t\"/></Stream>");
                ("200 OK", format!("<Response><Connect>{stream}</Connect></Response>"))
            }
        };
        let length = twiml.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        return stream.write_all((head + &twiml).as_bytes()).await;
    }
    let key = header("sec-websocket-key:") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let accept = STANDARD.encode(Sha1::digest(key));
    let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n";
    stream.write_all(format!("{head}sec-websocket-accept: {accept}\r\n\r\n").as_bytes()).await?;
    let (reader, writer) = split(stream, Role::Server, &WsLimits::default());
    Talk { writer, stream_sid: String::new(), manners, marks: 0, awaited_mark: None }.run(reader).await;
    Ok(())
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

struct Talk {
    writer: WsWriter<WriteHalf<TcpStream>>,
    stream_sid: String,
    manners: Manners,
    marks: u32,
    /// Audio before this mark is still being played.
    awaited_mark: Option<String>,
}

impl Talk {
    async fn run(mut self, mut reader: WsReader<ReadHalf<TcpStream>>) {
        let mut words = WordReader::default();
        let (mut sentence, mut voiced, mut silent) = (None, 0, 0);
        while let Ok(WsMessage::Text(text)) = reader.next().await {
            let message: Value = serde_json::from_str(&text).unwrap();
            match message["event"].as_str().unwrap() {
                "start" => {
                    assert_eq!(message["start"]["customParameters"]["token"], "t");
                    self.stream_sid = message["streamSid"].as_str().unwrap().into();
                    self.say("hello").await;
                }
                "mark" if message["mark"]["name"].as_str() == self.awaited_mark.as_deref() => self.awaited_mark = None,
                "media" => {
                    let frame = STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap();
                    words.push(&frame, |heard| sentence = Tag::read(&heard.word).or(sentence));
                    (voiced, silent) = if speech::is_voice(&frame) { (voiced + 1, 0) } else { (0, silent + 1) };
                    if voiced == BARGE_IN_FRAMES && self.awaited_mark.is_some() {
                        self.send(json!({"event": "clear", "streamSid": self.stream_sid})).await;
                        self.awaited_mark = None;
                    }
                    if silent == PAUSE_FRAMES
                        && let Some(tag) = sentence.take()
                        && !self.reply(tag).await
                    {
                        return self.writer.close(close_code::NORMAL, "").await;
                    }
                }
                _ => {}
            }
        }
        reader.drain().await;
    }

    /// False when the call is to be ended.
    async fn reply(&mut self, tag: Tag) -> bool {
        let text = reply(tag);
        match self.manners {
            Manners::HangsUp => return false,
            Manners::Mumbles => self.say(text.rsplit_once(' ').unwrap().0).await,
            Manners::Stumbles => {
                let audio = speech::speak(&text);
                let (begin, rest) = audio.split_at(10 * FRAME_BYTES);
                self.audio(begin).await;
                tokio::time::sleep(Duration::from_millis(400)).await;
                self.audio(rest).await;
                self.mark().await;
            }
            _ => self.say(&text).await,
        }
        true
    }

    async fn say(&mut self, text: &str) {
        self.audio(&speech::speak(text)).await;
        self.mark().await;
    }

    async fn audio(&mut self, ulaw: &[u8]) {
        for part in ulaw.chunks(5 * FRAME_BYTES) {
            let media = json!({"payload": STANDARD.encode(part)});
            self.send(json!({"event": "media", "streamSid": self.stream_sid, "media": media})).await;
        }
    }

    async fn mark(&mut self) {
        self.marks += 1;
        let name = format!("m{}", self.marks);
        self.send(json!({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": name}})).await;
        self.awaited_mark = Some(name);
    }

    async fn send(&mut self, message: Value) {
        // The reader notices a caller that is gone.
        let _ = self.writer.send_text(&message.to_string()).await;
    }
}
