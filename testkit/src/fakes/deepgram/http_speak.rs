//! `POST /v1/speak`: one text, answered with its audio as a chunked body.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header;
use hyper::{Request, Response};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::handshake::Body;
use super::mouth::TEXT_MAX_CHARS;
use super::query::SpeakQuery;
use super::shared::Conn;
use super::sound::Encoding;
use super::{DeepgramPlan, FlushAnswer, Refusal, Seen, wire};

const BODY_MAX_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct SpokenRequest {
    text: String,
}

/// The text a request wants spoken.
pub(super) async fn read(request: Request<Incoming>) -> Result<String, Refusal> {
    let bad = |message| Refusal::new(400, "Bad Request", message);
    let body = Limited::new(request.into_body(), BODY_MAX_BYTES).collect().await;
    let body = body.map_err(|_| bad("The body could not be read."))?.to_bytes();
    let SpokenRequest { text } =
        serde_json::from_slice(&body).map_err(|_| bad("The body must be a JSON object with a text."))?;
    match text.chars().count() {
        0 => Err(bad("The text is empty.")),
        1..=TEXT_MAX_CHARS => Ok(text),
        _ => Err(bad("The text exceeds the limit of 2000 characters.")),
    }
}

/// Answers with the audio. The connection counts as open until its body was sent or dropped.
pub(super) async fn respond(query: &SpeakQuery, text: &str, conn: Conn) -> Response<Body> {
    let plan = conn.plan();
    let asked = Instant::now();
    conn.tell(Seen::TtsText { conn: conn.id, at: asked, text: text.into() });
    conn.tell(Seen::TtsFlush { conn: conn.id, at: asked });
    if plan.tts.flush == FlushAnswer::Nothing {
        return std::future::pending().await;
    }
    let content_type = if query.container { "audio/wav" } else { query.encoding.content_type() };
    let mut response = Response::builder().header(header::CONTENT_TYPE, content_type);
    for (name, value) in wire::speak_headers(&query.model, &conn.request_id, text) {
        response = response.header(name, value);
    }
    let audio = query.encoding.synthesise(text, plan.tts.silent);
    let mut body = if query.container { query.encoding.wav_header(audio.len()) } else { Vec::new() };
    body.extend_from_slice(&audio);
    sleep_until(asked + plan.tts.first_byte_delay).await;
    let audible = Audible { body: body.into(), sent: 0, begins: Instant::now(), plan, encoding: query.encoding, conn };
    let chunks = stream::unfold((audible, text.to_owned()), |(mut audible, text)| async {
        let chunk = audible.next_chunk(&text).await?;
        Some((Ok::<_, Infallible>(Frame::data(chunk)), (audible, text)))
    });
    response.body(StreamBody::new(chunks).boxed_unsync()).expect("ids, numbers and checked models are header values")
}

/// A body that is being sent.
struct Audible {
    body: Bytes,
    sent: usize,
    begins: Instant,
    plan: Arc<DeepgramPlan>,
    encoding: Encoding,
    conn: Conn,
}

impl Audible {
    async fn next_chunk(&mut self, text: &str) -> Option<Bytes> {
        let (conn, plan) = (&self.conn, &self.plan.tts);
        if self.sent == self.body.len() {
            conn.tell(Seen::TtsFlushed { conn: conn.id, at: Instant::now() });
            return None;
        }
        sleep_until(self.begins + plan.pace.offset(self.sent, self.encoding.bytes_per_second())).await;
        if self.sent == 0 {
            conn.tell(Seen::TtsFirstAudio { conn: conn.id, at: Instant::now(), text: text.into() });
        }
        let end = self.body.len().min(self.sent + plan.chunk_bytes.max(1));
        let chunk = self.body.slice(self.sent..end);
        self.sent = end;
        Some(chunk)
    }
}
