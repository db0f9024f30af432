//! Moonshine base-en, made fit for use once after it was fetched.
//!
//! The shipped networks are in ONNX Runtime's own format, which is loaded as it is: nothing folds
//! their constants, and the recogniser is five times slower than it need be. Saved as plain ONNX
//! they load optimised. The saved graphs have two branches without a name, which plain ONNX
//! requires, so names are put in.

use std::fs;
use std::path::Path;

use ort::session::builder::GraphOptimizationLevel;

use super::stamp::{Entry, Stamp, sha256_of};
use super::store::{Store, io_error};
use super::{Paths, Progress, WeightsError};
use crate::runtime::{Runtime, RuntimeError};

const NETWORKS: [(&str, &str); 2] =
    [("encoder_model.ort", "encoder_model.onnx"), ("decoder_model_merged.ort", "decoder_model_merged.onnx")];

pub(super) fn ensure_prepared(
    store: &Store,
    paths: &Paths,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), WeightsError> {
    let folder = &paths.stt;
    if is_prepared(folder) {
        return Ok(());
    }
    let _lock = store.lock(progress)?;
    if is_prepared(folder) {
        return Ok(());
    }
    let runtime = Runtime::load(&paths.onnxruntime)?;
    let staging = store.staging()?;
    let mut stamp = Stamp::read(folder);
    for (shipped, prepared) in NETWORKS {
        progress(Progress::Preparing { file: prepared });
        let (raw, done) = (staging.path().join("raw.onnx"), staging.path().join(prepared));
        save_as_onnx(runtime, &folder.join(shipped), &raw)?;
        let bytes = fs::read(&raw).map_err(io_error("read", &raw))?;
        let named = name_branches(&bytes).ok_or_else(|| RuntimeError::Unexpected {
            model: folder.join(shipped),
            reason: "saved as ONNX, it is not a well-formed message".to_owned(),
        })?;
        fs::write(&done, named).map_err(io_error("write", &done))?;
        let sha256 = sha256_of(&done).map_err(io_error("read", &done))?;
        fs::rename(&done, folder.join(prepared)).map_err(io_error("write in", folder))?;
        if let Some(entry) = Entry::of(folder, prepared, &sha256) {
            stamp.set(entry);
        }
    }
    stamp.write(folder).map_err(io_error("write a stamp in", folder))
}

fn is_prepared(folder: &Path) -> bool {
    let stamp = Stamp::read(folder);
    NETWORKS.iter().all(|(_, prepared)| stamp.hash_of(folder, prepared).is_some())
}

fn save_as_onnx(runtime: Runtime, shipped: &Path, target: &Path) -> Result<(), RuntimeError> {
    runtime.session_with(shipped, |builder| {
        Ok(builder
            .with_optimization_level(GraphOptimizationLevel::Disable)?
            .with_optimized_model_path(target)?
            .with_config_entry("session.save_model_format", "ONNX")?)
    })?;
    Ok(())
}

/// Field numbers on the way from a model to the graphs inside its nodes' attributes.
const MODEL_GRAPH: u64 = 7;
const GRAPH_NODE: u64 = 1;
const GRAPH_NAME: u64 = 2;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_GRAPH: u64 = 6;

/// The same model, with a name on every graph that stands in a node's attribute without one.
/// `None` when the bytes are not a protocol buffer.
fn name_branches(model: &[u8]) -> Option<Vec<u8>> {
    let to_branches = [MODEL_GRAPH, GRAPH_NODE, NODE_ATTRIBUTE, ATTRIBUTE_GRAPH];
    rewrite_at(model, &to_branches)
}

/// Copies a message and names every graph at the end of `path`.
fn rewrite_at(message: &[u8], path: &[u64]) -> Option<Vec<u8>> {
    let Some((&step, rest)) = path.split_first() else { return named(message) };
    let mut out = Vec::with_capacity(message.len() + 16);
    for field in Fields(message) {
        let field = field?;
        match field.payload {
            Some(payload) if field.number == step => {
                put_bytes(&mut out, step, &rewrite_at(payload, rest)?);
            }
            _ => out.extend_from_slice(field.whole),
        }
    }
    Some(out)
}

fn named(graph: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(graph.len() + 8);
    let mut has_name = false;
    for field in Fields(graph) {
        let field = field?;
        let is_name = field.number == GRAPH_NAME;
        if is_name && field.payload.is_none_or(<[u8]>::is_empty) {
            continue;
        }
        has_name |= is_name;
        out.extend_from_slice(field.whole);
    }
    if !has_name {
        put_bytes(&mut out, GRAPH_NAME, b"branch");
    }
    Some(out)
}

/// One field of a protocol buffer message.
struct Field<'a> {
    number: u64,
    /// Key and value as they stand.
    whole: &'a [u8],
    /// The bytes of a length-delimited value.
    payload: Option<&'a [u8]>,
}

/// The fields of a message in order; `None` once, at the first byte that makes no sense.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<Field<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = first_field(self.0);
        self.0 = field.as_ref().map_or(&[], |field| &self.0[field.whole.len()..]);
        Some(field)
    }
}

fn first_field(message: &[u8]) -> Option<Field<'_>> {
    let (key, key_len) = varint(message)?;
    let rest = &message[key_len..];
    let (value_len, payload) = match key & 7 {
        0 => (varint(rest)?.1, None),
        1 => (8, None),
        5 => (4, None),
        2 => {
            let (size, size_len) = varint(rest)?;
            let end = size_len.checked_add(usize::try_from(size).ok()?)?;
            (end, Some(rest.get(size_len..end)?))
        }
        _ => return None,
    };
    let whole = message.get(..key_len + value_len)?;
    Some(Field { number: key >> 3, whole, payload })
}

fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn put_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fields: &[(u64, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, bytes) in fields {
            put_bytes(&mut out, *number, bytes);
        }
        out
    }

    fn model_with(branch: &[u8]) -> Vec<u8> {
        let attribute = message(&[(1, b"then_branch"), (ATTRIBUTE_GRAPH, branch)]);
        let node = message(&[(4, b"If"), (NODE_ATTRIBUTE, &attribute)]);
        let graph = message(&[(GRAPH_NODE, &node), (GRAPH_NAME, b"main")]);
        message(&[(2, b"producer"), (MODEL_GRAPH, &graph)])
    }

    #[test]
    fn names_a_branch_that_has_no_name() {
        let body = (GRAPH_NODE, b"node".as_slice());
        let expected = model_with(&message(&[body, (GRAPH_NAME, b"branch")]));
        let nameless = model_with(&message(&[body]));
        assert_eq!(name_branches(&nameless), Some(expected.clone()));
        let empty = model_with(&message(&[body, (GRAPH_NAME, b"")]));
        assert_eq!(name_branches(&empty), Some(expected.clone()));
        assert_eq!(name_branches(&expected), Some(expected.clone()));
    }

    #[test]
    fn long_fields_keep_their_length_prefix_right() {
        let weights = vec![7; 100_000];
        let model = message(&[(MODEL_GRAPH, &message(&[(5, &weights)]))]);
        assert_eq!(name_branches(&model), Some(model));
    }

    #[test]
    fn refuses_what_is_cut_short() {
        let model = model_with(b"\x0a\x03abc");
        for cut in 1..model.len() {
            // A cut between two fields leaves a shorter, well-formed message.
            let _ = name_branches(&model[..cut]);
        }
        assert_eq!(name_branches(&model[..model.len() - 1]), None);
        assert_eq!(name_branches(&[0xff; 12]), None);
    }
}
