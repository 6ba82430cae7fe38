#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

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

/// The S3 service. Clones share its buckets.
#[derive(Clone)]
pub struct S3 {
    store: Arc<Store>,
    service: Service,
}

/// An error as AWS answers it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct S3Error {
    /// The code in the API reference, such as `NoSuchBucket`.
    pub code: String,
    /// A sentence for people, without the code.
    pub message: String,
}

/// An object that was written and can already be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCreated {
    /// The name of the bucket.
    pub bucket: String,
    /// The key as it was written, not URL-encoded.
    pub key: String,
    /// The length of the body in bytes.
    pub size: usize,
    /// The entity tag without quotes.
    pub e_tag: String,
    /// Orders the events of a key: 18 hexadecimal digits that are compared as text.
    pub sequencer: String,
    /// `ObjectCreated:Put`, `ObjectCreated:Copy` or `ObjectCreated:CompleteMultipartUpload`.
    pub event_name: &'static str,
    /// When it was written, in milliseconds since the Unix epoch.
    pub time_ms: u64,
}

/// An object as tools and tests read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// The key, not URL-encoded.
    pub key: String,
    /// All bytes. They are shared with the stored object, and not copied.
    pub body: Bytes,
    /// The entity tag without quotes.
    pub e_tag: String,
    /// When it was written, in milliseconds since the Unix epoch.
    pub modified_ms: u64,
    /// The `Content-Type` of the writer; empty if an object has none.
    pub content_type: String,
    /// User metadata by its names, which have no `x-amz-meta-` in front.
    pub metadata: BTreeMap<String, String>,
}

impl S3 {
    /// An S3 without buckets. `clock` gives the times of objects and uploads.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let store = Arc::new(Store::new(clock));
        let protocol = Protocol::new(Arc::clone(&store));
        let service = Service::new(S3ServiceBuilder::new(protocol).build());
        Self { store, service }
    }

    /// The part that answers HTTP requests.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service.clone()
    }

    /// Calls `observer` after every write that took effect. It runs in the task of the writer and
    /// therefore has to be quick.
    pub fn on_created(&self, observer: Box<dyn Fn(ObjectCreated) + Send + Sync>) {
        self.store.observe(Arc::from(observer));
    }

    /// Creates an empty bucket in `us-east-1`.
    ///
    /// # Errors
    /// `InvalidBucketName`, `BucketAlreadyOwnedByYou`.
    pub fn create_bucket(&self, name: &str) -> Result<(), S3Error> {
        Ok(self.store.create_bucket(name, None)?)
    }

    /// The names of all buckets, in ascending order.
    #[must_use]
    pub fn bucket_names(&self) -> Vec<String> {
        self.store.buckets(|name, _| name.to_owned())
    }

    /// Writes an object as `PutObject` would, and notifies the observers. Returns the entity tag.
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

    /// Reads a whole object.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`.
    pub fn get(&self, bucket: &str, key: &str) -> Result<StoredObject, S3Error> {
        Ok(stored(key, &*self.store.get(bucket, key)?))
    }

    /// The number of tags that an object has.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`.
    pub fn tag_count(&self, bucket: &str, key: &str) -> Result<usize, S3Error> {
        Ok(self.store.get(bucket, key)?.attributes.tags.len())
    }

    /// All objects whose keys begin with `prefix`, in the order of their keys.
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
