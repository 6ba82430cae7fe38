//! The bodies of large messages in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event::{Code, Failure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use runtime::{ClaimObjects, Claims};

/// A bucket for bodies, which a test can lose or make unavailable. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryClaims(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, String>,
    /// How often each body was written through the port.
    written: BTreeMap<String, u64>,
    is_away: bool,
}

impl MemoryClaims {
    /// The port to this bucket.
    #[must_use]
    pub fn claims(&self) -> Claims {
        Claims::new(Arc::new(self.clone()))
    }

    /// The bodies, by their keys.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, String> {
        self.lock().objects.clone()
    }

    /// How often the body with this key was written through the port.
    #[must_use]
    pub fn written(&self, key: &str) -> u64 {
        self.lock().written.get(key).copied().unwrap_or_default()
    }

    /// Puts a body, even one that does not belong to its key.
    pub fn put(&self, key: &str, body: &str) {
        self.lock().objects.insert(key.to_owned(), body.to_owned());
    }

    /// Removes a body.
    pub fn lose(&self, key: &str) {
        self.lock().objects.remove(key);
    }

    /// Makes later calls fail, or succeed again.
    pub fn set_away(&self, is_away: bool) {
        self.lock().is_away = is_away;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless the bucket is unavailable.
    fn call(&self) -> Result<MutexGuard<'_, State>, Failure> {
        let state = self.lock();
        if state.is_away {
            return Err(Failure::transient(Code::DependencyUnavailable, "told to be away"));
        }
        Ok(state)
    }
}

impl ClaimObjects for MemoryClaims {
    fn write<'a>(&'a self, key: &'a str, body: String) -> BoxFuture<'a, Result<(), Failure>> {
        let written = self.call().map(|mut state| {
            state.objects.insert(key.to_owned(), body);
            *state.written.entry(key.to_owned()).or_default() += 1;
        });
        std::future::ready(written).boxed()
    }

    fn read<'a>(
        &'a self,
        key: &'a str,
        bytes: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        let read = self.call().map(|state| {
            let body = state.objects.get(key)?.as_bytes();
            body.get(..bytes).map(<[u8]>::to_vec)
        });
        std::future::ready(read).boxed()
    }
}
