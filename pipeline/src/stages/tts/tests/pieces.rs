//! Pieces that a voice leaves half spoken, or does not speak at all.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_next_voice_goes_on_where_the_lost_one_stopped() {
    let mut call = Call::with(&["a", "b"]);
    let mut first = call.line().await;
    first.is_up();
    call.warms_up(&mut first).await;
    call.says(TURN, 1, LETTERS).await;
    let piece = first.piece().await;
    assert_eq!(piece.request.text, LETTERS);
    // Two words and a little of the third.
    sounds(&piece, 550).await;
    first.dies_in(piece, broke()).await;

    let mut second = call.line().await;
    let rest = second.piece().await;
    assert_eq!((second.vendor, rest.request.text.as_str()), ("b", "cccc dddd"));
    let word = WordStart { offset: 5, at: Duration::from_millis(500) };
    rest.events.send(Ok(TtsSignal::Event(TtsEvent::Words(vec![word])))).await.unwrap();
    sounds(&rest, 1_000).await;
    is_done(&rest).await;
    assert_eq!(call.heard(1).await, 1_550);
    let mut told = Vec::new();
    while let Ok(signal) = call.signals.try_recv() {
        match signal {
            Signal::Words { words, .. } => told.extend(words),
            Signal::Spoken { piece: 1, lasts, .. } => assert_eq!(lasts, Duration::from_millis(1_550)),
            _ => {}
        }
    }
    assert_eq!(told, [WordStart { offset: 15, at: Duration::from_millis(1_050) }], "counted in the whole piece");
    assert_eq!((call.count("vendor.failed"), call.count("vendor.replaced")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_stands_alone_is_dialled_once_more() {
    let mut call = Call::with(&["a"]);
    let mut first = call.line().await;
    call.says(TURN, 0, LETTERS).await;
    let piece = first.piece().await;
    first.dies_in(piece, broke()).await;
    let mut second = call.line().await;
    let piece = second.piece().await;
    assert_eq!(piece.request.text, LETTERS);
    sounds(&piece, 2_000).await;
    is_done(&piece).await;
    assert_eq!(call.heard(0).await, 2_000);
    assert_eq!(call.count("vendor.replaced"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_line_over_its_limit_is_replaced_by_another_of_the_same_voice() {
    let mut call = Call::with(&["a", "b"]);
    call.says(TURN, 0, LETTERS).await;
    for name in ["a", "a", "b"] {
        let mut line = call.line().await;
        assert_eq!(line.vendor, name, "but a limit that stays is the vendor's own");
        let piece = line.piece().await;
        line.dies_in(piece, VendorError::Busy { vendor: "a", status: 0, retry_after: None }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn behind_the_last_voice_the_first_one_is_asked_again() {
    let mut call = Call::with(&["a", "b"]);
    call.says(TURN, 0, LETTERS).await;
    for name in ["a", "b", "a", "b"] {
        let mut line = call.line().await;
        assert_eq!(line.vendor, name);
        let piece = line.piece().await;
        line.dies_in(piece, broke()).await;
    }
    assert!(matches!(call.signal().await, Signal::TtsFailed(TURN)), "but not for ever");
    assert_eq!(call.count("vendor.replaced"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_first_voice_that_has_recovered_takes_over_from_its_stand_in() {
    let mut call = Call::with(&["a", "b"]);
    call.says(TURN, 0, LETTERS).await;
    let mut line = call.line().await;
    for (number, next) in [(0, "b"), (1, "a"), (2, "b")] {
        let broken = line.piece().await;
        line.dies_in(broken, broke()).await;
        line = call.line().await;
        assert_eq!(line.vendor, next);
        let spoken = line.piece().await;
        sounds(&spoken, 2_000).await;
        is_done(&spoken).await;
        assert_eq!(call.heard(number).await, 2_000);
        call.says(TURN, number + 1, LETTERS).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_no_voice_speaks_has_failed_and_the_next_one_is_tried() {
    let mut call = Call::with(&["a"]);
    for piece in 0..3 {
        call.says(TURN, piece, LETTERS).await;
    }
    for _ in 0..2 {
        let mut line = call.line().await;
        let piece = line.piece().await;
        line.dies_in(piece, broke()).await;
    }
    assert!(matches!(call.signal().await, Signal::TtsFailed(TURN)));
    call.says(TURN.next(), 0, LETTERS).await;
    let mut line = call.line().await;
    let piece = line.piece().await;
    sounds(&piece, 100).await;
    is_done(&piece).await;
    assert_eq!(call.heard(0).await, 100, "the later pieces of the failed turn were not tried");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_lasts_is_not_tried_again() {
    let mut call = Call::with(&["a"]);
    let mut line = call.line().await;
    call.says(TURN, 0, LETTERS).await;
    let piece = line.piece().await;
    line.dies_in(piece, refused()).await;
    assert!(matches!(call.signal().await, Signal::TtsFailed(TURN)));
    assert!(call.opens_no_line());
}

#[tokio::test(start_paused = true)]
async fn a_silent_voice_is_replaced_when_the_patience_is_over() {
    let mut call = Call::with(&["a", "b"]);
    let mut first = call.line().await;
    call.says(TURN, 0, LETTERS).await;
    let piece = first.piece().await;
    let began = Instant::now();
    sounds(&piece, 40).await;
    let mut second = call.line().await;
    assert_eq!(began.elapsed(), PATIENCE);
    assert!(piece.events.is_closed(), "nobody listens to the silent one any more");
    assert_eq!(second.piece().await.request.text, LETTERS, "no word was spoken to its middle");
    assert_eq!(call.count("tts.silent"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_piece_without_a_sound_is_said_by_the_next_voice() {
    let mut call = Call::with(&["a", "tone"]);
    let mut line = call.line().await;
    call.says(TURN, 0, LETTERS).await;
    let piece = line.piece().await;
    is_done(&piece).await;
    assert_eq!(call.heard(0).await, 1_000, "by a voice without lines");
}

#[tokio::test(start_paused = true)]
async fn voices_that_die_in_any_moment_lose_and_double_no_word_of_equal_length() {
    let moments = [(0, 0..4), (120, 0..4), (130, 1..4), (370, 1..4), (380, 2..4), (650, 3..4)];
    // In the first piece of a call the pace is that of the recorded lines, half as fast.
    for ((died_after, rest), is_first) in
        moments.into_iter().flat_map(|moment| [(moment.clone(), false), (moment, true)])
    {
        let mut call = Call::with(&["a", "b"]);
        let mut first = call.line().await;
        if !is_first {
            call.warms_up(&mut first).await;
        }
        call.says(TURN, 1, LETTERS).await;
        let piece = first.piece().await;
        sounds(&piece, if is_first { 2 * died_after } else { died_after }).await;
        first.dies_in(piece, broke()).await;
        let words: Vec<_> = LETTERS.split(' ').collect();
        let asked = call.line().await.piece().await.request.text;
        assert_eq!(asked, words[rest].join(" "), "after {died_after} ms; in the first piece: {is_first}");
    }
}
