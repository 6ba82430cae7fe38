//! HTTP APIs of API Gateway, which route requests to functions on the stage `$default`.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html>. Authorizers, CORS,
//! throttling and custom domains are not emulated.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use serde_json::json;

use super::super::Lambda;
use super::super::environment::millis;
use super::event::HttpEndpoint;
use super::routes::{MatchedRoute, Routes};
use super::{Failure, json_answer};

/// An HTTP API.
pub struct HttpApi {
    id: String,
    account: String,
    routes: Routes,
}

impl HttpApi {
    /// Creates the API that a template declares.
    pub fn new(declared: &template::HttpApi, account: &str) -> Self {
        Self {
            id: declared.logical_id.clone(),
            account: account.to_owned(),
            routes: Routes::new(&declared.routes),
        }
    }
}

impl Lambda {
    /// Sends a request to the function of its route. The path of the request is relative to the API's
    /// URL.
    pub async fn http_api(&self, api: &HttpApi, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let taken = api.routes.find(parts.method.as_str(), parts.uri.path());
        let Some(MatchedRoute { route, path_parameters }) = taken else {
            return message_response(StatusCode::NOT_FOUND, "Not Found");
        };
        let (shared, id) = (&self.inner.shared, &api.id);
        let endpoint = HttpEndpoint {
            account: &api.account,
            id,
            domain: &format!("{id}.execute-api.{}.amazonaws.com", shared.config.region),
            route_key: &route.key(),
            path_parameters,
            identity: None,
        };
        let deadline_ms = shared.clock.now_ms().saturating_add(millis(route.timeout));
        tokio::select! {
            biased;
            answer = self.call(&route.function, &endpoint, &parts, body) => {
                answer.unwrap_or_else(refusal)
            }
            // The function keeps running, but its response is not used.
            () = shared.clock.sleep_until(deadline_ms) => {
                message_response(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
        }
    }
}

/// API Gateway treats most refusals of Lambda as an internal error:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway-errors.html>
fn refusal(failure: Failure) -> Response<Body> {
    match failure {
        Failure::Broken => message_response(StatusCode::BAD_REQUEST, "Bad Request"),
        Failure::TooLarge => {
            message_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
        }
        Failure::NoFunction | Failure::Throttled | Failure::Function => {
            message_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Failure::ShuttingDown => {
            message_response(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
    }
}

fn message_response(status: StatusCode, message: &str) -> Response<Body> {
    json_answer(status, &json!({ "message": message }))
}
