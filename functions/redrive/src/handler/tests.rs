use std::sync::{Arc, Mutex};

use event::{Attribute, Attributes, Code, Failure, FailureFingerprint, Parked, Timestamp};
use runtime::Clock;

use super::*;

/// Queues in memory: a dead-letter queue to take from, and what was sent.
#[derive(Default)]
struct Fake {
    letters: Mutex<Vec<Record>>,
    hidden: Mutex<Vec<Record>>,
    sent: Mutex<Vec<Outgoing>>,
    refuse: Option<&'static str>,
    /// The receipts that cannot be deleted.
    undeletable: Vec<String>,
}

impl Queue for Fake {
    async fn send_batch(&self, _: &str, messages: &[Outgoing]) -> Vec<Result<(), Failure>> {
        let refused = |message: &Outgoing| Some(message.body.as_str()) == self.refuse;
        messages
            .iter()
            .map(|message| {
                if refused(message) {
                    return Err(Failure::transient(Code::DependencyUnavailable, "away"));
                }
                self.sent.lock().unwrap().push(message.clone());
                Ok(())
            })
            .collect()
    }

    async fn hide_batch(&self, _: &str, messages: &[(&str, Duration)]) -> Vec<bool> {
        assert!((1..=MAX_BATCH_ENTRIES).contains(&messages.len()));
        let mut hidden = self.hidden.lock().unwrap();
        for (receipt, wait) in messages {
            assert!(wait.is_zero(), "hidden for longer");
            let back = hidden.extract_if(.., |record| record.receipt_handle == *receipt);
            self.letters.lock().unwrap().extend(back);
        }
        vec![true; messages.len()]
    }
}

impl Letters for Fake {
    async fn take(&self, _: &str) -> Result<Vec<Record>, String> {
        let mut letters = self.letters.lock().unwrap();
        let count = letters.len().min(10);
        let taken: Vec<Record> = letters.drain(..count).collect();
        self.hidden.lock().unwrap().extend(taken.clone());
        Ok(taken)
    }

    async fn delete(&self, _: &str, receipts: &[String]) -> Vec<bool> {
        let gone = |receipt: &String| !self.undeletable.contains(receipt);
        let is_gone = |record: &Record| {
            receipts.contains(&record.receipt_handle) && gone(&record.receipt_handle)
        };
        self.hidden.lock().unwrap().retain(|record| !is_gone(record));
        receipts.iter().map(gone).collect()
    }

    async fn hidden(&self, _: &str) -> Result<u64, String> {
        Ok(self.hidden.lock().unwrap().len() as u64)
    }
}

impl Fake {
    /// The ids of the letters that whoever receives next can have.
    fn visible(&self) -> Vec<String> {
        let letters = self.letters.lock().unwrap();
        letters.iter().map(|record| record.message_id.clone()).collect()
    }
}

struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(0)
    }
}

fn letter(n: usize) -> Record {
    redriven(n, 0)
}

/// A letter that was redriven so often before.
fn redriven(n: usize, redrives: u32) -> Record {
    let why = Failure::permanent(Code::KeyMissing, "nothing at `/id`");
    let mut failure = DeadLetter::new("sink", &why, Timestamp::from_unix_ms(1), &format!("m{n}"));
    failure.redrives = redrives;
    let attributes: Attributes = [("dataset".to_owned(), Attribute::string("flights"))].into();
    Record {
        message_id: format!("m{n}"),
        receipt_handle: format!("r{n}"),
        body: format!("body {n}"),
        attributes: failure.write(attributes),
        ..Record::default()
    }
}

fn redrive(count: usize, refuse: Option<&'static str>) -> Redrive<Fake> {
    let letters = Mutex::new((0..count).map(letter).collect());
    with("http://h/queue", Fake { letters, refuse, ..Fake::default() })
}

fn with(queue: &str, fake: Fake) -> Redrive<Fake> {
    let route = Route { dlq: "http://h/dlq".to_owned(), queue: queue.to_owned() };
    let variables = BTreeMap::from([("TRUSTED_SENDERS", "AROAREDRIVE")]);
    let senders = Senders::read(&variables).unwrap();
    Redrive::new([("sink".to_owned(), route)].into(), senders, fake)
}

