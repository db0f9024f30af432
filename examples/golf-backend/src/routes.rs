//! The routes: HTTP in, tee sheet, HTTP out.
//!
//! Looking a key up, changing the sheet and keeping the answer happen under one lock that is never
//! held across an await, so two requests for the last place, or one request sent twice at the same
//! moment, cannot both succeed.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tracing::info;

use crate::idempotency::{Answers, Known};
use crate::tee_sheet::{ConfirmationCode, TeeSheet, TeeTime, price_per_player};
use crate::wire::{Answer, BookingBody, ChangeBody, DayQuery, SearchQuery, read_body, reservation_json};
use crate::{Clock, Settings, demo};

/// Largest request body.
const MAX_BODY_BYTES: usize = 4 * 1024;
/// Answers kept for repeated requests: with the largest bodies, 4 MiB.
const ANSWERS_KEPT: usize = 1_000;
/// Longest `Idempotency-Key`.
const MAX_KEY_BYTES: usize = 255;

type Reply = Result<Answer, Answer>;

struct Club {
    sheet: TeeSheet,
    answers: Answers<Answer>,
}

struct Service {
    club: Mutex<Club>,
    clock: Clock,
    token_digest: Option<[u8; 32]>,
}

impl Service {
    fn new(settings: Settings) -> Self {
        let mut sheet = TeeSheet::new(settings.code_seed.unwrap_or_else(rand::random));
        if settings.demo_data {
            demo::fill(&mut sheet, settings.clock.now().date());
        }
        Self {
            club: Mutex::new(Club { sheet, answers: Answers::new(ANSWERS_KEPT) }),
            clock: settings.clock,
            token_digest: settings.token.map(|token| Sha256::digest(token).into()),
        }
    }

    fn club(&self) -> MutexGuard<'_, Club> {
        self.club.lock().expect("no request panics while it holds the sheet")
    }

    /// Does `work` once per `Idempotency-Key`.
    fn once(&self, call: &Call, work: impl FnOnce(&mut TeeSheet) -> Reply) -> Answer {
        let mut club = self.club();
        let Some(key) = &call.key else {
            return work(&mut club.sheet).unwrap_or_else(|error| error);
        };
        match club.answers.look_up(key, &call.request) {
            Known::Answered(answer) => answer,
            Known::OtherRequest => Answer::error(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "this Idempotency-Key was sent with another request before; use a new key",
            ),
            Known::New => {
                let answer = work(&mut club.sheet).unwrap_or_else(|error| error);
                club.answers.keep(key.clone(), call.request.clone(), answer.clone());
                answer
            }
        }
    }
}

/// What makes a request the same as another one.
struct Call {
    key: Option<String>,
    request: Vec<u8>,
}

