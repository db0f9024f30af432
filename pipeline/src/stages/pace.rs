//! Last stage before the carrier: whole frames of μ-law, paced on the call's clock.
//!
//! The carrier buffers what it gets, so audio goes out ahead of the caller's ear, but never more
//! than the lead: that much may have to be cleared when the caller interrupts. The ledger
//! ([`Playout`]) knows what the carrier holds; it is shared with the session, which asks it what
//! was heard.
//!
//! A piece whose audio does not come as fast as it is heard leaves the carrier with nothing to play; the
//! session is told when that happens ([`Signal::RanDry`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use super::tts::fenced_off;
use super::{Context, Signal, Sound};
use crate::audio::frames::{FRAME_SAMPLES, Framer20ms};
use crate::audio::playout::Playout;
use crate::line::Outbound;
use crate::turn::TurnId;

/// Most audio in one message to the carrier: large enough to spare system calls, small enough to
/// pace finely.
const BATCH: usize = 5 * FRAME_SAMPLES;

/// The ledger of one call, shared by this stage and the session; locked for moments only.
pub type SharedPlayout = Arc<Mutex<Playout>>;

/// Where audio goes.
pub struct Egress {
    /// To the carrier's writer.
    pub carrier: mpsc::Sender<Outbound>,
    /// What the carrier holds.
    pub playout: SharedPlayout,
    /// The oldest turn that may still be heard.
    pub live: watch::Receiver<TurnId>,
    /// How far ahead of the caller's ear audio is sent.
    pub lead: Duration,
}

/// Runs until the synthesiser's side ends or the carrier is gone. Fixed lines go first: they are
/// whole, and what they overtake belongs to a cancelled turn or has not begun.
pub async fn run(
    mut lines: mpsc::Receiver<Sound>,
    mut sounds: mpsc::Receiver<Sound>,
    egress: Egress,
    context: Context,
) {
    let mut stage = Stage { egress, context, rest: Framer20ms::ulaw(), newest: TurnId(0), open_piece: None };
    loop {
        let sound = tokio::select! {
            biased;
            Some(line) = lines.recv() => line,
            sound = sounds.recv() => match sound {
                Some(sound) => sound,
                None => return,
            },
            turn = stage.runs_dry() => {
                stage.open_piece = None;
                stage.context.signal(Signal::RanDry(turn)).await;
                continue;
            }
        };
        match stage.take(sound).await {
            Ok(()) | Err(Stop::Cancelled) => {}
            Err(Stop::Closed) => return,
        }
    }
}

struct Stage {
    egress: Egress,
    context: Context,
    /// The part of a frame that waits for the next audio of its piece.
    rest: Framer20ms<u8>,
    newest: TurnId,
    /// The turn of the piece whose audio was sent last, until its end, a line, or the silence behind it.
    open_piece: Option<TurnId>,
}

enum Stop {
    Cancelled,
    Closed,
}

impl Stage {
    async fn take(&mut self, sound: Sound) -> Result<(), Stop> {
        let turn = sound.turn();
        if *self.egress.live.borrow() > turn {
            return Err(Stop::Cancelled);
        }
        if turn != self.newest {
            self.newest = turn;
            self.rest.clear();
        }
        self.open_piece = matches!(sound, Sound::Audio { .. }).then_some(turn);
        match sound {
            Sound::Audio { piece, ulaw, .. } => self.send_frames(turn, piece, ulaw).await,
            Sound::Line { piece, ulaw, .. } => {
                self.send_batches(turn, piece, &ulaw).await?;
                self.mark(turn, piece).await
            }
            Sound::PieceEnd { piece, .. } => {
                if let Some(last) = self.rest.finish() {
                    self.send(turn, piece, Bytes::copy_from_slice(&last)).await?;
                }
                self.mark(turn, piece).await
            }
            Sound::End(_) => {
                let now = self.context.clock.now();
                let plays_until = now + self.with_playout(|playout| playout.buffered(now));
                self.context.signal(Signal::AllSent { turn, plays_until }).await;
                Ok(())
            }
        }
    }

    /// Sends whole frames; bytes are copied only where a frame was begun by the audio before.
    async fn send_frames(&mut self, turn: TurnId, piece: u32, mut ulaw: Bytes) -> Result<(), Stop> {
        let missing = self.rest.missing();
        if missing < FRAME_SAMPLES {
            let joint = ulaw.split_to(missing.min(ulaw.len()));
            if let Some(frame) = self.rest.fill(&joint) {
                self.send(turn, piece, Bytes::copy_from_slice(&frame)).await?;
            }
        }
        let whole = ulaw.split_to(ulaw.len() - ulaw.len() % FRAME_SAMPLES);
        // Kept before anything is awaited, so that a cancelled send loses nothing but its turn.
        let rest = self.rest.fill(&ulaw);
        debug_assert!(rest.is_none(), "less than a frame completes none");
        self.send_batches(turn, piece, &whole).await
    }

    async fn send_batches(&mut self, turn: TurnId, piece: u32, ulaw: &Bytes) -> Result<(), Stop> {
        for start in (0..ulaw.len()).step_by(BATCH) {
            self.send(turn, piece, ulaw.slice(start..ulaw.len().min(start + BATCH))).await?;
        }
        Ok(())
    }

    /// Hands a batch to the carrier as soon as the lead allows.
    async fn send(&mut self, turn: TurnId, piece: u32, ulaw: Bytes) -> Result<(), Stop> {
        let now = self.context.clock.now();
        let ahead = self.with_playout(|playout| playout.buffered(now));
        if let Some(excess) = ahead.checked_sub(self.egress.lead) {
            let due = self.context.clock.instant(now + excess);
            tokio::select! {
                biased;
                () = fenced_off(&mut self.egress.live, turn) => return Err(Stop::Cancelled),
                () = sleep_until(due) => {}
            }
        }
        if *self.egress.live.borrow() > turn {
            return Err(Stop::Cancelled);
        }
        let now = self.context.clock.now();
        let duration = Duration::from_micros(ulaw.len() as u64 * 125);
        let behind = self.with_playout(|playout| {
            let behind = playout.buffered(now);
            playout.queued(now, turn, piece, duration);
            behind
        });
        self.hand_over(Outbound::Audio { turn, ulaw }).await?;
        self.context.signal(Signal::Sent { turn, piece, behind }).await;
        Ok(())
    }

    /// Resolves when the carrier has nothing left to play of a piece that is not at its end.
    async fn runs_dry(&self) -> TurnId {
        let Some(turn) = self.open_piece else { return std::future::pending().await };
        let now = self.context.clock.now();
        let ahead = self.with_playout(|playout| playout.buffered(now));
        sleep_until(self.context.clock.instant(now + ahead)).await;
        turn
    }

    async fn mark(&mut self, turn: TurnId, piece: u32) -> Result<(), Stop> {
        if *self.egress.live.borrow() > turn {
            return Err(Stop::Cancelled);
        }
        let name = self.with_playout(|playout| playout.mark(turn, piece));
        self.hand_over(Outbound::Mark { turn, name }).await
    }

    async fn hand_over(&mut self, outbound: Outbound) -> Result<(), Stop> {
        self.egress.carrier.send(outbound).await.map_err(|_| Stop::Closed)
    }

    fn with_playout<T>(&self, look: impl FnOnce(&mut Playout) -> T) -> T {
        look(&mut self.egress.playout.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
