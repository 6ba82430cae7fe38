//! Events that come by a way that their contract does not list.

use super::*;
use crate::memory::{HEADER, flights_with, ingest_under, row};

/// How many events are taken in of a message and of a file with two rows, and the codes of the letters.
async fn taken(sources: &str) -> (usize, Vec<Code>) {
    let queue = MemoryQueue::default();
    let file = format!("{HEADER}\n{}\n{}\n", row(2), row(3));
    let objects = MemoryObjects::default().with("landing", "flights/a.csv", "e1", file.as_bytes());
    let batch = vec![
        message("m1", &flight(1), &[("dataset", "flights")]),
        announcement(&["flights/a.csv"]),
    ];
    let stage = ingest_under(flights_with(&format!("sources: {sources}")), &objects, &queue);
    assert!(run_stage(stage, &queue, batch).await.is_empty());
    let codes = letters(&queue).iter().map(|(letter, _)| letter.code).collect();
    (events(&queue).len(), codes)
}

#[tokio::test]
async fn what_comes_by_another_way_is_one_letter_for_each_message() {
    assert_eq!(taken("[inbox, files]").await, (3, vec![]));
    assert_eq!(taken("[files]").await, (2, vec![Code::SourceRefused]));
    assert_eq!(taken("[inbox]").await, (1, vec![Code::SourceRefused]));
    assert_eq!(taken("[http]").await, (0, vec![Code::SourceRefused; 2]));
}

const CHECKOUT: &str = "AROACHECKOUT123456789:shop";
const OTHER: &str = "AROAOTHER000000000000:CHECKOUT";

fn held_to_senders() -> Catalog {
    flights_with("sources: [files, inbox: {senders: ['{CHECKOUT}']}]")
}

/// The outcome of one message: the number of events, and the reasons of letters that say `source.refused`.
async fn sent(record: Record) -> (usize, Vec<String>) {
    let (objects, queue) = (MemoryObjects::default(), MemoryQueue::default());
    let stage = ingest_under(held_to_senders(), &objects, &queue);
    assert!(run_stage(stage, &queue, vec![record]).await.is_empty());
    let refused = letters(&queue).into_iter().map(|(letter, _)| {
        assert_eq!(letter.code, Code::SourceRefused, "{}", letter.reason);
        letter.reason
    });
    (events(&queue).len(), refused.collect())
}

fn sent_by(sender: &str, body: &str, attributes: &[(&str, &str)]) -> Record {
    Record { sender: Some(sender.to_owned()), ..message("m1", body, attributes) }
}

const FLIGHTS: &[(&str, &str)] = &[("dataset", "flights")];

#[tokio::test]
async fn whom_the_contract_does_not_list_cannot_name_its_dataset() {
    assert_eq!(sent(sent_by(CHECKOUT, &flight(1), FLIGHTS)).await, (1, vec![]));
    let bus =
        format!("{{\"detail-type\": \"flights\", \"source\": \"x\", \"detail\": {}}}", flight(1));
    for (body, attributes) in [(flight(1), FLIGHTS), (bus, &[])] {
        let (events, reasons) = sent(sent_by(OTHER, &body, attributes)).await;
        assert_eq!((events, reasons.len()), (0, 1));
        assert!(reasons[0].starts_with("`AROAOTHER000000000000` sent it"), "{reasons:?}");
    }
    // A copy without an id, and what was handed over by ingest itself, which was invoked with it.
    let unknown = message("m1", &flight(1), FLIGHTS);
    assert_eq!(sent(unknown).await.0, 0);
    assert_eq!(sent(sent_by("AROAINGEST:function", &flight(1), FLIGHTS)).await.0, 0);
}

#[tokio::test]
async fn files_and_datasets_without_senders_are_taken_from_everybody() {
    let file = format!("{HEADER}\n{}\n", row(2));
    let objects = MemoryObjects::default().with("landing", "flights/a.csv", "e1", file.as_bytes());
    let queue = MemoryQueue::default();
    let stage = ingest_under(held_to_senders(), &objects, &queue);
    let announced = Record { sender: Some(OTHER.to_owned()), ..announcement(&["flights/a.csv"]) };
    assert!(run_stage(stage, &queue, vec![announced]).await.is_empty());
    assert_eq!(events(&queue).len(), 1);
    let stage = ingest_under(flights_with("sources: [inbox]"), &objects, &queue);
    assert!(run_stage(stage, &queue, vec![sent_by(OTHER, &flight(1), FLIGHTS)]).await.is_empty());
    assert_eq!(events(&queue).len(), 2);
}

/// The message of a letter, as redrive sends it.
fn redriven_letter(stage: &str, sender: Option<&str>) -> Record {
    let why = Failure::permanent(Code::UnknownDataset, "no contract for `flights`");
    let mut letter = DeadLetter::new(stage, &why, Timestamp::from_unix_ms(0), "m1");
    letter.sender = sender.map(str::to_owned);
    let attributes = letter.write(message("m1", "", FLIGHTS).attributes);
    let body = flight(1);
    super::letters::redriven(&Outgoing { body, attributes, ..Outgoing::default() })
}

#[tokio::test]
async fn a_letter_that_comes_back_is_held_to_who_sent_it_first() {
    assert_eq!(sent(redriven_letter("ingest", Some(CHECKOUT))).await, (1, vec![]));
    let (events, reasons) = sent(redriven_letter("ingest", Some(OTHER))).await;
    assert!(events == 0 && reasons[0].starts_with("`AROAOTHER"), "{reasons:?}");
    let (events, reasons) = sent(redriven_letter("ingest", None)).await;
    assert!(events == 0 && reasons[0].starts_with("it is not known who sent it"), "{reasons:?}");
    // Of a later stage: it was taken in before.
    assert_eq!(sent(redriven_letter("sink", None)).await, (1, vec![]));
    // A letter that a producer writes is no letter.
    let forged =
        Record { sender: Some(OTHER.to_owned()), ..redriven_letter("sink", Some(CHECKOUT)) };
    assert_eq!(sent(forged).await.0, 0);
}

/// Such as `dlq redrive --to ingest` sends it, whose letter does not say that it came by a file.
#[tokio::test]
async fn an_event_that_a_later_stage_had_is_not_asked_again_how_it_came() {
    for (stage, expected) in [("sink", (1, 0)), ("ingest", (0, 1))] {
        let (objects, queue) = (MemoryObjects::default(), MemoryQueue::default());
        let under = ingest_under(flights_with("sources: [files]"), &objects, &queue);
        let letter = redriven_letter(stage, Some(CHECKOUT));
        assert!(run_stage(under, &queue, vec![letter]).await.is_empty());
        assert_eq!((events(&queue).len(), letters(&queue).len()), expected, "{stage}");
    }
}

/// A message waits for more than a minute as a copy, which ingest sends itself.
#[tokio::test]
async fn a_parked_message_is_held_to_who_sent_it_first() {
    for (sender, expected) in [(CHECKOUT, 1), (OTHER, 0)] {
        let why = Failure::transient(Code::DependencyUnavailable, "away");
        let mut parked = event::Parked::new("m1", None, &why, Timestamp::from_unix_ms(0));
        parked.sender = Some(sender.to_owned());
        let attributes = parked.write_within(message("m1", "", FLIGHTS).attributes, usize::MAX);
        let copy = Record { attributes, ..sent_by("AROAREDRIVE:function", &flight(1), FLIGHTS) };
        assert_eq!(sent(copy).await.0, expected, "{sender}");
    }
}
