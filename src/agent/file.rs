//! The shape of `agent.toml`, as it is written.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::{AgentVendors, Lines};

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentFile {
    pub(super) name: String,
    #[serde(default = "language")]
    pub(super) language: String,
    pub(super) voice: Option<String>,
    #[serde(default = "speed")]
    pub(super) speed: f32,
    pub(super) timezone: String,
    #[serde(default)]
    pub(super) numbers: Vec<String>,
    pub(super) person_number: Option<String>,
    pub(super) lines: Lines,
    #[serde(default)]
    pub(super) vendors: AgentVendors,
    #[serde(default)]
    pub(super) limits: LimitsFile,
    #[serde(default)]
    pub(super) normalise: Vec<NormaliseFile>,
    #[serde(default)]
    pub(super) tools: Vec<ToolFile>,
    #[serde(default)]
    pub(super) forms: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsFile {
    pub(super) max_call_minutes: u32,
    pub(super) max_tool_calls_per_turn: u32,
}

impl Default for LimitsFile {
    fn default() -> Self {
        Self { max_call_minutes: 20, max_tool_calls_per_turn: 6 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NormaliseFile {
    pub(super) heard: String,
    pub(super) means: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolFile {
    pub(super) name: String,
    pub(super) description: String,
    #[serde(default = "method")]
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    #[serde(default = "timeout", deserialize_with = "duration")]
    pub(super) timeout: Duration,
    #[serde(default)]
    pub(super) retries: usize,
    #[serde(default)]
    pub(super) side_effect: bool,
    pub(super) filler: Option<String>,
    pub(super) parameters: Value,
    #[serde(default)]
    pub(super) forms: Value,
}

fn language() -> String {
    "en-US".to_owned()
}

fn speed() -> f32 {
    1.0
}

fn method() -> String {
    "GET".to_owned()
}

fn timeout() -> Duration {
    Duration::from_secs(5)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    let parsed = parsed.and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| D::Error::custom(format!("{text:?} is not a duration such as \"5s\" or \"800ms\"")))
}

/// Reads the file; a problem names its line and column.
pub(super) fn read(text: &str) -> Result<AgentFile, String> {
    toml::from_str(text).map_err(|error| {
        let before = &text[..error.span().map_or(0, |span| span.start)];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        format!("{line}:{column}: {}", error.message().replace('\n', " "))
    })
}
