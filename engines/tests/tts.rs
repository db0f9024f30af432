//! The local voice with its real weights: what it reads, how it sounds, how it serves many calls.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic like its tests")]

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use voice_engines::runtime::Runtime;
use voice_engines::stt::{MoonshineStt, SttSettings};
use voice_engines::tts::{HibariTts, TtsSettings, phoneme_reader};
use voice_engines::weights::testing::weights_or_skip;
use voice_engines::weights::{ModelSet, Paths, SttModel};
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::tts::{SpeakRequest, Tts as _, TtsEvent, WordStart};

#[path = "support/readings.rs"]
mod readings;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/telephone.rs"]
mod telephone;
#[allow(dead_code, reason = "the measuring program uses the rest")]
#[path = "../examples/measure/words.rs"]
mod words;

use readings::{REFERENCE, deliberate};
use telephone::through_a_telephone;
use words::Errors;

const VOICE_ONLY: ModelSet = ModelSet { stt: None, turn_and_vad: false, tts: true };
const GREETING: &str = "Thanks for calling Pine Valley Golf Club, how can I help you today?";

fn runtime(paths: &Paths) -> Runtime {
    Runtime::load(&paths.onnxruntime).unwrap()
}

fn voice(queue: usize) -> Option<HibariTts> {
    let paths = weights_or_skip(VOICE_ONLY)?;
    Some(HibariTts::load(runtime(&paths), &paths.tts, &TtsSettings { queue, seed: 1 }).unwrap())
}

fn request(text: &str) -> SpeakRequest {
    SpeakRequest { text: text.to_owned(), voice: "heart".into(), speed: 1.0 }
}

fn long_text() -> String {
    "The driving range closes half an hour before sunset, and the pro shop stays open a little longer. ".repeat(12)
}

/// Everything a listener hears of a piece.
async fn listen(tts: &HibariTts, text: &str) -> (Vec<i16>, Vec<WordStart>) {
    let (mut samples, mut words) = (Vec::new(), Vec::new());
    let mut events = tts.speak(request(text));
    while let Some(event) = events.next().await {
        match event.unwrap() {
            TtsEvent::Audio(chunk) => samples.extend(chunk),
            TtsEvent::Words(starts) => words.extend(starts),
            TtsEvent::Ulaw(_) => panic!("the local voice gives samples"),
        }
    }
    (samples, words)
}

fn effective(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (power / samples.len().max(1) as f64).sqrt()
}

