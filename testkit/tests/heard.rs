//! What the agent believes was heard of a reply that the caller talked over: right to the word, wherever that was.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use voice_pipeline::audio::SampleRate;
use voice_pipeline::chat::WordStart;
use voice_pipeline::event::EventKind;
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::tts::{SpeakRequest, Tts, TtsEvent};
use voice_testkit::ear::Word;
use voice_testkit::fakes::speech::{audio_bytes, speak};
use voice_testkit::studio::{Cast, Moment, Studio, marked_lines};
use voice_testkit::vendors::{Answer, ScriptedLlm, ScriptedStt, ScriptedTools, brain, ear, mouth};

const REPLY: &str = "We have nine and ten and half past eleven open on Saturday morning for all four of you";

/// A frame that is sent but not played yet, and one that is played while the line is cleared.
const BLUR: Duration = ms(40);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Speaks marked speech and tells when its words begin, as a voice with word times does.
struct TimedTts;

impl Tts for TimedTts {
    fn name(&self) -> &'static str {
        "timed"
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate::TELEPHONY
    }

    fn speak(&self, request: SpeakRequest) -> BoxStream<'static, Result<TtsEvent, VendorError>> {
        let text = &request.text;
        let mut spoken_bytes = 0;
        let starts = text.split_whitespace().map(|word| {
            let offset = word.as_ptr() as usize - text.as_ptr() as usize;
            let at = ms(spoken_bytes / 8);
            spoken_bytes += audio_bytes(word) as u64;
            WordStart { offset, at }
        });
        let words = TtsEvent::Words(starts.collect());
        stream::iter([Ok(words), Ok(TtsEvent::Ulaw(speak(text).into()))]).boxed()
    }
}

async fn answered() -> Studio {
    let cast = Cast {
        stt: ear(ScriptedStt::new(&["What is open?", "Ten please."], ms(80))),
        llm: brain(ScriptedLlm::new(&[Answer::Says(REPLY), Answer::Says("Ten it is.")])),
        tts: mouth(TimedTts),
        tools: Arc::new(ScriptedTools::new(&[])),
        policy: TurnPolicy::default(),
    };
    let lines = marked_lines().await;
    Studio::answer_as(cast, |setup| {
        setup.lines = lines;
        // This carrier plays at once what it gets.
        setup.playout.playout_latency = Duration::ZERO;
    })
    .await
}

/// How many of these words were heard to their middle, give or take the blur.
fn counts(words: &[Word]) -> (usize, usize) {
    let half = |word: &Word| ms(audio_bytes(&word.text) as u64 / 8 / 2);
    let surely = words.iter().filter(|word| word.lasted >= half(word) + BLUR).count();
    let perhaps = words.iter().filter(|word| word.lasted + BLUR >= half(word)).count();
    (surely, perhaps)
}

#[tokio::test(start_paused = true)]
async fn what_was_heard_is_known_to_the_word_wherever_the_caller_interrupts() {
    let mut exact = 0;
    for moment in 0..28 {
        let mut call = answered().await;
        call.listen().await;
        call.speak(ms(1_000)).await;
        let asked = call.now();
        assert!(call.wait_until(ms(3_000), |call| call.words().iter().any(|word| word.at >= asked)).await);
        call.wait(ms(130 * moment)).await;
        call.speak(ms(900)).await;
        call.listen().await;

        let cleared = call.moments().iter().find(|(_, moment)| *moment == Moment::Cleared).expect("cleared").0;
        let heard = call.words().into_iter().filter(|word| word.at >= asked && word.at < cleared).collect::<Vec<_>>();
        let believed = call.events().into_iter().find_map(|event| match event.kind {
            EventKind::ReplyCancelled { heard } => Some(heard.expose().clone()),
            _ => None,
        });
        let believed = believed.expect("the reply is cancelled");
        let story = format!("at moment {moment} {believed:?} was believed, and heard was {heard:?}");
        assert!(REPLY.starts_with(&believed), "{story}");
        let (surely, perhaps) = counts(&heard);
        assert!((surely..=perhaps).contains(&believed.split_whitespace().count()), "{story}");
        exact += usize::from(surely == perhaps);
        call.hang_up().await;
    }
    assert!(exact >= 10, "only {exact} moments were not at a word's very middle");
}
