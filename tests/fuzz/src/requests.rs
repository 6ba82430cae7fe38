//! Any text as a series of SQS requests: each is answered as AWS answers, and none harms a queue.
//!
//! A script is requests between lines of `---`: the operation's name on the first line, the body after
//! it. `$HANDLE` in a body is the receipt or task handle that was answered last, and `pass` in place of an
//! operation lets so many seconds pass. What holds after each request, whatever it was: the answer has
//! AWS's shape, a refusal changes nothing, and messages come and go as the answer says.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use clock::Clock;
use serde_json::Value;
use sqs::Sqs;
use uuid::Uuid;

const SEPARATOR: &[u8] = b"\n---\n";
/// Requests of one script.
const MAX_REQUESTS: usize = 24;
/// Of one pause, in seconds: beyond the longest retention.
const MAX_PASS: u64 = 2_000_000;
const START_MS: u64 = 1_700_000_000_000;

/// Two queues and their dead-letter queue, there from the start.
const BEGINNING: [(&str, &str); 3] = [
    ("CreateQueue", r#"{"QueueName":"dlq"}"#),
    (
        "CreateQueue",
        r#"{"QueueName":"q","Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:000000000000:dlq\",\"maxReceiveCount\":2}"}}"#,
    ),
    (
        "CreateQueue",
        r#"{"QueueName":"q.fifo","Attributes":{"FifoQueue":"true","ContentBasedDeduplication":"true"}}"#,
    ),
];

/// Runs a script, and panics where one of the answers is none, or a queue miscounts.
pub(crate) fn check(script: &[u8]) {
    let mut world = World::new();
    for (operation, body) in BEGINNING {
        world.request(operation, body.as_bytes());
    }
    for step in split(script).into_iter().take(MAX_REQUESTS) {
        world.step(step);
    }
}

/// One request to a world that has just begun: its status and `__type`, which a success lacks.
#[cfg_attr(not(test), expect(dead_code, reason = "for the tests' table of answers"))]
pub(crate) fn answer_to(operation: &str, body: &[u8]) -> (u16, String) {
    let mut world = World::new();
    for (operation, body) in BEGINNING {
        world.request(operation, body.as_bytes());
    }
    let (status, answer) = world.request(operation, body).unwrap_or((0, Value::Null));
    (status, answer["__type"].as_str().unwrap_or_default().to_owned())
}

struct World {
    sqs: Sqs,
    clock: Clock,
    handle: String,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(START_MS);
        let last = AtomicU64::new(0);
        let ids = move || Uuid::from_u128(u128::from(last.fetch_add(1, Ordering::Relaxed)));
        let endpoint = "http://127.0.0.1:4566";
        let sqs = Sqs::with_ids(clock.clone(), "eu-west-1", "000000000000", endpoint, ids);
        Self { sqs, clock, handle: String::new() }
    }

    fn step(&mut self, step: &[u8]) {
        let end = step.iter().position(|byte| *byte == b'\n').unwrap_or(step.len());
        let operation = String::from_utf8_lossy(&step[..end]).into_owned();
        let body = step.get(end + 1..).unwrap_or_default();
        if operation == "pass" {
            let seconds = std::str::from_utf8(body).ok().and_then(|text| text.trim().parse().ok());
            self.clock.advance(Duration::from_secs(seconds.unwrap_or(1).min(MAX_PASS)));
        } else {
            self.request(&operation, &replaced(body, b"$HANDLE", self.handle.as_bytes()));
        }
    }

    /// The answer's status and body; `None` if it is still waited for.
    fn request(&mut self, operation: &str, body: &[u8]) -> Option<(u16, Value)> {
        let before = self.held();
        let response = now_or_never(self.sqs.call(operation, body));
        let after = self.held();
        let Some(response) = response else {
            assert_eq!(operation, "ReceiveMessage", "nothing else waits");
            assert_eq!(before, after, "who waits has received nothing");
            return None;
        };
        let status = response.status().as_u16();
        let answer = shape(&response);
        if status == 200 {
            self.remember_handle(&answer);
            check_counts(operation, &answer, before, after);
        } else {
            assert_eq!(before, after, "a refusal changes nothing: {operation} {answer}");
        }
        check_syntax(operation, body, &answer);
        Some((status, answer))
    }

    /// All messages of all queues.
    fn held(&self) -> usize {
        let names = self.sqs.queue_names();
        let held = names.iter().map(|name| {
            let depth = self.sqs.depth(name).unwrap_or_default();
            let held = depth.visible + depth.in_flight + depth.delayed;
            assert_eq!(self.sqs.peek(name).len(), held, "{name} counts what it holds");
            held
        });
        held.sum()
    }

    fn remember_handle(&mut self, answer: &Value) {
        let received = answer["Messages"].as_array().and_then(|messages| messages.last());
        let handle = received.map_or(&answer["TaskHandle"], |message| &message["ReceiptHandle"]);
        if let Some(handle) = handle.as_str() {
            self.handle = handle.to_owned();
        }
    }
}

