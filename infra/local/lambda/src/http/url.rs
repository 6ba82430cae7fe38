//! Function URLs: <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>.
//!
//! The server checks who may call a URL. CORS is not emulated.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::Lambda;
use super::event::HttpEndpoint;
use super::identity::Identity;
use super::{Failure, json_answer};

impl Lambda {
    /// Sends a request to a function as its URL does. The path of the request is relative to the URL.
    /// `identity` is the signer if the URL requires a signature. The status is 502 if the function fails,
    /// as on Lambda.
    pub async fn function_url(
        &self,
        function: &str,
        identity: Option<&Identity>,
        request: Request<Body>,
    ) -> Response<Body> {
        let id = url_id(function);
        let region = &self.inner.shared.config.region;
        let endpoint = HttpEndpoint {
            account: identity.map_or("anonymous", |identity| &identity.account),
            id: &id,
            domain: &format!("{id}.lambda-url.{region}.on.aws"),
            route_key: "$default",
            path_parameters: BTreeMap::new(),
            identity,
        };
        let (parts, body) = request.into_parts();
        self.call(function, &endpoint, &parts, body).await.unwrap_or_else(refusal)
    }
}

fn refusal(failure: Failure) -> Response<Body> {
    let (status, message) = match failure {
        Failure::Broken => (StatusCode::BAD_REQUEST, "Bad Request"),
        Failure::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Too Large"),
        Failure::NoFunction => (StatusCode::NOT_FOUND, "Not Found"),
        Failure::Throttled => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
        Failure::Function => (StatusCode::BAD_GATEWAY, "Internal Server Error"),
        Failure::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    };
    json_answer(status, &json!({ "Message": message }))
}

/// The id in the URL of a function: 32 letters and digits.
pub(super) fn url_id(function: &str) -> String {
    let alphabet = b"abcdefghijklmnopqrstuvwxyz234567";
    let digest = Sha256::digest(function.as_bytes());
    digest.iter().map(|byte| char::from(alphabet[usize::from(byte % 32)])).collect()
}
