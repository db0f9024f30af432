//! A recogniser behind a WebSocket: one line per call, driven by the vendor's codec.
//!
//! A line dials when it is opened, so the socket is up before the caller speaks. It lives as long as
//! the socket does; that another one is opened in its place is the stage's business.
//!
//! A vendor is pinged with every request for a final. When the answer is due, this tells one that has nothing
//! to say, whose guesses are then taken, from one that is gone, whose guesses may lack the last words: its line
//! is lost, and another one hears the utterance again.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use super::line::{self, Arrived, Connected, Need, Pulse, Writer};
use super::websocket::{Dialer, close_code};
use crate::vendors::VendorError;
use crate::vendors::socket::{Endpoint, Outgoing};
use crate::vendors::stt::{AudioFormat, Stt, SttCodec, SttEvent, SttInput, SttLine, SttVendor};

/// Frames on their way to the socket: 5 s, for while it is being dialled. The stage keeps what does not fit.
const INPUTS: usize = 256;

/// Transcripts nobody has read yet; when it is full the line reads no further.
const EVENTS: usize = 32;

/// A recogniser behind a WebSocket.
pub struct SocketStt {
    vendor: Arc<dyn SttVendor>,
    name: &'static str,
    dialer: Dialer,
}

impl SocketStt {
    /// Nothing is dialled yet.
    pub fn new(vendor: Arc<dyn SttVendor>, dialer: Dialer) -> Self {
        Self { name: vendor.endpoint().vendor, vendor, dialer }
    }
}

impl Stt for SocketStt {
    fn name(&self) -> &'static str {
        self.name
    }

    fn format(&self) -> AudioFormat {
        AudioFormat::Ulaw
    }

    fn open(&self) -> SttLine {
        let (input, inputs) = mpsc::channel(INPUTS);
        let (events_tx, events) = mpsc::channel(EVENTS);
        let (vendor, dialer) = (Arc::clone(&self.vendor), self.dialer.clone());
        let driver = async move {
            if let Err(error) = run(vendor.as_ref(), &dialer, inputs, &events_tx).await {
                // A stage that is gone needs no reason.
                let _ = events_tx.send(Err(error)).await;
            }
        };
        SttLine { input, events, driver: driver.boxed() }
    }
}

type Events = mpsc::Sender<Result<SttEvent, VendorError>>;

async fn run(
    vendor: &dyn SttVendor,
    dialer: &Dialer,
    inputs: mpsc::Receiver<SttInput>,
    events: &Events,
) -> Result<(), VendorError> {
    let endpoint = vendor.endpoint();
    let Connected { reader, writer, took } = line::connect(dialer, &endpoint).await?;
    let frames = reader.frames_read();
    let talk = Talk {
        name: endpoint.vendor,
        pulse: Pulse::new(&endpoint, frames, Instant::now()),
        vendor,
        codec: vendor.codec(),
        writer,
        events,
        out: Vec::new(),
        answer_due: None,
    };
    // Without a stage there is nobody to talk to either.
    let _ = events.send(Ok(SttEvent::Connected { took })).await;
    let (messages, arrived) = mpsc::channel(line::MESSAGES);
    line::together(line::read(reader, messages), talk.run(&endpoint, inputs, arrived)).await
}

struct Talk<'a> {
    name: &'static str,
    vendor: &'a dyn SttVendor,
    codec: Box<dyn SttCodec>,
    writer: Writer,
    events: &'a Events,
    pulse: Pulse,
    out: Vec<SttEvent>,
    /// When the answer to our newest pause is given up.
    answer_due: Option<AnswerDue>,
}

#[derive(Clone, Copy)]
struct AnswerDue {
    at: Instant,
    /// The vendor's signs of life before it was asked.
    signs: u64,
}