async fn run(redrive: &Redrive<Fake>, stage: &str, limit: u64) -> Result<Report, RedriveError> {
    let deadline = Deadline::new(Timestamp::from_unix_ms(300_000), Arc::new(Frozen));
    redrive.run(Request { stage: stage.to_owned(), limit }, &deadline).await
}

#[tokio::test]
async fn a_queue_is_drained_bodies_unchanged_and_redrives_counted() {
    let redrive = redrive(25, None);
    let report = run(&redrive, "sink", 1_000).await.unwrap();
    let stage = "sink".to_owned();
    assert_eq!(report, Report { stage, moved: 25, failed: 0, came_back: 0, drained: true });
    let sent = redrive.queues.sent.lock().unwrap();
    assert_eq!(sent[24].body, "body 24");
    assert_eq!(DeadLetter::read(&sent[24].attributes).unwrap().redrives, 1);
    assert_eq!(sent[24].attributes["dataset"].value, "flights");
}

#[tokio::test]
async fn a_limit_is_kept_and_the_rest_stays() {
    let redrive = redrive(25, None);
    let report = run(&redrive, "sink", 12).await.unwrap();
    assert_eq!((report.moved, report.drained), (12, false));
    assert_eq!(redrive.queues.sent.lock().unwrap().len(), 12);
    assert_eq!(redrive.queues.visible().len(), 13, "what is beyond the limit stays hidden");
}

#[tokio::test]
async fn what_fails_again_at_once_does_not_go_round() {
    let redrive = redrive(3, None);
    // The second life of the first letter, before the queue is drained.
    let (message_id, receipt_handle) = ("m9".to_owned(), "r9".to_owned());
    let again = Record { message_id, receipt_handle, ..redriven(0, 1) };
    redrive.queues.letters.lock().unwrap().push(again);
    let report = run(&redrive, "sink", 100).await.unwrap();
    assert_eq!((report.moved, report.came_back, report.drained), (3, 1, true));
    assert_eq!(redrive.queues.sent.lock().unwrap().len(), 3);
    assert_eq!(redrive.queues.visible(), ["m9"], "what came back stays hidden");
}

#[tokio::test]
async fn copies_of_one_message_are_moved_each() {
    let redrive = redrive(2, None);
    let copies = ["m8", "m9"].map(|id| Record { message_id: id.to_owned(), ..letter(0) });
    // And one that SQS moved: it has no attributes, and the message's own id.
    let without_a_reason = Record { attributes: Attributes::new(), ..letter(0) };
    redrive.queues.letters.lock().unwrap().extend(copies.into_iter().chain([without_a_reason]));
    let report = run(&redrive, "sink", 100).await.unwrap();
    assert_eq!((report.moved, report.came_back, report.drained), (5, 0, true));
}

#[tokio::test]
async fn what_is_not_sent_is_not_deleted() {
    let redrive = redrive(3, Some("body 1"));
    let report = run(&redrive, "sink", 10).await.unwrap();
    assert_eq!((report.moved, report.failed), (2, 1));
    assert_eq!(redrive.queues.visible(), ["m1"]);
}

#[tokio::test]
async fn what_is_sent_and_not_deleted_is_counted_and_visible() {
    let letters = Mutex::new((0..3).map(letter).collect());
    let undeletable = vec!["r2".to_owned()];
    let redrive = with("http://h/queue", Fake { letters, undeletable, ..Fake::default() });
    let report = run(&redrive, "sink", 10).await.unwrap();
    assert_eq!((report.moved, report.failed), (2, 1));
    assert_eq!(redrive.queues.visible(), ["m2"]);
}

#[tokio::test]
async fn a_stage_that_takes_nothing_is_not_asked_for_each_letter() {
    let letters = Mutex::new(vec![letter(1); 35]);
    let fake = Fake { letters, refuse: Some("body 1"), ..Fake::default() };
    let redrive = with("http://h/queue", fake);
    let report = run(&redrive, "sink", 1_000).await.unwrap();
    assert_eq!((report.moved, report.failed, report.drained), (0, 10, false));
    assert_eq!(redrive.queues.visible().len(), 35);
}

#[tokio::test]
async fn a_queue_of_which_another_run_hides_something_is_not_drained() {
    let redrive = redrive(3, None);
    redrive.queues.hidden.lock().unwrap().push(letter(9));
    let report = run(&redrive, "sink", 100).await.unwrap();
    assert_eq!((report.moved, report.drained), (3, false));
    assert_eq!(redrive.queues.hidden.lock().unwrap().len(), 1, "it is the other run's");
}

