//! Caches credentials until they are about to expire.
//!
//! A run signs for several services, each of which would request credentials separately. A
//! credential process may ask a person each time.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use runtime::{Clock as _, SystemClock};
use tokio::sync::Mutex;

/// Credentials that expire sooner are not used. No request takes longer to be signed and received.
const LEAST_LEFT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct CachedCredentials<P> {
    provider: P,
    credentials: Mutex<Credentials>,
}

impl<P: ProvideCredentials> CachedCredentials<P> {
    pub(super) fn new(provider: P, first: Credentials) -> Self {
        Self { provider, credentials: Mutex::new(first) }
    }

    async fn at(&self, now: SystemTime) -> Result {
        let mut credentials = self.credentials.lock().await;
        if credentials.expiry().is_some_and(|expiry| expiry < now + LEAST_LEFT) {
            *credentials = self.provider.provide_credentials().await?;
        }
        Ok(credentials.clone())
    }
}

impl<P: ProvideCredentials> ProvideCredentials for CachedCredentials<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let now = u64::try_from(SystemClock.now().unix_ms()).unwrap_or(0);
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
        future::ProvideCredentials::new(self.at(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(key: &str, expires_s: u64) -> Credentials {
        let expiry = SystemTime::UNIX_EPOCH + Duration::from_secs(expires_s);
        Credentials::new(key, "secret", None, Some(expiry), "test")
    }

    #[tokio::test]
    async fn credentials_are_asked_for_anew_before_they_expire() {
        let kept =
            CachedCredentials::new(credentials("second", 9_000), credentials("first", 1_000));
        for (now_s, key) in [(0, "first"), (940, "first"), (941, "second"), (942, "second")] {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now_s);
            assert_eq!(kept.at(now).await.unwrap().access_key_id(), key, "{now_s}");
        }
    }
}
