//! Runs the fake vendors as a program, for clients that are not Rust and for trying things by hand.
//!
//! It prints one line of JSON with the servers' addresses when they listen, and runs until its
//! standard input is closed or it is told to terminate.
//!
//! The chat model is a puppet: what the user says last is what it does. `/call NAME ARGUMENTS` calls
//! a tool, `/break N TEXT` breaks the connection off after N words, `/hang N TEXT` says no more after
//! them, `/wait MILLISECONDS TEXT` answers late, `/status CODE` is an error. To anything else it
//! answers with an echo, and to a tool's result with that result. See `fakes::chat` for what models of
//! the name `case:<id>` do.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use voice_testkit::fakes::chat::{self, Answer, ApiError, ChatPlan, DefaultAnswer, FakeChat, last_words};
use voice_testkit::fakes::deepgram::{self, DeepgramPlan, FakeDeepgram};
use voice_testkit::fakes::speech;

/// Fake vendors on loopback: Deepgram, and a server of chat completions.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where Deepgram listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    deepgram: SocketAddr,
    /// Where the server of chat completions listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    chat: SocketAddr,
    /// The only key that both let in. Without it they take every key.
    #[arg(long)]
    key: Option<String>,
    /// A model of the chat server; may be repeated. Without it every model is there.
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Writes a text as speech that the fake Deepgram understands (μ-law, 8 kHz) and does nothing else.
    #[arg(long, num_args = 2, value_names = ["TEXT", "FILE"])]
    speech: Option<Vec<String>>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    if let Some([text, file]) = arguments.speech.as_deref() {
        return std::fs::write(PathBuf::from(file), speech::speak(text));
    }
    let plan = DeepgramPlan { key: arguments.key.clone(), ..DeepgramPlan::default() };
    let deepgram = FakeDeepgram::start_on(arguments.deepgram, plan, deepgram::unobserved())?;
    let plan = ChatPlan {
        key: arguments.key,
        models: arguments.model,
        default: DefaultAnswer::by(puppet),
        ..ChatPlan::default()
    };
    let chat = FakeChat::start_on(arguments.chat, plan, chat::unobserved())?;

    let mut terminated = signal(SignalKind::terminate())?;
    let urls = json!({"deepgram": {"ws": deepgram.url(), "http": deepgram.http_url()}, "chat": chat.base_url()});
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{urls}")?;
    stdout.flush()?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        _ = stdin_closes() => {}
    }
    Ok(())
}

/// Ends when nobody can write to standard input any more.
fn stdin_closes() -> oneshot::Receiver<()> {
    let (closed_tx, closed) = oneshot::channel();
    // A read of standard input cannot be given up, so it has a thread that nobody waits for.
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(closed_tx);
    });
    closed
}

/// Does what the user says.
fn puppet(request: &Value) -> Answer {
    let last = request["messages"].as_array().and_then(|messages| messages.last());
    if let Some(result) = last.filter(|message| message["role"] == "tool") {
        return Answer::says(result["content"].as_str().unwrap_or_default());
    }
    let words = last_words(request);
    order(&words).unwrap_or_else(|| Answer::says(format!("You said: {words}")))
}

/// What an order makes the model do; `None` if it is none.
fn order(words: &str) -> Option<Answer> {
    let (command, rest) = words.strip_prefix('/')?.split_once(' ')?;
    let (argument, text) = rest.split_once(' ').unwrap_or((rest, ""));
    match command {
        "call" => Some(Answer::calls(argument, text)),
        "break" => Some(Answer::says(text).breaking_off_after(argument.parse().ok()?)),
        "hang" => Some(Answer::says(text).hanging_after(argument.parse().ok()?)),
        "wait" => Some(Answer::says(text).after(Duration::from_millis(argument.parse().ok()?))),
        "status" => Some(match argument.parse().ok()? {
            429 => Answer::error(ApiError::rate_limit()).header("retry-after-ms", "10"),
            status @ 400..=599 => Answer::error(ApiError::new(status, "planned", "You asked for it.")),
            _ => return None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_understood() {
        let arguments = Arguments::parse_from(["fakes", "--chat", "127.0.0.1:4000", "--model", "a", "--model", "b"]);
        assert_eq!(arguments.chat.port(), 4000);
        assert_eq!(arguments.model, ["a", "b"]);
        let speech = Arguments::parse_from(["fakes", "--speech", "Hello there.", "hello.ulaw"]).speech;
        assert_eq!(speech.unwrap(), ["Hello there.", "hello.ulaw"]);
    }

    #[test]
    fn what_is_no_order_is_echoed() {
        for words in ["hello", "/", "/call", "/dance now", "/break soon x", "/status 200"] {
            assert!(order(words).is_none(), "{words}");
        }
        for words in ["/call f {}", "/call f", "/break 1 a b", "/hang 1 a", "/wait 5 a", "/status 429", "/status 503"] {
            assert!(order(words).is_some(), "{words}");
        }
    }
}
