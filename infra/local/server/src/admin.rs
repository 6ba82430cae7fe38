//! The API of the emulation itself, below `/_sluicegate/`: health, status, services and fault plans.
//!
//! No service has such a path, because the name of a bucket cannot start with an underscore. A request with
//! an `Origin` header comes from a web page and is refused.

use std::sync::OnceLock;

use axum::body::Body;
use axum::http::header::{ALLOW, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use serde_json::Value;

use super::{error, fault_plans, json_response};
use faults::Adversary;
use services::Services;

/// The path of the health check.
pub const HEALTH: &str = "/_sluicegate/health";
/// The path of the current status of queues, functions and mappings.
pub const STATUS: &str = "/_sluicegate/status";
/// The path of the services other than AWS's, with their calls by the second. `?since=` leaves out the calls
/// before that second since the Unix epoch.
pub const SERVICES: &str = "/_sluicegate/services";
const PATH_PREFIX: &str = "/_sluicegate/";

/// Returns the current status.
pub type StatusSource = Box<dyn Fn() -> Value + Send + Sync>;

pub(super) struct Admin {
    health: Value,
    status: OnceLock<StatusSource>,
    adversary: Adversary,
    services: Services,
}

/// Whether a path belongs to this API, even if it does not exist.
pub(super) fn handles_path(path: &str) -> bool {
    path.starts_with(PATH_PREFIX)
}

impl Admin {
    pub(super) fn new(health: Value, adversary: Adversary, services: Services) -> Self {
        Self { health, status: OnceLock::new(), adversary, services }
    }

    /// Sets the source of the status. Only the first call has an effect.
    pub(super) fn set_status_source(&self, source: StatusSource) {
        let _ = self.status.set(source);
    }

    pub(super) async fn answer(&self, parts: &Parts, body: Body) -> Response<Body> {
        if parts.headers.contains_key(ORIGIN) {
            return error(StatusCode::FORBIDDEN, "not for pages in a browser");
        }
        match parts.uri.path() {
            // Health checks may use any method.
            HEALTH => json_response(StatusCode::OK, &self.health),
            STATUS => match self.status.get() {
                Some(status) => get_json(&parts.method, status),
                None => error(StatusCode::SERVICE_UNAVAILABLE, "it is still starting"),
            },
            SERVICES => {
                let since_s = since_s(parts.uri.query().unwrap_or_default());
                get_json(&parts.method, || self.services.to_json(since_s))
            }
            path => match fault_plans::below(path) {
                Some(below) => {
                    fault_plans::answer(&self.adversary, &parts.method, below, body).await
                }
                None => error(StatusCode::NOT_FOUND, "there is no such path"),
            },
        }
    }
}

fn get_json(method: &Method, what: impl FnOnce() -> Value) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refusal = error(StatusCode::METHOD_NOT_ALLOWED, "only GET");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    json_response(StatusCode::OK, &what())
}

/// The value of `since`; 0 if it is missing or not a number.
fn since_s(query: &str) -> u64 {
    let mut pairs = query.split('&').filter_map(|pair| pair.strip_prefix("since="));
    pairs.next().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::json;

    use super::*;
    use clock::Clock;
    use faults::Plan;

    fn admin() -> Admin {
        let adversary = Adversary::new(Clock::manual(0), &Plan::default());
        Admin::new(json!({}), adversary, Services::default())
    }

    async fn ask(admin: &Admin, method: Method, path: &str, origin: Option<&str>) -> u16 {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let (parts, body) = request.body(Body::empty()).unwrap().into_parts();
        admin.answer(&parts, body).await.status().as_u16()
    }

    #[tokio::test]
    async fn only_what_is_known_is_answered_and_never_to_a_page() {
        let admin = admin();
        admin.set_status_source(Box::new(|| json!({ "queues": [] })));
        let page = Some("http://example.com");
        for (method, path, origin, expected) in [
            (Method::GET, HEALTH, None, 200),
            (Method::GET, STATUS, None, 200),
            (Method::POST, STATUS, None, 405),
            (Method::GET, SERVICES, None, 200),
            (Method::POST, SERVICES, None, 405),
            (Method::GET, "/_sluicegate/nothing", None, 404),
            (Method::GET, fault_plans::FAULTS, None, 200),
            (Method::GET, "/_sluicegate/faultsome", None, 404),
            (Method::GET, STATUS, page, 403),
            (Method::GET, SERVICES, page, 403),
            (Method::DELETE, fault_plans::FAULTS, page, 403),
            (Method::GET, HEALTH, Some("null"), 403),
        ] {
            assert_eq!(ask(&admin, method, path, origin).await, expected, "{path}");
        }
    }

    #[tokio::test]
    async fn before_everything_runs_there_is_health_and_no_status() {
        let admin = admin();
        assert_eq!(ask(&admin, Method::GET, HEALTH, None).await, 200);
        assert_eq!(ask(&admin, Method::GET, STATUS, None).await, 503);
    }
}
