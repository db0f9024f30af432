//! The speech engines with their real weights, on human speech through a telephone line.
//!
//! Everything here is skipped, loudly, where the weights cannot be fetched or the clips are not
//! installed.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use voice_engines::runtime::Runtime;
use voice_engines::stt::{MoonshineStt, SttSettings};
use voice_engines::turn_model::SmartTurn;
use voice_engines::vad_referee::SileroReferee;
use voice_engines::weights::testing::{skip, weights_or_skip};
use voice_engines::weights::{ModelSet, Paths, SttModel};
use voice_pipeline::turn::PauseId;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::stt::{Stt, SttEvent, SttInput, TurnDetector};

mod support;
#[allow(dead_code, reason = "the measuring program uses the rest")]
#[path = "../examples/measure/words.rs"]
mod words;

use support::{on_the_line, prompts, readers, through_a_telephone};
use words::{Errors, words};

const FRAME: usize = 320;
const P1: PauseId = PauseId(1);
const P2: PauseId = PauseId(2);
/// A machine that is busy with other tests is slow; one that takes longer than this is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// Prompts with what the speaker says in them.
const SAID: [(&str, &str); 12] = [
    ("agent-alreadyon", "That agent is already logged on. Please enter your agent number followed by the pound key."),
    ("agent-newlocation", "Please enter a new extension, followed by pound."),
    ("agent-pass", "Please enter your password followed by the pound key."),
    ("cannot-complete-as-dialed", "Your call cannot be completed as dialed."),
    ("check-number-dial-again", "Please check the number and dial again."),
    ("conf-getchannel", "Please enter the channel number followed by the pound key."),
    ("conf-invalid", "That is not a valid conference number. Please try again."),
    ("conf-onlyperson", "You are currently the only person in this conference."),
    ("conf-placeintoconf", "You will now be placed into the conference."),
    ("demo-nomatch", "I'm sorry there are no matches for those keywords"),
    ("feature-not-avail-line", "That feature is not available on this line."),
    ("pbx-invalid", "I am sorry, that's not a valid extension. Please try again."),
];

/// Above this the turn passes at the first pause.
const SURE: f32 = 0.8;

/// Prompts of one or two sentences for the end-of-turn model.
const SENTENCES: [&str; 20] = [
    "agent-alreadyon",
    "agent-newlocation",
    "agent-incorrect",
    "cannot-complete-as-dialed",
    "check-number-dial-again",
    "conf-getchannel",
    "conf-getconfno",
    "conf-invalid",
    "conf-onlyone",
    "conf-onlyperson",
    "conf-placeintoconf",
    "conf-waitforleader",
    "confbridge-lock-no-join",
    "confbridge-only-participant",
    "confbridge-removed",
    "demo-nomatch",
    "dir-nomore",
    "enter-num-blacklist",
    "feature-not-avail-line",
    "pbx-invalid",
];

fn paths() -> Option<Paths> {
    weights_or_skip(ModelSet { tts: false, ..ModelSet::DEFAULT })
}

fn recogniser() -> Option<&'static MoonshineStt> {
    static LOADED: OnceLock<MoonshineStt> = OnceLock::new();
    let paths = paths()?;
    Some(LOADED.get_or_init(|| {
        let runtime = Runtime::load(&paths.onnxruntime).unwrap();
        MoonshineStt::load(runtime, &paths.stt, SttSettings::default()).unwrap()
    }))
}

/// A call's line to the recogniser, its driver running.
struct Call {
    input: mpsc::Sender<SttInput>,
    events: mpsc::Receiver<Result<SttEvent, VendorError>>,
    _driver: JoinSet<()>,
}

impl Call {
    fn open(recogniser: &MoonshineStt) -> Self {
        let line = recogniser.open();
        let mut driver = JoinSet::new();
        driver.spawn(line.driver);
        Self { input: line.input, events: line.events, _driver: driver }
    }

    async fn tell(&self, input: SttInput) {
        self.input.send(input).await.unwrap();
    }

    async fn hear(&self, audio: &[i16]) {
        for frame in audio.chunks(FRAME) {
            self.tell(SttInput::Audio(frame.into())).await;
        }
    }

    async fn event(&mut self) -> SttEvent {
        timeout(STUCK, self.events.recv()).await.expect("the recogniser is stuck").unwrap().unwrap()
    }

