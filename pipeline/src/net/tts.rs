//! A synthesiser behind a WebSocket: one line per call, driven by the vendor's codec.
//!
//! A line dials when it is opened and speaks one piece at a time. A piece whose listener is gone is
//! cancelled at the vendor, and the next may follow at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::line::{self, Arrived, Connected, Need, Pulse, Writer};
use super::websocket::{Dialer, close_code};
use crate::audio::SampleRate;
use crate::vendors::VendorError;
use crate::vendors::socket::Outgoing;
use crate::vendors::tts::{
    LINE_PIECES, PIECE_EVENTS, Piece, SpeakRequest, Tts, TtsCodec, TtsEvent, TtsLine, TtsSignal, TtsVendor,
};

/// A synthesiser behind a WebSocket.
pub struct SocketTts {
    vendor: Arc<dyn TtsVendor>,
    name: &'static str,
    dialer: Dialer,
}

impl SocketTts {
    /// Nothing is dialled yet.
    pub fn new(vendor: Arc<dyn TtsVendor>, dialer: Dialer) -> Self {
        Self { name: vendor.endpoint("").vendor, vendor, dialer }
    }

    fn line(&self, voice: &Arc<str>) -> TtsLine {
        let (pieces, queue) = mpsc::channel(LINE_PIECES);
        let (up, connected) = oneshot::channel();
        let (vendor, dialer, voice) = (Arc::clone(&self.vendor), self.dialer.clone(), Arc::clone(voice));
        let driver = async move { run(vendor.as_ref(), &dialer, &voice, queue, up).await };
        TtsLine { pieces, connected, driver: driver.boxed() }
    }
}

impl Tts for SocketTts {
    fn name(&self) -> &'static str {
        self.name
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate::TELEPHONY
    }

    fn speak(&self, request: SpeakRequest) -> BoxStream<'static, Result<TtsEvent, VendorError>> {
        let TtsLine { pieces, driver, .. } = self.line(&request.voice);
        let (events, listener) = mpsc::channel(PIECE_EVENTS);
        let sent = pieces.try_send(Piece { request, events });
        debug_assert!(sent.is_ok(), "a new line has room");
        let alone = Alone { listener, driver: Some(driver), _pieces: pieces };
        stream::unfold(alone, |mut alone| async move { alone.next().await.map(|event| (event, alone)) }).boxed()
    }

    fn open(&self, voice: &Arc<str>) -> Option<TtsLine> {
        Some(self.line(voice))
    }
}

/// A line for a single piece, driven by whoever listens.
struct Alone {
    listener: mpsc::Receiver<Result<TtsSignal, VendorError>>,
    driver: Option<BoxFuture<'static, Result<(), VendorError>>>,
    /// Keeps the line open.
    _pieces: mpsc::Sender<Piece>,
}

impl Alone {
    async fn next(&mut self) -> Option<Result<TtsEvent, VendorError>> {
        loop {
            let signal = match &mut self.driver {
                Some(driver) => tokio::select! {
                    biased;
                    signal = self.listener.recv() => signal,
                    outcome = driver => {
                        self.driver = None;
                        match outcome {
                            Ok(()) => continue,
                            Err(error) => Some(Err(error)),
                        }
                    }
                },
                None => self.listener.recv().await,
            };
            return match signal? {
                Ok(TtsSignal::Event(event)) => Some(Ok(event)),
                Ok(TtsSignal::PieceDone) => None,
                Err(error) => Some(Err(error)),
            };
        }
    }
}

async fn run(
    vendor: &dyn TtsVendor,
    dialer: &Dialer,
    voice: &str,
    mut queue: mpsc::Receiver<Piece>,
    up: oneshot::Sender<Duration>,
) -> Result<(), VendorError> {
    let endpoint = vendor.endpoint(voice);
    let Connected { reader, writer, took } = match line::connect(dialer, &endpoint).await {
        Ok(connected) => connected,
        Err(error) => return tell(waiting(&mut queue), error).await,
    };
    // The stage may not care.
    let _ = up.send(took);
    let talk = Talk {
        name: endpoint.vendor,
        pulse: Pulse::new(&endpoint, reader.frames_read(), Instant::now()),
        codec: vendor.codec(),
        writer,
        listener: None,
        out: Vec::new(),
    };
    let (messages, arrived) = mpsc::channel(line::MESSAGES);
    line::together(line::read(reader, messages), talk.run(queue, arrived)).await
}

type Listener = mpsc::Sender<Result<TtsSignal, VendorError>>;

/// Who listens to the first of the pieces that are still wanted.
fn waiting(queue: &mut mpsc::Receiver<Piece>) -> Option<Listener> {
    std::iter::from_fn(|| queue.try_recv().ok()).map(|piece| piece.events).find(|listener| !listener.is_closed())
}

