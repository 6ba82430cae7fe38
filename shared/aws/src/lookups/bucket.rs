//! Files of reference data in S3: one kind of request, signed by AWS's own signer. Its SDK's client would be a fifth
//! of the function's package (1.3 MB of 6).

use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_types::SdkConfig;
use contracts::CallFailure;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT_ENCODING, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method};
use outbound::{BodyError, Client, Reach, Request, RequestError, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use runtime::{FileRead, FileStore, LookupError};

/// What S3 takes in a path as it is: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A bucket whose objects are files of reference data.
pub struct ReferenceBucket {
    sdk: SdkConfig,
    /// Made at the first question, or why it cannot be.
    client: OnceLock<Result<Client, LookupError>>,
    bucket: String,
}

impl ReferenceBucket {
    #[must_use]
    pub fn new(sdk: &SdkConfig, bucket: String) -> Self {
        Self { sdk: sdk.clone(), client: OnceLock::new(), bucket }
    }

    fn client(&self) -> Result<&Client, LookupError> {
        let client = self.client.get_or_init(|| {
            let endpoint = self.sdk.endpoint_url();
            let needs_tls = endpoint.is_none_or(|url| url.starts_with("https://"));
            Client::new(needs_tls, Reach::beside(endpoint)).map_err(|error| {
                LookupError::new(CallFailure::Connection, format!("reading an object: {error}"))
            })
        });
        client.as_ref().map_err(Clone::clone)
    }

    /// By a condition on the entity tag, S3 answers 304 where the object is the same:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.
    async fn get(
        &self,
        key: &str,
        known_etag: Option<&str>,
        most_bytes: usize,
        limit: Duration,
    ) -> Result<FileRead, LookupError> {
        let mut headers = HeaderMap::new();
        // A file whose name ends with .gz is not decoded on the way.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(etag) = known_etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let request = self.signed(self.url(key), headers).await?;
        let answer = self.client()?.fetch(request, limit, most_bytes).await;
        read(answer.map_err(|error| not_answered(&error))?)
    }

    fn url(&self, key: &str) -> String {
        let key = utf8_percent_encode(key, KEPT);
        let bucket = &self.bucket;
        if let Some(endpoint) = self.sdk.endpoint_url() {
            return format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/'));
        }
        let region = self.region();
        // <https://docs.aws.amazon.com/general/latest/gr/s3.html>
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{bucket}.s3.{region}.{suffix}/{key}")
    }

    fn region(&self) -> &str {
        self.sdk.region().map_or("us-east-1", AsRef::as_ref)
    }

    async fn signed(&self, url: String, headers: HeaderMap) -> Result<Request, LookupError> {
        let unsigned =
            || LookupError::new(CallFailure::Credentials, "reading an object: not signed");
        let provider = self.sdk.credentials_provider().ok_or_else(unsigned)?;
        let credentials = provider.provide_credentials().await.map_err(|_| unsigned())?;
        let time = self.sdk.time_source().ok_or_else(unsigned)?.now();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region())
            .name("s3")
            .time(time)
            .settings(settings)
            .build();
        let parameters = parameters.map_err(|_| unsigned())?.into();
        let mut request = http::Request::new(());
        *request.uri_mut() = url.parse().map_err(|_| unsigned())?;
        *request.headers_mut() = headers;
        let named = request.headers().iter();
        let named = named.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("GET", &url, named, SignableBody::Bytes(&[]));
        let signed = sign(signable.map_err(|_| unsigned())?, &parameters);
        let (instructions, _) = signed.map_err(|_| unsigned())?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        let headers = std::mem::take(request.headers_mut());
        Ok(Request { method: Method::GET, url, headers, body: Default::default() })
    }
}

