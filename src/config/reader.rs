//! Reads one setting after the other and remembers every problem on the way.
//!
//! A setting that cannot be read is given its default, so reading goes on and the operator sees all
//! problems of a start at once. Nothing of a secret is ever part of a problem.

use std::fmt;

use thiserror::Error;

use super::environment::Environment;
use super::kinds::Kind;

/// A setting that cannot be used, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name.
    pub name: &'static str,
    /// What is wrong and what would be right, beginning after the name.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.message)
    }
}

/// Every problem of the settings, one a line.
#[derive(Debug, Error, PartialEq, Eq)]
pub struct ConfigErrors {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "{count} setting{} cannot be used", if count == 1 { "" } else { "s" })?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// Longest part of a wrong value that is shown.
const SHOWN_CHARS: usize = 60;

/// Reads settings from an environment and collects what is wrong with them.
pub(super) struct Reader<'a> {
    environment: &'a dyn Environment,
    problems: Vec<Problem>,
    unread: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a dyn Environment) -> Self {
        Self { environment, problems: Vec::new(), unread: Vec::new() }
    }

    /// The value of a setting. An empty text counts as unset: that is what container tools pass for
    /// a variable without a value.
    pub(super) fn read<K: Kind>(&mut self, name: &'static str, kind: &K) -> K::Value {
        let text = self.environment.get(name).unwrap_or_default();
        let text = text.trim();
        if text.is_empty() {
            return kind.default();
        }
        kind.parse(text).unwrap_or_else(|| {
            let expected = kind.expected();
            // Among our settings only a URL with a password in it has an @.
            let message = if kind.is_secret() || text.contains('@') {
                format!("has a value that is not shown here, but must be {expected}")
            } else {
                let shown: String = text.chars().take(SHOWN_CHARS).collect();
                format!("is {shown:?}, but must be {expected}")
            };
            self.object(name, message);
            self.unread.push(name);
            kind.default()
        })
    }

    /// Notes a problem that shows only when several settings are seen together.
    pub(super) fn object(&mut self, name: &'static str, message: impl Into<String>) {
        self.problems.push(Problem { name, message: message.into() });
    }

    /// Every problem, and the names of the settings that stand at their defaults for want of a usable value.
    pub(super) fn finish(self) -> (Vec<Problem>, Vec<&'static str>) {
        (self.problems, self.unread)
    }
}
