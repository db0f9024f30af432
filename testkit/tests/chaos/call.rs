//! A caller who knows what a call owes them: every sentence once, an answer to each, and never more than
//! three seconds without a sound while they wait.

use std::fmt::Write;
use std::time::Duration;

use tokio::time::Instant;
use voice_pipeline::event::{CallEvent, EndReason, EventKind};
use voice_testkit::ear::Word;
use voice_testkit::studio::{Moment, Studio};

use crate::scene::ms;

/// What [`Call::say`] says where the words do not matter.
pub(crate) const SENTENCE: &str = "Book me a tee time for two please";

/// The longest a caller may hear nothing while a turn is open.
const LONGEST_SILENCE: Duration = ms(3_000);

/// How long anything may take that a caller waits for.
const LIMIT: Duration = Duration::from_secs(12);

/// Said while a vendor is slow.
pub(crate) const FILLER: &str = "One moment, please.";

/// Said where a model broke off in what the caller already hears.
pub(crate) const AGAIN: &str = "Sorry, let me say that again.";

/// A running call.
pub(crate) struct Call {
    pub(crate) studio: Studio,
    /// What the caller said so far that is to become a turn.
    said: Vec<String>,
    /// When the caller had finished speaking, until they are answered.
    open_since: Option<Duration>,
    /// When turns were open.
    open: Vec<(Duration, Duration)>,
    finished: usize,
}

impl Call {
    pub(crate) fn new(studio: Studio) -> Self {
        Self { studio, said: Vec::new(), open_since: Some(Duration::ZERO), open: Vec::new(), finished: 0 }
    }

    /// Waits for the greeting to be heard.
    pub(crate) async fn greeted(&mut self) {
        self.answered().await;
        assert_eq!(self.heard_since(Duration::ZERO), "Hello there.");
    }

    /// The caller says a sentence, which is to become a turn.
    pub(crate) async fn say(&mut self, text: &str) {
        self.say_while(text, |_| {}).await;
    }

    /// The caller says a sentence, and hears it echoed.
    pub(crate) async fn is_echoed(&mut self, text: &str) {
        self.say(text).await;
        self.answered().await;
        self.was_echoed();
    }

