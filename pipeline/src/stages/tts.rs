//! The synthesiser's stage: pieces of text become audio, in order, ahead of the caller's ear.
//!
//! A piece whose first audio does not come in time is tried once more; then the turn has failed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::{Context, Signal, Sound, Speak};
use crate::event::EventKind;
use crate::turn::TurnId;
use crate::vendors::VendorError;
use crate::vendors::tts::{SpeakRequest, Tts, TtsEvent};

/// How a piece is spoken.
#[derive(Debug, Clone)]
pub struct Voice {
    /// The vendor's name of the voice.
    pub name: Arc<str>,
    /// 1.0 is the voice's own pace.
    pub speed: f32,
    /// How long a piece's next audio may take.
    pub patience: Duration,
}

/// Attempts for one piece.
const ATTEMPTS: u32 = 2;

/// Runs until its input ends. `live` holds the oldest turn that may still be heard.
pub async fn run(
    mut speak: mpsc::Receiver<Speak>,
    tts: Arc<dyn Tts>,
    voice: Voice,
    sounds: mpsc::Sender<Sound>,
    live: watch::Receiver<TurnId>,
    context: Context,
) {
    let mut stage = Stage { tts, voice, sounds, live, context, begun: None, failed: None };
    while let Some(item) = speak.recv().await {
        let done = match item {
            Speak::Piece { turn, piece, text } => stage.piece(turn, piece, &text).await,
            Speak::End(turn) if stage.may_speak(turn) => stage.hand_on(turn, Sound::End(turn)).await,
            Speak::End(_) => Ok(()),
        };
        match done {
            Ok(()) | Err(Stop::Cancelled) => {}
            Err(Stop::Closed) => return,
        }
    }
}

struct Stage {
    tts: Arc<dyn Tts>,
    voice: Voice,
    sounds: mpsc::Sender<Sound>,
    live: watch::Receiver<TurnId>,
    context: Context,
    /// The newest turn with audio.
    begun: Option<TurnId>,
    /// The newest turn that could not be spoken; its later pieces are not tried.
    failed: Option<TurnId>,
}

/// Why a piece is not spoken on.
enum Stop {
    /// Its turn was cancelled.
    Cancelled,
    /// The call is over.
    Closed,
}

impl Stage {
    fn may_speak(&self, turn: TurnId) -> bool {
        *self.live.borrow() <= turn && self.failed != Some(turn)
    }

    async fn piece(&mut self, turn: TurnId, piece: u32, text: &str) -> Result<(), Stop> {
        if !self.may_speak(turn) {
            return Ok(());
        }
        for attempt in 1..=ATTEMPTS {
            match self.attempt(turn, piece, text).await? {
                Spoken::Whole { samples } => {
                    let rate = u64::from(self.tts.sample_rate().hz());
                    let lasts = Duration::from_micros(samples as u64 * 1_000_000 / rate);
                    self.context.signal(Signal::Spoken { turn, piece, lasts }).await;
                    return self.hand_on(turn, Sound::PieceEnd { turn, piece }).await;
                }
                // Half a piece is not repeated: the caller would hear its begin twice.
                Spoken::Partly => {
                    self.hand_on(turn, Sound::PieceEnd { turn, piece }).await?;
                    break;
                }
                Spoken::Nothing if attempt < ATTEMPTS => {}
                Spoken::Nothing => break,
            }
        }
        self.failed = Some(turn);
        self.context.signal(Signal::TtsFailed(turn)).await;
        Ok(())
    }

    async fn attempt(&mut self, turn: TurnId, piece: u32, text: &str) -> Result<Spoken, Stop> {
        let request =
            SpeakRequest { text: text.to_owned(), voice: Arc::clone(&self.voice.name), speed: self.voice.speed };
        let mut stream = self.tts.speak(request);
        let mut total = 0;
        loop {
            match self.next(turn, &mut stream).await? {
                Next::Event(TtsEvent::Audio(samples)) => {
                    if self.begun != Some(turn) {
                        self.begun = Some(turn);
                        self.context.signal(Signal::FirstAudio(turn)).await;
                    }
                    total += samples.len();
                    self.hand_on(turn, Sound::Samples { turn, piece, samples }).await?;
                }
                Next::Event(TtsEvent::Words(words)) => {
                    self.context.signal(Signal::Words { turn, piece, words }).await;
                }
                Next::End | Next::Failed if total == 0 => return Ok(Spoken::Nothing),
                Next::End => return Ok(Spoken::Whole { samples: total }),
                Next::Failed => return Ok(Spoken::Partly),
            }
        }
    }

    async fn next(
        &mut self,
        turn: TurnId,
        stream: &mut BoxStream<'static, Result<TtsEvent, VendorError>>,
    ) -> Result<Next, Stop> {
        tokio::select! {
            biased;
            () = fenced_off(&mut self.live, turn) => Err(Stop::Cancelled),
            event = timeout(self.voice.patience, stream.next()) => Ok(match event {
                Ok(Some(Ok(event))) => Next::Event(event),
                Ok(Some(Err(error))) => {
                    let (vendor, kind) = (error.vendor(), error.kind());
                    self.context.emit(Some(turn), EventKind::VendorFailed { stage: "tts", vendor, kind });
                    Next::Failed
                }
                Ok(None) => Next::End,
                Err(_) => {
                    self.context.emit(Some(turn), EventKind::TtsSilent);
                    Next::Failed
                }
            }),
        }
    }

    async fn hand_on(&mut self, turn: TurnId, sound: Sound) -> Result<(), Stop> {
        tokio::select! {
            biased;
            () = fenced_off(&mut self.live, turn) => Err(Stop::Cancelled),
            sent = self.sounds.send(sound) => sent.map_err(|_| Stop::Closed),
        }
    }
}

/// Resolves when `turn` may no longer be heard.
pub(super) async fn fenced_off(live: &mut watch::Receiver<TurnId>, turn: TurnId) {
    if live.wait_for(|oldest| *oldest > turn).await.is_err() {
        // The session is gone; its token ends this task.
        std::future::pending::<()>().await;
    }
}

enum Spoken {
    Nothing,
    Partly,
    Whole { samples: usize },
}

enum Next {
    Event(TtsEvent),
    End,
    Failed,
}
