//! One media socket: from the upgrade to a [`MediaLine`] and to its end.
//!
//! [`accept`] waits for the stream's `start`, lets the caller judge it, and spawns two tasks into
//! the caller's `JoinSet`: a reader and a writer. From then on everything happens over the line's
//! channels. The line ends with [`Inbound::HungUp`] or [`Inbound::Faulty`]; when its outbound side is dropped or told to
//! hang up, what was sent before is written and the socket is closed.
//!
//! What always holds:
//! - no audio is taken before a `start` was accepted, and that happens within a deadline or never;
//! - the reader never waits for caller audio to be taken: the newest is dropped and counted. Keys,
//!   marks and the end are never lost;
//! - audio and marks of turns behind the fence do not reach the wire;
//! - both tasks end when either does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};
use voice_pipeline::line::{Fence, Inbound, Outbound};
use voice_pipeline::net::websocket::{
    Role, WsEnd, WsLimits, WsMessage, WsReader, WsWriteError, WsWriter, close_code, split,
};

use super::tap::Tap;
use super::twilio::codec::{Encoder, StreamStart, TwilioMessage, decode};

/// Caller audio waiting for the pipeline: 1.28 s at Twilio's 20 ms. When it is full the newest
/// message is dropped and counted.
const INBOUND_AUDIO_CAPACITY: usize = 64;
/// Room beyond the audio that only keys, marks and the end may take. When even that is full the
/// reader waits, and with it the carrier.
const INBOUND_CONTROL_RESERVE: usize = 64;
/// Agent audio and marks waiting for the socket: about 1 s in pieces of 20 ms. When it is full the
/// sender waits; the writer empties it as fast as the carrier reads.
const OUTBOUND_CAPACITY: usize = 48;

/// How long a closing socket waits for the carrier to close as well. Half of the second in which
/// everything of a call is gone after its caller hung up.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// How a media socket is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketSettings {
    /// `MEDIA_START_TIMEOUT`: how long a new socket may take to send an acceptable `start`.
    ///
    /// Higher lets strangers hold sockets open for longer. Default `5s`, from `1s` to `30s`.
    pub start_timeout: Duration,
    /// `MEDIA_TIMEOUT`: how long a stream may send no audio before the call counts as gone.
    ///
    /// Lower ends dead calls sooner; the carrier sends silence as audio too. Default `15s`, from
    /// `2s` to `5m`.
    pub media_timeout: Duration,
    /// `MEDIA_PING_INTERVAL`: how often a ping keeps idle proxies from cutting the socket.
    ///
    /// Default `20s`, from `5s` to `5m`.
    pub ping_interval: Duration,
    /// `MEDIA_MAX_MALFORMED`: how many messages in a row may be unreadable before the call ends.
    ///
    /// Default 50, from 1 to 10000.
    pub max_malformed_in_a_row: u32,
    /// `MEDIA_MAX_MESSAGE_BYTES`: the largest message a carrier may send.
    ///
    /// Twilio's are about 400 bytes. Default 65536, from 4096 to 1048576.
    pub max_message_bytes: usize,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            start_timeout: Duration::from_secs(5),
            media_timeout: Duration::from_secs(15),
            ping_interval: Duration::from_secs(20),
            max_malformed_in_a_row: 50,
            max_message_bytes: 64 * 1024,
        }
    }
}

/// One call's connection to its carrier.
#[derive(Debug)]
pub struct MediaLine {
    /// What the carrier said as the stream began.
    pub start: StreamStart,
    /// From the caller. Ends with [`Inbound::HungUp`] or [`Inbound::Faulty`].
    pub inbound: mpsc::Receiver<Inbound>,
    /// To the caller. Dropping it hangs up.
    pub outbound: mpsc::Sender<Outbound>,
    /// Decides at the last moment what may still be heard; the reply's stages raise it.
    pub fence: Fence,
    /// What was counted.
    pub stats: Arc<LineStats>,
    /// Where somebody may listen.
    pub tap: Tap,
}

