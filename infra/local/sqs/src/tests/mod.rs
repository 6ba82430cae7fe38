//! Tests of a queue as a state machine and of the service through its API, with a clock that the test sets.

mod fifo;
mod invariants;
mod move_tasks;
mod polling;
mod protocol;
mod redrive;
mod snapshots;
mod standard;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::attributes::Attributes;
use super::content::Outgoing;
use super::errors::Fault;
use super::message::Delivery;
use super::queue::{Queue, Receive, Sent};
use super::receipt::{Receipt, ReceiptError};
use super::{NewMessage, ReceivedMessage, Sqs};
use clock::Clock;
use faults::SendFaults;

const START_MS: u64 = 1_700_000_000_000;
const SECOND: u64 = 1_000;

/// A single queue and the current time.
struct TestQueue {
    queue: Queue,
    now_ms: u64,
    sent: u64,
}

impl TestQueue {
    fn standard(attributes: &[(&str, &str)]) -> Self {
        Self::new(false, attributes)
    }

    fn fifo(attributes: &[(&str, &str)]) -> Self {
        Self::new(true, attributes)
    }

    fn new(is_fifo: bool, attributes: &[(&str, &str)]) -> Self {
        let attributes = Attributes::defaults(is_fifo).with_changes(&map(attributes)).unwrap();
        Self { queue: Queue::new(7, attributes), now_ms: START_MS, sent: 0 }
    }

    fn set(&mut self, changes: &[(&str, &str)]) {
        let next = self.queue.attributes().with_changes(&map(changes)).unwrap();
        self.queue.set_attributes(next, self.now_ms);
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    fn try_send(&mut self, outgoing: Outgoing) -> Result<Sent, Fault> {
        self.sent += 1;
        let id = format!("id-{}", self.sent).into();
        self.queue.send(outgoing, SendFaults::default(), || id, self.now_ms)
    }

    fn send(&mut self, body: &str) -> Sent {
        self.try_send(Outgoing { body: body.to_owned(), ..Outgoing::default() }).unwrap()
    }

    /// Sends to a group, with the body as the deduplication id.
    fn send_to(&mut self, group: &str, body: &str) -> Sent {
        self.try_send(grouped(group, body, body)).unwrap()
    }

    fn receive(&mut self, max: usize) -> Vec<Delivery> {
        self.receive_with(&Receive { max, ..Receive::default() })
    }

    fn receive_with(&mut self, request: &Receive<'_>) -> Vec<Delivery> {
        let received = self.queue.receive(request, self.now_ms);
        assert!(received.dead_letters.is_empty());
        received.deliveries
    }

    /// The bodies of what can be received.
    fn bodies(&mut self, max: usize) -> Vec<String> {
        self.receive(max).into_iter().map(|delivery| delivery.content.body.clone()).collect()
    }

    fn delete(&mut self, delivery: &Delivery) -> Result<(), ReceiptError> {
        self.queue.delete(receipt(delivery), self.now_ms)
    }

    fn hide(&mut self, delivery: &Delivery, seconds: i64) -> Result<(), ReceiptError> {
        self.queue.change_visibility(receipt(delivery), seconds, self.now_ms)
    }

    /// Visible, in flight, delayed.
    fn depth(&mut self) -> (usize, usize, usize) {
        let depth = self.queue.depth(self.now_ms);
        (depth.visible, depth.in_flight, depth.delayed)
    }
}

fn receipt(delivery: &Delivery) -> Receipt {
    Receipt::parse(&delivery.receipt_handle).unwrap()
}

fn grouped(group: &str, deduplication_id: &str, body: &str) -> Outgoing {
    Outgoing {
        body: body.to_owned(),
        group_id: Some(group.to_owned()),
        deduplication_id: Some(deduplication_id.to_owned()),
        ..Outgoing::default()
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A service on a manual clock, with ids that count.
struct World {
    clock: Clock,
    sqs: Sqs,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(START_MS);
        let made = Arc::new(AtomicU64::new(0));
        let ids = move || Uuid::from_u64_pair(0, made.fetch_add(1, Ordering::Relaxed));
        let sqs =
            Sqs::with_ids(clock.clone(), "eu-west-1", "123456789012", "http://localhost:4566", ids);
        Self { clock, sqs }
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn create(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        self.sqs.create_queue(name, &map(attributes), &BTreeMap::new()).unwrap()
    }

    /// A queue and its dead-letter queue, `<name>-dlq`.
    fn create_pair(&self, name: &str, max_receive_count: u32) {
        let dlq = format!("{name}-dlq");
        self.create(&dlq, &[]);
        let policy = policy(&dlq, &max_receive_count.to_string());
        self.create(name, &[("RedrivePolicy", &policy), ("VisibilityTimeout", "30")]);
    }

    fn send(&self, queue: &str, body: &str) -> String {
        self.sqs.send(queue, NewMessage { body: body.to_owned(), ..NewMessage::default() }).unwrap()
    }

    async fn receive(&self, queue: &str) -> Vec<ReceivedMessage> {
        self.sqs.receive(queue, 10, Duration::ZERO).await.unwrap()
    }

    fn depth(&self, queue: &str) -> (usize, usize, usize) {
        let depth = self.sqs.depth(queue).unwrap();
        (depth.visible, depth.in_flight, depth.delayed)
    }

    /// Calls an operation that is expected to succeed.
    async fn call(&self, operation: &str, body: Value) -> Value {
        let response = self.sqs.call(operation, body.to_string().as_bytes()).await;
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(response.status(), 200, "{operation}: {answer}");
        answer
    }

    /// Calls an operation that is expected to be refused: status, `__type` without its namespace,
    /// `x-amzn-query-error` (empty without it), message.
    async fn refused(&self, operation: &str, body: &[u8]) -> (u16, String, String, String) {
        let response = self.sqs.call(operation, body).await;
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        let header = |name: &str| {
            response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
        };
        assert_eq!(header("content-type"), "application/x-amz-json-1.0");
        assert!(!header("x-amzn-requestid").is_empty());
        let shape = answer["__type"].as_str().unwrap_or_else(|| panic!("accepted: {answer}"));
        let shape = shape.rsplit_once('#').unwrap().1.to_owned();
        let message = answer["message"].as_str().unwrap().to_owned();
        (response.status().as_u16(), shape, header("x-amzn-query-error"), message)
    }
}

fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:123456789012:{queue}")
}

fn policy(dlq: &str, max_receive_count: &str) -> String {
    format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{max_receive_count}}}"#, arn(dlq))
}
