//! The words of OpenAI's chat completions and of the many servers that speak something like it.
//!
//! [`request::body`] writes a request, [`Answer`] reads what comes back, [`failure`] understands
//! refusals. Nothing here opens a connection: `net::http::chat_completions` does.
//!
//! What always holds:
//! - a request answers every tool call of its history before anything else is said;
//! - reasoning, in its own field or between tags, never becomes text to speak, nor does a tool call
//!   that the server failed to recognise;
//! - a tool call is handed out only when the model can add nothing more to it: when the answer is over, or
//!   broke off behind it;
//! - errors carry no words of the caller or the model.

mod answer;
mod assembler;
pub mod failure;
pub mod request;
mod settings;
mod tags;

pub use answer::{Answer, Usage};
pub use settings::{ChatCompletionsSettings, MaxTokensField};

/// The name of this vendor in the settings.
pub const VENDOR: &str = "chat";
