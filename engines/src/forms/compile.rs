//! From tool definitions and annotations to forms. Every mistake of an annotation is found here, at
//! start-up, and named with its tool and field.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Time;
use serde_json::Value as Json;
use voice_values::time::Range;
use voice_values::words::{Word, find, phrase};
use voice_values::{Kind, KindName, UnknownKind, clock_text};

use super::annotations::{AgentNotes, ErrorNotes, FieldNotes, OfferNotes, ToolNotes};
use super::template::Template;
use super::trigger::Trigger;
use super::{FormsAgent, FormsError, FormsTool};

/// Everything the dialogue needs to know about the agent.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) forms: Vec<Form>,
    pub(crate) lines: AgentNotes,
    pub(crate) errors: BTreeMap<String, Failure>,
}

/// One tool as a form.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) tool: String,
    pub(crate) side_effect: bool,
    pub(crate) does: Option<String>,
    pub(crate) default: bool,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) idle_triggers: Vec<Trigger>,
    pub(crate) recall: Vec<Trigger>,
    pub(crate) fields: Vec<Field>,
    pub(crate) need_one_of: Option<(Vec<String>, [String; 2])>,
    pub(crate) read_back: Option<Template>,
    pub(crate) done: Template,
    pub(crate) offer: Option<Offering>,
    pub(crate) errors: BTreeMap<String, Failure>,
}

/// One argument.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) ask: [String; 2],
    pub(crate) hint: Option<String>,
    pub(crate) unknown: Option<String>,
    pub(crate) called: Vec<Vec<String>>,
    pub(crate) unit: Option<(String, String)>,
    pub(crate) units: Vec<String>,
    pub(crate) bounds: (u64, u64),
    pub(crate) range: Range,
    pub(crate) step_minutes: Option<u32>,
    pub(crate) past: bool,
    pub(crate) days_ahead: Option<u32>,
    pub(crate) outside: Option<String>,
    pub(crate) keep: bool,
    pub(crate) search: Option<String>,
    pub(crate) confirm: bool,
}

/// A list to offer from.
#[derive(Debug)]
pub(crate) struct Offering {
    pub(crate) items: String,
    pub(crate) value: Option<String>,
    pub(crate) fills: String,
    pub(crate) tool: String,
    pub(crate) say: Template,
    pub(crate) one: Template,
    pub(crate) instead: Option<Template>,
    pub(crate) none: Template,
    pub(crate) none_ask: String,
}

/// What to do after an error.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) say: Template,
    pub(crate) offer: Option<Offering>,
    pub(crate) ask: Option<String>,
}

impl Book {
    /// The form of a tool.
    pub(crate) fn form(&self, tool: &str) -> Option<&Form> {
        self.forms.iter().find(|form| form.tool == tool)
    }
}

impl Form {
    /// The field of an argument.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Field {
    /// What an answer sounds like, when the words name the field.
    pub(crate) fn hint_about(&self, words: &[Word]) -> Option<String> {
        let named = self.called.iter().any(|called| find(words, called).is_some());
        self.hint.clone().filter(|_| named)
    }
}

/// A mistake in an annotation, where it is.
struct At<'a> {
    tool: &'a str,
    field: &'a str,
}

impl At<'_> {
    fn fails(&self, problem: impl Into<String>) -> FormsError {
        FormsError::Annotation { tool: self.tool.to_owned(), field: self.field.to_owned(), problem: problem.into() }
    }

    fn template(&self, text: &str) -> Result<Template, FormsError> {
        Template::read(text).map_err(|problem| self.fails(problem))
    }

    fn triggers(&self, texts: &[String]) -> Result<Vec<Trigger>, FormsError> {
        texts.iter().map(|text| Trigger::read(text).ok_or_else(|| self.fails("a trigger has no words"))).collect()
    }
}

/// Checks and compiles an agent.
pub(crate) fn book(agent: &FormsAgent) -> Result<Book, FormsError> {
    if !agent.language.to_lowercase().starts_with("en") {
        return Err(FormsError::Language(agent.language.clone()));
    }
    let lines: AgentNotes = notes(&agent.annotations, &At { tool: "(agent)", field: "forms" })?;
    let forms = agent.tools.iter().map(|tool| form(tool, &lines.confirm)).collect::<Result<Vec<_>, _>>()?;
    let at = At { tool: "(agent)", field: "errors" };
    let errors = failures(&lines.errors, "", &at)?;
    let book = Book { forms, lines, errors };
    check_links(&book)?;
    Ok(book)
}

/// What is wrong with an agent: for each tool the first mistake, and what shows only when they are seen together
/// once each of them is right.
pub(crate) fn problems(agent: &FormsAgent) -> Vec<FormsError> {
    let lines = notes::<AgentNotes>(&agent.annotations, &At { tool: "(agent)", field: "forms" });
    let confirm = lines.as_ref().map_or(&[][..], |lines| &lines.confirm);
    let of_tools = agent.tools.iter().filter_map(|tool| form(tool, confirm).err());
    let mut found: Vec<_> = of_tools.collect();
    found.extend(lines.err());
    if found.is_empty() {
        found.extend(book(agent).err());
    }
    found
}

