//! The `call` subcommand: a call from the command line.
//!
//! [`run`] dials, plays the script (or what the user types), prints both sides as they are heard,
//! and ends with a summary. What the caller says is synthesised before the call, so that the
//! machine's load does not disturb what is measured.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use futures_util::StreamExt;
use secrecy::SecretString;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use voice_pipeline::time::CallTime;
use voice_pipeline::vendors::stt::Stt;
use voice_pipeline::vendors::tts::{SpeakRequest, Tts, TtsEvent};

use super::events::PhoneEvent;
use super::live::{LiveCall, Waited};
use super::recording::RecordingFile;
use super::report::{Format, Report};
use super::script::{Script, Step};
use super::transcript::{Ear, LEAD};
use super::{Phone, PhoneSettings, wav};

/// How long the caller waits for the agent before going on regardless.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the agent must be silent after the last line until the caller hangs up: time enough for
/// a tool, and for an agent that ends the call itself.
const LAST_SILENCE: Duration = Duration::from_millis(2_500);

/// How long the caller waits until what the agent said is printed, before speaking on.
const TRANSCRIPT_PATIENCE: Duration = Duration::from_secs(10);

/// Typed lines that wait to be spoken. When it is full the reading of the terminal waits.
const TYPED_CAPACITY: usize = 16;

const TYPING_HELP: &str = "type what the caller says; /keys 12# presses keys, ctrl-d hangs up";

/// Call a gateway as Twilio does, and talk to its agent.
#[derive(Debug, Clone, Args)]
pub struct CallArgs {
    #[command(flatten)]
    script: Script,
    /// The gateway's voice webhook.
    #[arg(long, default_value = "http://127.0.0.1:8080/twilio/voice")]
    url: String,
    /// The caller's number.
    #[arg(long, default_value = "+15550100001")]
    from: String,
    /// The number called.
    #[arg(long, default_value = "+15550100000")]
    to: String,
    /// Signs the requests; the same value as the gateway's. Without it they are not signed.
    #[arg(long, env = "TWILIO_AUTH_TOKEN", hide_env_values = true)]
    auth_token: Option<SecretString>,
    /// Where the end of the call is reported [default: the webhook's neighbour `status`].
    #[arg(long)]
    status_url: Option<String>,
    /// The local voice that speaks for the caller.
    #[arg(long, default_value = "heart")]
    voice: String,
    /// How fast the caller speaks; 1.0 is the voice's own pace.
    #[arg(long, default_value_t = 1.0, value_parser = parse_speed)]
    speed: f32,
    /// Hang up after so many seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    max_seconds: u64,
    /// Write a recording, caller left, agent right: to a .wav file, or to an .opus file in a build with
    /// `--features opus`.
    #[arg(long, value_name = "FILE")]
    record: Option<RecordingFile>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

fn parse_speed(written: &str) -> Result<f32, String> {
    match written.parse() {
        Ok(speed) if (0.5..=2.0).contains(&speed) => Ok(speed),
        _ => Err("it must be a number from 0.5 to 2.0".into()),
    }
}

/// Makes a call and prints it to the standard output.
///
/// # Errors
/// Says why the call did not go through, or what of the script could not be done.
pub async fn run(args: CallArgs, tts: Arc<dyn Tts>, stt: Arc<dyn Stt>) -> anyhow::Result<ExitCode> {
    run_to(args, tts, stt, std::io::stdout()).await
}

/// Makes a call and prints it to `out`.
///
/// # Errors
/// As [`run`].
pub async fn run_to(
    args: CallArgs,
    tts: Arc<dyn Tts>,
    stt: Arc<dyn Stt>,
    out: impl Write + Send,
) -> anyhow::Result<ExitCode> {
    let voice = Voice { tts, name: args.voice.as_str().into(), speed: args.speed };
    let lines = prepare(&args.script, &voice).await?;
    let settings = PhoneSettings {
        webhook_url: args.url.clone(),
        auth_token: args.auth_token.clone(),
        from: args.from.clone(),
        to: args.to.clone(),
        status_url: args.status_url.clone(),
        max_duration: Duration::from_secs(args.max_seconds),
        ..PhoneSettings::default()
    };
    let mut live = Box::pin(Phone::dial(settings)).await?;
    let events = live.take_events();
    let format = if args.json { Format::Json } else { Format::Text };
    let report = Mutex::new(Report::new(format, out));
    let (printed_tx, printed) = watch::channel(CallTime::ZERO);
    let caller = Caller { live: &live, report: &report, printed };
    let ear = Ear::open(&*stt);

    let act = async {
        let result = if lines.is_empty() {
            caller.talk_freely(&voice).await
        } else {
            tokio::select! {
                result = caller.play(lines) => result,
                // The user has heard enough.
                _ = tokio::signal::ctrl_c() => Ok(()),
            }
        };
        live.hang_up().await;
        result
    };
    let (result, greeted_after) = tokio::join!(act, follow(&live, events, ear, &report, printed_tx));
    let record = live.finish().await;
    report.into_inner().unwrap_or_else(PoisonError::into_inner).summary(&record, greeted_after);
    if let Some(file) = args.record {
        let written = spawn_blocking(move || file.write(&record.legs)).await;
        written.context("the recording was not written to its end")??;
    }
    result.map(|()| ExitCode::SUCCESS)
}

/// The voice that speaks for the caller.
struct Voice {
    tts: Arc<dyn Tts>,
    name: Arc<str>,
    speed: f32,
}

impl Voice {
    async fn say(&self, text: &str) -> anyhow::Result<Vec<i16>> {
        let request = SpeakRequest { text: text.into(), voice: Arc::clone(&self.name), speed: self.speed };
        let mut speech = self.tts.speak(request);
        let mut samples = Vec::new();
        while let Some(event) = speech.next().await {
            if let TtsEvent::Audio(part) = event.context("cannot speak for the caller")? {
                samples.extend(part);
            }
        }
        Ok(wav::to_line_rate(&samples, self.tts.sample_rate()))
    }
}

/// A step with its audio ready.
enum Line {
    Say { text: String, samples: Vec<i16> },
    Interrupt { text: String, samples: Vec<i16>, after: Duration },
    Keys(String),
}

async fn prepare(script: &Script, voice: &Voice) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for step in &script.steps {
        lines.push(match step {
            Step::Say(text) => Line::Say { text: text.clone(), samples: voice.say(text).await? },
            Step::Wav(path) => Line::Say { text: format!("({})", path.display()), samples: wav::read(path)? },
            Step::Interrupt { text, after } => {
                let samples = voice.say(text).await?;
                Line::Interrupt { text: text.clone(), samples, after: *after }
            }
            Step::Keys(keys) => Line::Keys(keys.clone()),
        });
    }
    Ok(lines)
}

