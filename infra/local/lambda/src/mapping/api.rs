//! Lambda's API for event source mappings: UpdateEventSourceMapping, as far as it enables and disables,
//! GetEventSourceMapping and ListEventSourceMappings.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>. A change takes effect
//! as slowly as it may on AWS ([`TAKES_EFFECT_AFTER`]); until then a mapping goes
//! on as it was, and takes no other change.

use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::super::body;
use super::super::invoke::function_name;
use super::super::rest::{ApiError, json_response};
use super::Mapping;
use super::controlled::Controlled;
use super::lifecycle::InTransition;
#[cfg(doc)]
use super::lifecycle::TAKES_EFFECT_AFTER;

const PATH: &str = "/2015-03-31/event-source-mappings";
/// Larger than any legal request, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Of one answer: <https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>
const MOST_LISTED: usize = 100;

/// The mappings that can be asked for; clones share them.
#[derive(Clone, Default)]
pub struct EventSourceMappings {
    all: Arc<RwLock<Vec<Arc<Controlled>>>>,
}

impl EventSourceMappings {
    /// Whether a path is one of these.
    pub fn is_meant(path: &str) -> bool {
        let below = path.strip_prefix(PATH);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }

    pub fn add(&self, mapping: &Mapping) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::clone(&mapping.controlled));
    }

    /// Answers one request whose path [is meant](Self::is_meant).
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        self.route(request).await.unwrap_or_else(|error| error.response())
    }

    async fn route(&self, request: Request<Body>) -> Result<Response<Body>, ApiError> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        let uuid = path.strip_prefix(PATH).unwrap_or_default().trim_matches('/');
        match (&parts.method, uuid) {
            (&Method::GET, "") => self.list(parts.uri.query().unwrap_or_default()),
            (&Method::GET, uuid) => Ok(json_response(&self.find(uuid)?.told())),
            (&Method::PUT, uuid) if !uuid.is_empty() => {
                let body = body::read(body, MAX_BODY_BYTES).await.map_err(|_| {
                    invalid("the request's body is too large, or did not arrive whole")
                })?;
                self.update(uuid, &body)
            }
            (method, _) => Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "UnknownOperationException",
                format!("{method} {path} is not emulated"),
            )),
        }
    }

    fn find(&self, uuid: &str) -> Result<Arc<Controlled>, ApiError> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().find(|each| each.description.uuid == uuid).cloned();
        found.ok_or_else(|| {
            let message = "The resource you requested does not exist.";
            ApiError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
        })
    }

    fn update(&self, uuid: &str, body: &[u8]) -> Result<Response<Body>, ApiError> {
        let mapping = self.find(uuid)?;
        let wanted = enabled(body)?;
        mapping.update(wanted).map_err(|InTransition| {
            let message = "Cannot update the event source mapping because it is in use.";
            ApiError::new(StatusCode::BAD_REQUEST, "ResourceInUseException", message)
        })?;
        let mut response = json_response(&mapping.told());
        *response.status_mut() = StatusCode::ACCEPTED;
        Ok(response)
    }

    fn list(&self, query: &str) -> Result<Response<Body>, ApiError> {
        let function = parameter(query, "FunctionName");
        let function = function.map(|text| function_name(&text)).transpose()?;
        let source_arn = parameter(query, "EventSourceArn");
        let first: usize = number(query, "Marker")?.unwrap_or(0);
        let most = number(query, "MaxItems")?.unwrap_or(MOST_LISTED).clamp(1, MOST_LISTED);
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |each: &&Arc<Controlled>| {
            let description = &each.description;
            function.as_ref().is_none_or(|name| *name == description.function)
                && source_arn.as_ref().is_none_or(|arn| *arn == description.source_arn)
        };
        let mut left = all.iter().filter(is_meant).skip(first);
        let listed: Vec<Value> = left.by_ref().take(most).map(|each| each.told()).collect();
        let mut answer = json!({ "EventSourceMappings": listed });
        if left.next().is_some() {
            answer["NextMarker"] = json!((first + most).to_string());
        }
        Ok(json_response(&answer))
    }
}

/// What a request wants a mapping to be; as it is, if it says nothing. Anything else is not emulated.
fn enabled(body: &[u8]) -> Result<Option<bool>, ApiError> {
    let members: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| invalid(format!("Could not parse request body into json: {error}")))?;
    if let Some(other) = members.keys().find(|name| *name != "Enabled") {
        return Err(invalid(format!("a change of {other} is not emulated, only of Enabled")));
    }
    match members.get("Enabled") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(enabled)) => Ok(Some(*enabled)),
        Some(_) => Err(invalid("Enabled must be true or false")),
    }
}

/// Of a query, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

fn number(query: &str, name: &str) -> Result<Option<usize>, ApiError> {
    let parse = |text: String| text.parse().map_err(|_| invalid(format!("{name} is {text}")));
    parameter(query, name).map(parse).transpose()
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message)
}
