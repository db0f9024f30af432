//! What a run over the corpus tells.

use std::fmt::Write as _;

use super::{Outcome, Split};

/// All lines, or all calls, of a half in one mode.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub(crate) split: Split,
    /// `lines` or `calls`.
    pub(crate) what: &'static str,
    /// `text` or `audio`.
    pub(crate) mode: &'static str,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Tally {
    /// How many went as they should.
    pub(crate) fn passed(&self) -> usize {
        self.failures().fold(self.outcomes.len(), |left, _| left - 1)
    }

    /// The share that went as it should, in percent.
    pub(crate) fn percent(&self) -> usize {
        self.passed() * 100 / self.outcomes.len().max(1)
    }

    /// Calls of tools that change something and that nobody wanted.
    pub(crate) fn wrong_writes(&self) -> usize {
        self.outcomes.iter().map(|outcome| outcome.wrong_writes.len()).sum()
    }

    /// How often a caller speaks, on average.
    pub(crate) fn mean_turns(&self) -> f64 {
        let turns: usize = self.outcomes.iter().map(|outcome| outcome.turns).sum();
        turns as f64 / self.outcomes.len().max(1) as f64
    }

    fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| outcome.failure.is_some())
    }

    /// One line of figures, for a terminal.
    pub(crate) fn figures(&self) -> String {
        format!(
            "{} {} in {}: {} of {} as they should ({} %), {} wrong writes, {:.1} turns",
            self.split.name(),
            self.what,
            self.mode,
            self.passed(),
            self.outcomes.len(),
            self.percent(),
            self.wrong_writes(),
            self.mean_turns(),
        )
    }

    /// The figures and what failed: why, for the half one may read, and only the ids for the other.
    pub(crate) fn details(&self) -> String {
        let mut text = self.figures() + "\n";
        for outcome in self.failures() {
            let why = outcome.failure.as_deref().filter(|_| self.split == Split::Development);
            let _ = writeln!(text, "  {}{}", outcome.id, why.map_or(String::new(), |why| format!(": {why}")));
            if self.split == Split::Development && std::env::var_os("CORPUS_TOLD").is_some() {
                text.push_str(&outcome.told);
            }
        }
        text
    }

    /// A row of the table of the report.
    fn row(&self) -> String {
        format!(
            "| {} | {} | {} | {} of {} ({} %) | {} | {:.1} |\n",
            self.split.name(),
            self.what,
            self.mode,
            self.passed(),
            self.outcomes.len(),
            self.percent(),
            self.wrong_writes(),
            self.mean_turns(),
        )
    }
}

/// The report as Markdown.
pub(crate) fn markdown(tallies: &[Tally]) -> String {
    let mut text = String::from(
        "# How well `forms` understands\n\
         \n\
         <!-- Written by `cargo run -p voice-engines --example corpus_report > docs/FORMS.md`. -->\n\
         \n\
         The scripted agent is measured on a [corpus](../engines/corpus/README.md) of what callers say to the golf agent and to the\n\
         restaurant's: single lines in a situation, and whole calls by a caller with a goal who answers what the agent\n\
         says, corrects a wrong read-back, asks in between and changes their mind. Rules were written by reading the\n\
         development half only; the held-out half shares no wording with it, and only its figures are read. Over audio,\n\
         every line of the caller goes through the local voice, 8 kHz μ-law, the local recogniser (Moonshine tiny) and\n\
         the agent's list of the recogniser's slips.\n\
         \n\
         A call is right when the tools that change something were called exactly as the caller wanted, every question was\n\
         answered, and the agent ended the call within the turns a patient receptionist would need. A *wrong write* is a\n\
         booking, change or cancellation the caller did not want: there must be none.\n\
         \n\
         | half | what | mode | right | wrong writes | caller turns |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    tallies.iter().for_each(|tally| text.push_str(&tally.row()));
    text.push_str("\n## What fails in the development half, and why\n\n");
    let development = tallies.iter().filter(|tally| tally.split == Split::Development);
    let mut any = false;
    for tally in development {
        for outcome in tally.failures() {
            any = true;
            let why = outcome.failure.as_deref().unwrap_or_default();
            let _ = writeln!(text, "- {}, {}, `{}`: {why}", tally.what, tally.mode, outcome.id);
        }
    }
    if !any {
        text.push_str("Nothing.\n");
    }
    text.push_str(
        "\nThe local voice is one speaker without noise, so audio figures are those of a good line. A name is as well heard\n\
         as the recogniser knows it; the caller spells it when the read-back has another.\n",
    );
    text
}
