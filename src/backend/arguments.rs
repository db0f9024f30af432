//! Reads the arguments that a model wrote and checks them against the tool's schema.

use jiff::Zoned;
use serde_json::{Map, Value};

use crate::agent::Tool;

const NOT_AN_OBJECT: &str = "the arguments are not a JSON object";

/// Arguments that fit.
#[derive(Debug)]
pub(super) struct Fitting {
    pub(super) arguments: Map<String, Value>,
    /// How many of them were read as what the schema wants.
    pub(super) normalised: u32,
}

/// The arguments, or what is wrong with them in words for the model. `now` is the time where the agent works.
///
/// Three habits of models are forgiven, as none can be meant otherwise: no arguments at all, null
/// for an argument that may be left out, and a number written as text where a number is wanted. What fits
/// no better then is read as people say it (`Tool::normalise`).
pub(super) fn read(tool: &Tool, text: &str, now: &Zoned) -> Result<Fitting, String> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let mut value = serde_json::from_str(text).unwrap_or(Value::Null);
    let mut normalised = 0;
    if let Some(arguments) = value.as_object_mut() {
        forgive(tool, arguments);
        normalised = tool.normalise(&mut value, now);
        tool.check(&value)?;
    }
    match value {
        Value::Object(arguments) => Ok(Fitting { arguments, normalised }),
        _ => Err(NOT_AN_OBJECT.to_owned()),
    }
}

fn forgive(tool: &Tool, arguments: &mut Map<String, Value>) {
    let required = tool.parameters["required"].as_array().map_or(&[][..], Vec::as_slice);
    arguments.retain(|name, value| !value.is_null() || required.iter().any(|it| it == name));
    for (name, value) in arguments {
        let wanted = tool.parameters["properties"][name]["type"].as_str();
        if let Some(number) = value.as_str().and_then(|text| number(text, wanted?)) {
            *value = number;
        }
    }
}

fn number(text: &str, wanted: &str) -> Option<Value> {
    match wanted {
        "integer" => text.trim().parse::<i64>().ok().map(Value::from),
        "number" => text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
        _ => None,
    }
}
