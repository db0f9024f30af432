//! Where call events go in and subscribers get them.
//!
//! [`EventHub::emit`] never waits. Metrics are recorded right there: that takes a few atomic
//! operations and cannot lose an event, so `voice_gateway_calls_active` never drifts. Everybody else
//! reads from a queue of their own; when it is full, the newest event is lost for them and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::Span;
use voice_pipeline::event::{CallEvent, EventSink};

use super::metrics;

/// Events a subscriber may be behind: a busy call emits about ten a second, so a hundred calls fill it
/// in four seconds. When it is full, the newest event is lost.
pub const QUEUE_EVENTS: usize = 4_096;

/// An event with the time of day at which it was emitted, and the span in which it was.
#[derive(Debug, Clone)]
pub struct StampedEvent {
    /// When it was emitted.
    pub time: Timestamp,
    /// What happened.
    pub event: CallEvent,
    /// The turn's span, or the call's; it stays open until every subscriber has read the event.
    pub span: Span,
}

/// What a subscriber reads; it ends when the hub is dropped.
pub type Subscription = mpsc::Receiver<Arc<StampedEvent>>;

/// Passes every event to every subscriber.
#[derive(Debug, Default)]
pub struct EventHub {
    subscribers: Vec<Subscriber>,
    lost: AtomicU64,
}

#[derive(Debug)]
struct Subscriber {
    name: &'static str,
    queue: mpsc::Sender<Arc<StampedEvent>>,
}

impl EventHub {
    /// A hub that only counts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a subscriber. `name` is its label in `voice_gateway_events_lost_total`.
    pub fn subscribe(&mut self, name: &'static str) -> Subscription {
        let (queue, subscription) = mpsc::channel(QUEUE_EVENTS);
        self.subscribers.push(Subscriber { name, queue });
        subscription
    }

    /// Records the event and passes it on. Never waits.
    pub fn emit(&self, event: CallEvent) {
        metrics::record(&event);
        let stamped = Arc::new(StampedEvent { time: Timestamp::now(), event, span: Span::current() });
        for subscriber in &self.subscribers {
            if subscriber.queue.try_send(Arc::clone(&stamped)).is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
                metrics::record_lost(subscriber.name);
            }
        }
    }

    /// How many events did not reach a subscriber.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl EventSink for EventHub {
    fn emit(&self, event: CallEvent) {
        Self::emit(self, event);
    }
}

#[cfg(test)]
mod tests {
    use voice_pipeline::event::EventKind;
    use voice_pipeline::time::CallTime;

    use super::*;

    fn event(at_ms: u64) -> CallEvent {
        CallEvent {
            call_id: "CA1".into(),
            at: CallTime::from_millis(at_ms),
            turn: None,
            kind: EventKind::SpeechStarted,
        }
    }

    #[test]
    fn a_stuck_subscriber_loses_events_and_holds_nobody_up() {
        let mut hub = EventHub::new();
        let mut stuck = hub.subscribe("stuck");
        let mut awake = hub.subscribe("awake");
        let emitted = QUEUE_EVENTS as u64 + 1_000;
        for at_ms in 0..emitted {
            hub.emit(event(at_ms));
            assert_eq!(awake.try_recv().unwrap().event.at, CallTime::from_millis(at_ms));
        }
        assert_eq!(hub.lost(), 1_000);
        assert_eq!(stuck.len(), QUEUE_EVENTS);
        assert_eq!(stuck.try_recv().unwrap().event.at, CallTime::ZERO, "what it has is the oldest, in order");
    }

    #[test]
    fn a_subscriber_that_is_gone_is_only_counted() {
        let mut hub = EventHub::new();
        drop(hub.subscribe("gone"));
        hub.emit(event(0));
        assert_eq!(hub.lost(), 1);
    }

    #[tokio::test]
    async fn a_subscription_gives_what_was_emitted_and_ends_with_the_hub() {
        let mut hub = EventHub::new();
        let mut subscription = hub.subscribe("late");
        hub.emit(event(5));
        drop(hub);
        assert_eq!(subscription.recv().await.unwrap().event.at, CallTime::from_millis(5));
        assert!(subscription.recv().await.is_none());
    }
}
