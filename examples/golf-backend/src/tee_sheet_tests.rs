//! What the sheet gives and refuses.

use std::collections::BTreeSet;

use jiff::civil::{date, datetime, time};

use super::*;

/// Monday, November 23, 2026, nine in the morning.
const NOW: DateTime = datetime(2026, 11, 23, 9, 0, 0, 0);
const SATURDAY: Date = date(2026, 11, 28);

fn at(hour: i8, minute: i8) -> TeeTime {
    TeeTime::at(time(hour, minute, 0, 0)).unwrap()
}

fn group(day: Date, tee_time: TeeTime, players: u8) -> Reservation {
    Reservation { date: day, time: tee_time, players, name: "Johnson".into(), phone: None }
}

fn times(slots: &[(TeeTime, u8)]) -> Vec<String> {
    slots.iter().map(|(slot, _)| slot.to_string()).collect()
}

#[test]
fn a_day_runs_from_half_past_six_to_ten_past_four() {
    let day: Vec<String> = TeeTime::all().map(|slot| slot.to_string()).collect();
    assert_eq!(day.len(), 59);
    assert_eq!((day[0].as_str(), day[58].as_str()), ("06:30", "16:10"));
    assert_eq!(TeeTime::at(time(9, 5, 0, 0)), None);
    assert_eq!(TeeTime::at(time(6, 20, 0, 0)), None);
    assert_eq!(TeeTime::at(time(16, 20, 0, 0)), None);
}

#[test]
fn offers_only_slots_inside_the_window_and_with_room_for_everybody() {
    let mut sheet = TeeSheet::new(1);
    sheet.book(NOW, group(SATURDAY, at(7, 10), 2)).unwrap();
    let window = (Some(time(7, 0, 0, 0)), Some(time(7, 30, 0, 0)));
    let for_three = sheet.open_slots(NOW, SATURDAY, 3, window.0, window.1).unwrap();
    assert_eq!(times(&for_three), ["07:00", "07:20", "07:30"]);
    let for_two = sheet.open_slots(NOW, SATURDAY, 2, window.0, window.1).unwrap();
    assert_eq!(for_two[1], (at(7, 10), 2));
}

#[test]
fn today_offers_only_what_has_not_begun() {
    let sheet = TeeSheet::new(1);
    let open = sheet.open_slots(NOW, NOW.date(), 1, None, Some(time(9, 20, 0, 0))).unwrap();
    assert_eq!(times(&open), ["09:10", "09:20"]);
}

#[test]
fn two_groups_share_a_slot_until_it_is_full() {
    let mut sheet = TeeSheet::new(1);
    sheet.book(NOW, group(SATURDAY, at(9, 0), 2)).unwrap();
    sheet.book(NOW, group(SATURDAY, at(9, 0), 2)).unwrap();
    let refusal = sheet.book(NOW, group(SATURDAY, at(9, 0), 1)).unwrap_err();
    let nearest = vec![at(8, 40), at(8, 50), at(9, 10)];
    assert!(matches!(&refusal, Refusal::SlotTaken { nearest: offered, .. } if *offered == nearest), "{refusal:?}");
}

#[test]
fn a_full_slot_comes_with_the_nearest_times_that_fit_the_whole_group() {
    let mut sheet = TeeSheet::new(1);
    for busy in [at(8, 50), at(9, 0), at(9, 10)] {
        sheet.book(NOW, group(SATURDAY, busy, 4)).unwrap();
    }
    let Err(Refusal::SlotTaken { nearest, .. }) = sheet.book(NOW, group(SATURDAY, at(9, 0), 4)) else {
        panic!("a full slot was booked");
    };
    assert_eq!(nearest, [at(8, 30), at(8, 40), at(9, 20)]);
}

#[test]
fn moving_a_reservation_frees_its_old_slot_and_keeps_its_code() {
    let mut sheet = TeeSheet::new(1);
    let code = sheet.book(NOW, group(SATURDAY, at(9, 0), 4)).unwrap();
    let to_ten = Change { time: Some(at(10, 0)), ..Change::default() };
    assert_eq!(sheet.change(NOW, &code, to_ten).unwrap().time, at(10, 0));
    sheet.book(NOW, group(SATURDAY, at(9, 0), 4)).unwrap();
}

