//! Last stage before the carrier: whole frames of μ-law, paced on the call's clock.
//!
//! The carrier buffers what it gets, so audio goes out ahead of the caller's ear, but never more
//! than the lead: that much may have to be cleared when the caller interrupts. The ledger
//! ([`Playout`]) knows what the carrier holds; it is shared with the session, which asks it what
//! was heard.
//!
//! A reply may be held ([`Control::Hold`]): the carrier drops what it has not played, and nothing more is sent
//! until the reply goes on from there ([`Control::Resume`], [`Tape`]) or is cancelled.
//!
//! A piece whose audio does not come as fast as it is heard leaves the carrier with nothing to play; the
//! session is told when that happens ([`Signal::RanDry`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use super::{Context, Signal, Sound};
use crate::audio::frames::{FRAME_SAMPLES, Framer20ms};
use crate::audio::playout::Playout;
use crate::audio::tape::{Item, Tape};
use crate::line::Outbound;
use crate::time::CallTime;
use crate::turn::TurnId;

/// Most audio in one message to the carrier: large enough to spare system calls, small enough to
/// pace finely.
const BATCH: usize = 5 * FRAME_SAMPLES;

/// Holds and resumptions on their way from the session: a caller cannot make so many sounds that they fill it.
/// When it is full the newest is lost and counted; the reply then plays on, or is told silent by its deadline.
pub const CONTROLS: usize = 16;

/// The ledger of one call, shared by this stage and the session; locked for moments only.
pub type SharedPlayout = Arc<Mutex<Playout>>;

/// What the session tells about a reply that is playing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Silence it at once.
    Hold(TurnId),
    /// Let it go on where it was silenced.
    Resume(TurnId),
}

/// Where audio goes.
pub struct Egress {
    /// To the carrier's writer.
    pub carrier: mpsc::Sender<Outbound>,
    /// What the carrier holds.
    pub playout: SharedPlayout,
    /// The oldest turn that may still be heard.
    pub live: watch::Receiver<TurnId>,
    /// Replies that are silenced and go on.
    pub controls: mpsc::Receiver<Control>,
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
    let mut stage = Stage {
        egress,
        context,
        tape: Tape::default(),
        rest: Framer20ms::ulaw(),
        newest: TurnId(0),
        open_piece: None,
        held: None,
    };
    while stage.send_what_is_due().await.is_ok() {
        let takes_more = stage.tape.is_done() && stage.held.is_none();
        let next_due = stage.next_due(stage.context.clock.now());
        tokio::select! {
            biased;
            Some(control) = stage.egress.controls.recv() => if stage.obey(control).await.is_err() { return },
            live = stage.egress.live.changed() => match live {
                Ok(()) => stage.drop_cancelled(),
                Err(_) => return,
            },
            () = due(stage.context.clock.instant(next_due)), if !takes_more && stage.held.is_none() => {}
            Some(line) = lines.recv(), if takes_more => stage.load(line),
            sound = sounds.recv(), if takes_more => match sound {
                Some(sound) => stage.load(sound),
                None => return,
            },
            () = due(stage.context.clock.instant(next_due)), if takes_more && stage.open_piece.is_some() => {
                stage.ran_dry().await;
            }
        }
    }
}

struct Stage {
    egress: Egress,
    context: Context,
    tape: Tape,
    /// The part of a frame that waits for the next audio of its piece.
    rest: Framer20ms<u8>,
    newest: TurnId,
    /// The turn of the piece whose audio was sent last, until its end, a line, or the silence behind it.
    open_piece: Option<TurnId>,
    /// The reply that is silenced.
    held: Option<TurnId>,
}

/// The carrier is gone.
struct Closed;

impl Stage {
    /// Puts a sound on the tape, in whole frames; bytes are copied only where a frame was begun by the audio before.
    fn load(&mut self, sound: Sound) {
        let turn = sound.turn();
        if *self.egress.live.borrow() > turn {
            return;
        }
        if turn != self.newest {
            self.newest = turn;
            self.rest.clear();
            self.tape.clear();
        }
        self.open_piece = matches!(sound, Sound::Audio { .. }).then_some(turn);
        match sound {
            Sound::Audio { piece, mut ulaw, .. } => {
                let missing = self.rest.missing();
                if missing < FRAME_SAMPLES {
                    let joint = ulaw.split_to(missing.min(ulaw.len()));
                    if let Some(frame) = self.rest.fill(&joint) {
                        self.load_audio(turn, piece, &Bytes::copy_from_slice(&frame));
                    }
                }
                let whole = ulaw.split_to(ulaw.len() - ulaw.len() % FRAME_SAMPLES);
                let rest = self.rest.fill(&ulaw);
                debug_assert!(rest.is_none(), "less than a frame completes none");
                self.load_audio(turn, piece, &whole);
            }
            Sound::Line { piece, ulaw, .. } => {
                self.load_audio(turn, piece, &ulaw);
                self.tape.load(Item::Mark { turn, piece });
            }
            Sound::PieceEnd { piece, .. } => {
                if let Some(last) = self.rest.finish() {
                    self.load_audio(turn, piece, &Bytes::copy_from_slice(&last));
                }
                self.tape.load(Item::Mark { turn, piece });
            }
            Sound::End(_) => self.tape.load(Item::End(turn)),
        }
    }