fn notes<T: serde::de::DeserializeOwned + Default>(json: &Json, at: &At<'_>) -> Result<T, FormsError> {
    if json.is_null() {
        return Ok(T::default());
    }
    T::deserialize(json).map_err(|error| at.fails(error.to_string()))
}

fn form(tool: &FormsTool, confirm: &[String]) -> Result<Form, FormsError> {
    let name = tool.spec.name.as_str();
    let own = At { tool: name, field: "forms" };
    let notes: ToolNotes = notes(&tool.annotations, &own)?;
    let schema = &tool.spec.parameters;
    let none = serde_json::Map::new();
    let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&none);
    if let Some(stray) = notes.fields.keys().find(|field| !properties.contains_key(*field)) {
        return Err(At { tool: name, field: stray }.fails("the tool has no such argument"));
    }
    let required: Vec<&str> =
        schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    // Questions come in the order of `required`; optional arguments follow.
    let optional = properties.keys().map(String::as_str).filter(|field| !required.contains(field));
    let blank = FieldNotes::default();
    let fields = required
        .iter()
        .copied()
        .chain(optional)
        .map(|field| {
            let at = At { tool: name, field };
            let schema =
                properties.get(field).ok_or_else(|| at.fails("it is required, but the schema has no such property"))?;
            let field_notes = notes.fields.get(field).unwrap_or(&blank);
            self::field(&at, schema, field_notes, required.contains(&field), confirm)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let read_back =
        notes.read_back.as_deref().map(|text| At { tool: name, field: "read_back" }.template(text)).transpose()?;
    let read_back_needed = tool.side_effect || fields.iter().any(|field| field.confirm);
    match &read_back {
        None if read_back_needed => {
            return Err(At { tool: name, field: "read_back" }
                .fails("a tool that has side effects, or arguments to confirm, needs one"));
        }
        Some(template) if read_back_needed => {
            let read_back = At { tool: name, field: "read_back" };
            let keys: BTreeSet<&str> = template.keys().into_iter().collect();
            if let Some(missing) = fields.iter().find(|field| !keys.contains(field.name.as_str())) {
                return Err(read_back.fails(format!("it does not say {{{}}}", missing.name)));
            }
            // A value nobody heard could never be agreed to.
            if let Some(hidden) = fields.iter().find(|field| !template.always_says(&field.name)) {
                return Err(read_back.fails(format!("{{{}}} needs brackets of its own", hidden.name)));
            }
        }
        _ => {}
    }
    let done = At { tool: name, field: "done" };
    Ok(Form {
        tool: name.to_owned(),
        side_effect: tool.side_effect,
        does: notes.does.clone(),
        default: notes.default,
        triggers: At { tool: name, field: "triggers" }.triggers(&notes.triggers)?,
        idle_triggers: At { tool: name, field: "idle_triggers" }.triggers(&notes.idle_triggers)?,
        recall: At { tool: name, field: "recall" }.triggers(&notes.recall)?,
        need_one_of: notes.need_one_of.map(|need| (need.fields, need.ask)),
        read_back,
        done: done.template(notes.done.as_deref().unwrap_or("All done."))?,
        offer: notes
            .offer
            .as_ref()
            .map(|offer| offering(offer, name, &At { tool: name, field: "offer" }))
            .transpose()?,
        errors: failures(&notes.errors, name, &At { tool: name, field: "errors" })?,
        fields,
    })
}

fn failures(
    notes: &BTreeMap<String, ErrorNotes>,
    tool: &str,
    at: &At<'_>,
) -> Result<BTreeMap<String, Failure>, FormsError> {
    let failure = |notes: &ErrorNotes| {
        let offer = notes.offer.as_ref().map(|offer| offering(offer, tool, at)).transpose()?;
        Ok(Failure { say: at.template(&notes.say)?, offer, ask: notes.ask.clone() })
    };
    notes.iter().map(|(code, notes)| Ok((code.clone(), failure(notes)?))).collect()
}

fn offering(notes: &OfferNotes, tool: &str, at: &At<'_>) -> Result<Offering, FormsError> {
    Ok(Offering {
        items: notes.items.clone(),
        value: notes.value.clone(),
        fills: notes.fills.clone(),
        tool: notes.tool.clone().unwrap_or_else(|| tool.to_owned()),
        say: at.template(&notes.say)?,
        one: at.template(&notes.one)?,
        instead: notes.instead.as_deref().map(|text| at.template(text)).transpose()?,
        none: at.template(&notes.none)?,
        none_ask: notes.none_ask.clone().unwrap_or_else(|| notes.fills.clone()),
    })
}

fn field(
    at: &At<'_>,
    schema: &Json,
    notes: &FieldNotes,
    required: bool,
    confirm: &[String],
) -> Result<Field, FormsError> {
    let kind = kind(at, schema, notes)?;
    let ask = match &notes.ask {
        Some(ask) => ask.clone(),
        None if required => return Err(at.fails("a required argument needs ask: the question in two wordings")),
        None => {
            let spoken = at.field.replace('_', " ");
            [format!("What is the {spoken}?"), format!("Please tell me the {spoken}.")]
        }
    };
    let clock = |text: &Option<String>, what: &str| {
        let read = |text: &str| {
            clock_text(text).ok_or_else(|| at.fails(format!("{what} is {text:?}, but must be a time such as 06:30")))
        };
        text.as_deref().map(read).transpose()
    };
    let (earliest, latest) = (clock(&notes.earliest, "earliest")?, clock(&notes.latest, "latest")?);
    let range = match (earliest, latest) {
        (None, None) => None,
        (from, to) => Some((from.unwrap_or(Time::MIN), to.unwrap_or(Time::MAX))),
    };
    if range.is_some_and(|(from, to)| from > to) {
        return Err(at.fails("earliest is after latest"));
    }
    if notes.step_minutes == Some(0) {
        return Err(at.fails("step_minutes is 0, but must be at least 1"));
    }
    let bound = |key: &str| schema.get(key).and_then(Json::as_f64);
    // The casts saturate, which is what a bound beyond u64 means.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bounds = (
        bound("minimum")
            .map_or(0, |low| low.ceil() as u64)
            .max(bound("exclusiveMinimum").map_or(0, |low| low.floor() as u64 + 1)),
        bound("maximum").map_or(u64::MAX, |high| high.floor() as u64),
    );
    let unit = match notes.unit.as_slice() {
        [] => None,
        [one, many, ..] => Some((one.clone(), many.clone())),
        [_] => return Err(at.fails("unit needs two words: one of them, and many")),
    };
    let confirmed = confirm.iter().any(|name| *name == kind.name().as_str());
    Ok(Field {
        name: at.field.to_owned(),
        required,
        ask,
        hint: notes.hint.clone(),
        unknown: notes.unknown.clone(),
        called: notes.called.iter().map(|called| phrase(called)).filter(|called| !called.is_empty()).collect(),
        unit,
        units: notes.unit.iter().flat_map(|unit| phrase(unit)).collect(),
        bounds,
        range,
        step_minutes: notes.step_minutes,
        past: notes.past,
        days_ahead: notes.days_ahead,
        outside: notes.outside.clone(),
        keep: notes.keep,
        search: notes.search.clone(),
        confirm: confirmed,
        kind,
    })
}

