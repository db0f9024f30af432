//! The word tables of the front end in one compact file that is searched in place.
//!
//! The weights come with their dictionaries as compressed JSON, which takes half a second to
//! read. [`Tables::open`] reads them once, writes them sorted into one binary file beside the
//! models, and from then on only loads that file. A file that is missing, of another version, made
//! from other sources or damaged is made anew; where it cannot be written (a read-only volume) the
//! tables live in memory only.
//!
//! Layout: magic, version, fingerprint of the sources, then for each [`Section`] its number of
//! records and their offsets, then the records: length of the key, key, value. Integers are little-endian.
//!
//! Not here: what the values mean (`lexicon`, `tagger`).

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::runtime::RuntimeError;

const MAGIC: &[u8; 8] = b"vgtables";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 8 + 4 + 8;

/// The dictionaries in the file, in the order of their sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// Checked pronunciations; the first to be asked.
    Gold,
    /// Machine-made pronunciations.
    Silver,
    /// Words that have one dominant part of speech.
    KnownTags,
    /// Words the tagger has features for.
    TaggerWords,
    /// The tagger's weights by feature.
    TaggerWeights,
    /// The names of the parts of speech, by number.
    TagNames,
}

const SECTIONS: usize = 6;

/// Where the sources and the compiled file lie.
#[derive(Debug, Clone)]
pub(super) struct TableFiles {
    pub(super) gold: PathBuf,
    pub(super) silver: PathBuf,
    pub(super) tagger: PathBuf,
    pub(super) compiled: PathBuf,
}

/// Sorted dictionaries over one block of memory.
pub(super) struct Tables {
    bytes: Vec<u8>,
    sections: [SectionPlace; SECTIONS],
}

#[derive(Debug, Clone, Copy, Default)]
struct SectionPlace {
    offsets_at: usize,
    records: usize,
    records_at: usize,
}

impl Tables {
    /// Loads the compiled file, or makes it from the sources.
    pub(super) fn open(files: &TableFiles) -> Result<Self, RuntimeError> {
        let fingerprint = fingerprint(files)?;
        if let Ok(bytes) = std::fs::read(&files.compiled)
            && let Some(tables) = Self::from_bytes(bytes, fingerprint)
        {
            return Ok(tables);
        }
        let bytes = compile(files, fingerprint)?;
        if let Err(cause) = write_whole(&files.compiled, &bytes) {
            tracing::debug!(%cause, "speech tables stay in memory: their folder cannot be written");
        }
        Self::from_bytes(bytes, fingerprint)
            .ok_or_else(|| unexpected(&files.gold, "its dictionary does not fit the tables"))
    }

    fn from_bytes(bytes: Vec<u8>, fingerprint: u64) -> Option<Self> {
        if bytes.get(..8)? != MAGIC
            || read_u32(&bytes, 8)? != VERSION
            || bytes.get(12..20)? != fingerprint.to_le_bytes()
        {
            return None;
        }
        let mut sections = [SectionPlace::default(); SECTIONS];
        let mut at = HEADER_BYTES;
        for place in &mut sections {
            let records = read_u32(&bytes, at)? as usize;
            let offsets_at = at + 4;
            let records_at = offsets_at + (records + 1) * 4;
            let size = read_u32(&bytes, offsets_at + records * 4)? as usize;
            *place = SectionPlace { offsets_at, records, records_at };
            at = records_at + size;
        }
        (at == bytes.len()).then_some(Self { bytes, sections })
    }

    /// The value of a key.
    pub(super) fn get(&self, section: Section, key: &str) -> Option<&[u8]> {
        let place = self.sections[section as usize];
        let (mut low, mut high) = (0, place.records);
        while low < high {
            let middle = low.midpoint(high);
            let (found, value) = self.record(place, middle)?;
            match found.cmp(key.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(value),
            }
        }
        None
    }

    /// The value of a key, where values are text.
    pub(super) fn text(&self, section: Section, key: &str) -> Option<&str> {
        std::str::from_utf8(self.get(section, key)?).ok()
    }

    /// Every key of a section, in order.
    pub(super) fn keys(&self, section: Section) -> impl Iterator<Item = &str> {
        let place = self.sections[section as usize];
        (0..place.records).filter_map(move |index| std::str::from_utf8(self.record(place, index)?.0).ok())
    }