#[tokio::test]
async fn a_group_goes_back_with_its_message_and_the_other_id_to_fifo_queues_alone() {
    for (queue, expected) in [("http://h/queue", None), ("http://h/queue.fifo", Some("m0"))] {
        let grouped = Record { group: Some("tenant-7".to_owned()), ..letter(0) };
        let letters = Mutex::new(vec![grouped]);
        let redrive = with(queue, Fake { letters, ..Fake::default() });
        assert_eq!(run(&redrive, "sink", 10).await.unwrap().moved, 1);
        let sent = redrive.queues.sent.lock().unwrap();
        assert_eq!(sent[0].group.as_deref(), Some("tenant-7"));
        assert_eq!(sent[0].deduplication_id.as_deref(), expected);
    }
}

/// What a producer claims of an earlier life stays in the message that SQS moved, and is not vouched for.
#[tokio::test]
async fn what_sqs_moved_is_believed_only_if_a_function_had_sent_it() {
    for (sender, expected) in
        [("AIDAPRODUCER", ("m-own", 1)), ("AROAREDRIVE:sluicegate-RedriveFunction", ("m7", 4))]
    {
        let moved = Record {
            message_id: "m-own".to_owned(),
            moved_from: Some("arn:aws:sqs:eu-west-1:000000000000:inbox".to_owned()),
            sender: Some(sender.to_owned()),
            sent_at: Some(Timestamp::from_unix_ms(5_000)),
            ..redriven(7, 3)
        };
        let fake = Fake { letters: Mutex::new(vec![moved]), ..Fake::default() };
        let redrive = with("http://h/queue", fake);
        run(&redrive, "sink", 10).await.unwrap();
        let sent = redrive.queues.sent.lock().unwrap();
        let letter = DeadLetter::read(&sent[0].attributes).unwrap();
        assert_eq!((letter.message_id.as_str(), letter.redrives), expected, "{sender}");
        assert_eq!(sent[0].attributes["dataset"].value, "flights");
    }
}

#[tokio::test]
async fn what_sqs_moved_goes_back_with_its_id_and_the_time_at_which_it_was_sent() {
    let moved = Record {
        attributes: [("dataset".to_owned(), Attribute::string("flights"))].into(),
        moved_from: Some("arn:aws:sqs:eu-west-1:000000000000:inbox".to_owned()),
        sent_at: Some(Timestamp::from_unix_ms(5_000)),
        receive_count: 6,
        ..letter(0)
    };
    // No room for more than its own attributes.
    let body = "x".repeat(MAX_BATCH_BYTES - 100);
    let full = Record { body, message_id: "m1".to_owned(), ..moved.clone() };
    let fake = Fake { letters: Mutex::new(vec![moved, full]), ..Fake::default() };
    let redrive = with("http://h/queue", fake);
    assert_eq!(run(&redrive, "sink", 10).await.unwrap().moved, 2);
    let sent = redrive.queues.sent.lock().unwrap();
    let letter = DeadLetter::read(&sent[0].attributes).unwrap();
    assert_eq!((letter.message_id.as_str(), letter.code), ("m0", Code::RecordAbandoned));
    assert_eq!((letter.attempts, letter.redrives), (6, 1));
    assert_eq!(letter.taken_in(), Timestamp::from_unix_ms(5_000));
    assert_eq!(letter.dataset.as_deref(), Some("flights"));
    assert_eq!(sent[1].attributes.len(), 1);
}

