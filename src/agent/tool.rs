//! One tool of an agent: what it takes, where it goes, and how patiently.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Zoned;
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Map, Value};

use super::arguments::Reader;
use super::file::ToolFile;
use super::template::{BodyTemplate, PathTemplate, Placeholder, TemplateError};

/// The built-in tool that ends the call.
pub const END_CALL: &str = "end_call";

/// The built-in tool that puts the caller through, offered if the agent has a `person_number`.
pub const TRANSFER_TO_PERSON: &str = "transfer_to_person";

/// How many faults of one set of arguments are told at once.
const MAX_FAULTS: usize = 5;

/// A tool of an agent.
#[derive(Debug)]
pub struct Tool {
    /// `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// What the tool does and when to use it, for the model.
    pub description: String,
    /// The HTTP method.
    pub method: Method,
    /// JSON Schema of the arguments.
    pub parameters: Value,
    /// How long a call may take in all, tries and pauses together.
    pub timeout: Duration,
    /// How often a failed try is repeated at most.
    pub retries: usize,
    /// Whether it changes something.
    pub side_effect: bool,
    /// What to say while it runs long.
    pub filler: Option<String>,
    /// Annotations for the scripted agent, as they stand in the file.
    pub forms: Value,
    validator: Validator,
    reader: Reader,
    path: PathTemplate,
    body: Option<BodyTemplate>,
}

impl Tool {
    /// Checks and compiles a tool; returns every problem found.
    pub(super) fn new(file: ToolFile) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !(1..=64).contains(&file.name.len()) || !file.name.bytes().all(is_name_byte) {
            problems.push("a tool's name has 1 to 64 of the characters A-Z a-z 0-9 _ -".to_owned());
        }
        if [END_CALL, TRANSFER_TO_PERSON].contains(&file.name.as_str()) {
            problems.push("this name belongs to a built-in tool".to_owned());
        }
        let method = match file.method.as_str() {
            "GET" => Some(Method::GET),
            "POST" => Some(Method::POST),
            "PUT" => Some(Method::PUT),
            "PATCH" => Some(Method::PATCH),
            "DELETE" => Some(Method::DELETE),
            other => {
                problems.push(format!("method is {other:?}, but must be GET, POST, PUT, PATCH or DELETE"));
                None
            }
        };
        let is_get = method == Some(Method::GET);
        if !(Duration::from_millis(100)..=Duration::from_secs(60)).contains(&file.timeout) {
            problems.push(format!("timeout is {:?}, but must be from 100ms to 60s", file.timeout));
        }
        if file.retries > 5 {
            problems.push(format!("retries is {}, but must be from 0 to 5", file.retries));
        }
        if file.side_effect && is_get {
            problems.push("a tool with side_effect cannot be a GET".to_owned());
        }
        let mut keep = |problem: String| problems.push(problem);
        let schema = Schema::new(&file.parameters).map_err(&mut keep).ok();
        let options = jsonschema::options().should_validate_formats(true).build(&file.parameters);
        let validator = options.map_err(|error| keep(format!("parameters: {error}"))).ok();
        let path = PathTemplate::parse(&file.path).map_err(|problem| keep(format!("path: {problem}"))).ok();
        let body = file.body.as_ref().map(BodyTemplate::parse).transpose();
        let body = body.map_err(|problem| keep(format!("body: {problem}"))).ok();
        if file.body.is_some() && is_get {
            problems.push("a GET has no body".to_owned());
        }
        if let Some(schema) = &schema {
            schema.check(path.as_ref(), body.as_ref().and_then(Option::as_ref), &mut problems);
            // Where a template cannot be read, nobody knows what it uses.
            if let (Some(path), Some(body)) = (&path, &body) {
                schema.check_all_used(path, body.as_ref(), is_get, &mut problems);
            }
        }
        let (Some(method), Some(schema), Some(validator), Some(path), Some(body), true) =
            (method, schema, validator, path, body, problems.is_empty())
        else {
            return Err(problems);
        };
        let body = body.or_else(|| schema.rest(&path).filter(|_| !is_get));
        Ok(Self {
            reader: Reader::new(&file.parameters, &file.forms),
            name: file.name,
            description: file.description,
            method,
            parameters: file.parameters,
            timeout: file.timeout,
            retries: file.retries,
            side_effect: file.side_effect,
            filler: file.filler,
            forms: file.forms,
            validator,
            path,
            body,
        })
    }

    /// Reads arguments that do not fit the schema as what it wants ("next Friday" for a date), and says how many
    /// were. What fits is never touched, nor is what cannot be read or could mean two things. `now` is the time
    /// where the agent works.
    pub fn normalise(&self, arguments: &mut Value, now: &Zoned) -> u32 {
        self.reader.read(arguments, &self.validator, now)
    }

    /// Checks arguments against the schema; the faults come back in words that name the field.
    pub fn check(&self, arguments: &Value) -> Result<(), String> {
        let fault = |error: jsonschema::ValidationError<'_>| {
            let field = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
            if field.is_empty() { error.to_string() } else { format!("{field}: {error}") }
        };
        let faults: Vec<_> = self.validator.iter_errors(arguments).take(MAX_FAULTS).map(fault).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    /// The path and query of a call with these arguments.
    pub fn render_path(&self, arguments: &Map<String, Value>) -> Result<String, TemplateError> {
        self.path.render(arguments)
    }

    /// The body of a call with these arguments, if the tool sends one.
    pub fn render_body(&self, arguments: &Map<String, Value>) -> Result<Option<Value>, TemplateError> {
        self.body.as_ref().map(|body| body.render(arguments)).transpose()
    }
}

