//! The `HttpApi` events of a function, which SAM makes routes of one API.
//!
//! docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-httpapi.html.
//! An API with a resource of its own (`AWS::Serverless::HttpApi`) is not emulated.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::fields::Fields;
use super::super::model::{ANY_METHOD, DEFAULT_ROUTE, HttpRoute};
use super::super::names::IMPLICIT_HTTP_API;
use super::Context;

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
/// The longest timeout, which is also the default:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>.
const MAX_TIMEOUT_MS: u32 = 30_000;

/// An event without properties is the default route.
pub(super) fn read(
    context: &Context<'_>,
    logical_id: String,
    fields: Option<Fields<'_>>,
) -> Option<HttpRoute> {
    let mut route = HttpRoute {
        logical_id,
        function: context.physical.name.clone(),
        method: ANY_METHOD.to_owned(),
        path: DEFAULT_ROUTE.to_owned(),
        timeout: Duration::from_millis(MAX_TIMEOUT_MS.into()),
    };
    let Some(mut fields) = fields else { return Some(route) };
    fields.one_of("ApiId", &[IMPLICIT_HTTP_API]);
    fields.one_of("PayloadFormatVersion", &["2.0"]);
    if let Some(timeout) = fields.integer("TimeoutInMillis", 50..=MAX_TIMEOUT_MS) {
        route.timeout = Duration::from_millis(timeout.into());
    }
    let keys = fields.keys();
    let is_default = !keys.contains(&"Path") && !keys.contains(&"Method");
    let declared = if is_default { None } else { Some(method_and_path(&mut fields)) };
    fields.finish();
    if let Some(declared) = declared {
        (route.method, route.path) = declared?;
    }
    Some(route)
}

/// The declared method and path, if API Gateway accepts both.
fn method_and_path(fields: &mut Fields<'_>) -> Option<(String, String)> {
    let path = fields.required_text("Path");
    let method = fields.required_text("Method");
    let upper = method?.to_ascii_uppercase();
    let method = match upper.as_str() {
        "ANY" | "X-AMAZON-APIGATEWAY-ANY-METHOD" => ANY_METHOD.to_owned(),
        known if METHODS.contains(&known) => upper,
        unknown => {
            let rule = format!("is {unknown}, and must be ANY or one of {}", METHODS.join(", "));
            fields.problem(fields.line_of("Method"), "Method", rule);
            return None;
        }
    };
    let path = path?;
    if path == DEFAULT_ROUTE && method != ANY_METHOD {
        let rule = format!("is {method}: {DEFAULT_ROUTE} takes every method");
        fields.problem(fields.line_of("Method"), "Method", rule);
    } else if let Some(rule) = wrong_with(path).filter(|_| path != DEFAULT_ROUTE) {
        fields.problem(fields.line_of("Path"), "Path", format!("is {path}: {rule}"));
        return None;
    }
    Some((method, path.to_owned()))
}

/// The rule of API Gateway that a path breaks.
fn wrong_with(path: &str) -> Option<&'static str> {
    let Some(below) = path.strip_prefix('/') else { return Some("it must begin with a slash") };
    let mut segments = below.split('/').peekable();
    let mut names = BTreeSet::new();
    while let Some(segment) = segments.next() {
        let Some(variable) = segment.strip_prefix('{').and_then(|text| text.strip_suffix('}'))
        else {
            if segment.contains(['{', '}']) {
                return Some("a variable must be a whole segment");
            }
            continue;
        };
        let greedy = variable.strip_suffix('+');
        if greedy.is_some() && segments.peek().is_some() {
            return Some("a greedy variable must be at the end");
        }
        let name = greedy.unwrap_or(variable);
        if name.is_empty() || !name.bytes().all(is_name_byte) {
            return Some("a variable's name is letters, digits, periods, hyphens and underscores");
        }
        if !names.insert(name) {
            return Some("a variable is there twice");
        }
    }
    None
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}