impl Call {
    fn new(method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<Self, Answer> {
        let key = match headers.get("idempotency-key") {
            None => None,
            Some(value) => match value.to_str() {
                Ok(key) if (1..=MAX_KEY_BYTES).contains(&key.len()) => Some(key.to_owned()),
                _ => {
                    return Err(Answer::invalid(format!(
                        "Idempotency-Key must be 1 to {MAX_KEY_BYTES} visible ASCII characters"
                    )));
                }
            },
        };
        let mut request = format!("{method} {path}\n").into_bytes();
        request.extend_from_slice(body);
        Ok(Self { key, request })
    }
}

/// Every route of the service.
pub(crate) fn router(settings: Settings) -> Router {
    let service = Arc::new(Service::new(settings));
    let guarded = Router::new()
        .route("/tee-times", get(search))
        .route("/tee-sheet", get(whole_day))
        .route("/reservations", post(book))
        .route("/reservations/{code}", get(find).patch(change).delete(cancel))
        .layer(middleware::from_fn_with_state(Arc::clone(&service), require_token));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(guarded)
        .fallback(|| async { Answer::error(StatusCode::NOT_FOUND, "no_such_route", "there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Answer::error(status, "wrong_method", "this path does not take this method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(service)
}

/// Compares digests, so neither the token's characters nor its length show in the time taken.
async fn require_token(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let Some(expected) = &service.token_digest else { return next.run(request).await };
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let accepted = sent.is_some_and(|token| Sha256::digest(token)[..].ct_eq(expected).into());
    if accepted {
        return next.run(request).await;
    }
    let refusal = Answer::error(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "send the service's token in the Authorization header, as Bearer",
    );
    ([(header::WWW_AUTHENTICATE, "Bearer")], refusal).into_response()
}

async fn search(State(service): State<Arc<Service>>, query: Result<Query<SearchQuery>, QueryRejection>) -> Reply {
    let wanted = query.map_err(wrong_query)?.read()?;
    let now = service.clock.now();
    let slots = service.club().sheet.open_slots(now, wanted.date, wanted.players, wanted.after, wanted.before)?;
    let price = price_per_player(wanted.date);
    let slots: Vec<_> = slots
        .into_iter()
        .map(|(slot, room)| json!({ "time": slot.to_string(), "open_players": room, "price_per_player": price }))
        .collect();
    let date = wanted.date.to_string();
    Ok(Answer::ok(json!({ "date": date, "players": wanted.players, "slots": slots })))
}

async fn whole_day(State(service): State<Arc<Service>>, query: Result<Query<DayQuery>, QueryRejection>) -> Reply {
    let date = query.map_err(wrong_query)?.read()?;
    let club = service.club();
    let slots: Vec<_> = TeeTime::all()
        .map(|slot| {
            let held: Vec<_> =
                club.sheet.in_slot(date, slot).map(|(code, held)| reservation_json(code, held)).collect();
            json!({ "time": slot.to_string(), "reservations": held })
        })
        .collect();
    Ok(Answer::ok(json!({ "date": date.to_string(), "slots": slots })))
}

async fn book(
    State(service): State<Arc<Service>>,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Reply {
    let body = body.map_err(|error| wrong_body(&error))?;
    let call = Call::new(&method, "/reservations", &headers, &body)?;
    let now = service.clock.now();
    Ok(service.once(&call, |sheet| {
        let wanted = read_body::<BookingBody>(&body)?.read()?;
        let code = sheet.book(now, wanted)?;
        let held = sheet.find(&code)?;
        info!(%code, date = %held.date, time = %held.time, players = held.players, "tee time booked");
        Ok(Answer { status: StatusCode::CREATED, body: reservation_json(&code, held) })
    }))
}

async fn find(State(service): State<Arc<Service>>, Path(code): Path<String>) -> Reply {
    let code: ConfirmationCode = code.parse()?;
    let club = service.club();
    Ok(Answer::ok(reservation_json(&code, club.sheet.find(&code)?)))
}

async fn change(
    State(service): State<Arc<Service>>,
    Path(code): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Reply {
    let body = body.map_err(|error| wrong_body(&error))?;
    let call = Call::new(&method, &code, &headers, &body)?;
    let code: ConfirmationCode = code.parse()?;
    let now = service.clock.now();
    Ok(service.once(&call, |sheet| {
        let change = read_body::<ChangeBody>(&body)?.read()?;
        let held = sheet.change(now, &code, change)?;
        info!(%code, date = %held.date, time = %held.time, players = held.players, "tee time changed");
        Ok(Answer::ok(reservation_json(&code, held)))
    }))
}

async fn cancel(
    State(service): State<Arc<Service>>,
    Path(code): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Reply {
    let call = Call::new(&method, &code, &headers, b"")?;
    let code: ConfirmationCode = code.parse()?;
    Ok(service.once(&call, |sheet| {
        sheet.cancel(&code)?;
        info!(%code, "tee time cancelled");
        Ok(Answer::ok(json!({ "confirmation_code": code.as_str(), "cancelled": true })))
    }))
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of map_err")]
fn wrong_query(rejection: QueryRejection) -> Answer {
    Answer::invalid(format!("the query cannot be used: {}", rejection.body_text()))
}

/// A body over the limit is the only one that is well formed and still refused here.
fn wrong_body(rejection: &BytesRejection) -> Answer {
    let message = format!("a body may have at most {MAX_BODY_BYTES} bytes");
    Answer::error(rejection.status(), "invalid", message)
}