fn read(answer: Response) -> Result<FileRead, LookupError> {
    let Response { status, headers, body } = answer;
    match status {
        200 => {
            let content = body.map_err(|error| unread(&error))?.into();
            let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default();
            Ok(FileRead::Changed { content, etag: etag.to_owned() })
        }
        304 => Ok(FileRead::Unchanged),
        404 => {
            let reason = "there is no such object in the bucket of reference data";
            Err(LookupError::new(CallFailure::BadAnswer, reason))
        }
        status => {
            let says = match status {
                // S3 asks to slow down so: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
                429 | 503 => CallFailure::Throttled,
                400 | 401 | 403 => CallFailure::Credentials,
                500.. => CallFailure::ServerError,
                _ => CallFailure::BadAnswer,
            };
            Err(LookupError::new(says, format!("reading an object: HTTP {status}")))
        }
    }
}

fn not_answered(error: &RequestError) -> LookupError {
    let says = match error {
        RequestError::TimedOut { .. } => CallFailure::Timeout,
        RequestError::Connection | RequestError::BrokenOff | RequestError::Forbidden { .. } => {
            CallFailure::Connection
        }
        RequestError::Url => CallFailure::BadAnswer,
    };
    LookupError::new(says, format!("reading an object: {error}"))
}

fn unread(error: &BodyError) -> LookupError {
    let says = CallFailure::from(error);
    let reason = match error {
        BodyError::TooLong { limit } => {
            format!("it is longer than the {limit} bytes that are read")
        }
        other => format!("reading an object: {other}"),
    };
    LookupError::new(says, reason)
}

impl FileStore for ReferenceBucket {
    fn read<'a>(
        &'a self,
        name: &'a str,
        known_etag: Option<&'a str>,
        most_bytes: usize,
        limit: Duration,
    ) -> BoxFuture<'a, Result<FileRead, LookupError>> {
        self.get(name, known_etag, most_bytes, limit).boxed()
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_async::time::{SharedTimeSource, StaticTimeSource};
    use aws_types::region::Region;

    use super::*;

    fn bucket(region: &'static str, endpoint: Option<&str>) -> ReferenceBucket {
        let credentials =
            Credentials::new("AKIDEXAMPLE", "secret", Some("token".into()), None, "t");
        let mut sdk = SdkConfig::builder()
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .time_source(SharedTimeSource::new(StaticTimeSource::from_secs(1_767_225_600)));
        sdk.set_endpoint_url(endpoint.map(str::to_owned));
        ReferenceBucket::new(&sdk.build(), "reference".to_owned())
    }

    #[test]
    fn an_object_has_one_address_in_each_place() {
        let key = "a b/\u{fc}+#?.csv";
        let url = |region, endpoint| bucket(region, endpoint).url(key);
        let path = "a%20b/%C3%BC%2B%23%3F.csv";
        assert_eq!(
            url("eu-west-1", None),
            format!("https://reference.s3.eu-west-1.amazonaws.com/{path}")
        );
        let china = format!("https://reference.s3.cn-north-1.amazonaws.com.cn/{path}");
        assert_eq!(url("cn-north-1", None), china);
        let local = format!("http://127.0.0.1:4566/reference/{path}");
        assert_eq!(url("eu-west-1", Some("http://127.0.0.1:4566")), local);
    }

    #[tokio::test]
    async fn a_request_is_signed_for_s3_with_its_condition_and_its_token() {
        let bucket = bucket("eu-west-1", None);
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("\"e\""));
        let Request { headers, .. } = bucket.signed(bucket.url("a.csv"), headers).await.unwrap();
        let signature = headers["authorization"].to_str().unwrap();
        let scope = "Credential=AKIDEXAMPLE/20260101/eu-west-1/s3/aws4_request";
        assert!(signature.contains(scope), "{signature}");
        for signed in ["host", "if-none-match", "x-amz-content-sha256", "x-amz-date"] {
            assert!(signature.contains(signed), "{signed}: {signature}");
        }
        assert_eq!(headers["x-amz-security-token"], "token");
        assert_eq!(headers["if-none-match"], "\"e\"");
    }
}
