//! What an argument holds: said by a word of an annotation, or inferred from its JSON schema.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

use crate::code::CodeShape;
use crate::words::phrase;
use crate::{Choice, Kind};

/// A [`Kind`] without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindName {
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// The start of a time window.
    WindowStart,
    /// The end of a time window.
    WindowEnd,
    /// A whole number.
    Count,
    /// A person's name.
    Name,
    /// Letters and digits read out.
    Code,
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
    /// One of a list.
    Choice,
    /// Yes or no.
    Flag,
    /// Whatever the caller says.
    Text,
}

impl KindName {
    /// All of them, in the order in which errors list them.
    pub const ALL: [Self; 12] = [
        Self::Date,
        Self::Time,
        Self::WindowStart,
        Self::WindowEnd,
        Self::Count,
        Self::Name,
        Self::Code,
        Self::Phone,
        Self::Email,
        Self::Choice,
        Self::Flag,
        Self::Text,
    ];

    /// The word for it in annotations: `window_start`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Time => "time",
            Self::WindowStart => "window_start",
            Self::WindowEnd => "window_end",
            Self::Count => "count",
            Self::Name => "name",
            Self::Code => "code",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Choice => "choice",
            Self::Flag => "flag",
            Self::Text => "text",
        }
    }

    /// What the argument of this name and JSON schema most probably holds: its `enum`, its `format` and its
    /// `type` tell first, then what it is called, then its `pattern`.
    pub fn inferred(argument: &str, schema: &Json) -> Self {
        let pattern = schema["pattern"].as_str();
        match (json_type(schema), schema["format"].as_str()) {
            (json_type, _)
                if schema["enum"].is_array() && !matches!(json_type, Some("integer" | "number" | "boolean")) =>
            {
                Self::Choice
            }
            (_, Some("date")) => Self::Date,
            (_, Some("time")) => Self::Time,
            (_, Some("email")) => Self::Email,
            (_, Some("phone" | "tel")) => Self::Phone,
            (Some("integer" | "number"), _) => Self::Count,
            (Some("boolean"), _) => Self::Flag,
            _ if argument.ends_with("name") => Self::Name,
            _ if argument.contains("phone") => Self::Phone,
            _ if pattern.is_some_and(|pattern| pattern.contains(':')) => Self::Time,
            _ if pattern.is_some_and(|pattern| pattern.starts_with("^\\+")) => Self::Phone,
            _ if pattern.is_some() => Self::Code,
            _ => Self::Text,
        }
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no kind of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("kind is {0:?}, but must be {list}", list = every_name())]
pub struct UnknownKind(pub String);

fn every_name() -> String {
    let (last, others) = KindName::ALL.split_last().expect("there are kinds");
    format!("{} or {last}", others.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "))
}

impl FromStr for KindName {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// The schema's pattern is not one of a code: letters, digits, `[A-Z]`, `[0-9]` and `{n}` between `^` and `$`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot tell the characters of a code from the pattern {0:?}; use letters, digits, [A-Z], [0-9] and {{n}} between ^ and $"
)]
pub struct UnreadablePattern(pub String);

impl Kind {
    /// Its name, without the particulars.
    pub fn name(&self) -> KindName {
        match self {
            Self::Date => KindName::Date,
            Self::Time => KindName::Time,
            Self::WindowStart => KindName::WindowStart,
            Self::WindowEnd => KindName::WindowEnd,
            Self::Count => KindName::Count,
            Self::Name => KindName::Name,
            Self::Code(_) => KindName::Code,
            Self::Phone(_) => KindName::Phone,
            Self::Email => KindName::Email,
            Self::Choice(_) => KindName::Choice,
            Self::Flag => KindName::Flag,
            Self::Text => KindName::Text,
        }
    }