/// The one who acts in the call.
struct Caller<'a, W> {
    live: &'a LiveCall,
    report: &'a Mutex<Report<W>>,
    /// Up to when what the agent said has been printed.
    printed: watch::Receiver<CallTime>,
}

impl<W: Write> Caller<'_, W> {
    async fn play(&self, lines: Vec<Line>) -> anyhow::Result<()> {
        let count = lines.len();
        for (index, line) in lines.into_iter().enumerate() {
            if self.play_line(line).await.is_none() {
                let by = self.live.ended().await;
                bail!("the call ended (by: {by}) before step {} of {count} was done", index + 1);
            }
        }
        self.live.wait_until_agent_finishes(PATIENCE).await;
        self.live.wait_until_agent_is_quiet_for(LAST_SILENCE, PATIENCE).await;
        Ok(())
    }

    /// `None` when the call ended first.
    async fn play_line(&self, line: Line) -> Option<()> {
        match line {
            Line::Say { text, samples } => {
                self.wait_for_my_turn().await?;
                self.say(&text, &samples).await
            }
            Line::Keys(keys) => {
                self.wait_for_my_turn().await?;
                self.print(|report, now| report.caller(now, &format!("(keys {keys})")));
                self.live.press(&keys).ok()
            }
            Line::Interrupt { text, samples, after } => {
                self.note_patience(self.live.wait_until_agent_speaks(PATIENCE).await)?;
                let began = self.live.agent_speaking_since();
                let at = began.unwrap_or_else(|| self.live.clock().now()) + after;
                if let Waited::CallEnded(_) = self.live.wait_until(at).await {
                    return None;
                }
                self.say(&text, &samples).await
            }
        }
    }

    async fn say(&self, text: &str, samples: &[i16]) -> Option<()> {
        self.print(|report, now| report.caller(now, text));
        self.live.speak(samples).await.ok()
    }

    /// Waits until the agent is done and what it said is printed: lines stay in order, and the
    /// recogniser does not compete with the gateway for the machine while a reply is awaited.
    async fn wait_for_my_turn(&self) -> Option<()> {
        self.note_patience(self.live.wait_until_agent_finishes(PATIENCE).await)?;
        let last = self.live.agent_last_audible().unwrap_or_default();
        let mut printed = self.printed.clone();
        let all_printed = printed.wait_for(|&until| until >= last);
        // A slow recogniser does not keep the caller from speaking.
        let _ = tokio::time::timeout(TRANSCRIPT_PATIENCE, all_printed).await;
        Some(())
    }

    fn note_patience(&self, waited: Waited) -> Option<()> {
        match waited {
            Waited::Happened => Some(()),
            Waited::TimedOut => {
                let what = format!("the agent did not finish within {} s", PATIENCE.as_secs());
                self.print(|report, now| report.note(now, &what));
                Some(())
            }
            Waited::CallEnded(_) => None,
        }
    }

    /// Says what is typed, until the input or the call ends.
    async fn talk_freely(&self, voice: &Voice) -> anyhow::Result<()> {
        self.print(|report, now| report.note(now, TYPING_HELP));
        let mut typed = read_terminal()?;
        loop {
            let line = tokio::select! {
                line = typed.recv() => line,
                _ = self.live.ended() => return Ok(()),
                _ = tokio::signal::ctrl_c() => return Ok(()),
            };
            let Some(line) = line else { break };
            match line.trim() {
                "" => {}
                line => match line.strip_prefix("/keys ") {
                    Some(keys) => {
                        if let Err(error) = self.live.press(keys.trim()) {
                            self.print(|report, now| report.note(now, &error.to_string()));
                        }
                    }
                    None => {
                        let samples = voice.say(line).await?;
                        if self.say(line, &samples).await.is_none() {
                            return Ok(());
                        }
                    }
                },
            }
        }
        self.live.wait_until_agent_finishes(PATIENCE).await;
        Ok(())
    }

    fn print(&self, write: impl FnOnce(&mut Report<W>, CallTime)) {
        let now = self.live.clock().now();
        write(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner), now);
    }
}

