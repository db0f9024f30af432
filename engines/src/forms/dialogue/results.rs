//! Tool results: what was done, what went wrong, what can be offered instead.

use serde_json::Value as Json;
use voice_values::{Context, Kind, Value, read};

use super::super::compile::{Field, Form, Offering};
use super::super::spoken::{self, Filter};
use super::super::template::Template;
use super::offers::MOST_OFFERED;
use super::{Dialogue, Offer, Plan, Prompt};

impl<'a> Dialogue<'a> {
    /// The agent called a tool. Its arguments are what the form now holds, whoever filled it.
    pub(crate) fn called(&mut self, tool: &str, arguments: &str) {
        let Some(at) = self.book.forms.iter().position(|form| form.tool == tool) else { return };
        let arguments: Json = serde_json::from_str(arguments).unwrap_or_default();
        let searching = self.open.is_some_and(|open| self.searches(open, at));
        if !searching {
            self.open = Some(at);
        }
        let (mut from, mut to) = (None, None);
        for field in &self.book.forms[at].fields {
            let given = arguments.get(&field.name).and_then(|json| self.given(field, json));
            match (&field.kind, given) {
                (Kind::WindowStart, Some(Value::Time(time))) => from = Some(time),
                (Kind::WindowEnd, Some(Value::Time(time))) => to = Some(time),
                (_, Some(value)) => drop(self.values.insert(field.name.clone(), value)),
                (_, None) => {}
            }
        }
        if from.is_some() || to.is_some() {
            self.window = Some((from, to));
        }
        self.prompt = Prompt::Waiting;
        self.plan = Plan::default();
        self.say(self.book.lines.in_flight.clone());
    }

    /// An argument somebody else filled in, who may have written it as people speak.
    fn given(&self, field: &Field, json: &Json) -> Option<Value> {
        Value::from_json(&field.kind, json).or_else(|| {
            let context = Context { now: self.now.clone(), range: field.range, units: field.units.clone() };
            read(&field.kind, json.as_str()?, &context)
        })
    }

    fn searches(&self, open: usize, search: usize) -> bool {
        let tool = &self.book.forms[search].tool;
        self.book.forms[open].fields.iter().any(|field| field.search.as_ref() == Some(tool))
    }

    /// A tool answered.
    pub(crate) fn returned(&mut self, tool: &str, content: &str) {
        let Some(form) = self.book.form(tool) else { return };
        self.plan = Plan::default();
        self.misses = 0;
        let result: Json = serde_json::from_str(content).unwrap_or(Json::Null);
        match error_of(&result) {
            Some(error) => self.failed(form, &error, &result),
            None => self.succeeded(form, &result),
        }
        self.heard.clear();
        self.said = self.plan.sentences.join(" ");
        self.report = Some(self.said.clone());
    }

    fn succeeded(&mut self, form: &'a Form, result: &Json) {
        if let Some(offering) = &form.offer {
            return self.offer_from(offering, form, result);
        }
        let done = self.told(&form.done, form, result);
        self.say(done.clone());
        let at = self.book.forms.iter().position(|known| known.tool == form.tool);
        self.deed = at.map(|at| (at, done));
        if form.side_effect {
            let book = self.book;
            let fields = || book.forms.iter().flat_map(|form| &form.fields);
            // The tool itself says what of its own arguments stays known: a cancelled code does not.
            let kept = |name: &str| {
                form.field(name).map_or_else(|| fields().any(|field| field.name == name && field.keep), |own| own.keep)
            };
            let told = fields().filter_map(|field| {
                Some((field.name.clone(), Value::from_json(&field.kind, result.get(&field.name)?)?))
            });
            // What the tool tells of the rest, "one more person" counts from as well.
            self.done_with = self.values.clone().into_iter().chain(told).collect();
            let settled = self.done_with.iter().filter(|(name, _)| kept(name));
            self.settled = settled.map(|(name, value)| (name.clone(), value.clone())).collect();
            self.forget();
        } else {
            self.open = None;
        }
        self.prompt = Prompt::AnythingElse;
        let question = self.question();
        self.say(question);
    }

    fn failed(&mut self, form: &'a Form, error: &str, result: &Json) {
        let book = self.book;
        let Some(failure) = form.errors.get(error).or_else(|| book.errors.get(error)) else {
            self.prompt = Prompt::Retry;
            return self.say(book.lines.failed.clone());
        };
        let sentence = self.told(&failure.say, form, result);
        self.say(sentence);
        if let Some(offering) = &failure.offer {
            return self.offer_from(offering, form, result);
        }
        match failure.ask.as_ref().and_then(|ask| form.field(ask)) {
            Some(field) => self.ask_anew(&field.name),
            None => self.prompt = Prompt::Retry,
        }
    }

    /// A sentence over a result and the form's values.
    fn told(&self, template: &Template, form: &Form, result: &Json) -> String {
        template.say(&|key, filter| {
            let Some(json) = result.get(key) else { return self.spoken(form, key, filter) };
            let field = form.field(key).or_else(|| self.field(key));
            let typed = field
                .filter(|_| filter.is_none())
                .and_then(|field| Some((field, Value::from_json(&field.kind, json)?)));
            match typed {
                Some((field, value)) => Some(self.spoken_value(field, &value, None)),
                None => spoken::json(json, filter, self.today()),
            }
        })
    }