fn kind(at: &At<'_>, schema: &Json, notes: &FieldNotes) -> Result<Kind, FormsError> {
    let said =
        notes.kind.as_deref().map(str::parse).transpose().map_err(|error: UnknownKind| at.fails(error.to_string()))?;
    let name = said.unwrap_or_else(|| KindName::inferred(at.field, schema));
    let kind =
        Kind::of_schema(name, schema, &notes.prefix, &notes.choices).map_err(|error| at.fails(error.to_string()))?;
    if let Kind::Choice(choices) = &kind {
        if choices.is_empty() {
            return Err(at.fails("a choice needs an enum of strings in the schema"));
        }
        let is_choice = |value: &String| choices.iter().any(|choice| choice.value == *value);
        if let Some(stray) = notes.choices.keys().find(|value| !is_choice(value)) {
            return Err(at.fails(format!("choices names {stray:?}, which the schema's enum does not have")));
        }
    }
    Ok(kind)
}

/// Checks that tools and arguments named by other annotations exist.
fn check_links(book: &Book) -> Result<(), FormsError> {
    for form in &book.forms {
        let at = |field| At { tool: &form.tool, field };
        for field in &form.fields {
            if let Some(search) = &field.search
                && book.form(search).is_none_or(|form| form.offer.is_none())
            {
                return Err(at(&field.name).fails(format!("search names {search:?}, which is no tool with an offer")));
            }
        }
        let needs = form.need_one_of.iter().flat_map(|(fields, _)| fields);
        if let Some(stray) = needs.into_iter().find(|field| form.field(field).is_none()) {
            return Err(at("need_one_of").fails(format!("the tool has no argument {stray:?}")));
        }
        let asks = form.errors.values().filter_map(|failure| failure.ask.as_ref());
        if let Some(stray) = asks.into_iter().find(|field| form.field(field).is_none()) {
            return Err(at("errors").fails(format!("ask names {stray:?}, which is no argument")));
        }
        for offer in form.offer.iter().chain(form.errors.values().filter_map(|failure| failure.offer.as_ref())) {
            let target = book
                .form(&offer.tool)
                .ok_or_else(|| at("offer").fails(format!("there is no tool {:?}", offer.tool)))?;
            if target.field(&offer.fills).is_none() {
                return Err(at("offer").fails(format!("{:?} has no argument {:?}", offer.tool, offer.fills)));
            }
            if form.field(&offer.none_ask).is_none() && target.field(&offer.none_ask).is_none() {
                return Err(at("offer").fails(format!("none_ask names {:?}, which is no argument", offer.none_ask)));
            }
        }
    }
    Ok(())
}
