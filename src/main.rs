//! The `voice-gateway` command.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use voice_gateway::config::{Config, ConfigErrors, ProcessEnvironment, settings_markdown};
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
    /// Look at everything that can be wrong before a call is, and tell all of it at once.
    Check(command::check::CheckArgs),
    /// Make a call to a gateway, as Twilio would, and print both sides.
    ///
    /// Lines, recordings and keys come in the order in which they are written. Without any it says what is typed:
    /// by hand at a terminal, or line by line out of a pipe, where each waits until the agent has finished.
    /// /dtmf 123# presses keys, /hangup and the end of the input hang up, /help says this again.
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
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    run(command).unwrap_or_else(|error| match error.downcast::<ConfigErrors>() {
        Ok(errors) => {
            eprintln!("{errors}");
            ExitCode::from(EXIT_USAGE)
        }
        // Whoever reads the output has seen enough of it.
        Err(error) if is_closed_pipe(&error) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    })
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The pages are printed without reading the settings: whoever has a wrong one needs them most.
fn run(command: Command) -> anyhow::Result<ExitCode> {
    let read = || Config::read(&ProcessEnvironment);
    match command {
        Command::Serve => {
            let (config, warnings) = read()?;
            command::serve::run(&config, &warnings)
        }
        Command::Check(args) => command::check::run(&args),
        Command::Call(call) => command::call::run(*call, &read()?.0),
        Command::Models { task } => command::models::run(task.unwrap_or_default(), &read()?.0),
        Command::Healthcheck => command::health::run(&read()?.0),
        Command::Settings => print_page(&settings_markdown()),
        Command::Events => print_page(&events_markdown()),
    }
}

fn print_page(page: &str) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
