//! What the connections of one fake share: its plan, its counters, its observer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::time::Instant;

use super::{DeepgramPlan, Observer, Refusal, Route, Seen};
use crate::fakes::fault::{FaultHandle, FaultKind};
use crate::vendors::locked;

pub(super) struct Shared {
    plan: watch::Sender<Arc<DeepgramPlan>>,
    observer: Observer,
    counters: [Counters; 3],
    last_conn: AtomicU64,
    live: Mutex<HashMap<u64, (Route, FaultHandle)>>,
    audio: Mutex<HashMap<u64, Vec<u8>>>,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    open: AtomicU64,
}

impl Shared {
    pub(super) fn new(plan: DeepgramPlan, observer: Observer) -> Self {
        Self {
            plan: watch::Sender::new(Arc::new(plan)),
            observer,
            counters: Default::default(),
            last_conn: AtomicU64::new(0),
            live: Mutex::default(),
            audio: Mutex::default(),
        }
    }

    pub(super) fn plan(&self) -> Arc<DeepgramPlan> {
        Arc::clone(&self.plan.borrow())
    }

    pub(super) fn change_plan(&self, change: impl FnOnce(&mut DeepgramPlan)) {
        self.plan.send_modify(|plan| change(Arc::make_mut(plan)));
    }

    /// Takes the next planned refusal of a route off the plan.
    pub(super) fn take_refusal(&self, route: Route) -> Option<Refusal> {
        let planned = |plan: &DeepgramPlan| plan.refusals.iter().position(|(planned, _)| *planned == route);
        let mut taken = None;
        self.plan.send_if_modified(|plan| {
            taken = planned(plan).map(|first| Arc::make_mut(plan).refusals.remove(first).1);
            taken.is_some()
        });
        taken
    }

    pub(super) fn tell(&self, seen: Seen) {
        (self.observer)(seen);
    }

    /// Counts a request and arms what the plan has for it.
    pub(super) fn count_request(&self, route: Route, faults: &FaultHandle) {
        let nth = self.counters(route).requests.fetch_add(1, Ordering::Relaxed) + 1;
        for planned in self.plan.borrow().faults.iter().filter(|planned| planned.route == route && planned.nth == nth) {
            faults.arm(planned.fault.clone());
        }
    }

    pub(super) fn requests(&self, route: Route) -> u64 {
        self.counters(route).requests.load(Ordering::Relaxed)
    }

    pub(super) fn open(&self, route: Route) -> u64 {
        self.counters(route).open.load(Ordering::Relaxed)
    }

    pub(super) fn break_where(&self, chosen: impl Fn(u64, Route) -> bool, kind: &FaultKind) -> usize {
        let live = locked(&self.live);
        let chosen = live.iter().filter(|(conn, (route, _))| chosen(**conn, *route));
        chosen.map(|(_, (_, faults))| faults.break_now(kind.clone())).count()
    }

    pub(super) fn received_audio(&self, conn: u64) -> Vec<u8> {
        locked(&self.audio).get(&conn).cloned().unwrap_or_default()
    }

    fn counters(&self, route: Route) -> &Counters {
        &self.counters[match route {
            Route::Listen => 0,
            Route::Speak => 1,
            Route::SpeakHttp => 2,
        }]
    }
}

/// An accepted socket or spoken request. It counts as open and can be broken until it is dropped.
pub(super) struct Conn {
    pub(super) id: u64,
    pub(super) request_id: String,
    route: Route,
    shared: Arc<Shared>,
}

impl Conn {
    pub(super) fn open(shared: &Arc<Shared>, route: Route, request_id: String, faults: FaultHandle) -> Self {
        let id = shared.last_conn.fetch_add(1, Ordering::Relaxed) + 1;
        shared.counters(route).open.fetch_add(1, Ordering::Relaxed);
        locked(&shared.live).insert(id, (route, faults));
        let at = Instant::now();
        shared.tell(match route {
            Route::Listen => Seen::Listening { conn: id, at },
            Route::Speak | Route::SpeakHttp => Seen::Speaking { conn: id, route, at },
        });
        Self { id, request_id, route, shared: Arc::clone(shared) }
    }

    pub(super) fn tell(&self, seen: Seen) {
        self.shared.tell(seen);
    }

    pub(super) fn plan(&self) -> Arc<DeepgramPlan> {
        self.shared.plan()
    }

    /// The plan, and how it changes from then on.
    pub(super) fn plan_and_changes(&self) -> (Arc<DeepgramPlan>, PlanChanges) {
        let mut changes = self.shared.plan.subscribe();
        let plan = Arc::clone(&changes.borrow_and_update());
        (plan, PlanChanges(changes))
    }

    pub(super) fn keep_audio(&self, bytes: &[u8]) {
        locked(&self.shared.audio).entry(self.id).or_default().extend_from_slice(bytes);
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        locked(&self.shared.live).remove(&self.id);
        self.shared.counters(self.route).open.fetch_sub(1, Ordering::Relaxed);
        self.shared.tell(Seen::Closed { conn: self.id, route: self.route, at: Instant::now() });
    }
}

/// The changes of a plan.
pub(super) struct PlanChanges(watch::Receiver<Arc<DeepgramPlan>>);

impl PlanChanges {
    /// The plan, if it changed since this was last asked. Costs next to nothing when it did not.
    pub(super) fn newest(&mut self) -> Option<Arc<DeepgramPlan>> {
        self.0.has_changed().is_ok_and(|changed| changed).then(|| Arc::clone(&self.0.borrow_and_update()))
    }
}
