//! docs/SETTINGS.md, written from the declarations.

use std::fmt::Write as _;

use super::declare::{Entry, Section};
use super::sections;

/// Every section, in the order an operator meets them.
pub(super) fn sections() -> [Section; 11] {
    [
        sections::ServerSettings::section(),
        sections::TwilioSettings::section(),
        sections::MediaSettings::section(),
        sections::AgentSettings::section(),
        sections::SpeechSettings::section(),
        sections::SpeechDetectionSettings::section(),
        sections::DeepgramSettings::section(),
        sections::LlmSettings::section(),
        sections::TurnSettings::section(),
        sections::ObservabilitySettings::section(),
        sections::RecordingSettings::section(),
    ]
}

/// The text of docs/SETTINGS.md.
pub fn settings_markdown() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         Every setting is an environment variable. An empty one counts as unset. Whatever is wrong is\n\
         reported at once when the gateway starts, and it exits with code 64; names that look like a\n\
         misspelt setting are pointed out.\n\n\
         This page is written by `cargo run -- settings > docs/SETTINGS.md`; a test fails when it is stale.\n",
    );
    for section in sections() {
        write_section(&mut page, &section);
    }
    page
}

fn write_section(page: &mut String, section: &Section) {
    let Section { title, about, entries } = section;
    write!(page, "\n## {title}\n\n{}\n\n", about.trim()).expect("writing to a string does not fail");
    page.push_str("| setting | default | must be | effect |\n| --- | --- | --- | --- |\n");
    for entry in entries {
        let Entry { name, expected, effect, .. } = entry;
        let default = match &entry.default {
            Some(default) => format!("`{default}`"),
            None if entry.is_secret => "unset (secret)".to_owned(),
            None => "unset".to_owned(),
        };
        writeln!(page, "| `{name}` | {default} | {expected} | {} |", effect.trim())
            .expect("writing to a string does not fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_in_docs_is_the_one_the_declarations_give() {
        let page = include_str!("../../docs/SETTINGS.md");
        assert!(page == settings_markdown(), "docs/SETTINGS.md is stale: cargo run -- settings > docs/SETTINGS.md");
    }

    #[test]
    fn every_setting_is_explained_in_one_line_of_a_table() {
        for entry in sections().iter().flat_map(|section| &section.entries) {
            assert!(entry.effect.trim().ends_with('.'), "{} has no sentence", entry.name);
            assert!(!entry.effect.contains(['\n', '|']), "{} would break the table", entry.name);
            assert!(!entry.expected.contains(['\n', '|']), "{} would break the table", entry.name);
        }
    }
}
