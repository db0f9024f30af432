//! While the floor is the caller's: listening, hearing, judging pauses, keypad entries.

use super::core::{Conversation, State, Utterance};
use super::endpoint::Pause;
use super::held::imagined;
use super::{Cause, Command, Event, Line, Notice, PauseId};
use crate::time::CallTime;

/// Speech without words that lasted at least this long deserves a "sorry, I didn't catch that".
const WORTH_ASKING: std::time::Duration = std::time::Duration::from_secs(1);

/// How late a vendor's own end of an utterance may come.
const VENDOR_LAG: std::time::Duration = std::time::Duration::from_millis(400);

impl Conversation {
    pub(super) fn on_callers_floor(&mut self, now: CallTime, mut state: State, event: Event) -> State {
        use State::*;
        let event = match (&mut state, event) {
            (Hearing { utterance, .. } | Endpointing { utterance, .. }, event) => {
                match utterance.held.take_if(|held| matches!(event, Event::ReplyFailed(of) if held.is(of))) {
                    Some(held) => return self.fail(now, held.reply),
                    None => event,
                }
            }
            (_, event) => event,
        };
        let event = match &mut state {
            Hearing { utterance: Utterance { held: Some(held), .. }, .. }
            | Endpointing { utterance: Utterance { held: Some(held), .. }, .. } => held.follow(now, event, self),
            _ => Some(event),
        };
        let Some(event) = event else { return state };
        match (state, event) {
            (Listening { prompts, .. }, Event::SpeechStarted { onset }) => {
                self.hear(now, Utterance { prompts, ..Utterance::new(onset) })
            }
            // The recogniser hears what the VAD does not: quiet callers are callers, too.
            (Listening { prompts, .. }, Event::Interim(text)) if !text.trim().is_empty() => {
                self.hear(now, Utterance { prompts, text, ..Utterance::new(now) })
            }
            (Listening { prompts, .. }, Event::Final { pause: None, text }) if !text.trim().is_empty() => {
                self.finished(now, Utterance { prompts, ..Utterance::new(now) }, &text)
            }
            // The VAD takes noise for speech that goes on; the vendor knows better. Unless it speaks of the pause
            // before this stretch of speech, which the caller has ended by going on.
            (Hearing { utterance, since, .. }, Event::Final { pause: None, text })
                if !text.trim().is_empty() && now - since > VENDOR_LAG =>
            {
                self.finished(now, utterance, &text)
            }
            (Endpointing { mut utterance, pause }, Event::SpeechStarted { .. }) => {
                utterance.text = pause.text.unwrap_or(utterance.text);
                self.hear(now, utterance)
            }
            (Hearing { mut utterance, since, give_up_at, stale_at }, Event::Interim(text)) => {
                let changed = utterance.text != text;
                self.weigh(&mut utterance, &text);
                let stale_at = match (text.is_empty(), changed) {
                    _ if utterance.held.is_some() => stale_at,
                    (true, _) => None,
                    (false, true) => Some(now + self.policy.stale_text_after),
                    (false, false) => stale_at,
                };
                utterance.text = text;
                Hearing { utterance, since, give_up_at, stale_at }
            }
            (Hearing { utterance, .. }, Event::SpeechStopped { end }) => self.pause(now, utterance, end),
            // It was asked about while sound went on; now that has stopped, too.
            (Endpointing { utterance, mut pause }, Event::SpeechStopped { end }) if pause.sound_goes_on() => {
                pause.speech_end = end.min(now - self.policy.sure_after);
                self.judge(now, utterance, pause)
            }
            (Endpointing { mut utterance, mut pause }, Event::Final { pause: of, text })
                if of.is_none_or(|id| id == pause.id) =>
            {
                self.weigh(&mut utterance, &text);
                pause.vendor_ended |= of.is_none();
                pause.text = Some(text.trim().to_owned());
                self.judge(now, utterance, pause)
            }
            (Endpointing { mut utterance, pause }, Event::Interim(text)) if !text.trim().is_empty() => {
                self.weigh(&mut utterance, &text);
                utterance.text = text;
                Endpointing { utterance, pause }
            }
            (Endpointing { utterance, mut pause }, Event::TurnScored { pause: of, probability }) if of == pause.id => {
                pause.probability = Some(probability);
                self.judge(now, utterance, pause)
            }
            (state, _) => state,
        }
    }

    pub(super) fn hear(&self, now: CallTime, utterance: Utterance) -> State {
        let stale_at = utterance.wordless_until(now);
        State::Hearing { utterance, since: now, give_up_at: now + self.policy.utterance_max, stale_at }
    }

    pub(super) fn pause(&mut self, now: CallTime, utterance: Utterance, speech_end: CallTime) -> State {
        let pause = Pause::new(self.ask_final(), utterance.onset, speech_end, now);
        State::Endpointing { utterance, pause }
    }

