//! One call over the network: the webhook, the stream, the 20 ms clock.
//!
//! [`Office`] is what the calls of a row share. [`Office::call`] makes one call from the webhook to
//! the hang-up and gives a [`CallOutcome`]; it returns by itself, because a [`Caller`] has a deadline in
//! every state, and early when the row is stopped. One task runs both halves of the socket: the reader is never dropped half way.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use voice_pipeline::net::http;
use voice_pipeline::net::websocket::{Dialer, WsLimits, WsMessage, WsReader, WsWriter, close_code};

use super::FRAME;
use super::caller::{CallPlan, Caller};
use super::heard_turn::HeardTurn;
use super::twiml;
use super::wire::{self, Incoming, Sids, Writer};

/// How long the webhook's answer, and then the stream's handshake, may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// A tick that is later than this may spoil what it measures.
pub const LATE_TICK: Duration = Duration::from_millis(5);

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEnd {
    /// The caller hung up after the last turn.
    HungUp,
    /// The gateway said that it is busy.
    Busy,
    /// There was no stream, for this reason.
    Refused(String),
    /// The gateway ended the stream, or the connection broke.
    Dropped(String),
    /// The row was stopped.
    Stopped,
}

/// How punctual the 20 ms clock of this process was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Punctuality {
    /// Ticks.
    pub ticks: u64,
    /// Those that were later than [`LATE_TICK`].
    pub late: u64,
    /// The latest.
    pub worst: Duration,
}

impl Punctuality {
    fn tick(&mut self, late: Duration) {
        self.ticks += 1;
        self.late += u64::from(late > LATE_TICK);
        self.worst = self.worst.max(late);
    }

    /// Adds the ticks of another call.
    pub fn add(&mut self, other: &Self) {
        self.ticks += other.ticks;
        self.late += other.late;
        self.worst = self.worst.max(other.worst);
    }

    /// The late ones in a hundred.
    pub fn late_percent(&self) -> f64 {
        if self.ticks == 0 { 0.0 } else { self.late as f64 * 100.0 / self.ticks as f64 }
    }
}

/// What became of a call.
#[derive(Debug, Clone)]
pub struct CallOutcome {
    /// How it ended.
    pub end: CallEnd,
    /// When it ended.
    pub ended_at: Instant,
    /// Whether a greeting was heard.
    pub greeted: bool,
    /// Since when both sides talk.
    pub talking_since: Option<Instant>,
    /// Every turn that began.
    pub turns: Vec<HeardTurn>,
    /// Messages that no carrier would understand.
    pub unreadable: u32,
    /// How punctual the caller was.
    pub punctuality: Punctuality,
}

impl CallOutcome {
    fn without_stream(end: CallEnd) -> Self {
        Self {
            end,
            ended_at: Instant::now(),
            greeted: false,
            talking_since: None,
            turns: Vec::new(),
            unreadable: 0,
            punctuality: Punctuality::default(),
        }
    }
}

/// What the calls of a row share.
pub struct Office {
    client: Client,
    dialer: Dialer,
    webhook: String,
    stop: CancellationToken,
}

impl Office {
    /// Calls the gateway at this address, until `stop` is cancelled.
    ///
    /// # Errors
    /// No client can be made for the address.
    pub fn new(carrier_url: &str, stop: CancellationToken) -> Result<Self, String> {
        let address = http::address(carrier_url).map_err(|error| error.to_string())?;
        let client = http::client(&address, ANSWER_LIMIT).map_err(|error| error.to_string())?;
        let dialer = Dialer::new().map_err(|error| error.to_string())?;
        Ok(Self { client, dialer, webhook: format!("{carrier_url}/twilio/voice"), stop })
    }

    /// Makes one call. Its ticks fall on `clock` and every 20 ms after it.
    pub async fn call(&self, plan: CallPlan, clock: Instant) -> CallOutcome {
        let sids = Sids::random();
        let stream = match tokio::time::timeout(ANSWER_LIMIT, self.announce(&sids)).await {
            Ok(Ok(Some(stream))) => stream,
            Ok(Ok(None)) => return CallOutcome::without_stream(CallEnd::Busy),
            Ok(Err(reason)) => return CallOutcome::without_stream(CallEnd::Refused(reason)),
            Err(_) => return CallOutcome::without_stream(CallEnd::Refused("the webhook took too long".into())),
        };
        match self.dialer.dial(&stream.url, &[], ANSWER_LIMIT, &WsLimits::default()).await {
            Ok(dialed) => self.talk(dialed.reader, dialed.writer, plan, sids, &stream.parameters, clock).await,
            Err(error) => CallOutcome::without_stream(CallEnd::Refused(error.to_string())),
        }
    }

