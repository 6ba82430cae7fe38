//! Events whose time is further from when they are taken in than their contract allows.

use event::Timeliness;
use runtime::{Recorder, Stage};

use super::*;
use crate::emit::{Emit, QueueUrls};
use crate::memory::{ARCHIVE, HEADER, INBOX, LATE, flights_with, ingest_under, late_events, row};

/// The clock of the tests stands at 2026, and the flights are of 2013.
const RULES: &str = "time: {lateness: {allowed_s: 3600, beyond: BEYOND}}";

fn stage(
    beyond: &str,
    objects: &MemoryObjects,
    queue: &MemoryQueue,
) -> Ingest<MemoryObjects, MemoryQueue> {
    ingest_under(flights_with(&RULES.replace("BEYOND", beyond)), objects, queue)
}

fn both_ways() -> (MemoryObjects, Vec<Record>) {
    let file = format!("{HEADER}\n{}\n{}\n", row(2), row(3));
    let objects = MemoryObjects::default().with("landing", "flights/a.csv", "e1", file.as_bytes());
    let message = message("m1", &flight(1), &[("dataset", "flights")]);
    (objects, vec![message, announcement(&["flights/a.csv"])])
}

#[tokio::test]
async fn an_event_that_is_accepted_all_the_same_goes_on_and_says_so() {
    let ((objects, batch), queue) = (both_ways(), MemoryQueue::default());
    assert!(run_stage(stage("accept", &objects, &queue), &queue, batch).await.is_empty());
    let marks: Vec<_> = events(&queue).iter().map(|event| event.timeliness).collect();
    assert_eq!(marks, [Some(Timeliness::Late); 3]);
    assert!(late_events(&queue).is_empty());
    let plain = MemoryQueue::default();
    let (objects, batch) = both_ways();
    assert!(run(&objects, &plain, batch).await.is_empty());
    let marks: Vec<_> = events(&plain).iter().map(|event| event.timeliness).collect();
    assert_eq!(marks, [None; 3], "no limit");
}

#[tokio::test]
async fn a_diverted_event_has_the_message_with_which_it_would_have_gone_on() {
    let ((objects, batch), queue) = (both_ways(), MemoryQueue::default());
    assert!(run_stage(stage("divert", &objects, &queue), &queue, batch).await.is_empty());
    assert!(events(&queue).is_empty() && letters(&queue).is_empty());
    let ((accepting, batch), accepted) = (both_ways(), MemoryQueue::default());
    assert!(run_stage(stage("accept", &accepting, &accepted), &accepted, batch).await.is_empty());
    assert_eq!(queue.sent_to(LATE), accepted.sent_to(ENRICH));
    assert_eq!(objects.archived().len(), accepting.archived().len(), "archived like others");
}

#[tokio::test]
async fn a_rejected_event_is_a_letter_with_the_place_of_its_time() {
    let ((objects, batch), queue) = (both_ways(), MemoryQueue::default());
    assert!(run_stage(stage("reject", &objects, &queue), &queue, batch).await.is_empty());
    assert!(events(&queue).is_empty() && late_events(&queue).is_empty());
    let mut told: Vec<_> =
        letters(&queue).into_iter().map(|(letter, _)| (letter.code, letter.at.unwrap())).collect();
    told.sort();
    let lines = ["/time_hour", "line 2, /time_hour", "line 3, /time_hour"];
    assert_eq!(told, lines.map(|at| (Code::TimeLate, at.to_owned())));
}

/// The time at which a letter's event was first taken in counts, however late it comes back.
#[tokio::test]
async fn a_redriven_event_is_judged_by_when_it_was_first_taken_in() {
    for (taken_in, diverted) in [("2013-01-01T10:30:00Z", 0), ("2013-01-01T11:30:00Z", 1)] {
        let (objects, queue) = Default::default();
        let failure = Failure::permanent(Code::ContractViolation, "it was");
        let at: Timestamp = taken_in.parse().unwrap();
        let letter = DeadLetter::new("ingest", &failure, at, "m0");
        let dataset = Attribute::string("flights");
        let record = Record {
            attributes: letter.write([("dataset".to_owned(), dataset)].into()),
            sender: Some("AROAREDRIVE:redrive".to_owned()),
            ..message("m1", &flight(1), &[])
        };
        let stage = stage("divert", &objects, &queue);
        assert!(run_stage(stage, &queue, vec![record]).await.is_empty());
        assert_eq!(late_events(&queue).len(), diverted, "{taken_in}");
        assert_eq!(events(&queue).len(), 1 - diverted, "{taken_in}");
    }
}

#[tokio::test]
async fn events_are_counted_by_where_they_went_and_by_their_mark() {
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(120));
    for (beyond, expected) in [
        ("accept", EventCounts { late: 1, ..EventCounts::PASSED }),
        ("divert", EventCounts { late: 1, ..EventCounts::DIVERTED }),
    ] {
        let ((objects, batch), queue) = (both_ways(), MemoryQueue::default());
        let stage = stage(beyond, &objects, &queue);
        let mut prepared = Vec::new();
        for record in &batch {
            prepared.push(stage.prepare(record, &deadline).await.unwrap());
        }
        let counts: Vec<_> = stage.commit(prepared, &deadline).await;
        let mut of_file = expected;
        of_file += expected;
        assert_eq!(counts, [Ok(expected), Ok(of_file)], "{beyond}");
    }
}

#[tokio::test]
async fn without_a_late_queue_a_contract_that_diverts_is_broken() {
    for (beyond, is_broken) in [("accept", false), ("divert", true), ("reject", false)] {
        let ((objects, batch), queue) = (both_ways(), MemoryQueue::default());
        let dead_letters = DeadLetterQueue::new(queue.clone(), DLQ.to_owned());
        let urls = QueueUrls { enrich: ENRICH.to_owned(), inbox: INBOX.to_owned(), late: None };
        let claims = objects.claims.claims();
        let emit = Emit::new(queue.clone(), urls, dead_letters, claims, Recorder::new("Test"));
        let contracts = flights_with(&RULES.replace("BEYOND", beyond));
        let variables = Variables::default();
        let bucket = ARCHIVE.to_owned();
        let stage = Ingest::new(contracts, variables, objects, bucket, emit, 1_024);
        let deadline = ManualClock::default().deadline_in(Duration::from_secs(120));
        for record in &batch {
            let failure = stage.prepare(record, &deadline).await.err();
            let broken = failure.filter(|failure| failure.code == Code::ContractBroken);
            assert_eq!(broken.is_some(), is_broken, "{beyond}");
            if let Some(failure) = broken {
                assert_eq!(failure.kind, event::FailureKind::Transient);
                assert!(failure.reason.contains("LATE_QUEUE_URL is not set"), "{failure}");
            }
        }
    }
}

#[tokio::test]
async fn an_event_that_the_late_queue_refuses_stays_in_the_inbox() {
    let ((objects, batch), queue) = (both_ways(), MemoryQueue::default());
    queue.refuse(|url, _| {
        (url == LATE).then(|| Failure::transient(Code::DependencyUnavailable, "SQS is away"))
    });
    let stage = stage("divert", &objects, &queue);
    let mut left = run_stage(stage, &queue, batch).await;
    left.sort();
    assert_eq!(left, ["m1", "n1"]);
}
