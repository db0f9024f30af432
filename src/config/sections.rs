//! Every setting, declared once: name, type, default, range, and what a lower or higher value does.

mod deepgram;
mod llm;
mod observability;
mod recordings;
mod server;
mod speech;
mod turn;

pub use deepgram::DeepgramSettings;
pub use llm::{LlmSettings, LlmVendor, MaxTokensField};
pub use observability::{EventsTarget, LogFormat, ObservabilitySettings};
pub use recordings::{RecordingFormat, RecordingSettings};
pub use server::{AgentSettings, MediaSettings, ServerSettings, TwilioSettings};
pub use speech::{LocalSttModel, SpeechDetectionSettings, SpeechSettings, SttVendor, TtsVendor};
pub use turn::{TurnModel, TurnSettings};
