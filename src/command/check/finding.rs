//! What a check found, and how it is told.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Exit code of a check that found settings that cannot be used, as `serve` has it.
const SETTINGS_EXIT: u8 = 64;

/// Exit code of a check that found any other problem.
const PROBLEM_EXIT: u8 = 1;

/// What a finding is about, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Area {
    Settings,
    Agents,
    Tools,
    Weights,
    Backend,
    Vendors,
    PublicUrl,
    Clock,
}

impl Area {
    const ALL: [Self; 8] = [
        Self::Settings,
        Self::Agents,
        Self::Tools,
        Self::Weights,
        Self::Backend,
        Self::Vendors,
        Self::PublicUrl,
        Self::Clock,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Agents => "agents",
            Self::Tools => "tools",
            Self::Weights => "weights",
            Self::Backend => "backend",
            Self::Vendors => "vendors",
            Self::PublicUrl => "public url",
            Self::Clock => "clock",
        }
    }
}

/// How a finding is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is as it should be.
    Fine,
    /// The gateway works, though perhaps not as its owner thinks.
    Warning {
        /// What to do.
        remedy: String,
    },
    /// The gateway does not start, or calls will fail.
    Problem {
        /// What to do.
        remedy: String,
    },
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) area: Area,
    pub(super) what: String,
    pub(super) verdict: Verdict,
}

/// Everything that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn fine(&mut self, area: Area, what: impl Into<String>) {
        self.0.push(Finding { area, what: what.into(), verdict: Verdict::Fine });
    }

    pub(super) fn warn(&mut self, area: Area, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { area, what: what.into(), verdict: Verdict::Warning { remedy: remedy.into() } });
    }

    pub(super) fn object(&mut self, area: Area, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { area, what: what.into(), verdict: Verdict::Problem { remedy: remedy.into() } });
    }

    /// The findings, area by area.
    fn sorted(&self) -> Vec<&Finding> {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|finding| finding.area);
        sorted
    }

    fn problems(&self) -> usize {
        self.0.iter().filter(|finding| matches!(finding.verdict, Verdict::Problem { .. })).count()
    }

    fn warnings(&self) -> usize {
        self.0.iter().filter(|finding| matches!(finding.verdict, Verdict::Warning { .. })).count()
    }

    /// 0 when nothing is wrong, 64 when a setting is, 1 when anything else is.
    pub(super) fn exit_code(&self) -> u8 {
        let wrong = |finding: &&Finding| matches!(finding.verdict, Verdict::Problem { .. });
        let areas: Vec<_> = self.0.iter().filter(wrong).map(|finding| finding.area).collect();
        match areas.as_slice() {
            [] => 0,
            areas if areas.contains(&Area::Settings) => SETTINGS_EXIT,
            _ => PROBLEM_EXIT,
        }
    }

    /// For people: a line for each finding under its area, what to do below it, and a count.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let sorted = self.sorted();
        for area in Area::ALL {
            let mut findings = sorted.iter().filter(|finding| finding.area == area).peekable();
            if findings.peek().is_some() {
                line(&mut text, area.name());
            }
            for Finding { what, verdict, .. } in findings {
                match verdict {
                    Verdict::Fine => line(&mut text, &format!("  ok       {what}")),
                    Verdict::Warning { remedy } => {
                        line(&mut text, &format!("  warning  {what}"));
                        line(&mut text, &format!("           → {remedy}"));
                    }
                    Verdict::Problem { remedy } => {
                        line(&mut text, &format!("  problem  {what}"));
                        line(&mut text, &format!("           → {remedy}"));
                    }
                }
            }
        }
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        line(&mut text, "");
        line(&mut text, &format!("{}, {}", count(self.problems(), "problem"), count(self.warnings(), "warning")));
        text
    }

    /// For programs: one object.
    pub(super) fn json(&self) -> Value {
        let mut findings = Vec::new();
        let mut fine = Vec::new();
        for Finding { area, what, verdict } in self.sorted() {
            let finding = |severity: &str, remedy: &String| json!({"area": area.name(), "severity": severity, "problem": what, "remedy": remedy});
            match verdict {
                Verdict::Fine => fine.push(json!({"area": area.name(), "what": what})),
                Verdict::Warning { remedy } => findings.push(finding("warning", remedy)),
                Verdict::Problem { remedy } => findings.push(finding("problem", remedy)),
            }
        }
        json!({
            "problems": self.problems(),
            "warnings": self.warnings(),
            "exit_code": self.exit_code(),
            "findings": findings,
            "fine": fine,
        })
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string does not fail");
}

#[cfg(test)]
impl Findings {
    /// The findings as lines, for tests: `ok …`, `warning …`, `problem …`.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |finding: &Finding| match finding.verdict {
            Verdict::Fine => format!("ok {}", finding.what),
            Verdict::Warning { .. } => format!("warning {}", finding.what),
            Verdict::Problem { .. } => format!("problem {}", finding.what),
        };
        self.0.iter().map(line).collect()
    }

    /// What to do about each finding that is not as it should be.
    pub(super) fn remedies(&self) -> Vec<&str> {
        self.0
            .iter()
            .filter_map(|finding| match &finding.verdict {
                Verdict::Fine => None,
                Verdict::Warning { remedy } | Verdict::Problem { remedy } => Some(remedy.as_str()),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Findings {
        let mut findings = Findings::default();
        findings.warn(Area::Clock, "it is late", "go to bed");
        findings.fine(Area::Agents, "golf");
        findings.object(Area::Backend, "nobody answers", "start it");
        findings
    }

    #[test]
    fn people_get_a_line_for_each_finding_under_its_area_and_a_count() {
        let expected = "agents\n  ok       golf\nbackend\n  problem  nobody answers\n           → start it\n\
                        clock\n  warning  it is late\n           → go to bed\n\n1 problem, 1 warning\n";
        assert_eq!(some().text(), expected);
        assert_eq!(Findings::default().text(), "\n0 problems, 0 warnings\n");
    }

    #[test]
    fn programs_get_one_object() {
        let json = some().json();
        let finding =
            json!({"area": "backend", "severity": "problem", "problem": "nobody answers", "remedy": "start it"});
        assert_eq!(json["findings"][0], finding);
        assert_eq!(json["findings"][1]["severity"], "warning");
        assert_eq!(json["fine"], json!([{"area": "agents", "what": "golf"}]));
        assert_eq!((&json["problems"], &json["warnings"], &json["exit_code"]), (&json!(1), &json!(1), &json!(1)));
    }

    #[test]
    fn the_exit_code_tells_settings_from_everything_else() {
        let mut findings = Findings::default();
        findings.warn(Area::Settings, "odd", "look");
        assert_eq!(findings.exit_code(), 0, "warnings are allowed");
        findings.object(Area::Tools, "wrong", "mend it");
        assert_eq!(findings.exit_code(), 1);
        findings.object(Area::Settings, "wrong", "mend it");
        assert_eq!(findings.exit_code(), 64);
    }
}