    /// The kind of this name with the particulars the schema has: the `pattern` of a code, the `enum` of a
    /// choice. `prefix` is what callers leave out of a code or a phone number, `said` what they say for a
    /// value of the `enum` besides the value itself. A code without a pattern has no shape.
    ///
    /// # Errors
    ///
    /// [`UnreadablePattern`] for a code whose pattern allows more than fixed classes of characters.
    pub fn of_schema(
        name: KindName,
        schema: &Json,
        prefix: &str,
        said: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, UnreadablePattern> {
        Ok(match name {
            KindName::Date => Self::Date,
            KindName::Time => Self::Time,
            KindName::WindowStart => Self::WindowStart,
            KindName::WindowEnd => Self::WindowEnd,
            KindName::Count => Self::Count,
            KindName::Name => Self::Name,
            KindName::Code => {
                let read = |pattern: &str| {
                    CodeShape::from_pattern(pattern).ok_or_else(|| UnreadablePattern(pattern.to_owned()))
                };
                let classes = schema["pattern"].as_str().map(read).transpose()?.unwrap_or_default();
                Self::Code(CodeShape { classes, prefix: prefix.to_uppercase() })
            }
            KindName::Phone => Self::Phone(prefix.to_owned()),
            KindName::Email => Self::Email,
            KindName::Choice => Self::Choice(choices(schema, said)),
            KindName::Flag => Self::Flag,
            KindName::Text => Self::Text,
        })
    }
}

/// The strings of the schema's `enum`, each with what callers say for it; `_` stands for a space.
fn choices(schema: &Json, said: &BTreeMap<String, Vec<String>>) -> Vec<Choice> {
    let values = schema["enum"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let choice = |value: &str| {
        let said = said.get(value).into_iter().flatten().map(String::as_str);
        let spoken = std::iter::once(value).chain(said).map(|said| phrase(&said.replace('_', " ")));
        Choice { value: value.to_owned(), phrases: spoken.filter(|said| !said.is_empty()).collect() }
    };
    values.map(choice).collect()
}

/// The schema's type; where it may be null as well, the other one.
fn json_type(schema: &Json) -> Option<&str> {
    let types = schema["type"].as_array().into_iter().flatten().filter_map(Json::as_str);
    schema["type"].as_str().or_else(|| types.into_iter().find(|name| *name != "null"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn infers_what_an_argument_holds() {
        for (argument, schema, expected) in [
            ("day", json!({"type": "string", "format": "date"}), KindName::Date),
            ("at", json!({"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}), KindName::Time),
            ("guests", json!({"type": "integer"}), KindName::Count),
            ("guests", json!({"type": ["null", "integer"]}), KindName::Count),
            ("rooms", json!({"type": "integer", "enum": [1, 2]}), KindName::Count),
            ("seating", json!({"type": "string", "enum": ["inside", "terrace"]}), KindName::Choice),
            ("guest_name", json!({"type": "string", "pattern": "^[A-Z]"}), KindName::Name),
            ("reference", json!({"type": "string", "pattern": "^T[0-9]{5}$"}), KindName::Code),
            ("phone_number", json!({"type": "string"}), KindName::Phone),
            ("contact", json!({"type": "string", "pattern": "^\\+[0-9]{6,14}$"}), KindName::Phone),
            ("wishes", json!({"type": "string"}), KindName::Text),
            ("anything", json!(true), KindName::Text),
        ] {
            assert_eq!(KindName::inferred(argument, &schema), expected, "{argument} {schema}");
        }
    }

    #[test]
    fn every_name_reads_back_and_an_unknown_one_lists_them() {
        for name in KindName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
            let schema = json!({"enum": ["a_b"], "pattern": "^[A-Z]{2}$"});
            assert_eq!(Kind::of_schema(name, &schema, "", &BTreeMap::new()).map(|kind| kind.name()), Ok(name));
        }
        let error = "colour".parse::<KindName>().unwrap_err().to_string();
        assert!(error.starts_with("kind is \"colour\", but must be date, time,"), "{error}");
        assert!(error.ends_with("flag or text"), "{error}");
    }

    #[test]
    fn a_choice_is_said_as_it_is_written_and_as_the_annotation_has_it() {
        let said = BTreeMap::from([("on_terrace".to_owned(), vec!["outside".to_owned()])]);
        let kind = Kind::of_schema(KindName::Choice, &json!({"enum": ["on_terrace"]}), "", &said);
        let phrases = vec![vec!["on".to_owned(), "terrace".to_owned()], vec!["outside".to_owned()]];
        assert_eq!(kind, Ok(Kind::Choice(vec![Choice { value: "on_terrace".to_owned(), phrases }])));
    }
}
