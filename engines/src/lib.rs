//! Speech engines and a form-filling agent that run inside the gateway's process: no key, no
//! account, no network beyond the one-time fetch of the weights.

pub mod forms;
pub mod runtime;
pub mod stt;
pub mod tts;
pub mod turn_model;
pub mod vad_referee;
pub mod weights;
pub mod worker;
