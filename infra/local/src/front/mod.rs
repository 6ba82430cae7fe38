//! The one port: every service of the emulation behind it, as `AWS_ENDPOINT_URL` takes it.
//!
//! It routes and counts, and forwards DynamoDB to its own server; what a request means is the
//! service's affair. Loopback only, plain HTTP/1.1; signatures are read for who calls what, never
//! checked.

mod admin;
mod calls;
mod forward;
mod operation;
mod route;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
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

pub(crate) use self::admin::StatusSource;
pub use self::admin::{HEALTH, STATUS};
pub use self::calls::Call;

use self::admin::Admin;
use self::calls::Calls;
use self::forward::Forward;
use self::route::{Destination, Route};
use crate::lambda::Lambda;
use crate::s3;
use crate::sqs::Sqs;

/// Of SQS's and DynamoDB's requests, in bytes: the largest that either takes is DynamoDB's 16 MiB.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024 + 64 * 1024;
/// Connections at once; more wait until one ends.
const MAX_CONNECTIONS: usize = 1_024;

/// What is behind the port.
pub(crate) struct Backends {
    pub(crate) sqs: Sqs,
    pub(crate) s3: s3::Service,
    pub(crate) dynamodb: SocketAddr,
    pub(crate) lambda: Lambda,
    /// The functions that have a URL.
    pub(crate) urls: BTreeSet<String>,
    /// The health check's answer.
    pub(crate) health: Value,
}

/// The running server; dropping it closes every connection.
pub(crate) struct Front {
    desk: Arc<Desk>,
    closing: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// What answers requests, whichever connection they come from.
struct Desk {
    backends: Backends,
    forward: Forward,
    calls: Calls,
    admin: Admin,
}

impl Front {
    pub(crate) fn start(listener: TcpListener, backends: Backends) -> Self {
        let forward = Forward::to(backends.dynamodb);
        let admin = Admin::new(backends.health.clone());
        let desk = Arc::new(Desk { backends, forward, calls: Calls::default(), admin });
        let (closing, closed) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, Arc::clone(&desk), closed));
        Self { desk, closing, serving }
    }

    /// Says where the status comes from, once everything that it tells of runs.
    pub(crate) fn tell_status(&self, source: StatusSource) {
        self.desk.admin.tell_status(source);
    }

    pub(crate) fn calls(&self) -> BTreeMap<Call, u64> {
        self.desk.calls.snapshot()
    }

    /// Closes every connection, answered or not.
    pub(crate) async fn shutdown(mut self) {
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
                async move { Ok::<_, Infallible>(desk.answer(request.map(Body::new)).await) }
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
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        if admin::is_meant(request.uri().path()) {
            return self.admin.answer(&request);
        }
        let (parts, body) = request.into_parts();
        let route = Route::of(&parts);
        self.calls.count(&route.caller, route.destination.service(), &route.operation);
        match route.destination {
            Destination::Sqs => match read(body).await {
                Ok(body) => self.backends.sqs.call(&route.operation, &body).await.map(Body::from),
                Err(refusal) => refusal,
            },
            Destination::DynamoDb => match read(body).await {
                Ok(body) => self.forward.send(parts, body).await,
                Err(refusal) => refusal,
            },
            Destination::S3 => self.backends.s3.call(Request::from_parts(parts, body)).await,
            Destination::Lambda => {
                self.backends.lambda.handle(Request::from_parts(parts, body)).await
            }
            Destination::FunctionUrl { function, .. }
                if !self.backends.urls.contains(&function) =>
            {
                error(StatusCode::NOT_FOUND, "there is no such function url")
            }
            Destination::FunctionUrl { function, path } => {
                let mut parts = parts;
                let Ok(uri) = Uri::try_from(path) else {
                    return error(StatusCode::BAD_REQUEST, "not a path below a function url");
                };
                parts.uri = uri;
                let request = Request::from_parts(parts, body);
                self.backends.lambda.function_url(&function, request).await
            }
        }
    }
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
