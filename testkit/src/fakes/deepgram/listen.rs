//! A recogniser's socket: the reading half hears, the writing half answers when it is time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use voice_pipeline::net::websocket::{WsMessage, WsReader, WsWriter, close_code};

use super::ear::{Ear, Results, Said};
use super::query::ListenQuery;
use super::shared::{Conn, PlanChanges};
use super::sound::Intake;
use super::wire::{self, ListenMessage};
use super::{DeepgramPlan, Seen, SttPlan};

/// Answers that wait for their time: several seconds of interims. When it is full the client's audio
/// waits.
const ANSWERS_CAPACITY: usize = 32;

const IDLE_REASON: &str = "Deepgram did not receive audio data or a text message within the timeout window. NET-0001";

/// What the reading half has the writing half do.
enum Answer {
    Send { due: Instant, json: String, told: Option<Told> },
    Close,
}

/// What the observer learns when an answer is sent.
struct Told {
    text: Arc<str>,
    is_final: bool,
    from_finalize: bool,
    speech_final: bool,
}

impl Told {
    fn now(self, conn: u64) -> Seen {
        let Self { text, is_final, from_finalize, speech_final } = self;
        let at = Instant::now();
        if is_final {
            Seen::SttFinal { conn, at, text, from_finalize, speech_final }
        } else {
            Seen::SttInterim { conn, at, text }
        }
    }
}

/// Why nothing more is heard.
enum End {
    /// The client said so.
    Finished,
    /// The client is gone, or our other half closed.
    Gone,
}

/// Serves the socket until it is over.
pub(super) async fn run<R, W>(mut reader: WsReader<R>, writer: WsWriter<W>, query: ListenQuery, conn: Conn)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (answers, waiting) = mpsc::channel(ANSWERS_CAPACITY);
    let idle = Idle::new(conn.plan().stt.idle_timeout);
    let read = async {
        let mut listener = Listener::new(&query, &conn, answers);
        if let End::Finished = listener.listen(&mut reader, &idle).await {
            listener.finish().await;
            // Whatever else the client says, the writing half closes.
            while reader.next().await.is_ok() {}
        }
        drop(listener);
        reader.drain().await;
    };
    tokio::join!(read, write(writer, waiting, &idle, &conn));
}

/// Sends each answer when it is due, in their order, and closes on a client that is idle.
async fn write<W>(mut writer: WsWriter<W>, mut waiting: mpsc::Receiver<Answer>, idle: &Idle, conn: &Conn)
where
    W: AsyncWrite + Unpin,
{
    let mut next: Option<Answer> = None;
    let mut more = true;
    let mut idle_for_too_long = std::pin::pin!(idle.passed());
    loop {
        let due = match next {
            Some(Answer::Send { due, .. }) => due,
            Some(Answer::Close) | None => Instant::now(),
        };
        tokio::select! {
            reply = writer.reply() => match reply {
                Some(reply) => if !writer.answer(reply).await.is_ok_and(|flow| flow.is_continue()) { return },
                None => return,
            },
            answer = waiting.recv(), if more && next.is_none() => {
                more = answer.is_some();
                next = answer;
            }
            () = sleep_until(due), if next.is_some() => match next.take() {
                Some(Answer::Send { json, told, .. }) => {
                    if let Some(told) = told {
                        conn.tell(told.now(conn.id));
                    }
                    if writer.send_text(&json).await.is_err() {
                        return;
                    }
                }
                Some(Answer::Close) => return writer.close(close_code::NORMAL, "").await,
                None => {}
            },
            () = &mut idle_for_too_long => return writer.close(close_code::INTERNAL, IDLE_REASON).await,
        }
    }
}

/// The hearing half.
struct Listener<'a> {
    conn: &'a Conn,
    query: &'a ListenQuery,
    changes: PlanChanges,
    plan: Arc<DeepgramPlan>,
    /// `None` where the query names nothing we hear.
    senses: Option<(Intake, Ear)>,
    heard_anything: bool,
    keeps_audio: bool,
    said: Vec<Said>,
    answers: mpsc::Sender<Answer>,
}

impl<'a> Listener<'a> {
    fn new(query: &'a ListenQuery, conn: &'a Conn, answers: mpsc::Sender<Answer>) -> Self {
        let (plan, changes) = conn.plan_and_changes();
        let senses = query.encoding.map(|encoding| (Intake::new(encoding), Ear::new(query, Arc::clone(&plan))));
        let keeps_audio = plan.keeps_audio;
        Self { conn, query, changes, plan, senses, heard_anything: false, keeps_audio, said: Vec::new(), answers }
    }

