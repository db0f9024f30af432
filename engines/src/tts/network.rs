//! The acoustic network: phoneme ids in, per-frame recipes for the sound out.
//!
//! The network decides how long each phoneme lasts but keeps it to itself. Its file is therefore
//! loaded with one more output: a second, tiny model message is appended to the file's bytes, and
//! protocol buffers merge a repeated message into the first. Word times come from there.

use std::collections::HashMap;
use std::path::Path;

use ort::session::{Session, SessionOutputs};
use ort::value::Tensor;

use super::phonemes::Sentence;
use super::signal::{BINS, Recipe};
use crate::runtime::{Runtime, RuntimeError};

/// The node whose output is the length of each phoneme.
const DURATIONS: &str = "/Clip_output_0";
/// A unit of these lengths, in frames.
const FRAMES_PER_UNIT: usize = 2;
/// The silence before and after.
const PAD: i64 = 0;

/// The network and its alphabet.
pub(super) struct Network {
    session: Session,
    alphabet: HashMap<char, i64>,
}

/// What the network makes of a sentence.
pub(super) struct Spoken {
    pub(super) recipe: Recipe,
    /// The first frame of each word, with the byte of the request it stands for.
    pub(super) words: Vec<(usize, usize)>,
}

impl Network {
    pub(super) fn load(runtime: Runtime, network: &Path, alphabet: &Path) -> Result<Self, RuntimeError> {
        let unexpected = |model: &Path, reason: &dyn std::fmt::Display| RuntimeError::Unexpected {
            model: model.into(),
            reason: reason.to_string(),
        };
        let text = std::fs::read(alphabet).map_err(|error| unexpected(alphabet, &error))?;
        let alphabet = serde_json::from_slice(&text).map_err(|error| unexpected(alphabet, &error))?;
        let mut bytes = std::fs::read(network).map_err(|error| unexpected(network, &error))?;
        bytes.extend(output_message(DURATIONS));
        Ok(Self { session: runtime.session_from_bytes(network, &bytes)?, alphabet })
    }

    /// Speaks a sentence; a speed above 1 is faster.
    pub(super) fn speak(&mut self, sentence: &Sentence, speed: f32) -> ort::Result<Spoken> {
        let mut ids = vec![PAD];
        // Which id a phoneme became; characters outside the alphabet become none.
        let mut id_of_phoneme = Vec::new();
        for phoneme in sentence.phonemes.chars() {
            id_of_phoneme.push(ids.len());
            ids.extend(self.alphabet.get(&phoneme));
        }
        ids.push(PAD);
        let length = ids.len();
        let outputs = self.session.run(ort::inputs![
            "ids" => Tensor::from_array(([1, length], ids))?,
            "speed" => Tensor::from_array(([1], vec![speed]))?,
        ])?;

        let f0 = floats(&outputs, "f0")?.to_vec();
        let frames = f0.len();
        let plane = |name: &str| -> ort::Result<Vec<f32>> {
            let values = floats(&outputs, name)?;
            if values.len() == BINS * frames {
                Ok(values.to_vec())
            } else {
                Err(ort::Error::new(format!("{name} has {} values for {frames} frames", values.len())))
            }
        };
        let recipe = Recipe {
            harmonic_gain: plane("lh")?,
            harmonic_phase: plane("theta")?,
            noise_gain: plane("ln")?,
            free_gain: plane("lr")?,
            free_phase: plane("phi")?,
            f0,
        };
        let mut starts = Vec::with_capacity(length);
        let mut units = 0.0;
        for duration in floats(&outputs, DURATIONS)? {
            starts.push(units as usize * FRAMES_PER_UNIT);
            units += duration;
        }
        let words = sentence
            .words
            .iter()
            .filter_map(|word| {
                let id = *id_of_phoneme.get(word.phoneme)?;
                Some((*starts.get(id)?, word.source))
            })
            .collect();
        Ok(Spoken { recipe, words })
    }
}

fn floats<'o>(outputs: &'o SessionOutputs<'_>, name: &str) -> ort::Result<&'o [f32]> {
    let output = outputs.get(name).ok_or_else(|| ort::Error::new(format!("the network gives no {name}")))?;
    Ok(output.try_extract_tensor::<f32>()?.1)
}

/// A model message that holds nothing but a graph (field 7) with one output (field 12) of this
/// name (field 1). All lengths are below 128, so each is one byte.
fn output_message(name: &str) -> Vec<u8> {
    let field = |tag: u8, content: Vec<u8>| -> Vec<u8> {
        let mut message = vec![tag, content.len() as u8];
        message.extend(content);
        message
    };
    let (graph, output, output_name) = (7 << 3 | 2, 12 << 3 | 2, 1 << 3 | 2);
    field(graph, field(output, field(output_name, name.as_bytes().to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_extra_output_as_a_protocol_buffer() {
        assert_eq!(output_message("d"), [0x3a, 5, 0x62, 3, 0x0a, 1, b'd']);
    }
}
