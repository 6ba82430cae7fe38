#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod access;
mod access_denied;
mod admin;
mod calls;
mod fault_plans;
mod forwarder;
mod injected_faults;
mod operation;
mod permissions;
mod responses;
mod route;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, EXPECT};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

pub use self::access::Access;
pub use self::access::Authorizer;
pub use self::admin::StatusSource;
pub use self::admin::{HEALTH, SERVICES, STATUS};
pub use self::calls::Call;
pub use self::fault_plans::FAULTS;
pub use self::permissions::Location;

use self::admin::Admin;
use self::calls::Calls;
use self::forwarder::Forwarder;
use self::responses::{error, invalid_path, json_response, read_body};
use self::route::{Destination, Route, with_path};
use dynamodb::DynamoDb;
use faults::{Adversary, RequestFault};
use lambda::mapping::EventSourceMappings;
use lambda::{HttpApi, Lambda};
use secrets::SecretsManager;
use services::Services;
use sqs::Sqs;
use template::UrlAuth;

/// The maximum number of connections. Further connections wait until one ends.
const MAX_CONNECTIONS: usize = 1_024;

/// The services that the server makes available.
#[expect(missing_docs, reason = "the other fields are the services of these names")]
pub struct Backends {
    pub sqs: Sqs,
    pub s3: s3::Service,
    pub dynamodb: DynamoDb,
    pub secrets: SecretsManager,
    pub lambda: Lambda,
    pub mappings: EventSourceMappings,
    /// The authorization of each function URL, by the name of the function.
    pub urls: BTreeMap<String, UrlAuth>,
    /// The HTTP APIs by their logical ids.
    pub apis: BTreeMap<String, HttpApi>,
    /// The answer to a health check.
    pub health: Value,
    pub adversary: Adversary,
    /// The services other than AWS's.
    pub services: Services,
    /// The sender that SQS records in messages, by the access key id of the function that sends.
    pub senders: BTreeMap<String, String>,
    pub authorizer: Authorizer,
}

/// The running server. Dropping it closes all connections.
pub struct Server {
    router: Arc<Router>,
    closing: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// The connection is closed instead of sending an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
struct ConnectionClosed;

/// Answers the requests of all connections.
struct Router {
    backends: Backends,
    forwarder: Forwarder,
    calls: Calls,
    admin: Admin,
}

impl Server {
    /// Starts to accept connections.
    pub fn start(listener: TcpListener, backends: Backends) -> Self {
        let forwarder = Forwarder::new(backends.dynamodb.address());
        let admin = Admin::new(
            backends.health.clone(),
            backends.adversary.clone(),
            backends.services.clone(),
        );
        let router = Arc::new(Router { backends, forwarder, calls: Calls::default(), admin });
        let (closing, closed) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, Arc::clone(&router), closed));
        Self { router, closing, serving }
    }

    /// Sets the source of the status, once everything that it describes is running.
    pub fn set_status_source(&self, source: StatusSource) {
        self.router.admin.set_status_source(source);
    }

    /// The number of calls so far.
    pub fn calls(&self) -> BTreeMap<Call, u64> {
        self.router.calls.snapshot()
    }

    /// The authorizer of requests.
    pub fn authorizer(&self) -> &Authorizer {
        &self.router.backends.authorizer
    }

    /// The number of finished requests to DynamoDB. As long as it stays the same, no answered request has
    /// changed a table.
    pub fn dynamodb_requests(&self) -> Arc<AtomicU64> {
        self.router.forwarder.finished_requests()
    }

    /// Closes all connections, even if a request has no answer yet.
    pub async fn shutdown(mut self) {
        self.closing.send_replace(true);
        // This fails only if the server panicked, and then it has ended as well.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, router: Arc<Router>, mut closing: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Dropping this at the end closes all connections.
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
                // The process may be out of file descriptors. The next connection may succeed.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::task::yield_now().await;
                continue;
            }
        };
        // Without this, answers wait for acknowledgements. If it fails, answers are only slower.
        let _ = stream.set_nodelay(true);
        let router = Arc::clone(&router);
        connections.spawn(async move {
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let router = Arc::clone(&router);
                async move { router.answer(request.map(Body::new)).await }
            });
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
}

