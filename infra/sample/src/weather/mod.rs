//! A weather service for enrichers and deliveries: observations by airport and hour, over HTTP.
//!
//! It stands in for the API of another company. It answers the observations that it holds, accepts
//! each idempotency key once, and counts calls. The emulation that serves it makes it slow or
//! unavailable.

mod deliveries;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{DefaultBodyLimit, Path, State};
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

/// The largest unpacked size of a file, in bytes.
const MAX_BYTES: u64 = 256 << 20;

const HOUR: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:00:00Z");

/// The weather service. Clones share its observations and counters.
#[derive(Clone)]
pub struct Weather {
    inner: Arc<Inner>,
}

struct Inner {
    /// The bodies of answers, by origin and hour.
    hours: RwLock<HashMap<(String, String), Bytes>>,
    deliveries: Deliveries,
    calls: AtomicU64,
    /// The token that every request must have, if one is required.
    token: RwLock<Option<String>>,
    /// The requests without the token.
    refusals: AtomicU64,
}

/// Why a file of observations cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum WeatherError {
    /// The file is not valid gzip.
    #[error("the weather could not be unpacked")]
    Unpack(#[source] io::Error),
    /// The unpacked file is too large.
    #[error("the weather unpacks to more than {MAX_BYTES} bytes")]
    TooLarge,
    /// A line is not an observation.
    #[error("line {line} of the weather is no observation")]
    Parse {
        /// The number of the line, from 1.
        line: usize,
        /// Why it is not JSON with an origin and an hour.
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
    /// Loads newline-delimited JSON, gzipped or not. Each line is one object with `origin`
    /// (`JFK`), `time_hour` (`2013-01-01T10:00:00Z`) and observed values. If two lines have the
    /// same hour and origin, the later one counts.
    ///
    /// # Errors
    /// [`WeatherError`], with the line if one cannot be parsed.
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

    /// The number of observations: one for each hour of each airport.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.inner.hours.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What was put, by the idempotency keys.
    #[must_use]
    pub fn deliveries(&self) -> BTreeMap<String, Delivered> {
        self.inner.deliveries.all()
    }

    /// How often an hour was requested, whatever the answer.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.inner.calls.load(Ordering::Relaxed)
    }

    /// Refuses all later requests that do not have `Authorization: Bearer TOKEN`.
    pub fn require_token(&self, token: &str) {
        let mut required = self.inner.token.write().unwrap_or_else(PoisonError::into_inner);
        *required = Some(token.to_owned());
    }

    /// How often a request did not have the required token.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.inner.refusals.load(Ordering::Relaxed)
    }

    /// Answers requests until the listener fails.
    ///
    /// `GET /v1/stations/{origin}/hours/{time_hour}` answers 200 with the observation, 404 if
    /// there is none, 400 if `time_hour` is not a full hour, and 401 without the required token.
    ///
    /// `PUT` to the same path answers 201 for an observation under a new `Idempotency-Key`, 200
    /// for the same one again, 422 for another body under the key or an observation of another
    /// place or hour, 400 without a key, and 401 without the required token.
    ///
    /// # Errors
    /// Those of the listener.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        axum::serve(listener, self.router()).await
    }

    /// A router that answers as [`Weather::serve`] describes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v1/stations/{origin}/hours/{time_hour}", get(hour).put(observe))
            .layer(DefaultBodyLimit::max(MOST_PUT_BYTES))
            .with_state(self)
    }
}

impl Inner {
    /// Whether a request has the required token. Counts those that do not.
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

/// The most bytes of an observation that is put: more than an event may have.
const MOST_PUT_BYTES: usize = 8 * 1024 * 1024;

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
