//! Secrets by name: read at first use, kept for a while, and read again when a service no longer takes
//! them, so that a rotation causes no outage.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::SecretReference;
use event::{Code, Failure};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::headers::{FilledHeaders, HeaderTemplates};

/// How long a secret counts as current. A rotation does not wait for it: see [`Secrets::renew`].
const KEPT_FOR: Duration = Duration::from_secs(300);

/// Between two readings that a refusal causes, of one secret: wrong credentials must not become as many
/// calls as there are events.
const BETWEEN_RENEWALS: Duration = Duration::from_secs(5);

/// How long it is left alone after a reading that failed, where what is kept will do.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// The port to where secrets are kept.
pub trait SecretStore: Send + Sync {
    /// The current text of the secret that references call so.
    ///
    /// # Errors
    /// When there is none, or it could not be read. No reason shows what it holds.
    fn read(&self, name: &str) -> impl Future<Output = Result<SecretText, Failure>> + Send;
}

/// The text of a secret. Nothing shows it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

/// The secrets that an environment knows.
pub struct Secrets<S> {
    store: S,
    kept: Mutex<BTreeMap<String, Arc<Entry>>>,
}

/// One secret; who reads it holds the lock, so that all who need it read it once.
type Entry = tokio::sync::Mutex<Kept>;

#[derive(Default)]
struct Kept {
    current: Option<Version>,
    renewed_at: Option<Instant>,
}

#[derive(Clone)]
struct Version {
    text: SecretText,
    /// Counts the texts that this environment has seen of it.
    number: u64,
    /// When it is to be read again.
    fresh_until: Instant,
}

impl<S: SecretStore> Secrets<S> {
    pub fn new(store: S) -> Self {
        Self { store, kept: Mutex::default() }
    }

    /// The headers of one attempt, with what the secrets are now.
    ///
    /// # Errors
    /// When a secret cannot be read within `limit`, or does not fit: nothing that an event is to blame for.
    pub async fn fill(
        &self,
        templates: &HeaderTemplates,
        limit: Duration,
    ) -> Result<FilledHeaders, Failure> {
        let mut filled = FilledHeaders::of(templates);
        if !templates.need_secrets() {
            return Ok(filled);
        }
        let mut texts = BTreeMap::new();
        for name in templates.secret_names() {
            let version = match timeout(limit, self.current(name)).await {
                Ok(version) => version?,
                Err(_) => {
                    let reason = format!("the secret `{name}` was not read in time");
                    return Err(Failure::transient(Code::DependencyUnavailable, reason));
                }
            };
            filled.used.insert(name.to_owned(), version.number);
            texts.insert(name, version.text);
        }
        filled.add_secret(templates, |reference| {
            texts.get(reference.name.as_str()).map_or_else(
                || Err(unusable_secret(reference, "was not read")),
                |text| member(text, reference),
            )
        })?;
        Ok(filled)
    }

    /// Whether another attempt has other secrets to send than those that a service did not take (401 or
    /// 403). Reads each of them again, at most once in five seconds.
    pub async fn renew(&self, refused: &FilledHeaders) -> bool {
        let mut has_changed = false;
        for (name, number) in &refused.used {
            has_changed |= self.renew_one(name, *number).await;
        }
        has_changed
    }

    async fn renew_one(&self, name: &str, refused: u64) -> bool {
        let entry = self.entry(name);
        let mut kept = entry.lock().await;
        let now = Instant::now();
        if kept.current.as_ref().is_some_and(|version| version.number != refused) {
            return true;
        }
        if kept.renewed_at.is_some_and(|at| now.duration_since(at) < BETWEEN_RENEWALS) {
            return false;
        }
        kept.renewed_at = Some(now);
        match self.store.read(name).await {
            Ok(text) => kept.put(text).number != refused,
            Err(failure) => {
                tracing::warn!(secret.name = name, failure.reason = %failure.reason, "secret not read again");
                false
            }
        }
    }

    /// What is kept, or what is read now. What is kept outlives a store that is away.
    async fn current(&self, name: &str) -> Result<Version, Failure> {
        let entry = self.entry(name);
        let mut kept = entry.lock().await;
        let now = Instant::now();
        if let Some(version) = kept.current.as_ref().filter(|version| now < version.fresh_until) {
            return Ok(version.clone());
        }
        match (self.store.read(name).await, &mut kept.current) {
            (Ok(text), _) => Ok(kept.put(text)),
            (Err(failure), Some(version)) => {
                tracing::warn!(secret.name = name, failure.reason = %failure.reason, "secret not read again");
                version.fresh_until = now + AFTER_FAILURE;
                Ok(version.clone())
            }
            (Err(failure), None) => Err(failure),
        }
    }

    fn entry(&self, name: &str) -> Arc<Entry> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kept.entry(name.to_owned()).or_default())
    }
}

impl Kept {
    /// Keeps what was read: a new version only if the text is another.
    fn put(&mut self, text: SecretText) -> Version {
        let number = match &self.current {
            Some(version) if version.text == text => version.number,
            Some(version) => version.number + 1,
            None => 1,
        };
        let version = Version { text, number, fresh_until: Instant::now() + KEPT_FOR };
        self.current = Some(version.clone());
        version
    }
}

/// The text that a reference means: the whole secret, or a member of the JSON object that it is.
fn member(secret: &SecretText, reference: &SecretReference) -> Result<String, Failure> {
    let Some(field) = &reference.field else { return Ok(secret.0.clone()) };
    // Its error would quote the text.
    let Ok(Value::Object(mut members)) = serde_json::from_str(&secret.0) else {
        return Err(unusable_secret(reference, "is no JSON object"));
    };
    match members.remove(field) {
        Some(Value::String(text)) => Ok(text),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(unusable_secret(reference, "has no text there")),
    }
}

fn unusable_secret(reference: &SecretReference, problem: &str) -> Failure {
    Failure::transient(Code::DependencyRefused, format!("`{reference}`: the secret {problem}"))
}

#[cfg(test)]
mod tests;
