//! The Moonshine networks: an encoder over a whole segment, and a decoder that writes token by
//! token with the keys and values of the tokens before.

use std::borrow::Cow;
use std::path::Path;

use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor};

use super::tokens::{Tokens, loop_start};
use crate::runtime::{Runtime, RuntimeError};

const START: i64 = 1;
const END: i64 = 2;
const SAMPLES_PER_SECOND: usize = 16_000;
/// Less audio than this the encoder cannot take.
const SHORTEST: usize = SAMPLES_PER_SECOND / 10;
/// Nobody speaks faster than this; a decoder that writes on has lost its way.
const TOKENS_PER_SECOND: f32 = 6.5;

type Inputs<'a> = Vec<(Cow<'a, str>, SessionInputValue<'a>)>;

/// A loaded recogniser. Takes one segment at a time.
pub(super) struct Moonshine {
    encoder: Session,
    decoder: Session,
    cache: Vec<CacheEntry>,
    heads: usize,
    head_size: usize,
    encoder_takes_mask: bool,
    decoder_takes_mask: bool,
    tokens: Tokens,
}

/// The names of one tensor that the decoder hands to its own next step.
struct CacheEntry {
    past: String,
    present: String,
    /// Computed from the audio, so the first step's stays valid.
    is_fixed: bool,
}

impl Moonshine {
    pub(super) fn load(runtime: Runtime, folder: &Path) -> Result<Self, RuntimeError> {
        let unexpected = |model: &Path, reason: String| RuntimeError::Unexpected { model: model.into(), reason };
        // Prepared networks, where there are any, go before the shipped ones.
        let network = |name: &str| {
            let prepared = folder.join(format!("{name}.onnx"));
            if prepared.exists() { prepared } else { folder.join(format!("{name}.ort")) }
        };
        let encoder = runtime.session(&network("encoder_model"))?;
        let decoder_file = network("decoder_model_merged");
        let decoder = runtime.session(&decoder_file)?;
        let (layers, heads, head_size) = cache_shape(&decoder)
            .ok_or_else(|| unexpected(&decoder_file, "it has no key and value inputs of a known shape".into()))?;
        let table = folder.join("tokenizer.bin");
        let file = std::fs::read(&table).map_err(|error| unexpected(&table, error.to_string()))?;
        let tokens = Tokens::parse(&file)
            .filter(|tokens| tokens.len() > 2)
            .ok_or_else(|| unexpected(&table, "the token table is cut short".into()))?;
        Ok(Self {
            encoder_takes_mask: has_input(&encoder, "attention_mask"),
            decoder_takes_mask: has_input(&decoder, "encoder_attention_mask"),
            cache: cache_entries(layers),
            encoder,
            decoder,
            heads,
            head_size,
            tokens,
        })
    }

    /// The words of one segment at 16 kHz.
    pub(super) fn transcribe(&mut self, segment: &[i16]) -> ort::Result<String> {
        if segment.len() < SHORTEST {
            return Ok(String::new());
        }
        let hidden = self.encode(segment)?;
        let ids = self.decode(&hidden, longest_text(segment.len()))?;
        Ok(self.tokens.text(&ids))
    }

    fn encode(&mut self, segment: &[i16]) -> ort::Result<DynValue> {
        let length = segment.len();
        let samples: Vec<f32> = segment.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
        let mut inputs: Inputs = vec![("input_values".into(), Tensor::from_array(([1, length], samples))?.into())];
        if self.encoder_takes_mask {
            let mask = Tensor::from_array(([1, length], vec![1_i64; length]))?;
            inputs.push(("attention_mask".into(), mask.into()));
        }
        let mut outputs = self.encoder.run(inputs)?;
        outputs.remove("last_hidden_state").ok_or_else(|| missing("last_hidden_state"))
    }

