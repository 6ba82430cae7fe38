//! Changes of rows: a batch of a DynamoDB stream, as an event source mapping invokes ingest with it.

use event::Code;
use serde_json::{Value, json};
use sluicegate_tests::{Edit, Settings, World, post};

const STREAM: &str =
    "arn:aws:dynamodb:eu-west-1:123456789012:table/shop-orders/stream/2024-06-10T19:26:16.525";
/// The numbers of records have as many digits as real ones.
const FIRST: u128 = 1_405_400_000_000_002_063_282_832;

/// A record of the stream.
fn record(place: u32, event_name: &str, id: u32, total: &str) -> Value {
    let image = if event_name == "REMOVE" { "OldImage" } else { "NewImage" };
    json!({"eventID": format!("e{place}"), "eventName": event_name, "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1", "eventSourceARN": STREAM,
        "dynamodb": {"ApproximateCreationDateTime": 1_780_000_000, "Keys": {"id": {"N": id.to_string()}},
            image: {"id": {"N": id.to_string()}, "total": {"N": total}},
            "SequenceNumber": number(place), "SizeBytes": 40, "StreamViewType": "NEW_AND_OLD_IMAGES"}})
}

fn number(place: u32) -> String {
    (FIRST + u128::from(place)).to_string()
}

async fn invoke(world: &World, records: &[Value]) -> Value {
    let (endpoint, name) = (world.emulation().endpoint(), world.name("IngestFunction"));
    let url = format!("{endpoint}/2015-03-31/functions/{name}/invocations");
    let (status, _, answer) = post(&url, json!({ "Records": records }).to_string()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_repeated_from_its_first_failure_on_and_rows_end_as_the_table_has_them() {
    // The contract of a dataset that cannot be read may be the one of any table.
    let unreadable = Edit { old: "dataset: late", new: "dataset: [" };
    let settings = Settings {
        datasets: &["changed", "late"],
        contract_edits: vec![("late/contract.yaml", unreadable)],
        ..Settings::default()
    };
    let world = World::start_with(settings).await;
    let mut nobodys = record(4, "INSERT", 4, "1");
    nobodys["eventSourceARN"] = json!(STREAM.replace("shop-orders", "tides"));
    let batch = [
        record(1, "INSERT", 1, "10.50"),
        record(2, "TRUNCATE", 2, "1"),
        record(3, "MODIFY", 1, "12345678901234567890.10"),
        nobodys,
        record(5, "INSERT", 5, "1"),
        record(6, "REMOVE", 5, "1"),
        record(7, "INSERT", 6, "7"),
    ];
    let failures = json!({"batchItemFailures": [{"itemIdentifier": number(4)}]});
    assert_eq!(invoke(&world, &batch).await, failures);
    world.settle().await;
    let total = |id: u32| {
        let rows = world.rows();
        let row = rows.into_iter().find(|row| row["pk"] == json!(format!("changed#[{id}]")));
        row.map(|row| row["payload"]["total"].to_string())
    };
    assert_eq!(total(1).as_deref(), Some("12345678901234567890.1"));
    assert_eq!((total(5), total(6)), (None, None), "nothing behind the failure was taken");
    world.assert_letters("InboxDlq", &[(Code::DecodeFormat, "eventName")]);

    // Lambda repeats the batch from there on. What comes again, or late, changes nothing.
    let again = [batch[4].clone(), batch[5].clone(), batch[6].clone(), batch[0].clone()];
    assert_eq!(invoke(&world, &again).await, json!({"batchItemFailures": []}));
    world.settle().await;
    assert_eq!(total(1).as_deref(), Some("12345678901234567890.1"));
    assert_eq!(total(6).as_deref(), Some("7"));
    let rows = world.rows();
    let gone = rows.iter().find(|row| row["pk"] == "changed#[5]").unwrap();
    assert_eq!(gone["deleted"], json!(true), "{gone}");
    world.end().await;
}
