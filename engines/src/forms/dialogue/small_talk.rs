//! What is said in any call, whatever it is about: thanks, "pardon?", "hold on", "never mind", "a person,
//! please", and what nobody can make sense of.

use serde_json::Value as Json;

use super::super::intent::{Answer, Move};
use super::super::{END_CALL, TRANSFER, spoken};
use super::{Dialogue, Prompt, Utterance};

impl Dialogue<'_> {
    /// Leave, repeat, hold, help, never mind, thanks, hello. True when that was all.
    pub(super) fn small_talk(&mut self, said: &Utterance<'_>) -> bool {
        let lines = &self.book.lines;
        match said.intent {
            Some(Move::Leave) => self.leave(),
            Some(Move::Abandon) if self.form().is_some() || self.prompt == Prompt::AnythingElse => self.abandon(),
            Some(Move::Repeat) => {
                let again = if self.said.is_empty() { self.question() } else { self.said.clone() };
                self.say(again);
            }
            Some(Move::Hold) => self.say(lines.hold.clone()),
            Some(Move::Help) => {
                let help = self.help();
                self.say_and_ask(help);
            }
            Some(Move::Unknown) if self.asked().is_some() => self.unknown(),
            Some(Move::Thanks) if said.words.len() < 6 => self.say_and_ask(lines.welcome.clone()),
            Some(Move::Greet) => self.say_and_ask(lines.hello.clone()),
            _ => return false,
        }
        self.misses = 0;
        true
    }

    pub(super) fn leave(&mut self) {
        self.say(self.book.lines.goodbye.clone());
        if self.offers_tool(END_CALL) {
            self.plan.call = Some((END_CALL.to_owned(), Json::Object(serde_json::Map::new())));
        }
    }

    pub(super) fn person(&mut self) {
        self.misses = 0;
        if self.offers_tool(TRANSFER) {
            self.say(self.book.lines.transfer.clone());
            self.plan.call = Some((TRANSFER.to_owned(), Json::Object(serde_json::Map::new())));
        } else {
            if self.prompt == Prompt::Open {
                self.prompt = Prompt::AnythingElse;
            }
            self.say_and_ask(self.book.lines.person.clone());
        }
    }

    pub(super) fn wants_person(&mut self, said: &Utterance<'_>, before: Prompt) -> bool {
        self.prompt = before;
        match said.answer {
            Answer::Yes => self.person(),
            Answer::No => {
                let question = self.question();
                self.say(question);
            }
            _ => return false,
        }
        true
    }

    /// Drops the open form.
    pub(super) fn abandon(&mut self) {
        self.forget();
        self.prompt = Prompt::AnythingElse;
        self.say_and_ask(self.book.lines.abandoned.clone());
    }

    /// Forgets what was filled in since the last deed.
    pub(super) fn forget(&mut self) {
        self.values = self.settled.clone();
        self.window = None;
        self.wants_latest = false;
        self.open = None;
    }

    pub(super) fn unknown(&mut self) {
        let Some(field) = self.asked() else { return };
        if let Some(unknown) = &field.unknown {
            self.forget();
            self.prompt = Prompt::AnythingElse;
            return self.say_and_ask(unknown.clone());
        }
        self.say_and_ask(field.hint.clone().unwrap_or_default());
    }

    pub(super) fn help(&self) -> String {
        if let Some(help) = &self.book.lines.help {
            return help.clone();
        }
        let deeds: Vec<String> = self.book.forms.iter().filter_map(|form| form.does.clone()).collect();
        if deeds.is_empty() { String::new() } else { format!("I can {}.", spoken::either(&deeds)) }
    }

    /// Two differently worded tries, then a person.
    pub(super) fn miss(&mut self) {
        self.misses += 1;
        let lines = &self.book.lines;
        match self.misses {
            1 => {
                self.say(lines.not_understood[0].clone());
                let question = self.question_again();
                self.say(question);
            }
            2 => {
                self.say(lines.not_understood[1].clone());
                let hint = self.asked().and_then(|field| field.hint.clone());
                let hint = hint.unwrap_or_else(|| if self.form().is_none() { self.help() } else { String::new() });
                self.say_and_ask(hint);
            }
            _ => {
                self.misses = 0;
                if self.offers_tool(TRANSFER) {
                    let before = std::mem::replace(&mut self.prompt, Prompt::Open);
                    self.prompt = Prompt::Person(Box::new(before));
                    self.say(lines.offer_person.clone());
                } else {
                    self.say(lines.trouble.clone());
                    self.say_and_ask(lines.person.clone());
                }
            }
        }
    }
}
