//! What the agent asks next: missing arguments, the read-back, and the call when it was agreed to.

use serde_json::{Map, Value as Json};
use voice_values::words::{find, phrase, words};
use voice_values::{Kind, Value};

use super::super::compile::{Field, Form};
use super::super::intent::{Answer, Move};
use super::super::mentions::Mention;
use super::super::spoken::{self, Filter};
use super::super::trigger;
use super::{Dialogue, Prompt, Utterance};

impl<'a> Dialogue<'a> {
    /// Goes on with the open form: asks, searches, reads back or calls. `before` is said first.
    pub(super) fn proceed(&mut self, before: Vec<String>) {
        self.misses = 0;
        before.into_iter().for_each(|sentence| self.say(sentence));
        let Some(form) = self.form() else {
            let question = self.question();
            return self.say(question);
        };
        if let Some(missing) = form.fields.iter().find(|field| field.required && !self.values.contains_key(&field.name))
        {
            return match self.search_for(missing) {
                Some(search) => {
                    match search.fields.iter().find(|field| field.required && !self.values.contains_key(&field.name)) {
                        Some(needed) => self.ask(&needed.name),
                        None => self.call(search),
                    }
                }
                None => self.ask(&missing.name),
            };
        }
        if let Some((fields, _)) = &form.need_one_of
            && !fields.iter().any(|field| self.values.contains_key(field))
        {
            self.prompt = Prompt::NeedOneOf;
        } else if self.is_confirmed_before(form) {
            self.prompt = Prompt::Confirm;
        } else {
            return self.call(form);
        }
        let question = self.question();
        self.say(question);
    }

    fn is_confirmed_before(&self, form: &Form) -> bool {
        form.side_effect || form.fields.iter().any(|field| field.confirm && self.values.contains_key(&field.name))
    }

