//! Copies objects within S3, so that their bytes do not pass through the function.

use std::time::Duration;

use aws_sdk_s3::config::Config;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types::{
    AnnotationDirective, ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart,
    TaggingDirective,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use event::Failure;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Objects, not_found, quoted};
use crate::failure_of;

/// The characters of a key that are not encoded in the header `x-amz-copy-source`, which is URL-encoded:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>.
const KEPT_IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The most parts of a copy that are copied at the same time.
const PARTS_AT_ONCE: usize = 8;
/// The most parts of an object: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>.
const MOST_PARTS: u64 = 10_000;
/// The longest time for an attempt of a copy, and for all its attempts. S3 answers when the copy is complete, which
/// takes seconds for objects of these sizes.
const ATTEMPT: Duration = Duration::from_secs(60);
const OPERATION: Duration = Duration::from_secs(180);

/// The object to copy.
#[derive(Clone, Copy, Debug)]
pub struct CopySource<'a> {
    /// The name of its bucket.
    pub bucket: &'a str,
    /// Its key, not encoded.
    pub key: &'a str,
    /// Its entity tag, without quotes. If the object has another one now, nothing is copied.
    pub etag: &'a str,
    /// The id of the version to copy; `None` for the newest. The caller needs the right `s3:GetObjectVersion` for it.
    pub version: Option<&'a str>,
    /// Its length, which decides whether it is copied in parts.
    pub bytes: u64,
}

/// How much S3 copies with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyLimits {
    /// The size of the largest object that one call copies. Larger objects are copied in parts.
    pub at_once_bytes: u64,
    /// The size of all parts but the last. Parts are larger than this if there would be more than 10,000.
    pub part_bytes: u64,
}

/// 256 MiB for both. `CopyObject` takes up to 5 GB, but one call for that many bytes would take minutes.
impl Default for CopyLimits {
    fn default() -> Self {
        Self { at_once_bytes: 256 * 1024 * 1024, part_bytes: 256 * 1024 * 1024 }
    }
}

/// A part of a copy: its number, and its first and last byte in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    number: i32,
    first: u64,
    last: u64,
}

impl Objects {
    /// Copies an object's bytes to `bucket` and `key`, if it still has the entity tag. Tags and annotations are not
    /// copied, since that needs rights of its own.
    ///
    /// # Errors
    /// [`event::Code::InputNotFound`] (permanent) when the object is gone or was overwritten, since the new content has
    /// an announcement of its own. All other failures are transient, since the object is not their cause.
    pub async fn copy(
        &self,
        source: &CopySource<'_>,
        bucket: &str,
        key: &str,
    ) -> Result<(), Failure> {
        if source.bytes <= self.copy_limits.at_once_bytes {
            return self.copy_at_once(source, bucket, key).await;
        }
        let create = self.client.create_multipart_upload().bucket(bucket).key(key);
        // This checksum covers the whole object, so that completing the upload needs no checksums of parts.
        let create = create.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
        let created = create.send().await.map_err(|error| failed(&error))?;
        let upload = created.upload_id.unwrap_or_default();
        let copied = self.copy_parts(source, bucket, key, &upload).await;
        if copied.is_err() {
            // If the abort fails too, the bucket's lifecycle rule for incomplete uploads removes the parts.
            let abort = self.client.abort_multipart_upload().bucket(bucket).key(key);
            let _ = abort.upload_id(upload).send().await;
        }
        copied
    }

    async fn copy_at_once(
        &self,
        source: &CopySource<'_>,
        bucket: &str,
        key: &str,
    ) -> Result<(), Failure> {
        let call = self.client.copy_object().copy_source(source.path()).bucket(bucket).key(key);
        let call = call
            .copy_source_if_match(quoted(source.etag))
            .tagging_directive(TaggingDirective::Replace)
            .annotation_directive(AnnotationDirective::Exclude);
        let copied = call.customize().config_override(patient()).send().await;
        copied.map(|_| ()).map_err(|error| failed(&error))
    }

