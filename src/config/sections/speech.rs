//! Who hears and speaks, and when a caller counts as speaking.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::declare::settings;
use crate::config::kinds::{Kind as _, chain, choice, duration, ms, number, optional, path, secs};

/// Who turns speech into text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SttVendor {
    /// The engine in this process.
    Local,
    /// Deepgram, or a server that speaks like it.
    Deepgram,
}

/// Who turns text into speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TtsVendor {
    /// The engine in this process.
    Local,
    /// Deepgram, or a server that speaks like it.
    Deepgram,
}

/// Which weights the local recogniser uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalSttModel {
    /// The quick one.
    Tiny,
    /// The more exact one, three times as slow.
    Base,
}

const STT_VENDORS: &[(&str, SttVendor)] = &[("local", SttVendor::Local), ("deepgram", SttVendor::Deepgram)];
const TTS_VENDORS: &[(&str, TtsVendor)] = &[("local", TtsVendor::Local), ("deepgram", TtsVendor::Deepgram)];

impl SttVendor {
    /// Reads a chain as `STT_VENDOR` has it, or says what it must be.
    pub fn chain(text: &str) -> Result<Vec<Self>, String> {
        let kind = chain("local", STT_VENDORS);
        kind.parse(text).ok_or_else(|| kind.expected())
    }
}

impl TtsVendor {
    /// Reads a chain as `TTS_VENDOR` has it, or says what it must be.
    pub fn chain(text: &str) -> Result<Vec<Self>, String> {
        let kind = chain("local", TTS_VENDORS);
        kind.parse(text).ok_or_else(|| kind.expected())
    }
}

settings! {
    /// Who hears and speaks.
    "Speech" SpeechSettings {
        /// Who turns speech into text: a vendor, or several that stand in for one another. The engine in this
        /// process is loaded only where it is named.
        "STT_VENDOR" stt: Vec<SttVendor> = chain("local", STT_VENDORS),
        /// Who turns text into speech, in the same way.
        "TTS_VENDOR" tts: Vec<TtsVendor> = chain("local", TTS_VENDORS),
        /// Folder with the local engines' weights, fetched into it on the first start. Unset: a folder
        /// under the user's cache directory.
        "MODELS_DIR" models_dir: Option<PathBuf> = optional(path("/var/lib/voice-gateway")),
        /// Weights of the local recogniser. `base` makes about half as many mistakes on synthetic
        /// speech, hardly fewer on people, and takes three times the processor time.
        "LOCAL_STT_MODEL" local_stt_model: LocalSttModel =
            choice("tiny", &[("tiny", LocalSttModel::Tiny), ("base", LocalSttModel::Base)]),
        /// Requests that may wait for the local recogniser, over all calls. Lower refuses interim results
        /// sooner under load; more than there are calls is of no use.
        "LOCAL_STT_QUEUE" local_stt_queue: usize = number(64, 1..=1_024),
        /// Pieces that the local synthesiser may speak or keep waiting, over all calls. Lower fails
        /// sooner under load; higher lets every reply begin later.
        "LOCAL_TTS_QUEUE" local_tts_queue: usize = number(64, 1..=1_024),
        /// Audio from before the moment speech was noticed that the local recogniser gets. Lower cuts
        /// soft first sounds off; higher costs a little time and adds noise.
        "STT_PRE_ROLL" stt_pre_roll: Duration = duration(ms(400), ms(100)..=secs(1)),
        /// New speech between two interim transcripts of the local recogniser; in segments longer than
        /// eight times this, an eighth of the segment. Lower hears an interruption's words sooner and
        /// costs processor time in proportion.
        "STT_INTERIM_EVERY" stt_interim_every: Duration = duration(ms(750), ms(250)..=secs(5)),
        /// Longest stretch of speech that the local recogniser takes in one go; longer speech is cut at a
        /// quiet place and stitched. Lower splits more sentences; higher slows the end of a long speech.
        "STT_SEGMENT_MAX" stt_segment_max: Duration = duration(secs(15), secs(8)..=secs(25)),
        /// How long a transcript may take after the caller paused. Lower asks the caller to repeat more
        /// often on a busy machine; higher leaves them in silence.
        "STT_TIMEOUT" stt_timeout: Duration = duration(ms(2_500), ms(500)..=secs(30)),
        /// How long the next audio of a sentence may take. Lower gives up on a slow synthesiser
        /// earlier; higher leaves the caller in silence.
        "TTS_TIMEOUT" tts_timeout: Duration = duration(secs(2), ms(500)..=secs(30)),
        /// Speech sent to the carrier ahead of time. Lower is cut by a stumbling network; higher costs
        /// nothing the caller hears, because a barge-in clears the carrier's buffer.
        "PLAYOUT_LEAD" playout_lead: Duration = duration(secs(1), ms(100)..=secs(10)),
        /// How long audio takes from here to the ear of a caller who hears nothing yet, until the carrier
        /// reports better. Lower counts more words of an interrupted reply as heard, higher fewer.
        "PLAYOUT_LATENCY" playout_latency: Duration = duration(ms(100), ms(0)..=secs(1)),
    }
}

settings! {
    /// When a caller counts as speaking.
    "Speech detection" SpeechDetectionSettings {
        /// Voiced frames of 20 ms in a row that make a beginning. Lower hears clicks and coughs as
        /// speech; higher notices speech later.
        "VAD_START_FRAMES" start_frames: u32 = number(3, 1..=25),
        /// Silence that counts as a pause: the recogniser and the turn model start on what was said.
        /// Lower starts them on every breath; higher delays every answer.
        "VAD_PAUSE" pause: Duration = duration(ms(200), ms(100)..=secs(1)),
        /// Level in dB below full scale under which everything is silence. Lower hears more of the
        /// background; higher ignores quiet callers.
        "VAD_MIN_LEVEL" min_level_dbfs: f32 = number(-52.0, -90.0..=-20.0),
        /// Speech without a pause that is doubted to be speech. Lower ends noise sooner and costs
        /// processor time; higher lets noise keep the agent waiting.
        "VAD_DOUBT_AFTER" doubt_after: Duration = duration(secs(4), secs(1)..=secs(60)),
        /// Noise floor in dB below full scale above which everything is doubted to be speech. Lower
        /// costs processor time on cleaner lines; higher believes more noise.
        "VAD_NOISY_FLOOR" noisy_floor_dbfs: f32 = number(-35.0, -90.0..=-20.0),
        /// How many dB over the noise floor speech must be where no network judges it. Lower hears more
        /// noise as speech; higher ignores quiet parts of words.
        "VAD_MIN_SNR" min_snr_db: f32 = number(4.5, 2.0..=20.0),
        /// The judging network's probability from which doubted sound is speech. Lower hears more noise
        /// as speech; higher ignores more quiet speech.
        "VAD_REFEREE_THRESHOLD" referee_threshold: f32 = number(0.5, 0.1..=0.9),
        /// How long the caller's audio counts as silence after a key was pressed. Lower hears the tone
        /// that some carriers leave in; higher misses what is said right after it.
        "VAD_KEYPAD_MUTE" keypad_mute: Duration = duration(ms(200), ms(0)..=secs(1)),
    }
}
