//! The local engines' weights: whether they are there, without fetching any.

use voice_engines::weights::manifest::{Architecture, Package};
use voice_engines::weights::{FileState, FileStatus, ModelSet, Weights, WeightsError};
use voice_gateway::config::Config;

use super::super::engines::{self, Wanted};
use super::finding::{Area, Findings};

const FETCH: &str = "run `voice-gateway models fetch`";

/// How the weights that are wanted fare. What has not been hashed since it changed is hashed here. Blocks.
pub(super) fn look(config: &Config, wanted: Wanted) -> Option<Result<Vec<FileStatus>, WeightsError>> {
    (wanted != Wanted::NONE).then(|| {
        let variable = |name: &str| std::env::var_os(name);
        let weights = Weights::locate(config.speech.models_dir.clone(), variable)?;
        let set: ModelSet = engines::model_set(config, wanted);
        let files = weights.list(set);
        let is_unsure = files.iter().any(|file| file.state == FileState::Unverified);
        if is_unsure { weights.verify(set) } else { Ok(files) }
    })
}

pub(super) fn judge(looked: Option<&Result<Vec<FileStatus>, WeightsError>>, findings: &mut Findings) {
    let files = match looked {
        None => return findings.fine(Area::Weights, "no local engine is named, so none are needed"),
        Some(Err(error)) => {
            let remedy = "name other vendors in STT_VENDOR and TTS_VENDOR, or mend the folder of MODELS_DIR";
            return findings.object(Area::Weights, format!("the weights cannot be used: {error}"), remedy);
        }
        Some(Ok(files)) => files,
    };
    for file in files.iter().filter(|file| file.state == FileState::Damaged) {
        findings.object(Area::Weights, format!("{} is not the pinned file", file.path.display()), FETCH);
    }
    let missing: Vec<_> = files.iter().filter(|file| file.state == FileState::Missing).collect();
    if !missing.is_empty() {
        let what = format!("{} of {} files are missing", missing.len(), files.len());
        findings.object(Area::Weights, what, format!("{FETCH}, which fetches {} MB", megabytes(&missing)));
    }
    if files.iter().all(|file| matches!(file.state, FileState::Verified | FileState::Unverified)) {
        findings.fine(Area::Weights, format!("{} files are in place", files.len()));
    }
}

/// The size of the packages that hold these files.
fn megabytes(files: &[&FileStatus]) -> u64 {
    let mut packages: Vec<_> = files.iter().map(|file| file.package).collect();
    packages.dedup();
    let wheel = |package: &&'static Package| Some(package.wheel(Architecture::of_this_machine()?)?.bytes);
    packages.iter().filter_map(wheel).sum::<u64>().div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn judged(folder: &str, wanted: Wanted) -> Findings {
        let config = Config::read(&BTreeMap::from([("MODELS_DIR", folder)])).unwrap().0;
        let mut findings = Findings::default();
        judge(look(&config, wanted).as_ref(), &mut findings);
        findings
    }

    #[test]
    fn missing_weights_are_told_with_their_size_and_not_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let found = judged(folder.path().to_str().unwrap(), Wanted::ALL);
        assert_eq!(found.lines().len(), 1);
        assert!(found.lines()[0].starts_with("problem ") && found.lines()[0].ends_with("files are missing"));
        assert_eq!(found.remedies(), ["run `voice-gateway models fetch`, which fetches 83 MB"]);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("hibari-tts-0.2.1");
        std::fs::create_dir(&package).unwrap();
        std::fs::write(package.join("voices.json"), "{}").unwrap();
        let found = judged(folder.path().to_str().unwrap(), Wanted { tts: true, ..Wanted::NONE });
        assert!(found.lines()[0].ends_with("voices.json is not the pinned file"), "{:?}", found.lines());
    }

    #[test]
    fn nothing_is_looked_for_where_no_engine_is_named() {
        let found = judged("/no/such/folder", Wanted::NONE);
        assert_eq!(found.lines(), ["ok no local engine is named, so none are needed"]);
    }
}
