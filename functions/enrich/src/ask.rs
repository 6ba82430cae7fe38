//! Asking one enricher about one event, and what becomes of the event where it has no answer.

use std::time::Duration;

use breaker::{Store, Surroundings, WaitReason};
use bytes::Bytes;
use contracts::{AskMethod, CallFailure, Missing, Unavailable};
use event::{Code, Failure, FailureKind, Timestamp};
use http::{HeaderMap, HeaderValue, Method, header};
use outbound::{
    Answer, Ask, AskError, Call, DependencyClient, Judged, NotAsked, Pause, Request, SecretStore,
    Sign,
};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::answer::{document, failure};
use crate::config::Ready;

/// What an enricher is asked about.
pub(crate) struct Question<'a> {
    pub(crate) payload: &'a Value,
    /// The payload's own bytes.
    pub(crate) text: &'a str,
    /// When the answer has to be there.
    pub(crate) ends_at: Timestamp,
}

/// What becomes of the event.
#[derive(Debug)]
pub(crate) enum Found {
    /// It goes on with this document.
    Document(Box<RawValue>),
    /// It goes on with this document, which is out of date, marked.
    Stale(Box<RawValue>),
    /// It goes on with null, marked.
    Nothing,
}

/// Why there is no answer.
#[derive(Clone)]
pub(crate) enum NoAnswer {
    /// The service was asked.
    Failed(Failure),
    NotAsked(NotAsked),
}

/// Asks an enricher.
///
/// # Errors
/// What keeps the event from going on.
pub(crate) async fn ask<A, K, B, W>(
    client: &DependencyClient<A, K, B, W>,
    ready: &Ready,
    question: &Question<'_>,
) -> Result<Found, Failure>
where
    A: Ask,
    K: SecretStore,
    B: Store,
    W: Surroundings + Pause + Clone,
{
    // An event that lacks what the question needs has no answer.
    let Some(request) = request(ready, question) else { return missing(ready) };
    let asking = answer(client, ready, &request, question.ends_at);
    let (key, answer) = match &ready.cache {
        Some(cache) => {
            let key = cache_key(&request);
            let answer = cache.answer(&key, || client.now(), asking).await;
            (Some(key), answer)
        }
        None => (None, asking.await),
    };
    match answer {
        Ok(Some(document)) => Ok(Found::Document(document)),
        Ok(None) => missing(ready),
        Err(no_answer) => {
            let found = without_answer(no_answer, ready.enricher.unavailable)?;
            let stale = ready.cache.as_ref().zip(key);
            let stale = stale.and_then(|(cache, key)| cache.stale(&key, client.now()));
            Ok(stale.map_or(found, Found::Stale))
        }
    }
}

/// By what else than the contract's own headers a request differs from others of its enricher.
fn cache_key(request: &Request) -> String {
    format!("{} {}", request.url, String::from_utf8_lossy(&request.body))
}

/// What becomes of an event that the service has nothing for.
fn missing(ready: &Ready) -> Result<Found, Failure> {
    match ready.enricher.missing {
        Missing::Degrade => Ok(Found::Nothing),
        Missing::Fail => {
            let reason = format!("enricher {} knows nothing of this event", ready.enricher.name);
            Err(Failure::permanent(Code::EnricherRefused, reason))
        }
    }
}

/// `None`: the event lacks what the URL needs.
fn request(ready: &Ready, question: &Question<'_>) -> Option<Request> {
    let url = ready.enricher.http.url.render(question.payload).ok()?;
    let json = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::from_iter([(header::ACCEPT, json.clone())]);
    let (method, body) = match ready.enricher.http.method {
        AskMethod::Get => (Method::GET, Bytes::new()),
        AskMethod::Post => {
            headers.insert(header::CONTENT_TYPE, json);
            (Method::POST, Bytes::from(question.text.to_owned()))
        }
    };
    Some(Request { method, url, headers, body })
}

/// As many attempts as the dependency allows.
async fn answer<A, K, B, W>(
    client: &DependencyClient<A, K, B, W>,
    ready: &Ready,
    request: &Request,
    ends_at: Timestamp,
) -> Result<Option<Box<RawValue>>, NoAnswer>
where
    A: Ask,
    K: SecretStore,
    B: Store,
    W: Surroundings + Pause + Clone,
{
    let who = format!("enricher {}", ready.enricher.name);
    let call = Call {
        dependency: &ready.enricher.dependency,
        who: &who,
        request,
        headers: &ready.headers,
        limit: Duration::from_millis(ready.enricher.http.timeout_ms),
        ends_at,
    };
    let mut retrying = client.begin(&call);
    loop {
        let attempt = client.attempt(&call, |result| judge(result, ready));
        let failure = match attempt.await.map_err(NoAnswer::NotAsked)? {
            Ok(document) => return Ok(document),
            Err(failure) => failure,
        };
        let asked = match failure.kind {
            FailureKind::Permanent => return Err(NoAnswer::Failed(failure)),
            FailureKind::Throttled { retry_after } => retry_after,
            FailureKind::Transient | FailureKind::Unavailable { .. } => None,
        };
        // Refused for the credentials: another attempt would be, too.
        let is_worth_another = failure.code != Code::DependencyRefused;
        if !is_worth_another || !client.pause_before_next(&call, &mut retrying, asked).await {
            let held_back = client.held_back(&call).map(NoAnswer::NotAsked);
            return Err(held_back.unwrap_or(NoAnswer::Failed(failure)));
        }
    }
}

type Judgement = Judged<Result<Option<Box<RawValue>>, Failure>>;

/// What an answer means to the event, and what it says of the service: a bad one is the service's failure.
fn judge(result: Result<Answer, AskError>, ready: &Ready) -> Judgement {
    let name = &ready.enricher.name;
    let mut sign = Sign::of(&result);
    let value = match &result {
        Ok(answer) => document(answer, &ready.enricher),
        Err(error) => Err(failure(error, name)),
    };
    if let (Sign::Answered, Ok(answer)) = (sign, &result) {
        sign = match (&value, &answer.body) {
            (Ok(None), _) => Sign::Absent,
            (Ok(Some(_)), _) => Sign::Answered,
            // Refused: an answer.
            (Err(failure), _) if failure.kind == FailureKind::Permanent => Sign::Answered,
            (Err(_), Err(error)) => Sign::Failed(CallFailure::from(error)),
            (Err(_), Ok(_)) => Sign::Failed(CallFailure::BadAnswer),
        };
    }
    Judged { sign, value }
}

/// What becomes of an event that the service gave no answer for.
fn without_answer(no_answer: NoAnswer, rule: Unavailable) -> Result<Found, Failure> {
    let is_services_fault = match &no_answer {
        NoAnswer::Failed(failure) => failure.kind != FailureKind::Permanent,
        NoAnswer::NotAsked(NotAsked::Unavailable { .. }) => true,
        NoAnswer::NotAsked(NotAsked::Busy(_) | NotAsked::NoSecret(_)) => false,
    };
    let is_away = matches!(
        &no_answer,
        NoAnswer::NotAsked(NotAsked::Unavailable {
            reason: WaitReason::Open(_) | WaitReason::Probing,
            ..
        })
    );
    let failure = match no_answer {
        NoAnswer::Failed(failure) => failure,
        NoAnswer::NotAsked(not_asked) => not_asked.into_failure(),
    };
    match rule {
        Unavailable::Degrade if is_services_fault => Ok(Found::Nothing),
        Unavailable::Fail if is_away => Err(Failure { kind: FailureKind::Permanent, ..failure }),
        Unavailable::Park | Unavailable::Degrade | Unavailable::Fail => Err(failure),
    }
}
