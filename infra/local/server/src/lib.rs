#![doc = include_str!("../README.md")]

mod access;
mod admin;
mod calls;
mod denied;
mod fault_plans;
mod forward;
mod needs;
mod operation;
mod route;
#[cfg(test)]
mod tests;
mod trouble;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

pub use self::access::Access;
pub use self::access::Judge;
pub use self::admin::StatusSource;
pub use self::admin::{HEALTH, SERVICES, STATUS};
pub use self::calls::Call;
pub use self::fault_plans::FAULTS;
pub use self::needs::Place;

use self::admin::Admin;
use self::calls::Calls;
use self::forward::Forward;
use self::route::{Destination, Route};
use dynamodb::DynamoDb;
use faults::{Adversary, Trouble};
use lambda::mapping::EventSourceMappings;
use lambda::{HttpApi, Lambda};
use secrets::SecretsManager;
use services::Services;
use sqs::Sqs;
use template::UrlAuth;

/// Of SQS's and DynamoDB's requests, in bytes: the largest that either takes is DynamoDB's 16 MiB.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024 + 64 * 1024;
/// Connections at once; more wait until one ends.
const MAX_CONNECTIONS: usize = 1_024;

/// What is behind the port.
pub struct Backends {
    pub sqs: Sqs,
    pub s3: s3::Service,
    pub dynamodb: DynamoDb,
    pub secrets: SecretsManager,
    pub lambda: Lambda,
    pub mappings: EventSourceMappings,
    /// The functions that have a URL, and who may call it.
    pub urls: BTreeMap<String, UrlAuth>,
    /// By their logical ids.
    pub apis: BTreeMap<String, HttpApi>,
    /// The health check's answer.
    pub health: Value,
    pub adversary: Adversary,
    /// Those that are not AWS's.
    pub services: Services,
    /// What SQS tells of who sent a message, by access key id: for functions.
    pub senders: BTreeMap<String, String>,
    pub judge: Judge,
}

/// The running server; dropping it closes every connection.
pub struct Front {
    desk: Arc<Desk>,
    closing: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// A connection that is closed instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
struct Broken;

/// What answers requests, whichever connection they come from.
struct Desk {
    backends: Backends,
    forward: Forward,
    calls: Calls,
    admin: Admin,
}

impl Front {
    pub fn start(listener: TcpListener, backends: Backends) -> Self {
        let forward = Forward::to(backends.dynamodb.address());
        let admin = Admin::new(
            backends.health.clone(),
            backends.adversary.clone(),
            backends.services.clone(),
        );
        let desk = Arc::new(Desk { backends, forward, calls: Calls::default(), admin });
        let (closing, closed) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, Arc::clone(&desk), closed));
        Self { desk, closing, serving }
    }

    /// Says where the status comes from, once everything that it tells of runs.
    pub fn tell_status(&self, source: StatusSource) {
        self.desk.admin.tell_status(source);
    }

    pub fn calls(&self) -> BTreeMap<Call, u64> {
        self.desk.calls.snapshot()
    }

    pub fn judge(&self) -> &Judge {
        &self.desk.backends.judge
    }

    /// How many requests to DynamoDB are over: as long as it is the same, no table has changed by one
    /// that had been answered.
    pub fn dynamodb_requests(&self) -> Arc<AtomicU64> {
        self.desk.forward.over()
    }

    /// Closes every connection, answered or not.
    pub async fn shutdown(mut self) {
        self.closing.send_replace(true);
        // It fails only if the server panicked, and then it has ended too.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>, mut closing: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Dropped at the end, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            Some(_) = connections.join_next() => continue,
            _ = closing.wait_for(|closing| *closing) => return,
        };
        let Some((place, accepted)) = accepted else { return };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of files, say: one connection is lost, and the next may do better.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::task::yield_now().await;
                continue;
            }
        };
        // Without it, answers wait for acknowledgements; failing to set it harms nothing else.
        let _ = stream.set_nodelay(true);
        let desk = Arc::clone(&desk);
        connections.spawn(async move {
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let desk = Arc::clone(&desk);
                async move { desk.answer(request.map(Body::new)).await }
            });
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
}

