//! Events that are too large for a message: they are kept in a bucket, and the batch loop fetches them for a stage.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::sync::Mutex;
use std::time::Duration;

use event::{
    Attribute, Attributes, CLAIM_ATTRIBUTE, ClaimCheck, Code, DeadLetter, Failure, FailureKind,
    PARKED_ATTRIBUTE, attributes_size,
};
use sluicegate_runtime::{
    Batches, DeadLetterQueue, Deadline, EventCounts, MAX_STAGE_MESSAGE_BYTES, Outgoing, Policy,
    Record, Recorder, Stage,
};
use testkit::{ManualClock, MemoryClaims, MemoryQueue};

const QUEUE: &str = "http://h/queue";
const DLQ: &str = "http://h/dlq";
const LARGE: usize = 3_000_000;

fn message(bytes: usize) -> Outgoing {
    let attributes = Attributes::from([("eventid".to_owned(), Attribute::string("e1:1"))]);
    Outgoing { body: "x".repeat(bytes), attributes, ..Outgoing::default() }
}

/// An envelope of so many bytes at least.
fn envelope(bytes: usize) -> String {
    let note = "x".repeat(bytes);
    format!(
        r#"{{"specversion":"1.0","envelopeversion":2,"id":"e1:1","source":"s","type":"sluicegate.flights","time":"2013-01-01T10:00:00.000Z","dataschema":"flights/3","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{{"note":"{note}"}}}}"#
    )
}

/// The reference in a message that was sent.
fn claim_of(sent: &Outgoing) -> ClaimCheck {
    ClaimCheck::read(&sent.attributes, &sent.body).unwrap()
}

#[tokio::test]
async fn a_message_that_fits_stays_as_it_is_and_no_object_is_written() {
    let bucket = MemoryClaims::default();
    let rest = attributes_size(&message(0).attributes);
    let fitting = message(MAX_STAGE_MESSAGE_BYTES - rest);
    assert_eq!(bucket.claims().check_in(fitting.clone()).await.unwrap(), fitting);
    assert!(bucket.objects().is_empty());
    let larger = message(MAX_STAGE_MESSAGE_BYTES - rest + 1);
    let sent = bucket.claims().check_in(larger.clone()).await.unwrap();
    assert!(sent.size() < 1_000, "{} bytes", sent.size());
    assert_eq!(sent.attributes["eventid"].value, "e1:1");
    assert_eq!(bucket.objects()[&claim_of(&sent).key], larger.body);
    assert_eq!(bucket.claims().check_out(&claim_of(&sent)).await.unwrap(), larger.body);
}

#[tokio::test]
async fn what_is_gone_or_another_says_so_for_good_and_what_is_away_may_pass() {
    let bucket = MemoryClaims::default();
    let claim = claim_of(&bucket.claims().check_in(message(LARGE)).await.unwrap());
    for there in [Some("y".repeat(LARGE)), Some("x".repeat(LARGE - 1)), None] {
        match &there {
            Some(other) => bucket.put(&claim.key, other),
            None => bucket.lose(&claim.key),
        }
        let failure = bucket.claims().check_out(&claim).await.unwrap_err();
        assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, Code::ClaimNotFound));
        assert!(failure.reason.contains(&claim.key), "{failure}");
    }
    bucket.set_away(true);
    assert_eq!(bucket.claims().check_out(&claim).await.unwrap_err().kind, FailureKind::Transient);
    assert!(bucket.claims().check_in(message(LARGE)).await.is_err());
}

/// Records what it is given, and answers by the answer that is set.
#[derive(Default)]
struct Recording {
    answer: Option<Failure>,
    /// Each preparation takes so long.
    takes: Duration,
    seen: Mutex<Vec<Record>>,
    /// The number of records of each commit.
    commits: Mutex<Vec<usize>>,
    clock: ManualClock,
}

impl Stage for Recording {
    const NAME: &'static str = "recording";

    type Prepared = ();

    async fn prepare(&self, record: &Record, _: &Deadline) -> Result<(), Failure> {
        self.clock.advance(self.takes);
        self.seen.lock().unwrap().push(record.clone());
        self.answer.clone().map_or(Ok(()), Err)
    }

    async fn commit(&self, batch: Vec<()>, _: &Deadline) -> Vec<Result<EventCounts, Failure>> {
        self.commits.lock().unwrap().push(batch.len());
        batch.iter().map(|()| Ok(EventCounts::PASSED)).collect()
    }
}

/// A stage in its batch loop, and what is around it.
struct Rig {
    batches: Batches<Recording, MemoryQueue>,
    queue: MemoryQueue,
    bucket: MemoryClaims,
    clock: ManualClock,
}

impl Rig {
    fn new(answer: Option<Failure>) -> Self {
        let (queue, bucket) = (MemoryQueue::default(), MemoryClaims::default());
        let clock = ManualClock::default();
        let stage = Recording { answer, clock: clock.clone(), ..Recording::default() };
        let batches = Batches {
            stage,
            queue: queue.clone(),
            metrics: Recorder::new("Test"),
            dead_letters: DeadLetterQueue::new(queue.clone(), DLQ.to_owned()),
            policy: Policy { claims: Some(bucket.claims()), ..Policy::new(QUEUE.to_owned(), 5) },
        };
        Self { batches, queue, bucket, clock }
    }

