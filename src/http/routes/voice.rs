//! A call announces itself, and asks what to do once its stream is over.

use std::time::Instant;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use voice_pipeline::pii::Pii;

use crate::http::guard::Webhook;
use crate::http::{ExpectedCall, Gateway};
use crate::telephony::admission::Turned;
use crate::telephony::twilio::token::StreamClaims;
use crate::telephony::twilio::twiml::{ConnectStream, connect_stream, dial, hang_up, parameter_value, say_and_hang_up};
use crate::telephony::{AgentLine, CallLeg, CarrierEvent};

/// `/twilio/voice`: connects the call to the media socket, or says that the line is busy. Answering
/// the same webhook again makes another token for the same place.
pub(in crate::http) async fn voice(State(gateway): State<Gateway>, webhook: Webhook) -> Result<Response, StatusCode> {
    let call_sid = webhook.call_sid()?;
    let number = |new: &str, old: &str| webhook.field(new).or_else(|| webhook.field(old)).unwrap_or_default();
    let (from, to) = (number("From", "Caller"), number("To", "Called"));
    let agent = gateway.0.host.agent_for(to);
    Ok(twiml(match announce(&gateway, &webhook, call_sid, from, to, &agent) {
        Ok(connect) => connect,
        Err(reason) => {
            let call_sid = call_sid.to_owned();
            gateway.0.host.carrier_event(CarrierEvent::TurnedAway { call_sid, reason });
            say_and_hang_up(&agent.busy_line)
        }
    }))
}

/// The TwiML that connects the call, if it is let in.
fn announce(
    gateway: &Gateway,
    webhook: &Webhook,
    call_sid: &str,
    from: &str,
    to: &str,
    agent: &AgentLine,
) -> Result<String, Turned> {
    let now = Instant::now();
    let mut mint = gateway.mint();
    // Places whose streams never came are free again before the next call is judged.
    mint.expire(now);
    if gateway.0.host.not_ready().is_some() {
        return Err(Turned::NotReady);
    }
    let permit = gateway.admission().admit(call_sid)?;
    let from = parameter_value("from", from);
    let to = parameter_value("to", to);
    let name = parameter_value("agent", &agent.name);
    let leg = CallLeg {
        call_sid: call_sid.into(),
        from: Pii::new(from.clone()),
        to: Pii::new(to.clone()),
        agent: name.as_str().into(),
        parameters: webhook.query.iter().cloned().collect(),
    };
    let claims = StreamClaims { call_sid, from: &from, to: &to, agent: &name };
    let token = mint.mint(now, rand::random(), &claims, ExpectedCall { permit, leg });
    Ok(connect_stream(&ConnectStream {
        stream_url: &webhook.base.socket_url("/twilio/media"),
        status_url: &webhook.base.url("/twilio/stream-status"),
        after_url: &webhook.base.url("/twilio/after-stream"),
        parameters: &[("token", &token), ("from", &from), ("to", &to), ("agent", &name)],
        apology: &agent.apology,
    }))
}

/// `/twilio/after-stream`: hands the caller over where the call asked for it. A call whose stream
/// never reached us gets an apology, every other one is hung up.
pub(in crate::http) async fn after_stream(
    State(gateway): State<Gateway>,
    webhook: Webhook,
) -> Result<Response, StatusCode> {
    let call_sid = webhook.call_sid()?;
    if let Some(target) = gateway.0.transfers.take(call_sid) {
        return Ok(twiml(dial(&target)));
    }
    let never_came = {
        let mut mint = gateway.mint();
        let waiting = mint.is_waiting(Instant::now(), call_sid);
        mint.forget(call_sid);
        waiting
    };
    if never_came {
        tracing::warn!(call_id = call_sid, "the carrier could not open the media socket");
        let to = webhook.field("To").or_else(|| webhook.field("Called")).unwrap_or_default();
        return Ok(twiml(say_and_hang_up(&gateway.0.host.agent_for(to).apology)));
    }
    Ok(twiml(hang_up()))
}

fn twiml(document: String) -> Response {
    ([(CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response()
}
