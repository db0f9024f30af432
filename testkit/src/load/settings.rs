//! What is measured, and how.

use std::path::PathBuf;
use std::time::Duration;

/// How long the vendors take. None of it is part of the gateway's own share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VendorDelays {
    /// From the request for a final transcript to the transcript.
    pub stt: Duration,
    /// From the request for an answer to its first token.
    pub llm: Duration,
    /// From a text to its first audio.
    pub tts: Duration,
}

impl Default for VendorDelays {
    fn default() -> Self {
        Self { stt: Duration::from_millis(50), llm: Duration::from_millis(100), tts: Duration::from_millis(80) }
    }
}

/// What is measured, and how.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// Calls at the same time, a row each.
    pub calls: Vec<u32>,
    /// Turns of a row at least, over all its calls.
    pub turns: u32,
    /// Turns of a call at least.
    pub turns_per_call: u32,
    /// Every so many turns one interrupts the reply before it. 0: none does.
    pub interrupt_every: u32,
    /// Over how long the calls of a row begin.
    pub ramp: Duration,
    /// How long the vendors take.
    pub delays: VendorDelays,
    /// Decides the pauses between turns.
    pub seed: u64,
    /// The gateway's program.
    pub server: PathBuf,
    /// The folder of its agents.
    pub prompts: PathBuf,
    /// Further settings of the gateway, which win over those of the load test.
    pub server_settings: Vec<(String, String)>,
    /// The processors it runs on, as `taskset` writes them.
    pub server_cpus: Option<String>,
}

impl LoadSettings {
    /// How many turns each of so many calls has.
    pub fn turns_of_each(&self, calls: u32) -> u32 {
        self.turns.div_ceil(calls.max(1)).max(self.turns_per_call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_shared_among_the_calls_and_never_too_few() {
        let settings = LoadSettings {
            calls: vec![],
            turns: 100,
            turns_per_call: 4,
            interrupt_every: 0,
            ramp: Duration::ZERO,
            delays: VendorDelays::default(),
            seed: 0,
            server: PathBuf::new(),
            prompts: PathBuf::new(),
            server_settings: vec![],
            server_cpus: None,
        };
        let turns = [1, 3, 20, 25, 100].map(|calls| settings.turns_of_each(calls));
        assert_eq!(turns, [100, 34, 5, 4, 4]);
    }
}