    /// The final for a pause, and the interims before it.
    async fn final_for(&mut self, pause: PauseId) -> (String, Vec<String>) {
        let mut interims = Vec::new();
        loop {
            match self.event().await {
                SttEvent::Interim(text) => interims.push(text),
                SttEvent::Final { pause: Some(answered), text } if answered == pause => {
                    return (text, interims);
                }
                other => panic!("{other:?} while a final is awaited"),
            }
        }
    }
}

#[tokio::test]
async fn understands_a_human_voice_through_a_telephone() {
    let (Some(recogniser), Some(prompts)) = (recogniser(), prompts()) else { return };
    let (mut errors, mut spoken) = (0, 0);
    for (name, said) in SAID {
        let clip = through_a_telephone(&prompts.join(name).with_extension("wav"));
        let text = recogniser.recognise(&clip).await.unwrap();
        spoken += words(said).len();
        errors += Errors::between(said, &text).wrong;
        println!("{name}: {text}");
    }
    println!("{errors} word errors in {spoken} words");
    assert!(errors * 100 <= spoken * 10, "{errors} word errors in {spoken} words");
}

#[tokio::test]
async fn understands_readers_of_books() {
    let (Some(recogniser), Some(readers)) = (recogniser(), readers()) else { return };
    let transcription = std::fs::read_to_string(readers.join("transcription")).unwrap();
    let (mut errors, mut spoken) = (0, 0);
    for line in transcription.lines() {
        let (text, name) = line.rsplit_once('(').unwrap();
        let said = text.replace("<s>", "").replace("</s>", "");
        let clip = readers.join(name.trim_end_matches(')')).with_extension("wav");
        let text = recogniser.recognise(&through_a_telephone(&clip)).await.unwrap();
        spoken += words(&said).len();
        errors += Errors::between(&said, &text).wrong;
        println!("{said}\n{text}");
    }
    println!("{errors} word errors in {spoken} words");
    assert!(spoken > 50 && errors * 100 <= spoken * 15, "{errors} word errors in {spoken} words");
}

#[tokio::test]
async fn guesses_while_the_caller_speaks_and_stands_by_it_at_the_pause() {
    let (Some(recogniser), Some(prompts)) = (recogniser(), prompts()) else { return };
    let clip = through_a_telephone(&prompts.join("conf-placeintoconf.wav"));
    let mut call = Call::open(recogniser);
    call.hear(&[0; 16_000]).await;
    call.tell(SttInput::SpeechStarted).await;
    // 760 ms are 38 frames: each stretch asks for one interim, which is awaited before the next.
    let (mut interims, mut stretches) = (Vec::new(), clip.chunks_exact(38 * FRAME));
    for stretch in &mut stretches {
        call.hear(stretch).await;
        let SttEvent::Interim(text) = call.event().await else { panic!("not an interim") };
        interims.push(text);
    }
    call.hear(stretches.remainder()).await;
    call.tell(SttInput::Paused(P1)).await;
    let (text, more) = call.final_for(P1).await;
    assert!(Errors::between("You will now be placed into the conference", &text).wrong <= 1, "{text}");
    assert!(interims.len() >= 2 && more.is_empty(), "{interims:?} {more:?}");
    assert!(words(interims.last().unwrap()).len() > words(&interims[0]).len(), "{interims:?}");
}

#[tokio::test]
async fn speech_after_a_pause_is_the_same_utterance_until_it_is_committed() {
    let (Some(recogniser), Some(prompts)) = (recogniser(), prompts()) else { return };
    let clip = |name: &str| through_a_telephone(&prompts.join(name));
    let mut call = Call::open(recogniser);
    call.tell(SttInput::SpeechStarted).await;
    call.hear(&clip("check-number-dial-again.wav")).await;
    call.tell(SttInput::Paused(P1)).await;
    let (first, _) = call.final_for(P1).await;
    assert!(Errors::between("Please check the number and dial again.", &first).wrong <= 1, "{first}");

    call.hear(&[0; 8_000]).await;
    call.tell(SttInput::SpeechStarted).await;
    call.hear(&clip("agent-newlocation.wav")).await;
    call.tell(SttInput::Paused(P2)).await;
    let (both, _) = call.final_for(P2).await;
    let said = "Please check the number and dial again. Please enter a new extension, followed by pound.";
    assert!(Errors::between(said, &both).wrong <= 2, "{both}");

    call.tell(SttInput::Committed).await;
    call.tell(SttInput::SpeechStarted).await;
    call.hear(&clip("conf-placeintoconf.wav")).await;
    call.tell(SttInput::Paused(PauseId(3))).await;
    let (next, _) = call.final_for(PauseId(3)).await;
    // The pre-roll may still hold the end of the word before.
    assert!(Errors::between("You will now be placed into the conference.", &next).wrong <= 2, "{next}");
}

