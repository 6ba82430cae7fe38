//! Files of reference data in S3. There is one kind of request, which AWS's own signer signs. The SDK's client for S3
//! would be a fifth of the function's package (1.3 MB of 6).

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

/// The characters that are not encoded in a path:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A bucket whose objects are files of reference data.
pub struct ReferenceBucket {
    sdk: SdkConfig,
    /// The client, which the first request creates.
    client: OnceLock<Client>,
    bucket: String,
}

impl ReferenceBucket {
    /// `bucket` is the name of the bucket. Without an endpoint in `sdk`, its objects are read from S3's regional
    /// endpoint.
    #[must_use]
    pub fn new(sdk: &SdkConfig, bucket: String) -> Self {
        Self { sdk: sdk.clone(), client: OnceLock::new(), bucket }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(Reach::beside(self.sdk.endpoint_url())))
    }

    /// Reads an object, unless it still has the known entity tag. S3 then answers with status 304:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.
    async fn get(
        &self,
        key: &str,
        known_etag: Option<&str>,
        most_bytes: usize,
        limit: Duration,
    ) -> Result<FileRead, LookupError> {
        let mut headers = HeaderMap::new();
        // A file whose name ends with `.gz` has to arrive as it is stored.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(etag) = known_etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let request = self.signed(self.url(key), headers).await?;
        let answer = self.client().fetch(request, limit, most_bytes).await;
        read(answer.map_err(|error| request_error(&error))?)
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
            .build()
            .map_err(|_| unsigned())?
            .into();
        let mut request = http::Request::new(());
        *request.uri_mut() = url.parse().map_err(|_| unsigned())?;
        *request.headers_mut() = headers;
        let header_texts = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("GET", &url, header_texts, SignableBody::Bytes(&[]));
        let signed = sign(signable.map_err(|_| unsigned())?, &parameters);
        let (instructions, _) = signed.map_err(|_| unsigned())?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        let headers = std::mem::take(request.headers_mut());
        Ok(Request { method: Method::GET, url, headers, body: Default::default() })
    }
}

/// The error of a request that could not be signed.
fn unsigned() -> LookupError {
    LookupError::new(CallFailure::Credentials, "reading an object: not signed")
}

fn read(answer: Response) -> Result<FileRead, LookupError> {
    let Response { status, headers, body } = answer;
    match status {
        200 => {
            let content = body.map_err(|error| body_error(&error))?.into();
            let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default();
            Ok(FileRead::Changed { content, etag: etag.to_owned() })
        }
        304 => Ok(FileRead::Unchanged),
        404 => {
            let reason = "there is no such object in the bucket of reference data";
            Err(LookupError::new(CallFailure::BadAnswer, reason))
        }
        status => {
            let failure = match status {
                // S3 answers `SlowDown` with 503:
                // <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
                429 | 503 => CallFailure::Throttled,
                400 | 401 | 403 => CallFailure::Credentials,
                500.. => CallFailure::ServerError,
                _ => CallFailure::BadAnswer,
            };
            Err(LookupError::new(failure, format!("reading an object: HTTP {status}")))
        }
    }
}

fn request_error(error: &RequestError) -> LookupError {
    let failure = match error {
        RequestError::TimedOut { .. } => CallFailure::Timeout,
        RequestError::Connection
        | RequestError::BrokenOff
        | RequestError::Forbidden { .. }
        | RequestError::Certificates { .. } => CallFailure::Connection,
        RequestError::Url => CallFailure::BadAnswer,
    };
    LookupError::new(failure, format!("reading an object: {error}"))
}

fn body_error(error: &BodyError) -> LookupError {
    let reason = match error {
        BodyError::TooLong { limit } => {
            format!("it is longer than the {limit} bytes that are read")
        }
        other => format!("reading an object: {other}"),
    };
    LookupError::new(CallFailure::from(error), reason)
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

    #[track_caller]
    fn check_url(region: &'static str, endpoint: Option<&str>, expected_start: &str) {
        let url = bucket(region, endpoint).url("a b/\u{fc}+#?.csv");
        assert_eq!(url, format!("{expected_start}/a%20b/%C3%BC%2B%23%3F.csv"));
    }

    #[test]
    fn an_object_has_one_address_in_each_place() {
        check_url("eu-west-1", None, "https://reference.s3.eu-west-1.amazonaws.com");
        check_url("cn-north-1", None, "https://reference.s3.cn-north-1.amazonaws.com.cn");
        let local = "http://127.0.0.1:4566";
        check_url("eu-west-1", Some(local), "http://127.0.0.1:4566/reference");
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
