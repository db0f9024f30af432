//! The JSON of requests and answers, and the checks between text and the tee sheet's types.
//!
//! Every mistake in a request becomes one sentence that says what is wrong and what would be right,
//! because a language model reads it and tries again.

use axum::http::StatusCode;
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::tee_sheet::{
    Change, ConfirmationCode, MAX_PLAYERS, NotACode, Refusal, Reservation, TeeTime, price_per_player,
};

/// Longest name and phone number, in characters.
const MAX_NAME_CHARS: usize = 80;
const MAX_PHONE_CHARS: usize = 32;

/// A status and the JSON that goes with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Body.
    pub body: Value,
}

impl Answer {
    /// 200 with a body.
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    /// An error with its constant word and a sentence.
    pub(crate) fn error(status: StatusCode, word: &str, message: impl Into<String>) -> Self {
        Self { status, body: json!({ "error": word, "message": message.into() }) }
    }

    /// 422: the request itself is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::error(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
    }
}

impl From<NotACode> for Answer {
    /// A code that cannot exist is simply not found: callers mishear codes all the time.
    fn from(error: NotACode) -> Self {
        Self::error(StatusCode::NOT_FOUND, "not_found", error.to_string())
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::SlotTaken { nearest, .. } => {
                let nearest: Vec<String> = nearest.iter().map(TeeTime::to_string).collect();
                let mut answer = Self::error(StatusCode::CONFLICT, "slot_taken", message);
                answer.body["nearest"] = json!(nearest);
                answer
            }
            Refusal::NotFound(_) => Self::error(StatusCode::NOT_FOUND, "not_found", message),
            Refusal::DayInThePast { .. } | Refusal::TooFarAhead { .. } | Refusal::WrongPlayers(_) => {
                Self::invalid(message)
            }
        }
    }
}

/// Query of `GET /tee-times`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchQuery {
    date: String,
    players: String,
    after: Option<String>,
    before: Option<String>,
}

/// What to look for.
#[derive(Debug)]
pub(crate) struct Search {
    /// The day.
    pub date: Date,
    /// How many play.
    pub players: u8,
    /// Not earlier than.
    pub after: Option<Time>,
    /// Not later than.
    pub before: Option<Time>,
}

impl SearchQuery {
    /// Reads the texts.
    pub(crate) fn read(&self) -> Result<Search, Answer> {
        let players = self.players.parse().map_err(|_| wrong_players(&self.players))?;
        Ok(Search {
            date: read_date(&self.date)?,
            players: read_players(players)?,
            after: self.after.as_deref().map(|text| read_time("after", text)).transpose()?,
            before: self.before.as_deref().map(|text| read_time("before", text)).transpose()?,
        })
    }
}

/// Query of `GET /tee-sheet`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DayQuery {
    date: String,
}

impl DayQuery {
    /// Reads the day.
    pub(crate) fn read(&self) -> Result<Date, Answer> {
        read_date(&self.date)
    }
}

/// Body of `POST /reservations`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BookingBody {
    date: String,
    time: String,
    players: i64,
    name: String,
    phone: Option<String>,
}

impl BookingBody {
    /// Reads the texts.
    pub(crate) fn read(&self) -> Result<Reservation, Answer> {
        Ok(Reservation {
            date: read_date(&self.date)?,
            time: read_tee_time(&self.time)?,
            players: read_players(self.players)?,
            name: read_short_text("name", &self.name, MAX_NAME_CHARS)?,
            phone: self.phone.as_deref().map(|phone| read_short_text("phone", phone, MAX_PHONE_CHARS)).transpose()?,
        })
    }
}

/// Body of `PATCH /reservations/{code}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    date: Option<String>,
    time: Option<String>,
    players: Option<i64>,
}

impl ChangeBody {
    /// Reads the texts.
    pub(crate) fn read(&self) -> Result<Change, Answer> {
        let change = Change {
            date: self.date.as_deref().map(read_date).transpose()?,
            time: self.time.as_deref().map(read_tee_time).transpose()?,
            players: self.players.map(read_players).transpose()?,
        };
        if change == Change::default() {
            return Err(Answer::invalid("say what to change: date, time or players"));
        }
        Ok(change)
    }
}

/// Reads a JSON body.
pub(crate) fn read_body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|error| Answer::invalid(format!("the JSON body cannot be used: {error}")))
}

#[derive(Serialize)]
struct ReservationJson<'a> {
    confirmation_code: &'a str,
    date: String,
    time: String,
    players: u8,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    price_per_player: f64,
    total: f64,
}

/// A reservation as answers carry it.
pub(crate) fn reservation_json(code: &ConfirmationCode, held: &Reservation) -> Value {
    let price = price_per_player(held.date);
    json!(ReservationJson {
        confirmation_code: code.as_str(),
        date: held.date.to_string(),
        time: held.time.to_string(),
        players: held.players,
        name: &held.name,
        phone: held.phone.as_deref(),
        price_per_player: price,
        total: price * f64::from(held.players),
    })
}

fn read_date(text: &str) -> Result<Date, Answer> {
    Date::strptime("%Y-%m-%d", text).map_err(|_| {
        let shown = shorten(text);
        Answer::invalid(format!("date is \"{shown}\", but must be a day such as 2026-11-28"))
    })
}

fn read_time(field: &str, text: &str) -> Result<Time, Answer> {
    Time::strptime("%H:%M", text).map_err(|_| {
        let shown = shorten(text);
        Answer::invalid(format!("{field} is \"{shown}\", but must be a time such as 09:00"))
    })
}

fn read_tee_time(text: &str) -> Result<TeeTime, Answer> {
    TeeTime::at(read_time("time", text)?).ok_or_else(|| {
        let shown = shorten(text);
        Answer::invalid(format!("time is \"{shown}\", but tee times start every 10 minutes from 06:30 to 16:10"))
    })
}

fn read_players(players: i64) -> Result<u8, Answer> {
    u8::try_from(players)
        .ok()
        .filter(|players| (1..=MAX_PLAYERS).contains(players))
        .ok_or_else(|| wrong_players(players))
}

fn wrong_players(players: impl std::fmt::Display) -> Answer {
    let shown = shorten(&players.to_string());
    Answer::invalid(format!("players is {shown}, but must be from 1 to {MAX_PLAYERS}"))
}

fn read_short_text(field: &str, text: &str, most: usize) -> Result<String, Answer> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(Answer::invalid(format!("{field} must be text of 1 to {most} characters")));
    }
    Ok(text.to_owned())
}

/// Enough of a wrong value to recognise it, never all of a long one.
fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(20).collect()
}
