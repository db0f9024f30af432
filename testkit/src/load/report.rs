//! What was measured, for people (a table) and for programs (JSON).

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::check::Bound;
use super::figures::millis;
use super::row::Row;
use super::settings::LoadSettings;
use super::steady::{rounded, server_figures};
use super::vendor_log::Vendor;
use super::{pinning, settings::VendorDelays};

/// From this share of late ticks on the callers themselves were too slow to be believed.
const UNRELIABLE_LATE_PERCENT: f64 = 1.0;

const UNRELIABLE: &str = "callers and vendors were late themselves, and their delay is in the figures; give them a \
                          processor of their own";

/// Characters of a row's name in the table.
const NAME_WIDTH: usize = 34;

/// The rows that were measured.
#[derive(Debug, Clone)]
pub struct Report {
    head: Value,
    rows: Vec<Value>,
    /// The figures' names in the order of the table, and what they are.
    figures: Vec<(&'static str, &'static str)>,
    cells: Vec<Vec<String>>,
}

impl Report {
    /// A report without rows.
    pub fn new(settings: &LoadSettings, voice: &str) -> Self {
        let VendorDelays { stt, llm, tts } = settings.delays;
        let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let head = json!({
            "measured_at": jiff::Timestamp::now().to_string(),
            "voice": voice,
            "vendor_delays_ms": {"stt": millis(stt), "llm": millis(llm), "tts": millis(tts)},
            "interrupt_every": settings.interrupt_every,
            "ramp_ms": millis(settings.ramp),
            "server_cpus": settings.server_cpus,
            "generator_cpus": pinning::own_cpus(),
            "generator_threads": cpus,
            "server_settings": settings.server_settings.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        });
        Self { head, rows: Vec::new(), figures: Vec::new(), cells: Vec::new() }
    }

    /// Adds a row.
    pub fn add(&mut self, row: &Row) {
        let figures = row.tally.figures();
        self.figures = figures.iter().map(|(name, title, _)| (*name, *title)).collect();
        self.cells.push(figures.iter().map(|(.., figure)| figure.cell()).collect());
        let figures_ms: Value =
            figures.iter().map(|(name, _, figure)| ((*name).to_owned(), figure.to_json())).collect();
        let mut counts = row.tally.counts();
        let more = json!({
            "not_greeted": row.not_greeted,
            "unreadable_messages": row.unreadable,
            "vendors_refused": row.vendors_refused,
            "handshakes": row.handshakes.values().sum::<usize>(),
            "handshakes_stt": row.handshakes.get(&Vendor::Stt),
            "handshakes_llm": row.handshakes.get(&Vendor::Llm),
            "handshakes_tts": row.handshakes.get(&Vendor::Tts),
        });
        let ends = row.ends.iter().map(|(end, count)| ((*end).to_owned(), json!(count)));
        if let (Value::Object(counts), Value::Object(more)) = (&mut counts, more) {
            counts.extend(more);
            counts.extend(ends.map(|(end, count)| (format!("calls_{end}"), count)));
        }
        let late_percent = row.punctuality.late_percent();
        self.rows.push(json!({
            "calls": row.calls,
            "turns_per_call": row.turns_per_call,
            "reliable": late_percent <= UNRELIABLE_LATE_PERCENT,
            "figures_ms": figures_ms,
            "counts": counts,
            "server": server_figures(&row.server, row.steady, row.talked),
            "generator": {
                "cpu_share": row.steady.and_then(|steady| steady.cpu_share(&row.own)).map(rounded),
                "ticks": row.punctuality.ticks,
                "late_ticks_percent": rounded(late_percent),
                "worst_tick_ms": millis(row.punctuality.worst),
            },
            "reasons": row.reasons,
            "complaints": row.complaints,
            "turns": row.tally.turns(),
        }));
    }

    /// Everything.
    pub fn to_json(&self) -> Value {
        json!({"about": self.head, "rows": self.rows})
    }

    /// The bounds that are not kept, in words.
    pub fn broken(&self, bounds: &[Bound]) -> Vec<String> {
        self.rows.iter().flat_map(|row| bounds.iter().filter_map(|bound| bound.broken_by(row))).collect()
    }