/// An error belongs to the piece it hit; where nobody listens it is the line's outcome.
async fn tell(listener: Option<Listener>, error: VendorError) -> Result<(), VendorError> {
    let Some(listener) = listener else { return Err(error) };
    match listener.send(Err(error)).await {
        Err(SendError(Err(error))) => Err(error),
        _ => Ok(()),
    }
}

struct Talk {
    name: &'static str,
    codec: Box<dyn TtsCodec>,
    writer: Writer,
    pulse: Pulse,
    /// Who listens to the piece that is being spoken.
    listener: Option<Listener>,
    out: Vec<TtsSignal>,
}

impl Talk {
    async fn run(
        mut self,
        mut queue: mpsc::Receiver<Piece>,
        arrived: mpsc::Receiver<Arrived>,
    ) -> Result<(), VendorError> {
        let talked = self.talk(&mut queue, arrived).await;
        // The line takes no more pieces before its failure is known.
        queue.close();
        match talked {
            Ok(()) => self.leave().await,
            Err(error) => {
                let hit = self.listener.take().filter(|listener| !listener.is_closed());
                tell(hit.or_else(|| waiting(&mut queue)), error).await
            }
        }
    }

    async fn talk(
        &mut self,
        queue: &mut mpsc::Receiver<Piece>,
        mut arrived: mpsc::Receiver<Arrived>,
    ) -> Result<(), VendorError> {
        let mut look = interval_at(Instant::now() + line::LOOK_EVERY, line::LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_free = self.listener.is_none();
            tokio::select! {
                biased;
                Some(reply) = self.writer.reply() => {
                    // That it was a close is told by the end that arrives.
                    let _ = self.writer.answer(reply).await.map_err(|error| line::write_error(self.name, error))?;
                }
                () = gone(self.listener.as_ref()), if !is_free => self.cancel().await?,
                message = arrived.recv() => self.take(message).await?,
                piece = queue.recv(), if is_free => match piece {
                    Some(piece) => self.speak(piece).await?,
                    None => return Ok(()),
                },
                _ = look.tick() => match self.pulse.look(Instant::now())? {
                    Some(Need::KeepAlive) => self.keep_alive().await?,
                    Some(Need::Ping) => {
                        self.writer.ping().await.map_err(|error| line::write_error(self.name, error))?;
                    }
                    None => {}
                },
            }
        }
    }

    async fn speak(&mut self, piece: Piece) -> Result<(), VendorError> {
        if piece.events.is_closed() {
            return Ok(());
        }
        self.listener = Some(piece.events);
        let mut messages = Vec::new();
        self.codec.encode_speak(&piece.request.text, &mut messages);
        self.send_all(&messages).await
    }

    async fn cancel(&mut self) -> Result<(), VendorError> {
        self.listener = None;
        let mut messages = Vec::new();
        self.codec.encode_cancel(&mut messages);
        self.send_all(&messages).await
    }

    async fn take(&mut self, message: Option<Arrived>) -> Result<(), VendorError> {
        match message {
            Some(Arrived::Message(message)) => {
                let decoded = self.codec.decode(line::incoming(&message), &mut self.out);
                for signal in self.out.drain(..) {
                    let is_done = signal == TtsSignal::PieceDone;
                    if let Some(listener) = &self.listener {
                        // One that is gone is noticed in the next round, and the piece cancelled.
                        let _ = listener.send(Ok(signal)).await;
                    }
                    if is_done {
                        self.listener = None;
                    }
                }
                decoded
            }
            Some(Arrived::End(end)) => {
                line::answer_end(&mut self.writer, &end).await;
                Err(line::end_error(self.name, end, |code| self.codec.closed(code)))
            }
            None => Err(VendorError::Failed { vendor: self.name, kind: "the socket ended".to_owned() }),
        }
    }

    async fn keep_alive(&mut self) -> Result<(), VendorError> {
        match self.codec.encode_keep_alive() {
            Some(message) => line::send(&mut self.writer, self.name, message).await,
            None => Ok(()),
        }
    }

    async fn send_all(&mut self, messages: &[String]) -> Result<(), VendorError> {
        self.pulse.sent(Instant::now());
        for message in messages {
            line::send(&mut self.writer, self.name, Outgoing::Text(message)).await?;
        }
        Ok(())
    }

    async fn leave(mut self) -> Result<(), VendorError> {
        if let Some(message) = self.codec.encode_finish() {
            line::send(&mut self.writer, self.name, message).await?;
        }
        self.writer.close(close_code::NORMAL, "").await;
        Ok(())
    }
}

async fn gone(listener: Option<&Listener>) {
    match listener {
        Some(listener) => listener.closed().await,
        None => std::future::pending().await,
    }
}
