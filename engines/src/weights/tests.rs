//! The store's promises, with a small made-up package in place of the real ones.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;
use zip::write::SimpleFileOptions;

use super::manifest::Wheel;
use super::stamp::sha256_of;
use super::*;

const CONTENT: &[u8] = b"the weights of a very small network";

/// A package with one file, and its wheel on disk.
fn package(folder: &Path) -> (&'static Package, PathBuf) {
    let path = folder.join("small-1.0-py3-none-any.whl");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file("small/assets/net.onnx", SimpleFileOptions::default()).unwrap();
    zip.write_all(CONTENT).unwrap();
    zip.finish().unwrap();
    let content = folder.join("content");
    fs::write(&content, CONTENT).unwrap();
    let file = WeightFile {
        architecture: None,
        inside: "small/assets/net.onnx",
        bytes: CONTENT.len() as u64,
        sha256: sha256_of(&content).unwrap().leak(),
        licence: "MIT",
    };
    let wheel = Wheel {
        architecture: None,
        platform: "any",
        file: "small-1.0-py3-none-any.whl",
        bytes: fs::metadata(&path).unwrap().len(),
        sha256: sha256_of(&path).unwrap().leak(),
    };
    let package = Package { name: "small", version: "1.0", wheels: vec![wheel].leak(), files: vec![file].leak() };
    (Box::leak(Box::new(package)), path)
}

/// What the index does with a request.
#[derive(Clone, Copy)]
enum Index {
    Serves,
    ServesHalf,
    Refuses,
}

struct FakeIndex {
    wheel: PathBuf,
    behaviour: Index,
    requests: Arc<AtomicUsize>,
}

impl Fetch for FakeIndex {
    fn fetch(
        &self,
        _: &Package,
        wheel: &Wheel,
        folder: &Path,
        downloaded: &mut dyn FnMut(u64),
    ) -> Result<PathBuf, String> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let target = folder.join(wheel.file);
        let bytes = fs::read(&self.wheel).unwrap();
        match self.behaviour {
            Index::Serves => fs::write(&target, &bytes).unwrap(),
            Index::ServesHalf => fs::write(&target, &bytes[..bytes.len() / 2]).unwrap(),
            Index::Refuses => return Err("ERROR: no network".to_owned()),
        }
        downloaded(bytes.len() as u64);
        Ok(target)
    }
}

struct Scene {
    _index: TempDir,
    models: TempDir,
    package: &'static Package,
    wheel: PathBuf,
    requests: Arc<AtomicUsize>,
}

impl Scene {
    fn set() -> Self {
        let (index, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (package, wheel) = package(index.path());
        Self { _index: index, models, package, wheel, requests: Arc::default() }
    }

    fn store(&self, behaviour: Index) -> Store {
        let requests = Arc::clone(&self.requests);
        let fetch = FakeIndex { wheel: self.wheel.clone(), behaviour, requests };
        let folder = self.models.path().join("deep").join("models");
        Store { folder, architecture: Architecture::X86, fetch: Box::new(fetch) }
    }

    fn ensure(&self, behaviour: Index) -> Result<Vec<Progress>, WeightsError> {
        let mut seen = Vec::new();
        self.store(behaviour).ensure(&[self.package], &mut |progress| seen.push(progress))?;
        Ok(seen)
    }

    fn file(&self) -> PathBuf {
        self.package.folder(&self.store(Index::Serves).folder).join("net.onnx")
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

#[test]
fn fetches_once_and_finds_everything_at_the_next_start() {
    let scene = Scene::set();
    let bytes = scene.package.wheels[0].bytes;
    assert_eq!(
        scene.ensure(Index::Serves).unwrap(),
        [
            Progress::Started { package: "small", bytes },
            Progress::Downloaded { package: "small", bytes },
            Progress::Verified { package: "small", files: 1 },
        ]
    );
    assert_eq!(fs::read(scene.file()).unwrap(), CONTENT);
    assert_eq!(scene.ensure(Index::Refuses).unwrap(), []);
    assert_eq!(scene.requests(), 1);
}

#[test]
fn a_download_that_is_cut_off_leaves_nothing_behind() {
    let scene = Scene::set();
    let error = scene.ensure(Index::ServesHalf).unwrap_err();
    assert!(matches!(error, WeightsError::Mismatch { .. }), "{error}");
    let left: Vec<_> =
        fs::read_dir(scene.store(Index::Serves).folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".lock"]);
    scene.ensure(Index::Serves).unwrap();
    assert_eq!(fs::read(scene.file()).unwrap(), CONTENT);
}

#[test]
fn what_a_killed_process_left_is_swept_away() {
    let scene = Scene::set();
    let stale = scene.store(Index::Serves).folder.join(".fetch-dead");
    fs::create_dir_all(&stale).unwrap();
    fs::write(stale.join("half.whl"), "half").unwrap();
    scene.ensure(Index::Serves).unwrap();
    assert!(!stale.exists());
}

#[test]
fn a_damaged_file_is_noticed_by_verify_and_fetched_anew() {
    let scene = Scene::set();
    scene.ensure(Index::Serves).unwrap();
    let mut damaged = CONTENT.to_vec();
    damaged[5] ^= 1;
    fs::write(scene.file(), damaged).unwrap();

    let states: Vec<_> =
        scene.store(Index::Refuses).verify(&[scene.package]).unwrap().into_iter().map(|status| status.state).collect();
    assert_eq!(states, [FileState::Damaged]);
    scene.ensure(Index::Serves).unwrap();
    assert_eq!(fs::read(scene.file()).unwrap(), CONTENT);
    assert_eq!(scene.requests(), 2);
}

#[test]
fn a_file_that_was_merely_touched_is_hashed_and_kept() {
    let scene = Scene::set();
    scene.ensure(Index::Serves).unwrap();
    let file = fs::File::options().write(true).open(scene.file()).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1)).unwrap();
    let listed = scene.store(Index::Refuses).list(&[scene.package]);
    assert_eq!(listed[0].state, FileState::Unverified);
    scene.ensure(Index::Refuses).unwrap();
    assert_eq!(scene.requests(), 1);
}

