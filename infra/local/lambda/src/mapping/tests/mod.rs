//! Mappings on a manual clock, between a queue and a function that tests hold in their hands.

mod batches;
mod fifo;
mod pollers;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use aws_lambda_events::sqs::SqsEvent;
use tokio::sync::{Notify, watch};

use super::*;

const START_MS: u64 = 1_584_000_000_000;
const VISIBILITY: Duration = Duration::from_secs(30);

/// A queue: what is put in is received once; deleting is recorded.
#[derive(Clone)]
struct FakeQueue {
    clock: Clock,
    inner: Arc<QueueState>,
}

#[derive(Default)]
struct QueueState {
    waiting: Mutex<VecDeque<ReceivedMessage>>,
    arrived: Notify,
    deleted: Mutex<Vec<String>>,
    given_back: Mutex<Vec<String>>,
    largest_request: Mutex<usize>,
    /// Called before messages are handed out.
    hands_out: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl FakeQueue {
    fn put(&self, id: &str, body: &str, group: Option<&str>) {
        self.put_with(id, body, group.map(|group| ("MessageGroupId", group)));
    }

    /// With system attributes.
    fn put_with<'a>(
        &self,
        id: &str,
        body: &str,
        attributes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        let attributes = attributes.into_iter();
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.inner.waiting.lock().unwrap().push_back(ReceivedMessage {
            message_id: id.to_owned(),
            receipt_handle: format!("handle-{id}"),
            body: body.to_owned(),
            md5_of_body: String::new(),
            attributes: attributes.collect(),
            message_attributes: BTreeMap::new(),
            md5_of_message_attributes: None,
        });
        self.inner.arrived.notify_one();
    }

    fn deleted(&self) -> Vec<String> {
        let mut deleted = self.inner.deleted.lock().unwrap().clone();
        deleted.sort();
        deleted
    }

    fn given_back(&self) -> Vec<String> {
        let mut given_back = self.inner.given_back.lock().unwrap().clone();
        given_back.sort();
        given_back
    }

    fn try_receive(&self, max: usize) -> Vec<ReceivedMessage> {
        let mut waiting = self.inner.waiting.lock().unwrap();
        let count = max.min(waiting.len());
        if let Some(hands_out) = self.inner.hands_out.lock().unwrap().as_ref().filter(|_| count > 0)
        {
            hands_out();
        }
        let taken = waiting.drain(..count).collect();
        if !waiting.is_empty() {
            self.inner.arrived.notify_one();
        }
        taken
    }
}

impl MessageSource for FakeQueue {
    async fn receive(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        assert_eq!(queue.trim_end_matches(".fifo"), "inbox");
        {
            let mut largest = self.inner.largest_request.lock().unwrap();
            *largest = max.max(*largest);
        }
        let end_ms = self.clock.now_ms() + u64::try_from(wait.as_millis()).unwrap();
        loop {
            let arrived = self.inner.arrived.notified();
            let taken = self.try_receive(max);
            if !taken.is_empty() {
                return Ok(taken);
            }
            tokio::select! {
                () = arrived => {}
                () = self.clock.sleep_until(end_ms) => return Ok(Vec::new()),
            }
        }
    }

    fn delete(&self, _queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        self.inner.deleted.lock().unwrap().push(receipt_handle.replace("handle-", ""));
        Ok(())
    }

    fn release(&self, _queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        self.inner.given_back.lock().unwrap().push(receipt_handle.replace("handle-", ""));
        Ok(())
    }
}

/// A function: answers what the test says, once the test lets it.
#[derive(Clone)]
struct FakeFunction {
    inner: Arc<FunctionState>,
}

struct FunctionState {
    limit: usize,
    answers: Mutex<VecDeque<Result<Invocation, InvokeError>>>,
    /// Ids of the messages of each invocation.
    seen: Mutex<Vec<Vec<String>>>,
    running: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl FakeFunction {
    fn new(limit: usize) -> Self {
        let inner = FunctionState {
            limit,
            answers: Mutex::default(),
            seen: Mutex::default(),
            running: watch::Sender::new(0),
            open: watch::Sender::new(true),
        };
        Self { inner: Arc::new(inner) }
    }

    fn will(&self, answer: Result<&str, InvokeError>) {
        let answer = answer.map(|payload| invocation(payload, None));
        self.inner.answers.lock().unwrap().push_back(answer);
    }

    fn will_fail(&self) {
        let answer = Ok(invocation("{}", Some("Unhandled")));
        self.inner.answers.lock().unwrap().push_back(answer);
    }

    fn seen(&self) -> Vec<Vec<String>> {
        self.inner.seen.lock().unwrap().clone()
    }

    async fn running(&self, wanted: usize) {
        self.inner.running.subscribe().wait_for(|running| *running == wanted).await.unwrap();
    }
}

pub(super) fn invocation(payload: &str, function_error: Option<&'static str>) -> Invocation {
    Invocation {
        request_id: "id".to_owned(),
        payload: Bytes::from(payload.to_owned()),
        function_error,
        log_tail: String::new(),
    }
}

impl Target for FakeFunction {
    async fn invoke(
        &self,
        function: &str,
        payload: Bytes,
        _: Option<String>,
    ) -> Result<Invocation, InvokeError> {
        assert_eq!(function, "sink");
        let event: SqsEvent = serde_json::from_slice(&payload).unwrap();
        let ids = event.records.into_iter().map(|record| record.message_id.unwrap()).collect();
        self.inner.seen.lock().unwrap().push(ids);
        self.inner.running.send_modify(|running| *running += 1);
        self.inner.open.subscribe().wait_for(|open| *open).await.unwrap();
        self.inner.running.send_modify(|running| *running -= 1);
        let answer = self.inner.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| Ok(invocation("null", None)))
    }

