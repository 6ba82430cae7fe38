//! Asks a lookup for the keys of several events in one call.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use breaker::{Host, Store};
use contracts::{CallFailure, Enricher, KeyTemplate, LookupKey};
use event::{Code, Failure, FailureKind};
use futures_util::FutureExt;
use outbound::{DependencyClient, DependencySignal, HttpClient, JudgedAnswer, Pause, SecretStore};
use runtime::{Lookup, LookupAnswer, LookupError};

use crate::answer::kept;
use crate::batches::Batcher;
use crate::cache::Known;
use crate::question::{NoAnswer, Question, wait_for_next_attempt};

/// A lookup, and the events that ask it at the same time.
pub(crate) struct LookupSource {
    pub(crate) key: KeyTemplate,
    lookup: Arc<dyn Lookup>,
    /// How long one attempt may take.
    limit: Duration,
    batcher: Batcher<LookupKey, Answered>,
}

/// The outcome for one key.
type Answered = Result<Known, NoAnswer>;

impl LookupSource {
    pub(crate) fn new(key: KeyTemplate, lookup: Arc<dyn Lookup>, limit: Duration) -> Self {
        let batcher = Batcher::new(lookup.max_keys());
        Self { key, lookup, limit, batcher }
    }

    pub(crate) async fn answer<A, K, B, W>(
        &self,
        client: &DependencyClient<A, K, B, W>,
        enricher: &Enricher,
        key: LookupKey,
        question: &Question<'_>,
    ) -> Answered
    where
        A: HttpClient,
        K: SecretStore,
        B: Store,
        W: Host + Pause + Clone,
    {
        let asking = self.batcher.ask(key, |keys| self.find(client, enricher, keys, question));
        match asking.await {
            Some(answer) => answer,
            None => Err(NoAnswer::Failed(no_answer_for_key(enricher))),
        }
    }

    /// The outcome for each key, after as many attempts as the dependency's settings allow. Each attempt asks for the
    /// keys that the ones before did not read.
    async fn find<A, K, B, W>(
        &self,
        client: &DependencyClient<A, K, B, W>,
        enricher: &Enricher,
        keys: Vec<LookupKey>,
        question: &Question<'_>,
    ) -> BTreeMap<LookupKey, Answered>
    where
        A: HttpClient,
        K: SecretStore,
        B: Store,
        W: Host + Pause + Clone,
    {
        let who = format!("enricher {}", enricher.name);
        let call = question.call(enricher, &who, self.limit);
        let mut retrying = client.begin(&call);
        let mut answers = BTreeMap::new();
        let mut unread = keys;
        while !unread.is_empty() {
            let attempt = client.attempt(&call, |limit| self.attempt(enricher, &unread, limit));
            let failed = match attempt.await {
                Err(not_asked) => NoAnswer::NotSent(not_asked),
                Ok(Attempt { found, failure }) => {
                    unread.retain(|key| !found.contains_key(key));
                    answers.extend(found);
                    let Some(failure) = failure else { continue };
                    match wait_for_next_attempt(client, &call, &mut retrying, failure).await {
                        Ok(()) => continue,
                        Err(no_answer) => no_answer,
                    }
                }
            };
            for key in unread.drain(..) {
                answers.insert(key, Err(failed.clone()));
            }
        }
        answers
    }

    async fn attempt(
        &self,
        enricher: &Enricher,
        keys: &[LookupKey],
        limit: Duration,
    ) -> JudgedAnswer<Attempt> {
        match tokio::time::timeout(limit, self.find_or_isolate(keys, limit)).await {
            Ok(Asked::Together(result)) => judge(result, keys, enricher),
            Ok(Asked::OneByOne(results)) => judge_one_by_one(results, keys, enricher),
            Err(_) => failed(&LookupError::timed_out(limit), enricher),
        }
    }

    /// Asks for all keys in one call. If the lookup panics, asks for each key by itself, so that a key that makes it
    /// panic fails only its own events.
    async fn find_or_isolate(&self, keys: &[LookupKey], limit: Duration) -> Asked {
        if let Some(result) = self.find_unless_it_panics(keys, limit).await {
            return Asked::Together(result);
        }
        let mut results = Vec::with_capacity(keys.len());
        for key in keys {
            // The first call was for this key alone.
            let result = match keys.len() {
                1 => None,
                _ => self.find_unless_it_panics(std::slice::from_ref(key), limit).await,
            };
            results.push(result);
        }
        Asked::OneByOne(results)
    }

    /// The lookup's answer; `None` if it panicked. The panic hook has logged where.
    async fn find_unless_it_panics(
        &self,
        keys: &[LookupKey],
        limit: Duration,
    ) -> Option<Result<Vec<LookupAnswer>, LookupError>> {
        let finding = async { self.lookup.find(keys, limit).await };
        AssertUnwindSafe(finding).catch_unwind().await.ok()
    }
}

/// The answer of a lookup to one attempt.
enum Asked {
    Together(Result<Vec<LookupAnswer>, LookupError>),
    /// One result for each key; `None` where the lookup panicked.
    OneByOne(Vec<Option<Result<Vec<LookupAnswer>, LookupError>>>),
}

