//! Files of reference data in S3.

use std::sync::OnceLock;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, Config};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use contracts::CallFailure;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use runtime::{FileRead, FileStore, LookupError};

use super::lookup_error;

/// A bucket whose objects are files of reference data.
#[derive(Debug)]
pub struct ReferenceBucket {
    sdk: SdkConfig,
    client: OnceLock<Client>,
    bucket: String,
}

impl ReferenceBucket {
    #[must_use]
    pub fn new(sdk: &SdkConfig, bucket: String) -> Self {
        Self { sdk: sdk.clone(), client: OnceLock::new(), bucket }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let config: Config =
                Builder::from(&self.sdk).retry_config(RetryConfig::disabled()).build();
            Client::from_conf(config)
        })
    }

    /// By a condition on the entity tag, S3 answers 304 where the object is the same:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.
    async fn get(
        &self,
        key: &str,
        known_etag: Option<&str>,
        most_bytes: usize,
    ) -> Result<FileRead, LookupError> {
        let call = self.client().get_object().bucket(&self.bucket).key(key);
        match call.set_if_none_match(known_etag.map(str::to_owned)).send().await {
            Ok(answer) => content(answer, most_bytes).await,
            Err(error) => {
                let status = error.raw_response().map(|raw| raw.status().as_u16());
                let is_missing =
                    matches!(error.as_service_error(), Some(GetObjectError::NoSuchKey(_)));
                match status {
                    Some(304) => Ok(FileRead::Unchanged),
                    _ if is_missing => {
                        let reason = "there is no such object in the bucket of reference data";
                        Err(LookupError::new(CallFailure::BadAnswer, reason))
                    }
                    _ => Err(lookup_error("reading an object", &error)),
                }
            }
        }
    }
}

async fn content(answer: GetObjectOutput, most_bytes: usize) -> Result<FileRead, LookupError> {
    let etag = answer.e_tag.unwrap_or_default();
    let length = answer.content_length.and_then(|length| usize::try_from(length).ok());
    if length.is_some_and(|length| length > most_bytes) {
        return Err(too_long(most_bytes));
    }
    let mut body = answer.body;
    let mut content = Vec::with_capacity(length.unwrap_or_default());
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|_| {
            LookupError::new(CallFailure::Connection, "reading an object: it broke off")
        })?;
        if content.len() + bytes.len() > most_bytes {
            return Err(too_long(most_bytes));
        }
        content.extend_from_slice(&bytes);
    }
    Ok(FileRead::Changed { content, etag })
}

fn too_long(most_bytes: usize) -> LookupError {
    let reason = format!("it is longer than the {most_bytes} bytes that are read");
    LookupError::new(CallFailure::BadAnswer, reason)
}

impl FileStore for ReferenceBucket {
    fn read<'a>(
        &'a self,
        name: &'a str,
        known_etag: Option<&'a str>,
        most_bytes: usize,
    ) -> BoxFuture<'a, Result<FileRead, LookupError>> {
        self.get(name, known_etag, most_bytes).boxed()
    }
}
