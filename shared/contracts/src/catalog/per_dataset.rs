//! What a function makes of each contract once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A value for each dataset, which is made when it is first needed.
#[derive(Debug)]
pub struct PerDataset<T>(Mutex<BTreeMap<String, Arc<T>>>);

impl<T> Default for PerDataset<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> PerDataset<T> {
    /// The value of a dataset, made by `make` if there is none yet. `make` must not ask for a value itself.
    ///
    /// # Errors
    /// The error of `make`, which is called again the next time.
    pub fn get_or_make<E>(
        &self,
        dataset: &str,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = made.get(dataset) {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(make()?);
        made.insert(dataset.to_owned(), Arc::clone(&value));
        Ok(value)
    }
}
