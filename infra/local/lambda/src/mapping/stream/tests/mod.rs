//! Mappings on a manual clock, between a shard and a function that tests hold in their hands.
//!
//! A record's sequence number is a letter; a batch is the letters of its records.

mod checkpoints;
mod delivery;
mod failure_records;
mod reading;

use std::collections::VecDeque;
use std::sync::Mutex;

use aws_lambda_events::dynamodb::Event;
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::tests::{invocation, until};
use super::super::{Activity, Counters};
use super::*;
use crate::outcome::{Invocation, InvokeError};
use dynamodb::StreamRecord;

const START_MS: u64 = 1_700_000_000_000;
const QUEUE_ARN: &str = "arn:aws:sqs:eu-west-1:000000000000:dead";

/// A shard whose positions are indexes.
#[derive(Clone)]
struct FakeShard {
    clock: Clock,
    records: Arc<Mutex<Vec<StreamRecord>>>,
    writes: Arc<watch::Sender<u64>>,
    reads: Arc<Mutex<u64>>,
}

impl FakeShard {
    fn put(&self, names: &str) {
        for name in names.chars() {
            let body = json!({
                "eventID": name,
                "eventName": if name.is_lowercase() { "INSERT" } else { "MODIFY" },
                "awsRegion": "eu-west-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": self.clock.now_ms() / 1_000,
                    "Keys": { "pk": { "S": name } },
                    "SequenceNumber": name,
                    "SizeBytes": 1,
                },
            });
            self.records.lock().unwrap().push(StreamRecord {
                sequence_number: name.to_string(),
                created_ms: self.clock.now_ms(),
                body: body.as_object().unwrap().clone(),
            });
        }
        self.writes.send_modify(|writes| *writes += 1);
    }
}

impl StreamSource for FakeShard {
    fn shard_id(&self) -> String {
        "shardId-1".to_owned()
    }

    fn start_position(&self, from: StartingPosition) -> Result<Position, DynamoDbError> {
        Ok(Position(match from {
            StartingPosition::TrimHorizon => "0".to_owned(),
            StartingPosition::Latest => self.records.lock().unwrap().len().to_string(),
        }))
    }

    async fn position_before(&self, sequence_number: &str) -> Result<Position, DynamoDbError> {
        let records = self.records.lock().unwrap();
        let at = records.iter().position(|each| each.sequence_number == sequence_number);
        Ok(Position(at.unwrap().to_string()))
    }

    async fn read(&self, from: &Position, limit: usize) -> Result<Page, DynamoDbError> {
        *self.reads.lock().unwrap() += 1;
        let from: usize = from.0.parse().unwrap();
        let records = self.records.lock().unwrap();
        let records: Vec<_> = records[from..].iter().take(limit).cloned().collect();
        let next = Position((from + records.len()).to_string());
        Ok(Page { is_last: records.len() < limit, records, next })
    }

    fn writes(&self) -> watch::Receiver<u64> {
        self.writes.subscribe()
    }
}

/// A function that answers what the test says, and then that all is well.
#[derive(Clone, Default)]
struct FakeFunction {
    answers: Arc<Mutex<VecDeque<Result<Invocation, InvokeError>>>>,
    /// A batch with one of these fails as a whole.
    poison: Arc<Mutex<String>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl FakeFunction {
    fn will(&self, answer: &str) {
        self.answers.lock().unwrap().push_back(Ok(invocation(answer, None)));
    }

    fn will_fail(&self, times: usize) {
        for _ in 0..times {
            self.answers.lock().unwrap().push_back(Ok(invocation("{}", Some("Unhandled"))));
        }
    }

    fn will_throttle(&self, times: usize) {
        for _ in 0..times {
            let error = InvokeError::Throttled { function: "sink".to_owned(), limit: 1 };
            self.answers.lock().unwrap().push_back(Err(error));
        }
    }

    /// From here on every batch with one of these fails.
    fn hates(&self, names: &str) {
        *self.poison.lock().unwrap() = names.to_owned();
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
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
        let event: Event = serde_json::from_slice(&payload).unwrap();
        let numbers = event.records.into_iter().map(|each| each.change.sequence_number.unwrap());
        let batch: String = numbers.collect();
        self.seen.lock().unwrap().push(batch.clone());
        if let Some(answer) = self.answers.lock().unwrap().pop_front() {
            return answer;
        }
        let is_poisoned = batch.contains(|name| self.poison.lock().unwrap().contains(name));
        Ok(invocation("null", is_poisoned.then_some("Unhandled")))
    }

    fn drop_if_recursive(&self, _: &str, trace: &str) -> bool {
        trace == "loop"
    }

    fn concurrency(&self, function: &str) -> Result<usize, InvokeError> {
        match function {
            "sink" => Ok(1),
            _ => Err(InvokeError::NotFound { function: function.to_owned() }),
        }
    }
}

#[derive(Clone, Default)]
struct FakeDestination {
    sent: Arc<Mutex<Vec<Value>>>,
}

impl FailureDestination for FakeDestination {
    fn send(&self, queue_arn: &str, body: String) -> Result<(), SqsError> {
        assert_eq!(queue_arn, QUEUE_ARN);
        self.sent.lock().unwrap().push(serde_json::from_str(&body).unwrap());
        Ok(())
    }
}

struct World {
    clock: Clock,
    shard: FakeShard,
    function: FakeFunction,
    failures: FakeDestination,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(START_MS);
        let shard = FakeShard {
            clock: clock.clone(),
            records: Arc::default(),
            writes: Arc::new(watch::Sender::new(0)),
            reads: Arc::default(),
        };
        Self {
            clock,
            shard,
            function: FakeFunction::default(),
            failures: FakeDestination::default(),
        }
    }

