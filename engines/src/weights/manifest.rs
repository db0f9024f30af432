//! What is fetched, from where, under which licence: every wheel and every file pinned by SHA-256.
//!
//! A wheel is a zip file. `inside` is a file's path in it; the last part of that path is the
//! file's name in the models folder, under `<package>-<version>/`.

use std::path::{Path, PathBuf};

/// A processor that wheels are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// `x86_64`.
    X86,
    /// `aarch64`.
    Arm,
}

impl Architecture {
    /// The one this program runs on, where the engines can run at all.
    pub fn of_this_machine() -> Option<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Some(Self::X86),
            ("linux", "aarch64") => Some(Self::Arm),
            _ => None,
        }
    }
}

/// A package of the Python index that carries weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name at the index.
    pub name: &'static str,
    /// The pinned version.
    pub version: &'static str,
    /// The wheels, one per architecture or one for all.
    pub wheels: &'static [Wheel],
    /// The files that are kept.
    pub files: &'static [WeightFile],
}

/// One wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wheel {
    /// The architecture it is for; `None` when any can use what is kept of it.
    pub architecture: Option<Architecture>,
    /// The platform tag that pip is asked for.
    pub platform: &'static str,
    /// Its file name.
    pub file: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: &'static str,
}

/// One file out of a wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightFile {
    /// The architecture it is for; `None` when it is data.
    pub architecture: Option<Architecture>,
    /// Its path in the wheel.
    pub inside: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: &'static str,
    /// Its licence.
    pub licence: &'static str,
}

impl Package {
    /// The folder of this package below the models folder.
    pub fn folder(&self, models: &Path) -> PathBuf {
        models.join(format!("{}-{}", self.name, self.version))
    }

    /// The wheel for an architecture.
    pub fn wheel(&self, architecture: Architecture) -> Option<&'static Wheel> {
        self.wheels.iter().find(|wheel| wheel.architecture.is_none_or(|made| made == architecture))
    }

    /// The files an architecture needs.
    pub fn files(&self, architecture: Architecture) -> impl Iterator<Item = &'static WeightFile> {
        self.files.iter().filter(move |file| file.architecture.is_none_or(|made| made == architecture))
    }
}

impl WeightFile {
    /// Its name in the package's folder.
    pub fn name(&self) -> &'static str {
        self.inside.rsplit('/').next().unwrap_or(self.inside)
    }
}

/// Moonshine tiny-en and ONNX Runtime 1.23.2. Later versions carry no model.
pub static MOONSHINE_VOICE: Package = Package {
    name: "moonshine-voice",
    version: "0.1.0",
    wheels: &[
        Wheel {
            architecture: Some(Architecture::X86),
            platform: "manylinux_2_34_x86_64",
            file: "moonshine_voice-0.1.0-py3-none-manylinux_2_34_x86_64.whl",
            bytes: 56_369_045,
            sha256: "0f833deb43bad5dcfb4cfd3257b6df83ef9abd3f27be3199622fe41932e8d916",
        },
        Wheel {
            architecture: Some(Architecture::Arm),
            platform: "manylinux_2_34_aarch64",
            file: "moonshine_voice-0.1.0-py3-none-manylinux_2_34_aarch64.whl",
            bytes: 55_143_464,
            sha256: "da54a99587edb987c8755f2c746cab72fada0e67cf847f7edfb8105447f405af",
        },
    ],
    files: &[
        mit(
            "moonshine_voice/assets/tiny-en/encoder_model.ort",
            13_281_600,
            "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
        ),
        mit(
            "moonshine_voice/assets/tiny-en/decoder_model_merged.ort",
            30_412_256,
            "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
        ),
        mit(
            "moonshine_voice/assets/tiny-en/tokenizer.bin",
            249_974,
            "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
        ),
        WeightFile {
            architecture: Some(Architecture::X86),
            ..mit(
                "moonshine_voice.libs/libonnxruntime-13ab8084.so.1",
                22_346_464,
                "c0995ae1102b871426e7bddf625451d6c19f12d0b6d79786218cbb77c2de865c",
            )
        },
        WeightFile {
            architecture: Some(Architecture::Arm),
            ..mit(
                "moonshine_voice.libs/libonnxruntime-ab8c4363.so.1",
                18_762_288,
                "2723a421531e984cf053ead965b8ea00c88a0353dce17b622bc82e752ef6752f",
            )
        },
        mit(
            "moonshine_voice-0.1.0.dist-info/licenses/LICENSE",
            1_070,
            "5da20e09cad096fb153b6c80b26c270027f9601285c498e571fc74fee5ab7157",
        ),
    ],
};