/// What happened on a line that is not part of the conversation.
#[derive(Debug, Default)]
pub struct LineStats {
    media_messages: AtomicU64,
    dropped_audio_messages: AtomicU64,
    malformed_messages: AtomicU64,
    unknown_messages: AtomicU64,
    fenced_messages: AtomicU64,
    end: OnceLock<LineEnd>,
}

impl LineStats {
    /// Messages of caller audio that were taken.
    pub fn media_messages(&self) -> u64 {
        self.media_messages.load(Ordering::Relaxed)
    }

    /// Messages of caller audio that were dropped because the pipeline was behind.
    pub fn dropped_audio_messages(&self) -> u64 {
        self.dropped_audio_messages.load(Ordering::Relaxed)
    }

    /// Messages that could not be read.
    pub fn malformed_messages(&self) -> u64 {
        self.malformed_messages.load(Ordering::Relaxed)
    }

    /// Messages of kinds we know nothing about.
    pub fn unknown_messages(&self) -> u64 {
        self.unknown_messages.load(Ordering::Relaxed)
    }

    /// Audio and marks held back because their turn was over.
    pub fn fenced_messages(&self) -> u64 {
        self.fenced_messages.load(Ordering::Relaxed)
    }

    /// Why the line ended; `None` while it is up.
    pub fn end(&self) -> Option<LineEnd> {
        self.end.get().copied()
    }

    /// Counts a message that cannot be read and says so once, without what it holds.
    fn count_malformed(&self) {
        if self.malformed_messages.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("carrier sent a message that cannot be read");
        }
    }

    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn ended(&self, end: LineEnd) {
        // The first reason is the true one; the others follow from it.
        let _ = self.end.set(end);
    }
}

/// Why a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// The carrier ended the stream: the caller hung up, or the call moved on.
    Stopped,
    /// The connection broke without a word.
    Lost,
    /// We hung up.
    HungUp,
    /// No audio came for too long.
    Silent,
    /// The carrier broke the protocol, or sent too much that could not be read.
    Faulty,
    /// The carrier stopped reading.
    Stalled,
}

/// Why a socket never became a line.
#[derive(Debug, Error)]
pub enum AcceptError<R> {
    /// No `start` in time.
    #[error("the media socket sent no start within {0:?}")]
    TimedOut(Duration),
    /// The socket was judged and turned away.
    #[error("the media socket was turned away")]
    Refused(R),
    /// It sent something else instead of its `start`.
    #[error("the media socket did not begin with connected and start")]
    OutOfOrder,
    /// It ended before it began.
    #[error("the media socket ended before its start")]
    Ended(#[source] WsEnd),
}

/// Makes a line of a socket whose upgrade is done. `judge` decides on the stream's `start`; what it
/// answers is handed back, and a refusal closes the socket with 1008.
pub async fn accept<S, T, R>(
    stream: S,
    settings: &SocketSettings,
    tasks: &mut JoinSet<()>,
    judge: impl FnOnce(&StreamStart) -> Result<T, R>,
) -> Result<(MediaLine, T), AcceptError<R>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits =
        WsLimits { max_message_bytes: settings.max_message_bytes, close_timeout: CLOSE_TIMEOUT, ..WsLimits::default() };
    let (mut reader, mut writer) = split(stream, Role::Server, &limits);
    let stats = Arc::new(LineStats::default());
    let judged = match wait_for_start(&mut reader, settings, &stats).await {
        Ok(start) => judge(&start).map(|answer| (start, answer)).map_err(AcceptError::Refused),
        Err(error) => Err(error),
    };
    let (start, answer) = match judged {
        Ok(judged) => judged,
        Err(error) => {
            tokio::join!(refuse(&mut writer, &error), reader.drain());
            return Err(error);
        }
    };
    let (inbound_tx, inbound) = mpsc::channel(INBOUND_AUDIO_CAPACITY + INBOUND_CONTROL_RESERVE);
    let (outbound, outbound_rx) = mpsc::channel(OUTBOUND_CAPACITY);
    let (fence, tap) = (Fence::default(), Tap::default());
    let ingress = Ingress {
        reader,
        stream_sid: start.stream_sid.clone(),
        inbound: inbound_tx,
        stats: Arc::clone(&stats),
        tap: tap.clone(),
        settings: settings.clone(),
        malformed_in_a_row: 0,
    };
    let egress = Egress {
        writer,
        encoder: Encoder::new(&start.stream_sid),
        outbound: outbound_rx,
        fence: fence.clone(),
        stats: Arc::clone(&stats),
        tap: tap.clone(),
        ping_interval: settings.ping_interval,
    };
    tasks.spawn(ingress.run());
    tasks.spawn(egress.run());
    Ok((MediaLine { start, inbound, outbound, fence, stats, tap }, answer))
}