impl Desk {
    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Broken> {
        let (parts, body) = request.into_parts();
        if admin::is_meant(parts.uri.path()) {
            return Ok(self.admin.answer(&parts, body).await);
        }
        let route = Route::of(&parts);
        let service = route.destination.service();
        self.calls.count(&route.caller, service, &route.operation);
        let adversary = &self.backends.adversary;
        let fate = adversary.request(&route.caller, service, &route.operation);
        if !fate.delay.is_zero() {
            tokio::time::sleep(fate.delay).await;
        }
        let to = &route.destination;
        match fate.trouble {
            Some(Trouble::Throttled) => return Ok(trouble::throttled(to)),
            Some(Trouble::Failed) => return Ok(trouble::failed(to)),
            Some(Trouble::Expired) => return Ok(trouble::expired(to)),
            Some(Trouble::Reset) => return Err(Broken),
            Some(Trouble::Conflict(mut dice)) => {
                let body = read(body).await;
                return Ok(body.map_or_else(
                    |refusal| refusal,
                    |body| trouble::conflict(&route.operation, &body, &mut dice),
                ));
            }
            Some(Trouble::Partial(_) | Trouble::Unlisted(_) | Trouble::AnswerLost) | None => {}
        }
        let token = route.token.clone();
        let answer = self.serve(parts, body, route, fate.trouble).await;
        // It has taken effect: whoever is to hear of it may be gone by now.
        let is_lost = matches!(fate.trouble, Some(Trouble::AnswerLost));
        if !token.is_empty() && adversary.is_last_call(&token) {
            self.backends.lambda.kill(&token);
            return Err(Broken);
        }
        if is_lost { Err(Broken) } else { Ok(answer) }
    }

