//! Turn-taking: who holds the floor, and when it passes.
//!
//! [`Conversation`] is a state machine without I/O, clock or async. Its driver says what happened
//! ([`Event`], past tense) and when ([`CallTime`]). It answers with what to
//! do ([`Command`], imperative) and when it wants to be woken ([`Conversation::poll_timeout`]).
//! Drain [`Conversation::poll_command`] after every `handle_*`.
//!
//! Invariants, checked over random calls by the simulation in `testkit`:
//! - every state but `Ended` has a deadline, so no call hangs on a silent vendor;
//! - turn ids only grow, and only the newest turn is ever cancelled;
//! - an event that names an older turn or pause changes nothing;
//! - after `HangUp` nothing is commanded any more;
//! - a held reply is resumed or cancelled before anything else is said.
//!
//! One thing is expected to join without changing the shape: a reply started speculatively before the
//! pause is judged (a `StartReply` whose audio is held until the commit).
//!
//! Not here: samples (`audio`, `vad`), sockets (`net`), what is said (`chat`).

mod agents_floor;
mod callers_floor;
mod core;
#[cfg(test)]
mod end_of_turn_tests;
mod endpoint;
mod held;
#[cfg(test)]
mod held_tests;
mod keypad;
mod phase;
mod policy;
#[cfg(test)]
mod tests;

pub use self::core::Conversation;
pub use endpoint::{Unfinished, unfinished};
pub use keypad::KEYPAD_MARK;
pub use phase::Phase;
pub use policy::TurnPolicy;

use crate::time::CallTime;

/// One reply of the agent. Ids only grow within a call; the greeting is turn 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TurnId(pub u32);

impl TurnId {
    /// The turn after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One pause in the caller's speech, long enough to ask whether they are done. Ids only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PauseId(pub u32);

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The media stream is up.
    Answered,
    /// The caller hung up, or the connection is gone.
    HungUp,
    /// The gateway wants the call to end politely.
    CloseWanted,
    /// Speech began.
    SpeechStarted {
        /// When its first voiced frame began.
        onset: CallTime,
    },
    /// The speech that began at `onset` has lasted for the barge-in time.
    SpeechSustained {
        /// When it began.
        onset: CallTime,
    },
    /// Speech was followed by a pause.
    SpeechStopped {
        /// When its last voiced frame ended.
        end: CallTime,
    },
    /// A guess at the utterance so far.
    Interim(String),
    /// What the recogniser stands by, for the utterance so far.
    Final {
        /// The pause it answers; `None` when the vendor decided by itself.
        pause: Option<PauseId>,
        /// May be empty.
        text: String,
    },
    /// The turn model's opinion on a pause.
    TurnScored {
        /// The pause it judged.
        pause: PauseId,
        /// Probability that the caller is done.
        probability: f32,
    },
    /// The caller pressed a key.
    Digit(char),
    /// The model sent its first token of this request.
    FirstToken(TurnId),
    /// A tool of this reply began to run.
    ToolStarted {
        /// The reply.
        turn: TurnId,
        /// Whether the tool changes something outside.
        changes: bool,
    },
    /// The tools of this reply came back; the model thinks again.
    ToolsFinished(TurnId),
    /// Audio of this reply went to the carrier.
    AudioSent(TurnId),
    /// Audio of a filler went to the carrier: the caller hears something, but the reply is no nearer.
    FillerSent(TurnId),
    /// The carrier played all it had of this reply.
    PlayedOut(TurnId),
    /// The carrier played all it had, in the middle of a piece.
    RanDry(TurnId),
    /// All audio of this reply is with the carrier.
    ReplyComplete {
        /// The reply.
        turn: TurnId,
        /// When its last sample will have been played.
        plays_until: CallTime,
        /// Whether the call ends after it.
        ends_call: bool,
    },
    /// No vendor could answer or speak.
    ReplyFailed(TurnId),
    /// No recogniser listens any more.
    SttGone,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Ask the recogniser for a final transcript and the turn model for its opinion.
    AskFinal(PauseId),
    /// The utterance is over: the recogniser starts from nothing.
    CommitUtterance,
    /// Answer the caller.
    StartReply {
        /// The new turn.
        turn: TurnId,
        /// The caller's words.
        text: String,
        /// An unheard turn whose caller text is contained in `text`.
        replaces: Option<TurnId>,
    },
    /// Stop this reply everywhere and clear what the carrier still holds of it.
    CancelReply(TurnId),
    /// Silence this reply at once; what the caller has not heard of it is kept.
    HoldReply(TurnId),
    /// Let a held reply go on where it was silenced.
    ResumeReply(TurnId),
    /// Speak a fixed line in this turn.
    Say {
        /// The turn: a new one, or a running one for fillers.
        turn: TurnId,
        /// Which line.
        line: Line,
    },
    /// End the call now.
    HangUp(Cause),
    /// Tell the observers.
    Notice(Notice),
}

/// A fixed line of the agent, synthesised before the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// The first words of a call.
    Greeting,
    /// Nobody spoke for a while; the number of the question, from 0.
    StillThere(u32),
    /// The model or a tool is slow. The number of the filler in this reply, from 0.
    Filler(u32),
    /// The tool is slow: its own filler, else the general one.
    ToolFiller(u32),
    /// The caller spoke and nothing was understood.
    DidntHear,
    /// Nobody answers: the call ends.
    SilenceGoodbye,
    /// Something failed for good: the call ends.
    Apology,
    /// The call reached a limit, or the gateway shuts down.
    Closing,
}

/// Why the core ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The caller hung up.
    HungUp,
    /// The agent said goodbye.
    Goodbye,
    /// Nobody spoke.
    Silence,
    /// A vendor failed for good.
    Failure,
    /// The call reached its longest allowed time.
    TimeLimit,
    /// The gateway wanted it.
    CloseWanted,
}

/// Something observers want to know and only the core can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The floor passed to the agent in this turn.
    Committed {
        /// The reply's turn.
        turn: TurnId,
        /// When the caller's last voiced frame ended.
        speech_end: CallTime,
    },
    /// The caller interrupted this turn and meant it.
    BargeIn {
        /// The interrupted turn.
        turn: TurnId,
        /// When the caller began.
        onset: CallTime,
        /// When the reply was silenced.
        silenced: CallTime,
    },
    /// The caller spoke and no transcript came in time.
    SttSilent,
    /// The caller spoke and no words were found.
    NothingUnderstood,
    /// The model is slow.
    LlmSlow(TurnId),
    /// The model did not answer in time.
    LlmGaveUp(TurnId),
    /// A tool is slow.
    ToolSlow(TurnId),
    /// The caller is asked whether they are still there.
    SilencePrompted(u32),
    /// The call is being closed with a last line.
    Closing(Cause),
}
