//! The synthesiser's stage: pieces of text become audio, in order, ahead of the caller's ear, and another
//! voice goes on when one dies.
//!
//! A piece that a voice left half spoken is not begun again: the next voice goes on with the first
//! word that is in none of the audio so far. When no voice is left the turn has failed.
//!
//! Not here: the voices' connections (`mouth` holds the line, its driver is the vendor's).

mod mouth;
mod unsaid;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::Instrument as _;

use self::mouth::{Mouth, Saying};
use self::unsaid::{Pace, Unsaid};
use super::convert::Narrow;
use super::{Context, Signal, Sound, Speak};
use crate::event::EventKind;
use crate::turn::TurnId;
use crate::vendors::VendorError;
use crate::vendors::chain::Chain;
use crate::vendors::tts::{SpeakRequest, Tts, TtsEvent, TtsSignal};

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

/// Who speaks.
pub struct Speaker {
    /// The voices' vendors.
    pub chain: Chain<dyn Tts>,
    /// How they are to speak.
    pub voice: Voice,
    /// How long a letter takes about, until a vendor was heard.
    pub per_letter: Option<Duration>,
}

/// Runs until its input ends. `live` holds the oldest turn that may still be heard.
pub async fn run(
    mut speak: mpsc::Receiver<Speak>,
    Speaker { chain, voice, per_letter }: Speaker,
    sounds: mpsc::Sender<Sound>,
    live: watch::Receiver<TurnId>,
    context: Context,
) {
    let usual_pace = per_letter.map(|per_letter| Pace { per_letter });
    let mouth = Mouth::open(chain, Arc::clone(&voice.name), usual_pace, context.clone());
    let mut stage = Stage { mouth, voice, sounds, live, context, begun: None, failed: None };
    loop {
        let item = tokio::select! {
            biased;
            item = speak.recv() => item,
            () = stage.mouth.watch() => continue,
        };
        let done = match item {
            Some(Speak::Piece { turn, piece, text }) => stage.piece(turn, piece, &text).await,
            Some(Speak::End(turn)) if stage.may_speak(turn) => stage.hand_on(turn, Sound::End(turn)).await,
            Some(Speak::End(_)) => Ok(()),
            None => return stage.mouth.close().await,
        };
        match done {
            Ok(()) | Err(Stop::Cancelled) => {}
            Err(Stop::Closed) => return stage.mouth.close().await,
        }
    }
}

struct Stage {
    mouth: Mouth,
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

/// How an attempt at a piece ended.
enum Attempt {
    Whole,
    Failed(VendorError),
}

impl Stage {
    fn may_speak(&self, turn: TurnId) -> bool {
        *self.live.borrow() <= turn && self.failed != Some(turn)
    }

    async fn piece(&mut self, turn: TurnId, piece: u32, text: &str) -> Result<(), Stop> {
        if !self.may_speak(turn) {
            return Ok(());
        }
        let mut unsaid = Unsaid::new(text);
        loop {
            let span = self.context.spans.tts(turn, self.mouth.name());
            match self.attempt(turn, piece, &mut unsaid).instrument(span).await? {
                Attempt::Whole => {
                    self.mouth.spoke(&unsaid);
                    self.context.signal(Signal::Spoken { turn, piece, lasts: unsaid.total() }).await;
                    return self.hand_on(turn, Sound::PieceEnd { turn, piece }).await;
                }
                Attempt::Failed(error) => {
                    let pace = self.mouth.pace();
                    if !self.mouth.failed(Some(turn), &error) {
                        break;
                    }
                    unsaid.voice_lost(pace);
                    if unsaid.is_empty() {
                        self.context.signal(Signal::Spoken { turn, piece, lasts: unsaid.total() }).await;
                        return self.hand_on(turn, Sound::PieceEnd { turn, piece }).await;
                    }
                }
            }
        }
        if !unsaid.total().is_zero() {
            self.hand_on(turn, Sound::PieceEnd { turn, piece }).await?;
        }
        self.failed = Some(turn);
        self.context.signal(Signal::TtsFailed(turn)).await;
        Ok(())
    }

    async fn attempt(&mut self, turn: TurnId, piece: u32, unsaid: &mut Unsaid) -> Result<Attempt, Stop> {
        let request = SpeakRequest {
            text: unsaid.text().to_owned(),
            voice: Arc::clone(&self.voice.name),
            speed: self.voice.speed,
        };
        let mut narrow = None;
        let mut saying = match self.mouth.say(request) {
            Ok(saying) => saying,
            Err(error) => return Ok(Attempt::Failed(error)),
        };
        loop {
            let audio = match self.next(turn, &mut saying).await? {
                Ok(TtsSignal::Event(TtsEvent::Ulaw(ulaw))) => ulaw,
                Ok(TtsSignal::Event(TtsEvent::Audio(samples))) => {
                    let rate = self.mouth.sample_rate();
                    Bytes::from(narrow.get_or_insert_with(|| Narrow::new(rate)).convert(&samples))
                }
                Ok(TtsSignal::Event(TtsEvent::Words(words))) => {
                    let words = unsaid.words(words);
                    self.context.signal(Signal::Words { turn, piece, words }).await;
                    continue;
                }
                Ok(TtsSignal::PieceDone) => {
                    let tail = narrow.map(|mut narrow: Narrow| narrow.finish()).unwrap_or_default();
                    self.audio(turn, piece, Bytes::from(tail), unsaid).await?;
                    if unsaid.heard_nothing() {
                        let vendor = self.mouth.name();
                        return Ok(Attempt::Failed(VendorError::Failed { vendor, kind: "no audio".to_owned() }));
                    }
                    return Ok(Attempt::Whole);
                }
                Err(error) => return Ok(Attempt::Failed(error)),
            };
            self.audio(turn, piece, audio, unsaid).await?;
        }
    }

    async fn audio(&mut self, turn: TurnId, piece: u32, ulaw: Bytes, unsaid: &mut Unsaid) -> Result<(), Stop> {
        if ulaw.is_empty() {
            return Ok(());
        }
        if self.begun != Some(turn) {
            self.begun = Some(turn);
            self.context.signal(Signal::FirstAudio(turn)).await;
        }
        unsaid.audio(Duration::from_micros(ulaw.len() as u64 * 125));
        self.hand_on(turn, Sound::Audio { turn, piece, ulaw }).await
    }

    async fn next(&mut self, turn: TurnId, saying: &mut Saying) -> Result<Result<TtsSignal, VendorError>, Stop> {
        let patience = self.voice.patience;
        tokio::select! {
            biased;
            () = fenced_off(&mut self.live, turn) => Err(Stop::Cancelled),
            signal = timeout(patience, saying.next()) => Ok(signal.unwrap_or_else(|_| {
                self.context.emit(Some(turn), EventKind::TtsSilent);
                Err(VendorError::TimedOut { vendor: self.mouth.name(), awaited: "audio", limit: patience })
            })),
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

#[cfg(test)]
mod tests;
