//! The listeners: routes for the carrier, health for the platform, metrics for the operator.
//!
//! [`Gateway`] joins the settings, the counter of calls and the [`CallHost`]; [`Gateway::router`]
//! and [`Gateway::admin_router`] are its routes, [`serve::serve`] its listeners.
//!
//! What always holds:
//! - a carrier's route does nothing before the request was verified, or found to be from this
//!   machine in local mode;
//! - a call holds one place from the moment its webhook was answered until its last task is gone, or
//!   until its token expires because no stream came;
//! - calls run in [`Gateway::calls`], never in a handler.
//!
//! Not here: what a signature is (`telephony::twilio`), what happens in a call (`call`).

mod guard;
pub mod local;
pub mod public_url;
mod routes;
pub mod serve;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::telephony::admission::{Admission, Permit};
use crate::telephony::after_stream::Transfers;
use crate::telephony::twilio::codec::StreamStart;
use crate::telephony::twilio::signature::Verifier;
use crate::telephony::twilio::token::{StreamClaims, TokenFault, TokenMint};
use crate::telephony::{CallHost, CallLeg, TelephonySettings};

/// Sockets that have not sent their `start` yet. Each may hold a message's buffer for the start
/// timeout; past this many, strangers get 503 instead of a socket.
const PENDING_SOCKETS_MAX: usize = 256;

/// The address a request came from; [`serve::serve`] puts it into every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// What the routes share; clones are the same gateway.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    settings: TelephonySettings,
    /// `None` in local mode.
    verifier: Option<Verifier>,
    host: Arc<dyn CallHost>,
    admission: Admission,
    mint: Mutex<TokenMint<ExpectedCall>>,
    transfers: Transfers,
    pending_sockets: Arc<Semaphore>,
    calls: TaskTracker,
    stop_calls: CancellationToken,
}

/// A call whose webhook was answered and whose stream is on its way.
struct ExpectedCall {
    permit: Permit,
    leg: CallLeg,
}

impl Gateway {
    /// A gateway that hands its calls to `host`.
    pub fn new(settings: TelephonySettings, host: Arc<dyn CallHost>) -> Self {
        let verifier = settings.signature.has_keys().then(|| Verifier::new(settings.signature.clone()));
        let admission = Admission::new(settings.max_calls);
        let mint = TokenMint::new(rand::random(), Instant::now(), settings.stream_token_lifetime);
        Self(Arc::new(Inner {
            settings,
            verifier,
            host,
            admission,
            mint: Mutex::new(mint),
            transfers: Transfers::default(),
            pending_sockets: Arc::new(Semaphore::new(PENDING_SOCKETS_MAX)),
            calls: TaskTracker::new(),
            stop_calls: CancellationToken::new(),
        }))
    }

    /// The routes for `LISTEN_ADDR`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/twilio/voice", get(routes::voice::voice).post(routes::voice::voice))
            .route("/twilio/media", get(routes::media::media))
            .route("/twilio/status", get(routes::status::call_status).post(routes::status::call_status))
            .route("/twilio/stream-status", post(routes::status::stream_status))
            .route("/twilio/after-stream", post(routes::voice::after_stream))
            .route("/healthz", get(routes::health::healthz))
            .route("/readyz", get(routes::health::readyz))
            .with_state(self.clone())
    }

    /// The routes for `ADMIN_ADDR`. `render_metrics` writes the Prometheus text.
    pub fn admin_router(&self, render_metrics: impl Fn() -> String + Send + Sync + 'static) -> Router {
        let render_metrics: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(render_metrics);
        Router::new()
            .route("/metrics", get(move || routes::health::metrics(Arc::clone(&render_metrics))))
            .route("/healthz", get(routes::health::healthz))
    }

    /// Takes no new call from now on: callers hear the busy line, `/readyz` says 503. Running calls
    /// go on.
    pub fn drain(&self) {
        self.0.admission.drain();
    }

    /// Cancels the running calls.
    pub fn stop_calls(&self) {
        self.0.stop_calls.cancel();
    }

    /// The tasks of the running calls. To wait for the last one: `close()`, then `wait()`.
    pub fn calls(&self) -> &TaskTracker {
        &self.0.calls
    }

    /// The counter of calls, for metrics.
    pub fn admission(&self) -> &Admission {
        &self.0.admission
    }

    /// Calls that are up or expected. Expected calls whose stream never came are given up first.
    pub fn calls_now(&self) -> usize {
        self.mint().expire(Instant::now());
        self.0.admission.calls()
    }

    fn mint(&self) -> MutexGuard<'_, TokenMint<ExpectedCall>> {
        // Nothing panics while the lock is held.
        self.0.mint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call a stream belongs to.
    fn redeem(&self, start: &StreamStart) -> Result<ExpectedCall, TokenFault> {
        let parameter = |name: &str| start.parameters.get(name).map_or("", String::as_str);
        let claims = StreamClaims {
            call_sid: &start.call_sid,
            from: parameter("from"),
            to: parameter("to"),
            agent: parameter("agent"),
        };
        self.mint().redeem(Instant::now(), parameter("token"), &claims)
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("admission", &self.0.admission).finish_non_exhaustive()
    }
}