    fn load_audio(&mut self, turn: TurnId, piece: u32, ulaw: &Bytes) {
        for start in (0..ulaw.len()).step_by(BATCH) {
            let ulaw = ulaw.slice(start..ulaw.len().min(start + BATCH));
            self.tape.load(Item::Audio { turn, piece, ulaw });
        }
    }

    /// Hands the carrier everything the lead allows.
    async fn send_what_is_due(&mut self) -> Result<(), Closed> {
        while !self.tape.is_done() && self.held.is_none() {
            if self.egress.live.has_changed().unwrap_or(true) || !self.egress.controls.is_empty() {
                return Ok(());
            }
            let now = self.context.clock.now();
            if self.next_due(now) > now {
                return Ok(());
            }
            let end = self.with_playout(|playout| playout.end());
            if let Some(item) = self.tape.next(end) {
                self.send(now, item).await?;
            }
        }
        Ok(())
    }

    /// When the next thing on the tape goes out; when there is none, when the carrier runs dry.
    fn next_due(&self, now: CallTime) -> CallTime {
        let ahead = self.with_playout(|playout| playout.buffered(now));
        let lead = if self.tape.is_done() { Duration::ZERO } else { self.egress.lead };
        now + ahead.saturating_sub(lead)
    }

    async fn send(&mut self, now: CallTime, item: Item) -> Result<(), Closed> {
        match item {
            Item::Audio { turn, piece, ulaw } => {
                let duration = Duration::from_micros(ulaw.len() as u64 * 125);
                let (behind, heard) = self.with_playout(|playout| {
                    let behind = playout.buffered(now);
                    playout.queued(now, turn, piece, duration);
                    (behind, playout.heard_position(now))
                });
                self.tape.heard(heard);
                self.hand_over(Outbound::Audio { turn, ulaw }).await?;
                self.context.signal(Signal::Sent { turn, piece, behind }).await;
            }
            Item::Mark { turn, piece } => {
                let name = self.with_playout(|playout| playout.mark(turn, piece));
                self.hand_over(Outbound::Mark { turn, name }).await?;
            }
            Item::End(turn) => {
                let plays_until = now + self.with_playout(|playout| playout.buffered(now));
                self.context.signal(Signal::AllSent { turn, plays_until }).await;
            }
        }
        Ok(())
    }

    async fn obey(&mut self, control: Control) -> Result<(), Closed> {
        match control {
            Control::Hold(turn) if *self.egress.live.borrow() <= turn && self.held.is_none() => {
                self.held = Some(turn);
                if self.newest == turn {
                    self.take_back(turn).await?;
                }
            }
            Control::Resume(turn) if self.held == Some(turn) => {
                self.held = None;
                // What is not at its end goes on with what the voice makes next, or the session is told.
                if self.tape.is_done() {
                    self.open_piece = Some(turn);
                }
            }
            Control::Hold(_) | Control::Resume(_) => {}
        }
        Ok(())
    }

    /// The carrier drops what the caller has not heard; it goes back on the tape.
    async fn take_back(&mut self, turn: TurnId) -> Result<(), Closed> {
        let now = self.context.clock.now();
        let (heard, position) = self.with_playout(|playout| (playout.heard(now, turn), playout.heard_position(now)));
        let resume = self.tape.rewind(position);
        self.with_playout(|playout| playout.rewound(now, resume));
        self.hand_over(Outbound::Clear).await?;
        self.context.signal(Signal::Held { turn, heard }).await;
        Ok(())
    }

    /// What belongs to a cancelled turn goes no further.
    fn drop_cancelled(&mut self) {
        let oldest = *self.egress.live.borrow_and_update();
        if self.newest < oldest {
            self.tape.clear();
            self.rest.clear();
            self.open_piece = None;
        }
        self.held.take_if(|turn| *turn < oldest);
    }

    /// The carrier has nothing left to play of a piece that is not at its end.
    async fn ran_dry(&mut self) {
        if let Some(turn) = self.open_piece.take() {
            self.context.signal(Signal::RanDry(turn)).await;
        }
    }

    async fn hand_over(&mut self, outbound: Outbound) -> Result<(), Closed> {
        self.egress.carrier.send(outbound).await.map_err(|_| Closed)
    }

    fn with_playout<T>(&self, look: impl FnOnce(&mut Playout) -> T) -> T {
        look(&mut self.egress.playout.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Sleeps only when it is worth it: a timer costs more than a look at the clock.
async fn due(at: tokio::time::Instant) {
    if at > tokio::time::Instant::now() {
        sleep_until(at).await;
    }
}