    /// The webhook: where the stream goes, if the call is taken.
    async fn announce(&self, sids: &Sids) -> Result<Option<twiml::Stream>, String> {
        let fields = [
            ("AccountSid", sids.account.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", &sids.call),
            ("CallStatus", "ringing"),
            ("Called", "+15555550100"),
            ("Caller", "+15555550101"),
            ("Direction", "inbound"),
            ("From", "+15555550101"),
            ("To", "+15555550100"),
        ];
        let answer = self.client.post(&self.webhook).form(&fields).send().await;
        let answer = answer.map_err(|error| error.without_url().to_string())?;
        if !answer.status().is_success() {
            return Err(format!("the webhook was answered with status {}", answer.status().as_u16()));
        }
        let document = answer.text().await.map_err(|error| error.without_url().to_string())?;
        twiml::stream(&document).map_err(|error| error.to_string())
    }

    async fn talk<R, W>(
        &self,
        reader: WsReader<R>,
        writer: WsWriter<W>,
        plan: CallPlan,
        sids: Sids,
        parameters: &BTreeMap<String, String>,
        clock: Instant,
    ) -> CallOutcome
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let caller = Mutex::new(Caller::new(plan, Instant::now()));
        let reading = listen(reader, &caller, &sids.stream);
        let speaking = self.speak(writer, &caller, Writer::new(sids.clone()), parameters, clock);
        let ((unreadable, lost), (end, punctuality)) = tokio::join!(reading, speaking);
        let caller = caller.into_inner().unwrap_or_else(PoisonError::into_inner);
        CallOutcome {
            end: end.unwrap_or(CallEnd::Dropped(lost)),
            ended_at: Instant::now(),
            greeted: caller.was_greeted(),
            talking_since: caller.talking_since(),
            turns: caller.into_turns(),
            unreadable,
            punctuality,
        }
    }

    /// Sends 20 ms every 20 ms, from an absolute clock: a late tick is made up for, never left out.
    /// Gives no end where the gateway ended the stream; the reader knows how.
    async fn speak<W: AsyncWrite + Unpin>(
        &self,
        mut writer: WsWriter<W>,
        caller: &Mutex<Caller>,
        mut wire: Writer,
        parameters: &BTreeMap<String, String>,
        clock: Instant,
    ) -> (Option<CallEnd>, Punctuality) {
        let mut punctuality = Punctuality::default();
        if writer.send_text(Writer::connected()).await.is_err()
            || writer.send_text(wire.start(parameters)).await.is_err()
        {
            return (None, punctuality);
        }
        let mut due = next_tick(clock, Instant::now());
        let end = loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break CallEnd::Stopped,
                reply = writer.reply() => {
                    let Some(reply) = reply else { return (None, punctuality) };
                    match writer.answer(reply).await {
                        Ok(flow) if flow.is_continue() => continue,
                        _ => return (None, punctuality),
                    }
                }
                () = sleep_until(due.into()) => {}
            }
            let now = Instant::now();
            punctuality.tick(now.saturating_duration_since(due));
            due += FRAME;
            let (marks, done) = {
                let mut caller = caller.lock().unwrap_or_else(PoisonError::into_inner);
                wire.media(caller.tick(now));
                (caller.take_marks(), caller.is_done())
            };
            if writer.send_text(wire.written()).await.is_err() {
                return (None, punctuality);
            }
            for mark in marks {
                if writer.send_text(wire.mark(&mark)).await.is_err() {
                    return (None, punctuality);
                }
            }
            if done {
                break CallEnd::HungUp;
            }
        };
        // The call is over whether the gateway takes this or not.
        let _ = writer.send_text(wire.stop()).await;
        writer.close(close_code::NORMAL, "").await;
        (Some(end), punctuality)
    }
}

/// Hands everything that arrives to the caller. Gives the number of unreadable messages and why no
/// more came.
async fn listen<R: AsyncRead + Unpin>(
    mut reader: WsReader<R>,
    caller: &Mutex<Caller>,
    stream_sid: &str,
) -> (u32, String) {
    let mut unreadable = 0;
    let mut audio = Vec::new();
    let end = loop {
        let message = match reader.next().await {
            Ok(message) => message,
            Err(end) => break end.to_string(),
        };
        let now = Instant::now();
        let incoming = match &message {
            WsMessage::Text(text) => wire::read(text, stream_sid, &mut audio),
            WsMessage::Binary(_) => None,
        };
        let mut caller = caller.lock().unwrap_or_else(PoisonError::into_inner);
        match incoming {
            Some(Incoming::Audio) => caller.audio(now, &audio),
            Some(Incoming::Mark(name)) => caller.mark(name),
            Some(Incoming::Clear) => caller.clear(now),
            None => unreadable += 1,
        }
    };
    reader.drain().await;
    (unreadable, end)
}

/// The first tick of a clock that is not over.
fn next_tick(clock: Instant, now: Instant) -> Instant {
    let passed = now.saturating_duration_since(clock).as_micros();
    let ticks = passed.div_ceil(FRAME.as_micros());
    clock + FRAME * u32::try_from(ticks).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stay_on_their_clock_however_late_the_stream_opens() {
        let clock = Instant::now();
        let at = |millis| clock + Duration::from_millis(millis);
        for (now, tick) in [(0, 0), (1, 20), (20, 20), (21, 40), (3_019, 3_020)] {
            assert_eq!(next_tick(clock, at(now)), at(tick));
        }
        assert_eq!(next_tick(at(50), clock), at(50));
    }

    #[test]
    fn punctuality_counts_over_all_calls() {
        let mut all = Punctuality::default();
        for late in [0, 3, 6] {
            let mut one = Punctuality::default();
            one.tick(Duration::from_millis(late));
            all.add(&one);
        }
        assert_eq!(all, Punctuality { ticks: 3, late: 1, worst: Duration::from_millis(6) });
        assert!((all.late_percent() - 33.3).abs() < 0.1);
    }
}