    /// The record of a large event that was sent by a stage.
    async fn record(&self, body: String) -> Record {
        let whole = Outgoing { body, ..message(0) };
        let sent = self.bucket.claims().check_in(whole).await.unwrap();
        Record {
            message_id: format!("m-{}", claim_of(&sent).digest.bytes),
            receipt_handle: "r".to_owned(),
            body: sent.body,
            attributes: sent.attributes,
            receive_count: 1,
            ..Record::default()
        }
    }

    /// Runs a batch; returns how many records stay in the queue.
    async fn run(&self, records: Vec<Record>) -> usize {
        let deadline = self.clock.deadline_in(Duration::from_secs(30));
        self.batches.run(records, &deadline).await.failures.len()
    }
}

#[tokio::test]
async fn a_stage_is_given_the_event_itself_and_sees_nothing_of_the_reference() {
    let rig = Rig::new(None);
    let record = rig.record(envelope(LARGE)).await;
    assert!(record.body.len() < 1_000);
    assert_eq!(rig.run(vec![record]).await, 0);
    let seen = rig.batches.stage.seen.lock().unwrap().remove(0);
    assert!(seen.body == envelope(LARGE), "another body");
    assert_eq!(seen.attributes.keys().collect::<Vec<_>>(), ["eventid"]);
    assert_eq!(seen.claim, None);
}

/// What is prepared stays in memory until it is committed.
#[tokio::test]
async fn ten_large_events_are_committed_a_few_at_a_time() {
    let rig = Rig::new(None);
    let mut records = Vec::new();
    for more in 0..10 {
        records.push(rig.record(envelope(4_000_000 + more)).await);
    }
    assert_eq!(rig.run(records).await, 0);
    assert_eq!(*rig.batches.stage.commits.lock().unwrap(), [4, 4, 2]);
}

#[tokio::test]
async fn a_dead_letter_carries_the_reference_and_says_of_which_contract_it_is() {
    let rig = Rig::new(Some(Failure::permanent(Code::ContractViolation, "as the test says")));
    let record = rig.record(envelope(LARGE)).await;
    assert_eq!(rig.run(vec![record.clone()]).await, 0);
    let dead = rig.queue.sent_to(DLQ).remove(0);
    assert_eq!(dead.body, record.body);
    assert!(dead.attributes.contains_key(CLAIM_ATTRIBUTE));
    let letter = DeadLetter::read(&dead.attributes).unwrap();
    assert_eq!((letter.dataset.as_deref(), letter.contract_version), (Some("flights"), Some(3)));
}

#[tokio::test]
async fn a_parked_copy_carries_the_reference_and_is_the_event_again_when_it_comes_back() {
    let away = Failure::unavailable(
        ManualClock::default()
            .deadline_in(Duration::from_secs(600))
            .now()
            .plus(Duration::from_secs(600)),
        Duration::from_secs(6 * 60 * 60),
        "away",
    );
    let rig = Rig::new(Some(away));
    let record = rig.record(envelope(LARGE)).await;
    assert_eq!(rig.run(vec![record]).await, 0);
    let copy = rig.queue.sent_to(QUEUE).remove(0);
    assert!(copy.attributes.contains_key(PARKED_ATTRIBUTE) && copy.size() < 2_000);
    let Outgoing { body, attributes, .. } = copy;
    rig.run(vec![Record { body, attributes, receive_count: 1, ..Record::default() }]).await;
    let seen = rig.batches.stage.seen.lock().unwrap();
    assert!(seen.len() == 2 && seen[1].body == envelope(LARGE), "another body");
}

#[tokio::test]
async fn an_event_that_is_gone_is_a_dead_letter_at_once_and_one_that_is_away_is_tried_again() {
    let rig = Rig::new(None);
    let record = rig.record(envelope(LARGE)).await;
    rig.bucket.set_away(true);
    assert_eq!(rig.run(vec![record.clone()]).await, 1);
    assert!(rig.queue.sent_to(DLQ).is_empty());
    rig.bucket.set_away(false);
    rig.bucket.lose(&ClaimCheck::of(&envelope(LARGE)).key);
    assert_eq!(rig.run(vec![record]).await, 0);
    let letter = DeadLetter::read(&rig.queue.sent_to(DLQ).remove(0).attributes).unwrap();
    assert_eq!((letter.code, letter.dataset.as_deref()), (Code::ClaimNotFound, Some("flights")));
    assert!(rig.batches.stage.seen.lock().unwrap().is_empty());
}

/// A batch of the lake may stand for more events than one invocation can process. Each receive would count as a try.
#[tokio::test]
async fn large_events_for_which_no_time_is_left_wait_and_are_not_tries() {
    let mut rig = Rig::new(None);
    rig.batches.stage.takes = Duration::from_secs(10);
    let mut records = Vec::new();
    for more in 0..6 {
        records.push(rig.record(envelope(4_000_000 + more)).await);
    }
    assert_eq!(rig.run(records).await, 0);
    assert_eq!(rig.batches.stage.seen.lock().unwrap().len(), 3);
    let copies = rig.queue.sent_to(QUEUE);
    assert_eq!(copies.len(), 3);
    for copy in copies {
        let parked = event::Parked::read(&copy.attributes).unwrap();
        assert_eq!((parked.attempts, parked.code), (0, Code::RecordTimedOut));
    }
}

/// A custom function that was given no bucket.
#[tokio::test]
async fn without_a_bucket_the_record_is_tried_again() {
    let mut rig = Rig::new(None);
    let record = rig.record(envelope(LARGE)).await;
    rig.batches.policy.claims = None;
    assert_eq!(rig.run(vec![record]).await, 1);
    assert!(rig.batches.stage.seen.lock().unwrap().is_empty());
}
