//! The states of a conversation by name, for whoever watches one.

use super::core::{Conversation, State};

/// Where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The media stream is not up yet.
    Ringing,
    /// Nobody speaks.
    Listening,
    /// The caller speaks.
    Hearing,
    /// The caller paused; whether they are done is open.
    Endpointing,
    /// A reply is being made, and nothing of it is playing.
    Thinking,
    /// A reply is playing.
    Speaking,
    /// The last words are playing.
    Closing,
    /// The call is over.
    Ended,
}

impl Phase {
    /// The phase that is listed after this one: from [`Phase::Ringing`] on it leads through all of them.
    pub fn listed_next(self) -> Option<Self> {
        Some(match self {
            Self::Ringing => Self::Listening,
            Self::Listening => Self::Hearing,
            Self::Hearing => Self::Endpointing,
            Self::Endpointing => Self::Thinking,
            Self::Thinking => Self::Speaking,
            Self::Speaking => Self::Closing,
            Self::Closing => Self::Ended,
            Self::Ended => return None,
        })
    }

    /// Every phase.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::successors(Some(Self::Ringing), |phase| phase.listed_next())
    }
}

impl Conversation {
    /// Where it stands.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Ringing { .. } => Phase::Ringing,
            State::Listening { .. } => Phase::Listening,
            State::Hearing { .. } => Phase::Hearing,
            State::Endpointing { .. } => Phase::Endpointing,
            State::Thinking { .. } => Phase::Thinking,
            State::Speaking { .. } => Phase::Speaking,
            State::Closing { .. } => Phase::Closing,
            State::Ended => Phase::Ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::CallTime;
    use crate::turn::{Cause, Command, Event, PauseId, TurnId, TurnPolicy};

    const GREETING: TurnId = TurnId(0);

    /// What has to happen, in milliseconds, for a conversation to stand there.
    fn way_to(phase: Phase) -> Vec<(u64, Event)> {
        let at = CallTime::from_millis;
        let answered = (0, Event::Answered);
        let greeting_sent = (10, Event::AudioSent(GREETING));
        let plays_until = at(1_000);
        let greeted = [
            answered.clone(),
            greeting_sent.clone(),
            (20, Event::ReplyComplete { turn: GREETING, plays_until, ends_call: false }),
            (1_000, Event::PlayedOut(GREETING)),
        ];
        let heard =
            [(2_000, Event::SpeechStarted { onset: at(1_950) }), (3_200, Event::SpeechStopped { end: at(3_000) })];
        let score = (3_250, Event::TurnScored { pause: PauseId(1), probability: 0.99 });
        let words = (3_300, Event::Final { pause: Some(PauseId(1)), text: "A tee time please.".to_owned() });
        match phase {
            Phase::Ringing => Vec::new(),
            Phase::Listening => greeted.to_vec(),
            Phase::Hearing => [&greeted[..], &heard[..1]].concat(),
            Phase::Endpointing => [&greeted[..], &heard].concat(),
            Phase::Thinking => [&greeted[..], &heard, &[score, words]].concat(),
            Phase::Speaking => vec![answered, greeting_sent],
            Phase::Closing => [&greeted[..], &[(1_500, Event::CloseWanted)]].concat(),
            Phase::Ended => vec![(0, Event::HungUp)],
        }
    }

    #[test]
    fn a_caller_who_hangs_up_ends_the_call_whatever_its_phase() {
        for phase in Phase::all() {
            let mut conversation = Conversation::new(TurnPolicy::default());
            let mut now = 0;
            for (at, event) in way_to(phase) {
                now = at;
                conversation.handle_event(CallTime::from_millis(at), event);
            }
            assert_eq!(conversation.phase(), phase);
            while conversation.poll_command().is_some() {}
            conversation.handle_event(CallTime::from_millis(now + 20), Event::HungUp);
            let commands: Vec<_> = std::iter::from_fn(|| conversation.poll_command()).collect();
            let expected = if phase == Phase::Ended { vec![] } else { vec![Command::HangUp(Cause::HungUp)] };
            assert_eq!(commands, expected, "{phase:?}");
            assert_eq!((conversation.phase(), conversation.poll_timeout()), (Phase::Ended, None));
        }
    }
}