    /// A vendor ended the utterance by itself, over what the VAD takes for speech or did not hear at all: no
    /// pause was measured, and none is waited for, unless the words want more.
    pub(super) fn finished(&mut self, now: CallTime, utterance: Utterance, words: &str) -> State {
        let speech_end = now - self.policy.sure_after;
        let text = Some(words.trim().to_owned());
        let pause =
            Pause { text, vendor_ended: true, ..Pause::new(self.ask_final(), utterance.onset, speech_end, now) };
        self.judge(now, utterance, pause)
    }

    pub(super) fn ask_final(&mut self) -> PauseId {
        self.newest_pause = PauseId(self.newest_pause.0 + 1);
        self.commands.push_back(Command::AskFinal(self.newest_pause));
        self.newest_pause
    }

    /// Commits the turn when the pause has lasted long enough, else waits on.
    pub(super) fn judge(&mut self, now: CallTime, mut utterance: Utterance, pause: Pause) -> State {
        match pause.commit_at(&self.policy) {
            Some(at) if at <= now => self.commit(now, utterance, &pause),
            None if utterance.verdict_by(&pause, self.policy.stt_timeout) <= now => {
                self.notice(Notice::SttSilent);
                if let Some(held) = utterance.held.take() {
                    return self.was_not_decided(now, *held, &pause);
                }
                // Guessed words are better than "sorry, I didn't catch that".
                if !utterance.text.trim().is_empty() {
                    let text = Some(utterance.text.trim().to_owned());
                    return self.commit(now, utterance, &Pause { text, ..pause });
                }
                self.commands.push_back(Command::CommitUtterance);
                self.without_words(now, utterance)
            }
            _ => State::Endpointing { utterance, pause },
        }
    }

    pub(super) fn commit(&mut self, now: CallTime, mut utterance: Utterance, pause: &Pause) -> State {
        self.commands.push_back(Command::CommitUtterance);
        let words = pause.text.as_deref().unwrap_or_default();
        if let Some(held) = utterance.held.take() {
            return self.was_no_interruption(now, *held, pause);
        }
        let long = pause.speech_end - utterance.onset >= WORTH_ASKING;
        if words.is_empty() || (!long && imagined(words)) {
            self.notice(Notice::NothingUnderstood);
            return match utterance.carried {
                Some(_) => self.without_words(now, utterance),
                None if long => self.say(now, Line::DidntHear, utterance.prompts),
                None => self.listen(now, utterance.prompts),
            };
        }
        let (text, replaces) = utterance.with_words(words);
        self.answer(now, text, replaces, pause.speech_end)
    }

    /// The caller made sounds but no words came: what was carried is answered after all.
    pub(super) fn without_words(&mut self, now: CallTime, utterance: Utterance) -> State {
        match utterance.carried {
            Some(carried) => self.answer(now, carried.text, Some(carried.from), now),
            None => self.say(now, Line::DidntHear, utterance.prompts),
        }
    }

    pub(super) fn listen(&self, now: CallTime, prompts: u32) -> State {
        State::Listening { prompts, prompt_at: now + self.policy.silence_prompt_after }
    }

    pub(super) fn break_silence(&mut self, now: CallTime, prompts: u32) -> State {
        if prompts >= self.policy.silence_prompts {
            let idle = self.listen(now, prompts);
            return self.close(now, idle, Cause::Silence, Line::SilenceGoodbye);
        }
        self.notice(Notice::SilencePrompted(prompts + 1));
        self.say(now, Line::StillThere(prompts), prompts + 1)
    }

    pub(super) fn key_pressed(&mut self, now: CallTime, state: State, key: char) -> State {
        match (self.keypad.press(now, key, self.policy.keypad_pause), state) {
            (Some(words), state) => self.take_turn(now, state, words),
            // Who types does not want to listen.
            (None, State::Speaking { reply, .. }) => {
                self.notice(Notice::BargeIn { turn: reply.turn, onset: now, silenced: now });
                self.commands.push_back(Command::CancelReply(reply.turn));
                self.listen(now, 0)
            }
            (None, State::Hearing { mut utterance, since, give_up_at, .. }) if utterance.held.is_some() => {
                self.let_go(&mut utterance);
                State::Hearing { utterance, since, give_up_at, stale_at: None }
            }
            (None, State::Endpointing { mut utterance, pause }) => {
                self.let_go(&mut utterance);
                State::Endpointing { utterance, pause }
            }
            (None, state) => state,
        }
    }

    /// Typed words are a turn at once, whoever holds the floor.
    pub(super) fn take_turn(&mut self, now: CallTime, state: State, words: String) -> State {
        use State::*;
        match state {
            Ended | Closing { .. } | Ringing { .. } => state,
            Hearing { mut utterance, .. } | Endpointing { mut utterance, .. } => {
                self.let_go(&mut utterance);
                self.commands.push_back(Command::CommitUtterance);
                let (text, replaces) = utterance.with_typed(&words);
                self.answer(now, text, replaces, now)
            }
            Thinking { reply, .. } | Speaking { reply, .. } => {
                self.commands.push_back(Command::CancelReply(reply.turn));
                self.answer(now, words, None, now)
            }
            Listening { .. } => self.answer(now, words, None, now),
        }
    }
}
