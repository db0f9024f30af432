//! The numbers of turn-taking.

use std::time::Duration;

/// How long to wait, and how much to hear, before the floor changes hands.
///
/// The waits of the end of a turn count from the caller's last voiced frame; they cannot be
/// shorter than the VAD's own pause.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnPolicy {
    /// `ENDPOINT_SURE`: above it the turn model is believed at once. Default `0.8`.
    pub sure_probability: f32,
    /// `ENDPOINT_LIKELY`: above it the caller is probably done. Default `0.5`.
    pub likely_probability: f32,
    /// `ENDPOINT_SURE_AFTER`: silence that ends a turn when the model is sure.
    ///
    /// Lower answers sooner and cuts off more callers. Default `200ms`.
    pub sure_after: Duration,
    /// `ENDPOINT_LIKELY_AFTER`: silence that ends a turn the model thinks complete. Default `500ms`.
    pub likely_after: Duration,
    /// `ENDPOINT_UNLIKELY_AFTER`: silence that ends a turn the model thinks incomplete. Default
    /// `1200ms`.
    pub unlikely_after: Duration,
    /// `ENDPOINT_UNSCORED_AFTER`: silence that ends a turn when the model gave no answer. Without a turn
    /// model a final transcript is enough, and [`TurnPolicy::sure_after`] holds. Default `1500ms`.
    pub unscored_after: Duration,
    /// `ENDPOINT_UNFINISHED_AFTER`: silence that ends a turn whose last words want more: a hanging
    /// word, or a number, code or address half dictated. Default `2s`.
    pub unfinished_after: Duration,
    /// `STT_TIMEOUT`: how long a final transcript may take after a pause. Default `2500ms`.
    pub stt_timeout: Duration,
    /// `STALE_TEXT_AFTER`: words that no longer change while the VAD still hears "speech" are
    /// taken as finished: the line is noisy and the VAD does not let go. Default `2500ms`.
    pub stale_text_after: Duration,
    /// `UTTERANCE_MAX`: the longest a caller may speak without any pause. Default `60s`.
    pub utterance_max: Duration,
    /// `BARGE_IN_AFTER`: speech over a reply that silences it. The VAD measures it. Default `240ms`.
    pub barge_in_after: Duration,
    /// `BARGE_IN_WORDS`: recognised words over a reply that stop it at once. Default `2`.
    pub barge_in_words: usize,
    /// `SILENCE_PROMPT_AFTER`: nobody speaks for so long → "Are you still there?". Default `8s`.
    pub silence_prompt_after: Duration,
    /// `SILENCE_PROMPTS`: questions before the call is ended. Default `2`.
    pub silence_prompts: u32,
    /// `LLM_FILLER_AFTER`: a filler is spoken when nothing is heard for so long. Default `1500ms`.
    pub filler_after: Duration,
    /// `LLM_GIVE_UP_AFTER`: apology and hang-up when the model stays silent. Default `12s`.
    pub give_up_after: Duration,
    /// `TOOL_FILLER_AFTER`: a filler is spoken when a tool runs for so long. Default `1500ms`.
    pub tool_filler_after: Duration,
    /// `TOOL_GIVE_UP_AFTER`: the longest the caller waits for a tool. Longer than the tools' own
    /// timeouts. Default `30s`.
    pub tool_give_up_after: Duration,
    /// `KEYPAD_PAUSE`: quiet after a key that ends a keypad entry without `#`. Default `2s`.
    pub keypad_pause: Duration,
    /// `MARK_GRACE`: how long after its computed end a reply's last mark is waited for. Default `2s`.
    pub mark_grace: Duration,
    /// The agent's `max_call_minutes`.
    pub call_max: Duration,
}

impl Default for TurnPolicy {
    fn default() -> Self {
        Self {
            sure_probability: 0.8,
            likely_probability: 0.5,
            sure_after: Duration::from_millis(200),
            likely_after: Duration::from_millis(500),
            unlikely_after: Duration::from_millis(1_200),
            unscored_after: Duration::from_millis(1_500),
            unfinished_after: Duration::from_secs(2),
            stt_timeout: Duration::from_millis(2_500),
            stale_text_after: Duration::from_millis(2_500),
            utterance_max: Duration::from_secs(60),
            barge_in_after: Duration::from_millis(240),
            barge_in_words: 2,
            silence_prompt_after: Duration::from_secs(8),
            silence_prompts: 2,
            filler_after: Duration::from_millis(1_500),
            give_up_after: Duration::from_secs(12),
            tool_filler_after: Duration::from_millis(1_500),
            tool_give_up_after: Duration::from_secs(30),
            keypad_pause: Duration::from_secs(2),
            mark_grace: Duration::from_secs(2),
            call_max: Duration::from_secs(20 * 60),
        }
    }
}