    fn drop_if_recursive(&self, _: &str, trace: &str) -> bool {
        trace == "loop"
    }

    fn concurrency(&self, function: &str) -> Result<usize, InvokeError> {
        if function == "sink" {
            return Ok(self.inner.limit);
        }
        Err(InvokeError::NotFound { function: function.to_owned() })
    }
}

struct World {
    clock: Clock,
    queue: FakeQueue,
    function: FakeFunction,
}

impl World {
    fn new(limit: usize) -> Self {
        let clock = Clock::manual(START_MS);
        let queue = FakeQueue { clock: clock.clone(), inner: Arc::default() };
        Self { clock, queue, function: FakeFunction::new(limit) }
    }

    fn start(&self, declared: &EventSourceMapping) -> Mapping {
        self.try_start(declared).unwrap()
    }

    fn try_start(&self, declared: &EventSourceMapping) -> Result<Mapping, MappingError> {
        let (queue, function) = (self.queue.clone(), self.function.clone());
        Mapping::start(declared, VISIBILITY, self.clock.clone(), queue, function)
    }
}

fn declared() -> EventSourceMapping {
    EventSourceMapping {
        logical_id: "SinkQueueEvent".to_owned(),
        uuid: "b3c4".to_owned(),
        function: "sink".to_owned(),
        queue_arn: "arn:aws:sqs:eu-west-1:123456789012:inbox".to_owned(),
        enabled: true,
        batch_size: 10,
        window: Duration::ZERO,
        maximum_concurrency: None,
        filters: Vec::new(),
        report_batch_item_failures: true,
    }
}

/// Lets all tasks run until `holds`, on a clock that stands still.
#[track_caller]
pub(super) fn until(what: &str, holds: impl Fn() -> bool) -> impl Future<Output = ()> {
    let message = format!("never: {what}, awaited at {}", std::panic::Location::caller());
    async move {
        for _ in 0..10_000 {
            if holds() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{message}");
    }
}

#[track_caller]
fn check_refused(declared: &EventSourceMapping, expected: &str) {
    let Err(error) = World::new(10).try_start(declared) else { panic!("accepted: {declared:?}") };
    let error = error.to_string();
    assert!(error.contains(expected), "{error} does not say {expected:?}");
}

#[test]
fn what_lambda_would_refuse_is_refused() {
    let base = declared;
    let fifo = format!("{}.fifo", base().queue_arn);
    let second = Duration::from_secs(1);
    let arn = "arn:aws:sns:eu-west-1:1:topic".to_owned();
    check_refused(&EventSourceMapping { queue_arn: arn, ..base() }, "not the ARN of an SQS queue");
    check_refused(&EventSourceMapping { batch_size: 0, ..base() }, "BatchSize is 0");
    check_refused(&EventSourceMapping { batch_size: 10_001, ..base() }, "BatchSize is 10001");
    check_refused(&EventSourceMapping { batch_size: 11, ..base() }, "at least 1 where BatchSize");
    check_refused(&EventSourceMapping { window: second * 301, ..base() }, "at most 300");
    let declared = EventSourceMapping { queue_arn: fifo.clone(), batch_size: 11, ..base() };
    check_refused(&declared, "at most 10 for a FIFO queue");
    let declared = EventSourceMapping { queue_arn: fifo, window: second, ..base() };
    check_refused(&declared, "0 for a FIFO queue");
    let declared = EventSourceMapping { maximum_concurrency: Some(1), ..base() };
    check_refused(&declared, "between 2 and 1000");
    check_refused(
        &EventSourceMapping { filters: vec!["[".to_owned()], ..base() },
        "filter pattern",
    );
    check_refused(&EventSourceMapping { function: "none".to_owned(), ..base() }, "no function");
}
