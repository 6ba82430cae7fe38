//! Lookups and files whose answers a test sets, and which record what they are asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::{CallFailure, LookupKey};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use runtime::{FileRead, FileStore, Lookup, LookupAnswer, LookupError};
use serde_json::value::RawValue;

use crate::enrichers::Tables;

/// The answer to a key.
type Answers = dyn Fn(&LookupKey) -> Result<LookupAnswer, LookupError> + Send + Sync;

/// A lookup in memory. Clones share the record of their calls.
#[derive(Clone)]
pub(crate) struct MemoryLookup {
    max_keys: usize,
    answers: Arc<Answers>,
    calls: Arc<Mutex<Vec<Vec<String>>>>,
}

impl MemoryLookup {
    pub(crate) fn new(
        max_keys: usize,
        answers: impl Fn(&LookupKey) -> Result<LookupAnswer, LookupError> + Send + Sync + 'static,
    ) -> Self {
        Self { max_keys, answers: Arc::new(answers), calls: Arc::default() }
    }

    /// The keys of each call since this was last read.
    pub(crate) fn take_calls(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

pub(crate) fn document(text: &str) -> LookupAnswer {
    LookupAnswer::Document(RawValue::from_string(text.to_owned()).unwrap())
}

impl Lookup for MemoryLookup {
    fn max_keys(&self) -> usize {
        self.max_keys
    }

    fn find<'a>(
        &'a self,
        keys: &'a [LookupKey],
        _: Duration,
    ) -> BoxFuture<'a, Result<Vec<LookupAnswer>, LookupError>> {
        self.calls.lock().unwrap().push(keys.iter().map(|key| key.as_str().to_owned()).collect());
        let answers = keys.iter().map(|key| (self.answers)(key)).collect();
        async move { answers }.boxed()
    }
}

impl Tables for MemoryLookup {
    fn lookup(&self, _: &str, _: bool) -> Arc<dyn Lookup> {
        Arc::new(self.clone())
    }
}

/// Files in memory. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct MemoryFiles {
    /// By the file's name: its entity tag and its content.
    files: Arc<Mutex<BTreeMap<String, (String, String)>>>,
    is_away: Arc<Mutex<bool>>,
    reads: Arc<Mutex<Vec<&'static str>>>,
}

impl MemoryFiles {
    pub(crate) fn put(&self, name: &str, etag: &str, content: &str) {
        let file = (etag.to_owned(), content.to_owned());
        self.files.lock().unwrap().insert(name.to_owned(), file);
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        *self.is_away.lock().unwrap() = is_away;
    }

    /// The kind of answer of each reading since this was last read.
    pub(crate) fn take_reads(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.reads.lock().unwrap())
    }

    fn answer(&self, name: &str, known_etag: Option<&str>) -> Result<FileRead, LookupError> {
        if *self.is_away.lock().unwrap() {
            self.reads.lock().unwrap().push("away");
            return Err(LookupError::new(CallFailure::Connection, "no connection"));
        }
        let files = self.files.lock().unwrap();
        let Some((etag, content)) = files.get(name) else {
            self.reads.lock().unwrap().push("missing");
            return Err(LookupError::new(CallFailure::BadAnswer, "there is no such object"));
        };
        if known_etag == Some(etag) {
            self.reads.lock().unwrap().push("unchanged");
            return Ok(FileRead::Unchanged);
        }
        self.reads.lock().unwrap().push("changed");
        Ok(FileRead::Changed { content: content.clone().into_bytes(), etag: etag.clone() })
    }
}

impl FileStore for MemoryFiles {
    fn read<'a>(
        &'a self,
        name: &'a str,
        known_etag: Option<&'a str>,
        _: usize,
        _: Duration,
    ) -> BoxFuture<'a, Result<FileRead, LookupError>> {
        let answer = self.answer(name, known_etag);
        async move { answer }.boxed()
    }
}
