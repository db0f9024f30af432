//! The conversation: what the caller said, what the agent said, and what was heard of it.
//!
//! [`History`] is told what happens as it happens and gives the [`Message`]s for the next question
//! to the model. Replies are named by their turn; fixed lines (a greeting, "are you still there")
//! are replies too.
//!
//! What always holds:
//! - the model sees of a reply what the caller heard: an interrupted reply ends with "—", one that
//!   nobody heard is left out. A reply in flight counts as heard until something else is reported;
//! - within a reply, text, tool calls and results keep their order, and every call is answered
//!   before any other message, if need be by a result that says it was cancelled;
//! - tool calls and their results stay whatever was heard: what was done was done;
//! - what was heard only grows.
//!
//! Not here: whether to speak or to stop (`turn`), how much was played (`audio::playout`).

use std::fmt;
use std::time::Duration;

use super::heard::{PER_LETTER, heard_bytes, letters};
use super::{Message, ToolCall};
use crate::audio::playout::HeardPiece;
use crate::chat::WordStart;
use crate::pii::Pii;
use crate::turn::TurnId;

/// Stands for the result of a call that was dropped with its turn.
const CANCELLED: &str = r#"{"error":"cancelled"}"#;
/// Stands for the result of a call that runs on because it changes something.
const RUNNING: &str = r#"{"status":"still running, not finished yet"}"#;

/// Pieces that tell how fast the voice speaks, and the letters they must have to tell it.
const PACE_PIECES: usize = 8;
const PACE_LETTERS: u32 = 12;

/// The conversation of one call.
pub struct History {
    system: String,
    entries: Vec<Entry>,
}

/// One line of the transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TranscriptLine {
    /// The caller's words.
    Caller {
        /// The turn that answers them.
        turn: TurnId,
        /// As recognised.
        text: Pii<String>,
    },
    /// A reply.
    Agent {
        /// The reply.
        turn: TurnId,
        /// What was sent to the synthesiser.
        said: Pii<String>,
        /// What the caller heard of it, to the word.
        heard: Pii<String>,
    },
}

enum Entry {
    Caller { turn: TurnId, text: String },
    Reply(Reply),
}

struct Reply {
    turn: TurnId,
    parts: Vec<Part>,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    InFlight,
    HeardAll,
    /// Each piece knows how much of it was heard.
    Cut,
}

enum Part {
    Text(Vec<Piece>),
    Calls(Vec<Call>),
}

struct Piece {
    number: u32,
    text: String,
    words: Vec<WordStart>,
    lasts: Option<Duration>,
    heard_bytes: usize,
    was_audible: bool,
}

struct Call {
    call: ToolCall,
    has_effect: bool,
    result: Option<String>,
}

impl History {
    /// A conversation that begins with the agent's instructions.
    pub fn new(system: impl Into<String>) -> Self {
        Self { system: system.into(), entries: Vec::new() }
    }

    /// The caller said something that `turn` will answer.
    pub fn caller_said(&mut self, turn: TurnId, text: impl Into<String>) {
        self.entries.push(Entry::Caller { turn, text: text.into() });
    }

    /// A piece of a reply went to the synthesiser. The same number again adds to the piece.
    ///
    /// What is said while tool results are awaited stands before the calls, where a model expects
    /// it.
    pub fn agent_piece(&mut self, turn: TurnId, piece: u32, text: &str) {
        let reply = self.reply_or_new(turn);
        if let Some(known) = reply.pieces_mut().find(|known| known.number == piece) {
            if !known.text.is_empty() {
                known.text.push(' ');
            }
            known.text.push_str(text);
            return;
        }
        let text = text.to_owned();
        let new = Piece { number: piece, text, words: Vec::new(), lasts: None, heard_bytes: 0, was_audible: false };
        reply.text_run().push(new);
    }

    /// The synthesiser told when words of a piece begin: more of them, in order.
    pub fn piece_words(&mut self, turn: TurnId, piece: u32, words: Vec<WordStart>) {
        if let Some(piece) = self.piece_mut(turn, piece) {
            piece.words.extend(words);
        }
    }

    /// The synthesiser finished a piece: so long is its audio.
    ///
    /// Makes the heard words of a piece exact that is cut while part of it was not sent yet.
    pub fn piece_lasts(&mut self, turn: TurnId, piece: u32, lasts: Duration) {
        if let Some(piece) = self.piece_mut(turn, piece) {
            piece.lasts = Some(lasts);
        }
    }

    /// A reply was cut off, and this much of its pieces was played. Pieces that are not named were
    /// not played.
    pub fn agent_heard(&mut self, turn: TurnId, heard: &[HeardPiece]) {
        let per_letter = self.per_letter();
        let Some(reply) = self.reply_mut(turn) else { return };
        for piece in reply.pieces_mut() {
            let Some(index) = heard.iter().position(|heard| heard.piece == piece.number) else { continue };
            let HeardPiece { played, of, .. } = heard[index];
            // Once a later piece is queued, all of this one was.
            let is_complete = heard[index + 1..].iter().any(|later| !later.of.is_zero());
            let lasts = piece.lasts.or(is_complete.then_some(of));
            let bytes = heard_bytes(&piece.text, &piece.words, played, of, (lasts, per_letter));
            piece.heard_bytes = piece.heard_bytes.max(bytes);
            piece.was_audible |= !played.is_zero();
        }
        reply.fate = Fate::Cut;
    }

