//! Human voices on the line: Debian's `asterisk-core-sounds-en-wav` and `pocketsphinx-testdata`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use voice_engines::weights::testing::skip;
use voice_gateway::phone::wav;

use super::booking::day_in;
use super::caller::Story;
use super::words::{error_rate, has_any};

/// One professional speaker, 8 kHz (CC-BY-SA-3.0).
const PROMPTS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
/// Readers of LibriVox books, 16 kHz (BSD-2).
const READERS: &str = "/usr/share/pocketsphinx/test/data/librivox";

/// A clip, or `None` after saying that the story is skipped.
fn clip(folder: &str, name: &str, package: &str) -> Option<PathBuf> {
    let path = Path::new(folder).join(name);
    if path.is_file() {
        return Some(path);
    }
    skip(&format!("human speech is not installed: apt-get install {package}"));
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_human_voice_opens_a_call_that_ends_in_a_booking() {
    let Some(hello) = clip(PROMPTS, "hello.wav", "asterisk-core-sounds-en-wav") else { return };
    let Some((story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let (date, weekday) = day_in(4);
    let mut caller = story.call(&gateway).await;
    let sid = caller.sid();
    caller.hears().await;

    let answer = caller.plays(&wav::read(&hello).unwrap()).await;
    let understood = gateway.texts(&sid, "turn.committed");
    assert!(understood.iter().any(|text| has_any(text, &["hello"])), "understood {understood:?}");
    assert!(has_any(&answer, &["help", "hello", "hi", "can", "do"]), "the agent answers {answer:?}");

    caller.says(&format!("I'd like to book a tee time for two this {weekday} at nine in the morning")).await;
    caller.says("Johnson").await;
    caller.says("yes").await;
    assert_eq!(gateway.tee_sheet(date, "09:00").await, [("Johnson".to_owned(), 2)]);
    caller.live.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_human_sentence_is_understood_over_the_telephone() {
    let name = "sense_and_sensibility_01_austen_64kb-0880.wav";
    let Some(sentence) = clip(READERS, name, "pocketsphinx-testdata") else { return };
    let Some((story, gateway)) = Story::begin_at_shared_gateway().await else { return };
    let mut caller = story.call(&gateway).await;
    let sid = caller.sid();
    caller.hears().await;
    let answer = caller.plays(&wav::read(&sentence).unwrap()).await;

    gateway.event(&sid, "transcript.final", Duration::from_secs(2)).await;
    let understood = gateway.texts(&sid, "turn.committed").join(" ");
    let errors = error_rate("he was not an ill disposed young man", &understood);
    assert!(errors <= 0.25, "understood {understood:?}");
    assert!(!answer.is_empty(), "the agent has to say something to that");
    caller.live.finish().await;
}
