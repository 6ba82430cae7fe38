//! HTTP: `POST /<dataset>` with one event, an array of them, or NDJSON.
//!
//! 202 if all were accepted, 207 if some were, each with a result; else 422, or 503 where another try may
//! succeed. A refusal of the whole is RFC 9457 problem details. What is refused here is not
//! dead-lettered: its producer has been told.

mod body;

use aws_lambda_events::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use event::{Code, Failure, FailureKind, Payload, TraceParent};
use http::HeaderValue;
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE};
use runtime::{Deadline, EventCounts, Outgoing, Queue, Stage, Tally};
use serde_json::{Value, json};

use self::body::{CODINGS, decoded, split};
use crate::archive::{Raw, Store};
use crate::file_source::FileSource;
use crate::handler::Ingest;
use crate::wrap::{DATASET, Origin, TRACE, wrap};

pub(crate) async fn answer<O: Store + FileSource, Q: Queue>(
    ingest: &Ingest<O, Q>,
    request: LambdaFunctionUrlRequest,
    deadline: &Deadline,
) -> LambdaFunctionUrlResponse {
    let (status, results, response) = match take(ingest, &request, deadline).await {
        Ok(results) => {
            let status = status_of(&results);
            let shown: Vec<Value> =
                results.iter().enumerate().map(|(index, result)| result.shown(index)).collect();
            let body = json!({ "results": shown });
            (status, results, response(status, "application/json", &body))
        }
        Err(problem) => {
            tracing::warn!(failure.code = %problem.failure.code, http.status = problem.status, "request refused");
            (problem.status, Vec::new(), problem.response())
        }
    };
    log::<Ingest<O, Q>>(status, &results);
    response
}

/// What became of one event.
enum Taken {
    Accepted { id: String },
    Failed(Failure),
}

impl Taken {
    fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    /// Whether the same event may be accepted another time.
    fn may_be_tried_again(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.kind != FailureKind::Permanent)
    }

    fn shown(&self, index: usize) -> Value {
        match self {
            Self::Accepted { id } => json!({ "index": index, "status": "accepted", "id": id }),
            Self::Failed(failure) => json!({
                "index": index,
                "status": if self.may_be_tried_again() { "failed" } else { "refused" },
                "code": failure.code,
                "reason": shortened(&failure.reason),
                "at": failure.at.as_deref().map(shortened),
                "retry": self.may_be_tried_again(),
            }),
        }
    }
}

/// The answer has a result for each of up to a thousand events, and Lambda passes on 6 MB of it, in which a
/// control character takes six bytes:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}

/// 207 has a result for each, as in RFC 4918, section 13.
fn status_of(results: &[Taken]) -> i64 {
    let accepted = results.iter().filter(|result| result.is_accepted()).count();
    if accepted == results.len() {
        202
    } else if accepted > 0 {
        207
    } else if results.iter().any(Taken::may_be_tried_again) {
        503
    } else {
        422
    }
}

/// The tally of a batch.
fn log<S: Stage>(status: i64, results: &[Taken]) {
    let accepted = results.iter().filter(|result| result.is_accepted()).count();
    let (all, accepted) = (results.len() as u64, accepted as u64);
    let tally = Tally {
        received: 1,
        done: EventCounts { taken: all, passed: accepted, ..EventCounts::default() },
        refused: all - accepted,
        http_status: Some(status),
        ..Tally::default()
    };
    tally.log(S::NAME);
}

/// Why a whole request is refused.
#[derive(Debug)]
struct Problem {
    status: i64,
    failure: Failure,
}

async fn take<O: Store + FileSource, Q: Queue>(
    ingest: &Ingest<O, Q>,
    request: &LambdaFunctionUrlRequest,
    deadline: &Deadline,
) -> Result<Vec<Taken>, Problem> {
    let method = request.request_context.http.method.as_deref().unwrap_or_default();
    if method != "POST" {
        let failure = Failure::permanent(Code::DecodeFormat, "expected POST /<dataset>");
        return Err(Problem::new(405, failure));
    }
    let path = request.raw_path.as_deref().unwrap_or_default();
    let dataset = path.trim_matches('/');
    let contract = ingest.contracts.get(dataset).map_err(|failure| Problem::new(404, failure))?;
    let events = split(&decoded(request)?)?;
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
            taken_in: now,
            redriven: None,
        };
        let raw = Raw {
            id: origin.id.clone(),
            source: origin.source.clone(),
            received_at: now,
            attributes: [(DATASET.to_owned(), event::Attribute::string(dataset))].into(),
            body: String::from_utf8_lossy(bytes).into_owned(),
        };
        let id = origin.id.clone();
        match Payload::parse(bytes).and_then(|payload| wrap(contract, payload, origin)) {
            Ok(message) => {
                places.push(index);
                results.push(Taken::Accepted { id });
                sending.push((raw, message));
            }
            Err(failure) => results.push(Taken::Failed(failure)),
        }
    }
    let sent = ingest.archive_and_pass_on(sending).await;
    for (index, sent) in places.into_iter().zip(sent) {
        if let Err(failure) = sent {
            results[index] = Taken::Failed(failure);
        }
    }
    Ok(results)
}

impl Problem {
    fn new(status: i64, failure: Failure) -> Self {
        Self { status, failure }
    }

    /// <https://www.rfc-editor.org/rfc/rfc9457>; 405 and 415 say what would be taken (RFC 9110,
    /// sections 15.5.6 and 15.5.16).
    fn response(&self) -> LambdaFunctionUrlResponse {
        let body = json!({
            "type": format!("urn:sluicegate:{}", self.failure.code),
            "title": self.failure.code,
            "status": self.status,
            "detail": self.failure.reason,
        });
        let mut response = response(self.status, "application/problem+json", &body);
        match self.status {
            405 => response.headers.insert(ALLOW, HeaderValue::from_static("POST")),
            415 => response.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS)),
            _ => None,
        };
        response
    }
}

fn response(status: i64, content_type: &'static str, body: &Value) -> LambdaFunctionUrlResponse {
    let mut response = LambdaFunctionUrlResponse::default();
    response.status_code = status;
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.body = Some(body.to_string());
    response
}

#[cfg(test)]
mod tests;
