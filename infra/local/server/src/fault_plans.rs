//! The HTTP API that lists, adds and removes fault rules while the emulation runs.
//!
//! `GET` lists the rules, `POST` adds those of a plan (YAML or JSON, see [`Plan::parse`]), and `DELETE`
//! removes all rules, or one rule if its number follows the path.

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::json;

use super::{error, json_response};
use faults::{Adversary, Plan};

/// The path of the rules.
pub const FAULTS: &str = "/_sluicegate/faults";
/// The maximum size of a plan, in bytes.
const MAX_PLAN_BYTES: usize = 1024 * 1024;

/// The part of a path after that of the rules, which is empty or the number of a rule.
pub(super) fn below(path: &str) -> Option<&str> {
    let below = path.strip_prefix(FAULTS)?;
    (below.is_empty() || below.starts_with('/')).then(|| below.trim_matches('/'))
}

pub(super) async fn answer(
    adversary: &Adversary,
    method: &Method,
    below: &str,
    body: Body,
) -> Response<Body> {
    match (method, below) {
        (&Method::GET, "") => {
            json_response(StatusCode::OK, &json!({ "faults": adversary.status() }))
        }
        (&Method::POST, "") => add(adversary, body).await,
        (&Method::DELETE, "") => {
            let count = adversary.status().len();
            adversary.clear();
            json_response(StatusCode::OK, &json!({ "removed": count }))
        }
        (&Method::DELETE, number) => match number.parse().is_ok_and(|n| adversary.remove(n)) {
            true => json_response(StatusCode::OK, &json!({ "removed": 1 })),
            false => error(StatusCode::NOT_FOUND, "there is no fault of that number"),
        },
        _ => error(StatusCode::METHOD_NOT_ALLOWED, "only GET, POST and DELETE are allowed"),
    }
}

async fn add(adversary: &Adversary, body: Body) -> Response<Body> {
    let Ok(collected) = Limited::new(body, MAX_PLAN_BYTES).collect().await else {
        return error(StatusCode::BAD_REQUEST, "the plan is incomplete or too large");
    };
    let bytes = collected.to_bytes();
    let plan = std::str::from_utf8(&bytes).map_err(|_| "the plan is not UTF-8".to_owned());
    match plan.and_then(|text| Plan::parse(text).map_err(|error| error.to_string())) {
        Ok(plan) => json_response(StatusCode::OK, &json!({ "added": adversary.add(&plan) })),
        Err(reason) => error(StatusCode::BAD_REQUEST, &reason),
    }
}
