//! The answers of each service to a request that is not allowed.
//!
//! Status, code and form are those of the services' API references, and the message is IAM's:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use super::permissions::Permission;
use super::route::Destination;
use iam::Decision;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const JSON: &str = "application/x-amz-json-1.0";
const CODE: &str = "AccessDeniedException";

/// Builds the answer. `user` is the ARN of the role session.
pub(super) fn response(
    by: &Destination,
    parts: &Parts,
    user: &str,
    permission: &Permission,
    decision: Decision,
) -> Response<Body> {
    let message = message(by, user, permission, decision);
    let typed = json!({
        "__type": format!("com.amazon.coral.service#{CODE}"),
        "message": message,
        "Message": message,
    });
    match by {
        Destination::Sqs => {
            let mut response = answer(StatusCode::FORBIDDEN, JSON, typed.to_string());
            let query = HeaderValue::from_static("AccessDenied;Sender");
            response.headers_mut().insert(QUERY_ERROR, query);
            response
        }
        Destination::DynamoDb => answer(StatusCode::BAD_REQUEST, JSON, typed.to_string()),
        Destination::SecretsManager => {
            let body = json!({ "__type": CODE, "Message": message });
            answer(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", body.to_string())
        }
        // The answer to HEAD has no body.
        Destination::S3 if parts.method == Method::HEAD => {
            answer(StatusCode::FORBIDDEN, "application/xml", String::new())
        }
        Destination::S3 => {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>\
                 <Message>{}</Message></Error>",
                escaped(&message)
            );
            answer(StatusCode::FORBIDDEN, "application/xml", body)
        }
        Destination::Lambda | Destination::FunctionUrl { .. } | Destination::HttpApi { .. } => {
            let body = json!({ "Message": message }).to_string();
            let mut response = answer(StatusCode::FORBIDDEN, "application/json", body);
            response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(CODE));
            response
        }
    }
}

/// The answer to a request without a signature to a function URL that requires one.
pub(super) fn unsigned_request() -> Response<Body> {
    let body = json!({ "Message": "Forbidden" }).to_string();
    let mut response = answer(StatusCode::FORBIDDEN, "application/json", body);
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(CODE));
    response
}

/// The message. SQS writes the action in lower case, and S3 puts the resource in quotation marks.
fn message(by: &Destination, user: &str, permission: &Permission, decision: Decision) -> String {
    let action = match by {
        Destination::Sqs => permission.action.to_lowercase(),
        _ => permission.action.clone(),
    };
    let resource = match by {
        Destination::S3 => format!("\"{}\"", permission.resource),
        _ => permission.resource.clone(),
    };
    let why = match decision {
        Decision::ExplicitlyDenied => {
            "with an explicit deny in an identity-based policy".to_owned()
        }
        Decision::Allowed | Decision::NotAllowed => {
            format!("because no identity-based policy allows the {action} action")
        }
    };
    format!("User: {user} is not authorized to perform: {action} on resource: {resource} {why}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
