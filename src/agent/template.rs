//! Templates of a tool's request: where its arguments go in the address and in the body.
//!
//! `{x}` stands for a required argument, `{x?}` for an optional one. In the address an optional
//! argument is a whole query value and goes with its key when it is absent. Values are
//! percent-encoded and stay inside their segment or query value, whatever they hold.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Map, Value};
use thiserror::Error;

/// An argument cannot stand where its template wants it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// The argument is not there.
    #[error("{name} is missing")]
    Missing {
        /// The argument.
        name: String,
    },
    /// The argument is a list or an object, or would change which address is called.
    #[error("{name} cannot be used in an address")]
    Unusable {
        /// The argument.
        name: String,
    },
}

/// A placeholder in a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placeholder {
    pub(super) name: String,
    pub(super) optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Argument(Placeholder),
}

/// The path and query of a tool.
#[derive(Debug, Clone)]
pub(super) struct PathTemplate {
    segments: Vec<Vec<Part>>,
    query: Vec<(String, Vec<Part>)>,
}

impl PathTemplate {
    /// Reads `/reservations/{code}?date={date}&after={after?}`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_allowed = |c: char| c.is_ascii_graphic() && !matches!(c, '#' | '\\' | '"' | '<' | '>');
        if let Some(wrong) = text.chars().find(|&c| !is_allowed(c)) {
            return Err(format!("{wrong:?} may not stand in a path"));
        }
        let (path, query) = split_query(text);
        let Some(path) = path.strip_prefix('/').filter(|path| !path.starts_with('/')) else {
            return Err("the path must begin with one slash".to_owned());
        };
        let segments: Vec<_> = path.split('/').map(parse_parts).collect::<Result<_, _>>()?;
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err("the path may not hold the segments \".\" and \"..\"".to_owned());
        }
        if let Some(name) = segments.iter().flatten().find_map(Part::optional_name) {
            return Err(format!("{{{name}?}} can only be left out in the query; write {{{name}}}"));
        }
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(parse_pair).collect::<Result<_, _>>()?;
        Ok(Self { segments, query })
    }

    pub(super) fn placeholders(&self) -> BTreeSet<&Placeholder> {
        let query = self.query.iter().flat_map(|(_, value)| value);
        self.segments.iter().flatten().chain(query).filter_map(Part::placeholder).collect()
    }

    /// The path and query for these arguments, beginning with a slash.
    pub(super) fn render(&self, arguments: &Map<String, Value>) -> Result<String, TemplateError> {
        let mut rendered = String::new();
        for segment in &self.segments {
            rendered.push('/');
            let start = rendered.len();
            render_text(segment, arguments, &mut rendered)?;
            // Servers resolve "." and ".." even when they are percent-encoded, and an empty segment
            // names another resource.
            if let (Some(placeholder), "" | "." | "..") =
                (segment.iter().find_map(Part::placeholder), &rendered[start..])
            {
                return Err(TemplateError::Unusable { name: placeholder.name.clone() });
            }
        }
        let mut separator = '?';
        for (key, value) in &self.query {
            let absent =
                |part: &Part| part.placeholder().is_some_and(|it| it.optional && it.value(arguments).is_none());
            if value.iter().any(absent) {
                continue;
            }
            rendered.push(separator);
            rendered.push_str(key);
            rendered.push('=');
            render_text(value, arguments, &mut rendered)?;
            separator = '&';
        }
        Ok(rendered)
    }
}

impl Part {
    fn placeholder(&self) -> Option<&Placeholder> {
        match self {
            Self::Argument(placeholder) => Some(placeholder),
            Self::Literal(_) => None,
        }
    }

    fn optional_name(&self) -> Option<&str> {
        self.placeholder().filter(|placeholder| placeholder.optional).map(|placeholder| placeholder.name.as_str())
    }
}

impl Placeholder {
    /// The argument, unless it is absent; null is as good as absent.
    fn value<'a>(&self, arguments: &'a Map<String, Value>) -> Option<&'a Value> {
        arguments.get(&self.name).filter(|value| !value.is_null())
    }
}

/// The JSON body of a tool.
#[derive(Debug, Clone)]
pub(super) struct BodyTemplate(Node);

#[derive(Debug, Clone)]
enum Node {
    /// Exactly one placeholder: the argument keeps its JSON type.
    Argument(Placeholder),
    Text(Vec<Part>),
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    Constant(Value),
}