async fn wait_for_start<A: AsyncRead + Unpin, R>(
    reader: &mut WsReader<A>,
    settings: &SocketSettings,
    stats: &LineStats,
) -> Result<StreamStart, AcceptError<R>> {
    let deadline = Instant::now() + settings.start_timeout;
    let mut malformed_in_a_row = 0;
    loop {
        // The socket ends when the deadline passes, so a read may be dropped then.
        let message = timeout_at(deadline, reader.next())
            .await
            .map_err(|_| AcceptError::TimedOut(settings.start_timeout))?
            .map_err(AcceptError::Ended)?;
        match read(&message, None) {
            Some(TwilioMessage::Start(start)) => return Ok(start),
            Some(TwilioMessage::Connected) => {}
            Some(TwilioMessage::Unknown) => LineStats::count(&stats.unknown_messages),
            Some(_) => return Err(AcceptError::OutOfOrder),
            None => {
                stats.count_malformed();
                malformed_in_a_row += 1;
                if malformed_in_a_row >= settings.max_malformed_in_a_row {
                    return Err(AcceptError::OutOfOrder);
                }
            }
        }
    }
}

/// Closes a socket that never became a line.
async fn refuse<W: AsyncWrite + Unpin, R>(writer: &mut WsWriter<W>, error: &AcceptError<R>) {
    if let AcceptError::Ended(_) = error {
        // The reader has queued the close that fits.
        if let Some(reply) = writer.reply().await {
            let _ = writer.answer(reply).await;
        }
    }
    writer.close(close_code::POLICY, "").await;
}

/// The message, or `None` where it cannot be read.
fn read(message: &WsMessage, stream_sid: Option<&str>) -> Option<TwilioMessage> {
    match message {
        WsMessage::Text(text) => decode(text, stream_sid).ok(),
        WsMessage::Binary(_) => None,
    }
}

/// The reader's task.
struct Ingress<R> {
    reader: WsReader<R>,
    stream_sid: String,
    inbound: mpsc::Sender<Inbound>,
    stats: Arc<LineStats>,
    tap: Tap,
    settings: SocketSettings,
    malformed_in_a_row: u32,
}

impl<R: AsyncRead + Unpin> Ingress<R> {
    async fn run(mut self) {
        let end = self.take_messages().await;
        self.stats.ended(end);
        let last = if end == LineEnd::Faulty { Inbound::Faulty } else { Inbound::HungUp };
        // Without a receiver there is nobody left to tell.
        let _ = self.inbound.send(last).await;
        drop(self.inbound);
        self.reader.drain().await;
    }

