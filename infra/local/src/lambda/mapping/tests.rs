//! Mappings on a manual clock, between a queue and a function that tests hold in their hands.

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
    largest_request: Mutex<usize>,
}

impl FakeQueue {
    fn put(&self, id: &str, body: &str, group: Option<&str>) {
        let group = group.map(|group| ("MessageGroupId".to_owned(), group.to_owned()));
        self.inner.waiting.lock().unwrap().push_back(ReceivedMessage {
            message_id: id.to_owned(),
            receipt_handle: format!("handle-{id}"),
            body: body.to_owned(),
            md5_of_body: String::new(),
            attributes: group.into_iter().collect(),
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

    fn try_receive(&self, max: usize) -> Vec<ReceivedMessage> {
        let mut waiting = self.inner.waiting.lock().unwrap();
        let count = max.min(waiting.len());
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
    async fn invoke(&self, function: &str, payload: Bytes) -> Result<Invocation, InvokeError> {
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

#[tokio::test]
async fn a_batch_is_invoked_and_what_did_not_fail_is_deleted() {
    let world = World::new(10);
    world.queue.put("a", "1", None);
    world.queue.put("b", "2", None);
    world.queue.put("c", "3", None);
    world.function.will(Ok(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#));
    let mapping = world.start(&declared());
    until("handled", || mapping.counters().invocations == 1 && mapping.is_idle()).await;
    assert_eq!(world.queue.deleted(), ["a", "c"]);
    let expected = Counters { invocations: 1, records: 3, failures: 1, ..Counters::default() };
    assert_eq!(mapping.counters(), expected);
    mapping.stop().await;
}

#[tokio::test]
async fn a_failed_invocation_leaves_the_whole_batch_in_the_queue() {
    let world = World::new(10);
    world.queue.put("a", "1", None);
    world.queue.put("b", "2", None);
    world.function.will_fail();
    let mapping = world.start(&declared());
    until("handled", || mapping.counters().failures == 2 && mapping.is_idle()).await;
    assert_eq!(world.queue.deleted(), [""; 0]);
    assert_eq!(mapping.counters().failed_invocations, 1);
}

#[tokio::test]
async fn without_reporting_the_response_means_nothing() {
    let world = World::new(10);
    world.queue.put("a", "1", None);
    world.function.will(Ok(r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#));
    let declared = EventSourceMapping { report_batch_item_failures: false, ..declared() };
    let mapping = world.start(&declared);
    until("deleted", || world.queue.deleted() == ["a"]).await;
    assert_eq!(mapping.counters().failures, 0);
}

#[tokio::test]
async fn messages_that_no_filter_matches_are_deleted_unseen() {
    let world = World::new(10);
    world.queue.put("a", r#"{"keep":true}"#, None);
    world.queue.put("b", r#"{"keep":false}"#, None);
    let filters = vec![r#"{"body":{"keep":[true]}}"#.to_owned()];
    let mapping = world.start(&EventSourceMapping { filters, ..declared() });
    until("deleted", || world.queue.deleted() == ["a", "b"]).await;
    assert_eq!(world.function.seen(), [["a"]]);
    assert_eq!((mapping.counters().filtered, mapping.counters().records), (1, 1));
}

#[tokio::test]
async fn a_window_gathers_messages_until_it_ends_or_the_batch_is_full() {
    let world = World::new(10);
    let windowed =
        EventSourceMapping { batch_size: 100, window: Duration::from_secs(5), ..declared() };
    let mapping = world.start(&windowed);
    world.queue.put("a", "1", None);
    let waiting = Activity::WaitingUntil(START_MS + 5_000);
    until("waiting for the window's end", || mapping.activity() == waiting).await;
    assert!(!mapping.is_idle());
    world.clock.advance(Duration::from_secs(3));
    world.queue.put("b", "2", None);
    until("both gathered or each by a poller", || mapping.counters().in_flight == 2).await;
    assert_eq!(world.function.seen().len(), 0, "the window has not ended");
    world.clock.advance(Duration::from_secs(5));
    until("deleted", || world.queue.deleted() == ["a", "b"]).await;
    assert!(*world.queue.inner.largest_request.lock().unwrap() > 10);

    for number in 0..100 {
        world.queue.put(&number.to_string(), "x", None);
    }
    until("a full batch goes at once", || world.function.seen().iter().any(|ids| ids.len() == 100))
        .await;
}

#[tokio::test]
async fn pollers_grow_with_the_backlog_up_to_the_maximum_concurrency() {
    for (maximum, available, expected) in [(Some(4), 10, 4), (None, 3, 3), (Some(5), 1, 1)] {
        let world = World::new(available);
        world.function.inner.open.send_replace(false);
        for number in 0..20 {
            world.queue.put(&number.to_string(), "x", None);
        }
        let declared =
            EventSourceMapping { batch_size: 1, maximum_concurrency: maximum, ..declared() };
        let mapping = world.start(&declared);
        world.function.running(expected).await;
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*world.function.inner.running.borrow(), expected);
        world.function.inner.open.send_replace(true);
        until("all deleted", || world.queue.deleted().len() == 20).await;
        mapping.stop().await;
    }
}

#[tokio::test]
async fn pollers_leave_when_there_is_nothing_to_do_but_never_all() {
    let world = World::new(10);
    for number in 0..30 {
        world.queue.put(&number.to_string(), "x", None);
    }
    let mapping = world.start(&EventSourceMapping { batch_size: 1, ..declared() });
    until("all deleted", || world.queue.deleted().len() == 30 && mapping.is_idle()).await;
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(20));
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
    world.queue.put("late", "x", None);
    until("the late one", || world.queue.deleted().contains(&"late".to_owned())).await;
    mapping.stop().await;
}

#[tokio::test]
async fn a_throttled_batch_is_tried_again_while_its_visibility_lasts() {
    let world = World::new(10);
    let throttled = || InvokeError::Throttled { function: "sink".to_owned(), limit: 1 };
    world.function.will(Err(throttled()));
    world.queue.put("a", "1", None);
    let mapping = world.start(&declared());
    let waiting = Activity::WaitingUntil(START_MS + 100);
    until("waiting for another try", || mapping.activity() == waiting).await;
    world.clock.advance(Duration::from_millis(100));
    until("deleted", || world.queue.deleted() == ["a"]).await;
    assert_eq!((mapping.counters().throttles, mapping.counters().invocations), (1, 1));

    for _ in 0..100 {
        world.function.will(Err(throttled()));
    }
    world.queue.put("b", "2", None);
    until("under way", || mapping.counters().in_flight == 1).await;
    for _ in 0..100 {
        world.clock.advance(Duration::from_secs(1));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    until("given up", || mapping.counters().failures == 1 && mapping.is_idle()).await;
    assert_eq!(world.queue.deleted(), ["a"]);
}

#[tokio::test]
async fn of_a_group_there_are_never_two_batches_at_once() {
    let world = World::new(10);
    world.function.inner.open.send_replace(false);
    let fifo = EventSourceMapping {
        queue_arn: format!("{}.fifo", declared().queue_arn),
        batch_size: 1,
        ..declared()
    };
    // Both are visible, as when the first one's visibility timeout has ended.
    world.queue.put("a1", "1", Some("a"));
    world.queue.put("a2", "2", Some("a"));
    world.queue.put("b1", "3", Some("b"));
    let mapping = world.start(&fifo);
    world.function.running(2).await;
    until("all received", || mapping.counters().in_flight == 3).await;
    assert_eq!(world.function.seen(), [["a1"], ["b1"]]);
    world.function.inner.open.send_replace(true);
    until("all deleted", || world.queue.deleted() == ["a1", "a2", "b1"]).await;
    mapping.stop().await;
}

#[tokio::test]
async fn a_batch_is_split_where_it_exceeds_a_payload() {
    let world = World::new(10);
    let large = "x".repeat(1024 * 1024 - 1024);
    for number in 0..8 {
        world.queue.put(&number.to_string(), &large, None);
    }
    let mapping = world.start(&declared());
    until("all deleted", || world.queue.deleted().len() == 8).await;
    let sizes: Vec<usize> = world.function.seen().iter().map(Vec::len).collect();
    assert_eq!(sizes, [6, 2]);
    drop(mapping);
}

#[tokio::test]
async fn a_fifo_batch_stops_at_its_first_failed_part() {
    let world = World::new(10);
    let large = "x".repeat(1024 * 1024 - 1024);
    for number in 0..8 {
        world.queue.put(&number.to_string(), &large, Some("g"));
    }
    world.function.will(Ok(r#"{"batchItemFailures":[{"itemIdentifier":"3"}]}"#));
    let queue_arn = format!("{}.fifo", declared().queue_arn);
    let mapping = world.start(&EventSourceMapping { queue_arn, ..declared() });
    until("dealt with", || mapping.counters().failures == 3 && mapping.is_idle()).await;
    assert_eq!(world.function.seen().len(), 1);
    assert_eq!(world.queue.deleted(), ["0", "1", "2", "4", "5"]);
}

#[tokio::test]
async fn a_paused_mapping_receives_nothing_until_it_is_resumed() {
    let world = World::new(10);
    let mapping = world.start(&EventSourceMapping { enabled: false, ..declared() });
    world.queue.put("a", "1", None);
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.function.seen().len(), 0);
    mapping.resume();
    until("deleted", || world.queue.deleted() == ["a"]).await;
    mapping.pause();
    world.queue.put("b", "2", None);
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.queue.deleted(), ["a"]);
    mapping.resume();
    until("deleted", || world.queue.deleted() == ["a", "b"]).await;
}

#[tokio::test]
async fn stopping_waits_for_the_batches_at_work() {
    let world = World::new(10);
    world.function.inner.open.send_replace(false);
    world.queue.put("a", "1", None);
    let mapping = world.start(&declared());
    world.function.running(1).await;
    let stopping = tokio::spawn(mapping.stop());
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished());
    world.function.inner.open.send_replace(true);
    stopping.await.unwrap();
    assert_eq!(world.queue.deleted(), ["a"]);
    world.queue.put("b", "2", None);
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.function.seen().len(), 1);
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