/// The smart-turn and Silero networks.
pub static PIPECAT: Package = Package {
    name: "pipecat-ai",
    version: "1.14.0",
    wheels: &[Wheel {
        architecture: None,
        platform: "any",
        file: "pipecat_ai-1.14.0-py3-none-any.whl",
        bytes: 12_109_725,
        sha256: "0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44",
    }],
    files: &[
        WeightFile {
            licence: "BSD-2-Clause",
            ..mit(
                "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
                8_679_182,
                "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            )
        },
        mit(
            "pipecat/audio/vad/data/silero_vad.onnx",
            2_327_524,
            "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
        ),
        WeightFile {
            licence: "BSD-2-Clause",
            ..mit(
                "pipecat_ai-1.14.0.dist-info/licenses/LICENSE",
                1_301,
                "e31a733ecb79cbffafd5474e964e5eca15e0a0876a42b1d7253b51b198eb61aa",
            )
        },
    ],
};

/// The hibari voice with its tables, notices beside them.
pub static HIBARI: Package = Package {
    name: "hibari-tts",
    version: "0.2.1",
    wheels: &[Wheel {
        architecture: None,
        platform: "any",
        file: "hibari_tts-0.2.1-py3-none-any.whl",
        bytes: 14_032_178,
        sha256: "49f2abbbe451c988e7448b5afa08c8a56410535ebb855c0e7d174275df5ca1f3",
    }],
    files: &[
        apache(
            "hibari/assets/hibari.onnx",
            7_936_868,
            "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
        ),
        apache("hibari/assets/oov.onnx", 2_975_020, "d3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76"),
        apache(
            "hibari/assets/tagger.json.gz",
            1_240_667,
            "d2da7502284bbbe45d49e0b7ce3ce67bdab82254150f4317f1b8559b4d38d0eb",
        ),
        apache(
            "hibari/assets/lexicon_us_gold.json.gz",
            719_352,
            "63ae94f8ef0e906d5b24fe9b59ffcbd1529aca5686a774610e43973cbaa86ad2",
        ),
        apache(
            "hibari/assets/lexicon_us_silver.json.gz",
            682_530,
            "c4c2546ebf1eb07010331e7ef785a431aa17ba8e7bfb6b4af8d654ee96a71fd3",
        ),
        apache(
            "hibari/assets/normalize.json",
            6_769,
            "d478ff05404bc43ac3e0468e306674e51085f1b1afc94cdef7c7ea4fb0d56bd8",
        ),
        apache("hibari/assets/oov.json", 2_273, "b462e6e5dbdf0e7346c732385d0dd844f612f1770871441c56932bff4ca75d8c"),
        apache(
            "hibari/assets/tokenizer_exceptions.json",
            32_450,
            "ddf3a3da07bdcf5144270ea4530191d8580fb4fd6f5ae93296e87916e795659a",
        ),
        apache("hibari/assets/vocab.json", 1_144, "70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d"),
        apache("hibari/assets/voices.json", 1_411, "f8b7657ecd0e0e362d3403e99538c0e5bfe20d6a903dfcd04c772b2c73abb204"),
        apache(
            "hibari_tts-0.2.1.dist-info/licenses/NOTICE",
            2_429,
            "971f53a04730ac7a4de33b3c9586e0347e4487f3a8aafd0fb3c1d074a3426adc",
        ),
        apache(
            "hibari_tts-0.2.1.dist-info/licenses/LICENSE",
            11_358,
            "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
        ),
    ],
};

/// Moonshine base-en. Only data is kept of it, so one wheel serves every architecture.
pub static MOONSHINE_CPP: Package = Package {
    name: "moonshine-cpp",
    version: "0.1.4",
    wheels: &[Wheel {
        architecture: None,
        platform: "manylinux2014_x86_64",
        file: "moonshine_cpp-0.1.4-py3-none-manylinux2014_x86_64.whl",
        bytes: 54_645_697,
        sha256: "f7afc662bdd3ef98815ee3b940438b456e77d5a77cea5396ed9c572785412ebd",
    }],
    files: &[
        mit(
            "moonshine_cpp-0.1.4.data/purelib/moonshine_cpp/models/base-en/encoder_model.ort",
            20_661_976,
            "9d1a19e044cbf89a207723d1adb667de89a5671a1e3e611b8ebe721b2c31219c",
        ),
        mit(
            "moonshine_cpp-0.1.4.data/purelib/moonshine_cpp/models/base-en/decoder_model_merged.ort",
            42_703_232,
            "370e0c1f161d68dc1c2264c1a82024fb123380da3b73f47f05531d1e8d3308c3",
        ),
        mit(
            "moonshine_cpp-0.1.4.data/purelib/moonshine_cpp/models/base-en/tokenizer.bin",
            241_639,
            "04670d78994d030185c3dd843c60591788fed0a56cc6750747bd326825f13ca9",
        ),
        mit(
            "moonshine_cpp-0.1.4.data/purelib/moonshine_cpp/LICENSE",
            1_069,
            "5184ec974ddac0a49e478471bd789fd9e9af7254030e1b7f2af74c2ab8a4161e",
        ),
    ],
};

const fn mit(inside: &'static str, bytes: u64, sha256: &'static str) -> WeightFile {
    WeightFile { architecture: None, inside, bytes, sha256, licence: "MIT" }
}

const fn apache(inside: &'static str, bytes: u64, sha256: &'static str) -> WeightFile {
    WeightFile { licence: "Apache-2.0", ..mit(inside, bytes, sha256) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    static PACKAGES: [&Package; 4] = [&MOONSHINE_VOICE, &PIPECAT, &HIBARI, &MOONSHINE_CPP];

    #[test]
    fn every_pin_is_a_sha256_and_every_file_has_its_own_name() {
        for package in PACKAGES {
            let wheels = package.wheels.iter().map(|wheel| wheel.sha256);
            for sha256 in wheels.chain(package.files.iter().map(|file| file.sha256)) {
                assert_eq!(sha256.len(), 64, "{}", package.name);
                assert!(sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
            }
            let names: HashSet<_> = package.files.iter().map(WeightFile::name).collect();
            assert_eq!(names.len(), package.files.len(), "{}", package.name);
        }
    }

    #[test]
    fn every_architecture_gets_a_wheel_and_exactly_one_runtime_library() {
        for architecture in [Architecture::X86, Architecture::Arm] {
            assert!(PACKAGES.iter().all(|package| package.wheel(architecture).is_some()));
            let libraries =
                MOONSHINE_VOICE.files(architecture).filter(|file| file.name().starts_with("libonnxruntime"));
            assert_eq!(libraries.count(), 1);
        }
    }
}
