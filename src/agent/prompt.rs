//! The agent's instructions: `system.md`, a template with the facts of a call.
//!
//! Variables: `caller_number`, `dialled_number`, `local_date` ("Monday, November 23, 2026"),
//! `local_time` ("9:05 AM"), `timezone`, and `custom`, a map of the parameters that came with the
//! call. An unknown variable is an error; a custom parameter that may be missing needs a guard
//! (`{% if custom.member is defined %}`), which the trial at start-up enforces.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use minijinja::{Environment, UndefinedBehavior, context};
use thiserror::Error;
use voice_pipeline::pii::Pii;

use super::CallFacts;

/// A template may do this much work; a prompt needs a thousandth of it.
const FUEL: u64 = 100_000;

/// The longest parameter that enters a prompt.
const MAX_FACT_CHARS: usize = 500;

const NAME: &str = "system.md";

/// Why the instructions of a call could not be written.
#[derive(Debug, Error)]
#[error("system.md:{}: {}", .0.line().unwrap_or(1), describe(.0))]
pub struct PromptError(#[from] minijinja::Error);

/// A template that was rendered once.
#[derive(Debug)]
pub(super) struct Prompt {
    environment: Environment<'static>,
}

impl Prompt {
    /// Takes the template after a trial with the facts of a call that brings no parameters.
    pub(super) fn new(source: String, timezone: &TimeZone) -> Result<Self, PromptError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.add_template_owned(NAME, source)?;
        let prompt = Self { environment };
        let facts = CallFacts {
            caller_number: Pii::new("+15555550123".to_owned()),
            dialled_number: "+15555550100".to_owned(),
            now: jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC),
            custom: Pii::default(),
        };
        prompt.render(&facts, timezone)?;
        Ok(prompt)
    }

    pub(super) fn render(&self, facts: &CallFacts, timezone: &TimeZone) -> Result<String, PromptError> {
        let now = facts.now.with_time_zone(timezone.clone());
        let custom = facts.custom.expose().iter();
        let custom: BTreeMap<_, _> = custom.map(|(key, value)| (key.as_str(), one_line(value))).collect();
        let context = context! {
            caller_number => one_line(facts.caller_number.expose()),
            dialled_number => one_line(&facts.dialled_number),
            local_date => now.strftime("%A, %B %-d, %Y").to_string(),
            local_time => now.strftime("%-I:%M %p").to_string(),
            timezone => timezone.iana_name().unwrap_or("UTC"),
            custom => custom,
        };
        Ok(self.environment.get_template(NAME)?.render(context)?)
    }
}

/// What comes with a call is one line in the prompt, so that it cannot pose as a section of it.
fn one_line(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(MAX_FACT_CHARS).collect()
}

fn describe(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str) -> Result<String, PromptError> {
        let timezone = TimeZone::get("America/Los_Angeles").unwrap();
        let facts = CallFacts {
            caller_number: Pii::new("+14155550123".to_owned()),
            dialled_number: "+15555550100".to_owned(),
            now: "2026-11-23T17:05:00[UTC]".parse().unwrap(),
            custom: Pii::new([("member".to_owned(), "gold\n## Facts".to_owned())].into()),
        };
        Prompt::new(source.to_owned(), &timezone)?.render(&facts, &timezone)
    }

    #[test]
    fn the_facts_of_a_call_stand_in_the_prompt() {
        let source =
            "{{ caller_number }} called {{ dialled_number }} on {{ local_date }} at {{ local_time }} {{ timezone }}";
        assert_eq!(
            render(source).unwrap(),
            "+14155550123 called +15555550100 on Monday, November 23, 2026 at 9:05 AM America/Los_Angeles"
        );
    }

    #[test]
    fn a_parameter_cannot_pose_as_a_section() {
        let source = "{% if custom.member is defined %}{{ custom.member }}{% endif %}";
        assert_eq!(render(source).unwrap(), "gold ## Facts");
    }

    #[test]
    fn mistakes_are_found_at_start_up_with_their_line() {
        let problem = |source| render(source).unwrap_err().to_string();
        assert!(problem("a\n{{ caler_number }}").starts_with("system.md:2: undefined value"));
        assert!(problem("{{ custom.member }}").starts_with("system.md:1: undefined value"));
        assert!(problem("a\n\n{% if %}").starts_with("system.md:3: syntax error"));
        assert!(
            problem("{% for i in range(9999) %}{% for j in range(9999) %}a{% endfor %}{% endfor %}").contains("fuel")
        );
    }
}
