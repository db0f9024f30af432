//! Scripts of audio and answers.

use proptest::prelude::*;

use super::*;

const P1: PauseId = PauseId(1);
const P2: PauseId = PauseId(2);

/// A stretch of a loud square wave: sound, as far as the guards can tell.
fn sound(millis: u64) -> Vec<i16> {
    (0..in_samples(Duration::from_millis(millis))).map(|i| if i / 20 % 2 == 0 { 3_000 } else { -3_000 }).collect()
}

fn silence(millis: u64) -> Vec<i16> {
    vec![0; in_samples(Duration::from_millis(millis))]
}

fn millis(samples: usize) -> usize {
    samples / (SAMPLES_PER_SECOND / 1000)
}

fn utterance() -> Utterance {
    Utterance::new(UtteranceSettings::default())
}

/// Feeds audio the way the pipeline does, 20 ms at a time, and gives the requests it led to.
fn hear(utterance: &mut Utterance, audio: &[i16]) -> Vec<Request> {
    let mut requests = Vec::new();
    for frame in audio.chunks(FRAME) {
        utterance.audio(frame);
        requests.extend(utterance.poll_request());
    }
    requests
}

fn answer(utterance: &mut Utterance, request: &Request, texts: &[&str]) -> Vec<SttEvent> {
    assert_eq!(request.segments.len(), texts.len());
    utterance.recognised(request.id, texts.iter().map(ToString::to_string).collect());
    events(utterance)
}

fn events(utterance: &mut Utterance) -> Vec<SttEvent> {
    std::iter::from_fn(|| utterance.poll_event()).collect()
}

fn a_final(pause: PauseId, text: &str) -> SttEvent {
    SttEvent::Final { pause: Some(pause), text: text.to_owned() }
}

#[test]
fn recognises_from_the_pre_roll_to_the_pause() {
    let mut utterance = utterance();
    assert_eq!(hear(&mut utterance, &silence(3_000)), []);
    utterance.speech_started();
    assert_eq!(hear(&mut utterance, &sound(600)), []);
    utterance.paused(P1);
    let request = utterance.poll_request().unwrap();
    assert!(request.is_final);
    assert_eq!(request.segments.iter().map(|s| millis(s.len())).collect::<Vec<_>>(), [400 + 600]);
    assert_eq!(answer(&mut utterance, &request, &["yes"]), [a_final(P1, "yes")]);
}

#[test]
fn guesses_every_750_ms_while_the_caller_speaks() {
    let mut utterance = utterance();
    utterance.speech_started();
    let requests = hear(&mut utterance, &sound(2_400));
    let lengths: Vec<_> = requests.iter().map(|r| millis(r.segments[0].len())).collect();
    assert_eq!(lengths, [760, 1_520, 2_280]);
    assert!(requests.iter().all(|request| !request.is_final));
    assert_eq!(answer(&mut utterance, &requests[2], &["I'd like to"]), [SttEvent::Interim("I'd like to".into())]);
}

#[test]
fn guesses_less_often_in_a_long_segment() {
    let mut utterance = utterance();
    utterance.speech_started();
    let lengths: Vec<_> = hear(&mut utterance, &sound(14_900)).iter().map(|r| millis(r.segments[0].len())).collect();
    let last = &lengths[lengths.len() - 2..];
    assert!(last[1] - last[0] >= last[0] / 8, "{lengths:?}");
    let recognised: usize = lengths.iter().sum();
    assert!(recognised <= 14_900 * 9, "{recognised} ms recognised of 14,900 ms spoken");
}

#[test]
fn an_answer_that_is_overtaken_changes_nothing() {
    let mut utterance = utterance();
    utterance.speech_started();
    let requests = hear(&mut utterance, &sound(1_600));
    utterance.paused(P1);
    let newest = utterance.poll_request().unwrap();
    assert_eq!(
        answer(&mut utterance, &requests[0], &["I'd"]),
        [SttEvent::Interim("I'd".into())],
        "a recogniser that lags behind is better than none"
    );
    assert_eq!(answer(&mut utterance, &newest, &["I'd like"]), [a_final(P1, "I'd like")]);
    assert_eq!(answer(&mut utterance, &newest, &["I'd like"]), [], "answered twice");
    assert_eq!(answer(&mut utterance, &requests[1], &["I"]), [], "overtaken");
}

