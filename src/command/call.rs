//! `call`: a call from outside, with the local engines as the caller's mouth and the phone's ear.

use std::process::ExitCode;

use voice_gateway::config::Config;
use voice_gateway::phone::cli::{self, CallArgs};

use super::engines::Wanted;
use super::health::reachable;
use super::{engines, models, runtime};

pub(crate) fn run(args: CallArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let wanted = Wanted { stt: true, tts: true, turn_and_vad: false };
    let engines = engines::load(config, wanted, &mut models::show_progress())?;
    let (Some(tts), Some(stt)) = (engines.tts, engines.stt) else { unreachable!("what is wanted is loaded") };
    runtime()?.block_on(cli::run(args.or_gateway_at(reachable(config.server.listen)), tts, stt))
}