    fn record(&self, place: SectionPlace, index: usize) -> Option<(&[u8], &[u8])> {
        let start = read_u32(&self.bytes, place.offsets_at + index * 4)? as usize;
        let end = read_u32(&self.bytes, place.offsets_at + index * 4 + 4)? as usize;
        let record = self.bytes.get(place.records_at + start..place.records_at + end)?;
        let (&key_bytes, rest) = record.split_first()?;
        rest.split_at_checked(usize::from(key_bytes))
    }
}

/// Stands for the sources' content: they are pinned by hash when they are fetched, so their sizes
/// are enough to notice another version.
fn fingerprint(files: &TableFiles) -> Result<u64, RuntimeError> {
    let mut sum = 0u64;
    for path in [&files.gold, &files.silver, &files.tagger] {
        let size = std::fs::metadata(path).map_err(|cause| unreadable(path, &cause))?.len();
        sum = sum.wrapping_mul(0x0100_0000_01b3).wrapping_add(size);
    }
    Ok(sum)
}

fn compile(files: &TableFiles, fingerprint: u64) -> Result<Vec<u8>, RuntimeError> {
    let gold = read_json(&files.gold)?;
    let silver = read_json(&files.silver)?;
    let tagger = read_json(&files.tagger)?;

    let tag_names: Vec<&str> = tagger["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let tag_number =
        |name: &str| tag_names.iter().position(|known| *known == name).and_then(|at| u8::try_from(at).ok());
    let mut known_tags = Vec::new();
    for (word, tag) in tagger["tagdict"].as_object().into_iter().flatten() {
        let number = tag
            .as_str()
            .and_then(tag_number)
            .ok_or_else(|| unexpected(&files.tagger, "a word has a tag that is not listed"))?;
        known_tags.push((word.clone(), vec![number]));
    }
    let mut weights = Vec::new();
    for (feature, by_tag) in tagger["weights"].as_object().into_iter().flatten() {
        let mut packed = Vec::new();
        for (tag, weight) in by_tag.as_object().into_iter().flatten() {
            let number =
                tag_number(tag).ok_or_else(|| unexpected(&files.tagger, "a weight has a tag that is not listed"))?;
            packed.push(number);
            // The weights have one decimal; as whole tenths their sums are exact.
            let tenths = (weight.as_f64().unwrap_or_default() * 10.0).round() as i16;
            packed.extend_from_slice(&tenths.to_le_bytes());
        }
        weights.push((feature.clone(), packed));
    }
    let words = tagger["vocab"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|word| (word.to_owned(), Vec::new()))
        .collect();
    let names = tag_names.iter().enumerate().map(|(at, name)| (format!("{at:03}"), name.as_bytes().to_vec())).collect();

    let sections: [Vec<(String, Vec<u8>)>; SECTIONS] =
        [pronunciations(&gold), pronunciations(&silver), known_tags, words, weights, names];
    if sections.iter().any(Vec::is_empty) {
        return Err(unexpected(&files.gold, "a dictionary or a tagger table is empty"));
    }
    let mut bytes = Vec::with_capacity(8 << 20);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&fingerprint.to_le_bytes());
    for section in sections {
        append_section(&mut bytes, section);
    }
    Ok(bytes)
}

/// A plain pronunciation stays as it is; one that depends on the part of speech becomes
/// `\x01TAG=phonemes` for each, without `=` where the letters are to be spelled.
fn pronunciations(dictionary: &Value) -> Vec<(String, Vec<u8>)> {
    let mut entries = Vec::new();
    for (word, value) in dictionary.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(phonemes) => phonemes.clone(),
            Value::Object(by_tag) => by_tag
                .iter()
                .map(|(tag, phonemes)| {
                    phonemes.as_str().map_or_else(|| format!("\u{1}{tag}"), |phonemes| format!("\u{1}{tag}={phonemes}"))
                })
                .collect(),
            _ => continue,
        };
        entries.push((word.clone(), text.into_bytes()));
    }
    entries
}

