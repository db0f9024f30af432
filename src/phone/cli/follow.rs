//! The one who listens to a call: notes what happens, and what the agent said.

use std::io::Write;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use voice_pipeline::time::CallTime;

use super::diary::Diary;
use crate::phone::events::PhoneEvent;
use crate::phone::latency::TurnLatency;
use crate::phone::live::{CallRecord, LiveCall};
use crate::phone::report::Entry;
use crate::phone::transcript::{Ear, LEAD};

/// A stretch of the agent's speech that nobody has understood yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spoken {
    from: CallTime,
    until: CallTime,
    /// How long the caller waited for it.
    latency: Option<TurnLatency>,
}

/// What was noticed of the agent.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    pub(super) first_sound: Option<Duration>,
    /// In order; empty where an ear understood everything at once.
    pub(super) not_understood: Vec<Spoken>,
}

/// Notes what happens until the call ends. Without an ear the agent's words are left for later.
pub(super) async fn follow<W: Write>(
    live: &LiveCall,
    mut events: mpsc::Receiver<PhoneEvent>,
    mut ear: Option<Ear>,
    diary: &Diary<'_, W>,
    noted: watch::Sender<CallTime>,
) -> Noticed {
    let mut noticed = Noticed::default();
    let mut began = CallTime::ZERO;
    let mut latency = None;
    while let Some(event) = events.recv().await {
        match event {
            PhoneEvent::AgentStartedSpeaking { at } => {
                began = at;
                noticed.first_sound.get_or_insert(at.since_answer());
            }
            PhoneEvent::AgentStoppedSpeaking { at } => {
                let spoken = Spoken { from: began, until: at, latency: latency.take() };
                match &mut ear {
                    Some(ear) => {
                        let heard = live.heard_between(began - LEAD, at + LEAD);
                        for entry in understand(ear, &heard, spoken).await {
                            diary.note(entry);
                        }
                    }
                    None => noticed.not_understood.push(spoken),
                }
                noted.send_replace(at);
            }
            PhoneEvent::Answered(measured) => latency = Some(measured),
            PhoneEvent::CarrierSaid { at, text } => diary.note(Entry::Carrier { at, words: text.expose().clone() }),
            PhoneEvent::Warning { at, code, what } => diary.note(Entry::Warning { at, code, what }),
            PhoneEvent::Ended { .. } => break,
            PhoneEvent::StreamStarted { .. }
            | PhoneEvent::AgentAudio { .. }
            | PhoneEvent::MarkEchoed { .. }
            | PhoneEvent::Cleared { .. } => {}
        }
    }
    noticed
}

/// What was said in a call that is over, as entries among the others.
pub(super) async fn understand_later(ear: &mut Ear, record: &CallRecord, spoken: &[Spoken], entries: &mut Vec<Entry>) {
    for &spoken in spoken {
        let heard = record.heard_between(spoken.from - LEAD, spoken.until + LEAD);
        entries.extend(understand(ear, &heard, spoken).await);
    }
    // A reply's latency stays behind its words: both have the time at which it was first heard.
    entries.sort_by_key(Entry::at);
}

async fn understand(ear: &mut Ear, heard: &[i16], spoken: Spoken) -> Vec<Entry> {
    let at = spoken.from;
    let words = match ear.recognise(heard).await {
        Ok(words) => Entry::Agent { at, words },
        Err(error) => Entry::Note { at, what: format!("the agent spoke, but {error}") },
    };
    let latency = spoken.latency.map(|latency| Entry::Latency { at, latency });
    [words].into_iter().chain(latency).collect()
}
