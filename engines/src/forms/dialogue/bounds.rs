//! What a value has to keep to: opening hours, steps, days ahead, how many at once.

use jiff::ToSpan as _;
use jiff::civil::Time;
use voice_values::Value;

use super::super::compile::Field;
use super::super::spoken;
use super::Dialogue;

impl Dialogue<'_> {
    /// Why a value is not possible, in words for the caller.
    pub(super) fn refuse(&self, field: &Field, value: &Value) -> Option<String> {
        let today = self.today();
        let reason = match value {
            Value::Date(day) if *day < today && !field.past => return Some("That day has already passed.".to_owned()),
            Value::Date(day) if *day == today && !field.past && self.day_is_over() => {
                return Some("It's too late for today.".to_owned());
            }
            Value::Date(day) => {
                let last = field.days_ahead.and_then(|days| today.checked_add(i64::from(days).days()).ok())?;
                (*day > last).then(|| format!("The last day I can do is {}.", spoken::date(last, today)))
            }
            Value::Time(time) => {
                let outside = field.range.filter(|(from, to)| !(*from..=*to).contains(time));
                let outside = outside
                    .map(|(from, to)| format!("I can do times from {} to {}.", spoken::time(from), spoken::time(to)));
                return outside
                    .map(|reason| field.outside.clone().unwrap_or(reason))
                    .or_else(|| self.between_steps(field, *time).map(|_| "That time does not exist.".to_owned()));
            }
            Value::Count(count) => {
                let (low, high) = field.bounds;
                (!(low..=high).contains(count)).then(|| {
                    let many = field.unit.as_ref().map_or(String::new(), |(_, many)| format!(" {many}"));
                    if high == u64::MAX {
                        format!("It has to be at least {low}{many}.")
                    } else {
                        format!("It has to be from {low} to {high}{many}.")
                    }
                })
            }
            Value::Flag(_) | Value::Text(_) => None,
        };
        reason.map(|reason| field.outside.clone().unwrap_or(reason))
    }

    /// The possible times around one that lies between two steps.
    pub(super) fn between_steps(&self, field: &Field, time: Time) -> Option<Vec<Time>> {
        let step = i64::from(field.step_minutes?);
        let (from, to) = field.range.unwrap_or((Time::MIN, Time::MAX));
        let minutes = |time: Time| i64::from(time.hour()) * 60 + i64::from(time.minute());
        let past = (minutes(time) - minutes(from)).rem_euclid(step);
        if past == 0 {
            return None;
        }
        let shift = |by: i64| time.checked_add(by.minutes()).ok().filter(|time| (from..=to).contains(time));
        Some([shift(-past), shift(step - past)].into_iter().flatten().collect())
    }
}
