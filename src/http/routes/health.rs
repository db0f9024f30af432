//! Whether the process lives, whether it can take a call, and its numbers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::json;

use crate::http::Gateway;

/// The process answers.
pub(in crate::http) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the next call would be served, and if not, why.
pub(in crate::http) async fn readyz(State(gateway): State<Gateway>) -> impl IntoResponse {
    let calls = gateway.calls_now();
    let admission = gateway.admission();
    let mut reasons = Vec::new();
    reasons.extend(gateway.0.host.not_ready());
    if admission.is_draining() {
        reasons.push("draining");
    }
    if calls >= admission.max_calls() {
        reasons.push("at_capacity");
    }
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({"ready": ready, "reasons": reasons, "calls": calls, "max_calls": admission.max_calls()});
    (status, Json(body))
}

/// Prometheus text.
pub(in crate::http) async fn metrics(render: Arc<dyn Fn() -> String + Send + Sync>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render())
}
