//! The listener over random streams.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use voice_pipeline::audio::ulaw;

use super::DeepgramPlan;
use super::ear::{Ear, Results, Said};
use super::query::ListenQuery;
use crate::fakes::speech;

/// A part of a stream.
#[derive(Debug, Clone)]
enum Part {
    Words(String),
    Silence(usize),
    /// A voice without words.
    Noise(usize),
    Finalize,
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => "[a-z]{1,9}( [a-z]{1,9}){0,9}".prop_map(Part::Words),
        2 => (0..20_000_usize).prop_map(Part::Silence),
        1 => (0..40_000_usize).prop_map(Part::Noise),
        1 => Just(Part::Finalize),
    ]
}

fn plan() -> impl Strategy<Value = DeepgramPlan> {
    (
        any::<[bool; 3]>(),
        100..2_000_u64,
        300..5_000_u64,
        proptest::collection::vec("[a-z]{1,5}( [a-z]{1,5}){0,9}", 0..3),
    )
        .prop_map(|([splits, empties, answers], interim, window, scripted)| {
            let mut plan = DeepgramPlan::default();
            plan.stt.splits_finals = splits;
            plan.stt.sends_empty_results = empties;
            plan.stt.answers_empty_finalize = answers;
            plan.stt.interim_every = Duration::from_millis(interim);
            plan.stt.max_window = Duration::from_millis(window);
            plan.stt.scripted = scripted;
            plan
        })
}

fn listen(parts: &[Part], plan: &DeepgramPlan, endpointing: &str, piece: usize) -> (Vec<Said>, String, u64) {
    let query = format!("interim_results=true&vad_events=true&utterance_end_ms=1000&endpointing={endpointing}");
    let query = ListenQuery::parse(&query).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let mut ear = Ear::new(&query, Arc::new(plan.clone()));
    let (mut said, mut spoken) = (Vec::new(), Vec::new());
    for part in parts {
        let audio = match part {
            Part::Words(text) => {
                spoken.extend(text.split(' '));
                speech::speak(text)
            }
            Part::Silence(bytes) => vec![ulaw::SILENCE; *bytes],
            Part::Noise(bytes) => [ulaw::encode(9_000), ulaw::encode(-9_000)].repeat(bytes / 2),
            Part::Finalize => {
                ear.finalize(&mut said);
                continue;
            }
        };
        for piece in audio.chunks(piece) {
            ear.hear(piece, &mut said);
        }
    }
    ear.finish(&mut said);
    (said, spoken.join(" "), ear.heard())
}

fn texts(results: &Results) -> impl Iterator<Item = &str> {
    results.words.iter().map(|word| word.text.as_str())
}

proptest! {
    #[test]
    fn every_word_is_in_one_final_and_windows_follow_each_other(
        parts in proptest::collection::vec(part(), 0..12),
        mut plan in plan(),
        endpointing in prop_oneof![Just("false"), Just("10"), Just("300")],
        piece in 1..1_000_usize,
    ) {
        plan.stt.scripted.clear();
        let (said, spoken, heard) = listen(&parts, &plan, endpointing, piece);
        let all = said.iter().filter_map(|said| match said {
            Said::Results(results) => Some(results),
            _ => None,
        });
        let mut words = Vec::new();
        let mut end = 0;
        let mut told = 0;
        for results in all {
            prop_assert!(results.start <= results.end && results.end <= heard, "{results:?}");
            prop_assert!(results.words.iter().all(|word| word.start <= word.end && word.end <= results.end), "{results:?}");
            // A window without words may be left out.
            let follows = results.start == end || (!plan.stt.sends_empty_results && results.start > end);
            prop_assert!(follows, "{results:?}");
            if results.is_final {
                end = results.end;
                words.extend(texts(results));
                told = told.max(results.end);
            }
        }
        prop_assert_eq!(words.join(" "), spoken);
        prop_assert!(told == heard || !plan.stt.sends_empty_results);
    }

    #[test]
    fn scripted_texts_are_heard_once_and_in_order(
        parts in proptest::collection::vec(part(), 0..12),
        plan in plan(),
        endpointing in prop_oneof![Just("false"), Just("300")],
    ) {
        let parts: Vec<Part> = parts.into_iter().filter(|part| !matches!(part, Part::Words(_))).collect();
        let (said, _, heard) = listen(&parts, &plan, endpointing, 160);
        let mut words = Vec::new();
        for said in &said {
            let Said::Results(results) = said else { continue };
            prop_assert!(results.words.iter().all(|word| word.start <= word.end && word.end <= heard), "{results:?}");
            if results.is_final {
                words.extend(texts(results));
            }
        }
        let script = plan.stt.scripted.join(" ");
        let heard = words.join(" ");
        prop_assert!(script.starts_with(&heard), "{heard:?} of {script:?}");
        let whole = (0..=plan.stt.scripted.len()).any(|count| plan.stt.scripted[..count].join(" ") == heard);
        prop_assert!(whole, "{heard:?} breaks off");
    }

    #[test]
    fn a_stream_gives_the_same_however_it_is_cut(
        parts in proptest::collection::vec(part(), 0..8),
        plan in plan(),
        piece in 1..2_000_usize,
    ) {
        prop_assert_eq!(listen(&parts, &plan, "300", piece), listen(&parts, &plan, "300", 160));
    }

    #[test]
    fn utterances_end_once_and_only_after_a_gap(
        parts in proptest::collection::vec(part(), 0..12),
        plan in plan(),
    ) {
        let (said, ..) = listen(&parts, &plan, "300", 160);
        let mut words_since = false;
        for said in &said {
            match said {
                Said::Results(results) if results.is_final => words_since |= !results.words.is_empty(),
                Said::UtteranceEnd { .. } => prop_assert!(std::mem::take(&mut words_since), "nothing ended"),
                Said::Results(_) | Said::SpeechStarted { .. } => {}
            }
        }
    }
}
