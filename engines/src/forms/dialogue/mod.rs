//! The dialogue: what the agent has understood, what it asked, and what it says next.
//!
//! A [`Dialogue`] is told the conversation from the start ([`Dialogue::heard`], [`Dialogue::caller`],
//! [`Dialogue::called`], [`Dialogue::returned`]), and its [`Plan`] is the answer to the last of these. It
//! lives for one answer only, so every decision is a function of the messages.
//!
//! What always holds:
//! - a tool with side effects is called only after "yes", when the agent's last words, as far as the
//!   caller heard them, name every value of the call;
//! - a question once answered is not asked again, unless the caller takes the answer back;
//! - what is not understood costs one question, two differently worded tries, and then a person is offered.
//!
//! Here: the moves of a conversation. Elsewhere: what an utterance is about (`about`), values (`fill`),
//! questions and read-backs (`next`), tool results (`results`), and picking from a list (`offers`).

use std::collections::BTreeMap;

use jiff::Zoned;
use jiff::civil::Time;
use serde_json::Value as Json;
use voice_values::Value;
use voice_values::words::{Word, words};

use super::compile::{Book, Field, Form};
use super::facts::Fact;
use super::intent::{self, Answer, Move};
use super::mentions::{Found, Mention, mentions};

mod about;
mod fill;
mod next;
mod offers;
mod results;

/// What the agent does next: speak, then perhaps call a tool.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) sentences: Vec<String>,
    pub(crate) call: Option<(String, Json)>,
}

/// What the agent waits for.
#[derive(Debug, Clone, PartialEq)]
enum Prompt {
    /// The caller's wish.
    Open,
    /// The value of an argument.
    Ask(String),
    /// One of several optional arguments.
    NeedOneOf,
    /// Yes or no to a read-back.
    Confirm,
    /// What to change after "no".
    Change,
    /// One of some values.
    Offer(Offer),
    /// More wishes, or leave.
    AnythingElse,
    /// Whether to talk to a person; what was open before.
    Person(Box<Prompt>),
    /// Whether to try a failed call again.
    Retry,
    /// A tool that is still working.
    Waiting,
}

/// Values to choose from.
#[derive(Debug, Clone, PartialEq)]
struct Offer {
    /// Arguments and values, in the order they are spoken.
    options: Vec<(String, Value)>,
    /// Everything that could be offered; empty when other values are possible too.
    all: Vec<Value>,
    /// The form to go on with.
    form: usize,
    /// How it was put to the caller.
    question: String,
    /// The argument to ask for when the caller wants none of them.
    none_ask: String,
}

/// The dialogue, replayed up to now.
pub(crate) struct Dialogue<'a> {
    book: &'a Book,
    facts: &'a [Fact],
    now: &'a Zoned,
    offered: &'a [&'a str],
    open: Option<usize>,
    values: BTreeMap<String, Value>,
    /// What stays known from tools that succeeded.
    settled: BTreeMap<String, Value>,
    window: Option<(Option<Time>, Option<Time>)>,
    prompt: Prompt,
    misses: usize,
    /// What the agent meant to say last, and what of it was heard.
    said: String,
    heard: String,
    /// A result the caller has not heard of yet.
    report: Option<String>,
    /// The last deed, to be told again.
    deed: Option<(usize, String)>,
    plan: Plan,
}

/// One utterance, read.
struct Utterance<'u> {
    text: &'u str,
    words: Vec<Word>,
    answer: Answer,
    intent: Option<Move>,
}