    /// Offers the entries of a list that are nearest to what the caller named.
    fn offer_from(&mut self, offering: &'a Offering, form: &'a Form, result: &Json) {
        let book = self.book;
        let Some(at) = book.forms.iter().position(|known| known.tool == offering.tool) else { return };
        let Some(field) = book.forms[at].field(&offering.fills) else { return };
        let entries = result.get(&offering.items).and_then(Json::as_array).into_iter().flatten();
        let entry = |entry: &Json| {
            let json = offering.value.as_ref().map_or(Some(entry), |key| entry.get(key))?;
            Value::from_json(&field.kind, json)
        };
        let is_today = self.values.values().any(|value| *value == Value::Date(self.today()));
        let gone = |value: &Value| matches!(value, Value::Time(time) if is_today && *time <= self.now.time());
        let all: Vec<Value> = entries.filter_map(entry).filter(|value| !gone(value)).collect();
        let wish = self.values.remove(&offering.fills);
        let from_search = form.offer.as_ref().is_some_and(|own| std::ptr::eq(own, offering));
        if all.is_empty() {
            let none = self.told(&offering.none, form, result);
            self.say(none);
            self.window = None;
            return self.ask_anew(&offering.none_ask);
        }
        let offer = Offer {
            options: Vec::new(),
            all: if from_search { all.clone() } else { Vec::new() },
            form: at,
            question: String::new(),
            none_ask: offering.fills.clone(),
        };
        let exact = wish.clone().filter(|wish| from_search && all.contains(wish));
        let listed = match (&exact, &wish) {
            (Some(exact), _) => vec![exact.clone()],
            (None, Some(wish)) => nearest(&all, wish),
            (None, None) if self.wants_latest => all[all.len().saturating_sub(MOST_OFFERED)..].to_vec(),
            (None, None) => all.iter().take(MOST_OFFERED).cloned().collect(),
        };
        let wish = wish.filter(|_| exact.is_none() && from_search);
        self.present(offering, offer, listed, wish.as_ref());
    }

    /// Offers other entries of the same list.
    pub(super) fn put_offer(&mut self, offer: &Offer, listed: Vec<Value>, wish: Option<&Value>) {
        if let Some(offering) = self.offering(offer) {
            self.present(offering, offer.clone(), listed, wish);
        }
    }

    /// What the caller named is not to be had; the nearest are.
    pub(super) fn say_instead(&mut self, offer: &Offer, wish: &Value) {
        self.put_offer(offer, nearest(&offer.all, wish), Some(wish));
    }

    /// The list an offer came from.
    fn offering(&self, offer: &Offer) -> Option<&'a Offering> {
        let tool = &self.book.forms[offer.form].tool;
        self.book
            .forms
            .iter()
            .filter_map(|form| form.offer.as_ref())
            .find(|offering| offering.tool == *tool && offering.fills == offer.none_ask)
    }

    fn present(&mut self, offering: &Offering, mut offer: Offer, listed: Vec<Value>, wish: Option<&Value>) {
        let Some(field) = self.book.forms[offer.form].field(&offering.fills) else { return };
        let spoken: Vec<String> = listed.iter().map(|value| self.spoken_value(field, value, None)).collect();
        let template = match (listed.len(), wish, &offering.instead) {
            (_, Some(_), Some(instead)) => instead,
            (1, _, _) => &offering.one,
            _ => &offering.say,
        };
        let form = &self.book.forms[offer.form];
        let question = template.say(&|key, filter: Option<Filter>| match key {
            "options" => Some(spoken::either(&spoken)),
            "option" => match wish {
                Some(wish) => Some(self.spoken_value(field, wish, None)),
                None => spoken.first().cloned(),
            },
            _ => self.spoken(form, key, filter),
        });
        offer.options = listed.into_iter().map(|value| (offering.fills.clone(), value)).collect();
        offer.question = question.clone();
        self.say(question);
        self.prompt = Prompt::Offer(offer);
    }
}

/// The error a result tells of: its `error`, or its status.
fn error_of(result: &Json) -> Option<String> {
    if let Some(error) = result.get("error").and_then(Json::as_str) {
        return Some(error.to_owned());
    }
    let refused = result.get("status").and_then(Json::as_u64).filter(|status| *status >= 400);
    // A result that is no object is a sentence about what went wrong.
    refused.map(|status| status.to_string()).or_else(|| (!result.is_object()).then(|| "unknown".to_owned()))
}

/// The entries nearest to a wish, in their own order.
fn nearest(all: &[Value], wish: &Value) -> Vec<Value> {
    let distance = |value: &Value| match (value, wish) {
        (Value::Time(a), Value::Time(b)) => a.duration_since(*b).unsigned_abs().as_secs(),
        (Value::Date(a), Value::Date(b)) => a.duration_since(*b).unsigned_abs().as_secs(),
        (Value::Count(a), Value::Count(b)) => a.abs_diff(*b),
        _ => 0,
    };
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|at| distance(&all[*at]));
    order.truncate(MOST_OFFERED);
    order.sort_unstable();
    order.into_iter().map(|at| all[at].clone()).collect()
}