#[test]
fn speech_after_a_pause_goes_on_in_the_same_segment() {
    let mut utterance = utterance();
    utterance.speech_started();
    hear(&mut utterance, &sound(600));
    utterance.paused(P1);
    let first = utterance.poll_request().unwrap();
    answer(&mut utterance, &first, &["five five five"]);
    hear(&mut utterance, &silence(500));
    utterance.speech_started();
    hear(&mut utterance, &sound(600));
    utterance.paused(P2);
    let second = utterance.poll_request().unwrap();
    assert_eq!(millis(second.segments[0].len()), 600 + 500 + 600);
    assert_eq!(answer(&mut utterance, &second, &["five five five one two"]), [a_final(P2, "five five five one two")]);
}

#[test]
fn a_long_silence_within_an_utterance_is_shortened() {
    let mut utterance = utterance();
    utterance.speech_started();
    hear(&mut utterance, &sound(600));
    utterance.paused(P1);
    hear(&mut utterance, &silence(60_000));
    utterance.speech_started();
    hear(&mut utterance, &sound(200));
    utterance.paused(P2);
    let request = utterance.poll_request().unwrap();
    assert_eq!(millis(request.segments[0].len()), 600 + 600 + 400 + 200);
}

#[test]
fn a_commit_starts_from_nothing() {
    let mut utterance = utterance();
    utterance.speech_started();
    hear(&mut utterance, &sound(700));
    utterance.paused(P1);
    let request = utterance.poll_request().unwrap();
    utterance.committed();
    assert_eq!(answer(&mut utterance, &request, &["late"]), []);
    utterance.speech_started();
    hear(&mut utterance, &sound(300));
    utterance.paused(P2);
    let next = utterance.poll_request().unwrap();
    assert_eq!(millis(next.segments[0].len()), 400 + 300, "pre-roll and the new words only");
}

#[test]
fn a_caller_who_speaks_on_through_a_commit_is_still_heard() {
    let mut utterance = utterance();
    utterance.speech_started();
    hear(&mut utterance, &sound(700));
    utterance.committed();
    hear(&mut utterance, &sound(500));
    utterance.paused(P1);
    let request = utterance.poll_request().unwrap();
    assert_eq!(millis(request.segments[0].len()), 400 + 500);
}

#[test]
fn a_click_or_silence_has_no_words_and_is_never_recognised() {
    let mut utterance = utterance();
    hear(&mut utterance, &silence(400));
    utterance.speech_started();
    hear(&mut utterance, &sound(60));
    hear(&mut utterance, &silence(200));
    utterance.paused(P1);
    assert_eq!(utterance.poll_request(), None);
    assert_eq!(events(&mut utterance), [a_final(P1, "")]);
    utterance.paused(P2);
    assert_eq!(events(&mut utterance), [a_final(P2, "")]);
}

#[test]
fn a_long_speech_is_cut_where_it_is_quiet_and_stitched() {
    let mut utterance = utterance();
    utterance.speech_started();
    let mut speech = sound(12_000);
    speech.extend(silence(300));
    speech.extend(sound(4_000));
    let requests = hear(&mut utterance, &speech);
    let at_the_cut = requests.iter().find(|request| request.segments.len() == 2).unwrap();
    let lengths: Vec<_> = at_the_cut.segments.iter().map(|s| millis(s.len())).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 15_000);
    assert!((12_000..=12_300).contains(&lengths[0]), "{lengths:?}");

    // Nobody has answered yet, so the final asks for the sealed segment too.
    utterance.paused(P1);
    let request = utterance.poll_request().unwrap();
    assert_eq!(request.segments.len(), 2);
    assert_eq!(
        answer(&mut utterance, &request, &["the first part", " and the second"]),
        [a_final(P1, "the first part and the second")]
    );

    // What is recognised once is not recognised again.
    utterance.paused(P2);
    let request = utterance.poll_request().unwrap();
    assert_eq!(request.segments.len(), 1);
    assert_eq!(answer(&mut utterance, &request, &["and the second"]), [a_final(P2, "the first part and the second")]);
}

