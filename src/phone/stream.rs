//! One media stream: the socket, its two tasks and the 20 ms clock.
//!
//! [`run`] owns everything of one stream. A task reads, a task writes, and the loop here ticks the
//! [`Line`] from an absolute clock: a late tick is made up for, never skipped.
//! When it returns, both tasks are gone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use voice_pipeline::net::websocket::{WsEnd, WsMessage, WsReader, WsWriter, close_code};
use voice_pipeline::time::{CallClock, CallTime};

use super::FRAME;
use super::events::{EndedBy, PhoneEvent};
use super::line::{AgentVoice, Line, Output};
use super::settings::Faults;

/// Messages read and not yet handled: two seconds of 20 ms messages. When it is full the reader
/// waits, and so does the gateway.
const INBOUND_CAPACITY: usize = 100;

/// Messages to send that the socket did not take yet: ten seconds. A gateway that does not read for
/// longer loses the caller's audio, as it would with a carrier.
const OUTBOUND_CAPACITY: usize = 512;

/// How long the end of a stream may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Twilio's number for a connection that was cut.
pub(super) const BROKEN_PIPE: u32 = 31_903;
/// Twilio's number for a stream that the server closed in an unexpected way.
pub(super) const ABNORMAL_CLOSE: u32 = 31_921;
/// Twilio's number for a broken rule of the WebSocket protocol.
pub(super) const PROTOCOL_ERROR: u32 = 31_924;

/// How far a call is, for everybody who waits for something.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    pub(super) now: CallTime,
    pub(super) said: u64,
    pub(super) voice: AgentVoice,
    pub(super) ended: Option<EndedBy>,
}

/// What the call's task and its [`LiveCall`](super::LiveCall) share.
pub(super) struct Shared {
    pub(super) clock: CallClock,
    pub(super) line: Mutex<Line>,
    pub(super) progress: watch::Sender<Progress>,
    /// Observers lose events, they never slow the call.
    pub(super) events: mpsc::Sender<PhoneEvent>,
    pub(super) events_lost: AtomicU64,
    pub(super) warnings: AtomicU64,
    pub(super) hang_up: CancellationToken,
    pub(super) break_line: CancellationToken,
    pub(super) deadline: Instant,
}

impl Shared {
    pub(super) fn line(&self) -> MutexGuard<'_, Line> {
        // A panic elsewhere leaves the line between two ticks, which is a sound state.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn report(&self, event: PhoneEvent) {
        if matches!(event, PhoneEvent::Warning { .. }) {
            self.warnings.fetch_add(1, Ordering::Relaxed);
        }
        if self.events.try_send(event).is_err() {
            self.events_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn warn(&self, code: u32, what: String) {
        self.report(PhoneEvent::Warning { at: self.clock.now(), code, what });
    }

    fn show_progress(&self) {
        let (said, voice) = {
            let line = self.line();
            (line.said(), line.voice())
        };
        let now = self.clock.now();
        self.progress.send_modify(|progress| {
            *progress = Progress { now, said, voice, ended: progress.ended };
        });
    }
}

/// How a stream ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// The caller hung up.
    HungUp,
    /// The call lasted too long.
    TimeLimit,
    /// The line was broken on purpose.
    Broken,
    /// The gateway closed the socket.
    GatewayClosed,
    /// The gateway broke the rules or the connection.
    Failed { code: u32, problem: String },
}

enum Inbound {
    Message(WsMessage),
    End(WsEnd),
}