/// What every answer of the JSON 1.0 protocol is:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>
fn shape(response: &http::Response<Bytes>) -> Value {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("application/x-amz-json-1.0"));
    assert!(header("x-amzn-requestid").is_some_and(|id| !id.is_empty()));
    let answer: Value = match serde_json::from_slice(response.body()) {
        Ok(answer) => answer,
        Err(error) => panic!("not JSON: {error}: {:?}", response.body()),
    };
    assert!(answer.is_object(), "{answer}");
    let query_error = header("x-amzn-query-error");
    if response.status() == http::StatusCode::OK {
        assert!(answer.get("__type").is_none() && query_error.is_none(), "{answer}");
        return answer;
    }
    assert!(matches!(response.status().as_u16(), 400 | 403 | 404), "{}", response.status());
    let kind = answer["__type"].as_str().and_then(|kind| kind.split_once('#'));
    let is_known = kind.is_some_and(|(namespace, shape)| {
        matches!(namespace, "com.amazonaws.sqs" | "com.amazon.coral.service") && !shape.is_empty()
    });
    assert!(is_known && answer["message"].is_string(), "{answer}");
    assert!(query_error.is_none_or(|code| code.ends_with(";Sender")), "{query_error:?}");
    answer
}

/// A body that is no JSON object is always refused as that, unless the operation is unknown.
fn check_syntax(operation: &str, body: &[u8], answer: &Value) {
    let is_structure = body.is_empty()
        || serde_json::from_slice::<Value>(body).is_ok_and(|value| value.is_object());
    let kind = answer["__type"].as_str().unwrap_or_default();
    let is_unknown = kind.ends_with("#UnknownOperationException");
    let is_malformed = kind.ends_with("#SerializationException");
    assert!(is_structure || is_unknown || is_malformed, "{operation} {answer}");
}

/// Messages come by sends and go by deletes, as many as the answer says, and in no other way.
fn check_counts(operation: &str, answer: &Value, before: usize, after: usize) {
    let done = |name: &str| answer[name].as_array().map_or(0, Vec::len);
    let came = after.checked_sub(before);
    let went = before.checked_sub(after);
    let is_right = match operation {
        // A FIFO queue takes a duplicate for what it has already.
        "SendMessage" if answer.get("SequenceNumber").is_some() => came.is_some_and(|n| n <= 1),
        "SendMessage" => came == Some(1),
        "SendMessageBatch" => came.is_some_and(|n| n <= done("Successful")),
        "DeleteMessage" => went.is_some_and(|n| n <= 1),
        "DeleteMessageBatch" => went.is_some_and(|n| n <= done("Successful")),
        // A shorter retention ends what is older.
        "DeleteQueue" | "PurgeQueue" | "SetQueueAttributes" => went.is_some(),
        _ => before == after,
    };
    assert!(is_right, "{operation}: {before} messages, then {after}: {answer}");
    for failed in answer["Failed"].as_array().into_iter().flatten() {
        let texts = ["Id", "Code", "Message"].iter().all(|name| failed[*name].is_string());
        assert!(texts && failed["SenderFault"].is_boolean(), "{failed}");
    }
}

/// What is ready at once: nothing here waits for anything but time, which stands still.
fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn split(script: &[u8]) -> Vec<&[u8]> {
    let mut steps = Vec::new();
    let mut rest = script;
    while let Some(at) = find(rest, SEPARATOR) {
        steps.push(&rest[..at]);
        rest = &rest[at + SEPARATOR.len()..];
    }
    steps.push(rest);
    steps
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, from) {
        whole.extend_from_slice(&rest[..at]);
        whole.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    whole.extend_from_slice(rest);
    whole
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