    async fn serve(
        &self,
        parts: Parts,
        body: Body,
        route: Route,
        trouble: Option<Trouble>,
    ) -> Response<Body> {
        let body = match self.judged(&route, &parts, body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        match route.destination {
            Destination::Sqs => match read(body).await {
                Ok(body) => {
                    let caller = self.sqs_caller(&route, &parts);
                    self.sqs(&route, caller, body, trouble).await.map(Body::from)
                }
                Err(refusal) => refusal,
            },
            Destination::DynamoDb => match read(body).await {
                Ok(body) => {
                    let answer = self.dynamodb(parts, body, trouble).await;
                    if !operation::only_reads(&route.operation) {
                        self.backends.dynamodb.has_written();
                    }
                    answer
                }
                Err(refusal) => refusal,
            },
            Destination::SecretsManager => match read(body).await {
                Ok(body) => self.backends.secrets.call(&route.operation, &body).map(Body::from),
                Err(refusal) => refusal,
            },
            Destination::S3 => {
                let request = Request::from_parts(parts.clone(), body);
                let mut answer = self.backends.s3.call(request).await;
                self.backends.judge.hide_tags(&route, &parts, &mut answer);
                if awaits_leave_to_send_nothing(&parts) {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                answer
            }
            Destination::Lambda if EventSourceMappings::handles_path(parts.uri.path()) => {
                self.backends.mappings.handle(Request::from_parts(parts, body)).await
            }
            Destination::Lambda => {
                self.backends.lambda.handle(Request::from_parts(parts, body)).await
            }
            Destination::FunctionUrl { function, path } => match moved(parts, body, path) {
                Some(request) => self.function_url(&route.caller, &function, request).await,
                None => not_a_path(),
            },
            Destination::HttpApi { api, path } => {
                match (self.backends.apis.get(&api), moved(parts, body, path)) {
                    (Some(api), Some(request)) => self.backends.lambda.http_api(api, request).await,
                    (None, _) => error(StatusCode::NOT_FOUND, "there is no such http api"),
                    (_, None) => not_a_path(),
                }
            }
        }
    }

    /// Whether the caller's role lets it has been judged.
    async fn function_url(
        &self,
        caller: &str,
        function: &str,
        request: Request<Body>,
    ) -> Response<Body> {
        let identity = match self.backends.urls.get(function) {
            None => return error(StatusCode::NOT_FOUND, "there is no such function url"),
            Some(UrlAuth::None) => None,
            Some(UrlAuth::AwsIam) if caller.is_empty() => return denied::unsigned(),
            Some(UrlAuth::AwsIam) => Some(self.backends.judge.identity(caller)),
        };
        self.backends.lambda.function_url(function, identity.as_ref(), request).await
    }

    /// The request's body, if the caller may do what the request asks for.
    ///
    /// # Errors
    /// The answer, if not.
    async fn judged(
        &self,
        route: &Route,
        parts: &Parts,
        body: Body,
    ) -> Result<Body, Response<Body>> {
        let judge = &self.backends.judge;
        if !judge.reads_body(route) {
            return judge.judge(route, parts, &Bytes::new()).map(|()| body);
        }
        let body = read(body).await?;
        judge.judge(route, parts, &body).map(|()| Body::from(body))
    }

    /// What SQS tells of the caller with each message.
    fn sqs_caller<'a>(&'a self, route: &Route, parts: &'a Parts) -> sqs::Caller<'a> {
        let trace = parts.headers.get("x-amzn-trace-id").and_then(|value| value.to_str().ok());
        let session = self.backends.senders.get(&route.caller).map(String::as_str);
        sqs::Caller { session, trace }
    }

    async fn dynamodb(
        &self,
        mut parts: Parts,
        body: Bytes,
        trouble: Option<Trouble>,
    ) -> Response<Body> {
        let partly = match trouble {
            Some(Trouble::Partial(mut dice)) => trouble::partly_read(&body, &mut dice),
            _ => None,
        };
        let Some(partly) = partly else { return self.forward.send(parts, body).await };
        parts.headers.remove(CONTENT_LENGTH);
        let (head, body) = self.forward.send(parts, partly.request.clone()).await.into_parts();
        match read(body).await {
            Ok(body) => partly.complete(Response::from_parts(head, body)).map(Body::from),
            Err(refusal) => refusal,
        }
    }

    async fn sqs(
        &self,
        route: &Route,
        caller: sqs::Caller<'_>,
        body: Bytes,
        trouble: Option<Trouble>,
    ) -> Response<Bytes> {
        let operation = route.operation.as_str();
        let call = async |body: &[u8]| self.backends.sqs.call_as(caller, operation, body).await;
        match trouble {
            Some(Trouble::Partial(mut dice)) => {
                if let Some(part) = trouble::part(&body, &mut dice) {
                    return part.complete(call(&part.request).await);
                }
            }
            Some(Trouble::Unlisted(mut dice)) => {
                if let Some(unlisted) = trouble::unlisted(&body, &mut dice) {
                    let answer = match &unlisted.request {
                        Some(request) => Some(call(request).await),
                        None => None,
                    };
                    return unlisted.complete(answer);
                }
            }
            _ => {}
        }
        call(&body).await
    }
}

/// Whether a client asks for leave to send a body that is empty, as boto3 does for an empty object. It has
/// its answer at once instead, and what boto3 then sends over the same connection it reads no answer to:
/// <https://github.com/boto/botocore/blob/develop/botocore/awsrequest.py>.
fn awaits_leave_to_send_nothing(parts: &Parts) -> bool {
    let is_empty = parts.headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0");
    is_empty && parts.headers.contains_key(EXPECT)
}

/// The request as it would be at its own host, with the path below the URL; `None` where that is
/// no path.
fn moved(mut parts: Parts, body: Body, path: String) -> Option<Request<Body>> {
    parts.uri = Uri::try_from(path).ok()?;
    Some(Request::from_parts(parts, body))
}

fn not_a_path() -> Response<Body> {
    error(StatusCode::BAD_REQUEST, "not a path below this url")
}

async fn read(body: Body) -> Result<Bytes, Response<Body>> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(reason) if reason.is::<LengthLimitError>() => {
            Err(error(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large"))
        }
        Err(_) => Err(error(StatusCode::BAD_REQUEST, "the request did not arrive whole")),
    }
}

fn error(status: StatusCode, message: &str) -> Response<Body> {
    json_response(status, &json!({ "message": message }))
}

fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
