//! What the carrier reports about calls and streams, passed on to the host.

use axum::extract::State;
use axum::http::StatusCode;

use crate::http::Gateway;
use crate::http::guard::Webhook;
use crate::telephony::CarrierEvent;

/// States after which nothing of a call follows.
const FINAL_STATES: [&str; 5] = ["completed", "busy", "no-answer", "failed", "canceled"];

/// `/twilio/status`.
pub(in crate::http) async fn call_status(
    State(gateway): State<Gateway>,
    webhook: Webhook,
) -> Result<StatusCode, StatusCode> {
    let call_sid = webhook.call_sid()?;
    let status = webhook.field("CallStatus").ok_or(StatusCode::BAD_REQUEST)?;
    if FINAL_STATES.contains(&status) {
        // A caller who hung up before the stream came gives the place back now.
        gateway.mint().forget(call_sid);
    }
    let number = |name| webhook.field(name).and_then(|value| value.parse().ok());
    gateway.0.host.carrier_event(CarrierEvent::CallStatus {
        call_sid: call_sid.to_owned(),
        status: status.to_owned(),
        sequence: number("SequenceNumber"),
        duration_seconds: number("CallDuration"),
    });
    Ok(StatusCode::NO_CONTENT)
}

/// `/twilio/stream-status`.
pub(in crate::http) async fn stream_status(
    State(gateway): State<Gateway>,
    webhook: Webhook,
) -> Result<StatusCode, StatusCode> {
    let event = webhook.field("StreamEvent").ok_or(StatusCode::BAD_REQUEST)?;
    gateway.0.host.carrier_event(CarrierEvent::StreamStatus {
        call_sid: webhook.call_sid()?.to_owned(),
        stream_sid: webhook.field("StreamSid").unwrap_or_default().to_owned(),
        event: event.to_owned(),
        error: webhook.field("StreamError").map(str::to_owned),
    });
    Ok(StatusCode::NO_CONTENT)
}
