//! What is asked of the emulation itself, below `/_sluicegate/`: whether it runs, and what is where.
//!
//! No service has such a path: no bucket's name begins with an underscore. A request that carries an
//! `Origin` comes from a page in a browser, which has no business here, and is refused.

use std::sync::OnceLock;

use axum::body::Body;
use axum::http::header::{ALLOW, ORIGIN};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::Value;

use super::{error, json_response};

/// The health check's path.
pub const HEALTH: &str = "/_sluicegate/health";
/// Queues, functions and mappings, as they are now.
pub const STATUS: &str = "/_sluicegate/status";
const BELOW: &str = "/_sluicegate/";

/// What the status is, when it is asked for.
pub(crate) type StatusSource = Box<dyn Fn() -> Value + Send + Sync>;

pub(super) struct Admin {
    health: Value,
    status: OnceLock<StatusSource>,
}

/// Whether a path is one of these, known or not.
pub(super) fn is_meant(path: &str) -> bool {
    path.starts_with(BELOW)
}

impl Admin {
    pub(super) fn new(health: Value) -> Self {
        Self { health, status: OnceLock::new() }
    }

    /// The first source stays.
    pub(super) fn tell_status(&self, source: StatusSource) {
        let _ = self.status.set(source);
    }

    pub(super) fn answer(&self, request: &Request<Body>) -> Response<Body> {
        if request.headers().contains_key(ORIGIN) {
            return error(StatusCode::FORBIDDEN, "not for pages in a browser");
        }
        let body = match request.uri().path() {
            HEALTH => Some(self.health.clone()),
            STATUS => self.status.get().map(|status| status()),
            _ => return error(StatusCode::NOT_FOUND, "there is no such path"),
        };
        // Health checks of all kinds may ask for health as they like.
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if request.uri().path() == STATUS && !is_read {
            let mut refusal = error(StatusCode::METHOD_NOT_ALLOWED, "only GET");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        match body {
            Some(body) => json_response(StatusCode::OK, &body),
            None => error(StatusCode::SERVICE_UNAVAILABLE, "it is still starting"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(method: Method, path: &str, origin: Option<&str>, expected: u16) {
        let admin = Admin::new(json!({}));
        admin.tell_status(Box::new(|| json!({ "queues": [] })));
        let mut request = Request::builder().method(method).uri(path);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let answer = admin.answer(&request.body(Body::empty()).unwrap());
        assert_eq!(answer.status().as_u16(), expected, "{path}");
    }

    #[test]
    fn only_what_is_known_is_answered_and_never_to_a_page() {
        check(Method::GET, HEALTH, None, 200);
        check(Method::GET, STATUS, None, 200);
        check(Method::POST, STATUS, None, 405);
        check(Method::GET, "/_sluicegate/nothing", None, 404);
        check(Method::GET, STATUS, Some("http://example.com"), 403);
        check(Method::GET, HEALTH, Some("null"), 403);
    }

    #[test]
    fn before_everything_runs_there_is_health_and_no_status() {
        let admin = Admin::new(json!({}));
        let ask = |path| Request::builder().uri(path).body(Body::empty()).unwrap();
        assert_eq!(admin.answer(&ask(HEALTH)).status(), StatusCode::OK);
        assert_eq!(admin.answer(&ask(STATUS)).status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
