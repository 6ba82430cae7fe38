//! Buckets and their objects in memory, behind one lock, so that every read sees the last write.
//!
//! A write checks its condition and takes effect under one lock, so that exactly one of several
//! writers with `If-None-Match: *` succeeds. Observers are called after the write, outside the
//! lock. This module knows neither headers nor XML.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use s3s::{S3Error, S3Result, s3_error};

use super::ObjectCreated;
use super::conditions::WriteCondition;
use super::multipart::Upload;
use super::object::Object;
use clock::Clock;

type Observer = Arc<dyn Fn(ObjectCreated) + Send + Sync>;

pub(super) struct Store {
    clock: Clock,
    state: Mutex<State>,
    /// A write holds it for reading until the observers were notified, and a snapshot for writing.
    /// A snapshot therefore never has a write of which the observers do not know.
    notifying: RwLock<()>,
    observers: RwLock<Vec<Observer>>,
}

#[derive(Default)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    /// The number of writes so far, which orders the events of a key.
    writes: u64,
    /// The number of changes of any kind so far.
    changes: u64,
}

#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) created_ms: u64,
    /// `None` in `us-east-1`, because S3 answers no location for it.
    pub(super) location: Option<String>,
    pub(super) objects: BTreeMap<String, Arc<Object>>,
    /// By key and upload id, which is the order of listings.
    pub(super) uploads: BTreeMap<(String, String), Upload>,
}

