//! Whole calls through the real session and all its stages, with scripted vendors, in paused time.

use std::sync::Arc;
use std::time::Duration;

use voice_pipeline::chat::Message;
use voice_pipeline::event::{CallEvent, EndReason, EventKind};
use voice_pipeline::tools::Effect;
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::chain::Chain;
use voice_pipeline::vendors::llm::Llm;
use voice_testkit::studio::{Cast, Moment, Studio, marked_lines};
use voice_testkit::vendors::{
    Answer, MarkedTts, ScriptedLlm, ScriptedStt, ScriptedTools, ToneTts, brain, ear, locked, mouth,
};

const BOOK: (&str, Effect, Duration, &str) = ("bookTeeTime", Effect::Changes, ms(5_000), r#"{"code":"GV1"}"#);
const SEARCH: (&str, Effect, Duration, &str) = ("searchTeeTimes", Effect::Reads, ms(4_000), r#"{"slots":[]}"#);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn cast(utterances: &[&str], answers: &[Answer]) -> Cast {
    Cast {
        stt: ear(ScriptedStt::new(utterances, ms(80))),
        llm: brain(ScriptedLlm::new(answers)),
        tts: mouth(ToneTts::new()),
        tools: Arc::new(ScriptedTools::new(&[BOOK, SEARCH])),
        policy: TurnPolicy::default(),
    }
}

fn agent_texts(messages: &[Message]) -> Vec<String> {
    let text = |message: &Message| match message {
        Message::Agent { text, .. } => Some(text.clone()),
        _ => None,
    };
    messages.iter().filter_map(text).collect()
}

#[tokio::test(start_paused = true)]
async fn greets_hears_answers_and_measures_the_wait() {
    let mut call = Studio::answer(cast(&["A tea time please."], &[Answer::Says("Sure, for how many players?")])).await;
    call.listen().await;
    call.speak(ms(1_500)).await;
    call.listen().await;
    assert_eq!(call.said(), ["Hello there.", "Sure, for how many players?"]);
    let committed = call.events().into_iter().find_map(|event| match event.kind {
        EventKind::TurnCommitted { text, .. } => Some(text.expose().clone()),
        _ => None,
    });
    assert_eq!(committed.as_deref(), Some("A tee time please."));
    let latency = call.events().into_iter().find_map(|event| match event.kind {
        EventKind::TurnMeasured(latency) => Some(latency),
        _ => None,
    });
    // 200 ms of silence and 80 ms of the recogniser; the rest takes no time here.
    let total = latency.expect("the turn was measured").total();
    assert!(total >= ms(200) && total <= ms(340), "{total:?}");
    assert_eq!(call.hang_up().await.0, EndReason::CallerHungUp);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_stops_the_reply_and_keeps_what_was_heard() {
    let reply = "We have nine ten and eleven open on Saturday morning for all four of you.";
    let llm = ScriptedLlm::new(&[Answer::Says(reply), Answer::Says("Ten it is.")]);
    let asked = llm.asked();
    let mut call = Studio::answer(Cast { llm: brain(llm), ..cast(&["What is open?", "Ten please."], &[]) }).await;
    call.listen().await;
    call.speak(ms(1_000)).await;
    call.wait(ms(1_600)).await;
    let onset = call.now();
    call.speak(ms(900)).await;
    call.listen().await;
    let cleared = call.moments().iter().find(|(_, moment)| *moment == Moment::Cleared).expect("cleared").0;
    assert!(cleared - onset <= ms(280), "cleared {:?} after the onset", cleared - onset);
    let heard = agent_texts(&locked(&asked)[1]).pop().expect("the interrupted reply is in the history");
    assert!(heard.starts_with("We have nine") && !heard.contains("for all"), "{heard:?}");
    assert_eq!(call.said().last().map(String::as_str), Some("Ten it is."));
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn a_booking_goes_on_although_the_caller_talks_over_it() {
    let answers =
        [Answer::Calls("Let me book that for you right away.", "bookTeeTime", "{}"), Answer::Says("You are booked.")];
    let llm = ScriptedLlm::new(&answers);
    let asked = llm.asked();
    let tools = ScriptedTools::new(&[BOOK]);
    let finished = tools.finished();
    let mut call = Studio::answer(Cast {
        llm: brain(llm),
        tools: Arc::new(tools),
        ..cast(&["Yes, book it.", "Hello, are you there?"], &[])
    })
    .await;
    call.listen().await;
    call.speak(ms(1_000)).await;
    call.wait(ms(800)).await;
    call.speak(ms(900)).await;
    call.wait(ms(12_000)).await;
    assert_eq!(*locked(&finished), ["bookTeeTime"]);
    let last = locked(&asked).last().cloned().expect("the model was asked again");
    let answered = last.iter().any(|m| matches!(m, Message::ToolResult { content, .. } if content.contains("GV1")));
    assert!(answered, "the booking's result is in the history: {last:?}");
    assert_eq!(call.said().last().map(String::as_str), Some("You are booked."));
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn a_model_that_repeats_a_change_gets_its_result_and_changes_nothing_more() {
    let book = |arguments| Answer::Calls("", "bookTeeTime", arguments);
    let answers = [
        book(r#"{"date":"2026-11-28","time":"09:00"}"#),
        book(r#"{"time": "09:00", "date": "2026-11-28"}"#),
        Answer::Says("You are booked."),
        book(r#"{"date":"2026-11-28","time":"09:00"}"#),
        Answer::Says("A second one is booked."),
    ];
    let llm = ScriptedLlm::new(&answers);
    let asked = llm.asked();
    let tools = ScriptedTools::new(&[BOOK]);
    let finished = tools.finished();
    let cast = Cast { llm: brain(llm), tools: Arc::new(tools), ..cast(&["Nine please.", "Another one."], &[]) };
    let mut call = Studio::answer(cast).await;
    call.listen().await;
    call.speak(ms(800)).await;
    call.wait(ms(9_000)).await;
    assert_eq!(*locked(&finished), ["bookTeeTime"]);
    let last = locked(&asked).last().cloned().expect("the model was asked again");
    let results = last.iter().filter(|m| matches!(m, Message::ToolResult { content, .. } if content.contains("GV1")));
    assert_eq!(results.count(), 2, "both calls have their answer: {last:?}");
    assert_eq!(call.said().last().map(String::as_str), Some("You are booked."));
    // What the caller asks for again is done again.
    call.speak(ms(800)).await;
    call.wait(ms(9_000)).await;
    assert_eq!(*locked(&finished), ["bookTeeTime", "bookTeeTime"]);
    assert_eq!(call.said().last().map(String::as_str), Some("A second one is booked."));
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_tool_is_covered_by_its_filler() {
    let answers = [Answer::Calls("", "searchTeeTimes", "{}"), Answer::Says("Nothing is open.")];
    let mut call = Studio::answer(cast(&["What is open?"], &answers)).await;
    call.listen().await;
    call.speak(ms(1_000)).await;
    call.wait(ms(9_000)).await;
    assert_eq!(call.said()[1..], ["Let me look at searchTeeTimes.", "Nothing is open."]);
    assert!(call.saw("tool.slow"));
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_model_costs_a_filler_an_apology_and_the_call() {
    let mut call = Studio::answer(cast(&["Hello?"], &[Answer::Never])).await;
    call.listen().await;
    call.speak(ms(800)).await;
    let (reason, _, events) = call.until_ended().await;
    assert_eq!(reason, EndReason::VendorFailure);
    let names: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
    assert!(names.contains(&"llm.slow") && names.contains(&"llm.gave_up") && names.contains(&"call.closing"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_model_is_waited_for_behind_a_filler() {
    let mut call = Studio::answer(cast(&["Hello?"], &[Answer::Slowly(ms(4_000), "Here I am.")])).await;
    call.listen().await;
    call.speak(ms(800)).await;
    call.wait(ms(8_000)).await;
    assert_eq!(call.said()[1..], ["One moment, please.", "Here I am."]);
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn a_model_that_has_recovered_is_asked_again() {
    let failing = [Answer::Breaks(""), Answer::Breaks(""), Answer::Breaks(""), Answer::Says("I am back.")];
    let (first, second) = (ScriptedLlm::new(&failing), ScriptedLlm::new(&vec![Answer::Says("I stand in."); 4]));
    let llm = Chain::new(Arc::new(first) as Arc<dyn Llm>, [Arc::new(second) as Arc<dyn Llm>]);
    let mut call = Studio::answer(Cast { llm, ..cast(&["One.", "Two.", "Three.", "Four."], &[]) }).await;
    call.listen().await;
    for _ in 0..3 {
        call.speak(ms(800)).await;
        call.listen().await;
        assert_eq!(call.said().last().map(String::as_str), Some("I stand in."));
    }
    // Longer than a vendor is left alone after three failures.
    call.wait(ms(5_500)).await;
    call.speak(ms(800)).await;
    call.listen().await;
    assert_eq!(call.said().last().map(String::as_str), Some("I am back."));
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn a_piece_without_sound_is_spoken_at_the_second_attempt() {
    let tts = ToneTts::mute_at(&[0]);
    let mut call = Studio::answer(Cast { tts: mouth(tts), ..cast(&["Hello?"], &[Answer::Says("Here I am.")]) }).await;
    call.listen().await;
    let before = call.moments().len();
    call.speak(ms(800)).await;
    call.wait(ms(6_000)).await;
    assert!(call.saw("tts.silent"));
    assert!(call.moments()[before..].iter().any(|(_, moment)| *moment == Moment::AgentStarted));
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn a_mouth_that_stays_shut_ends_the_call_with_the_cached_apology() {
    let tts = ToneTts::mute_at(&[0, 1]);
    let mut call = Studio::answer(Cast { tts: mouth(tts), ..cast(&["Hello?"], &[Answer::Says("Here I am.")]) }).await;
    call.listen().await;
    call.speak(ms(800)).await;
    let (reason, moments, _) = call.until_ended().await;
    assert_eq!(reason, EndReason::VendorFailure);
    let audible = moments.iter().filter(|(_, moment)| *moment == Moment::AgentStarted).count();
    assert!(audible >= 2, "greeting and apology were heard: {moments:?}");
}

#[tokio::test(start_paused = true)]
async fn the_goodbye_is_heard_to_its_end_before_the_line_is_closed() {
    let answers = [Answer::Calls("Thanks for calling, goodbye!", "end_call", "{}")];
    let mut call = Studio::answer(cast(&["That's all."], &answers)).await;
    call.listen().await;
    call.speak(ms(800)).await;
    let (reason, moments, _) = call.until_ended().await;
    assert_eq!(reason, EndReason::AgentGoodbye);
    let time_of = |wanted: Moment| moments.iter().rev().find(|(_, moment)| *moment == wanted).map(|(at, _)| *at);
    let heard = ToneTts::LETTER * "Thanks for calling, goodbye!".len() as u32;
    let (started, hung_up) = (time_of(Moment::AgentStarted), time_of(Moment::HungUp));
    assert_eq!(hung_up.zip(started).map(|(end, start)| end - start), Some(heard), "{moments:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_is_asked_into_twice() {
    let call = Studio::answer(cast(&[], &[])).await;
    let (reason, moments, _) = call.until_ended().await;
    assert_eq!(reason, EndReason::CallerSilent);
    assert_eq!(moments.iter().filter(|(_, moment)| *moment == Moment::AgentStarted).count(), 4, "{moments:?}");
}

#[tokio::test(start_paused = true)]
async fn typed_keys_are_the_callers_words() {
    let llm = ScriptedLlm::new(&[Answer::Says("Thank you.")]);
    let asked = llm.asked();
    let mut call = Studio::answer(Cast { llm: brain(llm), ..cast(&[], &[]) }).await;
    call.listen().await;
    call.press("4821#").await;
    call.listen().await;
    assert_eq!(locked(&asked)[0].last(), Some(&Message::Caller("(keypad) 4821".into())));
    let entered =
        |event: &CallEvent| matches!(&event.kind, EventKind::DigitsEntered { digits } if digits.expose() == "4821");
    assert_eq!(call.events().iter().filter(|event| entered(event)).count(), 1);
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn no_task_survives_a_hang_up_in_any_moment() {
    for after in [0, 300, 1_500, 2_300, 2_600, 3_000, 4_000, 9_000] {
        let answers = [Answer::Calls("One moment.", "searchTeeTimes", "{}"), Answer::Never];
        let mut call = Studio::answer(cast(&["What is open?"], &answers)).await;
        call.wait(ms(after.min(1_500))).await;
        call.speak(ms(after.saturating_sub(1_500).min(800))).await;
        call.wait(ms(after.saturating_sub(2_300))).await;
        let (reason, lived_on) = call.hang_up().await;
        assert_eq!(reason, EndReason::CallerHungUp);
        assert!(lived_on < Duration::from_secs(1), "{lived_on:?} after hanging up at {after} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_must_end_says_its_closing_line() {
    let mut call = Studio::answer(cast(&[], &[])).await;
    call.listen().await;
    call.close.cancel();
    let said = {
        call.wait(ms(200)).await;
        call.said()
    };
    assert_eq!(said.last().map(String::as_str), Some("I have to go. Goodbye!"));
    assert_eq!(call.until_ended().await.0, EndReason::Draining);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_ends_in_an_apology_not_in_silence() {
    let mut call = Studio::answer(cast(&["Hello?"], &[Answer::Breaks("Well, let me")])).await;
    call.listen().await;
    call.speak(ms(800)).await;
    let (reason, _, events) = call.until_ended().await;
    assert_eq!(reason, EndReason::VendorFailure);
    assert!(events.iter().any(|event| event.kind.name() == "vendor.failed"));
}

#[tokio::test(start_paused = true)]
async fn a_stand_in_that_failed_others_is_asked_all_the_same_when_nobody_else_is_left() {
    let breaks = [Answer::Breaks("")];
    let models: [Arc<dyn Llm>; 2] =
        [Arc::new(ScriptedLlm::new(&breaks)), Arc::new(ScriptedLlm::new(&[Answer::Says("Here I am.")]))];
    let [first, second] = models;
    let chain = Chain::new(first, [second]);
    let refused = VendorError::Refused { vendor: "scripted", status: 401, setting: "KEY" };
    chain.failed(1, tokio::time::Instant::now(), &refused);
    let mut call = Studio::answer(Cast { llm: chain, ..cast(&["Hello?"], &[]) }).await;
    call.listen().await;
    call.speak(ms(1_000)).await;
    call.listen().await;
    assert_eq!(call.said().last().map(String::as_str), Some("Here I am."));
    assert!(call.saw("vendor.replaced"));
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn a_cough_silences_the_reply_for_a_moment_and_not_a_word_is_lost() {
    let reply = "We have nine ten and eleven open on Saturday morning for all four of you.";
    let llm = ScriptedLlm::new(&[Answer::Says(reply), Answer::Says("You are welcome.")]);
    let asked = llm.asked();
    // The second pause is the cough: no words.
    let mut call = Studio::answer(Cast { llm: brain(llm), ..cast(&["What is open?", "", "Thanks a lot."], &[]) }).await;
    call.listen().await;
    call.speak(ms(1_000)).await;
    call.wait(ms(1_600)).await;
    let before = call.moments().len();
    call.speak(ms(400)).await;
    call.listen().await;
    let moments: Vec<_> = call.moments()[before..].iter().map(|(_, moment)| moment.clone()).collect();
    use Moment::{AgentStarted, AgentStopped, Cleared};
    assert_eq!(moments, [Cleared, AgentStopped, AgentStarted, AgentStopped]);
    let silent = call.moments()[before + 2].0 - call.moments()[before + 1].0;
    assert!(silent < ms(700), "silent for {silent:?}");
    assert_eq!((call.count("reply.held"), call.count("reply.resumed"), call.count("playout.finished")), (1, 1, 2));
    assert!(!call.saw("barge_in") && !call.saw("reply.cancelled"));
    call.speak(ms(900)).await;
    call.listen().await;
    assert_eq!(agent_texts(&locked(&asked)[1]).last().map(String::as_str), Some(reply), "all of it was heard");
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_interrupted_after_a_cough_counts_as_heard_over_both_parts() {
    let reply = "We have nine ten and eleven open on Saturday morning for all four of you and on Sunday as well.";
    let llm = ScriptedLlm::new(&[Answer::Says(reply), Answer::Says("Ten it is.")]);
    let asked = llm.asked();
    let mut call = Studio::answer(Cast { llm: brain(llm), ..cast(&["What is open?", "", "Ten please."], &[]) }).await;
    call.listen().await;
    call.speak(ms(1_000)).await;
    call.wait(ms(1_600)).await;
    call.speak(ms(400)).await;
    call.wait(ms(1_500)).await;
    call.speak(ms(900)).await;
    call.listen().await;
    assert_eq!((call.count("reply.resumed"), call.count("reply.cancelled")), (1, 1));
    let heard = agent_texts(&locked(&asked)[1]).pop().expect("the interrupted reply is in the history");
    assert!(heard.starts_with("We have nine ten and eleven") && !heard.contains("as well"), "{heard:?}");
    assert_eq!(call.said().last().map(String::as_str), Some("Ten it is."));
    call.hang_up().await;
}

#[tokio::test(start_paused = true)]
async fn the_caller_hears_every_word_of_a_reply_that_a_cough_cut_in_two() {
    let reply = "We have nine ten and eleven open on Saturday morning for all four of you.";
    for cough_after in [ms(900), ms(1_640), ms(2_380), ms(3_100)] {
        let parts = Cast { tts: mouth(MarkedTts), ..cast(&["What is open?", ""], &[Answer::Says(reply)]) };
        let lines = marked_lines().await;
        let mut call = Studio::answer_as(parts, |setup| setup.lines = lines).await;
        call.listen().await;
        call.speak(ms(1_000)).await;
        call.wait(cough_after).await;
        let greeting = 2;
        call.speak(ms(400)).await;
        call.listen().await;
        assert_eq!(call.count("reply.resumed"), 1, "{cough_after:?}");
        let heard: Vec<String> = call.words().into_iter().skip(greeting).map(|word| word.text).collect();
        let mut rest = heard.iter();
        for word in reply.split_whitespace() {
            assert!(rest.any(|heard| heard == word), "{word:?} is missing after {cough_after:?} in {heard:?}");
        }
        let again = heard.len() - reply.split_whitespace().count();
        assert!(again <= 4, "{again} words were said twice: {heard:?}");
        call.hang_up().await;
    }
}
