//! S3 with large objects, which are made up as they are read, and SQS with queues that keep nothing but a count. Both are
//! written from AWS's API references, and share nothing with the emulation.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use futures_util::stream;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// The bytes of a record with its line end.
pub(crate) const RECORD: u64 = 900_000;

/// The bytes that are written to a connection at a time.
const CHUNK: u64 = 256 * 1024;

/// Both services, at one endpoint.
pub(crate) struct Services {
    pub(crate) endpoint: String,
    shared: Arc<Shared>,
    server: AbortHandle,
}

struct Shared {
    /// How many records each object has.
    records: u64,
    received: Mutex<Received>,
}

/// What came to the services.
#[derive(Default)]
pub(crate) struct Received {
    /// How often each record was sent on, by the key of its object and its number from 0.
    pub(crate) records: BTreeMap<(String, u64), u64>,
    /// Messages to the inbox that were not taken from it.
    pub(crate) inbox: Vec<Message>,
    /// Messages to any other queue.
    pub(crate) others: Vec<String>,
    marks: BTreeSet<String>,
}

/// A message, as `SendMessageBatch` has it:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Message {
    id: String,
    pub(crate) message_body: String,
    #[serde(default)]
    pub(crate) message_attributes: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessageBatch {
    queue_url: String,
    entries: Vec<Message>,
}

impl Services {
    pub(crate) async fn start(records: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { records, received: Mutex::default() });
        let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable());
        let served = axum::serve(listener, router.with_state(Arc::clone(&shared)));
        let server = tokio::spawn(async move { served.await.unwrap() }).abort_handle();
        Self { endpoint, shared, server }
    }

    pub(crate) fn received<T>(&self, look: impl FnOnce(&mut Received) -> T) -> T {
        look(&mut self.shared.received.lock().unwrap())
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A record of the object. Its bytes are the same at each time.
pub(crate) fn record(number: u64) -> String {
    let flight = number % 5_000 + 1;
    let begin = format!(
        r#"{{"year":2013,"month":1,"day":1,"sched_dep_time":515,"carrier":"UA","flight":{flight},"origin":"EWR","dest":"IAH","time_hour":"2013-01-01T10:00:00Z","number":{number},"rest":""#
    );
    let end = "\"}\n";
    let rest = usize::try_from(RECORD).unwrap() - begin.len() - end.len();
    format!("{begin}{}{end}", "x".repeat(rest))
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if let Some(target) = parts.headers.get("x-amz-target") {
        assert_eq!(target, "AmazonSQS.SendMessageBatch");
        let body = body.collect().await.unwrap().to_bytes();
        return shared.send(&serde_json::from_slice(&body).unwrap());
    }
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    match parts.method {
        Method::GET => shared.get(&path, &parts.headers),
        Method::PUT if parts.headers.contains_key("x-amz-copy-source") => copied(&query),
        Method::PUT => {
            assert!(path.starts_with("/archive/slices/"), "{path}");
            shared.received.lock().unwrap().marks.insert(path);
            xml(StatusCode::OK, "")
        }
        Method::POST if query.starts_with("uploads") => xml(
            StatusCode::OK,
            "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
        ),
        Method::POST => xml(StatusCode::OK, "<CompleteMultipartUploadResult/>"),
        method => panic!("{method} {path}"),
    }
}

impl Shared {
    /// Counts messages, each of which has to be a record as it is in the object.
    fn send(&self, sent: &SendMessageBatch) -> Response<Body> {
        let mut successful = Vec::with_capacity(sent.entries.len());
        for entry in &sent.entries {
            successful.push(json!({"Id": entry.id, "MessageId": "m", "MD5OfMessageBody": ""}));
        }
        let queue = sent.queue_url.rsplit('/').next().unwrap();
        let mut received = self.received.lock().unwrap();
        for Message { message_body, message_attributes, .. } in &sent.entries {
            match queue {
                "enrich" => {
                    let number = number_of(message_body);
                    let whole = record(number);
                    assert!(message_body.contains(whole.trim_end()), "record {number} differs");
                    let record = (key_of(message_body), number);
                    *received.records.entry(record).or_default() += 1;
                }
                "inbox" => received.inbox.push(Message {
                    id: String::new(),
                    message_body: message_body.clone(),
                    message_attributes: message_attributes.clone(),
                }),
                _ => received.others.push(message_body.chars().take(500).collect()),
            }
        }
        let answer = json!({"Successful": successful, "Failed": []}).to_string();
        let response = Response::builder().header("content-type", "application/x-amz-json-1.0");
        response.body(Body::from(answer)).unwrap()
    }

    /// The object, its copy, or a mark.
    fn get(&self, path: &str, headers: &HeaderMap) -> Response<Body> {
        if path.starts_with("/archive/slices/") {
            return match self.received.lock().unwrap().marks.contains(path) {
                true => xml(StatusCode::OK, "mark"),
                false => xml(StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>"),
            };
        }
        let is_object = path.starts_with("/landing/flights/")
            || (path.starts_with("/archive/objects/landing/flights/") && path.ends_with("/e1"));
        assert!(is_object, "{path}");
        let size = self.records * RECORD;
        let from = headers.get("range").map_or(0, |range| {
            let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
            range.strip_suffix('-').unwrap().parse().unwrap()
        });
        assert!(from < size, "no such range");
        let status = if from > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let response = Response::builder().status(status).header("etag", "\"e1\"");
        let response = response.header("content-length", size - from);
        response.body(Body::from_stream(stream::iter(Chunks::new(from..size)))).unwrap()
    }
}

/// The bytes of the object within a range.
struct Chunks {
    rest: Range<u64>,
    /// The record that is being written.
    record: Bytes,
}

impl Chunks {
    fn new(rest: Range<u64>) -> Self {
        Self { rest, record: Bytes::new() }
    }
}

impl Iterator for Chunks {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        if self.record.is_empty() {
            let within = usize::try_from(self.rest.start % RECORD).unwrap();
            let whole = Bytes::from(record(self.rest.start / RECORD));
            self.record = whole.slice(within..);
        }
        let length = CHUNK.min(self.rest.end - self.rest.start);
        let length = usize::try_from(length).unwrap().min(self.record.len());
        self.rest.start += length as u64;
        Some(Ok(self.record.split_to(length)))
    }
}

/// The key of the object that an event is from.
fn key_of(body: &str) -> String {
    let (_, key) = body.split_once(r#""source":"arn:aws:s3:::landing/"#).unwrap();
    key.split_once('"').unwrap().0.to_owned()
}

fn number_of(body: &str) -> u64 {
    let (_, number) = body.split_once(r#""number":"#).unwrap();
    number.split_once(',').unwrap().0.parse().unwrap()
}

fn copied(query: &str) -> Response<Body> {
    let name = if query.contains("partNumber") { "CopyPartResult" } else { "CopyObjectResult" };
    xml(StatusCode::OK, &format!("<{name}><ETag>\"c\"</ETag></{name}>"))
}

fn xml(status: StatusCode, body: &str) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", "application/xml");
    response.body(Body::from(body.to_owned())).unwrap()
}