/// What the templates need to know of a schema.
struct Schema<'a> {
    properties: Map<String, Value>,
    required: BTreeSet<&'a str>,
}

impl<'a> Schema<'a> {
    fn new(parameters: &'a Value) -> Result<Self, String> {
        if parameters["type"] != "object" {
            return Err("parameters must have type = \"object\"".to_owned());
        }
        let properties = match parameters.get("properties") {
            None => Map::new(),
            Some(Value::Object(properties)) => properties.clone(),
            Some(_) => return Err("parameters.properties must be a table".to_owned()),
        };
        let required = parameters["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        Ok(Self { properties, required })
    }

    fn check(&self, path: Option<&PathTemplate>, body: Option<&BodyTemplate>, problems: &mut Vec<String>) {
        for name in self.required.iter().filter(|name| !self.properties.contains_key(**name)) {
            problems.push(format!("parameters: {name} is required but not among the properties"));
        }
        for placeholder in path.map(PathTemplate::placeholders).unwrap_or_default() {
            self.check_placeholder(placeholder, "path", problems);
            if !self.is_scalar(&placeholder.name) {
                problems.push(format!("path: {} must be a string, number or boolean", placeholder.name));
            }
        }
        for placeholder in body.map(BodyTemplate::placeholders).unwrap_or_default() {
            self.check_placeholder(placeholder, "body", problems);
        }
    }

    /// An argument that the backend never gets is asked of callers in vain.
    fn check_all_used(
        &self,
        path: &PathTemplate,
        body: Option<&BodyTemplate>,
        is_get: bool,
        problems: &mut Vec<String>,
    ) {
        if is_get || body.is_some() {
            let in_body = body.map(BodyTemplate::placeholders).unwrap_or_default();
            let used: BTreeSet<_> = path.placeholders().into_iter().chain(in_body).map(|used| &*used.name).collect();
            for name in self.properties.keys().filter(|name| !used.contains(name.as_str())) {
                problems.push(format!("the argument {name} never reaches the backend"));
            }
        }
    }

    fn check_placeholder(&self, placeholder: &Placeholder, place: &str, problems: &mut Vec<String>) {
        let Placeholder { name, optional } = placeholder;
        if !self.properties.contains_key(name) {
            problems.push(format!("{place}: {{{name}}} is not among the parameters"));
            return;
        }
        match (self.required.contains(name.as_str()), optional) {
            (true, true) => problems.push(format!("{place}: {name} is required; write {{{name}}}")),
            (false, false) => {
                problems.push(format!("{place}: {name} is optional; write {{{name}?}} or require it"));
            }
            (true, false) | (false, true) => {}
        }
    }

    fn is_scalar(&self, name: &str) -> bool {
        let is_scalar = |kind: &Value| !matches!(kind.as_str(), Some("array" | "object"));
        match self.properties.get(name).map(|property| &property["type"]) {
            Some(Value::Array(kinds)) => kinds.iter().all(is_scalar),
            Some(kind) => is_scalar(kind),
            None => true,
        }
    }

    /// The body of a tool without a template: the arguments its path does not use.
    fn rest(&self, path: &PathTemplate) -> Option<BodyTemplate> {
        let used: BTreeSet<_> = path.placeholders().into_iter().map(|used| &used.name).collect();
        let names: Vec<_> = self.properties.keys().filter(|name| !used.contains(name)).cloned().collect();
        (!names.is_empty()).then(|| BodyTemplate::of_arguments(names))
    }
}