impl BodyTemplate {
    /// Reads the `body` table of a tool.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        let node = Node::parse(value)?;
        if matches!(node, Node::Object(_)) { Ok(Self(node)) } else { Err("the body must be a table".to_owned()) }
    }

    /// The body that holds these arguments under their own names.
    pub(super) fn of_arguments(names: impl IntoIterator<Item = String>) -> Self {
        let entry = |name: String| (name.clone(), Node::Argument(Placeholder { name, optional: true }));
        Self(Node::Object(names.into_iter().map(entry).collect()))
    }

    pub(super) fn placeholders(&self) -> BTreeSet<&Placeholder> {
        let mut found = BTreeSet::new();
        self.0.collect(&mut found);
        found
    }

    /// The body for these arguments; optional ones that are absent are left out with their key.
    pub(super) fn render(&self, arguments: &Map<String, Value>) -> Result<Value, TemplateError> {
        Ok(self.0.render(arguments)?.unwrap_or(Value::Null))
    }
}

impl Node {
    fn parse(value: &Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => match parse_parts(text)?.as_slice() {
                [Part::Argument(placeholder)] => Self::Argument(placeholder.clone()),
                parts => Self::Text(parts.to_vec()),
            },
            Value::Object(entries) => {
                let entry = |(key, value): (&String, &Value)| Ok((key.clone(), Self::parse(value)?));
                Self::Object(entries.iter().map(entry).collect::<Result<_, String>>()?)
            }
            Value::Array(items) => Self::List(items.iter().map(Self::parse).collect::<Result<_, _>>()?),
            constant => Self::Constant(constant.clone()),
        })
    }

    fn collect<'a>(&'a self, found: &mut BTreeSet<&'a Placeholder>) {
        match self {
            Self::Argument(placeholder) => _ = found.insert(placeholder),
            Self::Text(parts) => found.extend(parts.iter().filter_map(Part::placeholder)),
            Self::Object(entries) => entries.iter().for_each(|(_, node)| node.collect(found)),
            Self::List(nodes) => nodes.iter().for_each(|node| node.collect(found)),
            Self::Constant(_) => {}
        }
    }

    /// Nothing if it is an optional argument that is absent.
    fn render(&self, arguments: &Map<String, Value>) -> Result<Option<Value>, TemplateError> {
        Ok(Some(match self {
            Self::Argument(placeholder) => match placeholder.value(arguments) {
                Some(value) => value.clone(),
                None if placeholder.optional => return Ok(None),
                None => return Err(TemplateError::Missing { name: placeholder.name.clone() }),
            },
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Literal(literal) => text.push_str(literal),
                        Part::Argument(placeholder) => text.push_str(&scalar(placeholder, arguments)?),
                    }
                }
                Value::String(text)
            }
            Self::Object(entries) => {
                let mut object = Map::new();
                for (key, node) in entries {
                    if let Some(value) = node.render(arguments)? {
                        object.insert(key.clone(), value);
                    }
                }
                Value::Object(object)
            }
            Self::List(nodes) => {
                let rendered: Result<Vec<_>, _> = nodes.iter().map(|node| node.render(arguments)).collect();
                Value::Array(rendered?.into_iter().flatten().collect())
            }
            Self::Constant(value) => value.clone(),
        }))
    }
}

/// A `?` inside braces belongs to a placeholder; the first one outside begins the query.
fn split_query(text: &str) -> (&str, &str) {
    let mut depth = 0_i32;
    for (position, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            '?' if depth == 0 => return (&text[..position], &text[position + 1..]),
            _ => {}
        }
    }
    (text, "")
}

fn parse_pair(pair: &str) -> Result<(String, Vec<Part>), String> {
    let (key, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?} in the query has no \"=\""))?;
    if key.contains(['{', '}']) {
        return Err(format!("the query key {key:?} may not hold a placeholder"));
    }
    let parts = parse_parts(value)?;
    match parts.iter().find_map(Part::optional_name) {
        Some(name) if parts.len() > 1 => Err(format!("{{{name}?}} must be the whole value of {key:?}")),
        _ => Ok((key.to_owned(), parts)),
    }
}

