//! The tee sheet: who plays when.
//!
//! [`TeeSheet`] is a plain structure: no clock, no I/O, no locks. Whoever calls it says what time it
//! is, so a test writes `now` down and the service reads it from a clock.
//!
//! What always holds:
//! - a slot never has more than [`MAX_PLAYERS`] players;
//! - a confirmation code names at most one reservation;
//! - a refused request changes nothing.
//!
//! Not here: HTTP and JSON ([`crate::routes`]), repeated requests ([`crate::idempotency`]).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use thiserror::Error;

/// Players that fit into one slot.
pub const MAX_PLAYERS: u8 = 4;
/// How many days ahead the sheet is open.
pub const DAYS_AHEAD: i32 = 90;
/// Minutes between two slots.
const SLOT_MINUTES: u16 = 10;
/// 06:30.
const FIRST_SLOT_MINUTE: u16 = 6 * 60 + 30;
/// 16:10.
const LAST_SLOT_MINUTE: u16 = 16 * 60 + 10;
/// How many other times a refusal offers.
const NEAREST_OFFERED: usize = 3;
/// Letters that are hard to mistake for one another on a telephone line: of the rhyming ones (B, C,
/// D, E, G, P, T, V, Z), of M and N, and of F, S and X only one is here, and I and O look like digits.
const CODE_LETTERS: &[u8] = b"AFHJKLMQRUWY";

/// The start of a slot: every ten minutes from 06:30 to 16:10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TeeTime {
    minute_of_day: u16,
}

impl TeeTime {
    /// Every slot of a day, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (FIRST_SLOT_MINUTE..=LAST_SLOT_MINUTE)
            .step_by(usize::from(SLOT_MINUTES))
            .map(|minute_of_day| Self { minute_of_day })
    }

    /// The slot that starts at `time`, if one does.
    pub fn at(time: Time) -> Option<Self> {
        let minute_of_day = minute_of_day(time);
        let on_grid = (FIRST_SLOT_MINUTE..=LAST_SLOT_MINUTE).contains(&minute_of_day)
            && (minute_of_day - FIRST_SLOT_MINUTE).is_multiple_of(SLOT_MINUTES)
            && time.second() == 0;
        on_grid.then_some(Self { minute_of_day })
    }

    /// The time of day at which it starts.
    pub fn time(self) -> Time {
        let (hour, minute) = (self.minute_of_day / 60, self.minute_of_day % 60);
        let as_i8 = |number: u16| i8::try_from(number).expect("hours and minutes are below 60");
        Time::constant(as_i8(hour), as_i8(minute), 0, 0)
    }
}

fn minute_of_day(time: Time) -> u16 {
    let minute = i32::from(time.hour()) * 60 + i32::from(time.minute());
    u16::try_from(minute).expect("a day has 1,440 minutes, none below zero")
}

impl fmt::Display for TeeTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minute_of_day / 60, self.minute_of_day % 60)
    }
}

/// Two letters and four digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfirmationCode(String);

impl ConfirmationCode {
    fn draw(rng: &mut impl Rng) -> Self {
        let mut letter = || char::from(CODE_LETTERS[rng.random_range(0..CODE_LETTERS.len())]);
        let letters = [letter(), letter()];
        Self(format!("{}{}{:04}", letters[0], letters[1], rng.random_range(0..10_000)))
    }

    /// The code as it is read out.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConfirmationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text has no code in it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a confirmation code is two letters and four digits, such as GV4821")]
pub struct NotACode;

impl FromStr for ConfirmationCode {
    type Err = NotACode;

    /// Tolerates what people do to a code on the phone: small letters, spaces, hyphens.
    fn from_str(text: &str) -> Result<Self, NotACode> {
        let code: String =
            text.chars().filter(|c| !matches!(c, ' ' | '-' | '.')).map(|c| c.to_ascii_uppercase()).collect();
        let shape = code
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at < 2 { byte.is_ascii_uppercase() } else { byte.is_ascii_digit() });
        if shape && code.len() == 6 { Ok(Self(code)) } else { Err(NotACode) }
    }
}

/// A group with a tee time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The day.
    pub date: Date,
    /// The slot.
    pub time: TeeTime,
    /// From 1 to [`MAX_PLAYERS`].
    pub players: u8,
    /// Who booked.
    pub name: String,
    /// How to reach them.
    pub phone: Option<String>,
}

/// What is to change in a reservation; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Another day.
    pub date: Option<Date>,
    /// Another slot.
    pub time: Option<TeeTime>,
    /// Another number of players.
    pub players: Option<u8>,
}

/// Why the sheet refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The slot has too little room, or has already begun.
    #[error("{time} on {date} has no room for {players}")]
    SlotTaken {
        /// The day asked for.
        date: Date,
        /// The slot asked for.
        time: TeeTime,
        /// The players asked for.
        players: u8,
        /// Times of the same day that have room, nearest first chosen, in the day's order.
        nearest: Vec<TeeTime>,
    },
    /// No reservation has this code.
    #[error("no reservation has the confirmation code {0}")]
    NotFound(ConfirmationCode),
    /// The day is over.
    #[error("{date} is in the past; today is {today}")]
    DayInThePast {
        /// The day asked for.
        date: Date,
        /// Today.
        today: Date,
    },
    /// The day is too far ahead.
    #[error("{date} is more than {DAYS_AHEAD} days ahead; the last day that can be booked is {last}")]
    TooFarAhead {
        /// The day asked for.
        date: Date,
        /// The last day the sheet is open for.
        last: Date,
    },
    /// Nobody, or more than a slot holds.
    #[error("players is {0}, but must be from 1 to {MAX_PLAYERS}")]
    WrongPlayers(u8),
}