impl<'a> Dialogue<'a> {
    /// The start of a call. `offered` are the names of the tools the host offers.
    pub(crate) fn new(book: &'a Book, facts: &'a [Fact], now: &'a Zoned, offered: &'a [&'a str]) -> Self {
        Self {
            book,
            facts,
            now,
            offered,
            open: None,
            values: BTreeMap::new(),
            settled: BTreeMap::new(),
            window: None,
            prompt: Prompt::Open,
            misses: 0,
            said: String::new(),
            heard: String::new(),
            report: None,
            deed: None,
            plan: Plan::default(),
        }
    }

    /// The caller heard these words of the agent.
    pub(crate) fn heard(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        if self.said.is_empty() {
            text.clone_into(&mut self.said);
        }
        self.heard.push(' ');
        self.heard.push_str(text);
        self.report = None;
    }

    /// The caller said something.
    pub(crate) fn caller(&mut self, text: &str) {
        self.plan = Plan::default();
        let report = self.report.take();
        let words = words(text);
        let answer = intent::answer(&words);
        let utterance = Utterance { text, answer, intent: intent::intent(&words), words };
        self.respond(&utterance);
        if let Some(report) = report
            && !self
                .plan
                .sentences
                .iter()
                .any(|sentence| report.contains(sentence.as_str()) && sentence.len() * 2 > report.len())
        {
            self.plan.sentences.insert(0, report);
        }
        self.heard.clear();
        if self.plan.call.is_none() || !self.plan.sentences.is_empty() {
            self.said = self.plan.sentences.join(" ");
        }
    }

    /// The answer: to the last thing that happened, or the open question when that needs none.
    pub(crate) fn plan(mut self, answered: bool) -> Plan {
        if !answered || (self.plan.sentences.is_empty() && self.plan.call.is_none()) {
            self.plan = Plan { sentences: vec![self.question()], call: None };
        }
        self.plan
    }

    fn form(&self) -> Option<&'a Form> {
        self.open.and_then(|open| self.book.forms.get(open))
    }

    fn today(&self) -> jiff::civil::Date {
        self.now.date()
    }

    fn offers_tool(&self, name: &str) -> bool {
        self.offered.contains(&name)
    }

    fn say(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !sentence.trim().is_empty() {
            self.plan.sentences.push(sentence);
        }
    }

    /// Says something and repeats the open question.
    fn say_and_ask(&mut self, sentence: impl Into<String>) {
        self.say(sentence);
        let question = self.question();
        self.say(question);
    }