impl Router {
    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, ConnectionClosed> {
        let (parts, body) = request.into_parts();
        if admin::handles_path(parts.uri.path()) {
            return Ok(self.admin.answer(&parts, body).await);
        }
        let route = Route::of(&parts);
        let service = route.destination.service();
        self.calls.count(&route.caller, service, &route.operation);
        let adversary = &self.backends.adversary;
        let faults = adversary.request_faults(&route.caller, service, &route.operation);
        if !faults.delay.is_zero() {
            tokio::time::sleep(faults.delay).await;
        }
        let to = &route.destination;
        match faults.fault {
            Some(RequestFault::Throttled) => return Ok(injected_faults::throttled(to)),
            Some(RequestFault::Failed) => return Ok(injected_faults::failed(to)),
            Some(RequestFault::Expired) => return Ok(injected_faults::expired(to)),
            Some(RequestFault::Reset) => return Err(ConnectionClosed),
            Some(RequestFault::Conflict(mut dice)) => {
                let body = read_body(body).await;
                return Ok(body.map_or_else(
                    |refusal| refusal,
                    |body| injected_faults::conflict(&route.operation, &body, &mut dice),
                ));
            }
            Some(
                RequestFault::Partial(_) | RequestFault::Unlisted(_) | RequestFault::AnswerLost,
            )
            | None => {}
        }
        let token = route.token.clone();
        let answer = self.serve(parts, body, route, faults.fault).await;
        // The request has taken effect. A fault may now prevent the answer.
        let is_lost = matches!(faults.fault, Some(RequestFault::AnswerLost));
        if !token.is_empty() && adversary.count_call(&token) {
            self.backends.lambda.kill(&token);
            return Err(ConnectionClosed);
        }
        if is_lost { Err(ConnectionClosed) } else { Ok(answer) }
    }