fn append_section(bytes: &mut Vec<u8>, mut entries: Vec<(String, Vec<u8>)>) {
    entries.retain(|(key, _)| u8::try_from(key.len()).is_ok());
    entries.sort();
    bytes.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    let mut offset = 0u32;
    for (key, value) in &entries {
        bytes.extend_from_slice(&offset.to_le_bytes());
        offset += (1 + key.len() + value.len()) as u32;
    }
    bytes.extend_from_slice(&offset.to_le_bytes());
    for (key, value) in &entries {
        bytes.push(key.len() as u8);
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(value);
    }
}

fn read_json(path: &Path) -> Result<Value, RuntimeError> {
    let file = std::fs::File::open(path).map_err(|cause| unreadable(path, &cause))?;
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut text).map_err(|cause| unreadable(path, &cause))?;
    serde_json::from_slice(&text).map_err(|_| unexpected(path, "not gzip-compressed JSON"))
}

fn unreadable(path: &Path, cause: &std::io::Error) -> RuntimeError {
    RuntimeError::Unexpected { model: path.to_owned(), reason: format!("it cannot be read: {cause}") }
}

fn unexpected(path: &Path, reason: &str) -> RuntimeError {
    RuntimeError::Unexpected { model: path.to_owned(), reason: reason.to_owned() }
}

/// Writes beside the target and renames, so that a reader never sees half a file.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Readable for others, unlike temporary files are: a shared volume may serve several users.
    #[cfg(unix)]
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    #[cfg(not(unix))]
    let permissions = std::fs::metadata(folder)?.permissions();
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(field.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(folder: &Path, name: &str, json: &str) -> PathBuf {
        let path = folder.join(name);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(json.as_bytes()).unwrap();
        std::fs::write(&path, encoder.finish().unwrap()).unwrap();
        path
    }

    fn small_sources(folder: &Path) -> TableFiles {
        TableFiles {
            gold: compressed(folder, "gold", r#"{"read":{"DEFAULT":"ɹˈid","VBD":"ɹˈɛd","NOUN":null},"golf":"ɡˈɔlf"}"#),
            silver: compressed(folder, "silver", r#"{"okafor":"ˈɑkæfəɹ"}"#),
            tagger: compressed(
                folder,
                "tagger",
                r#"{"tags":["NN","VB"],"tagdict":{"golf":"NN"},"vocab":["golf"],"weights":{"b":{"VB":-0.7,"NN":3.2}}}"#,
            ),
            compiled: folder.join("compiled"),
        }
    }

    #[test]
    fn compiles_once_and_reads_the_compiled_file_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let files = small_sources(folder.path());
        let first = Tables::open(&files).unwrap();
        let written = std::fs::read(&files.compiled).unwrap();
        assert_eq!(first.bytes, written);
        let second = Tables::open(&files).unwrap();
        assert_eq!(second.text(Section::Gold, "golf"), Some("ɡˈɔlf"));
        assert_eq!(second.text(Section::Silver, "okafor"), Some("ˈɑkæfəɹ"));
        assert_eq!(second.text(Section::Gold, "read").unwrap().matches('\u{1}').count(), 3);
        assert_eq!(second.get(Section::KnownTags, "golf"), Some(&[0u8][..]));
        assert_eq!(second.get(Section::TaggerWeights, "b").unwrap().len(), 6);
        assert_eq!(second.get(Section::TaggerWords, "tennis"), None);
        assert_eq!(second.keys(Section::TagNames).count(), 2);
    }

    #[test]
    fn makes_a_damaged_or_foreign_file_anew() {
        let folder = tempfile::tempdir().unwrap();
        let files = small_sources(folder.path());
        Tables::open(&files).unwrap();
        let whole = std::fs::read(&files.compiled).unwrap();
        for broken in [Vec::new(), whole[..whole.len() - 3].to_vec(), b"something else entirely".to_vec()] {
            std::fs::write(&files.compiled, broken).unwrap();
            let tables = Tables::open(&files).unwrap();
            assert_eq!(tables.text(Section::Gold, "golf"), Some("ɡˈɔlf"));
            assert_eq!(std::fs::read(&files.compiled).unwrap(), whole);
        }
    }

    #[test]
    fn names_the_source_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = small_sources(folder.path());
        files.silver = folder.path().join("nowhere");
        let error = Tables::open(&files).err().unwrap();
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}
