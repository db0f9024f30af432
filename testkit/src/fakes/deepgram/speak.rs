//! A voice's socket: the reading half passes on what the client says, the writing half speaks.

use std::ops::ControlFlow;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use voice_pipeline::net::websocket::{WsMessage, WsReader, WsWriteError, WsWriter};

use super::Seen;
use super::mouth::{Act, Mouth, NotAMessage};
use super::query::SpeakQuery;
use super::shared::Conn;
use super::wire::{self, SpeakMessage};

/// What the client said and the voice has not taken up, which it does between two chunks. When it is
/// full the client waits.
const MESSAGES_CAPACITY: usize = 32;

type Message = Result<SpeakMessage, NotAMessage>;

/// Serves the socket until it is over.
pub(super) async fn run<R, W>(mut reader: WsReader<R>, writer: WsWriter<W>, query: SpeakQuery, conn: Conn)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (messages_tx, messages) = mpsc::channel(MESSAGES_CAPACITY);
    let read = async {
        while let Ok(message) = reader.next().await {
            let message = read(&message);
            if let Ok(message) = &message {
                tell(message, &conn);
            }
            if messages_tx.send(message).await.is_err() {
                break;
            }
        }
        drop(messages_tx);
        reader.drain().await;
    };
    let write = async {
        // A write that fails has lost the client; there is nobody left to tell.
        let _ = write(writer, messages, &query, &conn).await;
    };
    tokio::join!(read, write);
}

fn read(message: &WsMessage) -> Message {
    match message {
        WsMessage::Text(text) => serde_json::from_str(text).map_err(|_| NotAMessage),
        WsMessage::Binary(_) => Err(NotAMessage),
    }
}

fn tell(message: &SpeakMessage, conn: &Conn) {
    let (conn_id, at) = (conn.id, Instant::now());
    match message {
        SpeakMessage::Speak { text } => conn.tell(Seen::TtsText { conn: conn_id, at, text: text.as_str().into() }),
        SpeakMessage::Flush => conn.tell(Seen::TtsFlush { conn: conn_id, at }),
        SpeakMessage::Clear => conn.tell(Seen::TtsCleared { conn: conn_id, at }),
        SpeakMessage::Close => {}
    }
}

async fn write<W>(
    mut writer: WsWriter<W>,
    mut messages: mpsc::Receiver<Message>,
    query: &SpeakQuery,
    conn: &Conn,
) -> Result<(), WsWriteError>
where
    W: AsyncWrite + Unpin,
{
    let (plan, mut changes) = conn.plan_and_changes();
    if plan.tts.sends_metadata {
        writer.send_text(&wire::speak_metadata(&query.model, &conn.request_id)).await?;
    }
    let mut mouth = Mouth::new(query.encoding, plan);
    let mut more = true;
    loop {
        while let Ok(message) = messages.try_recv() {
            mouth.handle_message(Instant::now(), message);
        }
        if let Some(plan) = changes.newest() {
            mouth.change_plan(plan);
        }
        if let Some(act) = mouth.poll_act(Instant::now()) {
            if act_on(act, &mouth, &mut writer, conn).await?.is_break() {
                return Ok(());
            }
            // Between two chunks the reading half gets its turn, so a `Clear` is heard.
            tokio::task::yield_now().await;
            continue;
        }
        let timeout = mouth.poll_timeout();
        tokio::select! {
            reply = writer.reply() => match reply {
                Some(reply) => if writer.answer(reply).await?.is_break() { return Ok(()) },
                None => return Ok(()),
            },
            message = messages.recv(), if more => match message {
                Some(message) => mouth.handle_message(Instant::now(), message),
                None => more = false,
            },
            () = sleep_until(timeout.unwrap_or_else(Instant::now)), if timeout.is_some() => {}
        }
    }
}

async fn act_on<W>(
    act: Act,
    mouth: &Mouth,
    writer: &mut WsWriter<W>,
    conn: &Conn,
) -> Result<ControlFlow<()>, WsWriteError>
where
    W: AsyncWrite + Unpin,
{
    match act {
        Act::Json(json) => writer.send_text(&json).await?,
        Act::Flushed(json) => {
            conn.tell(Seen::TtsFlushed { conn: conn.id, at: Instant::now() });
            writer.send_text(&json).await?;
        }
        Act::Audio { bytes, first } => {
            if let Some(text) = first {
                conn.tell(Seen::TtsFirstAudio { conn: conn.id, at: Instant::now(), text });
            }
            writer.send_binary(&mouth.audio()[bytes]).await?;
        }
        Act::Close { code, reason } => {
            writer.close(code, reason).await;
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
