//! How long the gateway itself keeps a caller waiting when everybody is behind a socket: one whole turn over
//! loopback, with the carrier, Deepgram and a chat-completions server that need no time.
//!
//! The measured span begins when the recogniser writes its final transcript and ends when the carrier has read
//! the first audio of the reply. Within it lie three messages to vendors and back, all of the gateway, and
//! what the vendors themselves take to read, answer and write.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use voice_gateway::telephony::socket::{SocketSettings, accept};
use voice_pipeline::audio::ulaw::SILENCE;
use voice_pipeline::event::{CallEvent, EventSink};
use voice_pipeline::net::http::chat_completions::ChatCompletions;
use voice_pipeline::net::stt::SocketStt;
use voice_pipeline::net::tts::SocketTts;
use voice_pipeline::net::websocket::{Role, WsLimits, WsMessage, WsReader, WsWriter, split};
use voice_pipeline::session::{self, Ends, Line};
use voice_pipeline::turn::TurnPolicy;
use voice_pipeline::vad::VadSettings;
use voice_pipeline::vendors::deepgram::DeepgramSettings;
use voice_pipeline::vendors::llm::chat_completions::ChatCompletionsSettings;
use voice_pipeline::vendors::stt::deepgram::DeepgramStt;
use voice_pipeline::vendors::tts::deepgram::DeepgramTts;
use voice_testkit::fakes;
use voice_testkit::fakes::chat::{self, ChatPlan, DefaultAnswer, FakeChat};
use voice_testkit::fakes::deepgram::{DeepgramPlan, Endpointing, FakeDeepgram, Seen};
use voice_testkit::fakes::speech::{self, FRAME_BYTES};
use voice_testkit::load::wire::{self, Incoming, Sids, Writer};
use voice_testkit::studio::{Cast, call_setup};
use voice_testkit::vendors::{ScriptedTools, brain, ear, mouth};

/// Frames come four times as fast as from a carrier, so that a turn takes a fifth of a second. The call takes
/// its time from the frames, and the measured span holds hardly one.
const FRAME_EVERY: Duration = Duration::from_millis(5);
const SENTENCE: &str = "yes please";
/// Frames of silence between a reply and the next words, for what the VAD still has in its ear.
const QUIET_FRAMES: usize = 10;
/// Fewer than the flushes that the vendor allows a socket in a minute: one more would wait for a handshake.
const TURNS_PER_CALL: u64 = 10;
/// A turn that takes longer than this never ends.
const STUCK: Duration = Duration::from_secs(10);

/// Takes no notice.
struct Nobody;

impl EventSink for Nobody {
    fn emit(&self, _: CallEvent) {}
}

/// Vendors that answer at once, and the moments at which the recogniser's finals were written.
struct Cloud {
    deepgram: FakeDeepgram,
    chat: FakeChat,
    finals: mpsc::Receiver<Instant>,
}

impl Cloud {
    fn open() -> Self {
        let (finals_tx, finals) = mpsc::channel(64);
        let observer = move |seen: Seen| {
            if let Seen::SttFinal { at, text, .. } = seen
                && !text.is_empty()
            {
                finals_tx.try_send(at).expect("every turn takes its final");
            }
        };
        let mut plan = DeepgramPlan::default();
        plan.stt.final_delay = Duration::ZERO;
        plan.stt.interim_delay = Duration::ZERO;
        // A final comes when it is asked for, so that it is the beginning of the answer.
        plan.stt.endpointing = Some(Endpointing::Off);
        plan.tts.first_byte_delay = Duration::ZERO;
        let answers = ChatPlan { default: DefaultAnswer::Fixed("Sure, when?".to_owned()), ..ChatPlan::default() };
        Self {
            deepgram: FakeDeepgram::start(plan, Arc::new(observer)).expect("a port is free"),
            chat: FakeChat::start(answers, chat::unobserved()).expect("a port is free"),
            finals,
        }
    }

    fn cast(&self) -> Cast {
        let url = self.deepgram.url();
        let speech = DeepgramSettings { url, api_key: Some("k".into()), ..DeepgramSettings::default() };
        let speech = Arc::new(speech);
        let stt = DeepgramStt::new(Arc::clone(&speech)).expect("the address is good");
        let tts = DeepgramTts::new(speech).expect("the address is good");
        let model = ChatCompletionsSettings { base_url: self.chat.base_url(), ..ChatCompletionsSettings::default() };
        Cast {
            stt: ear(SocketStt::new(Arc::new(stt), fakes::dialer())),
            llm: brain(ChatCompletions::new(model).expect("the address is good")),
            tts: mouth(SocketTts::new(Arc::new(tts), fakes::dialer())),
            tools: Arc::new(ScriptedTools::new(&[])),
            // The transcript alone ends the turn: no pause is waited out.
            policy: TurnPolicy {
                sure_after: Duration::ZERO,
                // Hurried frames make short speech, which is not believed at once.
                likely_after: Duration::ZERO,
                unscored_after: Duration::ZERO,
                call_max: Duration::from_secs(3_600),
                ..TurnPolicy::default()
            },
        }
    }
}

/// The carrier's end of a call. Marks come back at once: nothing is really played.
struct Carrier {
    writer: WsWriter<WriteHalf<TcpStream>>,
    heard: mpsc::Receiver<(Instant, Incoming)>,
    wire: Writer,
    frames: Interval,
    sentence: Vec<String>,
    silence: String,
}

