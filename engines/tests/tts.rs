//! The voice with its real weights.

use voice_engines::runtime::Runtime;
use voice_engines::tts::phoneme_reader;
use voice_engines::weights::ModelSet;
use voice_engines::weights::testing::weights_or_skip;

#[test]
fn reads_like_the_reference() {
    let set = ModelSet { stt: None, turn_and_vad: false, tts: true };
    let Some(paths) = weights_or_skip(set) else { return };
    let runtime = Runtime::load(&paths.onnxruntime).unwrap();
    let mut read = phoneme_reader(runtime, &paths.tts).unwrap();
    let (mut same, mut all) = (0, 0);
    for line in include_str!("../fixtures/hibari_phonemes.tsv").lines().filter(|line| !line.starts_with('#')) {
        let (text, expected) = line.split_once('\t').unwrap();
        let got = read(text);
        all += 1;
        if got == expected { same += 1 } else { println!("{text}\n  want {expected}\n  got  {got}") }
    }
    println!("{same}/{all}");
}
