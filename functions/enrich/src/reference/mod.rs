//! Reference data: a file of the reference bucket that is held in memory, and read again when it has changed.

mod rows;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use breaker::{Host, Store};
use contracts::{CallFailure, Enricher, LookupKey, ReferenceData};
use event::{Code, Failure, Timestamp};
use outbound::{DependencyClient, DependencySignal, HttpClient, JudgedAnswer, Pause, SecretStore};
use runtime::{FileRead, FileStore, LookupError};
use serde_json::Value;

use self::rows::Rows;
use crate::answer::part_of_checked;
use crate::batches::Batcher;
use crate::cache::Known;
use crate::lookup::failure_of;
use crate::question::{NoAnswer, Question, wait_for_next_attempt};

/// The most bytes that a file may have. Its rows take several times as much memory.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// A file of reference data, and its rows once it has been read.
pub(crate) struct ReferenceSource {
    reference: ReferenceData,
    files: Arc<dyn FileStore>,
    state: Mutex<Option<Held>>,
    /// Events that need the file at the same time share one reading of it.
    reading: Batcher<(), Result<(), NoAnswer>>,
}

/// The version of the file that is held.
#[derive(Clone)]
struct Held {
    rows: Arc<Rows>,
    etag: String,
    /// When S3 last confirmed that this version is the newest.
    confirmed_at: Timestamp,
    /// When S3 was last asked, with or without success.
    asked_at: Timestamp,
}

impl ReferenceSource {
    pub(crate) fn new(reference: ReferenceData, files: Arc<dyn FileStore>) -> Self {
        Self { reference, files, state: Mutex::default(), reading: Batcher::new(1) }
    }

    /// The key by which an event's row is found; `None` where the event lacks a part of it.
    pub(crate) fn key(&self, payload: &Value) -> Option<LookupKey> {
        self.reference.key.key(payload)
    }

    pub(crate) async fn answer<A, K, B, W>(
        &self,
        client: &DependencyClient<A, K, B, W>,
        enricher: &Enricher,
        key: &LookupKey,
        question: &Question<'_>,
    ) -> Result<Known, NoAnswer>
    where
        A: HttpClient,
        K: SecretStore,
        B: Store,
        W: Host + Pause + Clone,
    {
        let held = self.held().clone();
        let is_due = held
            .as_ref()
            .is_none_or(|held| client.now().since(held.asked_at) >= self.reference.refresh());
        if is_due {
            let reading = self.reading.ask((), async |_| {
                let read = self.read(client, enricher, question).await;
                if let Err(NoAnswer::Failed(failure)) = &read {
                    self.log_not_refreshed(enricher, failure, client.now());
                }
                BTreeMap::from([((), read)])
            });
            if let Some(Err(no_answer)) = reading.await {
                self.go_on_without(client.now(), no_answer)?;
            }
        }
        let Some(Held { rows, .. }) = self.held().clone() else { return Ok(None) };
        match rows.find(key) {
            Some(row) => part_of_checked(row, enricher).map_err(NoAnswer::Failed),
            None => Ok(None),
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with the version that is held, unless it is too old. S3 is asked again after the next interval.
    fn go_on_without(&self, now: Timestamp, no_answer: NoAnswer) -> Result<(), NoAnswer> {
        let longest = self.reference.refresh() + self.reference.stale();
        let mut state = self.held();
        let Some(held) = state.as_mut() else { return Err(no_answer) };
        let age = now.since(held.confirmed_at);
        if age >= longest {
            return Err(no_answer);
        }
        held.asked_at = now;
        Ok(())
    }

    /// Logs a reading that failed, once for all events that shared it. The line has no age where no file is held.
    fn log_not_refreshed(&self, enricher: &Enricher, failure: &Failure, now: Timestamp) {
        let age = self.held().as_ref().map(|held| now.since(held.confirmed_at));
        tracing::warn!(
            enricher.name,
            reference.object = self.reference.object,
            reference.age_s = age.map(|age| age.as_secs()),
            failure.code = failure.code.as_str(),
            failure.reason = %failure.reason,
            "reference data not refreshed"
        );
    }

    /// Reads the file, with as many attempts as the dependency's settings allow. There is only one attempt where the
    /// file does not exist or cannot be used.
    async fn read<A, K, B, W>(
        &self,
        client: &DependencyClient<A, K, B, W>,
        enricher: &Enricher,
        question: &Question<'_>,
    ) -> Result<(), NoAnswer>
    where
        A: HttpClient,
        K: SecretStore,
        B: Store,
        W: Host + Pause + Clone,
    {
        let who = format!("enricher {}", enricher.name);
        let limit = Duration::from_millis(self.reference.timeout_ms);
        let call = question.call(enricher, &who, limit);
        let mut retrying = client.begin(&call);
        loop {
            let attempt =
                client.attempt(&call, |limit| self.attempt(enricher, limit, client.now()));
            match attempt.await.map_err(NoAnswer::NotSent)? {
                Ok(()) => return Ok(()),
                // Another attempt would read the same file. A later invocation tries again.
                Err(failure) if failure.code == Code::EnricherBadAnswer => {
                    let held_back = client.unavailable_dependency(&call).map(NoAnswer::NotSent);
                    return Err(held_back.unwrap_or(NoAnswer::Failed(failure)));
                }
                Err(failure) => {
                    wait_for_next_attempt(client, &call, &mut retrying, failure).await?;
                }
            }
        }
    }

    async fn attempt(
        &self,
        enricher: &Enricher,
        limit: Duration,
        now: Timestamp,
    ) -> JudgedAnswer<Result<(), Failure>> {
        let etag = self.held().as_ref().map(|held| held.etag.clone());
        let object = &self.reference.object;
        let reading = self.files.read(object, etag.as_deref(), MOST_BYTES, limit);
        let read = match tokio::time::timeout(limit, reading).await {
            Ok(read) => read,
            Err(_) => Err(LookupError::timed_out(limit)),
        };
        match read.and_then(|read| self.hold(read, enricher, now)) {
            Ok(()) => JudgedAnswer { signal: DependencySignal::Answered, value: Ok(()) },
            Err(error) => {
                let object = &self.reference.object;
                let reason = format!("the reference data `{object}`: {}", error.reason);
                let JudgedAnswer { signal, value } =
                    failure_of(&LookupError { reason, ..error }, enricher);
                JudgedAnswer { signal, value: Err(value) }
            }
        }
    }

    /// Replaces the rows that are held by those of a new version; all of them, or none if one row is unusable.
    fn hold(&self, read: FileRead, enricher: &Enricher, now: Timestamp) -> Result<(), LookupError> {
        let mut state = self.held();
        match (read, state.as_mut()) {
            (FileRead::Unchanged, Some(held)) => {
                (held.confirmed_at, held.asked_at) = (now, now);
                Ok(())
            }
            (FileRead::Unchanged, None) => {
                let reason = "unchanged, though none was known";
                Err(LookupError::new(CallFailure::BadAnswer, reason))
            }
            (FileRead::Changed { content, etag }, _) => {
                let rows = Rows::parse(&content, &self.reference, enricher.schema.as_ref())
                    .map_err(|error| LookupError::new(CallFailure::BadAnswer, error.to_string()))?;
                tracing::info!(
                    enricher.name,
                    reference.object = self.reference.object,
                    reference.etag = etag,
                    reference.rows = rows.len(),
                    "reference data read"
                );
                let rows = Arc::new(rows);
                *state = Some(Held { rows, etag, confirmed_at: now, asked_at: now });
                Ok(())
            }
        }
    }
}