    /// The caller says a sentence; at each of these times in the sentence something happens.
    pub(crate) async fn say_and(&mut self, text: &str, mut happenings: Vec<(Duration, Box<dyn FnOnce() + '_>)>) {
        happenings.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        self.say_while(text, |elapsed| {
            while let Some((_, happens)) = happenings.pop_if(|(at, _)| *at <= elapsed) {
                happens();
            }
        })
        .await;
        assert!(happenings.is_empty(), "the sentence is too short");
    }

    /// The caller goes on with the last sentence, which was no turn yet.
    pub(crate) async fn goes_on(&mut self, text: &str) {
        let begun = self.take_back();
        self.say(text).await;
        self.take_back();
        self.said.push(format!("{begun} {text}"));
    }

    async fn say_while(&mut self, text: &str, mut watch: impl FnMut(Duration)) {
        self.close_turn();
        self.finished = self.studio.count("playout.finished");
        self.said.push(text.to_owned());
        self.studio.say_while(text, |_, elapsed| watch(elapsed)).await;
        self.open_since = Some(self.studio.now());
    }

    /// What was said last is no turn of its own: it was lost for good, or the next sentence goes on with it.
    pub(crate) fn take_back(&mut self) -> String {
        self.said.pop().expect("something was said")
    }

    /// The caller listens until the reply to the last sentence is over.
    pub(crate) async fn answered(&mut self) {
        let (turns, mut finished) = (self.said.len(), self.finished);
        let mut is_turn = self.studio.count("turn.committed") == turns;
        let is_over = self.studio.wait_until(LIMIT, |call| {
            if !is_turn && call.count("turn.committed") == turns {
                // What ended before belongs to the turn before.
                (is_turn, finished) = (true, call.count("playout.finished"));
            }
            (is_turn && call.count("playout.finished") > finished) || hung_up(call)
        });
        let is_over = is_over.await && !hung_up(&self.studio);
        assert!(is_over, "no answer; {}", self.story());
        self.finished = self.studio.count("playout.finished");
        self.close_turn();
        self.check();
    }

    /// Waits for an event, by its name, that was not there before.
    pub(crate) async fn until(&mut self, event: &str) {
        let before = self.studio.count(event);
        self.until_seen(event, before + 1).await;
    }

    /// Waits until there were so many events of this name.
    pub(crate) async fn until_seen(&mut self, event: &str, count: usize) {
        let seen = self.studio.wait_until(LIMIT, |call| call.count(event) >= count).await;
        assert!(seen, "no {event}; {}", self.story());
    }

    /// Waits for a word at the caller's ear, behind those that were heard before `since`.
    pub(crate) async fn until_heard(&mut self, word: &str, since: Duration) {
        let is_there = |studio: &Studio| studio.words().iter().any(|heard| heard.at >= since && heard.text == word);
        assert!(self.studio.wait_until(LIMIT, is_there).await, "{word:?} is not heard; {}", self.story());
    }

    /// The words that were heard whole since then.
    pub(crate) fn heard_since(&self, since: Duration) -> String {
        self.heard_between(since, Duration::MAX)
    }

    /// The words that were heard whole and began between these times.
    pub(crate) fn heard_between(&self, since: Duration, until: Duration) -> String {
        let words = self.studio.words();
        let whole = words.iter().filter(|word| (since..until).contains(&word.at) && word.is_whole());
        whole.map(|word: &Word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The words of the reply to the last sentence, without the fillers before it.
    pub(crate) fn reply(&self) -> String {
        let since = self.open.last().map_or(Duration::ZERO, |(from, _)| *from);
        let mut heard = self.heard_since(since);
        while let Some(rest) = heard.strip_prefix(FILLER) {
            heard = rest.trim_start().to_owned();
        }
        heard
    }

    /// The last sentence was echoed: heard, thought about and spoken, each word once and in order.
    pub(crate) fn was_echoed(&self) {
        let said = self.said.last().expect("something was said");
        assert_eq!(self.reply(), format!("You said: {said}"), "{}", self.story());
    }

    /// How many events of this name there were.
    pub(crate) fn count(&self, event: &str) -> usize {
        self.studio.count(event)
    }

    /// When the carrier's buffer was cleared first.
    pub(crate) fn barged_in_at(&self) -> Duration {
        let cleared = self.studio.moments().iter().find(|(_, moment)| *moment == Moment::Cleared);
        cleared.expect("the caller barged in").0
    }

    /// When events of this name came.
    pub(crate) fn times_of(&self, event: &str) -> Vec<Instant> {
        self.studio.times_of(event)
    }

    /// The caller hangs up; every sentence was a turn.
    pub(crate) async fn hang_up(mut self) {
        self.close_turn();
        self.check();
        let story = self.story();
        let (reason, lived_on) = self.studio.hang_up().await;
        assert_eq!(reason, EndReason::CallerHungUp, "{story}");
        assert!(lived_on < ms(1_000), "the call lived on for {lived_on:?}; {story}");
    }

    /// The gateway gives up: an apology is heard to its end, then the call is over.
    pub(crate) async fn ends_in_an_apology(mut self, limit: Duration) {
        assert!(self.studio.wait_until(limit, hung_up).await, "the call goes on; {}", self.story());
        self.close_turn();
        self.check();
        let story = self.story();
        let heard = self.heard_since(Duration::ZERO);
        assert!(heard.ends_with("I'm sorry, something is wrong. Goodbye!"), "{heard:?}; {story}");
        let (reason, _, _) = self.studio.until_ended().await;
        assert_eq!(reason, EndReason::VendorFailure, "{story}");
    }

    fn close_turn(&mut self) {
        let now = self.studio.now();
        self.open.extend(self.open_since.take().map(|since| (since, now)));
    }

    /// Every sentence so far is exactly one turn, and nobody waited in silence.
    fn check(&self) {
        let committed = self.committed();
        assert_eq!(committed, self.said, "{}", self.story());
        for span in &self.open {
            let silence = longest_silence(*span, self.studio.moments());
            assert!(silence <= LONGEST_SILENCE, "{silence:?} of silence within {span:?}; {}", self.story());
        }
    }

    fn committed(&self) -> Vec<String> {
        let committed = |event: CallEvent| match event.kind {
            EventKind::TurnCommitted { text, .. } => Some(text.expose().clone()),
            _ => None,
        };
        self.studio.events().into_iter().filter_map(committed).collect()
    }

    /// What happened, for whoever has to find out why a case failed.
    pub(crate) fn story(&self) -> String {
        let mut story = String::from("\n");
        for event in self.studio.events() {
            let detail = match &event.kind {
                EventKind::TranscriptInterim { text }
                | EventKind::TranscriptFinal { text, .. }
                | EventKind::TurnCommitted { text, .. }
                | EventKind::ReplyPiece { text, .. }
                | EventKind::ReplyCancelled { heard: text } => text.expose().clone(),
                EventKind::VendorFailed { stage, kind, .. } => format!("{stage} {kind}"),
                EventKind::VendorConnected { stage, took, .. } => format!("{stage} {took:?}"),
                EventKind::VendorReplaced { stage, .. }
                | EventKind::QueueFull { stage }
                | EventKind::AudioDropped { stage, .. } => (*stage).to_owned(),
                _ => String::new(),
            };
            let at = event.at.as_millis();
            let _ = writeln!(story, "{at:>6} {} {detail}", event.kind.name());
        }
        let _ = writeln!(story, "said: {:?}; open: {:?}", self.said, self.open);
        for moment in self.studio.moments() {
            let _ = write!(story, "{moment:?} ");
        }
        let words = self.studio.words();
        let words = words.iter().map(|word| format!("{}@{:?}+{:?}", word.text, word.at, word.lasted));
        story + "\nheard: " + &words.collect::<Vec<_>>().join(" ")
    }
}

fn hung_up(studio: &Studio) -> bool {
    studio.moments().iter().any(|(_, moment)| *moment == Moment::HungUp)
}

/// How long nobody was heard, at most, within a span.
fn longest_silence((from, to): (Duration, Duration), moments: &[(Duration, Moment)]) -> Duration {
    let (mut longest, mut quiet_since) = (Duration::ZERO, Some(Duration::ZERO));
    for (at, moment) in moments.iter().filter(|(at, _)| *at <= to) {
        match moment {
            Moment::AgentStarted => {
                let since = quiet_since.take();
                longest = longest.max(since.map_or(Duration::ZERO, |since| at.saturating_sub(since.max(from))));
            }
            Moment::AgentStopped => quiet_since = Some(*at),
            Moment::Cleared | Moment::HungUp => {}
        }
    }
    longest.max(quiet_since.map_or(Duration::ZERO, |since| to.saturating_sub(since.max(from))))
}
