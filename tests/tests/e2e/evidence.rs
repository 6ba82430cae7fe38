//! Whether an event that was sent is where it belongs, told from what its sinks have left.

use std::collections::BTreeMap;

use aws::EvidenceTables;
use aws_sdk_dynamodb::types::AttributeValue;
use event::{Attribute, Attributes};
use letters::{Evidence, Seen, SentEvent};
use serde_json::json;
use sluicegate_tests::World;

/// The event of a payload in the inbox.
fn sent(dataset: &str, payload: &str) -> SentEvent {
    let attributes: Attributes = [("dataset".to_owned(), Attribute::string(dataset))].into();
    let event = SentEvent::of_message("ingest", payload, &attributes, &testkit::contracts());
    event.unwrap_or_else(|| panic!("{payload}"))
}

fn tables(world: &World) -> EvidenceTables {
    let of_sinks = [("records", "RecordsTable"), ("totals", "TotalsTable")]
        .map(|(sink, table)| (sink.to_owned(), world.name(table).to_owned()));
    EvidenceTables::new(&world.sdk(), world.name("DedupeTable").to_owned(), of_sinks.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_missing_until_each_of_its_sinks_has_it() {
    let world = World::start().await;
    let flights = testkit::sample_lines("flights-2013-01.ndjson.gz");
    let weather = testkit::sample_lines("weather.ndjson.gz");
    // More than one call asks for.
    let events: Vec<SentEvent> = (flights[..60].iter().map(|line| sent("flights", line)))
        .chain(weather[..60].iter().map(|line| sent("weather", line)))
        .collect();
    let evidence = tables(&world);
    assert_eq!(evidence.look(&events).await.unwrap(), [Seen::Missing; 120]);
    for line in &flights[..60] {
        world.send("Inbox", line, &[("dataset", "flights")]);
    }
    for line in &weather[..60] {
        world.send("Inbox", line, &[("dataset", "weather")]);
    }
    world.settle().await;
    assert_eq!(evidence.look(&events).await.unwrap(), [Seen::Everywhere; 120]);
    // The same key with another payload is in no sink.
    let mut changed: serde_json::Value = serde_json::from_str(&flights[0]).unwrap();
    changed["distance"] = json!(1);
    let others = [sent("flights", &changed.to_string()), sent("flights", &flights[60])];
    assert_eq!(evidence.look(&others).await.unwrap(), [Seen::Missing; 2]);
    // A sink whose table is not known here is not seen.
    let dedupe = world.name("DedupeTable").to_owned();
    let less = EvidenceTables::new(&world.sdk(), dedupe, BTreeMap::new());
    assert_eq!(less.look(&events[..1]).await.unwrap(), [Seen::NotKnown]);
    assert_eq!(less.look(&[]).await.unwrap(), []);
    world.end().await;
}

/// A claim is a record with an owner: what is claimed is not delivered yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_only_claimed_is_missing() {
    let world = World::start().await;
    let line = &testkit::sample_lines("weather.ndjson.gz")[0];
    let event = sent("weather", line);
    world.send("Inbox", line, &[("dataset", "weather")]);
    world.settle().await;
    assert_eq!(
        tables(&world).look(std::slice::from_ref(&event)).await.unwrap(),
        [Seen::Everywhere]
    );
    let client = aws_sdk_dynamodb::Client::new(&world.sdk());
    let pk = event.proofs.iter().find_map(|proof| match proof {
        letters::Proof::Record { sink, key } => Some(format!("{sink}#{key}")),
        letters::Proof::Row { .. } => None,
    });
    let claim = client
        .update_item()
        .table_name(world.name("DedupeTable"))
        .key("pk", AttributeValue::S(pk.unwrap()))
        .update_expression("SET #owner = :owner")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_values(":owner", AttributeValue::S("o-1".to_owned()));
    claim.send().await.unwrap();
    assert_eq!(tables(&world).look(&[event]).await.unwrap(), [Seen::Missing]);
    world.end().await;
}