fn parse_parts(text: &str) -> Result<Vec<Part>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(open) = rest.find(['{', '}']) {
        let (literal, placeholder) = rest.split_at(open);
        let inner = placeholder.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((inner, after)) = inner else { return Err(format!("the braces in {text:?} do not match")) };
        let name = inner.strip_suffix('?').unwrap_or(inner);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(format!("{{{inner}}} is not a placeholder such as {{date}} or {{date?}}"));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        parts.push(Part::Argument(Placeholder { name: name.to_owned(), optional: inner.ends_with('?') }));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

fn render_text(parts: &[Part], arguments: &Map<String, Value>, out: &mut String) -> Result<(), TemplateError> {
    for part in parts {
        match part {
            Part::Literal(literal) => out.push_str(literal),
            Part::Argument(placeholder) => percent_encode(&scalar(placeholder, arguments)?, out),
        }
    }
    Ok(())
}

fn scalar(placeholder: &Placeholder, arguments: &Map<String, Value>) -> Result<String, TemplateError> {
    let name = || placeholder.name.clone();
    match placeholder.value(arguments) {
        None if placeholder.optional => Ok(String::new()),
        None => Err(TemplateError::Missing { name: name() }),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        Some(_) => Err(TemplateError::Unusable { name: name() }),
    }
}

/// Leaves only the characters that mean nothing in any part of an address.
fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn arguments(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn path(template: &str, value: &Value) -> Result<String, TemplateError> {
        PathTemplate::parse(template).unwrap().render(&arguments(value))
    }

    const SEARCH: &str = "/tee-times?date={date}&players={players}&after={after?}&fixed=1";

    #[test]
    fn arguments_go_into_the_query_and_absent_ones_take_their_key_along() {
        let with = json!({"date": "2026-11-28", "players": 4, "after": "07:00"});
        assert_eq!(path(SEARCH, &with).unwrap(), "/tee-times?date=2026-11-28&players=4&after=07%3A00&fixed=1");
        let without = json!({"date": "2026-11-28", "players": 4, "after": null});
        assert_eq!(path(SEARCH, &without).unwrap(), "/tee-times?date=2026-11-28&players=4&fixed=1");
        let missing = TemplateError::Missing { name: "players".into() };
        assert_eq!(path(SEARCH, &json!({"date": "x"})), Err(missing));
    }

    #[test]
    fn values_cannot_leave_their_segment() {
        let code = |value: &str| path("/reservations/{code}", &json!({"code": value}));
        assert_eq!(code("a/../b?c=d#e").unwrap(), "/reservations/a%2F..%2Fb%3Fc%3Dd%23e");
        assert_eq!(code("%2e%2e").unwrap(), "/reservations/%252e%252e");
        assert_eq!(code("http://evil/").unwrap(), "/reservations/http%3A%2F%2Fevil%2F");
        for unusable in ["", ".", ".."] {
            assert_eq!(code(unusable), Err(TemplateError::Unusable { name: "code".into() }));
        }
        assert!(path("/r/{code}", &json!({"code": ["a"]})).is_err());
    }

    #[test]
    fn a_body_keeps_types_and_drops_what_is_absent() {
        let template = json!({"time": "{new_time?}", "players": "{new_players?}", "note": "for {name}",
            "source": {"kind": "phone", "n": 1}, "list": ["{name}", "{new_time?}"]});
        let template = BodyTemplate::parse(&template).unwrap();
        let body = template.render(&arguments(&json!({"new_players": 3, "name": "Jo"}))).unwrap();
        let expected = json!({"players": 3, "note": "for Jo", "source": {"kind": "phone", "n": 1}, "list": ["Jo"]});
        assert_eq!(body, expected);
        assert!(template.render(&Map::new()).is_err());
    }

    #[test]
    fn templates_that_cannot_work_are_refused_in_words() {
        let problem = |text| PathTemplate::parse(text).unwrap_err();
        assert_eq!(problem("tee-times"), "the path must begin with one slash");
        assert_eq!(problem("//evil.example/x"), "the path must begin with one slash");
        assert_eq!(problem("/a/../b"), "the path may not hold the segments \".\" and \"..\"");
        assert_eq!(problem("/a b"), "' ' may not stand in a path");
        assert_eq!(problem("/{code?}"), "{code?} can only be left out in the query; write {code}");
        assert_eq!(problem("/a?x=a{b?}"), "{b?} must be the whole value of \"x\"");
        assert_eq!(problem("/a?{b}=1"), "the query key \"{b}\" may not hold a placeholder");
        assert_eq!(problem("/a?b"), "\"b\" in the query has no \"=\"");
        assert_eq!(problem("/{a"), "the braces in \"{a\" do not match");
        assert_eq!(problem("/{a-b}"), "{a-b} is not a placeholder such as {date} or {date?}");
        assert_eq!(BodyTemplate::parse(&json!("x")).unwrap_err(), "the body must be a table");
    }

    proptest! {
        #[test]
        fn no_value_changes_the_shape_of_an_address(code in any::<String>(), date in any::<String>()) {
            let template = PathTemplate::parse("/v1/r/{code}/x?date={date}").unwrap();
            let Ok(path) = template.render(&arguments(&json!({"code": code, "date": date}))) else {
                prop_assert!(matches!(code.as_str(), "" | "." | ".."));
                return Ok(());
            };
            let url = url::Url::parse(&format!("http://backend{path}")).unwrap();
            prop_assert_eq!(url.host_str(), Some("backend"));
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!((segments.len(), segments[0], segments[1], segments[3]), (4, "v1", "r", "x"));
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(pairs, [("date".to_owned(), date)]);
            prop_assert!(url.fragment().is_none());
        }
    }
}
