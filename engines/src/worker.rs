//! Worker threads for the engines: a bounded queue that never makes anybody wait.
//!
//! A [`Worker`] owns one named OS thread per handler. [`Worker::submit`] returns at once and says
//! what became of the job; results travel on whatever channel the job carries, so a job that is
//! left out is noticed by its owner as a closed channel.
//!
//! What always holds:
//! - the queue never holds more jobs than its capacity; a job too many is given back;
//! - an urgent job is taken before every routine one, and pushes the oldest routine one out when
//!   the queue is full;
//! - of the jobs of one [`Slot`] only the newest waits: an older one would be thrown away anyway;
//! - a handler that panics loses that job only;
//! - dropping the worker drops what waits, lets the job at hand finish, and joins the threads.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// What a job belongs to, such as the utterance of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(u64);

impl Slot {
    /// A slot that no other job of this process belongs to.
    pub fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for it: a final transcript, the first words of a reply.
    Urgent,
    /// Good to have: an interim transcript.
    Routine,
}

/// Work for a [`Worker`].
pub trait Job: Send + 'static {
    /// What a newer job replaces this one by; `None` when nothing does.
    fn slot(&self) -> Option<Slot> {
        None
    }

    /// Whether somebody waits for the result.
    fn urgency(&self) -> Urgency {
        Urgency::Urgent
    }
}

/// What became of a submitted job.
#[derive(Debug, PartialEq, Eq)]
pub enum Submitted<J> {
    /// It waits for its turn.
    Queued,
    /// It waits, in place of an older job of the same slot.
    Superseded(J),
    /// It waits, and the queue was so full that a routine job of somebody else had to go.
    Displaced(J),
    /// The queue is full, or the worker is shutting down. The job is given back.
    Refused(J),
}

impl<J> Submitted<J> {
    /// Whether work was left out because the worker is behind.
    pub fn is_overload(&self) -> bool {
        matches!(self, Self::Displaced(_) | Self::Refused(_))
    }
}

/// Threads that work off one bounded queue.
#[derive(Debug)]
pub struct Worker<J: Job> {
    shared: Arc<Shared<J>>,
    threads: Vec<JoinHandle<()>>,
}

impl<J: Job> Worker<J> {
    /// Starts one thread for each handler, all serving one queue of `capacity` waiting jobs.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn spawn<H>(name: &'static str, capacity: usize, handlers: impl IntoIterator<Item = H>) -> io::Result<Self>
    where
        H: FnMut(J) + Send + 'static,
    {
        let shared = Arc::new(Shared { queue: Mutex::new(Queue::new(capacity)), work: Condvar::new() });
        let mut worker = Self { shared: Arc::clone(&shared), threads: Vec::new() };
        for mut handler in handlers {
            let shared = Arc::clone(&shared);
            let run = move || {
                while let Some(job) = shared.next_job() {
                    // The job's own result channel closes when it panics, which is how its owner learns of it.
                    if catch_unwind(AssertUnwindSafe(|| handler(job))).is_err() {
                        tracing::error!(worker = name, "a job panicked and is lost");
                    }
                }
            };
            worker.threads.push(thread::Builder::new().name(name.to_owned()).spawn(run)?);
        }
        Ok(worker)
    }

    /// Queues a job. Never waits for a job to finish.
    pub fn submit(&self, job: J) -> Submitted<J> {
        let outcome = self.shared.lock().push(job);
        self.shared.work.notify_one();
        outcome
    }

    /// Takes back whatever waits in `slot`: its result is no longer wanted.
    pub fn withdraw(&self, slot: Slot) -> Option<J> {
        self.shared.lock().remove(slot)
    }

    /// How many jobs wait, without those at hand.
    pub fn waiting(&self) -> usize {
        self.shared.lock().len()
    }
}

impl<J: Job> Drop for Worker<J> {
    fn drop(&mut self) {
        let abandoned = self.shared.lock().close();
        drop(abandoned);
        self.shared.work.notify_all();
        for handle in self.threads.drain(..) {
            // A job may hold the last reference to its worker; a thread cannot wait for itself.
            if handle.thread().id() != thread::current().id() {
                // Handlers' panics are caught in the loop, so there is nothing to learn here.
                let _ = handle.join();
            }
        }
    }
}

