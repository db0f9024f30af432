//! How long the gateway itself keeps a caller waiting: one whole turn through the real session, all
//! stages and channels included, with vendors that need no time.
//!
//! The measured span begins when the recogniser hands over its final transcript and ends when the
//! first audio of the reply is with the carrier: turn-taking, history, model stage, sentence
//! cutting, synthesis stage, encoding, and every task switch between them. What real vendors, the
//! pause at the end of a turn and the network take comes on top.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use futures_util::FutureExt;
use futures_util::future::join;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use voice_pipeline::event::{CallEvent, EventSink};
use voice_pipeline::line::{Fence, Inbound, Outbound};
use voice_pipeline::session::{self, Ends, Line};
use voice_pipeline::turn::{TurnId, TurnPolicy};
use voice_pipeline::vad::VadSettings;
use voice_pipeline::vendors::stt::{AudioFormat, Stt, SttEvent, SttLine};
use voice_testkit::studio::{Cast, FakeVoice, call_setup, silent_frame};
use voice_testkit::vendors::{Answer, ScriptedLlm, ScriptedStt, ScriptedTools, ToneTts, brain, ear, mouth};

/// Frames come four times as fast as from a carrier, so that a turn takes a fifth of a second. The
/// call takes its time from the frames, and the measured span holds hardly one.
const FRAME_EVERY: Duration = Duration::from_millis(5);
/// A sound of 200 ms: one too short for a word would wait for more.
const SPOKEN_FRAMES: usize = 40;
/// Frames of silence between a reply and the next words, for what the VAD still has in its ear.
const QUIET_FRAMES: usize = 10;
/// A turn that takes longer than this never ends.
const STUCK: Duration = Duration::from_secs(10);

/// A recogniser that notes when its final transcripts leave it.
struct Timed {
    stt: ScriptedStt,
    finals: mpsc::Sender<Instant>,
}

impl Stt for Timed {
    fn name(&self) -> &'static str {
        self.stt.name()
    }

    fn format(&self) -> AudioFormat {
        self.stt.format()
    }

    fn open(&self) -> SttLine {
        let SttLine { input, mut events, driver } = self.stt.open();
        let (results, timed) = mpsc::channel(64);
        let finals = self.finals.clone();
        let pass_on = async move {
            while let Some(event) = events.recv().await {
                if matches!(event, Ok(SttEvent::Final { .. })) {
                    finals.try_send(Instant::now()).expect("every turn takes its final");
                }
                if results.send(event).await.is_err() {
                    return;
                }
            }
        };
        SttLine { input, events: timed, driver: join(driver, pass_on).map(drop).boxed() }
    }
}

/// Takes no notice.
struct Nobody;

impl EventSink for Nobody {
    fn emit(&self, _: CallEvent) {}
}

/// The carrier's end of a call. Marks come back at once: nothing is really played.
struct Carrier {
    inbound: mpsc::Sender<Inbound>,
    outbound: mpsc::Receiver<Outbound>,
    finals: mpsc::Receiver<Instant>,
    frames: Interval,
    voice: FakeVoice,
}

impl Carrier {
    /// The caller says something, is answered, and hears the answer to its end. Gives the time from
    /// the final transcript to the first audio.
    async fn turn(&mut self, turn: TurnId) -> Duration {
        for _ in 0..SPOKEN_FRAMES {
            self.frames.tick().await;
            let frame = self.voice.frame();
            self.send(Inbound::Audio(frame.into())).await;
        }
        let first_audio = self.until(|outbound| matches!(outbound, Outbound::Audio { turn: of, .. } if *of == turn));
        let answered = first_audio.await;
        let understood = self.finals.recv().await.expect("an answer follows a final");
        self.hear_out(turn).await;
        assert!(self.finals.is_empty(), "one final a turn");
        answered - understood
    }

    /// Until the reply's mark has come, and a little silence.
    async fn hear_out(&mut self, turn: TurnId) {
        self.until(|outbound| matches!(outbound, Outbound::Mark { turn: of, .. } if *of == turn)).await;
        for _ in 0..QUIET_FRAMES {
            self.frames.tick().await;
            self.send(Inbound::Audio(silent_frame().into())).await;
        }
    }

    /// The caller is silent until `wanted` comes; gives the moment of its arrival.
    async fn until(&mut self, wanted: impl Fn(&Outbound) -> bool) -> Instant {
        loop {
            tokio::select! {
                biased;
                outbound = self.outbound.recv() => {
                    let now = Instant::now();
                    let outbound = outbound.expect("the call goes on");
                    let found = wanted(&outbound);
                    if let Outbound::Mark { name, .. } = outbound {
                        self.send(Inbound::Mark(name)).await;
                    }
                    if found {
                        return now;
                    }
                }
                _ = self.frames.tick() => self.send(Inbound::Audio(silent_frame().into())).await,
            }
        }
    }

    async fn send(&self, inbound: Inbound) {
        self.inbound.send(inbound).await.expect("the call goes on");
    }
}

/// A call of so many turns; gives the sum of their measured spans.
async fn call(turns: u64) -> Duration {
    let count = usize::try_from(turns).expect("criterion asks for few");
    let (finals_tx, finals) = mpsc::channel(1);
    let cast = Cast {
        stt: ear(Timed {
            stt: ScriptedStt::new(&vec!["A tee time please."; count], Duration::ZERO),
            finals: finals_tx,
        }),
        llm: brain(ScriptedLlm::new(&vec![Answer::Says("Sure, when?"); count])),
        tts: mouth(ToneTts::new()),
        tools: Arc::new(ScriptedTools::new(&[])),
        // The transcript alone ends the turn: no pause is waited out.
        policy: TurnPolicy {
            sure_after: Duration::ZERO,
            unscored_after: Duration::ZERO,
            call_max: Duration::from_secs(3_600),
            ..TurnPolicy::default()
        },
    };
    let mut setup = call_setup(cast, Arc::new(Nobody)).await;
    setup.vad = VadSettings { pause: Duration::from_millis(100), ..setup.vad };
    let (inbound, inbound_rx) = mpsc::channel(64);
    let (outbound_tx, outbound) = mpsc::channel(64);
    let line = Line { inbound: inbound_rx, outbound: outbound_tx, fence: Fence::default() };
    let ends = Ends { close: CancellationToken::new(), cancel: CancellationToken::new() };
    let mut session = JoinSet::new();
    session.spawn(session::run(setup, line, ends));
    let mut frames = interval(FRAME_EVERY);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut carrier = Carrier { inbound, outbound, finals, frames, voice: FakeVoice::default() };

    let greeting = TurnId(0);
    timeout(STUCK, carrier.hear_out(greeting)).await.expect("the agent greets");
    let (mut turn, mut sum) = (greeting, Duration::ZERO);
    for _ in 0..turns {
        turn = turn.next();
        sum += timeout(STUCK, carrier.turn(turn)).await.expect("every turn is answered");
    }
    carrier.send(Inbound::HungUp).await;
    session.join_next().await.expect("one call was spawned").expect("the call does not panic");
    sum
}

fn whole_turn(c: &mut Criterion) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime starts");
    let mut group = c.benchmark_group("turn");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.bench_function("final transcript to first audio, instant vendors", |b| {
        b.iter_custom(|turns| runtime.block_on(call(turns)));
    });
    group.finish();
}

criterion_group!(benches, whole_turn);
criterion_main!(benches);
