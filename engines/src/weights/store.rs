//! The models folder on disk: what is there, what is right, and how a package comes into place.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::manifest::{Architecture, Package, WeightFile, Wheel};
use super::pip::{Fetch, command_by_hand};
use super::stamp::{Entry, Hasher, Stamp, sha256_of};
use super::{FileState, FileStatus, Progress, WeightsError};

const LOCK: &str = ".lock";
const STAGING: &str = ".fetch-";

/// The models folder and the way to fill it.
pub(super) struct Store {
    pub(super) folder: PathBuf,
    pub(super) architecture: Architecture,
    pub(super) fetch: Box<dyn Fetch>,
}

impl Store {
    pub(super) fn ensure(
        &self,
        packages: &[&'static Package],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), WeightsError> {
        if packages.iter().all(|package| self.is_vouched_for(package)) {
            return Ok(());
        }
        let _lock = match self.lock(progress) {
            Ok(lock) => lock,
            // A mounted volume that cannot be written needs no lock if everything is right.
            Err(unwritable) => {
                let files = self.verify(packages)?;
                let right = files.iter().all(|file| file.state == FileState::Verified);
                return if right { Ok(()) } else { Err(unwritable) };
            }
        };
        self.sweep();
        for package in packages {
            if self.is_vouched_for(package) {
                continue;
            }
            let files = self.verify(&[package])?;
            if files.iter().any(|file| file.state != FileState::Verified) {
                self.bring(package, packages, progress)?;
            }
            progress(Progress::Verified { package: package.name, files: files.len() });
        }
        Ok(())
    }

    pub(super) fn list(&self, packages: &[&'static Package]) -> Vec<FileStatus> {
        let of_package = |package: &'static Package| {
            let folder = package.folder(&self.folder);
            let stamp = Stamp::read(&folder);
            package.files(self.architecture).map(move |file| {
                let path = folder.join(file.name());
                let state = match fs::metadata(&path) {
                    Err(_) => FileState::Missing,
                    Ok(metadata) if metadata.len() != file.bytes => FileState::Damaged,
                    Ok(_) if stamp.vouches_for(&folder, file.name(), file.sha256) => FileState::Verified,
                    Ok(_) => FileState::Unverified,
                };
                FileStatus { package, file, path, state }
            })
        };
        packages.iter().flat_map(|package| of_package(package)).collect()
    }

    pub(super) fn verify(&self, packages: &[&'static Package]) -> Result<Vec<FileStatus>, WeightsError> {
        let mut files = self.list(packages);
        for package in packages {
            let folder = package.folder(&self.folder);
            let mut stamp = Stamp::read(&folder);
            for status in files.iter_mut().filter(|status| status.package == *package) {
                let name = status.file.name();
                stamp.remove(name);
                if status.state == FileState::Missing {
                    continue;
                }
                // What the file is like before it is read: a change while reading is noticed later.
                let entry = Entry::of(&folder, name, status.file.sha256);
                let found = sha256_of(&status.path).map_err(io_error("read", &status.path))?;
                status.state = match entry {
                    Some(entry) if found == status.file.sha256 => {
                        stamp.set(entry);
                        FileState::Verified
                    }
                    _ => FileState::Damaged,
                };
            }
            if folder.is_dir() && stamp.write(&folder).is_err() {
                tracing::debug!(folder = %folder.display(), "models folder cannot be written; its files are hashed at every start");
            }
        }
        Ok(files)
    }

    /// Waits until no other process works in the folder. The lock ends with the file's handle.
    pub(super) fn lock(&self, progress: &mut dyn FnMut(Progress)) -> Result<File, WeightsError> {
        fs::create_dir_all(&self.folder).map_err(io_error("create", &self.folder))?;
        let path = self.folder.join(LOCK);
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(io_error("open", &path))?;
        if file.try_lock().is_err() {
            progress(Progress::WaitingForAnotherProcess);
            file.lock().map_err(io_error("lock", &path))?;
        }
        Ok(file)
    }

    /// A folder to work in, on the same file system as the models so that a rename is atomic. It
    /// vanishes when dropped.
    pub(super) fn staging(&self) -> Result<tempfile::TempDir, WeightsError> {
        tempfile::Builder::new()
            .prefix(STAGING)
            .tempdir_in(&self.folder)
            .map_err(io_error("create a folder in", &self.folder))
    }

    fn is_vouched_for(&self, package: &Package) -> bool {
        let folder = package.folder(&self.folder);
        let stamp = Stamp::read(&folder);
        package.files(self.architecture).all(|file| stamp.vouches_for(&folder, file.name(), file.sha256))
    }

    /// Removes what processes that were killed have left. Only with the lock held.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(STAGING) {
                // What cannot be removed is in nobody's way.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Fetches a package's wheel, unpacks it, checks every file and moves all into place.
    fn bring(
        &self,
        package: &'static Package,
        wanted: &[&'static Package],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), WeightsError> {
        let staging = self.staging()?;
        let wheel = package
            .wheel(self.architecture)
            .expect("every package has a wheel for each architecture, which the manifest's test asserts");
        let path = self.wheel(package, wheel, staging.path(), wanted, progress)?;
        check(&path, wheel.sha256)?;
        let folder = package.folder(&self.folder);
        fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        for file in package.files(self.architecture) {
            unpack(&path, file, staging.path())?;
        }
        let mut stamp = Stamp::default();
        for file in package.files(self.architecture) {
            let target = folder.join(file.name());
            fs::rename(staging.path().join(file.name()), &target).map_err(io_error("write", &target))?;
            if let Some(entry) = Entry::of(&folder, file.name(), file.sha256) {
                stamp.set(entry);
            }
        }
        stamp.write(&folder).map_err(io_error("write a stamp in", &folder))
    }

    /// The wheel: one that lies in the models folder, else a fetched one.
    fn wheel(
        &self,
        package: &'static Package,
        wheel: &Wheel,
        staging: &Path,
        wanted: &[&'static Package],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, WeightsError> {
        let by_hand = self.folder.join(wheel.file);
        if by_hand.is_file() {
            return Ok(by_hand);
        }
        progress(Progress::Started { package: package.name, bytes: wheel.bytes });
        let downloaded = &mut |bytes: u64| {
            // pip copies at the end, so for a moment there is more than the wheel.
            let bytes = bytes.min(wheel.bytes);
            progress(Progress::Downloaded { package: package.name, bytes });
        };
        self.fetch.fetch(package, wheel, staging, downloaded).map_err(|reason| {
            let missing: Vec<_> = wanted.iter().copied().filter(|package| !self.is_vouched_for(package)).collect();
            WeightsError::Fetch {
                reason,
                command: command_by_hand(&missing, self.architecture),
                folder: self.folder.clone(),
            }
        })
    }
}

pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WeightsError + use<> {
    let path = path.to_owned();
    move |cause| WeightsError::Io { action, path, cause }
}

fn check(path: &Path, expected: &str) -> Result<(), WeightsError> {
    let found = sha256_of(path).map_err(io_error("read", path))?;
    if found == expected { Ok(()) } else { Err(mismatch(path, expected, found)) }
}

fn mismatch(file: &Path, expected: &str, found: String) -> WeightsError {
    WeightsError::Mismatch { file: file.into(), expected: expected.to_owned(), found }
}

/// Copies one file out of a wheel into `folder`, hashing on the way, and flushes it to the disk so
/// that a stamp never outlives what it vouches for.
fn unpack(wheel: &Path, file: &WeightFile, folder: &Path) -> Result<(), WeightsError> {
    let unreadable = |reason: String| WeightsError::Unpack { wheel: wheel.into(), inside: file.inside, reason };
    let archive = File::open(wheel).map_err(io_error("open", wheel))?;
    let mut archive = zip::ZipArchive::new(archive).map_err(|error| unreadable(error.to_string()))?;
    let mut inside = archive.by_name(file.inside).map_err(|error| unreadable(error.to_string()))?;
    let target = folder.join(file.name());
    let mut out = File::create(&target).map_err(io_error("create", &target))?;
    let (mut hasher, mut block) = (Hasher::default(), vec![0; 1 << 16]);
    loop {
        let read = inside.read(&mut block).map_err(|error| unreadable(error.to_string()))?;
        if read == 0 {
            break;
        }
        hasher.update(&block[..read]);
        out.write_all(&block[..read]).map_err(io_error("write", &target))?;
    }
    out.sync_all().map_err(io_error("write", &target))?;
    let found = hasher.finish();
    if found == file.sha256 { Ok(()) } else { Err(mismatch(&target, file.sha256, found)) }
}
