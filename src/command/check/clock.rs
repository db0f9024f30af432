//! The clock: tokens and signatures expire, and callers ask for today.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::finding::{Area, Findings};
use super::reply::Clocks;

/// How far this machine's clock may be off.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

/// Years in which this program may run.
const PLAUSIBLE_YEARS: std::ops::RangeInclusive<i16> = 2026..=2099;

/// What a server's clock showed.
pub(super) struct Sample {
    pub(super) whose: String,
    pub(super) clocks: Clocks,
}

/// `zones` are those of the agents, whose names were looked up when the agents were read.
pub(super) fn judge(now: Timestamp, zones: &BTreeSet<&str>, samples: &[Sample], findings: &mut Findings) {
    let year = now.to_zoned(TimeZone::UTC).year();
    if !PLAUSIBLE_YEARS.contains(&year) {
        let what = format!("this machine's clock shows the year {year}");
        findings.object(Area::Clock, what, "set the clock, best by NTP");
    }
    if !zones.is_empty() {
        let zones: Vec<_> = zones.iter().copied().collect();
        findings.fine(Area::Clock, format!("the agents' time zones are known: {}", zones.join(", ")));
    }
    let ahead = |sample: &Sample| sample.clocks.theirs.duration_until(sample.clocks.ours);
    let is_off = |sample: &&Sample| ahead(sample).abs() > TOLERANCE;
    let off: Vec<_> = samples.iter().filter(is_off).collect();
    if samples.is_empty() {
        return findings.fine(Area::Clock, "no server told the time, so it was compared with nobody's");
    }
    if off.is_empty() {
        let count = samples.len();
        let servers = if count == 1 { "the server that was reached" } else { "the servers that were reached" };
        return findings.fine(Area::Clock, format!("the clock agrees with {servers}"));
    }
    for sample in &off {
        let ahead = ahead(sample);
        let way = if ahead.is_positive() { "ahead of" } else { "behind" };
        let seconds = ahead.as_secs().unsigned_abs();
        let what = format!("this machine's clock is {seconds} s {way} that of {}", sample.whose);
        if off.len() == samples.len() {
            findings.object(Area::Clock, what, "set the clock, best by NTP: tokens and signatures expire");
        } else {
            findings.warn(Area::Clock, what, "other servers agree with this machine, so look at that server's clock");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T06:00:00Z".parse().unwrap()
    }

    fn sample(whose: &str, ahead_s: i64) -> Sample {
        let clocks = Clocks { theirs: now() - SignedDuration::from_secs(ahead_s), ours: now() };
        Sample { whose: whose.into(), clocks }
    }

    fn judged(samples: &[Sample]) -> Vec<String> {
        let mut findings = Findings::default();
        judge(now(), &BTreeSet::new(), samples, &mut findings);
        findings.lines()
    }

    #[test]
    fn a_clock_that_is_more_than_half_a_minute_off_is_a_problem() {
        assert_eq!(
            judged(&[sample("a", 30), sample("b", -30)]),
            ["ok the clock agrees with the servers that were reached"]
        );
        assert_eq!(judged(&[sample("a", 31)]), ["problem this machine's clock is 31 s ahead of that of a"]);
        assert_eq!(judged(&[sample("a", -7_200)]), ["problem this machine's clock is 7200 s behind that of a"]);
    }

    #[test]
    fn one_server_that_is_off_alone_is_itself_wrong() {
        assert_eq!(
            judged(&[sample("a", 0), sample("b", 90)]),
            ["warning this machine's clock is 90 s ahead of that of b"]
        );
        assert_eq!(judged(&[]), ["ok no server told the time, so it was compared with nobody's"]);
    }

    #[test]
    fn a_year_before_this_program_is_a_problem() {
        let mut findings = Findings::default();
        judge("1970-01-01T00:00:09Z".parse().unwrap(), &BTreeSet::from(["UTC"]), &[], &mut findings);
        assert_eq!(findings.lines()[0], "problem this machine's clock shows the year 1970");
        assert_eq!(findings.lines()[1], "ok the agents' time zones are known: UTC");
    }
}
