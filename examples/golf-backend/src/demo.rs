//! Demo data: a club that is not empty when the first caller rings.
//!
//! The same day gives the same sheet. Nine o'clock stays open on every day, so a walk-through that
//! asks for it works whenever it is tried.

use jiff::ToSpan;
use jiff::civil::{Date, Time, time};

use crate::tee_sheet::{ConfirmationCode, Reservation, TeeSheet, TeeTime};

/// How many days, from tomorrow on, have reservations.
const BUSY_DAYS: i32 = 14;

/// Regular groups of any day: time, players, name.
const REGULARS: [(Time, u8, &str); 4] = [
    (time(7, 30, 0, 0), 4, "Whitfield"),
    (time(8, 30, 0, 0), 2, "Okafor"),
    (time(10, 0, 0, 0), 4, "Lindqvist"),
    (time(13, 10, 0, 0), 3, "Marchetti"),
];

/// Groups that come on Saturdays and Sundays on top.
const WEEKEND_GROUPS: [(Time, u8, &str); 4] = [
    (time(7, 40, 0, 0), 4, "Brennan"),
    (time(8, 0, 0, 0), 4, "Dubois"),
    (time(8, 10, 0, 0), 4, "Hargreaves"),
    (time(11, 30, 0, 0), 4, "Sandoval"),
];

/// Reservations whose codes the README names: code, days from today, time, players, name.
const KNOWN: [(&str, i32, Time, u8, &str); 3] = [
    ("GV4821", 3, time(10, 20, 0, 0), 2, "Garcia"),
    ("HK2046", 5, time(8, 50, 0, 0), 4, "Nguyen"),
    ("RM7310", 8, time(14, 0, 0, 0), 3, "Patel"),
];

/// Fills `sheet` for the days after `today`.
pub(crate) fn fill(sheet: &mut TeeSheet, today: Date) {
    for (code, days, time, players, name) in KNOWN {
        enter(sheet, code, today.saturating_add(days.days()), (time, players, name));
    }
    let mut number = 1000;
    for days in 1..=BUSY_DAYS {
        let date = today.saturating_add(days.days());
        let weekend = matches!(date.weekday().to_monday_zero_offset(), 5 | 6);
        let extra = if weekend { &WEEKEND_GROUPS[..] } else { &[] };
        for group in REGULARS.iter().chain(extra) {
            enter(sheet, &format!("DM{number}"), date, *group);
            number += 1;
        }
    }
}

fn enter(sheet: &mut TeeSheet, code: &str, date: Date, (time, players, name): (Time, u8, &str)) {
    let code: ConfirmationCode = code.parse().expect("demo codes are well formed");
    let time = TeeTime::at(time).expect("demo times are on the grid");
    let reservation = Reservation { date, time, players, name: name.to_owned(), phone: None };
    sheet.enter(code, reservation);
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, datetime};

    use super::*;

    #[test]
    fn garcia_is_on_the_sheet_and_nine_o_clock_is_open_whatever_the_day() {
        for day in 1..=28 {
            let today = date(2026, 2, day);
            let now = datetime(2026, 2, day, 6, 0, 0, 0);
            let mut sheet = TeeSheet::new(0);
            fill(&mut sheet, today);
            let code: ConfirmationCode = "GV4821".parse().unwrap();
            assert_eq!(sheet.find(&code).unwrap().name, "Garcia");
            for ahead in 0..=90 {
                let date = today.saturating_add(ahead.days());
                let open = sheet.open_slots(now, date, 4, None, None).unwrap();
                assert!(open.iter().any(|(slot, _)| slot.to_string() == "09:00"));
            }
        }
    }

    #[test]
    fn a_weekend_morning_has_slots_that_are_full() {
        let mut sheet = TeeSheet::new(0);
        fill(&mut sheet, date(2026, 11, 23));
        let now = datetime(2026, 11, 23, 9, 0, 0, 0);
        let open = sheet.open_slots(now, date(2026, 11, 28), 1, None, None).unwrap();
        assert!(!open.iter().any(|(slot, _)| slot.to_string() == "08:00"));
    }
}
