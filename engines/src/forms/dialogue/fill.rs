//! From what was said to values of the form, checked against its schema.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use voice_values::date::DateWish;
use voice_values::time::{Clock, Half, TimeWish, resolve};
use voice_values::words::find;
use voice_values::{Kind, Value};

use super::super::compile::{Field, Form};
use super::super::mentions::{Found, Mention};
use super::super::spoken;
use super::{Dialogue, Offer, Prompt, Utterance};

/// A time window, either end open.
pub(super) type Window = Option<(Option<Time>, Option<Time>)>;

/// What became of the things said.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Arguments that have a new value.
    pub(super) changed: Vec<String>,
    /// Why something was not taken.
    pub(super) notes: Vec<String>,
    /// Values that could all be meant.
    pub(super) choice: Option<Vec<(String, Value)>>,
    /// An argument that is to change, nobody knows from what.
    pub(super) unknown: Option<String>,
    /// Something was said that fits nowhere.
    pub(super) unplaced: bool,
}

impl<'a> Dialogue<'a> {
    /// The fields that talk about a form may fill: its own, and those its search or offer leads to.
    pub(super) fn fields_about(&self, form: usize) -> Vec<&'a Field> {
        let book = self.book;
        let form = &book.forms[form];
        let searches = form.fields.iter().filter_map(|field| book.form(field.search.as_ref()?));
        // What a list leads to may be named at once: "it's Miller, what's open on Sunday?"
        let target =
            form.offer.as_ref().and_then(|offer| book.form(&offer.tool)).filter(|target| target.tool != form.tool);
        let led_to = target.into_iter().flat_map(|target| &target.fields);
        let fields = form.fields.iter().chain(led_to).chain(searches.flat_map(|search| &search.fields));
        let mut out: Vec<&Field> = Vec::new();
        for field in fields {
            if out.iter().all(|known| known.name != field.name) {
                out.push(field);
            }
        }
        out
    }

    /// Fills a form from what was said and goes on. False when nothing of it was of use.
    pub(super) fn fill(&mut self, form: usize, found: &[Mention], wished: bool) -> bool {
        let started = self.open != Some(form);
        let before = self.open.replace(form);
        let book = self.book;
        let (mut values, mut window) = (self.values.clone(), None);
        let applied = self.read(&book.forms[form], found, &mut values, &mut window);
        self.carry_over(form, found, &mut values);
        let nothing =
            applied.changed.is_empty() && applied.notes.is_empty() && applied.choice.is_none() && window.is_none();
        let repeated = values == self.values && !found.is_empty() && !applied.unplaced;
        if nothing && !started && !repeated {
            self.open = before;
            return false;
        }
        let only_refused = applied.changed.is_empty() && applied.choice.is_none() && !applied.notes.is_empty();
        if only_refused && started && before.is_none() && !wished {
            // What cannot be had in any case starts nothing.
            self.open = None;
            applied.notes.into_iter().for_each(|note| self.say(note));
            self.say_and_ask(self.book.lines.cannot.clone());
            return true;
        }
        if nothing
            && started
            && found.iter().any(|mention| matches!(mention.found, Found::Number(_)))
            && found.len() == 1
            && before.is_none()
            && self.prompt == Prompt::AnythingElse
        {
            self.open = before;
            return false;
        }
        self.values = values;
        if window.is_some() {
            self.window = window;
        } else if applied.changed.iter().any(|name| self.field(name).is_some_and(|field| field.kind == Kind::Time)) {
            self.window = None;
        }
        if let Some(options) = applied.choice {
            self.misses = 0;
            applied.notes.into_iter().for_each(|note| self.say(note));
            self.put_choice(form, options);
            return true;
        }
        let refused = applied.changed.is_empty() && !applied.notes.is_empty();
        let misses = self.misses;
        if refused && misses >= 2 {
            applied.notes.into_iter().for_each(|note| self.say(note));
            self.miss();
            return true;
        }
        let mut before = applied.notes;
        if let Some(echo) = self.echo(&applied.changed)
            && !self.reads_back_next()
        {
            before.insert(0, echo);
        }
        match applied.unknown.filter(|_| !self.lacks_what_it_needs()) {
            Some(field) => self.ask_anew(&field),
            None => self.proceed(before),
        }
        self.misses = if refused { misses + 1 } else { 0 };
        true
    }

    /// Whether the open form still has to be told a required argument.
    fn lacks_what_it_needs(&self) -> bool {
        self.form()
            .is_none_or(|form| form.fields.iter().any(|field| field.required && !self.values.contains_key(&field.name)))
    }

    /// "The same time next week": what is not said anew is as it was the last time.
    fn carry_over(&self, form: usize, found: &[Mention], values: &mut BTreeMap<String, Value>) {
        let same = found.iter().any(|mention| matches!(mention.found, Found::Time(TimeWish::Same)));
        let again = self.deed.as_ref().is_some_and(|(deed, _)| *deed == form);
        for field in self.book.forms[form].fields.iter().filter(|_| same && again) {
            if let Some(value) = self.done_with.get(&field.name) {
                values.entry(field.name.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    /// What was just understood, so that a mistake is heard before the read-back.
    pub(super) fn echo(&self, changed: &[String]) -> Option<String> {
        let spoken = changed.iter().filter_map(|name| {
            let field = self.field(name)?;
            Some(self.spoken_value(field, self.values.get(name)?, None))
        });
        let spoken: Vec<String> = spoken.collect();
        (!spoken.is_empty()).then(|| format!("Okay, {}.", spoken.join(", ")))
    }

    pub(super) fn reads_back_next(&self) -> bool {
        self.form().is_some_and(|form| {
            let missing = form.fields.iter().any(|field| field.required && !self.values.contains_key(&field.name));
            let needs = form
                .need_one_of
                .as_ref()
                .is_some_and(|(fields, _)| !fields.iter().any(|name| self.values.contains_key(name)));
            !missing && !needs
        })
    }

    /// Reads what was said into `values` and `window`; changes nothing else.
    pub(super) fn read(
        &self,
        form: &Form,
        found: &[Mention],
        values: &mut BTreeMap<String, Value>,
        window: &mut Window,
    ) -> Applied {
        let mut applied = Applied::default();
        let exact = found.iter().any(|mention| matches!(mention.found, Found::Time(TimeWish::At(_))));
        let part = found.iter().find_map(|mention| match mention.found {
            Found::Time(TimeWish::Part(_, _, half)) => Some(half),
            _ => None,
        });
        let named_day = |days: &[Date]| {
            found.iter().any(|mention| matches!(&mention.found, Found::Date(DateWish::On(day)) if days.contains(day)))
        };
        for mention in found {
            match &mention.found {
                // "This weekend, on Saturday" leaves no choice.
                Found::Date(DateWish::Either(days)) if named_day(days) => {}
                Found::Date(wish) => self.read_date(form, wish, values, &mut applied),
                Found::Time(TimeWish::At(clock)) => self.read_clock(form, *clock, part, values, &mut applied),
                Found::Time(TimeWish::FromTo(_, to)) if !self.takes_windows(form) => {
                    self.read_clock(form, *to, part, values, &mut applied);
                }
                Found::Time(TimeWish::Same) => {
                    let field = self.target(form, &|kind| *kind == Kind::Time, values);
                    let known = field.and_then(|field| Some((field, self.known_before(field, values)?)));
                    match known {
                        Some((field, time)) => Self::put(&field.name, time, values, &mut applied),
                        None => applied.unplaced = true,
                    }
                }
                Found::Time(TimeWish::Shift(minutes)) => self.read_shift(form, *minutes, values, &mut applied),
                Found::Time(_) if exact => {}
                Found::Time(wish) => self.read_window(form, wish, values, window, &mut applied),
                Found::Count(count) => self.read_count(form, *count, values, &mut applied),
                Found::CountShift(change) => self.read_change(form, *change, values, &mut applied),
                Found::Counts(a, b) => {
                    if let Some(field) = self.target(form, &|kind| *kind == Kind::Count, values) {
                        let counts = [*a, *b].map(Value::Count);
                        let possible = counts.into_iter().filter(|count| self.refuse(field, count).is_none()).collect();
                        Self::one_of(field, possible, values, &mut applied);
                    }
                }
                Found::Code(code) => self.set(
                    form,
                    &|kind| matches!(kind, Kind::Code(_)),
                    Value::Text(code.clone()),
                    values,
                    &mut applied,
                ),
                Found::NoCode(said) => {
                    let hint = self.asked().and_then(|field| field.hint.clone()).unwrap_or_default();
                    let typed = if self.typed { self.book.lines.typed.as_str() } else { "" };
                    applied.notes.push(format!("I heard {}. {typed} {hint}", spoken::code(said)));
                }
                Found::Phone(digits) => self.set(
                    form,
                    &|kind| matches!(kind, Kind::Phone(_)),
                    Value::Text(digits.clone()),
                    values,
                    &mut applied,
                ),
                Found::Email(email) => {
                    self.set(form, &|kind| *kind == Kind::Email, Value::Text(email.clone()), values, &mut applied);
                }
                Found::Name(name) => {
                    self.set(form, &|kind| *kind == Kind::Name, Value::Text(name.clone()), values, &mut applied);
                }
                Found::Choice(name, choice) => Self::put(name, Value::Text(choice.clone()), values, &mut applied),
                Found::Number(number) => self.read_number(form, *number, (exact, part), values, &mut applied),
            }
        }
        applied
    }

    /// Whether a part of the day is of use: the form searches, or is a search.
    fn takes_windows(&self, form: &Form) -> bool {
        let searches = form.fields.iter().any(|field| field.search.is_some());
        searches || form.fields.iter().any(|field| matches!(field.kind, Kind::WindowStart | Kind::WindowEnd))
    }

    /// The field of a form that takes values of a kind: the asked one, an empty one, or the first.
    pub(super) fn target(
        &self,
        form: &Form,
        wanted: &dyn Fn(&Kind) -> bool,
        values: &BTreeMap<String, Value>,
    ) -> Option<&'a Field> {
        let at = self.book.forms.iter().position(|known| known.tool == form.tool)?;
        let fields: Vec<&Field> = self.fields_about(at).into_iter().filter(|field| wanted(&field.kind)).collect();
        let asked = fields.iter().find(|field| self.prompt == Prompt::Ask(field.name.clone()));
        asked.or_else(|| fields.iter().find(|field| !values.contains_key(&field.name))).or(fields.first()).copied()
    }

    pub(super) fn put(name: &str, value: Value, values: &mut BTreeMap<String, Value>, applied: &mut Applied) {
        if values.get(name) != Some(&value) {
            values.insert(name.to_owned(), value);
            if !applied.changed.iter().any(|changed| changed == name) {
                applied.changed.push(name.to_owned());
            }
        }
    }

    fn set(
        &self,
        form: &Form,
        wanted: &dyn Fn(&Kind) -> bool,
        value: Value,
        values: &mut BTreeMap<String, Value>,
        applied: &mut Applied,
    ) {
        match self.target(form, wanted, values) {
            Some(field) => Self::put(&field.name, value, values, applied),
            None => applied.unplaced = true,
        }
    }

    pub(super) fn one_of(
        field: &Field,
        possible: Vec<Value>,
        values: &mut BTreeMap<String, Value>,
        applied: &mut Applied,
    ) {
        if possible.iter().any(|value| values.get(&field.name) == Some(value)) {
            return;
        }
        match possible.as_slice() {
            [] => {}
            [one] => Self::put(&field.name, one.clone(), values, applied),
            _ => applied.choice = Some(possible.into_iter().map(|value| (field.name.clone(), value)).collect()),
        }
    }

    /// "One more player": than were booked, as far as that is known.
    fn read_change(&self, form: &Form, change: i64, values: &mut BTreeMap<String, Value>, applied: &mut Applied) {
        let Some(field) = self.target(form, &|kind| *kind == Kind::Count, values) else {
            applied.unplaced = true;
            return;
        };
        let Some(Value::Count(before)) = self.known_before(field, values) else {
            applied.unknown = Some(field.name.clone());
            applied.unplaced = true;
            return;
        };
        match before.checked_add_signed(change).map(Value::Count) {
            Some(count) => match self.refuse(field, &count) {
                None => Self::put(&field.name, count, values, applied),
                Some(reason) => applied.notes.push(reason),
            },
            None => applied.unplaced = true,
        }
    }

    fn read_count(&self, form: &Form, count: u64, values: &mut BTreeMap<String, Value>, applied: &mut Applied) {
        let Some(field) = self.target(form, &|kind| *kind == Kind::Count, values) else {
            applied.unplaced = true;
            return;
        };
        let Some(reason) = self.refuse(field, &Value::Count(count)) else {
            return Self::put(&field.name, Value::Count(count), values, applied);
        };
        // "Nine would be great", to "how many players", after "some time in the morning".
        let (from, to) = self.window.unwrap_or_default();
        let time = self.target(form, &|kind| *kind == Kind::Time, values);
        let hour = time.zip(Clock::on_the_hour(count)).and_then(|(field, clock)| {
            let inside = |time: &Time| from.is_none_or(|from| *time >= from) && to.is_none_or(|to| *time <= to);
            let time = resolve(clock, None, field.range).into_iter().find(inside).map(Value::Time)?;
            self.refuse(field, &time).is_none().then_some((field, time))
        });
        match hour.filter(|_| self.window.is_some()) {
            Some((field, time)) => Self::put(&field.name, time, values, applied),
            None => applied.notes.push(reason),
        }
    }

    /// A bare number ("make it ten"): whatever it can be. When it can be two things, the one that has no
    /// value yet is meant; when both have, the caller is asked.
    fn read_number(
        &self,
        form: &Form,
        number: u64,
        (timed, part): (bool, Option<Half>),
        values: &mut BTreeMap<String, Value>,
        applied: &mut Applied,
    ) {
        let mut possible: Vec<(String, Value)> = Vec::new();
        let time = self.target(form, &|kind| *kind == Kind::Time, values);
        // "Two for Friday, seven thirty": the time is told.
        if let (Some(field), Some(clock)) = (time.filter(|_| !timed), Clock::on_the_hour(number)) {
            let times = resolve(clock, part, field.range).into_iter().map(Value::Time);
            possible
                .extend(times.filter(|time| self.refuse(field, time).is_none()).map(|time| (field.name.clone(), time)));
        }
        if let Some(field) = self.target(form, &|kind| *kind == Kind::Count, values)
            && self.refuse(field, &Value::Count(number)).is_none()
        {
            possible.push((field.name.clone(), Value::Count(number)));
        }
        if possible.iter().any(|(name, value)| values.get(name) == Some(value)) {
            return;
        }
        // After a read-back a number corrects what was read back.
        let corrects = matches!(self.prompt, Prompt::Confirm | Prompt::Change);
        let told: Vec<_> = possible.iter().filter(|(name, _)| values.contains_key(name)).cloned().collect();
        if corrects && let [(name, value)] = told.as_slice() {
            return Self::put(name, value.clone(), values, applied);
        }
        let fresh: Vec<_> = possible.iter().filter(|(name, _)| !values.contains_key(name)).cloned().collect();
        match (possible.as_slice(), fresh.as_slice()) {
            ([(name, value)], _) | (_, [(name, value)]) => Self::put(&name.clone(), value.clone(), values, applied),
            ([], _) => {
                let count = self.target(form, &|kind| *kind == Kind::Count, values);
                let refusal = count.and_then(|field| self.refuse(field, &Value::Count(number)));
                match refusal.filter(|_| number < 20) {
                    Some(reason) => applied.notes.push(reason),
                    None => applied.unplaced = true,
                }
            }
            _ => applied.choice = Some(possible),
        }
    }

    /// Offers values that could all be meant.
    fn put_choice(&mut self, form: usize, options: Vec<(String, Value)>) {
        let spoken: Vec<String> = options
            .iter()
            .filter_map(|(name, value)| Some(self.spoken_value(self.field(name)?, value, None)))
            .collect();
        let question = format!("Would that be {}?", spoken::either(&spoken));
        let none_ask = options.first().map_or_else(String::new, |option| option.0.clone());
        self.say(question.clone());
        self.prompt = Prompt::Offer(Offer { options, all: Vec::new(), form, question, none_ask });
    }

    /// The whole answer to a question for free text.
    pub(super) fn free_text(&mut self, said: &Utterance<'_>) -> bool {
        let Some(field) = self.asked().filter(|field| field.kind == Kind::Text) else { return false };
        let skips = !field.required && find(&said.words, &["no".to_owned()]).is_some();
        if !skips {
            let text: String = said.text.trim().chars().take(200).collect();
            self.values.insert(field.name.clone(), Value::Text(text));
        }
        self.proceed(Vec::new());
        true
    }
}
