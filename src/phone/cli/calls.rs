//! One call, and several at once with the same script.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use voice_pipeline::time::CallTime;
use voice_pipeline::vendors::stt::Stt;

use super::caller::Caller;
use super::diary::Diary;
use super::follow::{Spoken, follow, understand_later};
use super::prompt::Typed;
use super::voice::{Line, Voice};
use crate::phone::events::EndedBy;
use crate::phone::line::Legs;
use crate::phone::live::CallRecord;
use crate::phone::report::{Entry, Format, Report};
use crate::phone::summary::{Figures, Outcome, Summary};
use crate::phone::transcript::Ear;
use crate::phone::{Phone, PhoneSettings};

/// From the start of one of several calls to the next. Lower dials many calls in the same instant, as no
/// callers do.
const RAMP_STEP: Duration = Duration::from_millis(100);

/// All calls are begun within this time, however many they are.
const RAMP_MAX: Duration = Duration::from_secs(10);

/// When a call (from 1) begins, counted from the first one.
fn begins_after(call: usize, calls: usize) -> Duration {
    let step = RAMP_STEP.min(RAMP_MAX / u32::try_from(calls).unwrap_or(u32::MAX).max(1));
    step * u32::try_from(call.saturating_sub(1)).unwrap_or(u32::MAX)
}

/// What a caller does.
pub(super) enum Act<'a> {
    /// Plays a script.
    Script(&'a [Line]),
    /// Says what is typed, with this voice.
    Prompt(Typed, &'a Voice),
}

/// How calls are made.
pub(super) struct Making<'a> {
    pub(super) phone: Phone,
    pub(super) settings: PhoneSettings,
    pub(super) patience: Duration,
    /// The user has heard enough.
    pub(super) stop: &'a CancellationToken,
}

/// A call that is over, or did not come about.
pub(super) struct Made {
    pub(super) outcome: Outcome,
    /// What is left of it; `None` when it was not answered.
    pub(super) record: Option<CallRecord>,
    /// Why it did not go as it was meant to.
    pub(super) error: Option<anyhow::Error>,
    not_understood: Vec<Spoken>,
}

impl Made {
    fn not_answered(call: usize, error: anyhow::Error) -> Self {
        let outcome = Outcome { call, sid: None, figures: None, failed: Some(format!("{error:#}")) };
        Self { outcome, record: None, error: Some(error), not_understood: Vec::new() }
    }
}

/// Makes one call from dialling to its end.
pub(super) async fn make<W: Write>(
    making: &Making<'_>,
    call: usize,
    act: Act<'_>,
    ear: Option<Ear>,
    diary: &Diary<'_, W>,
) -> Made {
    let mut live = match Box::pin(making.phone.call(making.settings.clone())).await {
        Ok(live) => live,
        Err(error) => return Made::not_answered(call, error.into()),
    };
    let events = live.take_events();
    let (noted_tx, noted) = watch::channel(CallTime::ZERO);
    let caller = &Caller { live: &live, diary, noted, patience: making.patience };
    let acting = async {
        let act = async move {
            match act {
                Act::Script(lines) => caller.play(lines).await,
                Act::Prompt(typed, voice) => Box::pin(caller.talk_freely(voice, typed)).await,
            }
        };
        let result = making.stop.run_until_cancelled(act).await.unwrap_or(Ok(()));
        live.hang_up().await;
        result
    };
    let (result, noticed) = tokio::join!(acting, follow(&live, events, ear, diary, noted_tx));
    let sid = Some(live.sids().call.clone());
    let record = live.finish().await;
    let broken = (record.ended_by == EndedBy::Failure).then(|| anyhow!("the connection to the gateway failed"));
    let error = result.err().or(broken);
    let figures = Figures {
        duration: record.duration,
        first_sound: noticed.first_sound,
        replies: record.latencies.iter().map(|turn| turn.total).collect(),
        longest_silence: record.longest_silence,
        warnings: record.warnings,
        ended_by: record.ended_by,
    };
    let failed = error.as_ref().map(|error| format!("{error:#}"));
    let outcome = Outcome { call, sid, figures: Some(figures), failed };
    Made { outcome, record: Some(record), error, not_understood: noticed.not_understood }
}

/// Makes several calls at once and reports each when it is over, and all of them in the end.
///
/// What their agents said is understood when the last call is over, and only where it is asked for: so many
/// recognisers would take the machine from whoever is measured.
pub(super) async fn make_all<W: Write>(
    making: &Making<'_>,
    calls: usize,
    lines: &[Line],
    stt: &Arc<dyn Stt>,
    report: &Mutex<Report<W>>,
    format: Format,
) -> Summary {
    let start = Instant::now();
    let one = |call: usize| async move {
        let turn = sleep_until(start + begins_after(call, calls));
        if making.stop.run_until_cancelled(turn).await.is_none() {
            return (Made::not_answered(call, anyhow!("stopped before it was made")), Vec::new());
        }
        let diary = Diary::closed(call, report);
        let mut made = make(making, call, Act::Script(lines), None, &diary).await;
        if format == Format::Text {
            // The audio of many calls is large.
            made.record = None;
            report.lock().unwrap_or_else(PoisonError::into_inner).call(&made.outcome);
        } else if let Some(record) = &mut made.record {
            record.legs = Legs::default();
        }
        (made, diary.into_kept())
    };
    let all = join_all((1..=calls).map(|call| Box::pin(one(call)))).await;
    if format == Format::Json {
        let mut ear = Ear::open(&**stt);
        for (made, kept) in &all {
            let mut entries: Vec<Entry> = kept.clone();
            if let Some(record) = &made.record {
                understand_later(&mut ear, record, &made.not_understood, &mut entries).await;
            }
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            entries.iter().for_each(|entry| report.entry(made.outcome.call, entry));
            report.call(&made.outcome);
        }
    }
    let outcomes: Vec<_> = all.into_iter().map(|(made, _)| made.outcome).collect();
    let summary = Summary::of(&outcomes);
    report.lock().unwrap_or_else(PoisonError::into_inner).summary(&summary);
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_begin_one_after_the_other_and_all_of_them_soon() {
        assert_eq!(begins_after(1, 1), Duration::ZERO);
        assert_eq!(begins_after(5, 5), RAMP_STEP * 4);
        assert!(begins_after(1_000, 1_000) <= RAMP_MAX);
        assert!(begins_after(2, 1_000) > Duration::ZERO);
    }
}