    /// The search that helps when the caller gave a part of the day for a missing time.
    fn search_for(&self, missing: &Field) -> Option<&'a Form> {
        self.window?;
        self.book.form(missing.search.as_ref()?).filter(|search| self.offers_tool(&search.tool))
    }

    fn ask(&mut self, name: &str) {
        self.prompt = Prompt::Ask(name.to_owned());
        let question = self.question();
        self.say(question);
    }

    /// Takes a value back and asks for it.
    pub(super) fn ask_anew(&mut self, name: &str) {
        self.misses = 0;
        self.values.remove(name);
        self.window = None;
        self.ask(name);
    }

    fn call(&mut self, form: &Form) {
        self.plan.call = Some((form.tool.clone(), self.arguments(form)));
    }

    fn arguments(&self, form: &Form) -> Json {
        let (from, to) = self.window.unwrap_or_default();
        let value = |field: &Field| match field.kind {
            Kind::WindowStart => from.map(Value::Time),
            Kind::WindowEnd => to.map(Value::Time),
            _ => self.values.get(&field.name).cloned(),
        };
        let given = form.fields.iter().filter_map(|field| Some((field.name.clone(), value(field)?.to_json())));
        Json::Object(given.collect::<Map<_, _>>())
    }

    /// The open question.
    pub(super) fn question(&self) -> String {
        self.worded(0)
    }

    /// The open question in other words.
    pub(super) fn question_again(&self) -> String {
        self.worded(1)
    }

    fn worded(&self, wording: usize) -> String {
        let lines = &self.book.lines;
        let wording = wording.min(1);
        match &self.prompt {
            Prompt::Open => lines.open[wording].clone(),
            Prompt::Ask(name) => {
                self.field(name).map_or_else(|| lines.open[wording].clone(), |field| field.ask[wording].clone())
            }
            Prompt::NeedOneOf => self
                .form()
                .and_then(|form| form.need_one_of.as_ref())
                .map_or_else(String::new, |(_, ask)| ask[wording].clone()),
            Prompt::Confirm => self.read_back(),
            Prompt::Change => lines.change.clone(),
            Prompt::Offer(offer) => offer.question.clone(),
            Prompt::AnythingElse if wording == 0 => lines.anything_else.clone(),
            Prompt::AnythingElse => lines.open[1].clone(),
            Prompt::Person(_) => lines.offer_person.clone(),
            Prompt::Retry => lines.failed.clone(),
            Prompt::Waiting => lines.in_flight.clone(),
        }
    }

    fn read_back(&self) -> String {
        let Some(form) = self.form() else { return String::new() };
        let template = form.read_back.clone().unwrap_or_default();
        template.say(&|key, filter| self.spoken(form, key, filter))
    }

    /// A value of the form as it is spoken.
    pub(super) fn spoken(&self, form: &Form, key: &str, filter: Option<Filter>) -> Option<String> {
        let field = form.field(key).or_else(|| self.field(key))?;
        let value = self.values.get(key)?;
        Some(self.spoken_value(field, value, filter))
    }

    pub(super) fn spoken_value(&self, field: &Field, value: &Value, filter: Option<Filter>) -> String {
        spoken::value(value, &field.kind, field.unit.as_ref(), filter, self.today())
    }

    /// The answer to a read-back. True when it was one.
    pub(super) fn confirm(&mut self, said: &Utterance<'_>, found: &[Mention], triggered: Option<usize>) -> bool {
        let Some(form) = self.form() else { return false };
        let other = triggered.is_some() && triggered != self.open;
        let known = self.known_again(form, found);
        // "Cancel it" may be the very thing that is to be confirmed.
        let is_deed = said.answer != Answer::No && trigger::best(&form.idle_triggers, &said.words) > 0;
        let abandons = said.intent == Some(Move::Abandon) && !is_deed;
        if known && (abandons && said.answer != Answer::Yes || self.refuses_the_deed(said, form)) {
            self.abandon();
            return true;
        }
        if other || !known {
            return false;
        }
        if said.intent == Some(Move::Abandon) && is_deed && said.answer == Answer::Neither {
            self.say(self.book.lines.yes_or_no.clone());
            let question = self.question();
            self.say(question);
            return true;
        }
        match self.agreement(said, form, found) {
            Answer::Yes if self.was_read_back(form) => self.call(form),
            Answer::Yes => self.proceed(Vec::new()),
            Answer::No if super::intent::is_question(&said.words) && !self.facts_for(said, found).is_empty() => {
                return false;
            }
            Answer::No if said.intent == Some(Move::Leave) && found.is_empty() => return false,
            Answer::No => match self.named_field(said) {
                Some(field) => self.ask_anew(&field),
                // "No, Santos", to a read-back of just that: the caller misheard, and hears it again.
                None if !found.is_empty() => self.proceed(Vec::new()),
                None => {
                    self.prompt = Prompt::Change;
                    let question = self.question();
                    self.say(question);
                }
            },
            Answer::Unclear if self.facts_for(said, found).is_empty() && said.intent.is_none() => {
                self.say(self.book.lines.yes_or_no.clone());
                let question = self.question();
                self.say(question);
            }
            _ => return false,
        }
        true
    }

    /// "Don't cancel it": not a value is wrong, the deed itself is.
    fn refuses_the_deed(&self, said: &Utterance<'_>, form: &Form) -> bool {
        let deed = phrase(form.does.as_deref().unwrap_or_default());
        let refusals = [phrase("dont"), phrase("do not")];
        said.answer == Answer::No
            && deed.first().is_some_and(|verb| {
                refusals.iter().any(|refusal| {
                    find(&said.words, &[refusal.as_slice(), std::slice::from_ref(verb)].concat()).is_some()
                })
            })
    }

    /// The answer, when the words of the deed itself ("yes, book it") and repeated values are left out.
    fn agreement(&self, said: &Utterance<'_>, form: &Form, found: &[Mention]) -> Answer {
        let deed = phrase(form.does.as_deref().unwrap_or_default());
        // "Yes, cancel it" is heard as "yes, canceled".
        let is_deed = |word: &str| {
            let verb = deed.first().and_then(|verb| word.strip_prefix(verb.as_str()));
            deed.iter().any(|part| part == word) || verb.is_some_and(|ending| matches!(ending, "ed" | "led"))
        };
        let repeated = |at: usize| found.iter().any(|mention| mention.span.contains(&at));
        let left: Vec<_> = said
            .words
            .iter()
            .enumerate()
            .filter(|(at, word)| !repeated(*at) && !is_deed(&word.text))
            .map(|(_, word)| word.clone())
            .collect();
        match super::intent::answer(&left) {
            // What is struck out must not turn a doubtful sentence into agreement.
            Answer::Yes if said.answer == Answer::No => Answer::Unclear,
            answer => answer,
        }
    }

    /// Whether the caller heard every value of the form in the agent's last words, and nothing of
    /// somebody else's after them ("Are you still there?").
    fn was_read_back(&self, form: &Form) -> bool {
        let heard = words(&self.heard);
        self.heard_its_own()
            && form.fields.iter().all(|field| {
                let Some(value) = self.values.get(&field.name) else { return true };
                let filter = form.read_back.as_ref().and_then(|template| template.filter(&field.name));
                let spoken = phrase(&self.spoken_value(field, value, filter));
                spoken.is_empty() || find(&heard, &spoken).is_some()
            })
    }

    /// Whether everything that was said repeats what is known.
    pub(super) fn known_again(&self, form: &Form, found: &[Mention]) -> bool {
        let mut fresh = self.values.clone();
        let mut window = None;
        let applied = self.read(form, found, &mut fresh, &mut window);
        applied.notes.is_empty()
            && applied.choice.is_none()
            && window.is_none()
            && fresh == self.values
            && !applied.unplaced
    }

    /// "Yes" and "no" to a question that is one.
    pub(super) fn flag_answer(&mut self, said: &Utterance<'_>) -> bool {
        let Some(field) = self.asked().filter(|field| field.kind == Kind::Flag) else { return false };
        let flag = match said.answer {
            Answer::Yes => true,
            Answer::No => false,
            _ => return false,
        };
        self.values.insert(field.name.clone(), Value::Flag(flag));
        self.proceed(Vec::new());
        true
    }
}