    async fn take_messages(&mut self) -> LineEnd {
        let mut last_media = Instant::now();
        loop {
            // The line ends when the deadline passes, so a read may be dropped then.
            let message = match timeout_at(last_media + self.settings.media_timeout, self.reader.next()).await {
                Ok(Ok(message)) => message,
                Ok(Err(end)) => return end_of(&end),
                Err(_) => return LineEnd::Silent,
            };
            let Some(message) = read(&message, Some(&self.stream_sid)) else {
                if self.is_too_much_malformed() {
                    self.reader.request_close(close_code::POLICY);
                    return LineEnd::Faulty;
                }
                continue;
            };
            self.malformed_in_a_row = 0;
            let control = match message {
                TwilioMessage::Media(ulaw) => {
                    last_media = Instant::now();
                    if let Some(listener) = self.tap.listener() {
                        listener.caller(&ulaw);
                    }
                    self.offer_audio(Inbound::Audio(ulaw));
                    continue;
                }
                TwilioMessage::Dtmf(key) => Inbound::Digit(key),
                TwilioMessage::Mark(name) => {
                    if let Some(listener) = self.tap.listener() {
                        listener.mark_returned(&name);
                    }
                    Inbound::Mark(name)
                }
                TwilioMessage::Stop => return LineEnd::Stopped,
                TwilioMessage::Start(_) => {
                    self.reader.request_close(close_code::POLICY);
                    return LineEnd::Faulty;
                }
                TwilioMessage::Connected | TwilioMessage::Unknown => {
                    LineStats::count(&self.stats.unknown_messages);
                    continue;
                }
            };
            if self.inbound.send(control).await.is_err() {
                return LineEnd::HungUp;
            }
        }
    }

    fn offer_audio(&self, audio: Inbound) {
        LineStats::count(&self.stats.media_messages);
        let has_room = self.inbound.capacity() > INBOUND_CONTROL_RESERVE;
        if !has_room || self.inbound.try_send(audio).is_err() {
            LineStats::count(&self.stats.dropped_audio_messages);
        }
    }

    fn is_too_much_malformed(&mut self) -> bool {
        self.stats.count_malformed();
        self.malformed_in_a_row += 1;
        self.malformed_in_a_row >= self.settings.max_malformed_in_a_row
    }
}

fn end_of(end: &WsEnd) -> LineEnd {
    match end {
        WsEnd::PeerClosed { .. } => LineEnd::Stopped,
        WsEnd::WeClosed => LineEnd::HungUp,
        WsEnd::Violated(_) => LineEnd::Faulty,
        WsEnd::Lost(_) | WsEnd::Interrupted => LineEnd::Lost,
    }
}

/// The writer's task.
struct Egress<W> {
    writer: WsWriter<W>,
    encoder: Encoder,
    outbound: mpsc::Receiver<Outbound>,
    fence: Fence,
    stats: Arc<LineStats>,
    tap: Tap,
    ping_interval: Duration,
}

impl<W: AsyncWrite + Unpin> Egress<W> {
    async fn run(mut self) {
        if let Err(WsWriteError::Stalled(_)) = self.send_messages().await {
            self.stats.ended(LineEnd::Stalled);
        }
        self.writer.close(close_code::NORMAL, "").await;
    }

    async fn send_messages(&mut self) -> Result<(), WsWriteError> {
        let mut pings = interval_at(Instant::now() + self.ping_interval, self.ping_interval);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                reply = self.writer.reply() => match reply {
                    Some(reply) => if self.writer.answer(reply).await?.is_break() { return Ok(()) },
                    None => return Ok(()),
                },
                message = self.outbound.recv() => match message {
                    None | Some(Outbound::HangUp) => return Ok(()),
                    Some(message) => self.send(message).await?,
                },
                _ = pings.tick() => self.writer.ping().await?,
            }
        }
    }

    async fn send(&mut self, message: Outbound) -> Result<(), WsWriteError> {
        let (turn, text) = match &message {
            Outbound::Audio { turn, ulaw } => (Some(*turn), self.encoder.media(ulaw)),
            Outbound::Mark { turn, name } => (Some(*turn), self.encoder.mark(name)),
            Outbound::Clear => (None, self.encoder.clear()),
            Outbound::HangUp => return Ok(()),
        };
        if turn.is_some_and(|turn| !self.fence.lets_pass(turn)) {
            LineStats::count(&self.stats.fenced_messages);
            return Ok(());
        }
        self.writer.send_text(text).await?;
        if let Some(listener) = self.tap.listener() {
            match &message {
                Outbound::Audio { ulaw, .. } => listener.agent(ulaw),
                Outbound::Mark { name, .. } => listener.mark_sent(name),
                Outbound::Clear => listener.cleared(),
                Outbound::HangUp => {}
            }
        }
        Ok(())
    }
}
