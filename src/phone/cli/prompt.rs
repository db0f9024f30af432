//! The prompt: what a typed line asks for, and where typed lines come from.

use std::io::{BufRead, BufReader, IsTerminal};

use anyhow::Context;
use tokio::sync::mpsc;

/// Typed lines that wait to be spoken. When it is full the reading of the terminal waits.
const TYPED_CAPACITY: usize = 16;

/// What can be typed.
pub(super) const HELP: &str =
    "type what the caller says; /dtmf 123# presses keys, /hangup or ctrl-d hangs up, /help says this again";

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order<'a> {
    Say(&'a str),
    Keys(&'a str),
    HangUp,
    Help,
    /// An empty line.
    Nothing,
    /// A command that does not exist, or has no use without more words.
    Unknown,
}

impl<'a> Order<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match (word, rest.trim()) {
            ("", _) => Self::Nothing,
            ("/dtmf", keys) if !keys.is_empty() => Self::Keys(keys),
            ("/hangup", "") => Self::HangUp,
            ("/help", "") => Self::Help,
            (word, _) if word.starts_with('/') => Self::Unknown,
            _ => Self::Say(line),
        }
    }
}

/// Lines that somebody or something types.
pub struct Typed {
    reader: Box<dyn BufRead + Send>,
    pub(super) by_hand: bool,
}

impl Typed {
    /// The standard input: by hand if it is a terminal.
    pub fn standard_input() -> Self {
        let input = std::io::stdin();
        let by_hand = input.is_terminal();
        Self { reader: Box::new(BufReader::new(input)), by_hand }
    }

    /// Lines of a file or a pipe: each waits until the agent has finished.
    pub fn from_pipe(reader: impl BufRead + Send + 'static) -> Self {
        Self { reader: Box::new(reader), by_hand: false }
    }

    /// The lines. The thread that reads them ends with the input or with the process: a read of a terminal
    /// cannot be cancelled.
    pub(super) fn lines(self) -> anyhow::Result<mpsc::Receiver<String>> {
        let (typed_tx, typed) = mpsc::channel(TYPED_CAPACITY);
        let read = move || {
            for line in self.reader.lines().map_while(Result::ok) {
                if typed_tx.blocking_send(line).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("typed lines".into()).spawn(read);
        thread.context("cannot start a thread to read the typed lines")?;
        Ok(typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_said_unless_it_begins_with_a_slash() {
        assert_eq!(Order::of("  Saturday at nine \n"), Order::Say("Saturday at nine"));
        assert_eq!(Order::of("and/or"), Order::Say("and/or"));
        assert_eq!(Order::of(" "), Order::Nothing);
        assert_eq!(Order::of("/dtmf  123#"), Order::Keys("123#"));
        assert_eq!((Order::of("/hangup "), Order::of("/help")), (Order::HangUp, Order::Help));
        for nonsense in ["/dtmf", "/hang up", "/keys 1", "/", "/help me"] {
            assert_eq!(Order::of(nonsense), Order::Unknown, "{nonsense}");
        }
        assert!(HELP.contains("/dtmf") && HELP.contains("/hangup") && HELP.contains("/help"));
    }
}