#[tokio::test]
async fn two_calls_at_once_are_not_mixed_up() {
    let (Some(recogniser), Some(prompts)) = (recogniser(), prompts()) else { return };
    let talk = async |(name, said): (&str, &str)| {
        let mut call = Call::open(recogniser);
        let clip = through_a_telephone(&prompts.join(name).with_extension("wav"));
        call.tell(SttInput::SpeechStarted).await;
        call.hear(&clip).await;
        call.tell(SttInput::Paused(P1)).await;
        let (text, _) = call.final_for(P1).await;
        assert!(Errors::between(said, &text).wrong <= 2, "{said}: {text}");
    };
    tokio::join!(talk(SAID[0]), talk(SAID[2]), talk(SAID[6]));
}

#[tokio::test]
async fn a_recogniser_that_is_behind_skips_guesses_and_still_gives_every_word() {
    let (Some(recogniser), Some(prompts)) = (recogniser(), prompts()) else { return };
    // Half a minute, far faster than life: guesses pile up, two segments are full on the way.
    let clip = through_a_telephone(&prompts.join("basic-pbx-ivr-main.wav"));
    assert!(clip.len() > 16_000 * 20);
    let mut call = Call::open(recogniser);
    call.tell(SttInput::SpeechStarted).await;
    call.hear(&clip).await;
    call.tell(SttInput::Paused(P1)).await;
    let (text, interims) = call.final_for(P1).await;
    let asked = clip.len() / 12_000;
    assert!(interims.len() < asked, "{} guesses of {asked}", interims.len());
    let said = "Thank you for calling Super Awesome Company, Waldo's premier provider of perfect \
        products. If you know your party's extension, you may dial it at any time. To establish a \
        sales partnership, press one. To speak with a customer advocate, press two. For accounting \
        and other receivables, press three. For a company directory, press four. For an operator, \
        press zero.";
    let errors = Errors::between(said, &text).wrong;
    assert!(errors * 100 <= words(said).len() * 15, "{errors} errors: {text}");
}

#[tokio::test]
async fn silence_and_noise_have_no_words() {
    let Some(recogniser) = recogniser() else { return };
    let mut call = Call::open(recogniser);
    call.tell(SttInput::SpeechStarted).await;
    call.hear(&[3; 16_000]).await;
    call.tell(SttInput::Paused(P1)).await;
    assert_eq!(call.final_for(P1).await.0, "");
    call.hear(&noise(16_000, 60)).await;
    call.tell(SttInput::Paused(P2)).await;
    assert_eq!(call.final_for(P2).await.0, "");
}

#[tokio::test]
async fn a_call_that_ends_leaves_nothing_in_the_queue() {
    let Some(paths) = paths() else { return };
    let runtime = Runtime::load(&paths.onnxruntime).unwrap();
    let recogniser = MoonshineStt::load(runtime, &paths.stt, SttSettings::default()).unwrap();
    let calls: Vec<Call> = (0..4).map(|_| Call::open(&recogniser)).collect();
    for call in &calls {
        call.tell(SttInput::SpeechStarted).await;
        call.hear(&noise(16_000 * 4, 4_000)).await;
        call.tell(SttInput::Paused(P1)).await;
    }
    for mut call in calls {
        call._driver.shutdown().await;
    }
    assert_eq!(recogniser.waiting(), 0);
}