impl Store {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            notifying: RwLock::default(),
            observers: RwLock::default(),
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    pub(super) fn observe(&self, observer: Observer) {
        self.observers.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    /// Creates an empty bucket.
    ///
    /// # Errors
    /// `InvalidBucketName`, `BucketAlreadyOwnedByYou`.
    pub(super) fn create_bucket(&self, name: &str, location: Option<String>) -> S3Result<()> {
        if !s3s::path::check_bucket_name(name) {
            return Err(s3_error!(InvalidBucketName, "the specified bucket is not valid: {name}"));
        }
        let created_ms = self.now_ms();
        self.state(|state| {
            if state.buckets.contains_key(name) {
                return Err(s3_error!(
                    BucketAlreadyOwnedByYou,
                    "your previous request to create the named bucket succeeded and you already own it"
                ));
            }
            let (objects, uploads) = (BTreeMap::new(), BTreeMap::new());
            let bucket = Bucket { created_ms, location, objects, uploads };
            state.buckets.insert(name.to_owned(), bucket);
            state.changes += 1;
            Ok(())
        })
    }

    /// Deletes a bucket.
    ///
    /// # Errors
    /// `NoSuchBucket`, `BucketNotEmpty`.
    pub(super) fn delete_bucket(&self, name: &str) -> S3Result<()> {
        self.state(|state| {
            let bucket = state.buckets.get(name).ok_or_else(no_such_bucket)?;
            if !bucket.objects.is_empty() {
                return Err(s3_error!(
                    BucketNotEmpty,
                    "the bucket you tried to delete is not empty"
                ));
            }
            state.buckets.remove(name);
            state.changes += 1;
            Ok(())
        })
    }

    /// Maps `view` over the buckets, in the order of their names.
    pub(super) fn buckets<T>(&self, mut view: impl FnMut(&str, &Bucket) -> T) -> Vec<T> {
        self.state(|state| state.buckets.iter().map(|(name, each)| view(name, each)).collect())
    }

    /// Calls `with` with one bucket while the lock is held. Hashing and copying have no place in
    /// it.
    ///
    /// # Errors
    /// `NoSuchBucket`, and those of `with`.
    pub(super) fn bucket<T>(
        &self,
        name: &str,
        with: impl FnOnce(&Bucket) -> S3Result<T>,
    ) -> S3Result<T> {
        self.state(|state| with(state.buckets.get(name).ok_or_else(no_such_bucket)?))
    }

    /// [`Store::bucket`] for changes.
    ///
    /// # Errors
    /// `NoSuchBucket`, and those of `with`.
    pub(super) fn bucket_mut<T>(
        &self,
        name: &str,
        with: impl FnOnce(&mut Bucket) -> S3Result<T>,
    ) -> S3Result<T> {
        self.state(|state| {
            state.changes += 1;
            with(state.buckets.get_mut(name).ok_or_else(no_such_bucket)?)
        })
    }

    /// The current object of a key.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`.
    pub(super) fn get(&self, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
        self.bucket(bucket, |each| each.objects.get(key).cloned().ok_or_else(no_such_key))
    }

    /// Writes `object` if `condition` holds, and notifies the observers.
    ///
    /// # Errors
    /// `NoSuchBucket`, and those of the condition.
    pub(super) fn put(
        &self,
        bucket: &str,
        key: &str,
        object: Object,
        condition: &WriteCondition,
    ) -> S3Result<Arc<Object>> {
        self.commit(bucket, key, object, condition, "ObjectCreated:Put", |_| Ok(()))
    }

    /// [`Store::put`] with an event name and a further step: `also` runs after the condition was
    /// checked, under the same lock. If it fails, nothing is written.
    pub(super) fn commit(
        &self,
        bucket: &str,
        key: &str,
        object: Object,
        condition: &WriteCondition,
        event_name: &'static str,
        also: impl FnOnce(&mut Bucket) -> S3Result<()>,
    ) -> S3Result<Arc<Object>> {
        let object = Arc::new(object);
        let _notifying = self.notifying.read().unwrap_or_else(PoisonError::into_inner);
        let write = self.state(|state| {
            let at = state.buckets.get_mut(bucket).ok_or_else(no_such_bucket)?;
            condition.check(at.objects.get(key).map(Arc::as_ref))?;
            also(at)?;
            at.objects.insert(key.to_owned(), Arc::clone(&object));
            state.writes += 1;
            state.changes += 1;
            Ok::<_, S3Error>(state.writes)
        })?;
        self.notify(&ObjectCreated {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size: object.body.len(),
            e_tag: object.e_tag.clone(),
            sequencer: format!("{write:018X}"),
            event_name,
            time_ms: object.modified_ms,
        });
        Ok(object)
    }

    /// Deletes an object. A missing one is no error, unless `condition` requires it.
    ///
    /// # Errors
    /// `NoSuchBucket`, and those of the condition.
    pub(super) fn delete(
        &self,
        bucket: &str,
        key: &str,
        condition: &WriteCondition,
    ) -> S3Result<()> {
        self.bucket_mut(bucket, |each| {
            condition.check(each.objects.get(key).map(Arc::as_ref))?;
            each.objects.remove(key);
            Ok(())
        })
    }

    pub(super) fn changes(&self) -> u64 {
        self.state(|state| state.changes)
    }

    /// Calls `with` with the numbers of changes and writes and with all buckets. At that moment
    /// the observers know of every write.
    pub(super) fn capture<T>(
        &self,
        with: impl FnOnce(u64, u64, &BTreeMap<String, Bucket>) -> T,
    ) -> T {
        let _all_notified = self.notifying.write().unwrap_or_else(PoisonError::into_inner);
        self.state(|state| with(state.changes, state.writes, &state.buckets))
    }

    /// Puts buckets in place without notifying observers. `writes` is the number of writes at the
    /// time of the snapshot.
    pub(super) fn restore(&self, writes: u64, buckets: Vec<(String, Bucket)>) {
        self.state(|state| {
            state.writes = state.writes.max(writes);
            state.changes += 1;
            state.buckets.extend(buckets);
        });
    }

    fn state<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn notify(&self, event: &ObjectCreated) {
        let observers = self.observers.read().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers {
            observer(event.clone());
        }
    }
}

fn no_such_bucket() -> S3Error {
    s3_error!(NoSuchBucket, "the specified bucket does not exist")
}

fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "the specified key does not exist")
}