    async fn copy_parts(
        &self,
        source: &CopySource<'_>,
        bucket: &str,
        key: &str,
        upload: &str,
    ) -> Result<(), Failure> {
        let mut copies = Vec::new();
        for part in parts(source.bytes, self.copy_limits.part_bytes) {
            let call = self.client.upload_part_copy().bucket(bucket).key(key).upload_id(upload);
            let call = call
                .copy_source(source.path())
                .copy_source_if_match(quoted(source.etag))
                .copy_source_range(format!("bytes={}-{}", part.first, part.last))
                .part_number(part.number);
            copies.push(async move {
                let copied = call.customize().config_override(patient()).send().await;
                let copied = copied.map_err(|error| failed(&error))?;
                let etag = copied.copy_part_result.and_then(|result| result.e_tag);
                let done = CompletedPart::builder().part_number(part.number).set_e_tag(etag);
                Ok::<_, Failure>(done.build())
            });
        }
        let parts = stream::iter(copies).buffered(PARTS_AT_ONCE).try_collect().await?;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let call = self.client.complete_multipart_upload().bucket(bucket).key(key);
        let call = call.upload_id(upload).multipart_upload(parts);
        let completed = call.customize().config_override(patient()).send().await;
        completed.map(|_| ()).map_err(|error| failed(&error))
    }
}

impl CopySource<'_> {
    fn path(&self) -> String {
        let path = format!("{}/{}", self.bucket, utf8_percent_encode(self.key, KEPT_IN_PATH));
        match self.version {
            Some(version) => {
                format!("{path}?versionId={}", utf8_percent_encode(version, KEPT_IN_PATH))
            }
            None => path,
        }
    }
}

fn parts(bytes: u64, part_bytes: u64) -> Vec<Part> {
    let length = part_bytes.max(bytes.div_ceil(MOST_PARTS)).max(1);
    let mut parts = Vec::new();
    let mut first = 0;
    while first < bytes {
        let end = bytes.min(first + length);
        let number = i32::try_from(parts.len() + 1).unwrap_or(i32::MAX);
        parts.push(Part { number, first, last: end - 1 });
        first = end;
    }
    parts
}

fn patient() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder();
    let timeouts = timeouts.operation_attempt_timeout(ATTEMPT).operation_timeout(OPERATION);
    Config::builder().timeout_config(timeouts.build())
}

fn failed<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Failure {
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    match (status, code) {
        (Some(412), _) => not_found("the object was overwritten since"),
        (_, Some("NoSuchKey")) => not_found("the object is gone"),
        _ => failure_of("archiving an object", error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_version_is_named_behind_the_encoded_key() {
        let newest =
            CopySource { bucket: "b", key: "a b?.csv", etag: "e", version: None, bytes: 1 };
        assert_eq!(newest.path(), "b/a%20b%3F.csv");
        let older = CopySource { version: Some("IYV3.Mro8e"), ..newest };
        assert_eq!(older.path(), "b/a%20b%3F.csv?versionId=IYV3.Mro8e");
    }

    const GIB: u64 = 1024 * 1024 * 1024;

    proptest! {
        /// There are at most 10,000 parts, each of 5 MiB to 5 GiB; only the last may be smaller:
        /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>.
        #[test]
        fn parts_are_all_bytes_once_and_as_s3_takes_them(
            bytes in prop_oneof![1..8 * GIB, 1..50_000 * GIB / 10 * 9],
        ) {
            let limits = CopyLimits::default();
            let parts = parts(bytes, limits.part_bytes);
            prop_assert!(parts.len() <= 10_000);
            let mut next = 0;
            for (index, part) in parts.iter().enumerate() {
                prop_assert_eq!((part.number as usize, part.first), (index + 1, next));
                next = part.last + 1;
                let length = next - part.first;
                prop_assert!(length <= 5 * GIB);
                prop_assert!(length >= 5 * 1024 * 1024 || next == bytes);
            }
            prop_assert_eq!(next, bytes);
        }
    }
}
