//! The Runtime API of one environment: how a function asks for work and answers.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. Each environment has a
//! listener of its own on the loopback, as on Lambda, and one invocation at a time. Deadlines,
//! crashes and memory are the environment's affair. Not emulated, and answered so: response
//! streaming, extensions, SnapStart.

use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use super::body::{self, BodyError};
use super::locked;

/// Largest response of a function, in bytes; the number in Lambda's own message:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(super) const RESPONSE_LIMIT: usize = 6_291_556;
/// Largest report of an error, in bytes.
const ERROR_LIMIT: usize = 256 * 1024;

const STREAMING_HEADER: &str = "lambda-runtime-function-response-mode";

/// An invocation on its way to the function.
pub(super) struct Offer {
    pub(super) request_id: String,
    /// Milliseconds since the Unix epoch, in the function's own time.
    pub(super) deadline_ms: u64,
    pub(super) function_arn: String,
    pub(super) trace_id: String,
    /// JSON on one line.
    pub(super) client_context: Option<String>,
    pub(super) payload: Bytes,
    pub(super) reply: oneshot::Sender<Reply>,
    /// Called when the function has asked for work and this is what it gets.
    pub(super) taken: Box<dyn FnOnce() + Send>,
}

/// What the function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Response(Bytes),
    /// An error: the document it posted, or ours where its answer cannot be passed on.
    Error(Bytes),
}

/// What the function is doing, as its requests show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    Waiting,
    Running,
    /// It has reported that it cannot start.
    InitFailed(Bytes),
}

/// A listener and what it knows; dropping it closes the listener.
pub(super) struct RuntimeApi {
    port: u16,
    offers: mpsc::Sender<Offer>,
    phase: watch::Receiver<Phase>,
    _open: oneshot::Sender<()>,
}

struct Shared {
    offers: tokio::sync::Mutex<mpsc::Receiver<Offer>>,
    phase: watch::Sender<Phase>,
    running: Mutex<Option<(String, oneshot::Sender<Reply>)>>,
}

impl RuntimeApi {
    pub(super) async fn listen() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (offers, queue) = mpsc::channel(1);
        let (phase_now, phase) = watch::channel(Phase::Starting);
        let shared = Arc::new(Shared {
            offers: tokio::sync::Mutex::new(queue),
            phase: phase_now,
            running: Mutex::default(),
        });
        let (open, closed) = oneshot::channel::<()>();
        let serving = axum::serve(listener, router(shared)).with_graceful_shutdown(async {
            // Nothing is ever sent: it ends when the other side is dropped.
            let _ = closed.await;
        });
        tokio::spawn(async move { serving.await });
        Ok(Self { port, offers, phase, _open: open })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// Hands the function its next invocation, which it takes when it asks for work.
    pub(super) async fn offer(&self, offer: Offer) {
        // The listener lives as long as `self`; were it gone, the reply's sender is dropped.
        let _ = self.offers.send(offer).await;
    }

