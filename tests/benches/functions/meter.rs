//! Between a function and the emulation: what its writes to DynamoDB consume.
//!
//! It asks DynamoDB for the consumed capacity, which the functions do not, and passes all else on as it
//! is.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::units::{self, Units};

pub(crate) struct Meter {
    endpoint: String,
    desk: Arc<Desk>,
    server: AbortHandle,
}

struct Desk {
    client: Client<HttpConnector, Full<Bytes>>,
    target: String,
    units: Mutex<Units>,
}

impl Meter {
    /// Before this endpoint.
    pub(crate) async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::builder(TokioExecutor::new()).build_http();
        let units = Mutex::new(Units::new());
        let desk = Arc::new(Desk { client, target: target.to_owned(), units });
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&desk));
        let served = axum::serve(listener, router);
        let server = tokio::spawn(async move { served.await.unwrap() }).abort_handle();
        Self { endpoint, desk, server }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Since the last time that it was asked.
    pub(crate) fn take(&self) -> Units {
        std::mem::take(&mut self.desk.units.lock().unwrap())
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass_on(State(desk): State<Arc<Desk>>, request: Request) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let mut body = body.collect().await.unwrap().to_bytes();
    let transaction = is_transaction(&parts.headers).then(|| body.clone());
    if transaction.is_some() {
        body = asking_for_capacity(&body);
        parts.headers.remove(CONTENT_LENGTH);
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = Uri::try_from(format!("{}{path}", desk.target)).unwrap();
    parts.headers.remove(HOST);
    let answer = desk.client.request(Request::from_parts(parts, Full::new(body))).await.unwrap();
    let (mut parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if let Some(request) = transaction {
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let units = match parts.status {
            StatusCode::OK => units::written(&json(&body)),
            _ => units::cancelled(&json(&request), &json(&body)),
        };
        let mut all = desk.units.lock().unwrap();
        units.into_iter().for_each(|(table, units)| *all.entry(table).or_default() += units);
    }
    // Its frame is this server's affair.
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::from(body))
}

fn is_transaction(headers: &HeaderMap) -> bool {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    target.is_some_and(|target| target.ends_with(".TransactWriteItems"))
}

/// The request with one member more.
fn asking_for_capacity(body: &[u8]) -> Bytes {
    let rest = body.strip_prefix(b"{").unwrap();
    Bytes::from([br#"{"ReturnConsumedCapacity":"TOTAL","#, rest].concat())
}
