//! A caller hangs up, at any moment of a call in which everything happens once.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tracing::field::Field;
use tracing::subscriber::set_default;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use voice_pipeline::event::EndReason;
use voice_pipeline::tools::Effect;
use voice_pipeline::turn::{Phase, TurnPolicy};
use voice_testkit::studio::{Cast, Studio};
use voice_testkit::vendors::{Answer, ScriptedLlm, ScriptedStt, ScriptedTools, ToneTts, brain, ear, locked, mouth};

const FRAME: Duration = Duration::from_millis(20);

/// Between two moments in which the caller hangs up: short enough for the shortest wait of the call.
const STRIDE: usize = 3;

/// How long the tasks of a call may go on after its caller hung up.
const GONE_WITHIN: Duration = Duration::from_secs(1);

/// The phase in which the session waits, as it traces it.
#[derive(Clone, Default)]
struct PhaseNow(Arc<Mutex<String>>);

impl<S: tracing::Subscriber> Layer<S> for PhaseNow {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut |field: &Field, value: &dyn Debug| {
            if field.name() == "phase" {
                *locked(&self.0) = format!("{value:?}");
            }
        });
    }
}

/// What the caller, or whoever stops the gateway, does in a frame of the call.
#[derive(Clone, Copy)]
enum Deed {
    Listens,
    Speaks,
    Presses(&'static str),
    /// The gateway wants the call to end.
    IsClosed,
}

/// The call, from its first frame to the moment at which the gateway hangs up by itself.
fn deeds() -> Vec<Deed> {
    let span = |deed: Deed, ms: u64| vec![deed; (ms / 20) as usize];
    [
        // The greeting, and silence after it.
        span(Deed::Listens, 1_400),
        // A question, whose answer takes a tool and a filler.
        span(Deed::Speaks, 1_000),
        span(Deed::Listens, 5_400),
        // A cough into the reply, then an interruption.
        span(Deed::Speaks, 120),
        span(Deed::Listens, 800),
        span(Deed::Speaks, 900),
        // A booking, which hanging up does not stop, and its confirmation.
        span(Deed::Listens, 3_600),
        // Keys, which get an answer that never comes.
        span(Deed::Presses("4#"), 20),
        span(Deed::Listens, 3_000),
        span(Deed::IsClosed, 20),
        span(Deed::Listens, 500),
    ]
    .concat()
}

async fn answered() -> Studio {
    let answers = [
        Answer::Calls("Let me see.", "searchTeeTimes", "{}"),
        Answer::Says("We have nine ten and eleven open on Saturday morning for all four of you."),
        Answer::Calls("Just a moment.", "bookTeeTime", "{}"),
        Answer::Says("You are booked."),
        Answer::Never,
    ];
    let tools = [
        ("bookTeeTime", Effect::Changes, Duration::from_millis(1_500), r#"{"code":"GV1"}"#),
        ("searchTeeTimes", Effect::Reads, Duration::from_millis(3_000), r#"{"slots":[]}"#),
    ];
    let heard = ["What is open?", "", "Ten please."];
    Studio::answer(Cast {
        stt: ear(ScriptedStt::new(&heard, Duration::from_millis(80))),
        llm: brain(ScriptedLlm::new(&answers)),
        tts: mouth(ToneTts::new()),
        tools: Arc::new(ScriptedTools::new(&tools)),
        policy: TurnPolicy::default(),
    })
    .await
}

/// Whether a caller who hangs up meets a session that waits in this phase.
fn is_waited_in(phase: Phase) -> bool {
    match phase {
        Phase::Listening | Phase::Hearing | Phase::Endpointing | Phase::Thinking | Phase::Speaking | Phase::Closing => {
            true
        }
        // A session begins with a stream that is up, and ends with the call.
        Phase::Ringing | Phase::Ended => false,
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_up_leaves_no_task_whatever_the_call_is_doing() {
    let now = PhaseNow::default();
    let _tracing = set_default(tracing_subscriber::registry().with(now.clone()));
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let deeds = deeds();
    let mut hung_up_in = BTreeMap::<String, u32>::new();
    let before = tasks();
    for frames in (0..deeds.len()).step_by(STRIDE) {
        let mut call = answered().await;
        for deed in &deeds[..frames] {
            match deed {
                Deed::Listens => call.wait(FRAME).await,
                Deed::Speaks => call.speak(FRAME).await,
                Deed::Presses(keys) => call.press(keys).await,
                Deed::IsClosed => call.close.cancel(),
            }
        }
        let (reason, lived_on) = call.hang_up().await;
        let phase = locked(&now.0).clone();
        assert_eq!(reason, EndReason::CallerHungUp, "{phase} after {frames} frames");
        assert!(lived_on < GONE_WITHIN, "{lived_on:?} in {phase} after {frames} frames");
        assert_eq!(tasks(), before, "tasks are left of a call that ended in {phase} after {frames} frames");
        *hung_up_in.entry(phase).or_default() += 1;
    }
    println!("{hung_up_in:?}");
    let mut all: Vec<_> = Phase::all().filter(|phase| is_waited_in(*phase)).map(|phase| format!("{phase:?}")).collect();
    all.sort();
    assert_eq!(hung_up_in.into_keys().collect::<Vec<_>>(), all);
}
