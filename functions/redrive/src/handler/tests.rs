use std::sync::{Arc, Mutex};

use event::{Attribute, Attributes, Code, Failure, Timestamp};
use runtime::Clock;

use super::*;

/// Queues in memory: a dead-letter queue to take from, and what was sent.
#[derive(Default)]
struct Fake {
    letters: Mutex<Vec<Record>>,
    hidden: Mutex<Vec<Record>>,
    sent: Mutex<Vec<Outgoing>>,
    refuse: Option<&'static str>,
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
        self.hidden.lock().unwrap().retain(|r| !receipts.contains(&r.receipt_handle));
        vec![true; receipts.len()]
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
    let route = Route { dlq: "http://h/dlq".to_owned(), queue: "http://h/queue".to_owned() };
    let letters = Mutex::new((0..count).map(letter).collect());
    let fake = Fake { letters, refuse, ..Fake::default() };
    Redrive::new([("sink".to_owned(), route)].into(), fake)
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
    assert_eq!(redrive.queues.hidden.lock().unwrap().len(), 8);
}

#[tokio::test]
async fn what_fails_again_at_once_does_not_go_round() {
    let redrive = redrive(3, None);
    // The second life of the first letter, before the queue is drained.
    let again = Record { message_id: "m9".to_owned(), ..redriven(0, 1) };
    redrive.queues.letters.lock().unwrap().push(again);
    let report = run(&redrive, "sink", 100).await.unwrap();
    assert_eq!((report.moved, report.came_back, report.drained), (3, 1, true));
    assert_eq!(redrive.queues.sent.lock().unwrap().len(), 3);
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
    assert_eq!(redrive.queues.hidden.lock().unwrap()[0].message_id, "m1");
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
