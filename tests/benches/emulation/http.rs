//! A light client: one HTTP/1.1 connection that stays open, texts put together by hand.
//!
//! It signs nothing and checks no digest, so that little of what is measured is its own.

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::client::{BATCH, Caller, Taken};
use crate::world::{body, number};

pub(crate) struct Light {
    connection: SendRequest<Full<Bytes>>,
    authority: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received<'a> {
    #[serde(borrow, default)]
    messages: Vec<Message<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message<'a> {
    receipt_handle: &'a str,
    #[serde(borrow)]
    body: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<'a> {
    #[serde(borrow, default)]
    successful: Vec<&'a serde_json::value::RawValue>,
}

impl Light {
    /// A connection that is driven by `runtime`.
    pub(crate) async fn connect(endpoint: &str, queue: &str, runtime: &Handle) -> Self {
        let authority = endpoint.strip_prefix("http://").unwrap().to_owned();
        let address = authority.clone();
        let connected = runtime.spawn(async move {
            let stream = TcpStream::connect(&address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (connection, driver) = handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(driver);
            connection
        });
        let connection = connected.await.unwrap();
        Self { connection, authority, url: format!("{endpoint}/000000000000/{queue}") }
    }

    async fn call(&mut self, operation: &str, body: String) -> Bytes {
        let request = Request::post("/")
            .header("host", &self.authority)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{operation}"))
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        self.connection.ready().await.unwrap();
        let response = self.connection.send_request(request).await.unwrap();
        let status = response.status();
        let answer = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, StatusCode::OK, "{operation}: {answer:?}");
        answer
    }
}

impl Caller for Light {
    async fn send(&mut self, first: usize) {
        let mut text = format!("{{\"QueueUrl\":\"{}\",\"Entries\":[", self.url);
        for at in 0..BATCH {
            let body = body(first + at).replace('"', "\\\"");
            let comma = if at == 0 { "" } else { "," };
            write!(text, "{comma}{{\"Id\":\"{at}\",\"MessageBody\":\"{body}\"}}").unwrap();
        }
        text.push_str("]}");
        let answer = self.call("SendMessageBatch", text).await;
        let answer: Batch<'_> = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer.successful.len(), BATCH);
    }

    async fn receive(&mut self) -> Vec<Taken> {
        let text = format!("{{\"QueueUrl\":\"{}\",\"MaxNumberOfMessages\":{BATCH}}}", self.url);
        let answer = self.call("ReceiveMessage", text).await;
        let received: Received<'_> = serde_json::from_slice(&answer).unwrap();
        let taken = |message: Message<'_>| Taken {
            number: number(&message.body),
            handle: message.receipt_handle.to_owned(),
        };
        received.messages.into_iter().map(taken).collect()
    }

    async fn delete(&mut self, taken: Vec<Taken>) {
        let mut text = format!("{{\"QueueUrl\":\"{}\",\"Entries\":[", self.url);
        for (at, one) in taken.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(text, "{comma}{{\"Id\":\"{at}\",\"ReceiptHandle\":\"{}\"}}", one.handle)
                .unwrap();
        }
        text.push_str("]}");
        let answer = self.call("DeleteMessageBatch", text).await;
        let answer: Batch<'_> = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer.successful.len(), taken.len());
    }
}
