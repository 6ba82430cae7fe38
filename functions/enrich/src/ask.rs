//! Asking one enricher about one event, and what becomes of the event where it has no answer.

use breaker::{Host, Store, WaitReason};
use contracts::{Enricher, Missing, Unavailable};
use event::{Code, Failure, FailureKind, Timestamp};
use outbound::{DependencyClient, HttpClient, NotSent, Pause, SecretStore};
use serde_json::value::RawValue;

use crate::cache::{Cache, Known};
use crate::enrichers::{Ready, ReadySource};
use crate::http::cache_key;
use crate::question::{NoAnswer, Question};

/// What becomes of the event.
#[derive(Debug)]
pub(crate) enum Enrichment {
    /// It goes on with this document.
    Document(Box<RawValue>),
    /// It goes on with this document, which is out of date, marked.
    Stale(Box<RawValue>),
    /// It goes on with null, marked.
    Nothing,
}

/// Asks an enricher.
///
/// # Errors
/// What keeps the event from going on.
pub(crate) async fn ask<A, K, B, W>(
    client: &DependencyClient<A, K, B, W>,
    ready: &Ready,
    question: &Question<'_>,
) -> Result<Enrichment, Failure>
where
    A: HttpClient,
    K: SecretStore,
    B: Store,
    W: Host + Pause + Clone,
{
    let enricher = &ready.enricher;
    let now = || client.now();
    // An event that lacks what the question needs has no answer.
    let (key, answer) = match &ready.source {
        ReadySource::Http(source) => {
            let Some(request) = source.request(question) else { return missing(enricher) };
            let asking = source.answer(client, enricher, &request, question);
            remembered(&ready.cache, || cache_key(&request), now, asking).await
        }
        ReadySource::Lookup(source) => {
            let Some(key) = source.key.key(question.payload) else { return missing(enricher) };
            let text = key.as_str().to_owned();
            let asking = source.answer(client, enricher, key, question);
            remembered(&ready.cache, || text, now, asking).await
        }
        ReadySource::Reference(source) => {
            let Some(key) = source.key(question.payload) else { return missing(enricher) };
            (None, source.answer(client, enricher, &key, question).await)
        }
    };
    match answer {
        Ok(Some(document)) => Ok(Enrichment::Document(document)),
        Ok(None) => missing(enricher),
        Err(no_answer) => {
            let found = without_answer(no_answer, enricher)?;
            let stale = ready.cache.as_ref().zip(key);
            let stale = stale.and_then(|(cache, key)| cache.stale(&key, client.now()));
            Ok(stale.map_or(found, Enrichment::Stale))
        }
    }
}

/// The answer, by way of the cache if there is one, with the key that it has there.
async fn remembered(
    cache: &Option<Cache<NoAnswer>>,
    key: impl FnOnce() -> String,
    now: impl Fn() -> Timestamp,
    asking: impl Future<Output = Result<Known, NoAnswer>>,
) -> (Option<String>, Result<Known, NoAnswer>) {
    let Some(cache) = cache else { return (None, asking.await) };
    let key = key();
    let answer = cache.answer(&key, now, asking).await;
    (Some(key), answer)
}

/// What becomes of an event that the service has nothing for.
fn missing(enricher: &Enricher) -> Result<Enrichment, Failure> {
    match enricher.missing {
        Missing::Degrade => Ok(Enrichment::Nothing),
        Missing::Fail => {
            let reason = format!("enricher {} knows nothing of this event", enricher.name);
            Err(Failure::permanent(Code::EnricherRefused, reason))
        }
    }
}

/// What becomes of an event that the service gave no answer for.
fn without_answer(no_answer: NoAnswer, enricher: &Enricher) -> Result<Enrichment, Failure> {
    let is_services_fault = match &no_answer {
        NoAnswer::Failed(failure) => failure.kind != FailureKind::Permanent,
        NoAnswer::NotSent(NotSent::Unavailable { .. }) => true,
        NoAnswer::NotSent(NotSent::Busy(_) | NotSent::NoSecret(_)) => false,
    };
    let is_away = matches!(
        &no_answer,
        NoAnswer::NotSent(NotSent::Unavailable {
            reason: WaitReason::Open(_) | WaitReason::Probing,
            ..
        })
    );
    // Of what is not asked, the line of its breaker tells, once for an invocation.
    let was_asked = matches!(&no_answer, NoAnswer::Failed(_));
    let failure = no_answer.into_failure();
    match enricher.unavailable {
        Unavailable::Degrade if is_services_fault => {
            if was_asked {
                tracing::warn!(
                    enricher.name,
                    failure.code = failure.code.as_str(),
                    failure.reason = %failure.reason,
                    "event goes on without an enricher's answer"
                );
            }
            Ok(Enrichment::Nothing)
        }
        Unavailable::Fail if is_away => Err(Failure { kind: FailureKind::Permanent, ..failure }),
        Unavailable::Park | Unavailable::Degrade | Unavailable::Fail => Err(failure),
    }
}
