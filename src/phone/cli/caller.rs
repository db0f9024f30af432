//! The one who acts in a call: plays a script, or says what is typed.

use std::io::Write;
use std::time::Duration;

use anyhow::bail;
use tokio::sync::watch;
use voice_pipeline::time::CallTime;

use super::diary::Diary;
use super::prompt::{HELP, Order, Typed};
use super::voice::{Line, Voice};
use crate::phone::live::{LiveCall, Waited};
use crate::phone::report::Entry;

/// How long the agent must be silent after the last line until the caller hangs up: time enough for
/// a tool, and for an agent that ends the call itself.
const LAST_SILENCE: Duration = Duration::from_millis(2_500);

/// How long the caller waits until what the agent said is printed, before speaking on.
const TRANSCRIPT_PATIENCE: Duration = Duration::from_secs(10);

/// The one who acts in the call.
pub(super) struct Caller<'a, W> {
    pub(super) live: &'a LiveCall,
    pub(super) diary: &'a Diary<'a, W>,
    /// Up to when what the agent said has been noted.
    pub(super) noted: watch::Receiver<CallTime>,
    /// How long the caller waits for the agent before going on regardless.
    pub(super) patience: Duration,
}

impl<W: Write> Caller<'_, W> {
    /// Plays the script, and waits for the last reply.
    ///
    /// # Errors
    /// The call ended before the script did.
    pub(super) async fn play(&self, lines: &[Line]) -> anyhow::Result<()> {
        let count = lines.len();
        for (index, line) in lines.iter().enumerate() {
            if self.play_line(line).await.is_none() {
                let by = self.live.ended().await;
                bail!("the call ended (by: {by}) before step {} of {count} was done", index + 1);
            }
        }
        self.hear_the_last_reply().await;
        Ok(())
    }

    /// `None` when the call ended first.
    async fn play_line(&self, line: &Line) -> Option<()> {
        match line {
            Line::Say { text, samples } => {
                self.wait_for_my_turn().await?;
                self.say(text, samples).await
            }
            Line::Keys(keys) => {
                self.wait_for_my_turn().await?;
                self.note(|at| Entry::Caller { at, words: format!("(keys {keys})") });
                self.live.press(keys).ok()
            }
            Line::Interrupt { text, samples, after } => {
                self.note_patience(self.live.wait_until_agent_speaks(self.patience).await)?;
                let began = self.live.agent_speaking_since();
                let at = began.unwrap_or_else(|| self.live.clock().now()) + *after;
                if let Waited::CallEnded(_) = self.live.wait_until(at).await {
                    return None;
                }
                self.say(text, samples).await
            }
        }
    }

    /// Says what is typed, until the input or the call ends. A line out of a pipe waits for the agent to
    /// finish, as a step of a script does; whoever types by hand talks whenever they like.
    ///
    /// # Errors
    /// The call ended before a line of a pipe was said.
    pub(super) async fn talk_freely(&self, voice: &Voice, typed: Typed) -> anyhow::Result<()> {
        let by_hand = typed.by_hand;
        if by_hand {
            self.note(|at| Entry::Note { at, what: HELP.to_owned() });
        }
        let mut typed = typed.lines()?;
        let mut count = 0;
        loop {
            // A line that is there already is not forgotten because the call is over.
            let line = tokio::select! {
                biased;
                line = typed.recv() => line,
                _ = self.live.ended() => return Ok(()),
            };
            let Some(line) = line else { break };
            count += 1;
            let done = match Order::of(&line) {
                Order::Nothing => Some(()),
                Order::HangUp => {
                    if !by_hand {
                        self.wait_for_my_turn().await;
                    }
                    return Ok(());
                }
                Order::Help => {
                    self.note(|at| Entry::Note { at, what: HELP.to_owned() });
                    Some(())
                }
                Order::Unknown => {
                    self.note(|at| Entry::Note { at, what: format!("no such command; {HELP}") });
                    Some(())
                }
                Order::Keys(keys) => self.press(keys, by_hand).await,
                Order::Say(text) => {
                    let samples = voice.say(text).await?;
                    self.speak(text, &samples, by_hand).await
                }
            };
            match done {
                Some(()) => {}
                None if by_hand => return Ok(()),
                None => {
                    let by = self.live.ended().await;
                    bail!("the call ended (by: {by}) before line {count} was said");
                }
            }
        }
        self.hear_the_last_reply().await;
        Ok(())
    }

    async fn speak(&self, text: &str, samples: &[i16], at_once: bool) -> Option<()> {
        if !at_once {
            self.wait_for_my_turn().await?;
        }
        self.say(text, samples).await
    }

    async fn press(&self, keys: &str, at_once: bool) -> Option<()> {
        if !at_once {
            self.wait_for_my_turn().await?;
        }
        match self.live.press(keys) {
            Ok(()) => self.note(|at| Entry::Caller { at, words: format!("(keys {keys})") }),
            Err(_) if self.live.ended_by().is_some() => return None,
            Err(error) => self.note(|at| Entry::Note { at, what: error.to_string() }),
        }
        Some(())
    }

    async fn say(&self, text: &str, samples: &[i16]) -> Option<()> {
        self.note(|at| Entry::Caller { at, words: text.to_owned() });
        self.live.speak(samples).await.ok()
    }

    /// Waits until the agent is done and what it said is noted: lines stay in order, and the
    /// recogniser does not compete with the gateway for the machine while a reply is awaited.
    async fn wait_for_my_turn(&self) -> Option<()> {
        self.note_patience(self.live.wait_until_agent_finishes(self.patience).await)?;
        let last = self.live.agent_last_audible().unwrap_or_default();
        let mut noted = self.noted.clone();
        let all_noted = noted.wait_for(|&until| until >= last);
        // A slow recogniser does not keep the caller from speaking.
        let _ = tokio::time::timeout(TRANSCRIPT_PATIENCE, all_noted).await;
        Some(())
    }

    async fn hear_the_last_reply(&self) {
        self.live.wait_until_agent_finishes(self.patience).await;
        self.live.wait_until_agent_is_quiet_for(LAST_SILENCE, self.patience).await;
    }

    fn note_patience(&self, waited: Waited) -> Option<()> {
        match waited {
            Waited::Happened => Some(()),
            Waited::TimedOut => {
                let what = format!("the agent did not finish within {} s", self.patience.as_secs());
                self.note(|at| Entry::Note { at, what });
                Some(())
            }
            Waited::CallEnded(_) => None,
        }
    }

    fn note(&self, entry: impl FnOnce(CallTime) -> Entry) {
        self.diary.note(entry(self.live.clock().now()));
    }
}