/// Runs one stream from `connected` to its end.
pub(super) async fn run<R, W>(
    reader: WsReader<R>,
    writer: WsWriter<W>,
    shared: &Shared,
    stream_sid: String,
    parameters: &BTreeMap<String, String>,
    faults: &Faults,
) -> StreamEnd
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let (inbound_tx, mut inbound) = mpsc::channel(INBOUND_CAPACITY);
    let (outbound, outbound_rx) = mpsc::channel(OUTBOUND_CAPACITY);
    if faults.never_read {
        tasks.spawn(hold(reader, inbound_tx));
    } else {
        tasks.spawn(read(reader, inbound_tx));
    }
    tasks.spawn(write(writer, outbound_rx));

    shared.line().connect(stream_sid);
    flush(shared, &outbound);
    let started = Instant::now() + faults.start_delay;
    let mut ticks = 0;
    if faults.start_delay.is_zero() {
        shared.line().start(shared.clock.now(), parameters);
        flush(shared, &outbound);
        ticks = 1;
    }
    let mut next_tick = started + FRAME * ticks;
    let end = loop {
        tokio::select! {
            biased;
            () = shared.break_line.cancelled() => {
                tasks.shutdown().await;
                shared.line().disconnect();
                flush(shared, &outbound);
                return StreamEnd::Broken;
            }
            () = shared.hang_up.cancelled() => break StreamEnd::HungUp,
            () = sleep_until(shared.deadline) => break StreamEnd::TimeLimit,
            () = sleep_until(next_tick) => {
                let now = shared.clock.now();
                if ticks == 0 {
                    shared.line().start(now, parameters);
                } else {
                    shared.line().tick(now);
                }
                ticks += 1;
                next_tick = started + FRAME * ticks;
            }
            message = inbound.recv() => match message {
                Some(Inbound::Message(message)) => shared.line().receive(shared.clock.now(), &message),
                Some(Inbound::End(end)) => break judge(end),
                None => break StreamEnd::Failed {
                    code: BROKEN_PIPE,
                    problem: "the reading task is gone".into(),
                },
            },
        }
        flush(shared, &outbound);
        shared.show_progress();
    };
    if matches!(end, StreamEnd::HungUp | StreamEnd::TimeLimit) {
        shared.line().stop();
        if faults.stop_twice {
            shared.line().stop();
        }
    }
    shared.line().disconnect();
    flush(shared, &outbound);
    shared.show_progress();
    // Without senders the writer sends what is queued, closes, and the reader ends with it.
    drop((outbound, inbound));
    let ended = timeout(CLOSE_TIMEOUT, async { while tasks.join_next().await.is_some() {} });
    if ended.await.is_err() {
        tasks.shutdown().await;
    }
    end
}

/// Carries out what the line wants done.
fn flush(shared: &Shared, outbound: &mpsc::Sender<WsMessage>) {
    loop {
        // The lock is held for one look only: reporting and sending do not need it.
        let output = shared.line().poll_output();
        match output {
            None => break,
            Some(Output::Report(event)) => shared.report(event),
            // A full or closed channel means a gateway that does not read or is gone: the audio is
            // lost, and the reader tells when the stream ends.
            Some(Output::Send(message)) => drop(outbound.try_send(message)),
        }
    }
}

fn judge(end: WsEnd) -> StreamEnd {
    let failed = |code, problem: String| StreamEnd::Failed { code, problem };
    match end {
        WsEnd::PeerClosed { code: None | Some(close_code::NORMAL) } => StreamEnd::GatewayClosed,
        WsEnd::PeerClosed { code: Some(code) } => {
            failed(ABNORMAL_CLOSE, format!("the gateway closed the stream with code {code}"))
        }
        WsEnd::Violated(violation) => failed(PROTOCOL_ERROR, format!("the gateway sent {violation}")),
        end => failed(BROKEN_PIPE, end.to_string()),
    }
}

async fn read<R: AsyncRead + Unpin>(mut reader: WsReader<R>, inbound: mpsc::Sender<Inbound>) {
    loop {
        match reader.next().await {
            Ok(message) => {
                if inbound.send(Inbound::Message(message)).await.is_err() {
                    break;
                }
            }
            Err(end) => {
                // Nobody waits for it when the loop has ended already.
                let _ = inbound.send(Inbound::End(end)).await;
                break;
            }
        }
    }
    reader.drain().await;
}

/// Keeps the socket open without reading a byte, until nobody listens any more.
async fn hold<R>(reader: WsReader<R>, inbound: mpsc::Sender<Inbound>) {
    inbound.closed().await;
    drop(reader);
}

async fn write<W: AsyncWrite + Unpin>(mut writer: WsWriter<W>, mut outbound: mpsc::Receiver<WsMessage>) {
    let mut reader_lives = true;
    loop {
        tokio::select! {
            message = outbound.recv() => match message {
                Some(message) => {
                    if writer.send(&message).await.is_err() {
                        return;
                    }
                }
                None => break,
            },
            reply = writer.reply(), if reader_lives => match reply {
                Some(reply) => match writer.answer(reply).await {
                    Ok(flow) if flow.is_continue() => {}
                    _ => return,
                },
                None => reader_lives = false,
            },
        }
    }
    writer.close(close_code::NORMAL, "").await;
}