    async fn serve(
        &self,
        parts: Parts,
        body: Body,
        route: Route,
        fault: Option<RequestFault>,
    ) -> Response<Body> {
        let body = match self.authorize_request(&route, &parts, body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        match route.destination {
            Destination::Sqs => match read_body(body).await {
                Ok(body) => {
                    let caller = self.sqs_caller(&route, &parts);
                    self.sqs(&route, caller, body, fault).await.map(Body::from)
                }
                Err(refusal) => refusal,
            },
            Destination::DynamoDb => match read_body(body).await {
                Ok(body) => {
                    let answer = self.dynamodb(parts, body, fault).await;
                    if !operation::is_read_only(&route.operation) {
                        self.backends.dynamodb.notify_written();
                    }
                    answer
                }
                Err(refusal) => refusal,
            },
            Destination::SecretsManager => match read_body(body).await {
                Ok(body) => self.backends.secrets.call(&route.operation, &body).map(Body::from),
                Err(refusal) => refusal,
            },
            Destination::S3 => {
                let request = Request::from_parts(parts.clone(), body);
                let mut answer = self.backends.s3.call(request).await;
                self.backends.authorizer.hide_tag_count(&route, &parts, &mut answer);
                if expects_continue_without_body(&parts) {
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
            Destination::FunctionUrl { function, path } => match with_path(parts, body, path) {
                Some(request) => self.function_url(&route.caller, &function, request).await,
                None => invalid_path(),
            },
            Destination::HttpApi { api, path } => {
                match (self.backends.apis.get(&api), with_path(parts, body, path)) {
                    (Some(api), Some(request)) => self.backends.lambda.http_api(api, request).await,
                    (None, _) => error(StatusCode::NOT_FOUND, "there is no such http api"),
                    (_, None) => invalid_path(),
                }
            }
        }
    }

    /// Calls a function URL. The caller's role has already been checked.
    async fn function_url(
        &self,
        caller: &str,
        function: &str,
        request: Request<Body>,
    ) -> Response<Body> {
        let identity = match self.backends.urls.get(function) {
            None => return error(StatusCode::NOT_FOUND, "there is no such function url"),
            Some(UrlAuth::None) => None,
            Some(UrlAuth::AwsIam) if caller.is_empty() => return access_denied::unsigned_request(),
            Some(UrlAuth::AwsIam) => Some(self.backends.authorizer.identity(caller)),
        };
        self.backends.lambda.function_url(function, identity.as_ref(), request).await
    }

    /// Checks that the caller has the permissions for a request, and returns the request's body.
    ///
    /// # Errors
    /// The answer to a request that is not allowed.
    async fn authorize_request(
        &self,
        route: &Route,
        parts: &Parts,
        body: Body,
    ) -> Result<Body, Response<Body>> {
        let authorizer = &self.backends.authorizer;
        if !authorizer.reads_body(route) {
            return authorizer.authorize(route, parts, &Bytes::new()).map(|()| body);
        }
        let body = read_body(body).await?;
        authorizer.authorize(route, parts, &body).map(|()| Body::from(body))
    }

    /// The caller, as SQS records it in messages.
    fn sqs_caller<'a>(&'a self, route: &Route, parts: &'a Parts) -> sqs::Caller<'a> {
        let trace = parts.headers.get("x-amzn-trace-id").and_then(|value| value.to_str().ok());
        let session = self.backends.senders.get(&route.caller).map(String::as_str);
        sqs::Caller { session, trace }
    }

    async fn dynamodb(
        &self,
        mut parts: Parts,
        body: Bytes,
        fault: Option<RequestFault>,
    ) -> Response<Body> {
        let partly = match fault {
            Some(RequestFault::Partial(mut dice)) => injected_faults::split_read(&body, &mut dice),
            _ => None,
        };
        let Some(partly) = partly else { return self.forwarder.send(parts, body).await };
        parts.headers.remove(CONTENT_LENGTH);
        let (head, body) = self.forwarder.send(parts, partly.request.clone()).await.into_parts();
        match read_body(body).await {
            Ok(body) => partly.complete_answer(Response::from_parts(head, body)).map(Body::from),
            Err(refusal) => refusal,
        }
    }

    async fn sqs(
        &self,
        route: &Route,
        caller: sqs::Caller<'_>,
        body: Bytes,
        fault: Option<RequestFault>,
    ) -> Response<Bytes> {
        let sqs = &self.backends.sqs;
        let operation = route.operation.as_str();
        match fault {
            Some(RequestFault::Partial(mut dice)) => {
                if let Some(part) = injected_faults::split_batch(&body, &mut dice) {
                    let answer = sqs.call_as(caller, operation, &part.request).await;
                    return part.complete_answer(answer);
                }
            }
            Some(RequestFault::Unlisted(mut dice)) => {
                if let Some(unlisted) = injected_faults::omit_entries(&body, &mut dice) {
                    let answer = match &unlisted.request {
                        Some(request) => Some(sqs.call_as(caller, operation, request).await),
                        None => None,
                    };
                    return unlisted.complete_answer(answer);
                }
            }
            _ => {}
        }
        sqs.call_as(caller, operation, &body).await
    }
}

/// Whether a client sends `Expect: 100-continue` with an empty body, as boto3 does for an empty object. The
/// server answers it at once. boto3 then reads no answer to the next request on the same connection, so the
/// connection must be closed:
/// <https://github.com/boto/botocore/blob/develop/botocore/awsrequest.py>.
fn expects_continue_without_body(parts: &Parts) -> bool {
    let is_empty = parts.headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0");
    is_empty && parts.headers.contains_key(EXPECT)
}