impl Talk<'_> {
    async fn run(
        mut self,
        endpoint: &Endpoint,
        mut inputs: mpsc::Receiver<SttInput>,
        mut arrived: mpsc::Receiver<Arrived>,
    ) -> Result<(), VendorError> {
        let mut look = interval_at(Instant::now() + line::LOOK_EVERY, line::LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let answer_due = self.answer_due;
            tokio::select! {
                biased;
                Some(reply) = self.writer.reply() => {
                    // That it was a close is told by the end that arrives.
                    let _ = self.writer.answer(reply).await.map_err(|error| line::write_error(self.name, error))?;
                }
                message = arrived.recv() => self.take(message).await?,
                input = inputs.recv() => match input {
                    Some(input) => self.send_input(input).await?,
                    None => return self.leave().await,
                },
                due = wait_until(answer_due), if answer_due.is_some() => self.give_up(due).await?,
                _ = look.tick() => match self.pulse.look(Instant::now())? {
                    Some(Need::KeepAlive) => self.keep_alive().await?,
                    Some(Need::Ping) => {
                        self.writer.ping().await.map_err(|error| line::write_error(endpoint.vendor, error))?;
                    }
                    None => {}
                },
            }
        }
    }

    async fn take(&mut self, message: Option<Arrived>) -> Result<(), VendorError> {
        match message {
            Some(Arrived::Message(message)) => {
                let decoded = self.codec.decode(line::incoming(&message), &mut self.out);
                // What came before a failure is still true.
                self.hand_on().await;
                decoded
            }
            Some(Arrived::End(end)) => {
                line::answer_end(&mut self.writer, &end).await;
                Err(line::end_error(self.name, end, |code| self.codec.closed(code)))
            }
            None => Err(VendorError::Failed { vendor: self.name, kind: "the socket ended".to_owned() }),
        }
    }

    /// Tells the stage what is known; the answer to a pause may be among it.
    async fn hand_on(&mut self) {
        for event in self.out.drain(..) {
            // A stage that is gone has closed the input, too.
            let _ = self.events.send(Ok(event)).await;
        }
        if self.codec.awaited().is_none() {
            self.answer_due = None;
        }
    }

    /// The answer to a pause did not come in time.
    async fn give_up(&mut self, AnswerDue { signs, .. }: AnswerDue) -> Result<(), VendorError> {
        if self.pulse.signs() == signs {
            let limit = self.vendor.final_timeout();
            return Err(VendorError::TimedOut { vendor: self.name, awaited: "sign of life", limit });
        }
        self.codec.give_up_awaited(&mut self.out);
        self.hand_on().await;
        Ok(())
    }

    async fn send_input(&mut self, input: SttInput) -> Result<(), VendorError> {
        let signs = self.pulse.signs();
        let message = match &input {
            SttInput::Ulaw(frame) => self.codec.encode_audio(frame),
            SttInput::Paused(pause) => self.codec.encode_pause(*pause),
            SttInput::Committed => {
                self.codec.committed();
                self.answer_due = None;
                None
            }
            // The vendor finds the begin of speech itself; samples are for engines without sockets.
            SttInput::SpeechStarted | SttInput::Audio(_) => None,
        };
        send(&mut self.writer, &mut self.pulse, self.name, message).await?;
        if let SttInput::Paused(_) = input {
            self.writer.ping().await.map_err(|error| line::write_error(self.name, error))?;
            self.answer_due = Some(AnswerDue { at: Instant::now() + self.vendor.final_timeout(), signs });
        }
        Ok(())
    }

    async fn keep_alive(&mut self) -> Result<(), VendorError> {
        let message = self.codec.encode_keep_alive();
        send(&mut self.writer, &mut self.pulse, self.name, message).await
    }

    async fn leave(mut self) -> Result<(), VendorError> {
        let message = self.codec.encode_finish();
        send(&mut self.writer, &mut self.pulse, self.name, message).await?;
        self.writer.close(close_code::NORMAL, "").await;
        Ok(())
    }
}

async fn send(
    writer: &mut Writer,
    pulse: &mut Pulse,
    vendor: &'static str,
    message: Option<Outgoing<'_>>,
) -> Result<(), VendorError> {
    let Some(message) = message else { return Ok(()) };
    pulse.sent(Instant::now());
    line::send(writer, vendor, message).await
}

async fn wait_until(due: Option<AnswerDue>) -> AnswerDue {
    match due {
        Some(due) => {
            sleep_until(due.at).await;
            due
        }
        None => std::future::pending().await,
    }
}