/// Every reservation of the club.
#[derive(Debug)]
pub struct TeeSheet {
    reservations: BTreeMap<ConfirmationCode, Reservation>,
    rng: StdRng,
}

impl TeeSheet {
    /// An empty sheet. The seed decides the confirmation codes it will give.
    pub fn new(code_seed: u64) -> Self {
        Self { reservations: BTreeMap::new(), rng: StdRng::seed_from_u64(code_seed) }
    }

    /// The slots from `after` to `before` (both included) with room for `players`.
    pub fn open_slots(
        &self,
        now: DateTime,
        date: Date,
        players: u8,
        after: Option<Time>,
        before: Option<Time>,
    ) -> Result<Vec<(TeeTime, u8)>, Refusal> {
        check_players(players)?;
        check_date(now, date)?;
        let wanted = |slot: &TeeTime| {
            after.is_none_or(|after| slot.time() >= after) && before.is_none_or(|before| slot.time() <= before)
        };
        Ok(TeeTime::all()
            .filter(wanted)
            .map(|slot| (slot, self.room(now, date, slot, None)))
            .filter(|(_, room)| *room >= players)
            .collect())
    }

    /// Books a slot and gives its confirmation code.
    pub fn book(&mut self, now: DateTime, reservation: Reservation) -> Result<ConfirmationCode, Refusal> {
        self.check_room(now, &reservation, None)?;
        self.forget_before(now.date());
        // 1.4 million codes, and 90 days hold at most 21,240 reservations: a free one comes soon.
        let code = loop {
            let code = ConfirmationCode::draw(&mut self.rng);
            if !self.reservations.contains_key(&code) {
                break code;
            }
        };
        self.reservations.insert(code.clone(), reservation);
        Ok(code)
    }

    /// Enters a reservation whose code is already known. Does nothing when the code or the room is
    /// taken.
    pub fn enter(&mut self, code: ConfirmationCode, reservation: Reservation) {
        let room = MAX_PLAYERS - self.booked(reservation.date, reservation.time, None);
        if reservation.players <= room {
            self.reservations.entry(code).or_insert(reservation);
        }
    }

    /// The reservation with this code.
    pub fn find(&self, code: &ConfirmationCode) -> Result<&Reservation, Refusal> {
        self.reservations.get(code).ok_or_else(|| Refusal::NotFound(code.clone()))
    }

    /// Changes a reservation as a whole or not at all. Its own players do not stand in its way.
    pub fn change(&mut self, now: DateTime, code: &ConfirmationCode, change: Change) -> Result<&Reservation, Refusal> {
        let mut changed = self.find(code)?.clone();
        changed.date = change.date.unwrap_or(changed.date);
        changed.time = change.time.unwrap_or(changed.time);
        changed.players = change.players.unwrap_or(changed.players);
        self.check_room(now, &changed, Some(code))?;
        self.reservations.insert(code.clone(), changed);
        self.find(code)
    }

    /// Takes a reservation off the sheet.
    pub fn cancel(&mut self, code: &ConfirmationCode) -> Result<Reservation, Refusal> {
        self.reservations.remove(code).ok_or_else(|| Refusal::NotFound(code.clone()))
    }

    /// The reservations of one slot.
    pub fn in_slot(&self, date: Date, time: TeeTime) -> impl Iterator<Item = (&ConfirmationCode, &Reservation)> {
        self.reservations.iter().filter(move |(_, held)| held.date == date && held.time == time)
    }

    /// Yesterday's reservations are of no use to anybody, and without this the sheet would grow.
    fn forget_before(&mut self, today: Date) {
        self.reservations.retain(|_, held| held.date >= today);
    }

    fn booked(&self, date: Date, time: TeeTime, except: Option<&ConfirmationCode>) -> u8 {
        self.in_slot(date, time).filter(|(code, _)| Some(*code) != except).map(|(_, held)| held.players).sum()
    }

    fn room(&self, now: DateTime, date: Date, time: TeeTime, except: Option<&ConfirmationCode>) -> u8 {
        if date.to_datetime(time.time()) <= now {
            return 0;
        }
        MAX_PLAYERS - self.booked(date, time, except)
    }

    fn check_room(
        &self,
        now: DateTime,
        wanted: &Reservation,
        except: Option<&ConfirmationCode>,
    ) -> Result<(), Refusal> {
        let Reservation { date, time, players, .. } = *wanted;
        check_players(players)?;
        check_date(now, date)?;
        if self.room(now, date, time, except) >= players {
            return Ok(());
        }
        let mut nearest: Vec<TeeTime> =
            TeeTime::all().filter(|other| self.room(now, date, *other, except) >= players).collect();
        nearest.sort_by_key(|other| other.minute_of_day.abs_diff(time.minute_of_day));
        nearest.truncate(NEAREST_OFFERED);
        nearest.sort_unstable();
        Err(Refusal::SlotTaken { date, time, players, nearest })
    }
}

/// What one player pays on a day.
pub fn price_per_player(date: Date) -> f64 {
    match date.weekday() {
        Weekday::Saturday | Weekday::Sunday => 65.0,
        _ => 45.0,
    }
}

fn check_players(players: u8) -> Result<(), Refusal> {
    if (1..=MAX_PLAYERS).contains(&players) { Ok(()) } else { Err(Refusal::WrongPlayers(players)) }
}

fn check_date(now: DateTime, date: Date) -> Result<(), Refusal> {
    let today = now.date();
    let last = today.saturating_add(DAYS_AHEAD.days());
    if date < today {
        Err(Refusal::DayInThePast { date, today })
    } else if date > last {
        Err(Refusal::TooFarAhead { date, last })
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "tee_sheet_tests.rs"]
mod tests;
