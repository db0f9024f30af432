//! What two thousand calls leave behind: nothing.
//!
//! The whole server in this process, observers included, with its vendors and its backend behind real sockets, and
//! callers who dial, talk over the greeting, are answered and hang up, or vanish. Every byte that is allocated
//! and not given back is counted, on the callers' side as well.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "memory/caller.rs"]
mod caller;
#[path = "memory/server.rs"]
mod server;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;

use caller::{Caller, Manner};
use server::Server;

/// Calls before the counting begins: by then pools and tables have their size.
const WARM_UP: u32 = 480;
/// Calls that are counted.
const COUNTED: u32 = 2_016;
/// Calls at the same time.
const SIDE_BY_SIDE: u32 = 48;
/// What may be left of a call: less than the smallest struct that is kept for one.
const LEFT_PER_CALL_BYTES: i64 = 48;
/// More than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of its own.
#[allow(unsafe_code, reason = "an allocator is unsafe by its trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE_BYTES.fetch_add(size as i64 - layout.size() as i64, Ordering::Relaxed);
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is there between two crowds of calls.
#[derive(Debug, Clone, Copy)]
struct Sample {
    live_bytes: i64,
    tasks: usize,
}

impl Sample {
    async fn of(server: &mut Server) -> Self {
        server.is_quiet(LIMIT).await;
        Self { live_bytes: LIVE_BYTES.load(Ordering::Relaxed), tasks: Handle::current().metrics().num_alive_tasks() }
    }
}

/// So many calls, always [`SIDE_BY_SIDE`] of them at once.
async fn calls(caller: &Arc<Caller>, count: u32) {
    let mut up = JoinSet::new();
    for number in 0..count {
        if number >= SIDE_BY_SIDE {
            up.join_next().await.unwrap().unwrap();
        }
        let caller = Arc::clone(caller);
        up.spawn(async move {
            let call = caller.call(Manner::of(number));
            timeout(LIMIT, call).await.expect("a call ends");
        });
    }
    while let Some(done) = up.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_calls_leave_no_task_and_no_memory() {
    let mut server = Server::start().await;
    let caller = Arc::new(Caller::new(server.carrier_url()));
    calls(&caller, WARM_UP).await;
    let before = Sample::of(&mut server).await;
    let began = Instant::now();
    calls(&caller, COUNTED).await;
    let after = Sample::of(&mut server).await;

    let left = after.live_bytes - before.live_bytes;
    println!("what went wrong: {:?}", server.mishaps());
    println!("{COUNTED} calls in {:?}: {left} bytes left; {before:?}, {after:?}", began.elapsed());
    assert_eq!(server.calls_ended(), u64::from(WARM_UP + COUNTED));
    // Three callers in four ask something; one in twenty may meet a machine that is busy with other work.
    let asked = u64::from(WARM_UP + COUNTED) * 3 / 4;
    assert!(server.turns() > asked * 19 / 20, "of {asked} questions {} were answered", server.turns());
    assert!(
        left < LEFT_PER_CALL_BYTES * i64::from(COUNTED),
        "{} bytes are left of each call",
        left / i64::from(COUNTED)
    );
    assert_eq!(after.tasks, before.tasks);
}
