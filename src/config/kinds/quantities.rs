//! Kinds that measure: durations, counts, shares and sizes, each with its range.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::Kind;

pub(in crate::config) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(in crate::config) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `500ms`, `1s`, `1.5s`, `2m`, `1h`.
pub(in crate::config) struct DurationKind {
    default: Duration,
    range: RangeInclusive<Duration>,
}

pub(in crate::config) fn duration(default: Duration, range: RangeInclusive<Duration>) -> DurationKind {
    DurationKind { default, range }
}

impl Kind for DurationKind {
    type Value = Duration;

    fn parse(&self, text: &str) -> Option<Duration> {
        parse_duration(text).filter(|span| self.range.contains(span))
    }

    fn default(&self) -> Duration {
        self.default
    }

    fn default_text(&self) -> Option<String> {
        Some(duration_text(self.default))
    }

    fn expected(&self) -> String {
        let (from, to) = (duration_text(*self.range.start()), duration_text(*self.range.end()));
        format!("a duration from {from} to {to}, such as {}", duration_text(self.default))
    }
}

/// A number without a unit is refused: whether `5` means seconds or milliseconds is anybody's guess.
fn parse_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let unit_seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let digits_and_points = number.trim_end();
    if !digits_and_points.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let seconds = digits_and_points.parse::<f64>().ok()? * unit_seconds;
    let span = Duration::try_from_secs_f64(seconds).ok()?;
    // Binary fractions of a second are a few nanoseconds off; nobody means less than a microsecond.
    let micros = u64::try_from((span + Duration::from_nanos(500)).as_micros()).ok()?;
    Some(Duration::from_micros(micros))
}

fn duration_text(span: Duration) -> String {
    let millis = span.as_millis();
    match millis {
        0 => "0ms".to_owned(),
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        _ => format!("{millis}ms"),
    }
}

/// Whole seconds without a unit, for settings whose name ends in `SECONDS`.
pub(in crate::config) struct SecondsKind(NumberKind<u32>);

pub(in crate::config) fn whole_seconds(default: u32, range: RangeInclusive<u32>) -> SecondsKind {
    SecondsKind(number(default, range))
}

impl Kind for SecondsKind {
    type Value = Duration;

    fn parse(&self, text: &str) -> Option<Duration> {
        self.0.parse(text).map(|seconds| secs(seconds.into()))
    }

    fn default(&self) -> Duration {
        secs(self.0.default().into())
    }

    fn default_text(&self) -> Option<String> {
        self.0.default_text()
    }

    fn expected(&self) -> String {
        format!("{} (seconds)", self.0.expected())
    }
}

/// A count or a share.
pub(in crate::config) struct NumberKind<N> {
    default: N,
    range: RangeInclusive<N>,
}

pub(in crate::config) fn number<N>(default: N, range: RangeInclusive<N>) -> NumberKind<N> {
    NumberKind { default, range }
}

impl<N: FromStr + PartialOrd + Copy + Debug> Kind for NumberKind<N> {
    type Value = N;

    fn parse(&self, text: &str) -> Option<N> {
        text.parse().ok().filter(|number| self.range.contains(number))
    }

    fn default(&self) -> N {
        self.default
    }

    fn default_text(&self) -> Option<String> {
        Some(format!("{:?}", self.default))
    }

    fn expected(&self) -> String {
        format!("a number from {:?} to {:?}", self.range.start(), self.range.end())
    }
}

/// A size such as `16KiB`; a bare number is bytes.
pub(in crate::config) struct BytesKind {
    default: usize,
    range: RangeInclusive<usize>,
}

pub(in crate::config) fn bytes(default: usize, range: RangeInclusive<usize>) -> BytesKind {
    BytesKind { default, range }
}

impl Kind for BytesKind {
    type Value = usize;

    fn parse(&self, text: &str) -> Option<usize> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(unit_at);
        let unit_bytes = match unit.trim_start() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            _ => return None,
        };
        let size = number.parse::<usize>().ok()?.checked_mul(unit_bytes)?;
        Some(size).filter(|size| self.range.contains(size))
    }

    fn default(&self) -> usize {
        self.default
    }

    fn default_text(&self) -> Option<String> {
        Some(bytes_text(self.default))
    }

    fn expected(&self) -> String {
        let (from, to) = (bytes_text(*self.range.start()), bytes_text(*self.range.end()));
        format!("a size from {from} to {to}, such as {}", bytes_text(self.default))
    }
}

fn bytes_text(size: usize) -> String {
    match size {
        _ if size > 0 && size.is_multiple_of(1 << 20) => format!("{}MiB", size >> 20),
        _ if size > 0 && size.is_multiple_of(1 << 10) => format!("{}KiB", size >> 10),
        _ => format!("{size}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_may_have_a_fraction() {
        let read = [("500ms", 500), ("1s", 1_000), ("1.5s", 1_500), ("2m", 120_000), ("1 h", 3_600_000)];
        for (text, millis) in read {
            assert_eq!(parse_duration(text), Some(ms(millis)), "{text}");
        }
        for text in ["half", "5", "", "ms", "-1s", "1e3s", "1s500ms", "1.2.3s", "NaNs", "infs", "9e99h", "٣s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(parse_duration(&format!("{}h", "9".repeat(400))), None);
    }

    #[test]
    fn durations_are_written_in_their_largest_whole_unit() {
        for text in ["0ms", "240ms", "1500ms", "2s", "90s", "10m", "2h"] {
            assert_eq!(duration_text(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn a_duration_outside_its_range_is_refused() {
        let kind = duration(ms(500), ms(100)..=secs(3));
        assert_eq!(kind.parse("3s"), Some(secs(3)));
        assert_eq!(kind.parse("3001ms"), None);
        assert_eq!(kind.parse("99ms"), None);
        assert_eq!(kind.expected(), "a duration from 100ms to 3s, such as 500ms");
    }

    #[test]
    fn sizes_are_bytes_or_binary_units() {
        let kind = bytes(16 << 10, 1 << 10..=1 << 20);
        assert_eq!(kind.parse("16KiB"), Some(16_384));
        assert_eq!(kind.parse("2048"), Some(2_048));
        assert_eq!(kind.parse("1 MiB"), Some(1 << 20));
        for text in ["16kb", "2MiB", "0", "-1", "99999999999999999999", "99999999999999999MiB", "KiB"] {
            assert_eq!(kind.parse(text), None, "{text}");
        }
        assert_eq!(kind.expected(), "a size from 1KiB to 1MiB, such as 16KiB");
    }

    #[test]
    fn numbers_that_are_not_numbers_are_refused() {
        let share = number(0.5_f32, 0.0..=1.0);
        assert_eq!(share.parse("0.8"), Some(0.8));
        for text in ["NaN", "inf", "1.01", "-0.1", "0,5"] {
            assert_eq!(share.parse(text), None, "{text}");
        }
        assert_eq!(number(8_u32, 1..=1000).expected(), "a number from 1 to 1000");
    }
}
