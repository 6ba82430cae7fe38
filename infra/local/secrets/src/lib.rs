#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod errors;
mod name;
mod operations;
mod secret;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::json;
use uuid::Uuid;

pub use self::name::suffix;
pub use self::snapshot::Snapshot;

use self::secret::Content;
use self::store::Store;
use clock::Clock;

const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The Secrets Manager service. Clones share its secrets.
#[derive(Clone)]
pub struct SecretsManager {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    store: Mutex<Store>,
}

/// An error as AWS answers it, with status 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct SecretError {
    /// The code in the API reference, such as `ResourceNotFoundException`.
    pub code: &'static str,
    /// AWS's message.
    pub message: String,
}

impl SecretsManager {
    /// A service without secrets. `region` and `account` are for the ARNs.
    #[must_use]
    pub fn new(clock: Clock, region: &str, account: &str) -> Self {
        let store = Mutex::new(Store::new(region, account));
        Self { inner: Arc::new(Inner { clock, store }) }
    }

    /// Creates a secret, or adds a version to the one of this name. The new version gets
    /// `AWSCURRENT`.
    ///
    /// # Errors
    /// `ValidationException` or `InvalidParameterException` for a name or a text that is not
    /// allowed, and `InvalidRequestException` for a deleted secret.
    pub fn put(&self, name: &str, text: &str) -> Result<(), SecretError> {
        let now_ms = self.inner.clock.now_ms();
        let content = Content::Text(text.to_owned());
        self.store().put(name, &Uuid::new_v4().to_string(), content, now_ms)?;
        Ok(())
    }

    /// The current text of a secret, by its name or ARN.
    ///
    /// # Errors
    /// `ResourceNotFoundException` if there is no such secret or it holds bytes, and
    /// `InvalidRequestException` if it is deleted.
    pub fn text(&self, name: &str) -> Result<String, SecretError> {
        let now_ms = self.inner.clock.now_ms();
        let mut store = self.store();
        match &store.find(name, now_ms)?.version(None, None)?.content {
            Content::Text(text) => Ok(text.clone()),
            Content::Bytes(_) => Err(errors::not_found("it is bytes, and no text")),
        }
    }

    /// Answers one request. `operation` is the last part of `X-Amz-Target`, such as
    /// `GetSecretValue`, and `body` the JSON. Errors are responses, too.
    pub fn call(&self, operation: &str, body: &[u8]) -> http::Response<Bytes> {
        let now_ms = self.inner.clock.now_ms();
        let answer = operations::answer(&mut self.store(), operation, body, now_ms);
        let (status, body) = match answer {
            Ok(body) => (http::StatusCode::OK, body),
            Err(error) => {
                let body = json!({ "__type": error.code, "Message": error.message });
                (http::StatusCode::BAD_REQUEST, body)
            }
        };
        let mut response = http::Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.inner.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
