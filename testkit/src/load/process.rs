//! What the kernel knows about a process: processor time, memory, threads.
//!
//! [`Sample::of`] reads `/proc`; what it reads is taken apart by pure functions.

use std::io;
use std::time::{Duration, Instant};

/// One clock tick of `/proc/PID/stat`: `USER_HZ`, which is 100 on every architecture that Linux has
/// a Rust standard library for.
const TICK: Duration = Duration::from_millis(10);

/// One look at a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When it was taken.
    pub at: Instant,
    /// Processor time spent since the process began, in user and in kernel mode.
    pub cpu: Duration,
    /// Memory it holds.
    pub rss_kib: u64,
    /// The most it has held so far.
    pub rss_peak_kib: u64,
    /// Its threads.
    pub threads: u64,
}

impl Sample {
    /// Looks at a process; `"self"` is this one.
    ///
    /// # Errors
    /// The process is gone, or this system has no `/proc`.
    pub fn of(pid: &str) -> io::Result<Self> {
        let at = Instant::now();
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}"));
        let (stat, status) = (read("stat")?, read("status")?);
        let unknown = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid} tells no {what}"));
        let number = |name: &str| field(&status, name).ok_or_else(|| unknown(name));
        Ok(Self {
            at,
            cpu: cpu_time(&stat).ok_or_else(|| unknown("processor time"))?,
            rss_kib: number("VmRSS")?,
            rss_peak_kib: number("VmHWM")?,
            threads: number("Threads")?,
        })
    }

    /// The share of one processor that was used since an earlier look: 1.0 is a whole one.
    pub fn cpu_share_since(&self, earlier: &Self) -> f64 {
        let passed = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        if passed > 0.0 { self.cpu.saturating_sub(earlier.cpu).as_secs_f64() / passed } else { 0.0 }
    }
}

/// User and kernel time in a `stat` line. The second field is the program's name in brackets and may
/// hold anything.
fn cpu_time(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (ticks()? + ticks()?))
}

/// The number in a line such as `VmRSS:   1234 kB`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_behind_any_name() {
        let stat = "42 (voice) (gate way) S 1 42 42 0 -1 4194560 900 0 3 0 1234 66 0 0 20 0 9 0 5000 100 200";
        assert_eq!(cpu_time(stat), Some(Duration::from_millis(13_000)));
        assert_eq!(cpu_time("42 (x) S 1 2"), None);
    }

    #[test]
    fn reads_numbers_by_their_whole_name() {
        let status = "Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t  800 kB\nRssAnon:\t 7 kB\nThreads:\t9\n";
        assert_eq!(field(status, "VmRSS"), Some(800));
        assert_eq!(field(status, "Threads"), Some(9));
        assert_eq!(field(status, "Vm"), None);
    }

    #[test]
    fn sees_this_process_work() {
        let before = Sample::of("self").unwrap();
        let mut number = 1_u64;
        while before.at.elapsed() < Duration::from_millis(60) {
            number = std::hint::black_box(number.wrapping_mul(31));
        }
        let after = Sample::of("self").unwrap();
        assert!(after.cpu > before.cpu && after.threads >= 1);
        assert!(after.rss_kib > 0 && after.rss_peak_kib >= after.rss_kib.min(before.rss_kib));
        assert!(after.cpu_share_since(&before) > 0.0);
    }
}
