//! Changes of rows that come through the inbox, as files and over HTTP.

use super::*;
use crate::memory::{ingest_under, tables_contracts};

/// A message of Debezium about the customer `id`.
fn envelope(op: &str, id: u32) -> String {
    let row = format!(r#"{{"id": {id}, "credit": 1.00}}"#);
    let (before, after) = if op == "d" { (row.as_str(), "null") } else { ("null", row.as_str()) };
    format!(
        r#"{{"before":{before},"after":{after},"source":{{"connector":"mysql","name":"shop","db":"inventory","table":"customers","file":"bin.000003","pos":{id},"row":0,"ts_ms":1465491411000}},"op":"{op}"}}"#
    )
}

fn stream_record(id: u32) -> String {
    format!(
        r#"{{"eventID":"e{id}","eventName":"INSERT","eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:r:1:table/orders/stream/s","dynamodb":{{"NewImage":{{"id":{{"N":"{id}"}}}},"SequenceNumber":"{id}","ApproximateCreationDateTime":1480642020}}}}"#
    )
}

async fn run_changes(
    objects: &MemoryObjects,
    queue: &MemoryQueue,
    records: Vec<Record>,
) -> Vec<String> {
    run_stage(ingest_under(tables_contracts(), objects, queue), queue, records).await
}

#[tokio::test]
async fn a_message_is_of_the_dataset_that_it_or_its_table_names() {
    let (objects, queue) = Default::default();
    let named = [("dataset", "customers")];
    let batch = vec![
        message("m1", &envelope("c", 1), &[]),
        message("m2", &envelope("d", 2), &named),
        message("m3", &stream_record(3), &[]),
        message("m4", "null", &named),
    ];
    assert!(run_changes(&objects, &queue, batch).await.is_empty());
    let sent = events(&queue);
    let found: Vec<_> = sent
        .iter()
        .map(|event| (event.dataset.as_str(), event.operation.as_deref().unwrap()))
        .collect();
    assert_eq!(found, [("customers", "insert"), ("customers", "delete"), ("orders", "insert")]);
    let expected = r#"{"id": 2, "credit": 1.00,"change":{"operation":"delete","sequence":30000000000020000000,"time":"2016-06-09T16:56:51.000Z"}}"#;
    assert_eq!(sent[1].data.get(), expected);
    assert_eq!(sent[1].sequence.as_deref(), Some("0000000000000000000030000000000020000000"));
    assert!(letters(&queue).is_empty());
}

#[tokio::test]
async fn a_change_that_is_refused_is_a_dead_letter_of_its_dataset_and_comes_back() {
    let (objects, queue) = Default::default();
    let truncated = envelope("t", 1);
    run_changes(&objects, &queue, vec![message("m1", &truncated, &[])]).await;
    let (letter, dead) = letters(&queue).remove(0);
    assert_eq!((letter.code, letter.dataset.as_deref()), (Code::DecodeFormat, Some("customers")));
    assert_eq!(dead.body, truncated);
    let mended = Outgoing { body: envelope("u", 1), ..dead };
    let again = MemoryQueue::default();
    run_changes(&objects, &again, vec![super::letters::redriven(&mended)]).await;
    assert_eq!(events(&again)[0].operation.as_deref(), Some("update"));
    assert_eq!(events(&again)[0].id, "m1");
}

/// A record of a stream that became a dead letter came through no queue, and has the source and the id that it had.
#[tokio::test]
async fn a_record_of_a_stream_that_comes_back_keeps_its_origin() {
    let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
    let stage = ingest_under(tables_contracts(), &objects, &queue);
    let bad = stream_record(7).replace("INSERT", "X");
    let records = [serde_json::value::RawValue::from_string(bad).unwrap()];
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(60));
    assert!(crate::stream::take_batch(&stage, &records, &deadline).await.failures.is_empty());
    let (_, dead) = letters(&queue).remove(0);
    let mended = Outgoing { body: stream_record(7), ..dead };
    let again = MemoryQueue::default();
    run_changes(&objects, &again, vec![super::letters::redriven(&mended)]).await;
    let event = &events(&again)[0];
    assert_eq!((event.id.as_str(), event.dataset.as_str()), ("e7", "orders"));
    assert_eq!(event.source, "arn:aws:dynamodb:r:1:table/orders/stream/s");
}

#[tokio::test]
async fn a_file_of_changes_is_read_and_what_tells_of_no_row_is_blank() {
    let queue = MemoryQueue::default();
    let file = format!("{}\nnull\n{}\n{{\"id\":1}}\n", envelope("r", 1), envelope("u", 1));
    let objects = MemoryObjects::default()
        .with("landing", "customers/a.ndjson", "e1", file.as_bytes())
        .with("landing", "customers/a.csv", "e1", b"id\n1\n");
    let files = vec![announcement(&["customers/a.ndjson"]), announcement(&["customers/a.csv"])];
    assert!(run_changes(&objects, &queue, files).await.is_empty());
    let operations: Vec<_> =
        events(&queue).into_iter().filter_map(|event| event.operation).collect();
    assert_eq!(operations, ["snapshot", "update"]);
    let mut at: Vec<_> =
        letters(&queue).into_iter().map(|(letter, _)| (letter.code, letter.at)).collect();
    at.sort_by_key(|(_, at)| at.is_none());
    let expected = [(Code::DecodeFormat, Some("line 4".to_owned())), (Code::DecodeFormat, None)];
    assert_eq!(at, expected);
}