    /// A reply that was silenced goes on: it counts as heard again until something else is reported.
    pub fn agent_resumed(&mut self, turn: TurnId) {
        if let Some(reply) = self.reply_mut(turn)
            && reply.fate == Fate::Cut
        {
            reply.fate = Fate::InFlight;
        }
    }

    /// A reply was heard to its end.
    pub fn agent_heard_all(&mut self, turn: TurnId) {
        if let Some(reply) = self.reply_mut(turn) {
            reply.fate = Fate::HeardAll;
        }
    }

    /// A reply was dropped: what was not reported as heard was not heard.
    pub fn drop_unheard(&mut self, turn: TurnId) {
        if let Some(reply) = self.reply_mut(turn)
            && reply.fate == Fate::InFlight
        {
            reply.fate = Fate::Cut;
        }
    }

    /// The model called tools, all in one answer.
    pub fn tool_called(&mut self, turn: TurnId, calls: Vec<ToolCall>) {
        if calls.is_empty() {
            return;
        }
        let calls = calls.into_iter().map(|call| Call { call, has_effect: false, result: None });
        self.reply_or_new(turn).parts.push(Part::Calls(calls.collect()));
    }

    /// A call changes something outside: its turn cannot be given back, and without a result it is
    /// running, not cancelled.
    pub fn tool_has_effect(&mut self, id: &str) {
        if let Some(call) = self.newest_open_call(id) {
            call.has_effect = true;
        }
    }

    /// A tool came back, however late. Ids without an open call are ignored.
    pub fn tool_returned(&mut self, id: &str, content: impl Into<String>) {
        if let Some(call) = self.newest_open_call(id) {
            call.result = Some(content.into());
        }
    }

    /// Takes back what the caller said to `turn`, because they are still in the same thought.
    ///
    /// Only if nothing of the reply was audible and no tool changed anything; the reply is then
    /// forgotten with it. Report with [`History::agent_heard`] first.
    pub fn give_back(&mut self, turn: TurnId) -> Option<String> {
        if self.reply_mut(turn).is_some_and(|reply| reply.left_a_trace()) {
            return None;
        }
        let mut words = Vec::new();
        self.entries.retain_mut(|entry| match entry {
            Entry::Caller { turn: of, text } if *of == turn => {
                words.push(std::mem::take(text));
                false
            }
            // A reply to nothing, such as a greeting, stays.
            Entry::Reply(reply) => reply.turn != turn || words.is_empty(),
            Entry::Caller { .. } => true,
        });
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// The conversation as the model shall see it.
    pub fn messages(&self) -> Vec<Message> {
        let mut messages = vec![Message::System(self.system.clone())];
        for entry in &self.entries {
            match entry {
                Entry::Caller { text, .. } => messages.push(Message::Caller(text.clone())),
                Entry::Reply(reply) => reply.write_messages(&mut messages),
            }
        }
        messages
    }

    /// Everything that was said, in order, with what was heard of it.
    pub fn transcript(&self) -> Vec<TranscriptLine> {
        let line = |entry: &Entry| match entry {
            Entry::Caller { turn, text } => Some(TranscriptLine::Caller { turn: *turn, text: text.clone().into() }),
            Entry::Reply(reply) => {
                let said = reply.said();
                let (turn, heard) = (reply.turn, reply.heard().into());
                (!said.is_empty()).then(|| TranscriptLine::Agent { turn, said: said.into(), heard })
            }
        };
        self.entries.iter().filter_map(line).collect()
    }

    /// What the caller heard of a reply, to the word.
    pub fn heard_text(&self, turn: TurnId) -> String {
        let mut replies = self.entries.iter().filter_map(|entry| match entry {
            Entry::Reply(reply) if reply.turn == turn => Some(reply.heard()),
            _ => None,
        });
        replies.next().unwrap_or_default()
    }

    /// How long a letter takes in this call, by the newest pieces whose length is known.
    fn per_letter(&self) -> Duration {
        let replies = self.entries.iter().rev().filter_map(|entry| match entry {
            Entry::Reply(reply) => Some(reply),
            Entry::Caller { .. } => None,
        });
        let known = replies.flat_map(Reply::pieces).filter_map(|piece| Some((piece.lasts?, letters(&piece.text))));
        let (time, count) = known
            .take(PACE_PIECES)
            .fold((Duration::ZERO, 0), |(time, count), (lasts, letters)| (time + lasts, count + letters));
        if count >= PACE_LETTERS { time / count } else { PER_LETTER }
    }

    fn reply_mut(&mut self, turn: TurnId) -> Option<&mut Reply> {
        // From the end: the reply in question is nearly always the newest.
        self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Reply(reply) if reply.turn == turn => Some(reply),
            _ => None,
        })
    }

    fn reply_or_new(&mut self, turn: TurnId) -> &mut Reply {
        if self.reply_mut(turn).is_none() {
            self.entries.push(Entry::Reply(Reply { turn, parts: Vec::new(), fate: Fate::InFlight }));
        }
        self.reply_mut(turn).expect("it was there or has just been added")
    }

    fn piece_mut(&mut self, turn: TurnId, number: u32) -> Option<&mut Piece> {
        self.reply_mut(turn)?.pieces_mut().find(|piece| piece.number == number)
    }

    /// Some models number their calls from 0 in every answer, so an id may occur again.
    fn newest_open_call(&mut self, id: &str) -> Option<&mut Call> {
        let replies = self.entries.iter_mut().rev().filter_map(|entry| match entry {
            Entry::Reply(reply) => Some(reply),
            Entry::Caller { .. } => None,
        });
        replies
            .flat_map(|reply| reply.parts.iter_mut().rev())
            .filter_map(|part| match part {
                Part::Calls(calls) => Some(calls),
                Part::Text(_) => None,
            })
            .flatten()
            .find(|call| call.call.id == id && call.result.is_none())
    }
}

