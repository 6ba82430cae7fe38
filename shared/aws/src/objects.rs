//! S3, as far as the functions need it.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use bytes::Bytes;
use event::{Code, Failure};

use crate::failure_of;

mod copy;

pub use copy::{CopyLimits, CopySource};

/// The S3 client; clones share its connections.
#[derive(Clone, Debug)]
pub struct Objects {
    client: Client,
    copy_limits: CopyLimits,
}

/// An object that is being read.
#[derive(Debug)]
pub struct FetchedObject {
    pub body: ByteStream,
    /// Without quotes.
    pub etag: String,
    pub bytes: u64,
}

impl Objects {
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self::from(Client::new(config))
    }

    /// With other limits of what is copied at once.
    #[must_use]
    pub fn with_copy_limits(self, copy_limits: CopyLimits) -> Self {
        Self { copy_limits, ..self }
    }

    /// The content of an object as it was when it was announced: with an `etag`, an object that was
    /// overwritten since is not taken for it.
    ///
    /// # Errors
    /// [`Code::InputNotFound`] (permanent) when it is gone or was overwritten: the overwrite has an
    /// announcement of its own; or a failure of S3.
    pub async fn get(&self, bucket: &str, key: &str, etag: &str) -> Result<FetchedObject, Failure> {
        let call = self.client.get_object().bucket(bucket).key(key);
        let etag = Some(quoted(etag)).filter(|_| !etag.is_empty());
        match call.set_if_match(etag).send().await {
            Ok(answer) => {
                let etag = answer.e_tag.unwrap_or_default().trim_matches('"').to_owned();
                let bytes = answer.content_length.and_then(|bytes| u64::try_from(bytes).ok());
                Ok(FetchedObject { body: answer.body, etag, bytes: bytes.unwrap_or(0) })
            }
            Err(error) => {
                let gone = matches!(error.as_service_error(), Some(GetObjectError::NoSuchKey(_)));
                match error.raw_response().map(|raw| raw.status().as_u16()) {
                    _ if gone => Err(not_found("the object is gone")),
                    Some(412) => Err(not_found("the object was overwritten since")),
                    _ => Err(failure_of("reading an object", &error)),
                }
            }
        }
    }

    /// An object whole, with its entity tag; `None` where there is none. That needs the right to list
    /// the bucket, or S3 says that it is forbidden
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>).
    ///
    /// # Errors
    /// When S3 failed, or its answer broke off.
    pub async fn find(&self, bucket: &str, key: &str) -> Result<Option<(Bytes, String)>, Failure> {
        match self.client.get_object().bucket(bucket).key(key).send().await {
            Ok(answer) => {
                let etag = answer.e_tag.unwrap_or_default();
                let body = answer.body.collect().await.map_err(|_| {
                    let reason = "reading an object: it broke off";
                    Failure::transient(Code::DependencyUnavailable, reason)
                })?;
                Ok(Some((body.into_bytes(), etag)))
            }
            Err(error) => match error.as_service_error() {
                Some(GetObjectError::NoSuchKey(_)) => Ok(None),
                _ => Err(failure_of("reading an object", &error)),
            },
        }
    }

    /// So many bytes of an object, from this one on.
    ///
    /// # Errors
    /// [`Code::InputNotFound`] (permanent) where there is no such object, or not so many bytes of it; or a failure
    /// of S3.
    pub async fn find_part(
        &self,
        bucket: &str,
        key: &str,
        offset: u64,
        length: u64,
    ) -> Result<Bytes, Failure> {
        let Some(last) = length.checked_sub(1).and_then(|rest| offset.checked_add(rest)) else {
            return Ok(Bytes::new());
        };
        let call = self.client.get_object().bucket(bucket).key(key);
        match call.range(format!("bytes={offset}-{last}")).send().await {
            Ok(answer) => {
                let body = answer.body.collect().await.map_err(|_| {
                    let reason = "reading a part of an object: it broke off";
                    Failure::transient(Code::DependencyUnavailable, reason)
                })?;
                let body = body.into_bytes();
                if usize::try_from(length).is_ok_and(|length| length == body.len()) {
                    return Ok(body);
                }
                let reason =
                    format!("{} bytes of an object where {length} are said to be", body.len());
                Err(Failure::permanent(Code::InputNotFound, reason))
            }
            Err(error) => {
                let gone = matches!(error.as_service_error(), Some(GetObjectError::NoSuchKey(_)));
                match error.raw_response().map(|raw| raw.status().as_u16()) {
                    _ if gone => Err(not_found("the object is gone")),
                    Some(416) => Err(not_found("the object is shorter than is said")),
                    _ => Err(failure_of("reading a part of an object", &error)),
                }
            }
        }
    }

    /// Writes an object whole, if it replaces the one with this entity tag, or, without a tag, if it
    /// replaces none; whether it did. An earlier try of the SDK's own may be what is there.
    ///
    /// # Errors
    /// When S3 did not say, be it that another write of this key was under way: to be tried again
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).
    pub async fn put_if(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
        replaced: Option<&str>,
    ) -> Result<bool, Failure> {
        let call = self.client.put_object().bucket(bucket).key(key).content_type(content_type);
        let call = match replaced {
            Some(etag) => call.if_match(etag),
            None => call.if_none_match("*"),
        };
        match call.body(ByteStream::from(body)).send().await {
            Ok(_) => Ok(true),
            Err(error) if is_refused(&error, replaced.is_some()) => Ok(false),
            Err(error) => Err(failure_of("writing an object", &error)),
        }
    }

    /// What is in a bucket below a prefix, in the order of its keys: each key, and its size in bytes.
    ///
    /// # Errors
    /// When S3 failed.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, u64)>, Failure> {
        let pages = self.client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator();
        let (mut pages, mut found) = (pages.send(), Vec::new());
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure_of("listing a bucket", &error))?;
            found.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                Some((object.key?, u64::try_from(object.size.unwrap_or(0)).unwrap_or(0)))
            }));
        }
        Ok(found)
    }

    /// The folders right below a prefix, each from its beginning to its slash.
    ///
    /// # Errors
    /// When S3 failed.
    pub async fn folders(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Failure> {
        let call = self.client.list_objects_v2().bucket(bucket).prefix(prefix).delimiter("/");
        let (mut pages, mut found) = (call.into_paginator().send(), Vec::new());
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure_of("listing a bucket", &error))?;
            let folders = page.common_prefixes.unwrap_or_default().into_iter();
            found.extend(folders.filter_map(|folder| folder.prefix));
        }
        Ok(found)
    }

    /// Deletes an object, be it there or not.
    ///
    /// # Errors
    /// When S3 did not confirm it.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), Failure> {
        let deleted = self.client.delete_object().bucket(bucket).key(key).send().await;
        deleted.map(|_| ()).map_err(|error| failure_of("deleting an object", &error))
    }

    /// Writes an object whole.
    ///
    /// # Errors
    /// When S3 did not confirm it.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
    ) -> Result<(), Failure> {
        self.client
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type(content_type)
            .body(ByteStream::from(body))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failure_of("writing an object", &error))
    }
}

/// With a client of the caller's own making.
impl From<Client> for Objects {
    fn from(client: Client) -> Self {
        Self { client, copy_limits: CopyLimits::default() }
    }
}

/// Whether the condition of a write did not hold: 412, or 404 where there is nothing to replace.
fn is_refused(error: &SdkError<PutObjectError>, replaces: bool) -> bool {
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    status == Some(412) || (replaces && code == Some("NoSuchKey"))
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

fn not_found(reason: &'static str) -> Failure {
    Failure::permanent(Code::InputNotFound, reason)
}