/// The outcome of keys that were asked for one by one. The failure of one key does not hold back the answers to the
/// others. A panic says nothing about the dependency.
fn judge_one_by_one(
    results: Vec<Option<Result<Vec<LookupAnswer>, LookupError>>>,
    keys: &[LookupKey],
    enricher: &Enricher,
) -> JudgedAnswer<Attempt> {
    let mut together = Attempt { found: BTreeMap::new(), failure: None };
    let mut signal = DependencySignal::Nothing;
    for (key, result) in keys.iter().zip(results) {
        let Some(result) = result else {
            let reason =
                format!("enricher {}: its lookup panicked; the log says where", enricher.name);
            let failure = Failure::permanent(Code::RecordPanicked, reason);
            together.found.insert(key.clone(), Err(NoAnswer::Failed(failure)));
            continue;
        };
        let judged = judge(result, std::slice::from_ref(key), enricher);
        together.found.extend(judged.value.found);
        together.failure = together.failure.or(judged.value.failure);
        if !matches!(signal, DependencySignal::Failed(_) | DependencySignal::Throttled { .. }) {
            signal = judged.signal;
        }
    }
    JudgedAnswer { signal, value: together }
}

/// The outcome of one attempt.
struct Attempt {
    /// The outcomes of the keys that were read.
    found: BTreeMap<LookupKey, Answered>,
    /// Why the other keys were not read; `None` if all were.
    failure: Option<Failure>,
}

fn judge(
    result: Result<Vec<LookupAnswer>, LookupError>,
    keys: &[LookupKey],
    enricher: &Enricher,
) -> JudgedAnswer<Attempt> {
    let answers = match result {
        Ok(answers) if answers.len() == keys.len() => answers,
        Ok(answers) => {
            let reason = format!("{} answers to {} keys", answers.len(), keys.len());
            return failed(&LookupError::new(CallFailure::BadAnswer, reason), enricher);
        }
        Err(error) => return failed(&error, enricher),
    };
    let mut found = BTreeMap::new();
    let (mut documents, mut bad, mut is_unread) = (0, 0, false);
    for (key, answer) in keys.iter().zip(answers) {
        let answer = match answer {
            LookupAnswer::Document(document) => {
                let kept = kept(document.get().as_bytes(), enricher);
                documents += 1;
                bad += usize::from(kept.is_err());
                kept.map_err(NoAnswer::Failed)
            }
            LookupAnswer::Nothing => Ok(None),
            LookupAnswer::NotRead => {
                is_unread = true;
                continue;
            }
            LookupAnswer::Unusable { reason } => {
                let reason = format!("enricher {}: {reason}", enricher.name);
                Err(NoAnswer::Failed(Failure::permanent(Code::EnricherRefused, reason)))
            }
        };
        found.insert(key.clone(), answer);
    }
    let reason = format!("enricher {}: not all of it was read", enricher.name);
    let failure = is_unread.then(|| Failure::throttled(None, reason));
    // A lookup that read some of the keys is not overloaded: it is asked for the rest without a sign of throttling.
    let signal = match documents {
        0 if is_unread && found.is_empty() => DependencySignal::Throttled { retry_after: None },
        0 if !is_unread => DependencySignal::Absent,
        // If all documents are bad, the dependency is at fault; if only some are, it is those documents.
        1.. if bad == documents => DependencySignal::Failed(CallFailure::BadAnswer),
        _ => DependencySignal::Answered,
    };
    JudgedAnswer { signal, value: Attempt { found, failure } }
}

fn failed(error: &LookupError, enricher: &Enricher) -> JudgedAnswer<Attempt> {
    let JudgedAnswer { signal, value } = failure_of(error, enricher);
    JudgedAnswer { signal, value: Attempt { found: BTreeMap::new(), failure: Some(value) } }
}

/// The failure of a call that gave no answer, and what it says about the dependency.
pub(crate) fn failure_of(error: &LookupError, enricher: &Enricher) -> JudgedAnswer<Failure> {
    let reason = format!("enricher {}: {}", enricher.name, error.reason);
    let retry_after = error.retry_after;
    let value = match error.failure {
        CallFailure::Throttled => Failure::throttled(retry_after, reason),
        CallFailure::Credentials => Failure::transient(Code::DependencyRefused, reason),
        CallFailure::BadAnswer => Failure::transient(Code::EnricherBadAnswer, reason),
        CallFailure::Timeout | CallFailure::Connection | CallFailure::ServerError => {
            Failure::transient(Code::DependencyUnavailable, reason)
        }
    };
    let signal = match value.kind {
        FailureKind::Throttled { .. } => DependencySignal::Throttled { retry_after },
        _ => DependencySignal::Failed(error.failure),
    };
    JudgedAnswer { signal, value }
}

fn no_answer_for_key(enricher: &Enricher) -> Failure {
    let reason = format!("enricher {}: no answer for this key", enricher.name);
    Failure::transient(Code::EnricherBadAnswer, reason)
}