#[tokio::test]
async fn knows_a_finished_sentence_from_one_that_is_cut_half_way() {
    let (Some(paths), Some(prompts)) = (paths(), prompts()) else { return };
    let runtime = Runtime::load(&paths.onnxruntime).unwrap();
    let model = SmartTurn::load(runtime, &paths.smart_turn, 8).unwrap();
    let (mut whole_scores, mut half_scores) = (Vec::new(), Vec::new());
    for name in SENTENCES {
        let clip = through_a_telephone(&prompts.join(name).with_extension("wav"));
        let whole = model.score(with_a_pause(&clip)).await.unwrap();
        let half = model.score(with_a_pause(&clip[..clip.len() / 2])).await.unwrap();
        println!("{name}: whole {whole:.2}, half {half:.2}");
        whole_scores.push(whole);
        half_scores.push(half);
    }
    let count = SENTENCES.len();
    let complete = whole_scores.iter().filter(|&&score| score > SURE).count();
    let incomplete = half_scores.iter().filter(|&&score| score <= SURE).count();
    // How often a whole sentence scores above a half one.
    let pairs = whole_scores.iter().flat_map(|whole| half_scores.iter().map(move |half| whole > half));
    let above = pairs.filter(|&above| above).count();
    println!("{complete} and {incomplete} of {count} right, {above} of {} pairs in order", count * count);
    assert!(complete * 100 >= count * 75, "{complete} of {count} whole sentences");
    assert!(incomplete * 100 >= count * 65, "{incomplete} of {count} half sentences");
    assert!(above * 100 >= count * count * 85, "{above} of {} pairs in order", count * count);
}

#[tokio::test]
async fn a_turn_model_that_is_behind_says_so_at_once() {
    let Some(paths) = paths() else { return };
    let runtime = Runtime::load(&paths.onnxruntime).unwrap();
    let model = SmartTurn::load(runtime, &paths.smart_turn, 1).unwrap();
    let audio: Arc<[i16]> = noise(16_000, 2_000).into();
    let answers: Vec<_> = (0..6).map(|_| model.score(Arc::clone(&audio))).collect();
    let answers = futures_util::future::join_all(answers).await;
    let busy = answers.iter().filter(|answer| matches!(answer, Err(VendorError::Busy { .. })));
    assert!(busy.count() >= 4);
    assert!(answers.iter().any(Result::is_ok));
}

#[test]
fn the_referee_tells_speech_from_silence_and_steady_noise() {
    let (Some(paths), Some(prompts)) = (paths(), prompts()) else { return };
    let runtime = Runtime::load(&paths.onnxruntime).unwrap();
    let referee = SileroReferee::load(runtime, &paths.silero).unwrap();
    let speech = on_the_line(&prompts.join("conf-placeintoconf.wav"));
    // The share of 20 ms frames in which the referee hears speech.
    let share = |audio: &[i16]| {
        let mut call = referee.new_call();
        let frames = audio.chunks_exact(160);
        let total = frames.len();
        let heard = frames.filter(|frame| call.probability(frame).is_some_and(|p| p > 0.5)).count();
        heard as f64 / total as f64
    };
    let heard = [share(&speech), share(&[0; 24_000]), share(&noise(24_000, 1_500))];
    println!("speech, silence, noise: {heard:.2?}");
    assert!(heard[0] > 0.6 && heard[1] < 0.02 && heard[2] < 0.05, "{heard:?}");

    let mut call = referee.new_call();
    assert_eq!(call.probability(&speech[..255]), None, "less than one chunk was heard");
    assert!(call.probability(&speech[255..256]).is_some());
}

/// A clip as the turn model gets it: 200 ms into the pause.
fn with_a_pause(clip: &[i16]) -> Arc<[i16]> {
    clip.iter().copied().chain(std::iter::repeat_n(0, 3_200)).collect()
}

/// Steady white noise.
fn noise(samples: usize, peak: i32) -> Vec<i16> {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        i16::try_from(i64::from(state) * i64::from(2 * peak) / (1 << 32) - i64::from(peak)).unwrap()
    };
    (0..samples).map(|_| next()).collect()
}

#[tokio::test]
async fn the_base_recogniser_is_prepared_once_and_understands_too() {
    // Fetching it takes 55 MB more, so it is tried only where it is chosen.
    if std::env::var_os("LOCAL_STT_MODEL").is_none_or(|model| model != "base") {
        return skip("LOCAL_STT_MODEL is not base");
    }
    let set = ModelSet { stt: Some(SttModel::Base), turn_and_vad: false, tts: false };
    let (Some(paths), Some(prompts)) = (weights_or_skip(set), prompts()) else { return };
    let runtime = Runtime::load(&paths.onnxruntime).unwrap();
    let recogniser = MoonshineStt::load(runtime, &paths.stt, SttSettings::default()).unwrap();
    let clip = through_a_telephone(&prompts.join("conf-placeintoconf.wav"));
    let text = recogniser.recognise(&clip).await.unwrap();
    assert!(Errors::between("You will now be placed into the conference.", &text).wrong <= 1, "{text}");
}