#[test]
fn a_folder_that_cannot_be_written_will_do_when_everything_is_there() {
    let scene = Scene::set();
    scene.ensure(Index::Serves).unwrap();
    // Nobody can open a folder for writing, not even the superuser on a writable disk.
    let lock = scene.store(Index::Refuses).folder.join(".lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    fs::remove_file(scene.file().with_file_name(".verified")).unwrap();
    assert_eq!(scene.ensure(Index::Refuses).unwrap(), []);

    fs::remove_file(scene.file()).unwrap();
    let error = scene.ensure(Index::Serves).unwrap_err();
    assert!(matches!(error, WeightsError::Io { action: "open", .. }), "{error}");
    assert_eq!(scene.requests(), 1);
}

#[test]
fn two_starts_at_once_fetch_once() {
    let scene = Scene::set();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| scene.ensure(Index::Serves).unwrap());
        }
    });
    assert_eq!(scene.requests(), 1);
}

#[test]
fn a_wheel_put_there_by_hand_needs_no_network() {
    let scene = Scene::set();
    let folder = scene.store(Index::Refuses).folder;
    fs::create_dir_all(&folder).unwrap();
    fs::copy(&scene.wheel, folder.join(scene.package.wheels[0].file)).unwrap();
    scene.ensure(Index::Refuses).unwrap();
    assert_eq!(fs::read(scene.file()).unwrap(), CONTENT);
}

#[test]
fn a_wrong_wheel_put_there_by_hand_is_named() {
    let scene = Scene::set();
    let folder = scene.store(Index::Refuses).folder;
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(scene.package.wheels[0].file), "half a wheel").unwrap();
    let error = scene.ensure(Index::Serves).unwrap_err().to_string();
    assert!(error.contains("small-1.0-py3-none-any.whl is not the pinned file"), "{error}");
}

#[test]
fn without_a_network_one_error_names_the_command_and_the_folder() {
    let scene = Scene::set();
    let error = scene.ensure(Index::Refuses).unwrap_err().to_string();
    let folder = scene.store(Index::Refuses).folder;
    for part in ["no network", "pip download", "small==1.0", folder.to_str().unwrap(), "MODELS_DIR"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
}

#[test]
fn the_chosen_folder_goes_before_the_cache_and_the_cache_before_home() {
    let located = |chosen: Option<&str>, cache: Option<&str>, home: Option<&str>| {
        let variable = |name: &str| match name {
            "XDG_CACHE_HOME" => cache.map(OsString::from),
            "HOME" => home.map(OsString::from),
            _ => None,
        };
        Weights::locate(chosen.map(PathBuf::from), variable)
            .map(|weights| weights.folder().to_str().unwrap().to_owned())
            .ok()
    };
    let home = Some("/home/op");
    assert_eq!(located(Some("/models"), Some("/cache"), home).unwrap(), "/models");
    assert_eq!(located(None, Some("/cache"), home).unwrap(), "/cache/voice-gateway/models");
    assert_eq!(located(None, Some("relative"), home).unwrap(), "/home/op/.cache/voice-gateway/models");
    assert_eq!(located(None, None, None), None);
}
