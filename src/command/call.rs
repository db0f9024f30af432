//! `call`: a call from outside, with the local engines as the caller's mouth and the phone's ear.

use std::process::ExitCode;

use voice_gateway::config::Config;
use voice_gateway::phone::cli::{self, CallArgs};

use super::{engines, models, runtime};

pub(crate) fn run(args: CallArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let speech = engines::load(config, &mut models::show_progress())?;
    runtime()?.block_on(cli::run(args, speech.tts, speech.stt))
}
