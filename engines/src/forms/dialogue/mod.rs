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
//! Here: the moves of a conversation. Elsewhere: what an utterance is about (`about`), values (`fill`, `moments`, `bounds`),
//! questions and read-backs (`next`), questions in others' words (`follow`), what is no answer
//! at all (`small_talk`), tool results (`results`), and picking from a list (`offers`).

use std::collections::BTreeMap;

use jiff::Zoned;
use jiff::civil::Time;
use serde_json::Value as Json;
use voice_values::name::is_plain;
use voice_values::words::{Word, find, phrase, text_at, without_hesitation, words};
use voice_values::{Kind, Value};

use super::compile::{Book, Field, Form};
use super::facts::{self, Fact};
use super::intent::{self, Answer, Move};
use super::mentions::{Found, Mention, drop_what_is_changed, mentions};

mod about;
mod bounds;
mod fill;
mod follow;
mod moments;
mod next;
mod offers;
mod results;
mod small_talk;

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

impl Offer {
    /// Whether the options are of different arguments.
    fn is_mixed(&self) -> bool {
        self.options.windows(2).any(|pair| pair[0].0 != pair[1].0)
    }
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
    /// What the last tool that changed something was called with and told, for "the same time".
    done_with: BTreeMap<String, Value>,
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
    /// Whether the last answer was typed.
    typed: bool,
    /// Whether the caller asked for the latest there is.
    wants_latest: bool,
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
            done_with: BTreeMap::new(),
            window: None,
            prompt: Prompt::Open,
            misses: 0,
            said: String::new(),
            heard: String::new(),
            report: None,
            deed: None,
            typed: false,
            wants_latest: false,
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
    pub(crate) fn caller(&mut self, text: &str, typed: bool) {
        self.plan = Plan::default();
        self.typed = typed;
        self.follow();
        let report = self.report.take();
        // Nobody answers "no" to "what time?": that was "noon".
        let noon = self.asked().is_some_and(|field| field.kind == Kind::Time) && matches!(self.prompt, Prompt::Ask(_));
        let is_no = text.trim_end_matches(['.', '!', ',']).eq_ignore_ascii_case("no");
        let text = if noon && is_no { "noon" } else { text };
        let words = without_hesitation(words(text));
        self.wants_latest |= ["latest", "as late as", "last one", "last slot", "end of the day"]
            .iter()
            .any(|late| find(&words, &phrase(late)).is_some());
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
            // A bare number says nothing where a time and a count are to choose from.
            Prompt::Offer(offer) if offer.is_mixed() => None,
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
        let unsure = said.intent == Some(Move::Unknown) && self.asked().is_some();
        let triggered = self.triggered(said).filter(|_| !unsure).or_else(|| self.by_code(said));
        let start = self.book.forms.iter().position(|form| form.default);
        let about = triggered.or(self.open).or(start);
        let asked = self.expected(said).filter(|_| triggered.is_none() || triggered == self.open);
        let read = |asked: Option<&Field>| -> Vec<Mention> {
            let Some(form) = about else { return Vec::new() };
            let found = mentions(said.text, &said.words, &self.fields_about(form), asked, self.today());
            found.into_iter().map(|mention| self.yet_to_come(mention, said)).collect()
        };
        // "The day", to "what would you like to change?", is no name.
        let names_field = self.prompt == Prompt::Change && self.named_field(said).is_some();
        let asked = asked.filter(|_| !names_field);
        let mut found = read(asked);
        // "Wait, Saturday is my daughter's recital, Sunday then" corrects the day and names nobody.
        let corrects = matches!(self.prompt, Prompt::Confirm | Prompt::Change) && asked.is_some();
        let other = |mention: &Mention| !matches!(mention.found, Found::Name(_) | Found::Number(_));
        if corrects && found.iter().any(other) {
            found = read(None);
        }
        if about.is_some_and(|form| self.book.forms[form].need_one_of.is_some()) {
            drop_what_is_changed(&said.words, &mut found);
        }
        let certain = found.iter().any(|mention| !matches!(mention.found, Found::Number(_) | Found::Name(_)));
        let triggered = triggered.filter(|form| certain || !self.is_about_a_fact(said, *form));
        let triggered = triggered.filter(|form| !self.gives_up(said, *form));
        let triggered = triggered.or_else(|| self.form_to_change(&found));
        let about = triggered.or(about);
        // "Thanks a lot, see you Friday" changes nothing.
        if said.intent == Some(Move::Leave)
            && triggered.is_none()
            && self.form().map_or_else(|| only_a_day(&found), |form| self.known_again(form, &found))
        {
            found.clear();
        }
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
        // "My phone number is …" asks for no number.
        let gives = |mention: &Mention| matches!(mention.found, Found::Phone(_) | Found::Email(_) | Found::Code(_));
        let clear = facts::clearly_named(self.facts, &said.words) && !found.iter().any(gives);
        let values = found.iter().filter(|mention| !matches!(mention.found, Found::Number(_) | Found::Name(_))).count();
        // "Nine holes on Friday at two", "can I go out at two, for nine holes": a wish that names a fact.
        let wish = values > 1 && (intent::is_request(&said.words) || !intent::is_question(&said.words));
        let asks = !wish && (intent::is_question(&said.words) || clear && triggered.is_none());
        let asked = self.asked();
        // "Nine, and do you rent clubs?" answers first and asks then.
        let answers = asked.is_some() && found.first().is_some_and(|mention| mention.span.start == 0);
        let recall = self.recalled(said).filter(|_| !clear && (silent || asks));
        if let Some(deed) = recall.filter(|_| matches!(self.prompt, Prompt::AnythingElse | Prompt::Open)) {
            return self.say_and_ask(deed);
        }
        // "What time do you open tomorrow?" looks nothing up.
        let looks_up = triggered.is_some_and(|form| self.open != Some(form) && !self.book.forms[form].side_effect);
        let only_fact = triggered.is_none() || !certain || (clear && values < 2 && looks_up);
        if !facts.is_empty() && (silent || asks && !answers) && only_fact {
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
        let drops = said.intent == Some(Move::Abandon)
            && self.form().is_some_and(|form| triggered.is_none() && self.known_again(form, found));
        if drops {
            self.misses = 0;
            return self.abandon();
        }
        if silent && self.small_talk(said) {
            return;
        }
        if let Some(deed) = self.recalled(said).filter(|_| silent || asks) {
            return self.say_and_ask(deed);
        }
        let stray = asks && values == 1 && triggered.is_none() && self.form().is_none() && is_odd(said, found);
        if (certain || triggered.is_some() || !found.is_empty())
            && let Some(about) = about.filter(|_| !stray)
        {
            let beside = self.facts_beside(said, found, triggered.filter(|_| looks_up));
            beside
                .iter()
                .map(|fact| fact.say.clone())
                .filter(|_| asks && (triggered.is_some() || answers) || clear && wish)
                .for_each(|fact| self.say(fact));
            if self.fill(about, found, triggered.is_some()) {
                return;
            }
        }
        if let Some(later) = offers::direction(&said.words).filter(|_| found.is_empty() && triggered.is_none())
            && self.search_around(later)
        {
            return;
        }
        if let Some(field) = self.named_field(said) {
            return self.ask_anew(&field);
        }
        // "What's a confirmation code?"
        if let Some(hint) = self.asked().filter(|_| asks).and_then(|field| field.hint_about(&said.words)) {
            return self.say_and_ask(hint);
        }
        // "Okay", to a question for a value, is no answer and no riddle.
        if said.answer == Answer::Yes && self.asked().is_some() {
            let question = self.question();
            return self.say(question);
        }
        let wishes = asks || said.words.len() > 3;
        if wishes
            && self.misses < 2
            && self.form().is_none()
            && matches!(self.prompt, Prompt::AnythingElse | Prompt::Open)
        {
            self.misses += 1;
            self.prompt = Prompt::AnythingElse;
            return self.say_and_ask(self.book.lines.cannot.clone());
        }
        self.miss();
    }

    fn more_wishes(&mut self, said: &Utterance<'_>, found: &[Mention], triggered: Option<usize>) -> bool {
        let only_answer = triggered.is_none() && found.is_empty();
        let over = || {
            // "That's it", and what recognisers make of "nope, bye" ("no pie").
            let is_it =
                ["thats it", "that is it", "thats all"].iter().any(|it| find(&said.words, &phrase(it)).is_some());
            let no = matches!(text_at(&said.words, 0), "no" | "nope" | "nah" | "nothing") && said.words.len() <= 3;
            (is_it || no)
                && self.facts_for(said, found).is_empty()
                && said.intent.is_none_or(|intent| intent == Move::Leave)
        };
        if only_answer && self.prompt == Prompt::AnythingElse && (intent::declines(&said.words) || over()) {
            self.leave();
            return true;
        }
        match said.answer {
            Answer::Yes if only_answer && said.intent != Some(Move::Leave) && said.intent != Some(Move::Thanks) => {
                self.prompt = Prompt::Open;
                self.say(self.book.lines.open[1].clone());
            }
            Answer::No if only_answer && intent::declines(&said.words) => self.leave(),
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
}

fn only_a_day(found: &[Mention]) -> bool {
    found.iter().all(|mention| matches!(mention.found, Found::Date(_)))
}

/// Whether a question has words that nothing here knows: "is there a frost delay tomorrow?"
fn is_odd(said: &Utterance<'_>, found: &[Mention]) -> bool {
    let unknown =
        |(at, word): (usize, &Word)| !is_plain(&word.text) && !found.iter().any(|mention| mention.span.contains(&at));
    said.words.iter().enumerate().any(unknown)
}
