//! The event for an HTTP request, in payload format 2.0.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

use std::collections::BTreeMap;

use axum::http::header::{CONTENT_TYPE, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::super::outcome::date;
use super::identity::Identity;

/// The function URL or HTTP API that received a request, as its event describes it.
pub(super) struct HttpEndpoint<'a> {
    pub(super) account: &'a str,
    pub(super) id: &'a str,
    pub(super) domain: &'a str,
    pub(super) route_key: &'a str,
    pub(super) path_parameters: BTreeMap<String, String>,
    /// The signer of the request, where the entrance asks for a signature.
    pub(super) identity: Option<&'a Identity>,
}

pub(super) fn event(
    endpoint: &HttpEndpoint<'_>,
    now_ms: u64,
    parts: &Parts,
    body: &Bytes,
) -> Value {
    let HttpEndpoint { account, id, domain, route_key, path_parameters, identity } = endpoint;
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let headers = joined_headers(&parts.headers);
    let protocol = if parts.version == Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" };
    let text = text_body(&parts.headers, body);
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": account,
            "apiId": id,
            "domainName": domain,
            "domainPrefix": id,
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": protocol,
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent").cloned().unwrap_or_default(),
            },
            "requestId": uuid::Uuid::new_v4().to_string(),
            "routeKey": route_key,
            "stage": "$default",
            "time": common_log_time(now_ms),
            "timeEpoch": now_ms,
        },
        "isBase64Encoded": !body.is_empty() && text.is_none(),
    });
    if let Some(identity) = identity {
        event["requestContext"]["authentication"] = Value::Null;
        event["requestContext"]["authorizer"] = identity.authorizer();
    }
    if !body.is_empty() {
        event["body"] = Value::from(text.map_or_else(|| STANDARD.encode(body), ToOwned::to_owned));
    }
    let parameters = query_parameters(query);
    if !parameters.is_empty() {
        event["queryStringParameters"] = json!(parameters);
    }
    if !path_parameters.is_empty() {
        event["pathParameters"] = json!(path_parameters);
    }
    let cookies = cookies(&parts.headers);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    event
}

/// Returns all headers but cookies. Names are lowercase, and values of the same name are joined by commas.
fn joined_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in headers.iter().filter(|(name, _)| **name != COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let all = joined.entry(name.as_str().to_owned());
        all.and_modify(|all| *all = format!("{all},{value}")).or_insert(value.into_owned());
    }
    joined
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies = values.flat_map(|value| value.split(';'));
    cookies.map(|cookie| cookie.trim().to_owned()).filter(|cookie| !cookie.is_empty()).collect()
}

/// Returns the decoded parameters. Values of the same name are joined by commas.
fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::<String, String>::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode_query_text(value);
        let all = parameters.entry(decode_query_text(name));
        all.and_modify(|all| *all = format!("{all},{value}")).or_insert(value);
    }
    parameters
}

fn decode_query_text(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// Returns the body as text if its content type is textual. Other bodies are base64-encoded.
fn text_body<'a>(headers: &HeaderMap, body: &'a Bytes) -> Option<&'a str> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let textual = kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || ["application/json", "application/xml", "application/javascript"]
            .contains(&kind.as_str());
    if textual { std::str::from_utf8(body).ok() } else { None }
}

/// Formats a time such as `12/Mar/2020:19:03:58 +0000`.
fn common_log_time(now_ms: u64) -> String {
    let now = date(now_ms);
    let month = now.month().to_string();
    let month = month.get(..3).unwrap_or_default();
    let (hour, minute, second) = now.time().as_hms();
    format!("{:02}/{month}/{}:{hour:02}:{minute:02}:{second:02} +0000", now.day(), now.year())
}
