//! Hashes, and the stamp that saves hashing again: which files of a folder were found right, and
//! what size and modification time they had then.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

const STAMP: &str = ".verified";

/// What one file was like when it was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    sha256: String,
    bytes: u64,
    modified_ns: u128,
    name: String,
}

impl Entry {
    /// What `folder/name` is like now; `None` when it is not there.
    pub(super) fn of(folder: &Path, name: &str, sha256: &str) -> Option<Self> {
        let metadata = fs::metadata(folder.join(name)).ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            sha256: sha256.to_owned(),
            bytes: metadata.len(),
            modified_ns: modified.as_nanos(),
            name: name.to_owned(),
        })
    }
}

/// The verified files of one folder. A stamp that is missing or unreadable verifies nothing.
#[derive(Debug, Default)]
pub(super) struct Stamp(Vec<Entry>);

impl Stamp {
    pub(super) fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join(STAMP)).unwrap_or_default();
        Self(text.lines().filter_map(parse).collect())
    }

    /// Whether `folder/name` is as it was when it was found to have this hash.
    pub(super) fn vouches_for(&self, folder: &Path, name: &str, sha256: &str) -> bool {
        Entry::of(folder, name, sha256).is_some_and(|now| self.0.contains(&now))
    }

    /// The hash of `folder/name`, if the file is as it was when it was verified.
    pub(super) fn hash_of(&self, folder: &Path, name: &str) -> Option<&str> {
        let entry = self.0.iter().find(|entry| entry.name == name)?;
        self.vouches_for(folder, name, &entry.sha256).then_some(entry.sha256.as_str())
    }

    pub(super) fn set(&mut self, entry: Entry) {
        self.remove(&entry.name);
        self.0.push(entry);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|known| known.name != name);
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut text = String::new();
        for Entry { sha256, bytes, modified_ns, name } in &self.0 {
            writeln!(text, "{sha256} {bytes} {modified_ns} {name}").expect("writing to a string cannot fail");
        }
        // Readable by everybody, like the files: another user's gateway may share the folder.
        let fresh = folder.join(format!("{STAMP}-{}", std::process::id()));
        fs::write(&fresh, text)?;
        fs::rename(&fresh, folder.join(STAMP))?;
        Ok(())
    }
}

fn parse(line: &str) -> Option<Entry> {
    let mut parts = line.splitn(4, ' ');
    Some(Entry {
        sha256: parts.next()?.to_owned(),
        bytes: parts.next()?.parse().ok()?,
        modified_ns: parts.next()?.parse().ok()?,
        name: parts.next()?.to_owned(),
    })
}

/// The SHA-256 of a file, in hexadecimal.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hasher = Hasher::default();
    let mut file = File::open(path)?;
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&block[..read]),
        }
    }
}

/// A running SHA-256.
#[derive(Default)]
pub(super) struct Hasher(Sha256);

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> String {
        self.0.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
            hex
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vouches_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.onnx");
        fs::write(&path, "weights").unwrap();
        let sha256 = sha256_of(&path).unwrap();
        let mut stamp = Stamp::default();
        stamp.set(Entry::of(folder.path(), "a.onnx", &sha256).unwrap());
        stamp.write(folder.path()).unwrap();

        let stamp = Stamp::read(folder.path());
        assert!(stamp.vouches_for(folder.path(), "a.onnx", &sha256));
        assert_eq!(stamp.hash_of(folder.path(), "a.onnx"), Some(sha256.as_str()));
        assert!(!stamp.vouches_for(folder.path(), "a.onnx", "another hash"));

        fs::write(&path, "weights!").unwrap();
        assert!(!stamp.vouches_for(folder.path(), "a.onnx", &sha256));
    }

    #[test]
    fn a_garbled_stamp_vouches_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(STAMP), "nonsense\n\u{0}\n1 2 three name\n").unwrap();
        assert!(Stamp::read(folder.path()).0.is_empty());
    }

    #[test]
    fn hashes_as_the_world_does() {
        let mut hasher = Hasher::default();
        hasher.update(b"abc");
        assert_eq!(hasher.finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
