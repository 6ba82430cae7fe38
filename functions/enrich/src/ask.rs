//! Asks one enricher about one event, and decides what becomes of the event where there is no answer.

use std::sync::atomic::{AtomicBool, Ordering};

use breaker::{Host, Store, WaitReason};
use contracts::{Enricher, Missing, Unavailable};
use event::{Code, Failure, FailureKind, Timestamp};
use outbound::{DependencyClient, HttpClient, NotSent, Pause, SecretStore};
use runtime::{Dimensions, Metric, Recorder};
use serde_json::value::RawValue;

use crate::cache::{Cache, Known};
use crate::enrichers::{Ready, ReadySource};
use crate::http::cache_key;
use crate::question::{NoAnswer, Question};

/// With what the event goes on.
#[derive(Debug)]
pub(crate) enum Enrichment {
    /// With this document.
    Document(Box<RawValue>),
    /// With this document from the cache, which is out of date. The event is marked as degraded.
    Stale(Box<RawValue>),
    /// With null in place of a document. The event is marked as degraded.
    Nothing,
}

/// Asks an enricher about one event.
///
/// # Errors
/// The failure of the event, where its contract does not let it go on without an answer.
pub(crate) async fn ask<A, K, B, W>(
    client: &DependencyClient<A, K, B, W>,
    ready: &Ready,
    question: &Question<'_>,
    metrics: &Recorder,
) -> Result<Enrichment, Failure>
where
    A: HttpClient,
    K: SecretStore,
    B: Store,
    W: Host + Pause + Clone,
{
    let enricher = &ready.enricher;
    // An event that lacks a part of the question is treated as one that the enricher knows nothing of.
    let (key, answer) = match &ready.source {
        ReadySource::Http(source) => {
            let Some(request) = source.request(question) else { return missing(enricher) };
            let asking = source.answer(client, enricher, &request, question);
            let cache = cache(ready, question, metrics);
            by_cache(cache, || cache_key(&request), || client.now(), asking).await
        }
        ReadySource::Lookup(source) => {
            let Some(key) = source.key.key(question.payload) else { return missing(enricher) };
            let text = key.as_str().to_owned();
            let asking = source.answer(client, enricher, key, question);
            by_cache(cache(ready, question, metrics), || text, || client.now(), asking).await
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

/// The cache of an enricher, and where its hits are counted.
struct CountedCache<'a> {
    cache: &'a Cache<NoAnswer>,
    dimensions: Dimensions,
    metrics: &'a Recorder,
}

fn cache<'a>(
    ready: &'a Ready,
    question: &Question<'_>,
    metrics: &'a Recorder,
) -> Option<CountedCache<'a>> {
    let cache = ready.cache.as_ref()?;
    let dimensions = Dimensions::enricher(question.dataset, &ready.enricher.name);
    Some(CountedCache { cache, dimensions, metrics })
}

/// The answer, by way of the cache if there is one, and the key that the answer has there.
async fn by_cache(
    cache: Option<CountedCache<'_>>,
    key: impl FnOnce() -> String,
    now: impl Fn() -> Timestamp,
    asking: impl Future<Output = Result<Known, NoAnswer>>,
) -> (Option<String>, Result<Known, NoAnswer>) {
    let Some(CountedCache { cache, dimensions, metrics }) = cache else {
        return (None, asking.await);
    };
    let key = key();
    let was_asked = AtomicBool::new(false);
    let asking = async {
        was_asked.store(true, Ordering::Relaxed);
        asking.await
    };
    let answer = cache.answer(&key, now, asking).await;
    let is_miss = was_asked.load(Ordering::Relaxed);
    let metric = if is_miss { Metric::CacheMisses } else { Metric::CacheHits };
    metrics.add(&dimensions, metric, 1);
    (Some(key), answer)
}

/// What becomes of an event that the enricher knows nothing of.
fn missing(enricher: &Enricher) -> Result<Enrichment, Failure> {
    match enricher.missing {
        Missing::Degrade => Ok(Enrichment::Nothing),
        Missing::Fail => {
            let reason = format!("enricher {} knows nothing of this event", enricher.name);
            Err(Failure::permanent(Code::EnricherRefused, reason))
        }
    }
}

/// What becomes of an event that has no answer because of a failure.
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
    // Where the dependency is not asked, its breaker logs that once for each invocation.
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
