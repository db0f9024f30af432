//! Guesses how a word sounds that no dictionary has: a small network over its letters.
//!
//! The network answers one symbol per slot; runs of the same symbol count once and blanks not at all.

use std::collections::HashMap;
use std::path::Path;

use ort::session::Session;
use ort::value::Tensor;
use serde::Deserialize;

use crate::runtime::{Runtime, RuntimeError};

/// The network and its two alphabets.
pub(super) struct Oov {
    session: Session,
    letters: HashMap<char, i64>,
    phonemes: Vec<char>,
    letters_max: usize,
}

#[derive(Deserialize)]
struct Alphabets {
    #[serde(rename = "in")]
    letters: Vec<char>,
    #[serde(rename = "out")]
    phonemes: Vec<char>,
    #[serde(rename = "maxlen")]
    letters_max: usize,
}

impl Oov {
    pub(super) fn load(runtime: Runtime, network: &Path, alphabets: &Path) -> Result<Self, RuntimeError> {
        let unexpected = |reason: &dyn std::fmt::Display| RuntimeError::Unexpected {
            model: alphabets.into(),
            reason: reason.to_string(),
        };
        let text = std::fs::read(alphabets).map_err(|error| unexpected(&error))?;
        let alphabets: Alphabets = serde_json::from_slice(&text).map_err(|error| unexpected(&error))?;
        Ok(Self {
            session: runtime.session(network)?,
            // Number 0 is the blank.
            letters: (1..).zip(alphabets.letters).map(|(number, letter)| (letter, number)).collect(),
            phonemes: alphabets.phonemes,
            letters_max: alphabets.letters_max,
        })
    }

    /// The likely phonemes of a word; `None` when none of its characters is a known letter.
    pub(super) fn guess(&mut self, word: &str) -> ort::Result<Option<String>> {
        let ids: Vec<i64> =
            word.chars().filter_map(|letter| self.letters.get(&letter).copied()).take(self.letters_max).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        let input = Tensor::from_array(([1, ids.len()], ids))?;
        let outputs = self.session.run(ort::inputs!["chars" => input])?;
        let (_, symbols) = outputs[0].try_extract_tensor::<i64>()?;
        Ok(Some(collapse(symbols, &self.phonemes)))
    }
}

fn collapse(symbols: &[i64], alphabet: &[char]) -> String {
    let mut text = String::new();
    let mut previous = 0;
    for &symbol in symbols {
        if symbol != previous
            && let Some(phoneme) = usize::try_from(symbol - 1).ok().and_then(|at| alphabet.get(at))
        {
            text.push(*phoneme);
        }
        previous = symbol;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_runs_once_and_blanks_not_at_all() {
        let alphabet = ['p', 'ˈ', 'A'];
        assert_eq!(collapse(&[0, 1, 1, 0, 2, 3, 3, 0, 3], &alphabet), "pˈAA");
        assert_eq!(collapse(&[0, 0, 9, -4], &alphabet), "");
    }
}
