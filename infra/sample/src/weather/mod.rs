//! A weather service to enrich from and to deliver to: observations by airport and hour, over HTTP.
//!
//! It stands in for someone else's API, so it is nothing of AWS: it answers what it holds, takes what is
//! put, once under each key, and counts the calls. Being slow, or away, is for the emulation that serves it.

mod deliveries;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::json;
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tokio::net::TcpListener;

pub use self::deliveries::Delivered;
use self::deliveries::{Deliveries, Taken};

#[cfg(test)]
mod tests;

/// A file that unpacks to more is refused.
const MAX_BYTES: u64 = 256 << 20;

const HOUR: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:00:00Z");

/// The observations, and how often they were asked for; clones share both.
#[derive(Clone)]
pub struct Weather {
    inner: Arc<Inner>,
}

struct Inner {
    /// The answers, as they are sent, by origin and hour.
    hours: RwLock<HashMap<(String, String), Bytes>>,
    deliveries: Deliveries,
    calls: AtomicU64,
    /// The one that whoever puts must have.
    token: RwLock<Option<String>>,
    /// How often something was asked or put without it.
    refusals: AtomicU64,
}

#[derive(Debug, thiserror::Error)]
pub enum WeatherError {
    #[error("the weather could not be unpacked")]
    Unpack(#[source] io::Error),
    #[error("the weather unpacks to more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("line {line} of the weather is no observation")]
    Parse {
        line: usize,
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Key {
    origin: String,
    time_hour: String,
}

impl Weather {
    /// From newline-delimited JSON, gzipped or not: one object a line, with `origin` (`JFK`),
    /// `time_hour` (`2013-01-01T10:00:00Z`) and whatever was observed. Of two lines for one hour the
    /// later counts.
    ///
    /// # Errors
    /// For what cannot be unpacked or parsed, with its line.
    pub fn load(file: &[u8]) -> Result<Self, WeatherError> {
        let unpacked;
        let text = if file.starts_with(&[0x1f, 0x8b]) {
            unpacked = unpack(file)?;
            &unpacked
        } else {
            file
        };
        let mut hours = HashMap::new();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let key: Key = serde_json::from_slice(line)
                .map_err(|source| WeatherError::Parse { line: index + 1, source })?;
            hours.insert((key.origin, key.time_hour), Bytes::copy_from_slice(line));
        }
        let inner = Inner {
            hours: RwLock::new(hours),
            deliveries: Deliveries::default(),
            calls: AtomicU64::new(0),
            token: RwLock::default(),
            refusals: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// How many hours of how many airports it holds.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.inner.hours.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What was put, under each key that it was put under.
    #[must_use]
    pub fn deliveries(&self) -> BTreeMap<String, Delivered> {
        self.inner.deliveries.all()
    }

    /// How often an hour was asked for, whatever the answer.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.inner.calls.load(Ordering::Relaxed)
    }

    /// From now on gives and takes nothing without this token: `Authorization: Bearer TOKEN`.
    pub fn require_token(&self, token: &str) {
        let mut required = self.inner.token.write().unwrap_or_else(PoisonError::into_inner);
        *required = Some(token.to_owned());
    }

    /// How often something was asked or put without the token that is required.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.inner.refusals.load(Ordering::Relaxed)
    }

    /// Answers `GET /v1/stations/{origin}/hours/{time_hour}` until the listener fails: 200 with the
    /// observation, 404 where there is none, 400 for a `time_hour` that is no hour, 401 without the token that is
    /// required.
    ///
    /// Answers `PUT` there: 201 for an observation under a new `Idempotency-Key`, 200 for the same one
    /// again, 422 for another one or for one of another place or hour, 400 without a key, 401 without the
    /// token that is required.
    ///
    /// # Errors
    /// Those of the listener.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        axum::serve(listener, self.router()).await
    }

    /// As [`Weather::serve`] answers.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v1/stations/{origin}/hours/{time_hour}", get(hour).put(observe))
            .with_state(self)
    }
}

impl Inner {
    /// Counts those that are not let in.
    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let required = self.token.read().unwrap_or_else(PoisonError::into_inner);
        let Some(token) = required.as_ref() else { return true };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let has_token = given == Some(&format!("Bearer {token}"));
        self.refusals.fetch_add(u64::from(!has_token), Ordering::Relaxed);
        has_token
    }
}

async fn hour(
    State(weather): State<Weather>,
    Path((origin, time_hour)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    weather.inner.calls.fetch_add(1, Ordering::Relaxed);
    if !weather.inner.lets_in(&headers) {
        return refusal(StatusCode::UNAUTHORIZED, "a token is needed");
    }
    if !is_hour(&time_hour) {
        return refusal(StatusCode::BAD_REQUEST, NO_HOUR);
    }
    let hours = weather.inner.hours.read().unwrap_or_else(PoisonError::into_inner);
    match hours.get(&(origin, time_hour)) {
        Some(observed) => ([(CONTENT_TYPE, "application/json")], observed.clone()).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "no observation"),
    }
}

async fn observe(
    State(weather): State<Weather>,
    Path((origin, time_hour)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !weather.inner.lets_in(&headers) {
        return refusal(StatusCode::UNAUTHORIZED, "a token is needed");
    }
    let Some(key) = headers.get("idempotency-key").and_then(|key| key.to_str().ok()) else {
        return refusal(StatusCode::BAD_REQUEST, "an Idempotency-Key is needed");
    };
    if !is_hour(&time_hour) {
        return refusal(StatusCode::BAD_REQUEST, NO_HOUR);
    }
    let place = (origin, time_hour);
    let is_its_own = serde_json::from_slice::<Key>(&body)
        .is_ok_and(|key| (&key.origin, &key.time_hour) == (&place.0, &place.1));
    if !is_its_own {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "no observation of this place and hour");
    }
    match weather.inner.deliveries.take(key, &body) {
        Taken::Now => {
            let mut hours = weather.inner.hours.write().unwrap_or_else(PoisonError::into_inner);
            hours.insert(place, body);
            StatusCode::CREATED.into_response()
        }
        Taken::Before => StatusCode::OK.into_response(),
        Taken::Otherwise => {
            refusal(StatusCode::UNPROCESSABLE_ENTITY, "the key was used with another observation")
        }
    }
}

const NO_HOUR: &str = "time_hour is not an hour like 2013-01-01T10:00:00Z";

fn is_hour(text: &str) -> bool {
    PrimitiveDateTime::parse(text, HOUR).is_ok()
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason }))).into_response()
}

fn unpack(file: &[u8]) -> Result<Vec<u8>, WeatherError> {
    let mut text = Vec::new();
    let mut reader = MultiGzDecoder::new(file).take(MAX_BYTES + 1);
    reader.read_to_end(&mut text).map_err(WeatherError::Unpack)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(WeatherError::TooLarge);
    }
    Ok(text)
}
