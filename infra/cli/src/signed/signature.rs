//! AWS Signature Version 4.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::Request;

use crate::failure::Failure;

pub(super) struct Signer {
    credentials: Credentials,
    region: String,
    /// The name of the service in signatures.
    service: &'static str,
}

impl Signer {
    pub(super) fn new(credentials: Credentials, region: String, service: &'static str) -> Self {
        Self { credentials, region, service }
    }

    /// Signs all headers of the request and its body, and adds the headers of the signature.
    pub(super) fn sign(&self, request: &mut Request<Bytes>, at: SystemTime) -> Result<(), Failure> {
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(at)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned().because(error))?
            .into();
        let uri = request.uri().to_string();
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new(request.method().as_str(), uri, headers, body)
            .map_err(|error| unsigned().because(error))?;
        let signed = sign(signable, &parameters).map_err(|error| unsigned().because(error))?;
        let (instructions, _) = signed.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

fn unsigned() -> Failure {
    Failure::new("the request could not be signed")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn signed(body: &'static str, token: Option<&str>) -> http::HeaderMap {
        let token = token.map(str::to_owned);
        let credentials = Credentials::new("AKID", "secret", token, None, "test");
        let signer = Signer::new(credentials, "eu-west-1".to_owned(), "lambda");
        let request = Request::post("https://u.lambda-url.eu-west-1.on.aws/v1/breakers/a/reset");
        let request = request.header("host", "u.lambda-url.eu-west-1.on.aws");
        let mut request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_000_000);
        signer.sign(&mut request, at).unwrap();
        request.headers().clone()
    }

    fn signature(headers: &http::HeaderMap) -> String {
        let text = headers["authorization"].to_str().unwrap();
        text.split_once("Signature=").unwrap().1.to_owned()
    }

    /// The signature was computed from the specification with Python's `hmac` and `hashlib`:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
    #[test]
    fn a_signature_is_the_one_that_lambda_works_out() {
        let headers = signed("{}", None);
        let text = headers["authorization"].to_str().unwrap();
        let scope = "AWS4-HMAC-SHA256 Credential=AKID/20261130/eu-west-1/lambda/aws4_request, ";
        assert!(text.starts_with(scope), "{text}");
        assert!(text.contains("SignedHeaders=host;x-amz-date, "), "{text}");
        assert_eq!(headers["x-amz-date"], "20261130T005320Z");
        assert_eq!(signature(&headers), EXPECTED);
        assert_ne!(signature(&signed("{} ", None)), EXPECTED, "the body is signed");
    }

    const EXPECTED: &str = "ec2e2dc76a2a2c6a3bcb731104bc2c7744ec31197f8a9897c3c8a60248771f13";

    #[test]
    fn a_sessions_token_is_sent_and_signed() {
        let headers = signed("{}", Some("token"));
        assert_eq!(headers["x-amz-security-token"], "token");
        let text = headers["authorization"].to_str().unwrap();
        assert!(text.contains("SignedHeaders=host;x-amz-date;x-amz-security-token, "), "{text}");
    }
}
