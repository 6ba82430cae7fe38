//! The panic hook of a function and its batch loop together: a dead letter says where its own record panicked.

use std::collections::BTreeMap;
use std::time::Duration;

use event::{Code, DeadLetter, Failure};
use sluicegate_runtime::{
    Batches, DeadLetterQueue, Deadline, EventCounts, Policy, Record, Recorder, Stage, init_logs,
};
use testkit::{ManualClock, MemoryQueue};

const DLQ: &str = "http://h/dlq";

/// Panics at one of two places, each time after other records have begun their work.
struct Poisoned;

impl Stage for Poisoned {
    const NAME: &'static str = "poisoned";

    type Prepared = ();

    async fn prepare(&self, record: &Record, _: &Deadline) -> Result<(), Failure> {
        for _ in 0..record.body.len() {
            tokio::task::yield_now().await;
        }
        if record.body.starts_with('a') {
            panic!("the payload is s3cret");
        }
        panic!("the other payload is s3cret");
    }

    async fn commit(&self, _: Vec<()>, _: &Deadline) -> Vec<Result<EventCounts, Failure>> {
        Vec::new()
    }
}

#[tokio::test]
async fn each_letter_says_where_its_record_panicked() {
    init_logs(&BTreeMap::<&str, &str>::new()).unwrap();
    let queue = MemoryQueue::default();
    let batches = Batches {
        stage: Poisoned,
        queue: queue.clone(),
        metrics: Recorder::new("Test"),
        dead_letters: DeadLetterQueue::new(queue.clone(), DLQ.to_owned()),
        policy: Policy::new("http://h/queue".to_owned(), 5),
    };
    let records: Vec<Record> = ["aaa", "b", "a", "bbb", "aa", "bb"]
        .map(|body| Record {
            message_id: body.to_owned(),
            body: body.to_owned(),
            ..Record::default()
        })
        .into();
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(30));
    assert!(batches.run(records, &deadline).await.failures.is_empty());

    let mut places = BTreeMap::<char, Vec<String>>::new();
    for message in queue.sent_to(DLQ) {
        let letter = DeadLetter::read(&message.attributes).unwrap();
        assert_eq!(letter.code, Code::RecordPanicked);
        assert!(!letter.reason.contains("s3cret"), "{}", letter.reason);
        let place = letter.at.unwrap();
        assert!(place.starts_with("shared/runtime/tests/panicked.rs:"), "{place}");
        places.entry(message.body.chars().next().unwrap()).or_default().push(place);
    }
    let (one, other) = (&places[&'a'], &places[&'b']);
    assert_eq!((one.len(), other.len()), (3, 3));
    assert!(one.iter().all(|place| *place == one[0]), "{one:?}");
    assert!(other.iter().all(|place| *place == other[0] && *place != one[0]), "{other:?}");
}
