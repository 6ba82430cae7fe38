//! Secrets by name. A secret is read at its first use and kept for a while. It is read again when a service refuses it,
//! so that a rotation causes no outage.

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

/// How long a secret counts as current. A rotation takes effect earlier: see [`Secrets::renew`].
const KEPT_FOR: Duration = Duration::from_secs(300);

/// The shortest time between two reads of one secret that a refusal causes. Otherwise wrong credentials would cause a
/// read for each event.
const BETWEEN_RENEWALS: Duration = Duration::from_secs(5);

/// How long the store is not asked again after a read that failed, if there is an older text to use.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// The port to the store of secrets.
pub trait SecretStore: Send + Sync {
    /// The current text of the secret that references name so, without the stack's prefix.
    ///
    /// # Errors
    /// When there is no such secret, or it could not be read. No reason shows what a secret holds.
    fn read(&self, name: &str) -> impl Future<Output = Result<SecretText, Failure>> + Send;
}

/// The text of a secret. Its debug output does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// `text` is the whole secret, of which a reference may name a member.
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

/// One secret. The lock is held while the secret is read, so that all callers that need it share one read.
type Entry = tokio::sync::Mutex<Kept>;

#[derive(Default)]
struct Kept {
    current: Option<Version>,
    renewed_at: Option<Instant>,
}

#[derive(Clone)]
struct Version {
    text: SecretText,
    /// The number of different texts that this environment has seen of the secret.
    number: u64,
    /// When the secret has to be read again.
    fresh_until: Instant,
}

impl<S: SecretStore> Secrets<S> {
    /// Nothing is read before a header needs it.
    pub fn new(store: S) -> Self {
        Self { store, kept: Mutex::default() }
    }

    /// The headers of one attempt, with the current secrets.
    ///
    /// # Errors
    /// When a secret cannot be read within `limit`, or no header can hold it. The failure is transient, since the event
    /// is not its cause.
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

    /// Reads the secrets again that a service has refused (401 or 403), each at most once in five seconds. Returns
    /// whether any of them has changed, so that another attempt would send other secrets.
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

    /// The text that is kept while it is current, or else the one that is read now. If the store is unavailable, the
    /// kept text is used for longer.
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
    /// Keeps the text that was read. It is a new version only if it differs from the text before.
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

/// The text that a reference names: the whole secret, or a member of it, if it is a JSON object.
fn member(secret: &SecretText, reference: &SecretReference) -> Result<String, Failure> {
    let Some(field) = &reference.field else { return Ok(secret.0.clone()) };
    // The parser's error is not shown, since it would quote the text.
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
