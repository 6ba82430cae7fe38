#![doc = include_str!("../README.md")]

mod checksums;
mod chunked;
mod conditions;
mod keys;
mod listing;
mod multipart;
pub mod notify;
mod object;
mod protocol;
mod service;
pub mod snapshot;
mod store;
mod tags;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use s3s::service::S3ServiceBuilder;

pub use self::service::Service;
use self::{conditions::WriteCondition, object::Attributes, protocol::Protocol, store::Store};
use clock::Clock;

/// The service; clones share its buckets.
#[derive(Clone)]
pub struct S3 {
    store: Arc<Store>,
    service: Service,
}

/// An AWS error: its code (`NoSuchBucket`) and message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct S3Error {
    pub code: String,
    pub message: String,
}

/// An object was written, and is there to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCreated {
    pub bucket: String,
    /// As written, not URL-encoded.
    pub key: String,
    /// In bytes.
    pub size: usize,
    /// Without quotes.
    pub e_tag: String,
    /// Orders the events of a key: 18 hexadecimal digits, compared as text.
    pub sequencer: String,
    /// `ObjectCreated:Put`, `ObjectCreated:Copy` or `ObjectCreated:CompleteMultipartUpload`.
    pub event_name: &'static str,
    /// When it was written, in milliseconds since the Unix epoch.
    pub time_ms: u64,
}

/// An object as tools see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    pub key: String,
    pub body: Bytes,
    /// Without quotes.
    pub e_tag: String,
    /// Milliseconds since the Unix epoch.
    pub modified_ms: u64,
    pub content_type: String,
    pub metadata: BTreeMap<String, String>,
}

impl S3 {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let store = Arc::new(Store::new(clock));
        let protocol = Protocol::new(Arc::clone(&store));
        let service = Service::new(S3ServiceBuilder::new(protocol).build());
        Self { store, service }
    }

    /// What answers requests, for the server in front.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service.clone()
    }

    /// Calls `observer` after every write that took effect, in the task that made it: let it be quick.
    pub fn on_created(&self, observer: Box<dyn Fn(ObjectCreated) + Send + Sync>) {
        self.store.observe(Arc::from(observer));
    }

    /// # Errors
    /// `InvalidBucketName`, `BucketAlreadyOwnedByYou`.
    pub fn create_bucket(&self, name: &str) -> Result<(), S3Error> {
        Ok(self.store.create_bucket(name, None)?)
    }

    #[must_use]
    pub fn bucket_names(&self) -> Vec<String> {
        self.store.buckets(|name, _| name.to_owned())
    }

    /// Writes an object as `PutObject` would, observers and all; tells its entity tag.
    ///
    /// # Errors
    /// `NoSuchBucket`, `KeyTooLongError`.
    pub fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        content_type: &str,
    ) -> Result<String, S3Error> {
        if key.is_empty() || !s3s::path::check_key(key) {
            return Err(s3s::s3_error!(KeyTooLongError, "a key has 1 to 1,024 bytes").into());
        }
        let checksum = checksums::of_object(&body, &s3s::dto::Checksum::default(), None)?;
        let content_type = Some(content_type.to_owned());
        let object = object::Object {
            e_tag: object::e_tag_of(&body),
            modified_ms: self.store.now_ms(),
            attributes: Attributes { content_type, ..Attributes::default() },
            checksum,
            part_sizes: Vec::new(),
            body,
        };
        let put = self.store.put(bucket, key, object, &WriteCondition::default())?;
        Ok(put.e_tag.clone())
    }

    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`.
    pub fn get(&self, bucket: &str, key: &str) -> Result<StoredObject, S3Error> {
        Ok(stored(key, &*self.store.get(bucket, key)?))
    }

    /// How many tags an object has.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`.
    pub fn tag_count(&self, bucket: &str, key: &str) -> Result<usize, S3Error> {
        Ok(self.store.get(bucket, key)?.attributes.tags.len())
    }

    /// All objects whose keys begin with `prefix`, in the order of their keys; bodies are shared.
    ///
    /// # Errors
    /// `NoSuchBucket`.
    pub fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<StoredObject>, S3Error> {
        let query = listing::Query {
            prefix: prefix.to_owned(),
            max_keys: usize::MAX,
            ..listing::Query::default()
        };
        let page = self.store.bucket(bucket, |each| Ok(listing::page(&each.objects, &query)))?;
        Ok(page.objects.iter().map(|(key, object)| stored(key, object)).collect())
    }
}

fn stored(key: &str, object: &object::Object) -> StoredObject {
    let metadata = object.attributes.metadata.iter().flatten();
    StoredObject {
        key: key.to_owned(),
        body: object.body.clone(),
        e_tag: object.e_tag.clone(),
        modified_ms: object.modified_ms,
        content_type: object.attributes.content_type.clone().unwrap_or_default(),
        metadata: metadata.map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

impl From<s3s::S3Error> for S3Error {
    fn from(error: s3s::S3Error) -> Self {
        let message = error.message().unwrap_or_default().to_owned();
        Self { code: error.code().as_str().to_owned(), message }
    }
}