    async fn listen<R: AsyncRead + Unpin>(&mut self, reader: &mut WsReader<R>, idle: &Idle) -> End {
        loop {
            let Ok(message) = reader.next().await else { return End::Gone };
            idle.reset();
            if let Some(plan) = self.changes.newest() {
                if let Some((_, ear)) = &mut self.senses {
                    ear.change_plan(self.query, Arc::clone(&plan));
                }
                self.plan = plan;
            }
            let sent = match message {
                WsMessage::Binary(audio) if audio.is_empty() => return End::Finished,
                WsMessage::Binary(audio) => self.hear(&audio).await,
                WsMessage::Text(text) => match serde_json::from_str(&text) {
                    Ok(ListenMessage::CloseStream) => return End::Finished,
                    Ok(message) => self.obey(&message).await,
                    Err(_) => self.send_json(wire::schema_error(&text)).await,
                },
            };
            if sent.is_err() {
                return End::Gone;
            }
        }
    }

    async fn hear(&mut self, audio: &[u8]) -> Result<(), Gone> {
        if !self.heard_anything {
            self.heard_anything = true;
            self.conn.tell(Seen::SttAudio { conn: self.conn.id, at: Instant::now() });
        }
        if self.keeps_audio {
            self.conn.keep_audio(audio);
        }
        if let Some((intake, ear)) = &mut self.senses {
            ear.hear(intake.take(audio), &mut self.said);
        }
        self.send_said().await
    }

    async fn obey(&mut self, message: &ListenMessage) -> Result<(), Gone> {
        match message {
            ListenMessage::Finalize => {
                if let Some((_, ear)) = &mut self.senses {
                    ear.finalize(&mut self.said);
                }
                self.send_said().await
            }
            ListenMessage::Configure { keyterms } => {
                let keyterms = keyterms.as_deref().unwrap_or_default();
                self.send_json(wire::configured(keyterms, &self.conn.request_id)).await
            }
            ListenMessage::KeepAlive | ListenMessage::CloseStream => Ok(()),
        }
    }

    /// Says the last words.
    async fn finish(&mut self) {
        if let Some((_, ear)) = &mut self.senses {
            ear.finish(&mut self.said);
        }
        let heard = self.senses.as_ref().map_or(0, |(_, ear)| ear.heard());
        let metadata = wire::listen_metadata(heard, &self.conn.request_id);
        if self.send_said().await.is_ok() && self.send_json(metadata).await.is_ok() {
            // A writing half that is gone has nobody to close for.
            let _ = self.answers.send(Answer::Close).await;
        }
    }

    async fn send_said(&mut self) -> Result<(), Gone> {
        let now = Instant::now();
        for said in self.said.drain(..) {
            let answer = match said {
                Said::SpeechStarted { at } => Answer::Send { due: now, json: wire::speech_started(at), told: None },
                Said::UtteranceEnd { last_word_end } => {
                    Answer::Send { due: now, json: wire::utterance_end(last_word_end), told: None }
                }
                Said::Results(results) => self::answer(&results, now, &self.plan.stt, self.query, self.conn),
            };
            self.answers.send(answer).await.map_err(|_| Gone)?;
        }
        Ok(())
    }

    async fn send_json(&self, json: String) -> Result<(), Gone> {
        self.answers.send(Answer::Send { due: Instant::now(), json, told: None }).await.map_err(|_| Gone)
    }
}

/// The writing half is over.
struct Gone;

fn answer(results: &Results, now: Instant, plan: &SttPlan, query: &ListenQuery, conn: &Conn) -> Answer {
    let Results { is_final, from_finalize, speech_final, .. } = *results;
    let words: Vec<&str> = results.words.iter().map(|word| word.text.as_str()).collect();
    let text: Arc<str> = words.join(" ").into();
    let json = wire::results(results, &text, &query.model, &conn.request_id);
    let due = now + if is_final { plan.final_delay } else { plan.interim_delay };
    let worth_telling = !text.is_empty() || from_finalize;
    let told = worth_telling.then_some(Told { text, is_final, from_finalize, speech_final });
    Answer::Send { due, json, told }
}

/// How long ago the client last said something.
struct Idle {
    since: Instant,
    last_millis: AtomicU64,
    limit: Duration,
}

impl Idle {
    fn new(limit: Duration) -> Self {
        Self { since: Instant::now(), last_millis: AtomicU64::new(0), limit }
    }

    fn reset(&self) {
        self.last_millis.store(self.since.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Returns once the client said nothing for too long.
    async fn passed(&self) {
        loop {
            let due = self.since + Duration::from_millis(self.last_millis.load(Ordering::Relaxed)) + self.limit;
            if Instant::now() >= due {
                return;
            }
            sleep_until(due).await;
        }
    }
}
