//! Events over HTTP: `POST /<dataset>` with one event, an array of events, or NDJSON.
//!
//! The status is 202 if all events were accepted and 207 if only some were. If none was, it is 503 where another try
//! may succeed, and 422 otherwise. It is 403 if the contract does not let the sender send. The response has a result for each event. If none was accepted, or the whole request
//! is refused, the response has problem details (RFC 9457). Refused events do not become dead letters, since their
//! producer knows. `answers.rs` gives a repeated request its answer again.

mod answers;
mod body;
mod problem;

use aws_lambda_events::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use contracts::{Contract, Decoded, Sender, SourceKind};
use event::{Code, Failure, FailureKind, Timestamp, TraceParent};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use runtime::{Deadline, EventCounts, Queue, Stage, Tally, count_refused};
use serde_json::{Value, json};

pub(crate) use self::answers::Answers;
use self::answers::{Claimed, KeptAnswer, KeyedRequest, read_key};
use self::body::{decode_body, split};
use self::problem::Problem;
use crate::archive::{Raw, Store};
use crate::backlog::Depths;
use crate::emit::STAGE;
use crate::file_source::FileSource;
use crate::handler::Ingest;
use crate::wrap::{self, DATASET, Origin, TRACE, wrap};

pub(crate) async fn answer<O: Store + FileSource + Answers, Q: Queue + Depths>(
    ingest: &Ingest<O, Q>,
    request: LambdaFunctionUrlRequest,
    deadline: &Deadline,
) -> LambdaFunctionUrlResponse {
    let answered = respond(ingest, &request, deadline).await.unwrap_or_else(|problem| {
        tracing::warn!(failure.code = %problem.failure.code, http.status = problem.status, "request refused");
        Answered { results: Vec::new(), response: problem.response() }
    });
    log::<Ingest<O, Q>>(answered.response.status_code, &answered.results);
    answered.response
}

/// The response to a request, and what became of its events.
struct Answered {
    results: Vec<Taken>,
    response: LambdaFunctionUrlResponse,
}

/// A request that can be taken.
struct Opened<'a> {
    path: &'a str,
    dataset: &'a str,
    contract: &'a Contract,
    /// The decoded body.
    body: Vec<u8>,
    id: &'a str,
    trace: Option<TraceParent>,
}

async fn respond<O: Store + FileSource + Answers, Q: Queue + Depths>(
    ingest: &Ingest<O, Q>,
    request: &LambdaFunctionUrlRequest,
    deadline: &Deadline,
) -> Result<Answered, Problem> {
    let opened = open(ingest, request)?;
    let events = split(&opened.body)?;
    let has_room = ingest.emit.check_backlog(opened.contract, deadline.now()).await;
    has_room.map_err(|full| Problem::backlog_full(full.of_request()))?;
    let Some(header) = request.headers.get("idempotency-key") else {
        return Ok(Answered::of(take(ingest, &opened, &events, deadline.now()).await));
    };
    let key = read_key(header.to_str().unwrap_or_default());
    let key = key.map_err(|failure| Problem::new(400, failure))?;
    let (bucket, now) = (&ingest.archive_bucket, deadline.now());
    let left_ms = i64::try_from(deadline.remaining().as_millis()).unwrap_or(i64::MAX);
    let keyed = KeyedRequest {
        dataset: opened.dataset,
        caller: sender_of(request).arn.unwrap_or_default(),
        key,
        body: &opened.body,
        id: opened.id,
        now,
        ends_at: Timestamp::from_unix_ms(now.unix_ms().saturating_add(left_ms)),
    };
    let claimed = answers::claim(&ingest.objects, bucket, &keyed).await;
    let claim = match claimed.map_err(Problem::of_claim)? {
        Claimed::Answered(kept) => return Ok(Answered::again(kept)),
        Claimed::First(claim) => claim,
    };
    let answered = Answered::of(take(ingest, &opened, &events, now).await);
    let kept = claim.end(&ingest.objects, bucket, answered.to_keep(), deadline.now()).await;
    if let Err(failure) = kept {
        tracing::warn!(
            stage = "ingest",
            failure.code = %failure.code,
            failure.reason = %failure.reason,
            "answer not kept"
        );
    }
    Ok(answered)
}

impl Answered {
    fn of(results: Vec<Taken>) -> Self {
        let status = status_of(&results);
        let mut shown = Vec::with_capacity(results.len());
        for (index, result) in results.iter().enumerate() {
            shown.push(result.to_json(index));
        }
        let refused = results.iter().find_map(Taken::failure).filter(|_| status >= 400);
        let response = match refused {
            Some(failure) => Problem::new(status, failure.clone()).response_with(shown),
            None => problem::response(status, "application/json", &json!({ "results": shown })),
        };
        Self { results, response }
    }

    /// The answer of an earlier request.
    fn again(kept: KeptAnswer) -> Self {
        let mut response = LambdaFunctionUrlResponse::default();
        response.status_code = kept.status;
        if let Ok(content_type) = HeaderValue::from_str(&kept.content_type) {
            response.headers.insert(CONTENT_TYPE, content_type);
        }
        response.body = Some(kept.body);
        Self { results: Vec::new(), response }
    }

    /// The answer for a repeated request; `None` if an event of it may be accepted another time.
    fn to_keep(&self) -> Option<KeptAnswer> {
        if self.results.iter().any(Taken::may_be_tried_again) {
            return None;
        }
        let content_type = self.response.headers.get(CONTENT_TYPE)?.to_str().ok()?.to_owned();
        let body = self.response.body.clone()?;
        Some(KeptAnswer { status: self.response.status_code, content_type, body })
    }
}

