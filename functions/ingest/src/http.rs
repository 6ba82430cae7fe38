//! HTTP: `POST /<dataset>` with one event, an array of them, or NDJSON.
//!
//! 202 with a result for each event; a refusal of the whole is RFC 9457 problem details. What is
//! refused here is not dead-lettered: its producer has been told.

use aws_lambda_events::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{Code, Failure, FailureKind, Payload, TraceParent};
use runtime::{Deadline, Outgoing, Queue};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::archive::{Raw, Store};
use crate::file::FileSource;
use crate::handler::Ingest;
use crate::wrap::{DATASET, Origin, TRACE, wrap};

/// Events in one request, at most.
const MAX_EVENTS: usize = 1_000;

pub(crate) async fn answer<O: Store + FileSource, Q: Queue>(
    ingest: &Ingest<O, Q>,
    request: LambdaFunctionUrlRequest,
    deadline: &Deadline,
) -> LambdaFunctionUrlResponse {
    match take(ingest, &request, deadline).await {
        Ok((status, results)) => {
            response(status, "application/json", &json!({ "results": results }))
        }
        Err(problem) => {
            tracing::warn!(failure.code = %problem.failure.code, http.status = problem.status, "request refused");
            problem.response()
        }
    }
}

/// Why a whole request is refused.
struct Problem {
    status: i64,
    failure: Failure,
}

async fn take<O: Store + FileSource, Q: Queue>(
    ingest: &Ingest<O, Q>,
    request: &LambdaFunctionUrlRequest,
    deadline: &Deadline,
) -> Result<(i64, Vec<Value>), Problem> {
    let method = request.request_context.http.method.as_deref().unwrap_or_default();
    if method != "POST" {
        let failure = Failure::permanent(Code::DecodeFormat, "expected POST /<dataset>");
        return Err(Problem { status: 405, failure });
    }
    let path = request.raw_path.as_deref().unwrap_or_default();
    let dataset = path.trim_matches('/');
    let contract = ingest.contracts.get(dataset).map_err(|failure| problem(404, failure))?;
    let body = body_of(request).map_err(|failure| problem(400, failure))?;
    let events = split(&body).map_err(|failure| problem(400, failure))?;
    let request_id = request.request_context.request_id.clone().unwrap_or_default();
    let now = deadline.now();
    let trace = request.headers.get(TRACE).and_then(|v| TraceParent::parse(v.to_str().ok()?));
    let mut results = Vec::with_capacity(events.len());
    let (mut sending, mut places): (Vec<(Raw, Outgoing)>, Vec<usize>) = (Vec::new(), Vec::new());
    for (index, bytes) in events.iter().enumerate() {
        let origin = Origin {
            source: path.to_owned(),
            id: format!("{request_id}:{index}"),
            trace: trace.clone(),
        };
        let raw = |origin: &Origin| Raw {
            id: origin.id.clone(),
            source: origin.source.clone(),
            received_at: now,
            attributes: [(DATASET.to_owned(), event::Attribute::string(dataset))].into(),
            body: String::from_utf8_lossy(bytes).into_owned(),
        };
        let raw = raw(&origin);
        let id = origin.id.clone();
        let wrapped =
            Payload::parse(bytes).and_then(|payload| wrap(contract, payload, origin, now));
        match wrapped {
            Ok(message) => {
                places.push(index);
                results.push(json!({ "index": index, "status": "accepted", "id": id }));
                sending.push((raw, message));
            }
            Err(failure) => results.push(refusal(index, "refused", &failure)),
        }
    }
    let sent = ingest.archive_and_pass_on(sending).await;
    for (index, sent) in places.iter().zip(sent) {
        if let Err(failure) = sent {
            results[*index] = refusal(*index, "failed", &failure);
        }
    }
    let any = |wanted: &str| results.iter().any(|result| result["status"] == wanted);
    let status = if any("accepted") {
        202
    } else if any("failed") {
        503
    } else {
        422
    };
    Ok((status, results))
}

fn refusal(index: usize, status: &str, failure: &Failure) -> Value {
    json!({
        "index": index,
        "status": status,
        "code": failure.code,
        "reason": failure.reason,
        "at": failure.at,
        "retry": failure.kind != FailureKind::Permanent,
    })
}

fn body_of(request: &LambdaFunctionUrlRequest) -> Result<Vec<u8>, Failure> {
    let body = request.body.clone().unwrap_or_default();
    if !request.is_base64_encoded {
        return Ok(body.into_bytes());
    }
    STANDARD
        .decode(body)
        .map_err(|_| Failure::permanent(Code::DecodeFormat, "a body that is not base64"))
}

/// One object, an array, or a line for each event; each as its bytes came.
fn split(body: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    // A reader may ignore a byte order mark: RFC 8259, section 8.1.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    let events: Vec<Vec<u8>> = if body.starts_with(b"[") {
        let items: Vec<Box<RawValue>> = serde_json::from_slice(body).map_err(|error| {
            Failure::permanent(Code::DecodeJson, format!("malformed JSON: {error}"))
        })?;
        items.iter().map(|item| item.get().as_bytes().to_vec()).collect()
    } else if serde_json::from_slice::<&RawValue>(body).is_ok() {
        vec![body.to_vec()]
    } else {
        let lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
    };
    match events.len() {
        0 => Err(Failure::permanent(Code::InputEmpty, "no event in the request")),
        1..=MAX_EVENTS => Ok(events),
        count => {
            let reason = format!("{count} events in one request; at most {MAX_EVENTS}");
            Err(Failure::permanent(Code::SizeExceeded, reason))
        }
    }
}

fn problem(status: i64, failure: Failure) -> Problem {
    let status = if failure.code == Code::SizeExceeded { 413 } else { status };
    Problem { status, failure }
}

impl Problem {
    /// <https://www.rfc-editor.org/rfc/rfc9457>.
    fn response(&self) -> LambdaFunctionUrlResponse {
        let body = json!({
            "type": format!("urn:sluicegate:{}", self.failure.code),
            "title": self.failure.code,
            "status": self.status,
            "detail": self.failure.reason,
        });
        response(self.status, "application/problem+json", &body)
    }
}

fn response(status: i64, content_type: &'static str, body: &Value) -> LambdaFunctionUrlResponse {
    let mut response = LambdaFunctionUrlResponse::default();
    response.status_code = status;
    response.headers.insert("content-type", ::http::HeaderValue::from_static(content_type));
    response.body = Some(body.to_string());
    response
}

#[cfg(test)]
mod tests;
