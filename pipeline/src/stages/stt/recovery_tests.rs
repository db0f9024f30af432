//! Who is asked after a death, as scripts.

use std::sync::Arc;

use super::*;
use crate::vendors::stt::{AudioFormat, SttLine};

struct Named(&'static str);

impl Stt for Named {
    fn name(&self) -> &'static str {
        self.0
    }

    fn format(&self) -> AudioFormat {
        AudioFormat::Ulaw
    }

    fn open(&self) -> SttLine {
        unreachable!("nobody opens a line here")
    }
}

fn chain(names: &[&'static str]) -> Chain<dyn Stt> {
    let mut vendors = names.iter().map(|name| Arc::new(Named(name)) as Arc<dyn Stt>);
    Chain::new(vendors.next().expect("a first"), vendors)
}

fn broke() -> VendorError {
    VendorError::Failed { vendor: "a", kind: "broke".into() }
}

fn refused() -> VendorError {
    VendorError::Refused { vendor: "a", status: 401, setting: "A_KEY" }
}

fn lost(place: usize, error: &VendorError, connected_for: Option<u64>) -> Lost<'_> {
    Lost { place, error, connected_for: connected_for.map(Duration::from_secs), gave_words: false }
}

#[test]
fn a_line_that_was_up_is_dialled_again_at_once_and_then_the_next_is_asked() {
    let (now, chain, error) = (Instant::now(), chain(&["a", "b"]), broke());
    let mut recovery = Recovery::default();
    assert_eq!(recovery.lost(now, &chain, &lost(0, &error, Some(60)), 0.5), Remedy::Open { place: 0, at: now });
    assert_eq!(recovery.lost(now, &chain, &lost(0, &error, None), 0.5), Remedy::Open { place: 1, at: now });
}

#[test]
fn a_vendor_that_fell_silent_makes_room_at_once_where_somebody_else_is() {
    let (now, alone, both) = (Instant::now(), chain(&["a"]), chain(&["a", "b"]));
    let error = VendorError::TimedOut { vendor: "a", awaited: "sign of life", limit: Duration::from_secs(1) };
    let line = lost(0, &error, Some(60));
    assert_eq!(Recovery::default().lost(now, &both, &line, 0.5), Remedy::Open { place: 1, at: now });
    assert_eq!(Recovery::default().lost(now, &alone, &line, 0.5), Remedy::Open { place: 0, at: now });
}

#[test]
fn a_vendor_that_was_never_reached_makes_room_at_once() {
    let (now, chain, error) = (Instant::now(), chain(&["a", "b"]), broke());
    let remedy = Recovery::default().lost(now, &chain, &lost(0, &error, None), 0.5);
    assert_eq!(remedy, Remedy::Open { place: 1, at: now });
}

#[test]
fn alone_it_is_tried_again_after_growing_pauses_and_given_up_in_the_end() {
    let (start, chain, error) = (Instant::now(), chain(&["a"]), broke());
    let mut recovery = Recovery::default();
    let (mut now, mut pauses) = (start, Vec::new());
    while let Remedy::Open { place: 0, at } = recovery.lost(now, &chain, &lost(0, &error, None), 1.0) {
        pauses.push((at - now).as_millis());
        now = at;
    }
    assert_eq!(pauses[..5], [250, 500, 1_000, 2_000, 2_000]);
    assert!(now - start >= DEAF_MAX && now - start < DEAF_MAX + LONGEST_PAUSE, "{:?}", now - start);
}

#[test]
fn a_wrong_key_with_nobody_else_is_hopeless() {
    let (now, chain, error) = (Instant::now(), chain(&["a"]), refused());
    assert_eq!(Recovery::default().lost(now, &chain, &lost(0, &error, None), 0.5), Remedy::GiveUp);
}

#[test]
fn a_message_that_cannot_be_read_is_not_the_end_of_a_call() {
    let (now, chain) = (Instant::now(), chain(&["a"]));
    let error = VendorError::Malformed { vendor: "a", expected: "words", size_bytes: 3 };
    let remedy = Recovery::default().lost(now, &chain, &lost(0, &error, Some(60)), 1.0);
    assert_eq!(remedy, Remedy::Open { place: 0, at: now + FIRST_PAUSE });
}

#[test]
fn a_line_that_lived_long_is_dialled_again_however_often_lines_died_before() {
    let (now, chain, error) = (Instant::now(), chain(&["a"]), broke());
    let mut recovery = Recovery::default();
    for minutes in 0..10 {
        let now = now + Duration::from_secs(60 * minutes);
        let remedy = recovery.lost(now, &chain, &lost(0, &error, Some(50)), 1.0);
        assert_eq!(remedy, Remedy::Open { place: 0, at: now });
    }
}

#[test]
fn words_prove_a_line_only_when_it_has_lived_a_while() {
    let (start, chain, error) = (Instant::now(), chain(&["a"]), broke());
    let mut recovery = Recovery::default();
    let mut dies_after = |seconds, millis| {
        let now = start + Duration::from_secs(seconds);
        let connected_for = Some(Duration::from_millis(millis));
        let line = Lost { place: 0, error: &error, connected_for, gave_words: true };
        match recovery.lost(now, &chain, &line, 1.0) {
            Remedy::Open { at, .. } => (at - now).as_millis(),
            Remedy::GiveUp => panic!("it is heard now and then"),
        }
    };
    assert_eq!(dies_after(0, 50), 0);
    assert_eq!([dies_after(1, 50), dies_after(2, 50), dies_after(3, 50)], [500, 1_000, 2_000]);
    assert_eq!(dies_after(9, 1_500), 0);
}

#[test]
fn a_line_that_dies_as_soon_as_it_is_up_is_not_dialled_in_a_circle() {
    let (now, chain, error) = (Instant::now(), chain(&["a"]), broke());
    let mut recovery = Recovery::default();
    assert_eq!(recovery.lost(now, &chain, &lost(0, &error, Some(0)), 1.0), Remedy::Open { place: 0, at: now });
    let Remedy::Open { at, .. } = recovery.lost(now, &chain, &lost(0, &error, Some(0)), 1.0) else { panic!() };
    assert!(at > now);
}
