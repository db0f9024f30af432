//! Sentence templates: `Your code is {code|code}[, and the total is {total|money}].`

use super::spoken::Filter;

/// A sentence with places to fill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(String),
    Place { key: String, filter: Option<Filter> },
    Optional(Template),
}

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let (template, rest) = Self::read_until(text, false)?;
        if rest.is_empty() { Ok(template) } else { Err("it has a ] without a [".to_owned()) }
    }

    fn read_until(text: &str, inside: bool) -> Result<(Self, &str), String> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let Some(special) = rest.find(['{', '[', ']']) else {
                if inside {
                    return Err("it has a [ without a ]".to_owned());
                }
                push_words(&mut parts, rest);
                return Ok((Self { parts }, ""));
            };
            push_words(&mut parts, &rest[..special]);
            let after = &rest[special + 1..];
            match &rest[special..=special] {
                "{" => {
                    let end = after.find('}').ok_or("it has a { without a }")?;
                    let (key, filter) =
                        after[..end].split_once('|').map_or((&after[..end], None), |(k, f)| (k, Some(f)));
                    let filter = filter
                        .map(|name| Filter::named(name).ok_or(format!("it uses the unknown filter {name}")))
                        .transpose()?;
                    let valid = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
                    if !valid {
                        return Err(format!("{{{key}}} is not a key"));
                    }
                    parts.push(Part::Place { key: key.to_owned(), filter });
                    rest = &after[end + 1..];
                }
                "[" => {
                    let (optional, more) = Self::read_until(after, true)?;
                    parts.push(Part::Optional(optional));
                    rest = more;
                }
                _ if inside => return Ok((Self { parts }, after)),
                _ => return Err("it has a ] without a [".to_owned()),
            }
        }
    }

    /// Every key it may ask for.
    pub(crate) fn keys(&self) -> Vec<&str> {
        self.parts
            .iter()
            .flat_map(|part| match part {
                Part::Words(_) => Vec::new(),
                Part::Place { key, .. } => vec![key.as_str()],
                Part::Optional(inner) => inner.keys(),
            })
            .collect()
    }

    /// The filter a key is spoken with, if the template names one.
    pub(crate) fn filter(&self, wanted: &str) -> Option<Filter> {
        self.parts.iter().find_map(|part| match part {
            Part::Place { key, filter } if key == wanted => *filter,
            Part::Optional(inner) => inner.filter(wanted),
            _ => None,
        })
    }

    /// Whether a key is said whenever it has a value, whatever else has one.
    pub(crate) fn always_says(&self, wanted: &str) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Place { key, .. } => key == wanted,
            Part::Optional(inner) => inner.keys().iter().all(|key| *key == wanted) && inner.always_says(wanted),
            Part::Words(_) => false,
        })
    }

    /// The sentence, with `speak` saying each value; a missing one outside brackets is left out.
    pub(crate) fn say(&self, speak: &dyn Fn(&str, Option<Filter>) -> Option<String>) -> String {
        let mut out = String::new();
        self.fill(speak, &mut out);
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn fill(&self, speak: &dyn Fn(&str, Option<Filter>) -> Option<String>, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Words(words) => out.push_str(words),
                Part::Place { key, filter } => out.push_str(&speak(key, *filter).unwrap_or_default()),
                Part::Optional(inner) if inner.keys().iter().all(|key| speak(key, None).is_some()) => {
                    inner.fill(speak, out);
                }
                Part::Optional(_) => {}
            }
        }
    }
}

fn push_words(parts: &mut Vec<Part>, words: &str) {
    if !words.is_empty() {
        parts.push(Part::Words(words.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) -> String {
        Template::read(text).unwrap().say(&|key, _| (key != "gone").then(|| key.to_uppercase()))
    }

    #[test]
    fn fills_places_and_drops_optional_parts() {
        assert_eq!(say("on {day} at {time}."), "on DAY at TIME.");
        assert_eq!(say("a{b}[ c {gone}][ d {e|money}]"), "aB d E");
        assert_eq!(say("plain"), "plain");
        assert_eq!(say("x {gone} y"), "x y");
    }

    #[test]
    fn says_what_is_wrong_with_a_template() {
        for (text, expected) in [
            ("{day", "it has a { without a }"),
            ("[day", "it has a [ without a ]"),
            ("day]", "it has a ] without a ["),
            ("{a b}", "{a b} is not a key"),
            ("{a|shout}", "it uses the unknown filter shout"),
        ] {
            assert_eq!(Template::read(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn knows_its_keys() {
        let template = Template::read("{a}[ {b}]").unwrap();
        assert_eq!(template.keys(), ["a", "b"]);
        let template = Template::read("{a|money}[ {b}][ {c} {d}]").unwrap();
        assert_eq!((template.filter("a"), template.filter("b")), (Some(Filter::Money), None));
        assert!(template.always_says("a") && template.always_says("b"));
        assert!(!template.always_says("c") && !template.always_says("e"));
    }
}
