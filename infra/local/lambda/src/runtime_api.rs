//! The Runtime API of one environment, through which a function asks for invocations and responds.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. Each environment has its own
//! listener on the loopback interface and one invocation at a time. The environment enforces deadlines
//! and memory limits and notices crashes. Response streaming, extensions and SnapStart are not emulated;
//! requests for them are refused.

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
use super::lock;

/// The maximum response of a function, in bytes, as Lambda's own error message states it:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(super) const RESPONSE_LIMIT: usize = 6_291_556;
/// The maximum size of an error document, in bytes.
const ERROR_LIMIT: usize = 256 * 1024;

const STREAMING_HEADER: &str = "lambda-runtime-function-response-mode";

/// An invocation that the function has not received yet.
pub(super) struct NextInvocation {
    pub(super) request_id: String,
    /// Milliseconds since the Unix epoch, by the function's clock.
    pub(super) deadline_ms: u64,
    pub(super) function_arn: String,
    pub(super) trace_id: String,
    /// JSON on one line.
    pub(super) client_context: Option<String>,
    pub(super) payload: Bytes,
    pub(super) reply: oneshot::Sender<Reply>,
    /// Called when the function receives this invocation.
    pub(super) on_start: Box<dyn FnOnce() + Send>,
}

/// The function's reply to an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Response(Bytes),
    /// The error document that the function sent, or one that says why its response cannot be used.
    Error(Bytes),
}

/// The state of the function, as its requests show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has made no request yet.
    Starting,
    /// It has asked for an invocation.
    Waiting,
    /// It has received an invocation.
    Running,
    /// It has reported that it cannot start.
    InitFailed(Bytes),
}

impl Phase {
    /// Whether a function may go from this phase to `next`. This is the table of all legal transitions; its process may
    /// end in any phase.
    fn can_become(&self, next: &Self) -> bool {
        match (self, next) {
            // It has started, or it cannot.
            (Self::Starting, Self::Waiting | Self::InitFailed(_)) => true,
            // It asks again after its connection broke, or it gets an invocation.
            (Self::Waiting, Self::Waiting | Self::Running) => true,
            // It has answered, and asks for the next invocation.
            (Self::Running, Self::Waiting) => true,
            (Self::Starting, Self::Starting | Self::Running)
            | (Self::Waiting | Self::Running, Self::Starting | Self::InitFailed(_))
            | (Self::Running, Self::Running)
            | (Self::InitFailed(_), _) => false,
        }
    }
}

/// The listener of one environment; dropping it closes the listener.
pub(super) struct RuntimeApi {
    port: u16,
    offers: mpsc::Sender<NextInvocation>,
    phase: watch::Receiver<Phase>,
    _open: oneshot::Sender<()>,
}

struct Shared {
    offers: tokio::sync::Mutex<mpsc::Receiver<NextInvocation>>,
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
            // Nothing is ever sent. This ends when the sender is dropped.
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

    /// Offers the function its next invocation, which it receives when it asks for one.
    pub(super) async fn offer(&self, offer: NextInvocation) {
        // If this failed, the sender of the reply would be dropped, which the caller notices.
        let _ = self.offers.send(offer).await;
    }

    /// Waits until the function asks for an invocation or reports that it cannot start.
    pub(super) async fn wait_until_ready(&self) -> Phase {
        let mut phase = self.phase.clone();
        let ready = phase
            .wait_for(|phase| matches!(phase, Phase::Waiting | Phase::InitFailed(_)))
            .await
            .is_ok();
        if !ready {
            // The listener is closed, so the phase will never change again.
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
    if lock(&shared.running).is_some() {
        let message = "the previous invocation has no response yet";
        return refusal(StatusCode::FORBIDDEN, "InvalidStateTransition", message);
    }
    let mut offers = shared.offers.lock().await;
    if !shared.enter(Phase::Waiting) {
        let message = "the function has reported that it cannot start";
        return refusal(StatusCode::FORBIDDEN, "InvalidStateTransition", message);
    }
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
    *lock(&shared.running) = Some((offer.request_id, offer.reply));
    shared.enter(Phase::Running);
    (offer.on_start)();
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
            let message = "the response's body is incomplete";
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
    if shared.enter(Phase::InitFailed(document)) {
        return accepted();
    }
    let message = "an init error must be reported before the first request for an invocation";
    refusal(StatusCode::FORBIDDEN, "InvalidStateTransition", message)
}

async fn unknown(method: Method, uri: Uri) -> Response<Body> {
    let message = format!("{method} {} is not emulated", uri.path());
    refusal(StatusCode::NOT_FOUND, "Runtime.NotEmulated", &message)
}

impl Shared {
    /// Changes the phase if that is legal, and returns whether it is.
    fn enter(&self, next: Phase) -> bool {
        self.phase.send_if_modified(|phase| {
            let is_legal = phase.can_become(&next);
            if is_legal {
                *phase = next;
            }
            is_legal
        })
    }

    /// Ends the current invocation if it has this request id.
    fn finish(&self, request_id: &str) -> Option<oneshot::Sender<Reply>> {
        let finished = lock(&self.running).take_if(|(running, _)| running == request_id);
        finished.map(|(_, reply)| reply)
    }
}

/// The error document that the function sent. If it is not a JSON object, a document with the error
/// type of the header is returned instead.
fn error_document(headers: &HeaderMap, body: Result<Bytes, BodyError>) -> Bytes {
    if let Ok(body) = body
        && serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body).is_ok()
    {
        return body;
    }
    let kind = headers
        .get("lambda-runtime-function-error-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("Runtime.UnknownReason");
    document(kind, "the function reported an error without a readable description")
}

/// Builds an error document in Lambda's form: `{"errorType": …, "errorMessage": …}`.
pub(super) fn document(kind: &str, message: &str) -> Bytes {
    Bytes::from(json!({ "errorType": kind, "errorMessage": message }).to_string())
}

fn accept(reply: oneshot::Sender<Reply>, what: Reply) -> Response<Body> {
    // This fails if the invocation has already ended in another way, such as by its timeout.
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
    // This may fail as above. The function gets its response in any case.
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