#[derive(Debug)]
struct Shared<J> {
    queue: Mutex<Queue<J>>,
    work: Condvar,
}

impl<J: Job> Shared<J> {
    fn lock(&self) -> MutexGuard<'_, Queue<J>> {
        // The queue is consistent between any two statements that could panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job; `None` when the worker shuts down.
    fn next_job(&self) -> Option<J> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(job) = queue.pop() {
                return Some(job);
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The queue's rules, without threads.
#[derive(Debug)]
struct Queue<J> {
    urgent: VecDeque<J>,
    routine: VecDeque<J>,
    capacity: usize,
    closed: bool,
}

impl<J: Job> Queue<J> {
    fn new(capacity: usize) -> Self {
        Self { urgent: VecDeque::new(), routine: VecDeque::new(), capacity, closed: false }
    }

    fn len(&self) -> usize {
        self.urgent.len() + self.routine.len()
    }

    fn push(&mut self, job: J) -> Submitted<J> {
        if self.closed {
            return Submitted::Refused(job);
        }
        if let Some(slot) = job.slot() {
            // In place, so that a call that asks often does not lose its place in the line.
            let line = self.line_mut(job.urgency());
            if let Some(older) = line.iter_mut().find(|waiting| waiting.slot() == Some(slot)) {
                return Submitted::Superseded(std::mem::replace(older, job));
            }
            if let Some(older) = self.remove(slot) {
                self.line_mut(job.urgency()).push_back(job);
                return Submitted::Superseded(older);
            }
        }
        if self.len() < self.capacity {
            self.line_mut(job.urgency()).push_back(job);
            return Submitted::Queued;
        }
        match (job.urgency(), self.routine.pop_front()) {
            (Urgency::Urgent, Some(displaced)) => {
                self.urgent.push_back(job);
                Submitted::Displaced(displaced)
            }
            (_, oldest) => {
                if let Some(oldest) = oldest {
                    self.routine.push_front(oldest);
                }
                Submitted::Refused(job)
            }
        }
    }

    fn pop(&mut self) -> Option<J> {
        self.urgent.pop_front().or_else(|| self.routine.pop_front())
    }

    fn remove(&mut self, slot: Slot) -> Option<J> {
        [&mut self.urgent, &mut self.routine].into_iter().find_map(|line| {
            let at = line.iter().position(|waiting| waiting.slot() == Some(slot))?;
            line.remove(at)
        })
    }

    fn close(&mut self) -> Vec<J> {
        self.closed = true;
        self.urgent.drain(..).chain(self.routine.drain(..)).collect()
    }

    fn line_mut(&mut self, urgency: Urgency) -> &mut VecDeque<J> {
        match urgency {
            Urgency::Urgent => &mut self.urgent,
            Urgency::Routine => &mut self.routine,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Errand {
        name: &'static str,
        slot: Option<Slot>,
        urgency: Urgency,
    }

    impl Job for Errand {
        fn slot(&self) -> Option<Slot> {
            self.slot
        }

        fn urgency(&self) -> Urgency {
            self.urgency
        }
    }

    fn urgent(name: &'static str) -> Errand {
        Errand { name, slot: None, urgency: Urgency::Urgent }
    }

    fn routine(name: &'static str) -> Errand {
        Errand { name, slot: None, urgency: Urgency::Routine }
    }

    fn names(queue: &mut Queue<Errand>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).map(|errand| errand.name).collect()
    }

    #[test]
    fn takes_urgent_jobs_first_and_each_line_in_order() {
        let mut queue = Queue::new(8);
        for job in [routine("r1"), urgent("u1"), routine("r2"), urgent("u2")] {
            assert_eq!(queue.push(job), Submitted::Queued);
        }
        assert_eq!(names(&mut queue), ["u1", "u2", "r1", "r2"]);
    }

    #[test]
    fn keeps_only_the_newest_job_of_a_slot_and_its_place_in_the_line() {
        let slot = Some(Slot::unique());
        let mut queue = Queue::new(8);
        let first = Errand { slot, ..routine("first guess") };
        queue.push(first.clone());
        queue.push(routine("somebody else's"));
        assert_eq!(queue.push(Errand { slot, ..routine("second guess") }), Submitted::Superseded(first));
        assert_eq!(names(&mut queue), ["second guess", "somebody else's"]);
    }

    #[test]
    fn a_final_replaces_the_interim_of_its_slot_and_moves_ahead() {
        let slot = Some(Slot::unique());
        let mut queue = Queue::new(2);
        queue.push(routine("somebody else's"));
        queue.push(Errand { slot, ..routine("guess") });
        let outcome = queue.push(Errand { slot, ..urgent("final") });
        assert!(matches!(outcome, Submitted::Superseded(Errand { name: "guess", .. })));
        assert_eq!(names(&mut queue), ["final", "somebody else's"]);
    }

    #[test]
    fn a_full_queue_gives_up_routine_work_before_urgent_work() {
        let mut queue = Queue::new(2);
        queue.push(routine("r1"));
        queue.push(routine("r2"));
        assert_eq!(queue.push(routine("r3")), Submitted::Refused(routine("r3")));
        assert_eq!(queue.push(urgent("u1")), Submitted::Displaced(routine("r1")));
        assert_eq!(queue.push(urgent("u2")), Submitted::Displaced(routine("r2")));
        assert_eq!(queue.push(urgent("u3")), Submitted::Refused(urgent("u3")));
        assert_eq!(names(&mut queue), ["u1", "u2"]);
    }

    /// A worker whose handler reports that it has begun and then waits to be let go.
    fn gated(capacity: usize) -> (Worker<Errand>, Receiver<&'static str>, SyncSender<()>) {
        let (begun_tx, begun) = sync_channel(16);
        let (go, go_rx) = sync_channel::<()>(16);
        let handler = move |errand: Errand| {
            let _ = begun_tx.send(errand.name);
            let _ = go_rx.recv();
            assert_ne!(errand.name, "bad", "this job is meant to panic");
        };
        (Worker::spawn("gated", capacity, [handler]).unwrap(), begun, go)
    }

    #[test]
    fn refuses_without_waiting_while_the_thread_is_busy() {
        let (worker, begun, go) = gated(1);
        worker.submit(urgent("at hand"));
        assert_eq!(begun.recv().unwrap(), "at hand");
        assert_eq!(worker.submit(urgent("waits")), Submitted::Queued);
        assert!(worker.submit(urgent("too many")).is_overload());
        assert_eq!(worker.waiting(), 1);
        go.send(()).unwrap();
        assert_eq!(begun.recv().unwrap(), "waits");
        go.send(()).unwrap();
    }

    #[test]
    fn survives_a_job_that_panics() {
        let (worker, begun, go) = gated(4);
        worker.submit(urgent("bad"));
        go.send(()).unwrap();
        worker.submit(urgent("good"));
        assert_eq!(begun.recv().unwrap(), "bad");
        assert_eq!(begun.recv().unwrap(), "good");
        go.send(()).unwrap();
    }

    #[test]
    fn dropping_it_drops_what_waits_and_ends_the_thread() {
        let (worker, begun, go) = gated(4);
        worker.submit(urgent("at hand"));
        assert_eq!(begun.recv().unwrap(), "at hand");
        worker.submit(urgent("never"));
        go.send(()).unwrap();
        go.send(()).unwrap();
        drop(worker);
        // The sender lives in the handler: the channel closes only when the thread has ended.
        let later: Vec<_> = begun.iter().collect();
        assert!(later.is_empty() || later == ["never"], "{later:?}");
        assert!(begun.recv().is_err());
    }

    #[test]
    fn a_withdrawn_job_never_runs() {
        let slot = Slot::unique();
        let mut queue = Queue::new(4);
        queue.push(Errand { slot: Some(slot), ..routine("guess") });
        queue.push(routine("other"));
        assert_eq!(queue.remove(slot).map(|errand| errand.name), Some("guess"));
        assert_eq!(names(&mut queue), ["other"]);
    }
}
