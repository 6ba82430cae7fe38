//! A bucket in memory. A test chooses how its calls fail.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dedupe::Owner;
use event::{Code, Failure, IdempotencyKey};

use crate::bucket::{Bucket, BucketAdmin, Condition, PutOutcome, StoredObject};
use crate::lake::keys;
use crate::place::parse_owner;

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The call is done, and the caller gets the answer.
    Honest,
    /// Nothing is done, and the caller gets an error.
    Failed,
    /// The call is done, and the caller gets an error, since the answer is lost.
    Lost,
}

type Interloper = Box<dyn FnMut(&MemoryBucket, &str) + Send>;

/// A bucket in memory. Its clones share their objects.
#[derive(Clone, Default)]
pub struct MemoryBucket(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, StoredObject>,
    writes: u64,
    answers: VecDeque<Answer>,
    /// What another writer does before each write.
    interloper: Option<Interloper>,
    puts: Vec<String>,
    pauses: usize,
}

impl MemoryBucket {
    /// Sets how the next calls end. The calls after them are honest.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().answers.extend(answers);
    }

    /// Sets what another writer does before each write. It is called with the key that is to be written.
    pub fn before_put(&self, interloper: impl FnMut(&Self, &str) + Send + 'static) {
        self.lock().interloper = Some(Box::new(interloper));
    }

    /// The keys of all objects.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    /// The entity tag of an object.
    ///
    /// # Panics
    /// When there is no such object.
    #[must_use]
    pub fn etag(&self, key: &str) -> String {
        self.lock().objects[key].etag.clone()
    }

    /// The bytes of an object.
    ///
    /// # Panics
    /// When there is no such object.
    #[must_use]
    pub fn body(&self, key: &str) -> Bytes {
        self.lock().objects[key].body.clone()
    }

    /// The idempotency keys of the rows of an object.
    ///
    /// # Panics
    /// When there is no such object, or it is not an object of a lake.
    #[must_use]
    pub fn row_keys(&self, object: &str) -> Vec<String> {
        let Some((_, format)) = parse_owner(&Owner::from(object.to_owned())) else {
            panic!("`{object}` is not the key of an object of a lake")
        };
        let keys = keys(format, self.body(object)).unwrap_or_else(|failure| panic!("{failure}"));
        keys.iter().map(IdempotencyKey::to_string).collect()
    }

    /// The keys of all writes that were requested.
    #[must_use]
    pub fn puts(&self) -> Vec<String> {
        self.lock().puts.clone()
    }

    /// How often a caller waited before another attempt.
    #[must_use]
    pub fn pauses(&self) -> usize {
        self.lock().pauses
    }

    /// Writes an object without a condition.
    pub fn set(&self, key: &str, body: impl Into<Bytes>) {
        let mut state = self.lock();
        state.writes += 1;
        let etag = format!("\"{}\"", state.writes);
        state.objects.insert(key.to_owned(), StoredObject { body: body.into(), etag });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_answer(&self) -> Answer {
        self.lock().answers.pop_front().unwrap_or(Answer::Honest)
    }
}

impl Bucket for MemoryBucket {
    async fn get(&self, key: &str) -> Result<Option<StoredObject>, Failure> {
        match self.next_answer() {
            Answer::Honest => Ok(self.lock().objects.get(key).cloned()),
            Answer::Failed | Answer::Lost => Err(away()),
        }
    }

    async fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        _content_type: &str,
        condition: Condition,
    ) -> Result<PutOutcome, Failure> {
        self.lock().puts.push(key.to_owned());
        let answer = self.next_answer();
        if answer == Answer::Failed {
            return Err(away());
        }
        let interloper = self.lock().interloper.take();
        if let Some(mut interloper) = interloper {
            interloper(self, key);
            self.lock().interloper = Some(interloper);
        }
        let found = self.lock().objects.get(key).map(|found| found.etag.clone());
        let holds = match &condition {
            Condition::Absent => found.is_none(),
            Condition::Unchanged(etag) => found.as_ref() == Some(etag),
        };
        if holds {
            self.set(key, body);
        }
        match (answer, holds) {
            (Answer::Lost, _) => Err(away()),
            (_, true) => Ok(PutOutcome::Written),
            (_, false) => Ok(PutOutcome::Refused),
        }
    }

    async fn pause(&self, _: Duration) {
        self.lock().pauses += 1;
    }
}

/// These calls are always honest: they are not counted among the answers that a test sets.
impl BucketAdmin for MemoryBucket {
    async fn list(&self, prefix: &str) -> Result<BTreeMap<String, u64>, Failure> {
        let state = self.lock();
        let below = state.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(below.map(|(key, found)| (key.clone(), found.body.len() as u64)).collect())
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        let keys = self.keys();
        let below = keys.iter().filter_map(|key| key.strip_prefix(prefix)?.split_once('/'));
        let folders: BTreeSet<String> =
            below.map(|(folder, _)| format!("{prefix}{folder}/")).collect();
        Ok(folders.into_iter().collect())
    }

    async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.lock().objects.remove(key);
        Ok(())
    }
}

fn away() -> Failure {
    Failure::transient(Code::DependencyUnavailable, "the bucket is away")
}
