//! Lines between pieces, over calls, and at their ends.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_next_call_begins_behind_a_voice_that_refuses_us() {
    let both = vendors(&["a", "b"]);
    let chain = both.chain.clone();
    let mut call = Call::begin(both);
    call.line().await.dies_idle(refused());
    let stand_in = call.line().await;
    assert_eq!(stand_in.vendor, "b", "not when the first piece wants it");
    let mut next = Call::begin(Vendors { chain, lines: call.lines });
    assert_eq!(next.line().await.vendor, "b");
}

#[tokio::test(start_paused = true)]
async fn an_idle_line_that_lived_is_dialled_again_at_once() {
    let mut call = Call::with(&["a", "b"]);
    let mut first = call.line().await;
    first.is_up();
    call.until_emitted("vendor.connected", 1).await;
    tokio::time::advance(Duration::from_secs(6)).await;
    first.dies_idle(broke());
    let mut again = call.line().await;
    assert_eq!(again.vendor, "a");
    // One that dies young makes room.
    again.is_up();
    call.until_emitted("vendor.connected", 2).await;
    again.dies_idle(broke());
    assert_eq!(call.line().await.vendor, "b");
    assert_eq!((call.count("vendor.failed"), call.count("vendor.replaced")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_young_line_with_nobody_else_is_dialled_when_it_is_wanted() {
    let mut call = Call::with(&["a"]);
    let mut first = call.line().await;
    first.is_up();
    first.dies_idle(broke());
    call.until_emitted("vendor.failed", 1).await;
    assert!(call.opens_no_line());
    call.says(TURN, 0, LETTERS).await;
    let mut second = call.line().await;
    let piece = second.piece().await;
    sounds(&piece, 100).await;
    is_done(&piece).await;
    assert_eq!(call.heard(0).await, 100);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_drops_the_piece_and_keeps_the_line() {
    let mut call = Call::with(&["a"]);
    let mut line = call.line().await;
    line.is_up();
    call.says(TURN, 0, LETTERS).await;
    call.says(TURN, 1, "never spoken").await;
    let piece = line.piece().await;
    sounds(&piece, 500).await;
    assert!(matches!(call.signal().await, Signal::FirstAudio(TURN)));
    call.live.send_replace(TURN.next());
    timeout(LIMIT, piece.events.closed()).await.expect("the piece is dropped");
    call.says(TURN.next(), 0, "and now").await;
    let next = line.piece().await;
    assert_eq!(next.request.text, "and now");
    assert!(call.opens_no_line());
}

#[tokio::test(start_paused = true)]
async fn a_line_that_queues_what_was_cancelled_hangs_and_is_left() {
    let mut call = Call::with(&["a", "b"]);
    let first = call.line().await;
    for turn in (TURN.0..).take(LINE_PIECES).map(TurnId) {
        call.says(turn, 0, LETTERS).await;
        while first.pieces.len() <= (turn.0 - TURN.0) as usize {
            tokio::task::yield_now().await;
        }
        call.live.send_replace(turn.next());
    }
    call.says(*call.live.borrow(), 0, "hello").await;
    let mut second = call.line().await;
    assert_eq!((second.vendor, second.piece().await.request.text.as_str()), ("b", "hello"));
}

#[tokio::test(start_paused = true)]
async fn a_line_takes_its_leave_when_the_call_is_over() {
    let mut call = Call::with(&["a"]);
    let mut line = call.line().await;
    drop(call.speak);
    assert!(line.pieces.recv().await.is_none());
    assert!(!line.driver.is_closed(), "the driver is given its time");
    assert!(call.stage.try_join_next().is_none());
    line.driver.send(Ok(())).unwrap();
    call.stage.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_line_that_does_not_let_go_is_left() {
    let mut call = Call::with(&["a"]);
    let line = call.line().await;
    let began = Instant::now();
    drop(call.speak);
    call.stage.join_next().await.unwrap().unwrap();
    assert_eq!(began.elapsed(), crate::stages::LEAVE);
    assert!(line.driver.is_closed(), "its driver is gone with it");
}