    fn start(&self, declared: &StreamMapping) -> Mapping {
        self.try_start(declared).unwrap()
    }

    fn try_start(&self, declared: &StreamMapping) -> Result<Mapping, MappingError> {
        self.start_from(declared, None)
    }

    fn start_from(
        &self,
        declared: &StreamMapping,
        checkpoint: Option<Position>,
    ) -> Result<Mapping, MappingError> {
        let (shard, function) = (self.shard.clone(), self.function.clone());
        let (clock, failures) = (self.clock.clone(), self.failures.clone());
        let services = StreamServices { source: shard, target: function, failures };
        Mapping::start_stream(declared, "arn:sink", checkpoint, clock, services)
    }

    /// Lets time pass whenever the mapping waits for it, until it is idle.
    async fn settle(&self, mapping: &Mapping) {
        for _ in 0..10_000 {
            until("not busy", || mapping.activity() != Activity::Busy).await;
            match mapping.activity() {
                Activity::WaitingUntil(due_ms) => {
                    let left_ms = due_ms.saturating_sub(self.clock.now_ms());
                    self.clock.advance(Duration::from_millis(left_ms));
                    until("it goes on", || mapping.activity() != Activity::WaitingUntil(due_ms))
                        .await;
                }
                Activity::Idle => return,
                Activity::Busy => {}
            }
        }
        panic!("never idle: {:?}", self.function.seen());
    }
}

fn declared() -> StreamMapping {
    StreamMapping {
        logical_id: "SinkChanges".to_owned(),
        uuid: "b3c4".to_owned(),
        function: "sink".to_owned(),
        stream_arn: "arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/s".to_owned(),
        starting_position: StartingPosition::TrimHorizon,
        enabled: true,
        batch_size: 100,
        window: Duration::ZERO,
        filters: Vec::new(),
        report_batch_item_failures: false,
        bisect: false,
        maximum_retries: None,
        maximum_record_age: None,
        on_failure: Some(QUEUE_ARN.to_owned()),
    }
}

fn failures(names: &str) -> String {
    let item = |name: char| json!({ "itemIdentifier": name.to_string() });
    json!({ "batchItemFailures": names.chars().map(item).collect::<Vec<_>>() }).to_string()
}

#[track_caller]
fn check_refused(declared: &StreamMapping, expected: &str) {
    let Err(error) = World::new().try_start(declared) else { panic!("accepted: {declared:?}") };
    let error = error.to_string();
    assert!(error.contains(expected), "{error} does not say {expected:?}");
}

#[test]
fn what_lambda_would_refuse_is_refused() {
    let base = declared;
    let stream_arn = QUEUE_ARN.to_owned();
    check_refused(&StreamMapping { stream_arn, ..base() }, "not the ARN of a table's stream");
    check_refused(&StreamMapping { batch_size: 0, ..base() }, "BatchSize is 0");
    check_refused(&StreamMapping { batch_size: 10_001, ..base() }, "BatchSize is 10001");
    check_refused(&StreamMapping { window: Duration::from_secs(301), ..base() }, "at most 300");
    check_refused(&StreamMapping { maximum_retries: Some(10_001), ..base() }, "at most 10000");
    let maximum_record_age = Some(Duration::from_secs(59));
    check_refused(&StreamMapping { maximum_record_age, ..base() }, "between 60 and 604800");
    let filters = vec![r#"{"body":["x"]}"#.to_owned()];
    check_refused(&StreamMapping { filters, ..base() }, "a stream's record has none");
    check_refused(&StreamMapping { function: "none".to_owned(), ..base() }, "no function");
}
