//! Many measurements of one thing, and what is said about them.

use std::time::Duration;

use serde_json::{Value, json};

/// Measurements of one thing.
#[derive(Debug, Clone, Default)]
pub struct Figure(Vec<Duration>);

impl Figure {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The value at or below which `part` (0 to 1) of the measurements lie, by nearest rank; `None`
    /// without measurements.
    pub fn percentile(&self, part: f64) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() as f64 * part).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied()
    }

    /// Count, 50th, 95th and 99th percentile and maximum, in milliseconds; `null` where there is none.
    pub fn to_json(&self) -> Value {
        let value = |part| self.percentile(part).map(millis);
        json!({"count": self.count(), "p50": value(0.5), "p95": value(0.95), "p99": value(0.99), "max": value(1.0)})
    }

    /// 50th, 95th and 99th percentile for a table.
    pub fn cell(&self) -> String {
        match [0.5, 0.95, 0.99].map(|part| self.percentile(part).map(millis)) {
            [Some(p50), Some(p95), Some(p99)] => format!("{p50:.1}/{p95:.1}/{p99:.1}"),
            _ => "-".into(),
        }
    }
}

impl FromIterator<Duration> for Figure {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        Self(durations.into_iter().collect())
    }
}

/// A duration in milliseconds, to the microsecond.
pub fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(millis: impl IntoIterator<Item = u64>) -> Figure {
        millis.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_measurements_by_nearest_rank() {
        let hundred = of((1..=100).rev());
        assert_eq!(hundred.percentile(0.5), Some(Duration::from_millis(50)));
        assert_eq!(hundred.percentile(0.95), Some(Duration::from_millis(95)));
        assert_eq!(hundred.percentile(0.99), Some(Duration::from_millis(99)));
        assert_eq!(hundred.percentile(1.0), Some(Duration::from_millis(100)));
        assert_eq!(of([7]).percentile(0.5), Some(Duration::from_millis(7)));
        assert_eq!(of([3, 9]).percentile(0.5), Some(Duration::from_millis(3)));
        assert_eq!(of([3, 9]).percentile(0.95), Some(Duration::from_millis(9)));
    }

    #[test]
    fn nothing_measured_is_not_zero() {
        let none = Figure::default();
        assert_eq!(none.percentile(0.5), None);
        assert_eq!(none.cell(), "-");
        assert_eq!(none.to_json(), json!({"count": 0, "p50": null, "p95": null, "p99": null, "max": null}));
    }

    #[test]
    fn is_written_in_milliseconds() {
        let figure: Figure = [Duration::from_micros(1_250)].into_iter().collect();
        assert_eq!(figure.to_json(), json!({"count": 1, "p50": 1.25, "p95": 1.25, "p99": 1.25, "max": 1.25}));
        assert_eq!(figure.cell(), "1.2/1.2/1.2");
    }
}
