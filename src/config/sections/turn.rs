//! When the floor changes hands.

use std::time::Duration;

use crate::config::declare::settings;
use crate::config::kinds::{choice, duration, ms, number, optional, secs};

/// Who judges from the sound of an utterance whether the caller is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnModel {
    /// The engine in this process.
    Local,
    /// Nobody: words and silence decide.
    Off,
}

settings! {
    /// When the floor changes hands. Waits are counted from the last sound of the caller's voice.
    "Turn-taking" TurnSettings {
        /// Who judges from the sound of an utterance whether the caller is done, and in noise whether anybody speaks:
        /// `local`, the engines in this process, or `off`: words and silence decide. Unset: `local` where
        /// `STT_VENDOR` names the local recogniser, else `off`.
        "TURN_MODEL" chosen_model: Option<TurnModel> =
            optional(choice("local", &[("local", TurnModel::Local), ("off", TurnModel::Off)])),
        /// From this probability of the turn model the caller is surely done. Lower answers sooner and
        /// cuts more callers off.
        "ENDPOINT_SURE" sure: f32 = number(0.8, 0.0..=1.0),
        /// From this probability the caller is likely done. Not above `ENDPOINT_SURE`.
        "ENDPOINT_LIKELY" likely: f32 = number(0.5, 0.0..=1.0),
        /// Silence before the answer when the caller is surely done. Lower answers sooner, though never
        /// before the transcript is there; higher waits although nothing speaks for it.
        "ENDPOINT_SURE_AFTER" sure_after: Duration = duration(ms(200), ms(0)..=secs(3)),
        /// The same when they are likely done.
        "ENDPOINT_LIKELY_AFTER" likely_after: Duration = duration(ms(500), ms(100)..=secs(3)),
        /// The same when they are likely not done.
        "ENDPOINT_UNLIKELY_AFTER" unlikely_after: Duration = duration(ms(1_200), ms(200)..=secs(5)),
        /// The same when the turn model has no answer. Without a turn model a final transcript is enough, and
        /// `ENDPOINT_SURE_AFTER` holds.
        "ENDPOINT_UNSCORED_AFTER" unscored_after: Duration = duration(ms(1_500), ms(200)..=secs(5)),
        /// The same after a hanging word ("for", "and") or a half-dictated number. Lower cuts dictated
        /// numbers in two; higher makes a caller wait who really ended like that.
        "ENDPOINT_UNFINISHED_AFTER" unfinished_after: Duration = duration(secs(2), ms(200)..=secs(10)),
        /// Words that no longer change count as finished after so long, though the line still sounds like
        /// speech. Lower cuts callers off in noise; higher makes them wait there.
        "STALE_TEXT_AFTER" stale_text_after: Duration = duration(ms(2_500), ms(500)..=secs(30)),
        /// Longest utterance without a pause; then the agent answers what it has. Lower interrupts
        /// talkers; higher is helpless against a radio in the background.
        "UTTERANCE_MAX" utterance_max: Duration = duration(secs(60), secs(5)..=secs(600)),
        /// Speech over a reply that silences it; without words it goes on. Lower pauses for coughs; higher
        /// talks over the caller.
        "BARGE_IN_AFTER" barge_in_after: Duration = duration(ms(240), ms(60)..=secs(3)),
        /// Words over a reply that count as an interruption however short they were.
        "BARGE_IN_WORDS" barge_in_words: u32 = number(2, 1..=20),
        /// Silence of both sides before the caller is asked whether they are still there. Lower nags;
        /// higher keeps dead lines open.
        "SILENCE_PROMPT_AFTER" silence_prompt_after: Duration = duration(secs(8), secs(2)..=secs(120)),
        /// How often they are asked before the call ends.
        "SILENCE_PROMPTS" silence_prompts: u32 = number(2, 0..=10),
        /// Quiet that ends keypad input without `#`. Lower cuts slow typists; higher delays the answer.
        "KEYPAD_PAUSE" keypad_pause: Duration = duration(secs(2), ms(500)..=secs(10)),
        /// How long the model may be silent before a filler ("One moment, please.") is spoken.
        "LLM_FILLER_AFTER" llm_filler_after: Duration = duration(ms(1_500), ms(300)..=secs(10)),
        /// How long the model may be silent before the agent apologises and hangs up. Above
        /// `LLM_FILLER_AFTER`. Lower gives up on slow models; higher leaves the caller waiting.
        "LLM_GIVE_UP_AFTER" llm_give_up_after: Duration = duration(secs(12), secs(2)..=secs(120)),
        /// How long a tool may run before its filler is spoken.
        "TOOL_FILLER_AFTER" tool_filler_after: Duration = duration(ms(1_500), ms(300)..=secs(10)),
        /// How long the caller waits for a tool at most. Not below `TOOL_FILLER_AFTER`, and better above
        /// the tools' own time limits. Lower gives up on slow tools; higher leaves the caller waiting.
        "TOOL_GIVE_UP_AFTER" tool_give_up_after: Duration = duration(secs(30), secs(2)..=secs(300)),
        /// How long after its computed end the carrier's report that a reply was heard is waited for.
        /// Lower takes the floor too early from a slow carrier; higher waits for reports that are lost.
        "MARK_GRACE" mark_grace: Duration = duration(secs(2), ms(200)..=secs(30)),
    }
}
