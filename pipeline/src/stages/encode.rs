//! Last stage before the carrier: frames of μ-law, paced on the call's clock.
//!
//! The carrier buffers what it gets, so audio goes out ahead of the caller's ear, but never more
//! than the lead: that much may have to be cleared when the caller interrupts. The ledger
//! ([`Playout`]) knows what the carrier holds; it is shared with the session, which asks it what
//! was heard.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use super::tts::fenced_off;
use super::{Context, Signal, Sound};
use crate::audio::frames::{FRAME_SAMPLES, Frame, Framer20ms};
use crate::audio::playout::Playout;
use crate::audio::ulaw;
use crate::line::Outbound;
use crate::turn::TurnId;

/// Most audio in one message to the carrier: large enough to spare system calls, small enough to
/// pace finely.
const BATCH: usize = 5 * FRAME_SAMPLES;

/// The ledger of one call, shared by this stage and the session; locked for moments only.
pub type SharedPlayout = Arc<Mutex<Playout>>;

/// Where encoded audio goes.
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
    let mut stage = Stage { egress, context, framer: Framer20ms::samples(), frames: Vec::new(), newest: TurnId(0) };
    loop {
        let sound = tokio::select! {
            biased;
            Some(line) = lines.recv() => line,
            sound = sounds.recv() => match sound {
                Some(sound) => sound,
                None => return,
            },
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
    framer: Framer20ms<i16>,
    frames: Vec<Frame<i16>>,
    newest: TurnId,
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
            self.framer.clear();
        }
        match sound {
            Sound::Samples { piece, samples, .. } => {
                self.framer.push(&samples, &mut self.frames);
                self.send_frames(turn, piece).await
            }
            Sound::Encoded { piece, ulaw, .. } => {
                for batch in 0..ulaw.len().div_ceil(BATCH) {
                    let end = ulaw.len().min((batch + 1) * BATCH);
                    self.send(turn, piece, ulaw.slice(batch * BATCH..end)).await?;
                }
                self.mark(turn, piece).await
            }
            Sound::PieceEnd { piece, .. } => {
                self.frames.extend(self.framer.finish());
                self.send_frames(turn, piece).await?;
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

    async fn send_frames(&mut self, turn: TurnId, piece: u32) -> Result<(), Stop> {
        let frames = std::mem::take(&mut self.frames);
        for batch in frames.chunks(BATCH / FRAME_SAMPLES) {
            let bytes: Vec<u8> = batch.iter().flatten().map(|&sample| ulaw::encode(sample)).collect();
            self.send(turn, piece, Bytes::from(bytes)).await?;
        }
        self.frames = frames;
        self.frames.clear();
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
