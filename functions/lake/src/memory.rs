//! A bucket in memory, which can be told to fail in each way that S3 does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use event::{Code, Failure};

use crate::bucket::{Bucket, Condition, Found, Shelves, Stored};

/// How a call ends that does not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Honest,
    /// Nothing is done, and the caller learns only that it failed.
    Failed,
    /// It is done, and the answer is lost.
    Lost,
}

type Interloper = Box<dyn FnMut(&MemoryBucket, &str) + Send>;

/// Clones are one bucket.
#[derive(Clone, Default)]
pub(crate) struct MemoryBucket(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Found>,
    writes: u64,
    answers: VecDeque<Answer>,
    /// What another does before each write.
    interloper: Option<Interloper>,
    puts: Vec<String>,
    pauses: usize,
}

impl MemoryBucket {
    /// How the next calls end; those after them are honest.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().answers.extend(answers);
    }

    /// Lets another act before each write, with the key that is to be written.
    pub(crate) fn before_put(&self, interloper: impl FnMut(&Self, &str) + Send + 'static) {
        self.lock().interloper = Some(Box::new(interloper));
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    /// The tag of what is there.
    pub(crate) fn etag(&self, key: &str) -> String {
        self.lock().objects[key].etag.clone()
    }

    pub(crate) fn body(&self, key: &str) -> Bytes {
        self.lock().objects[key].body.clone()
    }

    /// The keys of all writes that were asked for.
    pub(crate) fn puts(&self) -> Vec<String> {
        self.lock().puts.clone()
    }

    pub(crate) fn pauses(&self) -> usize {
        self.lock().pauses
    }

    /// Writes without a condition.
    pub(crate) fn set(&self, key: &str, body: impl Into<Bytes>) {
        let mut state = self.lock();
        state.writes += 1;
        let etag = format!("\"{}\"", state.writes);
        state.objects.insert(key.to_owned(), Found { body: body.into(), etag });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_answer(&self) -> Answer {
        self.lock().answers.pop_front().unwrap_or(Answer::Honest)
    }
}

impl Bucket for MemoryBucket {
    async fn get(&self, key: &str) -> Result<Option<Found>, Failure> {
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
    ) -> Result<Stored, Failure> {
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
            (_, true) => Ok(Stored::Written),
            (_, false) => Ok(Stored::Refused),
        }
    }

    async fn pause(&self, _: Duration) {
        self.lock().pauses += 1;
    }
}

/// Honest, whatever it was told for the other calls.
impl Shelves for MemoryBucket {
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