/// Nothing more is known of it than whose event it was.
#[tokio::test]
async fn what_sqs_moved_is_grouped_by_stage_and_contract() {
    const ENVELOPE: &str = r#"{"specversion":"1.0","envelopeversion":2,"id":"e1:1","source":"s","type":"sluicegate.flights","time":"2013-01-01T10:00:00.000Z","dataschema":"flights/3","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{}}"#;
    let moved = |n: usize, body: &str| Record {
        body: body.to_owned(),
        attributes: Attributes::new(),
        moved_from: Some("arn:aws:sqs:eu-west-1:000000000000:sink".to_owned()),
        sent_at: Some(Timestamp::from_unix_ms(5_000)),
        ..letter(n)
    };
    let other = ENVELOPE.replace("e1:1", "e1:2").replace("\"data\":{}", "\"data\":{\"a\":1}");
    let newer = ENVELOPE.replace("flights/3", "flights/4");
    let bodies = [ENVELOPE, &other, &newer, "{"];
    let letters = bodies.iter().enumerate().map(|(n, body)| moved(n, body)).collect();
    let redrive = with("http://h/queue", Fake { letters: Mutex::new(letters), ..Fake::default() });
    run(&redrive, "sink", 10).await.unwrap();
    let sent = redrive.queues.sent.lock().unwrap();
    let groups: Vec<_> = sent
        .iter()
        .map(|message| DeadLetter::read(&message.attributes).unwrap().fingerprint())
        .collect();
    let expected = |dataset, version| {
        FailureFingerprint::of("sink", Code::RecordAbandoned, None, dataset, version)
    };
    let third = expected(Some("flights"), Some(3));
    assert_eq!(
        groups,
        [third.clone(), third, expected(Some("flights"), Some(4)), expected(None, None)]
    );
}

/// A parked copy whose receives all ended in a crash; it is the message that was first sent.
#[tokio::test]
async fn a_parked_copy_that_sqs_moved_goes_back_as_the_message_that_it_stood_for() {
    let why = Failure::transient(Code::DependencyUnavailable, "away");
    let mut parked = Parked::new(
        "m-first",
        Some(Timestamp::from_unix_ms(1_000)),
        &why,
        Timestamp::from_unix_ms(2_000),
    );
    (parked.attempts, parked.parks) = (7, 3);
    parked.unavailable_since = Some(Timestamp::from_unix_ms(3_000));
    let own = Attributes::from([("dataset".to_owned(), Attribute::string("flights"))]);
    for (sender, expected) in
        [("AROAREDRIVE:function", ("m-first", 13, 3)), ("AIDAPRODUCER", ("m0", 6, 0))]
    {
        let moved = Record {
            attributes: parked.clone().write_within(own.clone(), usize::MAX),
            moved_from: Some("arn:aws:sqs:eu-west-1:000000000000:inbox".to_owned()),
            sender: Some(sender.to_owned()),
            sent_at: Some(Timestamp::from_unix_ms(5_000)),
            receive_count: 6,
            ..letter(0)
        };
        let fake = Fake { letters: Mutex::new(vec![moved]), ..Fake::default() };
        let redrive = with("http://h/queue", fake);
        assert_eq!(run(&redrive, "sink", 10).await.unwrap().moved, 1);
        let sent = redrive.queues.sent.lock().unwrap();
        let letter = DeadLetter::read(&sent[0].attributes).unwrap();
        let said = (letter.message_id.as_str(), letter.attempts, letter.parks);
        assert_eq!(said, expected, "{sender}");
        assert_eq!(letter.original(sent[0].attributes.clone()), own, "{sender}");
        if sender.starts_with("AROA") {
            assert_eq!(letter.taken_in(), Timestamp::from_unix_ms(1_000));
            assert_eq!(letter.first_failed_at, Timestamp::from_unix_ms(2_000));
            assert_eq!(letter.unavailable_since, parked.unavailable_since);
        }
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_meant_is_refused_with_what_can() {
    let redrive = redrive(1, None);
    let error = run(&redrive, "lake", 1).await.unwrap_err().to_string();
    assert_eq!(error, "no stage `lake`; there are: sink");
    assert_eq!(run(&redrive, "sink", 0).await, Err(RedriveError::Limit { limit: 0 }));
}

/// Each sample is a request that moves.
#[tokio::test]
async fn the_samples_are_requests() {
    for path in testkit::samples_of("redrive") {
        let request: Request = serde_json::from_str(&testkit::sample(path)).unwrap();
        let redrive = redrive(3, None);
        let report = run(&redrive, &request.stage, request.limit).await.unwrap();
        assert_eq!((report.moved, report.drained), (3, true), "{path}");
    }
}

#[test]
fn a_request_is_read_strictly() {
    let request: Request = serde_json::from_str(r#"{"stage":"sink"}"#).unwrap();
    assert_eq!(request.limit, 1_000);
    for bad in ["{}", r#"{"stage":"sink","limt":5}"#, r#"{"stage":"sink","limit":-1}"#] {
        assert!(serde_json::from_str::<Request>(bad).is_err(), "{bad}");
    }
}