    /// The field the agent asked for.
    fn asked(&self) -> Option<&'a Field> {
        match &self.prompt {
            Prompt::Ask(name) => self.field(name),
            Prompt::Offer(offer) => self.book.forms[offer.form].field(&offer.options.first()?.0),
            _ => None,
        }
    }

    /// The field of this name in the open form, or in any.
    fn field(&self, name: &str) -> Option<&'a Field> {
        let forms = self.form().into_iter().chain(&self.book.forms);
        forms.filter_map(|form| form.field(name)).next()
    }

    fn respond(&mut self, said: &Utterance<'_>) {
        if said.words.is_empty() {
            return self.miss();
        }
        if self.prompt == Prompt::Waiting {
            return match self.facts_for(said, &[]).as_slice() {
                [] => self.say(self.book.lines.in_flight.clone()),
                facts => facts.iter().for_each(|fact| self.say(fact.say.clone())),
            };
        }
        if said.intent == Some(Move::Person) {
            return self.person();
        }
        let triggered = self.triggered(said);
        let start = self.book.forms.iter().position(|form| form.default);
        let about = triggered.or(self.open).or(start);
        let asked = self.expected(said).filter(|_| triggered.is_none() || triggered == self.open);
        let found = about.map_or_else(Vec::new, |form| {
            let found = mentions(said.text, &said.words, &self.fields_about(form), asked, self.today());
            found.into_iter().map(|mention| self.yet_to_come(mention, said)).collect()
        });
        let handled = match self.prompt.clone() {
            Prompt::Confirm => self.confirm(said, &found, triggered),
            Prompt::Offer(offer) => self.pick(said, &found, triggered, &offer),
            Prompt::AnythingElse | Prompt::Open => self.more_wishes(said, &found, triggered),
            Prompt::Person(before) => self.wants_person(said, *before),
            Prompt::Retry => self.retry(said, &found, triggered),
            Prompt::Ask(_) => self.flag_answer(said),
            Prompt::NeedOneOf | Prompt::Change | Prompt::Waiting => false,
        };
        if !handled {
            self.converse(said, &found, triggered, about);
        }
    }

    /// What is the same whatever was asked.
    fn converse(&mut self, said: &Utterance<'_>, found: &[Mention], triggered: Option<usize>, about: Option<usize>) {
        let certain = found.iter().any(|mention| !matches!(mention.found, Found::Number(_)));
        let silent = !certain && triggered.is_none();
        let facts = self.facts_for(said, found);
        let asks = intent::is_question(&said.words);
        let asked = self.asked();
        // "Nine, and do you rent clubs?" answers first and asks then.
        let answers = asked.is_some() && found.first().is_some_and(|mention| mention.span.start == 0);
        if !facts.is_empty() && (silent || asks && !answers) && (triggered.is_none() || !certain) {
            self.misses = 0;
            self.note(found, about);
            facts.iter().for_each(|fact| self.say(fact.say.clone()));
            let open = if self.prompt == Prompt::Open { Prompt::AnythingElse } else { self.prompt.clone() };
            self.prompt = open;
            let question = self.question();
            return self.say(question);
        }
        let moves_on =
            matches!(said.intent, Some(Move::Leave | Move::Repeat | Move::Hold | Move::Help | Move::Abandon));
        if !moves_on && triggered.is_none() && self.free_text(said) {
            return;
        }
        if silent && self.small_talk(said) {
            return;
        }
        if let Some(deed) = self.recalled(said).filter(|_| silent || asks) {
            return self.say_and_ask(deed);
        }
        if (certain || triggered.is_some() || !found.is_empty())
            && let Some(about) = about
        {
            let facts = facts.iter().map(|fact| fact.say.clone()).collect::<Vec<_>>();
            facts.into_iter().filter(|_| asks && (triggered.is_some() || answers)).for_each(|fact| self.say(fact));
            if self.fill(about, found) {
                return;
            }
        }
        if let Some(field) = self.named_field(said) {
            return self.ask_anew(&field);
        }
        self.miss();
    }

    /// Leave, repeat, hold, help, never mind, thanks, hello. True when that was all.
    fn small_talk(&mut self, said: &Utterance<'_>) -> bool {
        let lines = &self.book.lines;
        match said.intent {
            Some(Move::Leave) => self.leave(),
            Some(Move::Abandon) if self.form().is_some() => self.abandon(),
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

    fn leave(&mut self) {
        self.say(self.book.lines.goodbye.clone());
        if self.offers_tool(super::END_CALL) {
            self.plan.call = Some((super::END_CALL.to_owned(), Json::Object(serde_json::Map::new())));
        }
    }

    fn person(&mut self) {
        self.misses = 0;
        if self.offers_tool(super::TRANSFER) {
            self.say(self.book.lines.transfer.clone());
            self.plan.call = Some((super::TRANSFER.to_owned(), Json::Object(serde_json::Map::new())));
        } else {
            if self.prompt == Prompt::Open {
                self.prompt = Prompt::AnythingElse;
            }
            self.say_and_ask(self.book.lines.person.clone());
        }
    }

    fn wants_person(&mut self, said: &Utterance<'_>, before: Prompt) -> bool {
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

    fn more_wishes(&mut self, said: &Utterance<'_>, found: &[Mention], triggered: Option<usize>) -> bool {
        let only_answer = triggered.is_none() && found.is_empty();
        match said.answer {
            Answer::Yes if only_answer && said.intent != Some(Move::Leave) && said.intent != Some(Move::Thanks) => {
                self.prompt = Prompt::Open;
                self.say(self.book.lines.open[1].clone());
            }
            Answer::No if only_answer && self.facts_for(said, found).is_empty() && self.named_field(said).is_none() => {
                self.leave();
            }
            _ => return false,
        }
        true
    }

    fn retry(&mut self, said: &Utterance<'_>, found: &[Mention], triggered: Option<usize>) -> bool {
        match said.answer {
            Answer::Yes if found.is_empty() => self.proceed(Vec::new()),
            Answer::No if found.is_empty() && triggered.is_none() => self.abandon(),
            _ => return false,
        }
        true
    }

    /// Drops the open form.
    fn abandon(&mut self) {
        self.forget();
        self.prompt = Prompt::AnythingElse;
        self.say_and_ask(self.book.lines.abandoned.clone());
    }

    /// Forgets what was filled in since the last deed.
    fn forget(&mut self) {
        self.values = self.settled.clone();
        self.window = None;
        self.open = None;
    }

    fn unknown(&mut self) {
        let Some(field) = self.asked() else { return };
        if let Some(unknown) = &field.unknown {
            self.forget();
            self.prompt = Prompt::AnythingElse;
            return self.say_and_ask(unknown.clone());
        }
        self.say_and_ask(field.hint.clone().unwrap_or_default());
    }

    fn help(&self) -> String {
        if let Some(help) = &self.book.lines.help {
            return help.clone();
        }
        let deeds: Vec<String> = self.book.forms.iter().filter_map(|form| form.does.clone()).collect();
        if deeds.is_empty() { String::new() } else { format!("I can {}.", super::spoken::either(&deeds)) }
    }

    /// Two differently worded tries, then a person.
    fn miss(&mut self) {
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
                if self.offers_tool(super::TRANSFER) {
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
