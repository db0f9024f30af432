//! Dates and times of a form, from what was said of them.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Time;
use voice_values::date::DateWish;
use voice_values::time::{Clock, Half, TimeWish, resolve};
use voice_values::{Kind, Value};

use super::super::compile::{Field, Form};
use super::super::spoken;
use super::Dialogue;
use super::fill::{Applied, Window};

impl Dialogue<'_> {
    pub(super) fn read_date(
        &self,
        form: &Form,
        wish: &DateWish,
        values: &mut BTreeMap<String, Value>,
        applied: &mut Applied,
    ) {
        let Some(field) = self.target(form, &|kind| *kind == Kind::Date, values) else {
            applied.unplaced = true;
            return;
        };
        match wish {
            DateWish::On(day) => match self.refuse(field, &Value::Date(*day)) {
                None => Self::put(&field.name, Value::Date(*day), values, applied),
                Some(reason) => applied.notes.push(reason),
            },
            DateWish::Either(days) => {
                let possible: Vec<Value> =
                    days.iter().map(|day| Value::Date(*day)).filter(|day| self.refuse(field, day).is_none()).collect();
                Self::one_of(field, possible, values, applied);
            }
            DateWish::Later(days) => {
                let base = self.known_before(field, values);
                let day = base.and_then(|base| match base {
                    Value::Date(day) => day.checked_add(days.days()).ok(),
                    _ => None,
                });
                match day.map(Value::Date) {
                    None => applied.unplaced = true,
                    Some(day) => match self.refuse(field, &day) {
                        None => Self::put(&field.name, day, values, applied),
                        Some(reason) => applied.notes.push(reason),
                    },
                }
            }
            DateWish::Week => applied.notes.push("I need the exact day.".to_owned()),
            DateWish::Impossible => applied.notes.push("There is no such day.".to_owned()),
        }
    }

    /// What a field held when it was last spoken of: now, or in the last deed.
    pub(super) fn known_before(&self, field: &Field, values: &BTreeMap<String, Value>) -> Option<Value> {
        let kept = |name: &str| values.get(name).or_else(|| self.done_with.get(name));
        let alike = |name: &&String| self.field(name).is_some_and(|known| known.kind == field.kind);
        kept(&field.name)
            .or_else(|| values.keys().chain(self.done_with.keys()).find(alike).and_then(|name| kept(name)))
            .cloned()
    }

    pub(super) fn read_clock(
        &self,
        form: &Form,
        clock: Clock,
        part: Option<Half>,
        values: &mut BTreeMap<String, Value>,
        applied: &mut Applied,
    ) {
        let Some(field) = self.target(form, &|kind| *kind == Kind::Time, values) else {
            applied.unplaced = true;
            return;
        };
        let times: Vec<Value> = resolve(clock, part, field.range).into_iter().map(Value::Time).collect();
        let possible: Vec<Value> = times.iter().filter(|time| self.refuse(field, time).is_none()).cloned().collect();
        match (possible.is_empty(), times.first()) {
            (true, Some(Value::Time(time))) => match self.between_steps(field, *time) {
                Some(near) => {
                    applied.notes.push(format!("There is no {}.", spoken::time(*time)));
                    Self::one_of(field, near.into_iter().map(Value::Time).collect(), values, applied);
                }
                None => applied.notes.extend(self.refuse(field, &Value::Time(*time))),
            },
            _ => Self::one_of(field, possible, values, applied),
        }
    }

    /// "Half an hour later": than the time that was named, or that of the last deed.
    pub(super) fn read_shift(
        &self,
        form: &Form,
        minutes: i32,
        values: &mut BTreeMap<String, Value>,
        applied: &mut Applied,
    ) {
        let field = self.target(form, &|kind| *kind == Kind::Time, values);
        let known = field.and_then(|field| Some((field, self.known_before(field, values)?)));
        let Some((field, Value::Time(time))) = known else {
            applied.unknown = field.map(|field| field.name.clone());
            applied.unplaced = true;
            return;
        };
        match time.checked_add(minutes.minutes()).map(Value::Time) {
            Ok(time) => match self.refuse(field, &time) {
                None => Self::put(&field.name, time, values, applied),
                Some(reason) => applied.notes.push(reason),
            },
            Err(_) => applied.unplaced = true,
        }
    }

    pub(super) fn read_window(
        &self,
        form: &Form,
        wish: &TimeWish,
        values: &mut BTreeMap<String, Value>,
        window: &mut Window,
        applied: &mut Applied,
    ) {
        let Some(field) =
            self.target(form, &|kind| matches!(kind, Kind::Time | Kind::WindowStart | Kind::WindowEnd), values)
        else {
            applied.unplaced = true;
            return;
        };
        let range = self.target(form, &|kind| *kind == Kind::Time, values).and_then(|field| field.range);
        let time = |clock: Option<Clock>| clock.and_then(|clock| resolve(clock, None, range).first().copied());
        *window = Some(match wish {
            TimeWish::Between(from, to) => (time(*from), time(*to)),
            TimeWish::FromTo(from, to) => (time(Some(*from)), time(Some(*to))),
            TimeWish::Part(from, to, _) => {
                let opening = range.map_or(Time::MIN, |range| range.0);
                (Some((*from).max(opening)).filter(|from| *from > Time::MIN), Some(*to))
            }
            TimeWish::Any | TimeWish::At(_) | TimeWish::Same | TimeWish::Shift(_) => (None, None),
        });
        let wished = self.target(form, &|kind| *kind == Kind::Time, values).map_or(&field.name, |field| &field.name);
        values.remove(wished);
    }
}
