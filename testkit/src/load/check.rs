//! Bounds a report is held against: `own.p95=20`, `holes=0`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use thiserror::Error;

/// An upper bound of one value in every row of the report: a part of a figure in milliseconds
/// (`own.p95`), a count (`holes`), or something about the gateway's process (`cpu_ms_per_call_second`).
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    name: String,
    at_most: f64,
}

/// A bound that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a bound of the form own.p95=20 or holes=0")]
pub struct BadBound(String);

impl FromStr for Bound {
    type Err = BadBound;

    fn from_str(text: &str) -> Result<Self, BadBound> {
        let bad = || BadBound(text.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(bad)?;
        let at_most: f64 = value.parse().map_err(|_| bad())?;
        if name.is_empty() || !at_most.is_finite() {
            return Err(bad());
        }
        Ok(Self { name: name.to_owned(), at_most })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ≤ {}", self.name, self.at_most)
    }
}

impl Bound {
    /// What is wrong with a row. A value that was not measured keeps no bound.
    pub fn broken_by(&self, row: &Value) -> Option<String> {
        let calls = &row["calls"];
        match self.value_in(row) {
            Some(value) if value <= self.at_most => None,
            Some(value) => Some(format!("{calls} calls: {} is {value}, not ≤ {}", self.name, self.at_most)),
            None => Some(format!("{calls} calls: {} was not measured", self.name)),
        }
    }

    fn value_in(&self, row: &Value) -> Option<f64> {
        match self.name.split_once('.') {
            Some((figure, part)) => row["figures_ms"][figure][part].as_f64(),
            None => ["counts", "server", "generator"].iter().find_map(|part| row[part][&self.name].as_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row() -> Value {
        json!({
            "calls": 20,
            "figures_ms": {"own": {"p95": 12.5, "p99": null}},
            "counts": {"holes": 0},
            "server": {"cpu_ms_per_call_second": 3.5},
        })
    }

    fn broken(bound: &str) -> Option<String> {
        bound.parse::<Bound>().unwrap().broken_by(&row())
    }

    #[test]
    fn a_value_at_its_bound_is_good() {
        for good in ["own.p95=12.5", "own.p95=20", "holes=0", "cpu_ms_per_call_second=4"] {
            assert_eq!(broken(good), None, "{good}");
        }
        assert_eq!(broken("own.p95=12"), Some("20 calls: own.p95 is 12.5, not ≤ 12".into()));
        assert!(broken("cpu_ms_per_call_second=3").is_some());
    }

    #[test]
    fn what_was_not_measured_is_not_good() {
        for name in ["own.p99=50", "own.p96=50", "other.p95=50", "wholes=0"] {
            assert!(broken(name).unwrap().ends_with("was not measured"), "{name}");
        }
    }

    #[test]
    fn refuses_what_is_no_bound() {
        for text in ["", "own.p95", "own.p95=", "own.p95=fast", "=3", "own.p95=inf", "own.p95=NaN"] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
    }
}
