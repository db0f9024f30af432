//! Where settings come from: names with texts.

use std::collections::BTreeMap;

/// A set of named texts: the process's environment, or a map in a test.
pub trait Environment {
    /// The text of a name, if it has one.
    fn get(&self, name: &str) -> Option<String>;

    /// Every name, so that misspelt ones can be pointed out.
    fn names(&self) -> Vec<String>;
}

/// The environment this process was started with.
#[derive(Debug, Clone, Copy)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        // A text that is not Unicode is kept with its wrong parts replaced: the reader of the
        // setting then refuses it by name, where leaving it out would run on a default.
        std::env::var_os(name).map(|text| text.to_string_lossy().into_owned())
    }

    fn names(&self) -> Vec<String> {
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
    }
}

impl Environment for BTreeMap<&str, &str> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).map(|text| (*text).to_owned())
    }

    fn names(&self) -> Vec<String> {
        self.keys().map(|name| (*name).to_owned()).collect()
    }
}
