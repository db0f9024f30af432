//! A small tee-sheet service: the backend that the golf agent's tools call.
//!
//! [`serve`] runs it on a listener until told to stop; [`router`] is the same without a listener.
//! [`TeeSheet`] holds the rules and knows neither HTTP nor a clock.
//!
//! What always holds: a slot is never overbooked, however many requests arrive at once, and a
//! request repeated with its `Idempotency-Key` acts once. Everything lives in memory and is gone
//! when the process ends.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

mod demo;
mod idempotency;
mod routes;
mod tee_sheet;
mod wire;

pub use tee_sheet::{
    Change, ConfirmationCode, DAYS_AHEAD, MAX_PLAYERS, NotACode, Refusal, Reservation, TeeSheet, TeeTime,
    price_per_player,
};

/// The course's time zone unless it is told another one.
pub const DEFAULT_TIME_ZONE: &str = "America/Los_Angeles";

/// How the service runs.
#[derive(Clone)]
pub struct Settings {
    /// Bearer token that every route but `/healthz` asks for; none: everybody may call.
    pub token: Option<String>,
    /// Tells the course's local time.
    pub clock: Clock,
    /// Whether the sheet starts with a few reservations instead of empty.
    pub demo_data: bool,
    /// Decides the confirmation codes; none: different ones on every start.
    pub code_seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        let zone = TimeZone::get(DEFAULT_TIME_ZONE).expect("the zone database is built in");
        Self { token: None, clock: Clock::in_zone(zone), demo_data: true, code_seed: None }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("token", &self.token.as_ref().map(|_| "***"))
            .field("demo_data", &self.demo_data)
            .field("code_seed", &self.code_seed)
            .finish_non_exhaustive()
    }
}

/// Tells the local time at the course.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime + Send + Sync>);

impl Clock {
    /// The machine's clock, read in a time zone.
    pub fn in_zone(zone: TimeZone) -> Self {
        Self::from_fn(move || zone.to_datetime(Timestamp::now()))
    }

    /// A clock that stands still.
    pub fn fixed(now: DateTime) -> Self {
        Self::from_fn(move || now)
    }

    /// Any clock.
    pub fn from_fn(now: impl Fn() -> DateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The local time now.
    pub fn now(&self) -> DateTime {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// Every route of the service, with a tee sheet of its own.
pub fn router(settings: Settings) -> Router {
    routes::router(settings)
}

/// Serves on `listener` until `shutdown` completes; requests that run are finished first.
pub async fn serve(
    listener: tokio::net::TcpListener,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(settings)).with_graceful_shutdown(shutdown).await
}
