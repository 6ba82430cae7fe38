//! Lambda's API for event source mappings: GetEventSourceMapping, ListEventSourceMappings, and
//! UpdateEventSourceMapping to enable and disable a mapping.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>. A change takes as
//! long to have an effect as it can take on AWS ([`TAKES_EFFECT_AFTER`]). Until then the mapping does not
//! change, and other updates are refused.

use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::super::body;
use super::super::invoke::function_name;
use super::super::rest::{ApiError, json_response};
use super::Mapping;
use super::control::MappingControl;
#[cfg(doc)]
use super::lifecycle::TAKES_EFFECT_AFTER;
use super::lifecycle::UpdateInProgress;

const PATH: &str = "/2015-03-31/event-source-mappings";
/// Larger than any valid request, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// The maximum number of mappings in one answer: <https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>
const MAX_LISTED: usize = 100;

/// The mappings that the API knows. Clones share them.
#[derive(Clone, Default)]
pub struct EventSourceMappings {
    all: Arc<RwLock<Vec<Arc<MappingControl>>>>,
}

impl EventSourceMappings {
    /// Whether a path belongs to this API.
    pub fn handles_path(path: &str) -> bool {
        let below = path.strip_prefix(PATH);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }

    /// Makes a mapping known to the API.
    pub fn add(&self, mapping: &Mapping) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::clone(&mapping.control));
    }

    /// Answers one request whose path [belongs to this API](Self::handles_path).
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        self.route(request).await.unwrap_or_else(|error| error.response())
    }

    async fn route(&self, request: Request<Body>) -> Result<Response<Body>, ApiError> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        let uuid = path.strip_prefix(PATH).unwrap_or_default().trim_matches('/');
        match (&parts.method, uuid) {
            (&Method::GET, "") => self.list(parts.uri.query().unwrap_or_default()),
            (&Method::GET, uuid) => Ok(json_response(&self.find(uuid)?.to_json())),
            (&Method::PUT, uuid) if !uuid.is_empty() => {
                let body = body::read(body, MAX_BODY_BYTES)
                    .await
                    .map_err(|_| invalid("the request's body is too large or incomplete"))?;
                self.update(uuid, &body)
            }
            (method, _) => Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "UnknownOperationException",
                format!("{method} {path} is not emulated"),
            )),
        }
    }

    fn find(&self, uuid: &str) -> Result<Arc<MappingControl>, ApiError> {
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
        mapping.update(wanted).map_err(|UpdateInProgress| {
            let message = "Cannot update the event source mapping because it is in use.";
            ApiError::new(StatusCode::BAD_REQUEST, "ResourceInUseException", message)
        })?;
        let mut response = json_response(&mapping.to_json());
        *response.status_mut() = StatusCode::ACCEPTED;
        Ok(response)
    }

    fn list(&self, query: &str) -> Result<Response<Body>, ApiError> {
        let function = parameter(query, "FunctionName");
        let function = function.map(|text| function_name(&text)).transpose()?;
        let source_arn = parameter(query, "EventSourceArn");
        let first: usize = number(query, "Marker")?.unwrap_or(0);
        let most = number(query, "MaxItems")?.unwrap_or(MAX_LISTED).clamp(1, MAX_LISTED);
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let mut matching = all
            .iter()
            .filter(|each| {
                let description = &each.description;
                function.as_ref().is_none_or(|name| *name == description.function)
                    && source_arn.as_ref().is_none_or(|arn| *arn == description.source_arn)
            })
            .skip(first);
        let listed: Vec<Value> = matching.by_ref().take(most).map(|each| each.to_json()).collect();
        let mut answer = json!({ "EventSourceMappings": listed });
        if matching.next().is_some() {
            answer["NextMarker"] = json!((first + most).to_string());
        }
        Ok(json_response(&answer))
    }
}

/// Whether an update enables or disables the mapping; `None` if it does neither. Other changes are
/// refused because they are not emulated.
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

/// A decoded parameter of a query.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

fn number(query: &str, name: &str) -> Result<Option<usize>, ApiError> {
    match parameter(query, name) {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(invalid(format!("{name} is {text}"))),
        },
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message)
}