impl Carrier {
    /// The caller says something, is answered, and hears the answer to its end. Gives the time from
    /// the final transcript to the first audio.
    async fn turn(&mut self, finals: &mut mpsc::Receiver<Instant>) -> Duration {
        for frame in 0..self.sentence.len() {
            self.frames.tick().await;
            let message = self.wire.media(&self.sentence[frame]);
            self.writer.send_text(message).await.expect("the call goes on");
        }
        let answered = self.until(|incoming| matches!(incoming, Incoming::Audio)).await;
        let understood = finals.recv().await.expect("an answer follows a final");
        self.hear_out().await;
        assert!(finals.is_empty(), "one final a turn");
        answered - understood
    }

    /// Until the reply's mark has come, and a little silence.
    async fn hear_out(&mut self) {
        self.until(|incoming| matches!(incoming, Incoming::Mark(_))).await;
        for _ in 0..QUIET_FRAMES {
            self.frames.tick().await;
            self.writer.send_text(self.wire.media(&self.silence)).await.expect("the call goes on");
        }
    }

    /// The caller is silent until `wanted` comes; gives the moment of its arrival.
    async fn until(&mut self, wanted: impl Fn(&Incoming) -> bool) -> Instant {
        loop {
            tokio::select! {
                biased;
                heard = self.heard.recv() => {
                    let (at, incoming) = heard.expect("the call goes on");
                    let found = wanted(&incoming);
                    if let Incoming::Mark(name) = incoming {
                        self.writer.send_text(self.wire.mark(&name)).await.expect("the call goes on");
                    }
                    if found {
                        return at;
                    }
                }
                _ = self.frames.tick() => {
                    self.writer.send_text(self.wire.media(&self.silence)).await.expect("the call goes on");
                }
            }
        }
    }
}

/// Hands on what the gateway sends, with the time of its arrival.
async fn listen(mut reader: WsReader<ReadHalf<TcpStream>>, sid: String, heard: mpsc::Sender<(Instant, Incoming)>) {
    let mut audio = Vec::new();
    while let Ok(WsMessage::Text(text)) = reader.next().await {
        let now = Instant::now();
        let incoming = wire::read(&text, &sid, &mut audio).expect("a carrier understands every message");
        if heard.send((now, incoming)).await.is_err() {
            break;
        }
    }
    reader.drain().await;
}

/// A call of so many turns; gives the sum of their measured spans.
async fn call(cloud: &mut Cloud, turns: u64) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let (dialled, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (theirs, (ours, _)) = (dialled.expect("somebody listens"), accepted.expect("somebody dials"));
    for stream in [&ours, &theirs] {
        stream.set_nodelay(true).expect("a socket can do that");
    }
    let (reader, mut writer) = split(theirs, Role::Client, &WsLimits::default());
    let sids = Sids::random();
    let mut wire = Writer::new(sids.clone());
    writer.send_text(Writer::connected()).await.expect("the gateway reads");
    writer.send_text(wire.start(&[].into())).await.expect("the gateway reads");

    let mut tasks = JoinSet::new();
    let accepted = accept(ours, &SocketSettings::default(), &mut tasks, |_| Ok::<(), ()>(())).await;
    let (line, ()) = accepted.expect("every start is good");
    let line = Line { inbound: line.inbound, outbound: line.outbound, fence: line.fence };
    let ends = Ends { close: CancellationToken::new(), cancel: CancellationToken::new() };
    let mut setup = call_setup(cloud.cast(), Arc::new(Nobody)).await;
    setup.vendors.turn_detector = None;
    setup.vad = VadSettings { pause: Duration::from_millis(100), ..setup.vad };
    tasks.spawn(async move {
        session::run(setup, line, ends).await;
    });
    let (heard_tx, heard) = mpsc::channel(256);
    tasks.spawn(listen(reader, sids.stream, heard_tx));
    let mut frames = interval(FRAME_EVERY);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let sentence = speech::speak(SENTENCE).chunks(FRAME_BYTES).map(|frame| STANDARD.encode(frame)).collect();
    let silence = STANDARD.encode([SILENCE; FRAME_BYTES]);
    let mut carrier = Carrier { writer, heard, wire, frames, sentence, silence };

    timeout(STUCK, carrier.hear_out()).await.expect("the agent greets");
    let mut sum = Duration::ZERO;
    for _ in 0..turns {
        sum += timeout(STUCK, carrier.turn(&mut cloud.finals)).await.expect("every turn is answered");
    }
    let Carrier { mut writer, mut wire, heard, .. } = carrier;
    drop(heard);
    writer.send_text(wire.stop()).await.expect("the gateway reads");
    writer.close(1000, "").await;
    while let Some(ended) = tasks.join_next().await {
        ended.expect("the call does not panic");
    }
    sum
}

fn whole_turn(c: &mut Criterion) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime starts");
    let mut cloud = runtime.block_on(async { Cloud::open() });
    let mut group = c.benchmark_group("turn");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.bench_function("final transcript to first audio, vendors behind loopback sockets", |b| {
        b.iter_custom(|turns| {
            let mut sum = Duration::ZERO;
            for begun in (0..turns).step_by(TURNS_PER_CALL as usize) {
                sum += runtime.block_on(call(&mut cloud, TURNS_PER_CALL.min(turns - begun)));
            }
            sum
        });
    });
    group.finish();
}

criterion_group!(benches, whole_turn);
criterion_main!(benches);