    /// Returns when the function waits for work, or has said that it cannot start.
    pub(super) async fn settled(&self) -> Phase {
        let settled = |phase: &Phase| matches!(phase, Phase::Waiting | Phase::InitFailed(_));
        let mut phase = self.phase.clone();
        if phase.wait_for(settled).await.is_err() {
            // The listener is gone, and with it whoever could settle.
            std::future::pending::<()>().await;
        }
        phase.borrow().clone()
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{request_id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{request_id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .fallback(unknown)
        .with_state(shared)
}

async fn next(State(shared): State<Arc<Shared>>) -> Response<Body> {
    if locked(&shared.running).is_some() {
        let message = "the previous invocation has no response yet";
        return refusal(StatusCode::FORBIDDEN, "InvalidStateTransition", message);
    }
    let mut offers = shared.offers.lock().await;
    shared.phase.send_replace(Phase::Waiting);
    let Some(offer) = offers.recv().await else {
        return refusal(StatusCode::GONE, "Runtime.Closed", "the environment is shutting down");
    };
    let mut response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &offer.request_id)
        .header("lambda-runtime-deadline-ms", offer.deadline_ms)
        .header("lambda-runtime-invoked-function-arn", &offer.function_arn)
        .header("lambda-runtime-trace-id", &offer.trace_id);
    if let Some(context) = &offer.client_context {
        response = response.header("lambda-runtime-client-context", context.as_bytes());
    }
    let response = response.body(Body::from(offer.payload));
    *locked(&shared.running) = Some((offer.request_id, offer.reply));
    shared.phase.send_replace(Phase::Running);
    (offer.taken)();
    response.unwrap_or_else(|_| {
        let message = "the invocation's metadata cannot be sent in headers";
        refusal(StatusCode::INTERNAL_SERVER_ERROR, "Runtime.InvalidMetadata", message)
    })
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let body = body::read(body, RESPONSE_LIMIT).await;
    let Some(reply) = shared.finish(&request_id) else { return unknown_request() };
    if headers.get(STREAMING_HEADER).is_some_and(|mode| mode == "streaming") {
        let message = "response streaming is not emulated: answer with a buffered response";
        return fail(reply, StatusCode::BAD_REQUEST, "Runtime.StreamingNotEmulated", message);
    }
    match body {
        Ok(body) => accept(reply, Reply::Response(body)),
        Err(BodyError::TooLarge) => {
            let message = format!(
                "Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
            );
            let kind = "Function.ResponseSizeTooLarge";
            fail(reply, StatusCode::PAYLOAD_TOO_LARGE, kind, &message)
        }
        Err(BodyError::Broken) => {
            let message = "the response's body did not arrive whole";
            fail(reply, StatusCode::BAD_REQUEST, "Runtime.TruncatedResponse", message)
        }
    }
}

async fn error(
    State(shared): State<Arc<Shared>>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let body = body::read(body, ERROR_LIMIT).await;
    let Some(reply) = shared.finish(&request_id) else { return unknown_request() };
    accept(reply, Reply::Error(error_document(&headers, body)))
}

async fn init_error(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let document = error_document(&headers, body::read(body, ERROR_LIMIT).await);
    let starting = shared.phase.send_if_modified(|phase| {
        let starting = *phase == Phase::Starting;
        if starting {
            *phase = Phase::InitFailed(document);
        }
        starting
    });
    if starting {
        return accepted();
    }
    let message = "an init error is reported before the first request for work";
    refusal(StatusCode::FORBIDDEN, "InvalidStateTransition", message)
}

async fn unknown(method: Method, uri: Uri) -> Response<Body> {
    let message = format!("{method} {} is not emulated", uri.path());
    refusal(StatusCode::NOT_FOUND, "Runtime.NotEmulated", &message)
}

impl Shared {
    /// Ends the running invocation if it is this one.
    fn finish(&self, request_id: &str) -> Option<oneshot::Sender<Reply>> {
        let finished = locked(&self.running).take_if(|(running, _)| running == request_id);
        finished.map(|(_, reply)| reply)
    }
}

/// The error as the function gave it, or what its type says where the body is no use.
fn error_document(headers: &HeaderMap, body: Result<Bytes, BodyError>) -> Bytes {
    let usable = body.ok().filter(|body| {
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok()
    });
    usable.unwrap_or_else(|| {
        let kind = headers.get("lambda-runtime-function-error-type");
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("Runtime.UnknownReason");
        document(kind, "the function reported an error without a readable description")
    })
}

/// Lambda's shape of an error: `{"errorType": …, "errorMessage": …}`.
pub(super) fn document(kind: &str, message: &str) -> Bytes {
    Bytes::from(json!({ "errorType": kind, "errorMessage": message }).to_string())
}

fn accept(reply: oneshot::Sender<Reply>, what: Reply) -> Response<Body> {
    // Nobody waits any more when the invocation has ended otherwise, by its timeout for one.
    match reply.send(what) {
        Ok(()) => accepted(),
        Err(_) => unknown_request(),
    }
}

fn fail(
    reply: oneshot::Sender<Reply>,
    status: StatusCode,
    kind: &str,
    message: &str,
) -> Response<Body> {
    // As above: without a listener the answer to the function is all that is left.
    let _ = reply.send(Reply::Error(document(kind, message)));
    refusal(status, kind, message)
}

fn accepted() -> Response<Body> {
    with_body(StatusCode::ACCEPTED, Bytes::from_static(br#"{"status":"OK"}"#))
}

fn unknown_request() -> Response<Body> {
    let message = "no invocation with this request id is running here";
    refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", message)
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    with_body(status, document(kind, message))
}

fn with_body(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = axum::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
#[path = "runtime_api/tests.rs"]
mod tests;
