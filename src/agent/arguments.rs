//! Arguments as models write them, read as what the schema wants: "next Friday" where a date belongs, "9 am"
//! for a time, "a foursome" for a number.
//!
//! [`Reader`] is made once for a tool. What an argument holds is inferred from its schema (`format`,
//! `pattern`, `type`, `enum`), or said by the `[tools.forms.fields]` annotations, which also know the opening
//! hours and the units. How words become values is the grammars' business (`voice_values`).
//!
//! What always holds:
//! - an argument that fits the schema is never touched;
//! - one that does not is replaced only by a value that fits;
//! - one that cannot be read, or that could mean two things, stays as it is, so that the schema's words about
//!   it go back to the model.

use std::collections::BTreeMap;

use jiff::Zoned;
use jsonschema::Validator;
use serde::Deserialize;
use serde_json::Value as Json;
use voice_values::{Context, Kind, KindName, Value, clock_text, read};

/// Reads the arguments of one tool.
#[derive(Debug)]
pub(super) struct Reader {
    fields: BTreeMap<String, Field>,
}

/// What is known of one argument.
#[derive(Debug)]
struct Field {
    kind: Kind,
    notes: Notes,
}

/// What the annotations of an argument say that helps to read it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Notes {
    kind: Option<String>,
    unit: Vec<String>,
    earliest: Option<String>,
    latest: Option<String>,
    prefix: String,
    choices: BTreeMap<String, Vec<String>>,
}

impl Reader {
    /// A reader for the arguments of this schema with these annotations (`[tools.forms]`).
    pub(super) fn new(parameters: &Json, forms: &Json) -> Self {
        let properties = parameters["properties"].as_object().into_iter().flatten();
        let field = |(name, schema): (&String, &Json)| {
            // An annotation that makes no sense is the scripted agent's to report.
            let notes = Notes::deserialize(&forms["fields"][name]).unwrap_or_default();
            (name.clone(), Field { kind: kind(name, schema, &notes), notes })
        };
        Self { fields: properties.map(field).collect() }
    }

    /// Replaces what does not fit, and says how many arguments it replaced. `now` is the time where the agent
    /// works.
    pub(super) fn read(&self, arguments: &mut Json, validator: &Validator, now: &Zoned) -> u32 {
        let misfits: Vec<_> = self.fields.iter().filter(|(name, _)| has_fault(validator, arguments, name)).collect();
        let mut replaced = 0;
        for (name, field) in misfits {
            let Some(given) = arguments.get(name).cloned() else { continue };
            let fits = field.readings(&given, now).into_iter().any(|reading| {
                arguments[name] = reading;
                !has_fault(validator, arguments, name)
            });
            if fits {
                replaced += 1;
            } else {
                arguments[name] = given;
            }
        }
        replaced
    }
}

/// Whether the schema objects to this very argument.
fn has_fault(validator: &Validator, arguments: &Json, name: &str) -> bool {
    let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    validator.iter_errors(arguments).any(|error| error.instance_path().as_str() == pointer)
}

impl Field {
    /// What the argument may mean, in the forms a schema may want.
    fn readings(&self, given: &Json, now: &Zoned) -> Vec<Json> {
        let text = match given {
            Json::String(text) => text.trim().to_owned(),
            Json::Number(number) => number.to_string(),
            _ => return Vec::new(),
        };
        let value = read(&self.kind, &text, &self.context(now));
        let mut readings = vec![Json::from(text)];
        readings.extend(value.into_iter().flat_map(|value| match value {
            Value::Time(_) => vec![value.to_json(), Json::from(format!("{}:00", value.to_text()))],
            Value::Text(text) => vec![Json::from(text.as_str()), Json::from(text.to_lowercase())],
            value => vec![value.to_json()],
        }));
        readings
    }

    fn context(&self, now: &Zoned) -> Context {
        let Notes { earliest, latest, unit, .. } = &self.notes;
        let clock = |text: &Option<String>| clock_text(text.as_ref()?);
        Context { range: clock(earliest).zip(clock(latest)), units: unit.clone(), ..Context::at(now.clone()) }
    }
}

fn kind(name: &str, schema: &Json, notes: &Notes) -> Kind {
    let said = notes.kind.as_deref().and_then(|said| said.parse().ok());
    let said = said.unwrap_or_else(|| KindName::inferred(name, schema));
    let kind = Kind::of_schema(said, schema, &notes.prefix, &notes.choices);
    // Without a shape any run of characters would be a code.
    kind.ok().filter(|_| said != KindName::Code || schema["pattern"].is_string()).unwrap_or(Kind::Text)
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
