//! The `voice-gateway` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use voice_gateway::config::{Config, ProcessEnvironment, settings_markdown};
use voice_gateway::observability::events_markdown;
use voice_gateway::phone::cli::CallArgs;

mod command;

/// Exit code for settings that cannot be used (`EX_USAGE` of sysexits.h).
const EXIT_USAGE: u8 = 64;

/// Answers the phone: callers talk to an AI agent that hears, thinks, uses tools and talks back.
///
/// Every setting of the gateway is an environment variable: see `voice-gateway settings`.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer calls (the default).
    Serve,
    /// Make a call to a gateway, as Twilio would, and print both sides.
    Call(Box<CallArgs>),
    /// Look after the weights of the local engines.
    Models {
        #[command(subcommand)]
        task: Option<command::models::Task>,
    },
    /// Ask the gateway on this machine whether it lives; fails if it does not answer.
    Healthcheck,
    /// Print every setting with its default and meaning, as Markdown.
    Settings,
    /// Print every call event with its fields, as Markdown.
    Events,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (config, warnings) = match Config::read(&ProcessEnvironment) {
        Ok(read) => read,
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let outcome = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => command::serve::run(&config, &warnings),
        Command::Call(call) => command::call::run(*call, &config),
        Command::Models { task } => command::models::run(task.unwrap_or_default(), &config),
        Command::Healthcheck => command::health::run(&config),
        Command::Settings => {
            print!("{}", settings_markdown());
            Ok(ExitCode::SUCCESS)
        }
        Command::Events => {
            print!("{}", events_markdown());
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
