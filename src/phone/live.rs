//! A call in progress, from the caller's side: speak, press, listen, wait, hang up.
//!
//! [`LiveCall`] owns the task that runs the call (`call`); dropping it breaks the line. Everything
//! here may be called while other calls of it wait. What it waits for, it sees every 20 ms.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use voice_pipeline::net::websocket::WsMessage;
use voice_pipeline::time::{CallClock, CallTime};

use super::carrier::Sids;
use super::events::{EndedBy, PhoneError, PhoneEvent};
use super::latency::TurnLatency;
use super::line::Legs;
use super::playout::{self, HeardSpan};
use super::stream::{Progress, Shared};

/// What waiting for the agent came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// What was waited for happened.
    Happened,
    /// It did not happen in time.
    TimedOut,
    /// The call ended first.
    CallEnded(EndedBy),
}

/// What is left of a call.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// Who ended it.
    pub ended_by: EndedBy,
    /// From dialling to the end.
    pub duration: Duration,
    /// Both legs of the audio.
    pub legs: Legs,
    /// What was played, with times.
    pub heard: Vec<HeardSpan>,
    /// The latency of every reply.
    pub latencies: Vec<TurnLatency>,
    /// The longest time in which nobody was audible, after the first sound.
    pub longest_silence: Duration,
    /// How often a carrier would have complained.
    pub warnings: u64,
    /// Events that nobody took in time.
    pub events_lost: u64,
}

impl CallRecord {
    /// What the caller heard between two moments, at 8 kHz.
    pub fn heard_between(&self, from: CallTime, until: CallTime) -> Vec<i16> {
        playout::heard_between(&self.heard, from, until)
    }
}

/// A call with an open media stream.
pub struct LiveCall {
    sids: Sids,
    shared: Arc<Shared>,
    events: mpsc::Receiver<PhoneEvent>,
    /// When the caller last finished saying or pressing something: a reply comes after this.
    caller_turn_ended: Mutex<CallTime>,
    tasks: JoinSet<()>,
}

impl LiveCall {
    pub(super) fn new(sids: Sids, shared: Arc<Shared>, events: mpsc::Receiver<PhoneEvent>, tasks: JoinSet<()>) -> Self {
        Self { sids, shared, events, caller_turn_ended: Mutex::new(CallTime::ZERO), tasks }
    }

    /// The ids of this call.
    pub fn sids(&self) -> &Sids {
        &self.sids
    }

    /// The call's clock: it started when the number was dialled.
    pub fn clock(&self) -> CallClock {
        self.shared.clock
    }

    /// Says samples (8 kHz) after what is already being said; returns when the last one was sent.
    ///
    /// # Errors
    /// The call ended first.
    pub async fn speak(&self, samples: &[i16]) -> Result<(), PhoneError> {
        let place = self.shared.line().speak(samples);
        match self.wait(|progress| progress.said >= place).await {
            None => {
                self.end_turn();
                Ok(())
            }
            Some(by) => Err(PhoneError::Over(by)),
        }
    }

    /// Presses keys one after the other.
    ///
    /// # Errors
    /// A key that no phone has, or the call is over.
    pub fn press(&self, keys: &str) -> Result<(), PhoneError> {
        check_keys(keys)?;
        if let Some(by) = self.ended_by() {
            return Err(PhoneError::Over(by));
        }
        self.shared.line().press(keys.chars());
        self.end_turn();
        Ok(())
    }

    /// Hangs up; returns when the gateway was told everything about it.
    pub async fn hang_up(&self) -> EndedBy {
        self.shared.hang_up.cancel();
        self.ended().await
    }

    /// Breaks the connection without `stop` and without a close frame.
    pub async fn break_line(&self) -> EndedBy {
        self.shared.break_line.cancel();
        self.ended().await
    }

    /// Sends something that is no message of a carrier.
    pub fn send_raw(&self, message: WsMessage) {
        self.shared.line().send_raw(message);
    }

    /// Stops or resumes sending the caller's audio.
    pub fn pause_media(&self, paused: bool) {
        self.shared.line().pause_media(paused);
    }

    /// What happens, in order. Ends after [`PhoneEvent::Ended`].
    pub fn events(&mut self) -> &mut mpsc::Receiver<PhoneEvent> {
        &mut self.events
    }

    /// Takes the events away, for another task to follow.
    pub fn take_events(&mut self) -> mpsc::Receiver<PhoneEvent> {
        let (_, nothing) = mpsc::channel(1);
        std::mem::replace(&mut self.events, nothing)
    }

    /// What was really played so far, with times.
    pub fn heard(&self) -> Vec<HeardSpan> {
        self.shared.line().heard().to_vec()
    }

