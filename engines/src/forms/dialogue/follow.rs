//! Questions in somebody else's words: a language model led the call so far, or the host spoke.
//!
//! The caller answers what was asked last, so "Johnson" is a name when the question was "who am I speaking
//! with?". Such a question is never a read-back: agreement to it writes nothing.

use voice_values::Kind;
use voice_values::words::{Word, find, phrase, text_at, words};

use super::super::compile::Field;
use super::{Dialogue, Prompt};

/// How many last words of the agent have to be its own for an answer to be an answer to them.
const TAIL_WORDS: usize = 3;

impl<'a> Dialogue<'a> {
    /// Whether the caller's last words answer this agent's own last words, not somebody else's.
    pub(super) fn heard_its_own(&self) -> bool {
        let (heard, said) = (words(&self.heard), words(&self.said));
        let tail: Vec<String> = heard.iter().rev().take(TAIL_WORDS).rev().map(|word| word.text.clone()).collect();
        find(&said, &tail).is_some()
    }

    /// Takes over a question that was asked in other words than this agent's.
    pub(super) fn follow(&mut self) {
        if self.heard.trim().is_empty() || self.prompt == Prompt::Waiting || self.heard_its_own() {
            return;
        }
        let start = || self.book.forms.iter().position(|form| form.default && self.offers_tool(&form.tool));
        let Some(form) = self.open.or_else(start) else { return };
        let question = words(last_question(&self.heard));
        let asked = |field: &&&'a Field| asks_for(&question, field);
        let fields = self.fields_about(form);
        let missing = |field: &&&Field| !self.values.contains_key(&field.name);
        let field = fields.iter().filter(asked).find(missing).or_else(|| fields.iter().find(asked)).copied();
        if let Some(field) = field {
            self.open = Some(form);
            self.prompt = Prompt::Ask(field.name.clone());
        }
    }
}

/// The last sentence that asks something; empty when none does.
fn last_question(text: &str) -> &str {
    let Some(end) = text.rfind('?') else { return "" };
    let start = text[..end].rfind(['.', '?', '!']).map_or(0, |at| at + 1);
    &text[start..end]
}

/// Whether a question is for the value of a field.
fn asks_for(question: &[Word], field: &Field) -> bool {
    let has = |wanted: &str| find(question, &phrase(wanted)).is_some();
    let any = |wanted: &[&str]| wanted.iter().any(|wanted| has(wanted));
    let asks = any(&[
        "what",
        "whats",
        "which",
        "when",
        "who",
        "whos",
        "whom",
        "how",
        "can i get",
        "may i have",
        "could i have",
    ]);
    let called = field.called.iter().any(|called| find(question, called).is_some());
    let by_kind = match field.kind {
        Kind::Date => any(&["when", "what day", "which day", "what date"]),
        Kind::Time => any(&["what time", "which time", "when", "how early", "how late"]),
        Kind::Count => any(&["how many", "how big"]),
        Kind::Name => any(&["who", "whos", "whom", "speaking with", "name"]),
        Kind::Code(_) => any(&["code", "reference", "confirmation"]),
        Kind::Phone(_) => any(&["phone", "call you back", "reach you"]),
        Kind::Email => any(&["email", "e mail"]),
        _ => false,
    };
    // "Shall I book nine o'clock under that name?" wants a yes.
    let wants_yes = matches!(text_at(question, 0), "shall" | "should" | "want" | "is" | "do" | "does" | "will");
    asks && !wants_yes && (called || by_kind)
}