#[test]
fn reads_like_the_reference_except_where_a_caller_writes_it_down() {
    let Some(paths) = weights_or_skip(VOICE_ONLY) else { return };
    let mut read = phoneme_reader(runtime(&paths), &paths.tts).unwrap();
    let (mut same, mut better, mut wrong) = (0, 0, Vec::new());
    for line in REFERENCE.lines().filter(|line| !line.starts_with('#')) {
        let (text, expected) = line.split_once('\t').unwrap();
        let got = read(text);
        match deliberate(text) {
            Some(reason) => {
                assert_ne!(got, expected, "no longer an exception ({reason}): {text}");
                better += 1;
            }
            None if got == expected => same += 1,
            None => wrong.push(format!("{text}\n  reference {expected}\n  ours      {got}")),
        }
    }
    println!("{same} sentences like the reference, {better} on purpose not, {} otherwise", wrong.len());
    assert_eq!(same + better + wrong.len(), 300);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn reads_what_the_reference_does_not() {
    let Some(paths) = weights_or_skip(VOICE_ONLY) else { return };
    let mut read = phoneme_reader(runtime(&paths), &paths.tts).unwrap();
    for (text, phonemes) in [
        ("Your code is GV4821.", "jˌʊɹ kˈOd ɪz ʤˈi, vˈi, fˈɔɹ ˈAt, tˈu wˈʌn."),
        ("Is 2/19 fine?", "ˌɪz fˈɛbjəwˌɛɹi nˌIntˈinθ fˈIn?"),
        ("St. Andrew's Dr. is closed.", "sˈAnt ˈændɹuz dɹˈIv ɪz klˈOzd."),
        ("golf@pinevalleygolf.com", "ɡˈɔlf æt pˈIn vˈæli ɡˈɔlf dˈɑt kˈɑm"),
        ("Call (555) 123-4567.", "kˈɔl fˈIv fˈIv fˈIv, wˈʌn tˈu θɹˈi, fˈɔɹ fˈIv sˈɪks sˈɛvən."),
    ] {
        assert_eq!(read(text), phonemes, "{text}");
    }
}

#[tokio::test]
async fn sounds_like_speech_at_a_telephone_level_with_little_silence_around_it() {
    let Some(tts) = voice(8) else { return };
    let mut loudest = 0;
    for line in REFERENCE.lines().skip(1).take(60) {
        let (text, _) = line.split_once('\t').unwrap();
        let (samples, _) = listen(&tts, text).await;
        let seconds = samples.len() as f64 / 24_000.0;
        let letters_per_second = text.len() as f64 / seconds;
        assert!((5.0..25.0).contains(&letters_per_second), "{seconds} s for {text}");
        let level = effective(&samples);
        assert!((1_200.0..6_000.0).contains(&level), "effective value {level} for {text}");
        let is_sound = |sample: &i16| sample.unsigned_abs() > 300;
        let lead = samples.iter().position(is_sound).unwrap();
        let tail = samples.iter().rev().position(is_sound).unwrap();
        assert!(lead < 24 * 150 && tail < 24 * 260, "{} ms before and {} ms after {text}", lead / 24, tail / 24);
        loudest = loudest.max(samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap());
    }
    println!("loudest sample {loudest}");
    assert!((12_000..32_000).contains(&loudest), "{loudest}");
}

#[tokio::test]
async fn says_the_same_with_the_same_samples_in_small_chunks() {
    let Some(tts) = voice(8) else { return };
    let (first, _) = listen(&tts, GREETING).await;
    let (second, _) = listen(&tts, GREETING).await;
    assert!(first == second, "the same seed gave other samples");
    assert!((3.2..4.4).contains(&(first.len() as f64 / 24_000.0)), "{} samples", first.len());

    let mut events = tts.speak(request(GREETING));
    while let Some(event) = events.next().await {
        if let TtsEvent::Audio(chunk) = event.unwrap() {
            assert!((1..=1_440).contains(&chunk.len()));
        }
    }
    let fast = tokio::task::spawn_blocking(move || tts.synthesize_blocking(GREETING, "heart", 1.5)).await.unwrap();
    let ratio = first.len() as f64 / fast.unwrap().len() as f64;
    assert!((1.3..1.7).contains(&ratio), "{ratio}");
}

#[tokio::test]
async fn tells_when_each_word_begins() {
    let Some(tts) = voice(8) else { return };
    let text = "You're booked for 4 at 12:52 PM. See you (then), Mr. Garcia!";
    let (samples, words) = listen(&tts, text).await;
    let spoken: Vec<&str> =
        words.iter().map(|word| text[word.offset..].split([' ', ')', ',']).next().unwrap()).collect();
    assert_eq!(spoken, ["You're", "booked", "for", "4", "at", "12:52", "PM.", "See", "you", "then", "Mr.", "Garcia!"]);
    assert!(words.windows(2).all(|pair| pair[0].at < pair[1].at), "{words:?}");
    let length = Duration::from_micros(samples.len() as u64 * 1_000_000 / 24_000);
    assert!(words[0].at < Duration::from_millis(200) && words.last().unwrap().at < length);
}

#[tokio::test]
async fn spells_slowly_enough_to_write_along() {
    let Some(tts) = voice(4) else { return };
    let text = "Cancel reservation G V 4 8 2 1. Is that right?";
    let (_, words) = listen(&tts, text).await;
    let start = |sign: &str| {
        let offset = text.find(sign).unwrap();
        words.iter().find(|word| word.offset == offset).unwrap().at
    };
    for (group, next, shortest) in [("G V", "V", 300), ("V", "4", 300), ("4", "2 1", 500)] {
        let took = start(next) - start(group);
        assert!(took > Duration::from_millis(shortest), "{group} took {took:?}");
    }
}

#[tokio::test]
async fn a_short_reply_does_not_wait_for_a_long_one() {
    let Some(tts) = voice(8) else { return };
    let (long, short) = (long_text(), "One moment.");
    let timed = async |text: &str| {
        listen(&tts, text).await;
        Instant::now()
    };
    let (long_done, short_done) = tokio::join!(timed(&long), timed(short));
    assert!(short_done < long_done);
}

#[tokio::test]
async fn a_listener_that_does_not_listen_delays_nobody() {
    let Some(tts) = voice(8) else { return };
    // More than a channel holds.
    let text = long_text().repeat(3);
    let unheard = tts.speak(request(&text));
    let (samples, _) = listen(&tts, "One moment.").await;
    assert!(!samples.is_empty());
    // Nothing of what the slow listener gets in the end is missing.
    let mut seconds = 0.0;
    let mut unheard = unheard;
    while let Some(event) = unheard.next().await {
        if let TtsEvent::Audio(chunk) = event.unwrap() {
            seconds += chunk.len() as f64 / 24_000.0;
        }
    }
    assert!(seconds > 100.0, "{seconds}");
}

#[tokio::test]
async fn refuses_what_is_too_much_and_stops_when_nobody_listens() {
    let Some(tts) = voice(1) else { return };
    let text = long_text();
    let began = Instant::now();
    listen(&tts, &text).await;
    let whole = began.elapsed();

    let mut events = tts.speak(request(&text));
    while !matches!(events.next().await.unwrap().unwrap(), TtsEvent::Audio(_)) {}
    let refused = tts.speak(request("One moment.")).next().await;
    assert!(matches!(refused, Some(Err(VendorError::Busy { vendor: "local", .. }))), "{refused:?}");

    drop(events);
    let dropped = Instant::now();
    while tts.open_pieces() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(dropped.elapsed() < whole / 2, "the work went on for {:?} of {whole:?}", dropped.elapsed());
    assert!(!listen(&tts, "One moment.").await.0.is_empty());
}

#[tokio::test]
async fn refuses_a_voice_it_does_not_have() {
    let Some(tts) = voice(1) else { return };
    let answer = tts.speak(SpeakRequest { voice: "emma".into(), ..request("Hello.") }).next().await;
    assert!(matches!(answer, Some(Err(VendorError::Refused { setting: "the agent's voice", .. }))), "{answer:?}");
}

#[tokio::test]
async fn speaks_or_skips_any_text_without_failing() {
    let Some(tts) = voice(4) else { return };
    for text in [
        "",
        "   ",
        "…",
        "👍",
        "----",
        "(((",
        "\u{0}\u{7}",
        "漢字",
        "Ünïcödé naïve café",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        listen(&tts, text).await;
    }
    assert!(listen(&tts, "").await.0.is_empty());
    let unbroken = "golf ".repeat(1_000);
    assert!(listen(&tts, &unbroken).await.0.len() > 24_000 * 100);
}

#[tokio::test]
async fn a_recogniser_understands_it_over_the_telephone() {
    let set = ModelSet { stt: Some(SttModel::Tiny), ..VOICE_ONLY };
    let Some(paths) = weights_or_skip(set) else { return };
    let Some(tts) = voice(4) else { return };
    let stt = MoonshineStt::load(runtime(&paths), &paths.stt, SttSettings::default()).unwrap();
    let mut errors = Errors::default();
    // Sentences whose words are written as they are spoken.
    let plain = REFERENCE.lines().skip(1).filter_map(|line| line.split_once('\t')).map(|(text, _)| text);
    for text in plain.filter(|text| !text.contains(|c: char| c.is_ascii_digit() || c == '@')).take(30) {
        let (samples, _) = listen(&tts, text).await;
        let heard = stt.recognise(&through_a_telephone(&samples, tts.sample_rate())).await.unwrap();
        let between = Errors::between(text, &heard);
        if between.wrong > 0 {
            println!("said  {text}\nheard {heard}");
        }
        errors.add(between);
    }
    println!("{errors:?}");
    assert!(errors.said > 200 && errors.wrong * 100 < errors.said * 8, "{errors:?}");
}
