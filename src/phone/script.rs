//! What the caller of a scripted call does, in the order of the command line.
//!
//! `--say`, `--wav`, `--interrupt` and `--dtmf` may be mixed and repeated. clap collects each flag
//! by itself, so [`Script`] puts them back into the order in which they were written.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::live::check_keys;

/// One thing the caller does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Waits for the agent to finish, then says this.
    Say(String),
    /// Waits for the agent to finish, then plays this recording.
    Wav(PathBuf),
    /// Talks over the agent.
    Interrupt {
        /// What is said.
        text: String,
        /// How long after the agent began to speak.
        after: Duration,
    },
    /// Waits for the agent to finish, then presses these keys.
    Keys(String),
}

/// Everything the caller does. Empty: the user types what is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// In order.
    pub steps: Vec<Step>,
}

fn parse_say(text: &str) -> Result<Step, String> {
    match text.trim() {
        "" => Err("there is nothing to say".into()),
        text => Ok(Step::Say(text.into())),
    }
}

fn parse_wav(path: &str) -> Result<Step, String> {
    Ok(Step::Wav(path.into()))
}

fn parse_interrupt(written: &str) -> Result<Step, String> {
    const HELP: &str = "write what is said and when, such as \"No, wait\"@1.5s";
    let (text, after) = written.rsplit_once('@').ok_or(HELP)?;
    let text = text.trim();
    let after = parse_span(after).ok_or(HELP)?;
    if text.is_empty() { Err(HELP.into()) } else { Ok(Step::Interrupt { text: text.into(), after }) }
}

fn parse_keys(keys: &str) -> Result<Step, String> {
    check_keys(keys).map_err(|error| error.to_string())?;
    if keys.is_empty() { Err("there is no key to press".into()) } else { Ok(Step::Keys(keys.into())) }
}

/// A time such as `1.5s`, `800ms` or `2`.
fn parse_span(written: &str) -> Option<Duration> {
    let written = written.trim();
    let (number, unit) = match written.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (written.strip_suffix('s').unwrap_or(written), 1.0),
    };
    let seconds = number.trim().parse::<f64>().ok()? * unit;
    // A minute is longer than any reply.
    if (0.0..=60.0).contains(&seconds) { Some(Duration::from_secs_f64(seconds)) } else { None }
}

/// Flag, value, parser and help of every kind of step.
fn flags() -> [(&'static str, &'static str, ValueParser, &'static str); 4] {
    [
        (
            "say",
            "TEXT",
            ValueParser::from(parse_say),
            "Wait for the agent to finish, then say this with the local voice",
        ),
        (
            "wav",
            "FILE",
            ValueParser::from(parse_wav),
            "Wait for the agent to finish, then play this recording (PCM16, mono or stereo)",
        ),
        (
            "interrupt",
            "TEXT@TIME",
            ValueParser::from(parse_interrupt),
            "Talk over the agent, this long after it begins: \"No, wait\"@1.5s",
        ),
        ("dtmf", "KEYS", ValueParser::from(parse_keys), "Wait for the agent to finish, then press these keys: 1234#"),
    ]
}

impl Args for Script {
    fn augment_args(command: Command) -> Command {
        flags().into_iter().fold(command, |command, (flag, value, parser, help)| {
            let arg =
                Arg::new(flag).long(flag).value_name(value).value_parser(parser).action(ArgAction::Append).help(help);
            command.arg(arg.help_heading("What the caller does, in this order"))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Script {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut placed = Vec::new();
        for (flag, ..) in flags() {
            let steps = matches
                .try_get_many::<Step>(flag)
                .map_err(|error| clap::Error::raw(ErrorKind::UnknownArgument, error))?;
            let places = matches.indices_of(flag);
            placed.extend(places.into_iter().flatten().zip(steps.into_iter().flatten()));
        }
        placed.sort_by_key(|&(place, _)| place);
        Ok(Self { steps: placed.into_iter().map(|(_, step)| step.clone()).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(arguments: &[&str]) -> Result<Script, clap::Error> {
        let command = Script::augment_args(Command::new("call").no_binary_name(true));
        Script::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    #[test]
    fn keeps_the_order_across_different_flags() {
        let steps =
            script(&["--say", "hi", "--wav", "a.wav", "--interrupt", "no, wait@1.5s", "--say", "yes", "--dtmf", "12#"])
                .unwrap()
                .steps;
        assert_eq!(
            steps,
            [
                Step::Say("hi".into()),
                Step::Wav("a.wav".into()),
                Step::Interrupt { text: "no, wait".into(), after: Duration::from_millis(1_500) },
                Step::Say("yes".into()),
                Step::Keys("12#".into()),
            ]
        );
        assert_eq!(script(&[]).unwrap(), Script::default());
    }

    #[test]
    fn reads_times_in_seconds_and_milliseconds() {
        for (written, millis) in [("1.5s", 1_500), ("800ms", 800), ("2", 2_000), (" 0s ", 0)] {
            assert_eq!(parse_span(written), Some(Duration::from_millis(millis)), "{written}");
        }
        for wrong in ["", "soon", "-1s", "1h", "NaN", "1e9s"] {
            assert_eq!(parse_span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn refuses_steps_that_make_no_sense() {
        for wrong in
            [["--say", "  "], ["--interrupt", "no time"], ["--interrupt", "@1s"], ["--dtmf", "12e"], ["--dtmf", ""]]
        {
            assert!(script(&wrong).is_err(), "{wrong:?}");
        }
    }
}