    /// What the caller heard between two moments, at 8 kHz.
    pub fn heard_between(&self, from: CallTime, until: CallTime) -> Vec<i16> {
        self.shared.line().heard_between(from, until)
    }

    /// Waits until the agent has said something since the caller's last words or keys, nothing of
    /// it is left to play, and it has been silent for a while.
    pub async fn wait_until_agent_finishes(&self, limit: Duration) -> Waited {
        let since = self.turn_ended();
        let finished = move |progress: &Progress| {
            let answered = progress.voice.last_audible.is_some_and(|last| last >= since);
            answered && progress.voice.speaking_since.is_none() && progress.voice.queued.is_zero()
        };
        self.wait_at_most(limit, finished).await
    }

    /// Waits until the agent speaks.
    pub async fn wait_until_agent_speaks(&self, limit: Duration) -> Waited {
        let since = self.turn_ended();
        let speaks = move |progress: &Progress| {
            progress.voice.speaking_since.is_some() && progress.voice.last_audible.is_some_and(|last| last >= since)
        };
        self.wait_at_most(limit, speaks).await
    }

    /// Since when the agent has been speaking.
    pub fn agent_speaking_since(&self) -> Option<CallTime> {
        self.shared.progress.borrow().voice.speaking_since
    }

    /// When the agent was last audible.
    pub fn agent_last_audible(&self) -> Option<CallTime> {
        self.shared.progress.borrow().voice.last_audible
    }

    /// Waits until the agent has been silent for `quiet`, with nothing left to play.
    pub async fn wait_until_agent_is_quiet_for(&self, quiet: Duration, limit: Duration) -> Waited {
        let silent = move |progress: &Progress| {
            let last = progress.voice.last_audible.unwrap_or_default();
            progress.voice.queued.is_zero() && progress.now - last >= quiet
        };
        self.wait_at_most(limit, silent).await
    }

    /// Waits until the call's clock shows `at`, or the call ends.
    pub async fn wait_until(&self, at: CallTime) -> Waited {
        match self.wait_at_most(Duration::MAX, move |progress| progress.now >= at).await {
            Waited::TimedOut => Waited::Happened,
            other => other,
        }
    }

    /// Waits for the end of the call.
    pub async fn ended(&self) -> EndedBy {
        self.wait(|_| false).await.unwrap_or(EndedBy::Failure)
    }

    /// Who ended the call, if it is over.
    pub fn ended_by(&self) -> Option<EndedBy> {
        self.shared.progress.borrow().ended
    }

    /// Hangs up if nobody has yet, and gives what is left of the call.
    pub async fn finish(mut self) -> CallRecord {
        let ended_by = self.hang_up().await;
        while self.tasks.join_next().await.is_some() {}
        let duration = self.shared.progress.borrow().now.since_answer();
        let line = self.shared.line();
        CallRecord {
            ended_by,
            duration,
            legs: line.legs().clone(),
            heard: line.heard().to_vec(),
            latencies: line.latencies().to_vec(),
            longest_silence: line.longest_silence(),
            warnings: self.shared.warnings.load(Ordering::Relaxed),
            events_lost: self.shared.events_lost.load(Ordering::Relaxed),
        }
    }

    fn end_turn(&self) {
        let mut ended = self.caller_turn_ended.lock().unwrap_or_else(PoisonError::into_inner);
        *ended = self.shared.clock.now();
    }

    fn turn_ended(&self) -> CallTime {
        *self.caller_turn_ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a condition; gives the end of the call if that comes first.
    async fn wait(&self, happened: impl Fn(&Progress) -> bool) -> Option<EndedBy> {
        let mut progress = self.shared.progress.subscribe();
        let seen = progress.wait_for(|now| happened(now) || now.ended.is_some()).await;
        let seen = *seen.expect("the sender lives in `shared`");
        if happened(&seen) { None } else { seen.ended }
    }

    async fn wait_at_most(&self, limit: Duration, happened: impl Fn(&Progress) -> bool) -> Waited {
        match tokio::time::timeout(limit, self.wait(happened)).await {
            Ok(None) => Waited::Happened,
            Ok(Some(by)) => Waited::CallEnded(by),
            Err(_) => Waited::TimedOut,
        }
    }
}

/// Whether all of these are keys of a phone.
///
/// # Errors
/// The first that is none.
pub(super) fn check_keys(keys: &str) -> Result<(), PhoneError> {
    match keys.chars().find(|key| !matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')) {
        None => Ok(()),
        Some(key) => Err(PhoneError::NoSuchKey(key)),
    }
}
