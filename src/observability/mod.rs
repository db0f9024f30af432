//! What operators see of the calls: logs, metrics and JSON lines, all fed by the one stream of call
//! events.
//!
//! Build an [`EventHub`], subscribe [`logs`] and [`jsonl`], then give the hub to the calls:
//!
//! ```no_run
//! # use voice_gateway::observability::{EventHub, jsonl, logs};
//! # async fn start() {
//! let mut tasks = tokio::task::JoinSet::new();
//! let mut hub = EventHub::new();
//! let (to_log, to_write) = (hub.subscribe("logs"), hub.subscribe("jsonl"));
//! tasks.spawn(logs::run(to_log, false));
//! tasks.spawn_blocking(move || jsonl::write_lines(to_write, std::io::stdout(), false).unwrap_or_default());
//! // … calls emit into `hub`; when the last one is over:
//! drop(hub);
//! tasks.join_all().await;
//! # }
//! ```
//!
//! What always holds: [`EventHub::emit`] never waits; nothing personal is written unless the operator
//! asked for it, and then only in fields named `pii.*`.

mod catalogue;
mod fields;
mod hub;
pub mod jsonl;
pub mod logs;
mod metrics;
#[cfg(test)]
mod tests;

pub use catalogue::events_markdown;
pub use hub::{EventHub, QUEUE_EVENTS, StampedEvent, Subscription};
pub use logs::{LogError, init_tracing};
pub use metrics::Metrics;