#[test]
fn a_recording_is_cut_where_it_is_quiet_and_loses_nothing_but_silence() {
    let recording = [sound(13_000), silence(400), sound(9_000), silence(30_000)].concat();
    let lengths: Vec<_> =
        cut(&recording, Duration::from_secs(15)).iter().map(|segment| millis(segment.len())).collect();
    assert_eq!(lengths.len(), 2, "{lengths:?}");
    assert!((13_000..=13_400).contains(&lengths[0]), "{lengths:?}");
    assert!(lengths.iter().sum::<usize>() >= 22_400, "{lengths:?}");
    assert_eq!(cut(&silence(200), Duration::from_secs(15)), Vec::<Arc<[i16]>>::new());
}

#[test]
fn tells_when_the_newest_request_was_left_out() {
    let mut utterance = utterance();
    utterance.speech_started();
    let requests = hear(&mut utterance, &sound(1_600));
    utterance.gave_up(requests[0].id);
    assert_eq!(events(&mut utterance), []);
    utterance.gave_up(requests[1].id);
    assert_eq!(events(&mut utterance), [SttEvent::Overloaded]);
}

#[test]
fn an_interim_without_words_is_not_worth_an_event() {
    let mut utterance = utterance();
    utterance.speech_started();
    let requests = hear(&mut utterance, &sound(800));
    assert_eq!(answer(&mut utterance, &requests[0], &[""]), []);
}

#[derive(Debug, Clone)]
enum Step {
    Sound(u64),
    Silence(u64),
    Started,
    Paused,
    Committed,
    Answer,
    GiveUp,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1u64..8_000).prop_map(Step::Sound),
        (1u64..8_000).prop_map(Step::Silence),
        Just(Step::Started),
        Just(Step::Paused),
        Just(Step::Committed),
        Just(Step::Answer),
        Just(Step::GiveUp),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_segments_stay_short_and_memory_bounded(steps in prop::collection::vec(step(), 1..60)) {
        let mut utterance = utterance();
        let longest = in_samples(Duration::from_secs(17));
        let mut newest = None;
        let mut pause = 0;
        for step in steps {
            let before = newest.clone();
            match step {
                Step::Sound(millis) => newest = hear(&mut utterance, &sound(millis)).pop().or(before),
                Step::Silence(millis) => newest = hear(&mut utterance, &silence(millis)).pop().or(before),
                Step::Started => utterance.speech_started(),
                Step::Paused => {
                    pause += 1;
                    utterance.paused(PauseId(pause));
                    // Answered at once, or asked for.
                    let asked = utterance.poll_request();
                    prop_assert!(asked.is_some() || utterance.poll_event().is_some());
                    newest = asked.or(before);
                }
                Step::Committed => utterance.committed(),
                Step::Answer => {
                    if let Some(request) = newest.take() {
                        utterance.recognised(request.id, vec!["word".into(); request.segments.len()]);
                    }
                }
                Step::GiveUp => {
                    if let Some(request) = newest.take() {
                        utterance.gave_up(request.id);
                    }
                }
            }
            prop_assert!(utterance.pre_roll.len() <= in_samples(Duration::from_millis(400)));
            prop_assert!(utterance.open.len() <= longest, "{} ms", millis(utterance.open.len()));
            if let Some(request) = &newest {
                prop_assert!(!request.segments.is_empty());
                prop_assert!(request.segments.iter().all(|segment| segment.len() <= longest));
            }
        }
    }
}