/// Lines from the standard input. The thread that reads them ends with the process: a read of a
/// terminal cannot be cancelled.
fn read_terminal() -> anyhow::Result<mpsc::Receiver<String>> {
    let (typed_tx, typed) = mpsc::channel(TYPED_CAPACITY);
    let read = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if typed_tx.blocking_send(line).is_err() {
                break;
            }
        }
    };
    std::thread::Builder::new()
        .name("typed lines".into())
        .spawn(read)
        .context("cannot start a thread to read the terminal")?;
    Ok(typed)
}

/// Prints what happens until the call ends. Gives the time of the agent's first sound.
async fn follow<W: Write>(
    live: &LiveCall,
    mut events: mpsc::Receiver<PhoneEvent>,
    mut ear: Ear,
    report: &Mutex<Report<W>>,
    printed: watch::Sender<CallTime>,
) -> Option<Duration> {
    let report = || report.lock().unwrap_or_else(PoisonError::into_inner);
    let mut first_sound = None;
    let mut began = CallTime::ZERO;
    let mut latency = None;
    while let Some(event) = events.recv().await {
        match event {
            PhoneEvent::AgentStartedSpeaking { at } => {
                began = at;
                first_sound.get_or_insert(at.since_answer());
            }
            PhoneEvent::AgentStoppedSpeaking { at } => {
                let heard = live.heard_between(began - LEAD, at + LEAD);
                match ear.recognise(&heard).await {
                    Ok(words) => report().agent(began, &words),
                    Err(error) => report().note(began, &format!("the agent spoke, but {error}")),
                }
                if let Some(latency) = latency.take() {
                    report().latency(&latency);
                }
                printed.send_replace(at);
            }
            PhoneEvent::Answered(measured) => latency = Some(measured),
            PhoneEvent::CarrierSaid { at, text } => report().carrier(at, text.expose()),
            PhoneEvent::Warning { at, code, what } => report().warning(at, code, &what),
            PhoneEvent::Ended { .. } => break,
            PhoneEvent::StreamStarted { .. }
            | PhoneEvent::AgentAudio { .. }
            | PhoneEvent::MarkEchoed { .. }
            | PhoneEvent::Cleared { .. } => {}
        }
    }
    first_sound
}