/// Shows sizes only: what was said belongs to the caller.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Reply {
    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(pieces) => Some(pieces),
                Part::Calls(_) => None,
            })
            .flatten()
    }

    fn pieces_mut(&mut self) -> impl Iterator<Item = &mut Piece> {
        self.parts
            .iter_mut()
            .filter_map(|part| match part {
                Part::Text(pieces) => Some(pieces),
                Part::Calls(_) => None,
            })
            .flatten()
    }

    /// The run of text that the next piece belongs to.
    fn text_run(&mut self) -> &mut Vec<Piece> {
        let awaits_results = |part: &Part| match part {
            Part::Calls(calls) => calls.iter().any(|call| call.result.is_none()),
            Part::Text(_) => false,
        };
        let end = self.parts.iter().rposition(|part| !awaits_results(part)).map_or(0, |last| last + 1);
        let after_text = end > 0 && matches!(self.parts[end - 1], Part::Text(_));
        let index = if after_text {
            end - 1
        } else {
            self.parts.insert(end, Part::Text(Vec::new()));
            end
        };
        match &mut self.parts[index] {
            Part::Text(pieces) => pieces,
            Part::Calls(_) => unreachable!("the part at this index was just seen to be text"),
        }
    }

    fn left_a_trace(&self) -> bool {
        let has_effect = |part: &Part| match part {
            Part::Calls(calls) => calls.iter().any(|call| call.has_effect),
            Part::Text(_) => false,
        };
        self.parts.iter().any(has_effect) || self.pieces().any(|piece| piece.was_audible || self.fate == Fate::HeardAll)
    }

    fn said(&self) -> String {
        join(self.pieces().map(|piece| piece.text.as_str()))
    }

    fn heard(&self) -> String {
        join(self.pieces().map(|piece| self.heard_of(piece)))
    }

    fn heard_of<'a>(&self, piece: &'a Piece) -> &'a str {
        match self.fate {
            Fate::Cut => &piece.text[..piece.heard_bytes],
            Fate::InFlight | Fate::HeardAll => &piece.text,
        }
    }

    fn write_messages(&self, messages: &mut Vec<Message>) {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(pieces) => text = self.text_of_run(pieces),
                Part::Calls(calls) => {
                    let tool_calls = calls.iter().map(|call| call.call.clone()).collect();
                    messages.push(Message::Agent { text: std::mem::take(&mut text), tool_calls });
                    messages.extend(calls.iter().map(Call::result_message));
                }
            }
        }
        if !text.is_empty() {
            messages.push(Message::Agent { text, tool_calls: Vec::new() });
        }
    }

    fn text_of_run(&self, pieces: &[Piece]) -> String {
        let heard = join(pieces.iter().map(|piece| self.heard_of(piece)));
        let is_whole = pieces.iter().all(|piece| self.heard_of(piece).len() == piece.text.len());
        if is_whole || heard.is_empty() { heard } else { interrupted(&heard) }
    }
}

impl Call {
    fn result_message(&self) -> Message {
        let open = if self.has_effect { RUNNING } else { CANCELLED };
        Message::ToolResult {
            id: self.call.id.clone(),
            name: self.call.name.clone(),
            content: self.result.clone().unwrap_or_else(|| open.to_owned()),
        }
    }
}

fn join<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn interrupted(heard: &str) -> String {
    let heard = heard.trim_end_matches([',', ';', ':', '-', '–', '—', ' ']);
    let gap = if heard.ends_with(['.', '!', '?', '…']) { " " } else { "" };
    format!("{heard}{gap}—")
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
