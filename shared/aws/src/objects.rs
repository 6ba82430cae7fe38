//! The operations of S3 that the functions need.

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
    /// The content, which is read from the connection as it is asked for.
    pub body: ByteStream,
    /// The entity tag, without quotes.
    pub etag: String,
    /// The length of the content; 0 if S3's answer has none.
    pub bytes: u64,
}

impl Objects {
    /// A client that copies with the default [`CopyLimits`].
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self::from(Client::new(config))
    }

    /// Replaces the limits of what one call copies.
    #[must_use]
    pub fn with_copy_limits(self, copy_limits: CopyLimits) -> Self {
        Self { copy_limits, ..self }
    }

    /// The content of an object as it was announced. `etag` is the announced entity tag, without quotes. An object that
    /// was overwritten since does not have it. If it is empty, the current content is returned. With a version, that
    /// version is returned, which needs the right `s3:GetObjectVersion`. The content begins at the byte `from`, which
    /// must be one of the object's, or 0.
    ///
    /// # Errors
    /// [`Code::InputNotFound`] (permanent) when the object is gone or was overwritten, since the new content has an
    /// announcement of its own; or a failure of S3.
    pub async fn get(
        &self,
        bucket: &str,
        key: &str,
        etag: &str,
        version: Option<&str>,
        from: u64,
    ) -> Result<FetchedObject, Failure> {
        let call = self.client.get_object().bucket(bucket).key(key);
        let call = call.set_version_id(version.map(str::to_owned));
        let call = call.set_range((from > 0).then(|| format!("bytes={from}-")));
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

    /// The whole content of an object, and its entity tag in quotes; `None` if there is no such object. To learn that,
    /// the caller needs the right to list the bucket. Without it, S3 answers that the request is forbidden
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>).
    ///
    /// # Errors
    /// When S3 failed, or its answer was incomplete.
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

    /// `length` bytes of an object, from the byte at `offset` on.
    ///
    /// # Errors
    /// [`Code::InputNotFound`] (permanent) when there is no such object, or it has fewer bytes; or a failure of S3.
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

    /// Writes a whole object on a condition: it replaces the object with the entity tag `replaced` (in quotes), or, if
    /// that is `None`, it replaces none. Returns whether the condition held. When it did not, the object that is there
    /// may be that of an earlier attempt of the SDK.
    ///
    /// # Errors
    /// Those of [`Objects::put_if_tagged`].
    pub async fn put_if(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
        replaced: Option<&str>,
    ) -> Result<bool, Failure> {
        let written = self.put_if_tagged(bucket, key, body, content_type, replaced).await?;
        Ok(written.is_some())
    }

    /// Like [`Objects::put_if`], and returns the entity tag (in quotes) of what was written; `None` if the condition did
    /// not hold.
    ///
    /// # Errors
    /// When it is not known whether the object was written. That includes a concurrent write of the same key, after
    /// which the caller tries again
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).
    pub async fn put_if_tagged(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
        replaced: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let call = self.client.put_object().bucket(bucket).key(key).content_type(content_type);
        let call = match replaced {
            Some(etag) => call.if_match(etag),
            None => call.if_none_match("*"),
        };
        match call.body(ByteStream::from(body)).send().await {
            Ok(answer) => Ok(Some(answer.e_tag.unwrap_or_default())),
            Err(error) if is_refused(&error, replaced.is_some()) => Ok(None),
            Err(error) => Err(failure_of("writing an object", &error)),
        }
    }

    /// The objects of a bucket whose keys begin with a prefix, in the order of their keys: each key, and the object's
    /// size in bytes.
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

    /// The folders directly below a prefix, each as the beginning of its keys, with the slash at its end.
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

    /// Deletes an object. That succeeds too if there is none.
    ///
    /// # Errors
    /// When S3 did not confirm it.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), Failure> {
        let deleted = self.client.delete_object().bucket(bucket).key(key).send().await;
        deleted.map(|_| ()).map_err(|error| failure_of("deleting an object", &error))
    }

    /// Writes a whole object, whatever is there.
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

/// Uses a client that the caller has configured.
impl From<Client> for Objects {
    fn from(client: Client) -> Self {
        Self { client, copy_limits: CopyLimits::default() }
    }
}

/// Whether the condition of a write did not hold. S3 then answers with 412, or with 404 if there is nothing to replace.
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