    /// A column for every number of calls, a line for every figure.
    pub fn table(&self) -> String {
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        let mut line = |name: &str, cells: Vec<String>| lines.push((name.to_owned(), cells));
        let each = |cell: &dyn Fn(&Value) -> String| self.rows.iter().map(cell).collect::<Vec<_>>();
        line("", each(&|row| plural(&row["calls"], "call")));
        line("turns", each(&|row| row["counts"]["turns"].to_string()));
        for (index, (_, title)) in self.figures.iter().enumerate() {
            line(&format!("{title}, ms"), self.cells.iter().map(|cells| cells[index].clone()).collect());
        }
        let of_counts: [(&str, &[&str]); 7] = [
            ("unanswered turns", &["unanswered"]),
            ("holes / late frames", &["holes", "late_frames"]),
            ("words missing/doubled/strange", &["words_missing", "words_doubled", "words_strange"]),
            ("interruptions / not cleared", &["interruptions", "interruptions_not_cleared"]),
            ("clears nobody asked for", &["unasked_clears"]),
            ("handshakes stt/llm/tts", &["handshakes_stt", "handshakes_llm", "handshakes_tts"]),
            ("calls busy/refused/dropped/stopped", &["calls_busy", "calls_refused", "calls_dropped", "calls_stopped"]),
        ];
        for (name, fields) in of_counts {
            line(name, each(&|row| joined(&row["counts"], fields)));
        }
        line("gateway cpu, ms/call/s", each(&|row| number(&row["server"]["cpu_ms_per_call_second"], 2)));
        line("gateway cpu, of a processor", each(&|row| percent(&row["server"]["cpu_share"])));
        let memory = ["rss_before_kib", "rss_peak_kib", "rss_after_kib"];
        line("rss before/peak/after, MiB", each(&|row| memory.map(|name| mebibytes(&row["server"][name])).join("/")));
        line("rss per call, KiB", each(&|row| number(&row["server"]["rss_per_call_kib"], 0)));
        line("threads", each(&|row| number(&row["server"]["threads"], 0)));
        line("generator cpu, of a processor", each(&|row| percent(&row["generator"]["cpu_share"])));
        line("ticks over 5 ms late, %", each(&|row| number(&row["generator"]["late_ticks_percent"], 2)));
        line("worst tick, ms", each(&|row| number(&row["generator"]["worst_tick_ms"], 1)));
        line("reliable", each(&|row| if row["reliable"] == true { "yes".into() } else { "NO".into() }));
        self.heading() + &aligned(&lines) + &self.remarks()
    }

    fn heading(&self) -> String {
        let delays = &self.head["vendor_delays_ms"];
        format!(
            "callers: {}\nvendors answer after: stt {} ms, llm {} ms, tts {} ms\nfigures are p50/p95/p99\n\n",
            self.head["voice"].as_str().unwrap_or_default(),
            delays["stt"],
            delays["llm"],
            delays["tts"],
        )
    }

    /// What the gateway complained of, why calls failed, and which figures not to believe.
    fn remarks(&self) -> String {
        let mut remarks = String::new();
        for row in &self.rows {
            let calls = plural(&row["calls"], "call");
            let notes = [&row["reasons"], &row["complaints"]].into_iter().filter_map(Value::as_object).flatten();
            remarks.extend(notes.map(|(text, count)| format!("\n{calls}: {count} × {text}")));
            if row["reliable"] == false {
                remarks += &format!("\n{calls}: {UNRELIABLE}");
            }
        }
        if remarks.is_empty() { remarks } else { remarks + "\n" }
    }
}

fn aligned(lines: &[(String, Vec<String>)]) -> String {
    let width = lines.iter().flat_map(|(_, cells)| cells).map(|cell| cell.chars().count()).max().unwrap_or_default();
    let mut table = String::new();
    for (name, cells) in lines {
        let cells: String = cells.iter().map(|cell| format!("  {cell:>width$}")).collect();
        let _ = writeln!(table, "{name:<NAME_WIDTH$}{cells}");
    }
    table
}

fn plural(count: &Value, what: &str) -> String {
    if *count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn joined(counts: &Value, fields: &[&str]) -> String {
    fields.iter().map(|field| number(&counts[field], 0)).collect::<Vec<_>>().join("/")
}

fn number(value: &Value, decimals: usize) -> String {
    value.as_f64().map_or("-".into(), |value| format!("{value:.decimals$}"))
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or("-".into(), |share| format!("{:.0} %", share * 100.0))
}

fn mebibytes(kib: &Value) -> String {
    kib.as_f64().map_or("-".into(), |kib| format!("{:.0}", kib / 1_024.0))
}