/// Who sends a request, if it was authorized by IAM.
fn sender_of(request: &LambdaFunctionUrlRequest) -> Sender<'_> {
    let authorizer = request.request_context.authorizer.as_ref();
    let Some(iam) = authorizer.and_then(|authorizer| authorizer.iam.as_ref()) else {
        return Sender::default();
    };
    Sender { id: iam.user_id.as_deref(), arn: iam.user_arn.as_deref() }
}

/// The outcome of one event.
enum Taken {
    Accepted {
        id: String,
        counts: EventCounts,
    },
    /// It tells of no row, and nothing is to be done for it.
    Ignored,
    Failed(Failure),
}

impl Taken {
    fn is_done(&self) -> bool {
        self.failure().is_none()
    }

    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Accepted { .. } | Self::Ignored => None,
            Self::Failed(failure) => Some(failure),
        }
    }

    /// Whether the same event may be accepted another time.
    fn may_be_tried_again(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.kind != FailureKind::Permanent)
    }

    fn to_json(&self, index: usize) -> Value {
        match self {
            Self::Accepted { id, .. } => json!({ "index": index, "status": "accepted", "id": id }),
            Self::Ignored => json!({ "index": index, "status": "ignored" }),
            Self::Failed(failure) => json!({
                "index": index,
                "status": if self.may_be_tried_again() { "failed" } else { "refused" },
                "code": failure.code,
                "reason": shorten(&failure.reason),
                "at": failure.at.as_deref().map(shorten),
                "retry": self.may_be_tried_again(),
            }),
        }
    }
}

/// Shortens a text so that the response fits. It may have a result for each of a thousand events, each character may
/// take six bytes in JSON, and Lambda allows a response of 6 MB:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
fn shorten(text: &str) -> String {
    text.chars().take(300).collect()
}

/// The response's status. 207 says that the body has a status for each part, as in RFC 4918, section 13.
fn status_of(results: &[Taken]) -> i64 {
    let done = results.iter().filter(|result| result.is_done()).count();
    if done == results.len() {
        202
    } else if done > 0 {
        207
    } else if results.iter().any(Taken::may_be_tried_again) {
        503
    } else {
        422
    }
}

/// Logs the tally of a request, with the same fields as that of a batch.
fn log<S: Stage>(status: i64, results: &[Taken]) {
    let (mut done, mut refused) = (EventCounts::default(), 0);
    for result in results {
        match result {
            Taken::Accepted { counts, .. } => done += *counts,
            Taken::Ignored => {}
            Taken::Failed(_) => refused += 1,
        }
    }
    done.taken += refused;
    let tally = Tally { received: 1, done, refused, http_status: Some(status), ..Tally::default() };
    tally.log(S::NAME);
}

/// Opens a request: finds its dataset, and decodes its body.
fn open<'a, O: Store + FileSource, Q: Queue + Depths>(
    ingest: &'a Ingest<O, Q>,
    request: &'a LambdaFunctionUrlRequest,
) -> Result<Opened<'a>, Problem> {
    let method = request.request_context.http.method.as_deref().unwrap_or_default();
    if method != "POST" {
        let failure = Failure::permanent(Code::DecodeFormat, "expected POST /<dataset>");
        return Err(Problem::new(405, failure));
    }
    let path = request.raw_path.as_deref().unwrap_or_default();
    let dataset = path.trim_matches('/');
    let contract = ingest.contract(dataset).map_err(Problem::no_contract)?;
    contract.sources.check(path).map_err(Problem::of_source)?;
    let sender = sender_of(request);
    let checked = contract.sources.check_sender(SourceKind::Http, sender, &ingest.variables);
    checked.map_err(Problem::of_source)?;
    let body = decode_body(request)?;
    let id = request.request_context.request_id.as_deref().unwrap_or_default();
    let trace = request.headers.get(TRACE).and_then(|v| TraceParent::parse(v.to_str().ok()?));
    Ok(Opened { path, dataset, contract, body, id, trace })
}

/// Takes the events of a request. Answers with one result for each, in their order.
async fn take<O: Store + FileSource, Q: Queue + Depths>(
    ingest: &Ingest<O, Q>,
    request: &Opened<'_>,
    events: &[Vec<u8>],
    now: Timestamp,
) -> Vec<Taken> {
    let mut results = Vec::with_capacity(events.len());
    let (mut sending, mut places): (Vec<(Raw, wrap::Accepted)>, Vec<usize>) =
        (Vec::new(), Vec::new());
    for (index, bytes) in events.iter().enumerate() {
        let origin = Origin {
            source: request.path.to_owned(),
            id: format!("{}:{index}", request.id),
            trace: request.trace.clone(),
            taken_in: now,
            redriven: None,
        };
        let raw = Raw {
            id: origin.id.clone(),
            source: origin.source.clone(),
            received_at: now,
            attributes: [(DATASET.to_owned(), event::Attribute::string(request.dataset))].into(),
            body: String::from_utf8_lossy(bytes).into_owned(),
        };
        let id = origin.id.clone();
        let wrapped = match request.contract.decode(bytes) {
            Ok(Decoded::Event(event)) => wrap(request.contract, event, origin),
            Ok(Decoded::Ignored(nothing)) => {
                ingest.ignored.add(&[nothing.into()]);
                results.push(Taken::Ignored);
                continue;
            }
            Err(failure) => Err(failure),
        };
        match wrapped {
            Ok(event) => {
                places.push(index);
                results.push(Taken::Accepted { id, counts: event.counts() });
                sending.push((raw, event));
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
    let held_to = request.contract.reference();
    for failure in results.iter().filter_map(Taken::failure) {
        count_refused(&ingest.emit.metrics, STAGE, &held_to, failure);
    }
    results
}

#[cfg(test)]
mod tests;
