//! S3, as far as the functions need it.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_types::SdkConfig;
use event::{Code, Failure};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::failure_of;

/// What a key's path keeps as it is in `x-amz-copy-source`, which is URL-encoded:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>.
const KEPT_IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The S3 client; clones share its connections.
#[derive(Clone, Debug)]
pub struct Objects {
    client: Client,
}

impl Objects {
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The content of an object as it was when it was announced: with an `etag`, an object that was
    /// overwritten since is not taken for it.
    ///
    /// # Errors
    /// [`Code::InputNotFound`] (permanent) when it is gone or was overwritten: the overwrite has an
    /// announcement of its own; or a failure of S3.
    pub async fn get(&self, bucket: &str, key: &str, etag: &str) -> Result<ByteStream, Failure> {
        let call = self.client.get_object().bucket(bucket).key(key);
        let etag = Some(format!("\"{etag}\"")).filter(|_| !etag.is_empty());
        match call.set_if_match(etag).send().await {
            Ok(answer) => Ok(answer.body),
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

    /// Copies an object within S3, up to 5 GB; its bytes do not come here.
    ///
    /// # Errors
    /// When S3 did not confirm it.
    pub async fn copy(&self, from: (&str, &str), bucket: &str, key: &str) -> Result<(), Failure> {
        let (from_bucket, from_key) = from;
        let source: String = utf8_percent_encode(from_key, KEPT_IN_PATH).collect();
        self.client
            .copy_object()
            .copy_source(format!("{from_bucket}/{source}"))
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failure_of("archiving an object", &error))
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

fn not_found(reason: &'static str) -> Failure {
    Failure::permanent(Code::InputNotFound, reason)
}