    fn decode(&mut self, hidden: &DynValue, most: usize) -> ort::Result<Vec<i64>> {
        let mut past = Vec::with_capacity(self.cache.len());
        for _ in &self.cache {
            let nothing: Tensor<f32> = Tensor::from_array(([1, self.heads, 0, self.head_size], Vec::new()))?;
            past.push(nothing.into_dyn());
        }
        let (mut ids, mut token, mut is_first) = (Vec::new(), START, true);
        loop {
            token = self.step(hidden, token, is_first, &mut past)?;
            is_first = false;
            if token == END || ids.len() >= most {
                return Ok(ids);
            }
            ids.push(token);
            if let Some(keep) = loop_start(&ids) {
                ids.truncate(keep);
                return Ok(ids);
            }
        }
    }

    /// One step: the most likely token after `token`. Updates the cache.
    fn step(&mut self, hidden: &DynValue, token: i64, is_first: bool, past: &mut [DynValue]) -> ort::Result<i64> {
        let mut inputs: Inputs = Vec::with_capacity(past.len() + 4);
        inputs.push(("input_ids".into(), Tensor::from_array(([1, 1], vec![token]))?.into()));
        inputs.push(("encoder_hidden_states".into(), hidden.into()));
        let use_cache = Tensor::from_array(([1], vec![!is_first]))?;
        inputs.push(("use_cache_branch".into(), use_cache.into()));
        if self.decoder_takes_mask {
            // The graph strides this mask by 384 samples of audio; one element serves every frame.
            let mask = Tensor::from_array(([1, 1], vec![1_i64]))?;
            inputs.push(("encoder_attention_mask".into(), mask.into()));
        }
        for (entry, value) in self.cache.iter().zip(&*past) {
            inputs.push((entry.past.as_str().into(), value.into()));
        }
        let mut outputs = self.decoder.run(inputs)?;
        let next = {
            let logits = outputs.get("logits").ok_or_else(|| missing("logits"))?;
            most_likely(logits.try_extract_tensor::<f32>()?.1)
        };
        for (entry, value) in self.cache.iter().zip(past) {
            if is_first || !entry.is_fixed {
                *value = outputs.remove(&entry.present).ok_or_else(|| missing(&entry.present))?;
            }
        }
        Ok(next)
    }
}

fn missing(output: &str) -> ort::Error {
    ort::Error::new(format!("the network gave no {output}"))
}

fn has_input(session: &Session, name: &str) -> bool {
    session.inputs().iter().any(|input| input.name() == name)
}

/// Layers, heads and the size of a head, as the decoder's inputs tell.
fn cache_shape(decoder: &Session) -> Option<(usize, usize, usize)> {
    let keys = || decoder.inputs().iter().filter(|input| input.name().ends_with("decoder.key"));
    let shape = keys().next()?.dtype().tensor_shape()?;
    let size = |axis: usize| usize::try_from(*shape.get(axis)?).ok();
    Some((keys().count(), size(1)?, size(3)?))
}

fn cache_entries(layers: usize) -> Vec<CacheEntry> {
    let mut entries = Vec::with_capacity(layers * 4);
    for layer in 0..layers {
        for side in ["decoder", "encoder"] {
            for part in ["key", "value"] {
                entries.push(CacheEntry {
                    past: format!("past_key_values.{layer}.{side}.{part}"),
                    present: format!("present.{layer}.{side}.{part}"),
                    is_fixed: side == "encoder",
                });
            }
        }
    }
    entries
}

fn most_likely(logits: &[f32]) -> i64 {
    let best = logits.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
    best.map_or(END, |(id, _)| i64::try_from(id).unwrap_or(END))
}

/// Tokens that so much audio can hold. Counted from one second up: a short word has as many
/// tokens as a long one.
fn longest_text(samples: usize) -> usize {
    let seconds = (samples as f32 / SAMPLES_PER_SECOND as f32).max(1.0);
    (seconds * TOKENS_PER_SECOND).ceil() as usize + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_word_gets_as_many_tokens_as_a_second_of_speech() {
        assert_eq!(longest_text(SAMPLES_PER_SECOND / 4), 9);
        assert_eq!(longest_text(SAMPLES_PER_SECOND), 9);
        assert_eq!(longest_text(10 * SAMPLES_PER_SECOND), 67);
    }
}
