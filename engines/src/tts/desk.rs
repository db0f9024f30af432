//! The one thread that speaks for all calls.
//!
//! A [`Desk`] takes orders into a bounded line and serves all of them at once, a small step at a
//! time: always the one whose listener runs out of sound first, so a reply that has not begun goes
//! before one that is being listened to. Between steps it notices who has hung up.
//!
//! What always holds:
//! - at most `capacity` orders are open; one more is refused at once;
//! - an order whose listener does not listen is left alone when its channel is full, and delays nobody;
//! - a step that fails or panics ends that order only.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use voice_pipeline::vendors::VendorError;
use voice_pipeline::vendors::tts::{SpeakRequest, TtsEvent};

use super::NAME;
use super::piece::{Engine, Piece, Step};
use crate::runtime::run_failed;

/// Events of one order that its listener has not taken: 75 s of sound, more than a piece of a few
/// hundred characters has. When it is full the order waits.
const EVENTS: usize = 1_536;
/// How long the thread sleeps when every order waits for its listener.
const RETRY: Duration = Duration::from_millis(20);

/// What a listener gets. An order that ends without [`Said::End`] was lost.
#[derive(Debug)]
pub(super) enum Said {
    Event(TtsEvent),
    Failed(VendorError),
    End,
}

/// The worker thread and its line.
pub(super) struct Desk {
    shared: Arc<Shared>,
    open: Arc<AtomicUsize>,
    capacity: usize,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// Starts the thread.
    pub(super) fn open(engine: Engine, capacity: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared { line: Mutex::default(), arrived: Condvar::new() });
        let serving = Arc::clone(&shared);
        let thread = thread::Builder::new().name("tts".to_owned()).spawn(move || serve(&serving, engine))?;
        Ok(Self { shared, open: Arc::default(), capacity, thread: Some(thread) })
    }

    /// Orders a piece; `None` when too many are open.
    pub(super) fn order(&self, request: SpeakRequest) -> Option<mpsc::Receiver<Said>> {
        let place = Place::take(&self.open, self.capacity)?;
        let (out, said) = mpsc::channel(EVENTS);
        let order = Order { piece: Piece::new(request), out, held: None, began: None, place: Some(place) };
        self.shared.lock().arrivals.push_back(order);
        self.shared.arrived.notify_one();
        Some(said)
    }

    /// How many orders are open.
    pub(super) fn open_orders(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // Panics of steps are caught, so there is nothing to learn here.
            let _ = thread.join();
        }
    }
}

struct Shared {
    line: Mutex<Line>,
    arrived: Condvar,
}

#[derive(Default)]
struct Line {
    arrivals: VecDeque<Order>,
    closed: bool,
}

/// One of the places for open orders; free again when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>, capacity: usize) -> Option<Self> {
        let one_more = |open| (open < capacity).then_some(open + 1);
        open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(Arc::clone(open)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Line> {
        // The line is consistent between any two statements that could panic.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Order {
    piece: Piece,
    out: mpsc::Sender<Said>,
    /// What the full channel did not take.
    held: Option<Said>,
    /// When the listener got the first sound.
    began: Option<Instant>,
    place: Option<Place>,
}

impl Order {
    /// How much sound the listener has in hand.
    fn ahead(&self, now: Instant) -> Duration {
        match self.began {
            Some(began) => self.piece.spoken().saturating_sub(now.duration_since(began)),
            None => Duration::ZERO,
        }
    }

    fn can_work(&self) -> bool {
        self.held.is_none() || self.out.capacity() > 0
    }

    /// Does one step. Whether the order is still open.
    fn work(&mut self, engine: &mut Engine) -> bool {
        if let Some(held) = self.held.take() {
            return self.say(held);
        }
        match catch_unwind(AssertUnwindSafe(|| self.piece.step(engine))) {
            Ok(Ok(Step::Event(event))) => {
                if matches!(event, TtsEvent::Audio(_)) {
                    self.began.get_or_insert_with(Instant::now);
                }
                self.say(Said::Event(event))
            }
            Ok(Ok(Step::Worked)) => true,
            Ok(Ok(Step::Done)) => self.say(Said::End),
            Ok(Err(error)) => self.say(Said::Failed(run_failed(NAME, &error))),
            Err(_) => {
                tracing::error!("speaking a piece panicked; the piece is lost");
                self.say(Said::Failed(VendorError::Failed { vendor: NAME, kind: "panic".to_owned() }))
            }
        }
    }

    /// Hands something to the listener. Whether the order is still open.
    fn say(&mut self, said: Said) -> bool {
        let is_last = matches!(said, Said::End | Said::Failed(_));
        if is_last {
            // Whoever hears the end may order again at once.
            self.place = None;
        }
        match self.out.try_send(said) {
            Ok(()) => !is_last,
            Err(TrySendError::Full(said)) => {
                self.held = Some(said);
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }
}

fn serve(shared: &Shared, mut engine: Engine) {
    let mut orders: Vec<Order> = Vec::new();
    loop {
        let all_wait = !orders.iter().any(Order::can_work);
        let mut line = shared.lock();
        while !line.closed && line.arrivals.is_empty() && orders.is_empty() {
            line = shared.arrived.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        if !line.closed && line.arrivals.is_empty() && all_wait {
            line = shared.arrived.wait_timeout(line, RETRY).unwrap_or_else(PoisonError::into_inner).0;
        }
        if line.closed {
            return;
        }
        orders.extend(line.arrivals.drain(..));
        drop(line);
        orders.retain(|order| !order.out.is_closed());

        let now = Instant::now();
        let next = (0..orders.len()).filter(|at| orders[*at].can_work()).min_by_key(|at| orders[*at].ahead(now));
        if let Some(at) = next
            && !orders[at].work(&mut engine)
        {
            orders.remove(at);
        }
    }
}