#[test]
fn a_group_may_grow_inside_its_own_slot_but_not_past_its_neighbours() {
    let mut sheet = TeeSheet::new(1);
    let code = sheet.book(NOW, group(SATURDAY, at(9, 0), 2)).unwrap();
    let three = Change { players: Some(3), ..Change::default() };
    assert_eq!(sheet.change(NOW, &code, three).unwrap().players, 3);
    sheet.book(NOW, group(SATURDAY, at(9, 0), 1)).unwrap();
    let four = Change { players: Some(4), ..Change::default() };
    assert!(matches!(sheet.change(NOW, &code, four), Err(Refusal::SlotTaken { .. })));
    assert_eq!(sheet.find(&code).unwrap().players, 3, "a refused change changes nothing");
}

#[test]
fn a_cancelled_reservation_is_gone_and_its_slot_is_open_again() {
    let mut sheet = TeeSheet::new(1);
    let code = sheet.book(NOW, group(SATURDAY, at(9, 0), 4)).unwrap();
    sheet.cancel(&code).unwrap();
    assert_eq!(sheet.cancel(&code).unwrap_err(), Refusal::NotFound(code.clone()));
    sheet.book(NOW, group(SATURDAY, at(9, 0), 4)).unwrap();
}

#[test]
fn days_that_are_over_or_too_far_ahead_are_refused() {
    let mut sheet = TeeSheet::new(1);
    let yesterday = date(2026, 11, 22);
    let refusal = sheet.book(NOW, group(yesterday, at(9, 0), 2)).unwrap_err();
    assert_eq!(refusal, Refusal::DayInThePast { date: yesterday, today: NOW.date() });
    let last = NOW.date().saturating_add(90.days());
    sheet.book(NOW, group(last, at(9, 0), 2)).unwrap();
    let beyond = last.tomorrow().unwrap();
    let refusal = sheet.book(NOW, group(beyond, at(9, 0), 2)).unwrap_err();
    assert_eq!(refusal, Refusal::TooFarAhead { date: beyond, last });
}

#[test]
fn nobody_and_five_players_are_refused() {
    let mut sheet = TeeSheet::new(1);
    for players in [0, 5, 255] {
        let refusal = sheet.book(NOW, group(SATURDAY, at(9, 0), players)).unwrap_err();
        assert_eq!(refusal, Refusal::WrongPlayers(players));
    }
}

#[test]
fn every_code_is_unique_and_two_letters_with_four_digits() {
    let mut sheet = TeeSheet::new(7);
    let mut codes = BTreeSet::new();
    for slot in TeeTime::all() {
        for _ in 0..4 {
            let code = sheet.book(NOW, group(SATURDAY, slot, 1)).unwrap();
            assert_eq!(code.as_str().parse(), Ok(code.clone()));
            assert!(codes.insert(code), "a code came twice");
        }
    }
    assert_eq!(codes.len(), 236);
}

#[test]
fn a_code_is_understood_the_way_people_say_and_write_it() {
    for said in ["GV4821", "gv4821", "GV 4821", "g v 4 8 2 1", "GV-4821"] {
        assert_eq!(said.parse::<ConfirmationCode>().unwrap().as_str(), "GV4821");
    }
    for wrong in ["", "GV482", "GV48211", "4821GV", "GÜ4821", "G54821"] {
        assert_eq!(wrong.parse::<ConfirmationCode>(), Err(NotACode), "{wrong}");
    }
}

#[test]
fn reservations_of_days_gone_by_do_not_pile_up() {
    let mut sheet = TeeSheet::new(1);
    let old = sheet.book(NOW, group(NOW.date(), at(10, 0), 4)).unwrap();
    let tomorrow = NOW.saturating_add(1.day());
    sheet.book(tomorrow, group(SATURDAY, at(10, 0), 4)).unwrap();
    assert_eq!(sheet.find(&old), Err(Refusal::NotFound(old.clone())));
}

#[test]
fn weekends_cost_more() {
    assert_eq!(price_per_player(NOW.date()), 45.0);
    assert_eq!(price_per_player(date(2026, 11, 27)), 45.0);
    assert_eq!(price_per_player(SATURDAY), 65.0);
    assert_eq!(price_per_player(date(2026, 11, 29)), 65.0);
}
