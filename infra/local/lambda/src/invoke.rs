//! Lambda's API for callers: Invoke, ListFunctions and GetFunction.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>. Signatures are not checked, and each
//! function has only the version `$LATEST`.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::body::{self, BodyError};
use super::outcome::Invocation;
use super::rest::{ApiError, insert, json_response, with_request_id};
use super::{Caller, Lambda, PAYLOAD_LIMIT, asynchronous};
use template::Function;

const FUNCTIONS: &str = "/2015-03-31/functions";
/// The maximum length of a function name or ARN, in bytes:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestParameters>
const NAME_LIMIT: usize = 170;
/// The maximum length of a client context in base64, in bytes. Only synchronous invocations pass it on:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestSyntax>
const CLIENT_CONTEXT_LIMIT: usize = 3_583;

impl Lambda {
    /// Answers one request of Lambda's REST API. The path starts with `/2015-03-31/functions`.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        self.route(request).await.unwrap_or_else(|error| error.response())
    }

    async fn route(&self, request: Request<Body>) -> Result<Response<Body>, ApiError> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        let below = path.strip_prefix(FUNCTIONS).map(|below| below.trim_matches('/'));
        let segments: Vec<&str> = below.unwrap_or_default().splitn(3, '/').collect();
        match (&parts.method, below, segments.as_slice()) {
            (&Method::GET, Some(""), _) => Ok(self.list_functions()),
            (&Method::GET, Some(_), [name]) => self.get_function(name),
            (&Method::POST, Some(_), [name, "invocations"]) => {
                check_qualifier(parts.uri.query())?;
                self.invoke_over_http(name, &parts.headers, body).await
            }
            (method, _, _) => Err(ApiError {
                status: StatusCode::NOT_FOUND,
                kind: "UnknownOperationException",
                message: format!("{method} {path} is not emulated"),
            }),
        }
    }

    async fn invoke_over_http(
        &self,
        name: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response<Body>, ApiError> {
        let function = function_name(name)?;
        let kind = header(headers, "x-amz-invocation-type").unwrap_or("RequestResponse");
        let limit = if kind == "Event" { asynchronous::PAYLOAD_LIMIT } else { PAYLOAD_LIMIT };
        let payload = body::read(body, limit).await.map_err(|error| match error {
            BodyError::TooLarge => ApiError {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                kind: "RequestTooLargeException",
                message: format!(
                    "Request must be smaller than {limit} bytes for the InvokeFunction operation"
                ),
            },
            BodyError::Broken => invalid_content("the request's body is incomplete"),
        })?;
        let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
        if let Err(error) = serde_json::from_slice::<IgnoredAny>(&payload) {
            let message = format!("Could not parse request body into json: {error}");
            return Err(invalid_content(&message));
        }
        let trace_id = header(headers, "x-amzn-trace-id").map(ToOwned::to_owned);
        match kind {
            "RequestResponse" => {
                let client_context =
                    header(headers, "x-amz-client-context").map(client_context).transpose()?;
                let caller = Caller { trace_id, client_context };
                let invocation = self.invoke_as(&function, payload, caller).await?;
                let mut response = answer(&invocation);
                if header(headers, "x-amz-log-type") == Some("Tail") {
                    let log_tail = STANDARD.encode(&invocation.log_tail);
                    insert(response.headers_mut(), "x-amz-log-result", &log_tail);
                }
                Ok(response)
            }
            "Event" => {
                let id = self.enqueue(&function, payload, trace_id)?;
                Ok(with_request_id(StatusCode::ACCEPTED, &id, Body::empty()))
            }
            "DryRun" => {
                self.pool(&function)?;
                let id = uuid::Uuid::new_v4().to_string();
                Ok(with_request_id(StatusCode::NO_CONTENT, &id, Body::empty()))
            }
            other => Err(ApiError {
                status: StatusCode::BAD_REQUEST,
                kind: "InvalidParameterValueException",
                message: format!(
                    "X-Amz-Invocation-Type is {other:?}: expected RequestResponse, Event or DryRun"
                ),
            }),
        }
    }

    fn list_functions(&self) -> Response<Body> {
        let pools = self.pools();
        let functions: Vec<Value> =
            pools.iter().map(|pool| configuration(pool.function())).collect();
        json_response(&json!({ "Functions": functions }))
    }

    fn get_function(&self, name: &str) -> Result<Response<Body>, ApiError> {
        let pool = self.pool(&function_name(name)?)?;
        let function = pool.function();
        let mut body = json!({ "Configuration": configuration(function) });
        if let Some(reserved) = function.reserved_concurrency {
            body["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
        }
        Ok(json_response(&body))
    }
}

fn configuration(function: &Function) -> Value {
    json!({
        "FunctionName": function.name,
        "FunctionArn": function.arn,
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Timeout": function.timeout.as_secs(),
        "MemorySize": function.memory_mb,
        "PackageType": "Zip",
        "State": "Active",
        "Version": "$LATEST",
        "Environment": { "Variables": function.environment },
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Extracts the name of a function from a name, a partial ARN or an ARN, which may have the qualifier
/// `$LATEST`.
pub(super) fn function_name(encoded: &str) -> Result<String, ApiError> {
    let decoded = percent_decode_str(encoded).decode_utf8_lossy();
    if decoded.len() > NAME_LIMIT {
        return Err(invalid_function_name());
    }
    let name = match decoded.split_once(":function:") {
        Some((_, name)) => name,
        None => decoded.strip_prefix("function:").unwrap_or(&decoded),
    };
    let (name, qualifier) = name.split_once(':').unwrap_or((name, "$LATEST"));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Err(invalid_function_name());
    }
    check_version(qualifier)?;
    Ok(name.to_owned())
}

fn invalid_function_name() -> ApiError {
    ApiError {
        status: StatusCode::BAD_REQUEST,
        kind: "InvalidParameterValueException",
        message: "the function's name is neither a name nor an ARN".to_owned(),
    }
}

/// Decodes a client context to JSON on one line, which fits into a header.
fn client_context(encoded: &str) -> Result<String, ApiError> {
    if encoded.len() > CLIENT_CONTEXT_LIMIT {
        let message = format!("Client context must be at most {CLIENT_CONTEXT_LIMIT} bytes");
        return Err(invalid_content(&message));
    }
    let decoded = STANDARD.decode(encoded).ok();
    let object = decoded.and_then(|json| serde_json::from_slice::<Map<String, Value>>(&json).ok());
    object.map(|object| Value::Object(object).to_string()).ok_or_else(|| {
        invalid_content("Client context must be a valid Base64-encoded JSON object.")
    })
}

fn check_qualifier(query: Option<&str>) -> Result<(), ApiError> {
    let pairs = query.unwrap_or_default().split('&');
    let qualifier = pairs.filter_map(|pair| pair.strip_prefix("Qualifier=")).next();
    let decoded = qualifier.map(|value| percent_decode_str(value).decode_utf8_lossy());
    check_version(decoded.as_deref().unwrap_or("$LATEST"))
}

fn check_version(qualifier: &str) -> Result<(), ApiError> {
    if qualifier == "$LATEST" {
        return Ok(());
    }
    let message = "versions and aliases are not emulated: there is only $LATEST".to_owned();
    Err(ApiError { status: StatusCode::NOT_FOUND, kind: "ResourceNotFoundException", message })
}

fn invalid_content(message: &str) -> ApiError {
    ApiError {
        status: StatusCode::BAD_REQUEST,
        kind: "InvalidRequestContentException",
        message: message.to_owned(),
    }
}

fn answer(invocation: &Invocation) -> Response<Body> {
    let body = Body::from(invocation.payload.clone());
    let mut response = with_request_id(StatusCode::OK, &invocation.request_id, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
    if let Some(kind) = invocation.function_error {
        headers.insert("x-amz-function-error", HeaderValue::from_static(kind));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_name(encoded: &str, expected: Result<&str, &str>) {
        let name = function_name(encoded);
        let name = name.as_deref().map_err(|error| error.kind);
        assert_eq!(name, expected, "{encoded}");
    }

    #[test]
    fn a_function_is_named_by_name_partial_arn_or_arn() {
        check_name("sink", Ok("sink"));
        check_name("sink:$LATEST", Ok("sink"));
        check_name("sink:%24LATEST", Ok("sink"));
        check_name("function:sink", Ok("sink"));
        check_name("123456789012:function:sink", Ok("sink"));
        check_name("arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Asink", Ok("sink"));
        check_name("arn:aws:lambda:eu-west-1:123456789012:function:sink:$LATEST", Ok("sink"));
        check_name("sink:7", Err("ResourceNotFoundException"));
        check_name(
            "arn:aws:lambda:eu-west-1:1:function:sink:live",
            Err("ResourceNotFoundException"),
        );
        check_name("", Err("InvalidParameterValueException"));
        check_name("..%2Fsink", Err("InvalidParameterValueException"));
        check_name(&"x".repeat(171), Err("InvalidParameterValueException"));
    }

    #[test]
    fn only_the_latest_version_exists() {
        assert_eq!(check_qualifier(None), Ok(()));
        assert_eq!(check_qualifier(Some("Qualifier=%24LATEST")), Ok(()));
        assert!(check_qualifier(Some("a=b&Qualifier=3")).is_err());
    }
    #[track_caller]
    fn check_context(json: &str, expected: Result<&str, &str>) {
        let context = client_context(&STANDARD.encode(json));
        assert_eq!(context.as_deref().map_err(|error| error.kind), expected, "{json}");
    }

    #[test]
    fn a_client_context_is_an_object_that_fits_a_header() {
        check_context("{\n \"custom\": {\"n\": \"a\\nb\"}\n}", Ok(r#"{"custom":{"n":"a\nb"}}"#));
        let invalid = Err("InvalidRequestContentException");
        check_context("[]", invalid);
        check_context("{", invalid);
        check_context(&format!("{{{}}}", " ".repeat(2_684)), invalid);
        check_context(&format!("{{{}}}", " ".repeat(2_683)), Ok("{}"));
        assert_eq!(client_context("%").map_err(|error| error.kind), invalid.map(str::to_owned));
    }
}
