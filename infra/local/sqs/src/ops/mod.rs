//! The operations of the JSON 1.0 protocol: reading requests and building answers.
//!
//! The service carries out the operations. This module knows only their form on the wire, and those of
//! AWS's checks that are made before the queue is looked up.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>

mod batch;
mod input;
mod move_tasks;
mod permissions;
mod queues;
mod receive;
mod release;
mod send;
mod tags;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Value, json};

use self::input::Input;
use super::Caller;
use super::errors::{Code, Fault};
use super::service::Service;

const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// The names of all operations, which are also the actions that an access policy may name.
pub(super) const OPERATIONS: [&str; 23] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "RemovePermission",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// Answers one request, with an error response if it is refused.
pub(super) async fn answer(
    service: &Service,
    caller: Caller<'_>,
    operation: &str,
    body: &[u8],
) -> http::Response<Bytes> {
    let answer = match Input::parse(body) {
        _ if !OPERATIONS.contains(&operation) => Err(Fault::new(
            Code::UnknownOperation,
            format!("The action {operation} is not valid for this endpoint."),
        )),
        Err(fault) => Err(fault),
        Ok(input) => dispatch(service, caller, operation, input).await,
    };
    let (status, body, query_error) = match answer {
        Ok(body) => (http::StatusCode::OK, body, None),
        Err(fault) => {
            let body = json!({ "__type": fault.code.wire_type(), "message": fault.message });
            (fault.code.status(), body, fault.code.query_code())
        }
    };
    let mut response = http::Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    if let Ok(id) = HeaderValue::from_str(&service.new_id()) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(code) = query_error
        && let Ok(value) = HeaderValue::from_str(&format!("{code};Sender"))
    {
        headers.insert(QUERY_ERROR, value);
    }
    response
}

async fn dispatch(
    service: &Service,
    caller: Caller<'_>,
    operation: &str,
    input: Input,
) -> Result<Value, Fault> {
    match operation {
        "AddPermission" => permissions::add(service, input),
        "CancelMessageMoveTask" => move_tasks::cancel(service, input),
        "ChangeMessageVisibility" => release::change_visibility(service, input),
        "ChangeMessageVisibilityBatch" => release::change_visibility_batch(service, input),
        "CreateQueue" => queues::create(service, input),
        "DeleteMessage" => release::delete(service, input),
        "DeleteMessageBatch" => release::delete_batch(service, input),
        "DeleteQueue" => queues::delete(service, input),
        "GetQueueAttributes" => queues::attributes(service, input),
        "GetQueueUrl" => queues::url(service, input),
        "ListDeadLetterSourceQueues" => queues::dead_letter_sources(service, input),
        "ListMessageMoveTasks" => move_tasks::list(service, input),
        "ListQueueTags" => tags::list(service, input),
        "ListQueues" => queues::list(service, input),
        "PurgeQueue" => queues::purge(service, input),
        "ReceiveMessage" => receive::receive(service, input).await,
        "RemovePermission" => permissions::remove(service, input),
        "SendMessage" => send::send(service, caller, input),
        "SendMessageBatch" => send::send_batch(service, caller, input),
        "SetQueueAttributes" => queues::set_attributes(service, input),
        "StartMessageMoveTask" => move_tasks::start(service, input),
        "TagQueue" => tags::add(service, input),
        "UntagQueue" => tags::remove(service, input),
        other => Err(Fault::new(
            Code::UnknownOperation,
            format!("The action {other} is not valid for this endpoint."),
        )),
    }
}

/// The answer of an operation that returns no values.
fn empty_answer() -> Value {
    json!({})
}
