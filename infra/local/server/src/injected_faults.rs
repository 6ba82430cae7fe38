//! The answers to requests with an injected fault, as each service would give them.
//!
//! Codes, statuses and forms are those of the services' API references:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>,
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html>,
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors>.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

use super::route::Destination;
use faults::Dice;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const CRC_32: HeaderName = HeaderName::from_static("x-amz-crc32");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// An error as each service answers it: its code and its HTTP status.
struct ServiceErrors {
    sqs: (&'static str, u16),
    dynamodb: (&'static str, u16),
    s3: (&'static str, u16),
    secrets: (&'static str, u16),
    lambda: (&'static str, u16),
    message: &'static str,
}

const THROTTLED: ServiceErrors = ServiceErrors {
    sqs: ("com.amazonaws.sqs#RequestThrottled", 400),
    dynamodb: ("com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", 400),
    s3: ("SlowDown", 503),
    secrets: ("ThrottlingException", 400),
    lambda: ("TooManyRequestsException", 429),
    message: "Rate exceeded: this throttling was injected by the adversary.",
};

const FAILED: ServiceErrors = ServiceErrors {
    sqs: ("com.amazon.coral.service#InternalFailure", 500),
    dynamodb: ("com.amazonaws.dynamodb.v20120810#InternalServerError", 500),
    s3: ("InternalError", 500),
    secrets: ("InternalServiceError", 500),
    lambda: ("ServiceException", 500),
    message: "This failure was injected by the adversary. The request had no effect.",
};

const EXPIRED: ServiceErrors = ServiceErrors {
    sqs: ("com.amazon.coral.service#ExpiredTokenException", 403),
    dynamodb: ("com.amazon.coral.service#ExpiredTokenException", 400),
    s3: ("ExpiredToken", 400),
    secrets: ("ExpiredTokenException", 400),
    lambda: ("ExpiredTokenException", 403),
    message: "The security token included in the request is expired: injected by the adversary.",
};

pub(super) fn throttled(by: &Destination) -> Response<Body> {
    refuse(by, &THROTTLED)
}

pub(super) fn failed(by: &Destination) -> Response<Body> {
    refuse(by, &FAILED)
}

pub(super) fn expired(by: &Destination) -> Response<Body> {
    refuse(by, &EXPIRED)
}

fn refuse(by: &Destination, refusal: &ServiceErrors) -> Response<Body> {
    let message = refusal.message;
    match by {
        Destination::Sqs => {
            let (kind, status) = refusal.sqs;
            let mut response = typed(kind, status, message);
            let code = kind.rsplit('#').next().unwrap_or(kind);
            if let Ok(code) = HeaderValue::from_str(&format!("{code};Receiver")) {
                response.headers_mut().insert(QUERY_ERROR, code);
            }
            response
        }
        Destination::DynamoDb => {
            let (kind, status) = refusal.dynamodb;
            typed(kind, status, message)
        }
        Destination::SecretsManager => {
            let (kind, status) = refusal.secrets;
            let body = json!({ "__type": kind, "Message": message });
            answer(status, "application/x-amz-json-1.1", body.to_string())
        }
        Destination::S3 => {
            let (code, status) = refusal.s3;
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
                 <Message>{message}</Message></Error>"
            );
            answer(status, "application/xml", body)
        }
        Destination::HttpApi { .. } => {
            let body = json!({ "message": message });
            answer(refusal.lambda.1, "application/json", body.to_string())
        }
        Destination::Lambda | Destination::FunctionUrl { .. } => {
            let (kind, status) = refusal.lambda;
            let mut response = typed(kind, status, message);
            response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(kind));
            response
        }
    }
}

/// The answer to a write that conflicts with another. The dice decide which action of a transaction does.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub(super) fn conflict(operation: &str, request: &[u8], dice: &mut Dice) -> Response<Body> {
    const NAMESPACE: &str = "com.amazonaws.dynamodb.v20120810#";
    let message = "Transaction is ongoing for the item: injected by the adversary.";
    if operation != "TransactWriteItems" {
        return typed(&format!("{NAMESPACE}TransactionConflictException"), 400, message);
    }
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let actions = request["TransactItems"].as_array().map_or(1, Vec::len).max(1);
    let met = below(dice, actions);
    let reasons: Vec<Value> = (0..actions)
        .map(|action| match action == met {
            true => json!({ "Code": "TransactionConflict", "Message": message }),
            false => json!({ "Code": "None" }),
        })
        .collect();
    let codes: Vec<&str> =
        reasons.iter().map(|reason| reason["Code"].as_str().unwrap_or_default()).collect();
    let body = json!({
        "__type": format!("{NAMESPACE}TransactionCanceledException"),
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        ),
        "CancellationReasons": reasons,
    });
    answer(400, "application/x-amz-json-1.0", body.to_string())
}

/// A batch of SQS that is split into entries that are executed and entries that fail.
pub(super) struct PartialBatch {
    pub(super) request: Bytes,
    failed: Vec<Value>,
}

/// Removes at least one entry from a batch and leaves at least one. Returns `None` if that is impossible.
pub(super) fn split_batch(request: &[u8], dice: &mut Dice) -> Option<PartialBatch> {
    let mut request: Value = serde_json::from_slice(request).ok()?;
    let entries = request.get_mut("Entries")?.as_array_mut()?;
    if entries.len() < 2 {
        return None;
    }
    let mut failed = Vec::new();
    for _ in 0..=below(dice, entries.len() - 1) {
        if entries.len() > 1 {
            failed.push(entries.remove(below(dice, entries.len())));
        }
    }
    Some(PartialBatch { request: Bytes::from(request.to_string()), failed })
}

impl PartialBatch {
    /// Adds the failed entries to the answer to the others.
    pub(super) fn complete_answer(&self, answer: Response<Bytes>) -> Response<Bytes> {
        let (parts, body) = answer.into_parts();
        let told: Option<Value> = serde_json::from_slice(&body).ok();
        let Some(mut told) = told.filter(|_| parts.status.is_success()) else {
            return Response::from_parts(parts, body);
        };
        let entries = self.failed.iter().map(|entry| {
            json!({
                "Id": entry["Id"],
                "SenderFault": false,
                "Code": "InternalError",
                "Message": "This failure was injected by the adversary.",
            })
        });
        match told["Failed"].as_array_mut() {
            Some(failed) => failed.extend(entries),
            None => told["Failed"] = entries.collect(),
        }
        Response::from_parts(parts, Bytes::from(told.to_string()))
    }
}

/// A BatchGetItem that is split into keys that are read and keys that are not processed:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
pub(super) struct PartialRead {
    /// The request with the keys that are read.
    pub(super) request: Bytes,
    /// The keys that are not processed, by table.
    unprocessed: Value,
}

/// Leaves at least one key of one table unprocessed, and reads at least one. Returns `None` if that is
/// impossible.
pub(super) fn split_read(request: &[u8], dice: &mut Dice) -> Option<PartialRead> {
    let mut request: Value = serde_json::from_slice(request).ok()?;
    let (table, wanted) = request.get_mut("RequestItems")?.as_object_mut()?.iter_mut().next()?;
    let keys = wanted.get_mut("Keys")?.as_array_mut()?;
    if keys.len() < 2 {
        return None;
    }
    let later = keys.split_off(1 + below(dice, keys.len() - 1));
    let mut left = wanted.clone();
    left["Keys"] = Value::Array(later);
    let unprocessed = json!({ table: left });
    Some(PartialRead { request: Bytes::from(request.to_string()), unprocessed })
}

impl PartialRead {
    /// Adds the unprocessed keys to the answer, and removes its checksum, which no longer matches.
    pub(super) fn complete_answer(self, answer: Response<Bytes>) -> Response<Bytes> {
        let (mut parts, body) = answer.into_parts();
        let told: Option<Value> = serde_json::from_slice(&body).ok();
        let Some(mut told) = told.filter(|_| parts.status.is_success()) else {
            return Response::from_parts(parts, body);
        };
        told["UnprocessedKeys"] = self.unprocessed;
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(CRC_32);
        Response::from_parts(parts, Bytes::from(told.to_string()))
    }
}

/// A batch of SQS whose answer leaves out some entries.
pub(super) struct OmittedEntries {
    /// The request with the entries that are executed; `None` if there are none.
    pub(super) request: Option<Bytes>,
    ids: Vec<Value>,
}

/// Chooses at least one entry to leave out of the answer, and whether it is executed. Returns `None` if
/// there are no entries.
pub(super) fn omit_entries(request: &[u8], dice: &mut Dice) -> Option<OmittedEntries> {
    let mut request: Value = serde_json::from_slice(request).ok()?;
    let entries = request.get_mut("Entries")?.as_array_mut()?;
    let mut ids = Vec::new();
    let mut undone = Vec::new();
    for _ in 0..=below(dice, entries.len()) {
        let id = entries.get(below(dice, entries.len()))?["Id"].clone();
        if !ids.contains(&id) {
            if dice.below(2) == 0 {
                undone.push(id.clone());
            }
            ids.push(id);
        }
    }
    entries.retain(|entry| !undone.contains(&entry["Id"]));
    let is_empty = entries.is_empty();
    let request = (!is_empty).then(|| Bytes::from(request.to_string()));
    Some(OmittedEntries { request, ids })
}

impl OmittedEntries {
    /// Removes the chosen entries from the answer. If no entry was executed, the answer is empty.
    pub(super) fn complete_answer(&self, answer: Option<Response<Bytes>>) -> Response<Bytes> {
        let (parts, body) = answer.unwrap_or_else(empty_answer).into_parts();
        let told: Option<Value> = serde_json::from_slice(&body).ok();
        let Some(mut told) = told.filter(|_| parts.status.is_success()) else {
            return Response::from_parts(parts, body);
        };
        for list in ["Successful", "Failed"] {
            if let Some(entries) = told[list].as_array_mut() {
                entries.retain(|entry| !self.ids.contains(&entry["Id"]));
            }
        }
        Response::from_parts(parts, Bytes::from(told.to_string()))
    }
}

fn empty_answer() -> Response<Bytes> {
    let mut empty = Response::new(Bytes::from_static(b"{}"));
    let kind = HeaderValue::from_static("application/x-amz-json-1.0");
    empty.headers_mut().insert(CONTENT_TYPE, kind);
    empty
}

fn below(dice: &mut Dice, bound: usize) -> usize {
    usize::try_from(dice.below(u64::try_from(bound).unwrap_or(1))).unwrap_or(0)
}

fn typed(kind: &str, status: u16, message: &str) -> Response<Body> {
    let body = json!({ "__type": kind, "message": message, "Message": message });
    answer(status, "application/x-amz-json-1.0", body.to_string())
}

fn answer(status: u16, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
