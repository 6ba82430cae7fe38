//! A redrive lets sinks remember for longer what they have of an event.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::EventOrigin;
use event::{Payload, Timestamp};
use serde_json::json;
use sluicegate_tests::{Flight, World, flights};

const DAY_S: i64 = 24 * 60 * 60;

fn now_s(world: &World) -> i64 {
    i64::try_from(world.emulation().now_ms()).unwrap() / 1_000
}

/// When each dedupe record of a sink expires, in seconds since 1970.
fn expiries(world: &World, sink: &str) -> BTreeMap<String, i64> {
    let items = world.emulation().dynamodb().scan_all(world.name("DedupeTable")).unwrap();
    let mut expiries = BTreeMap::new();
    for item in items {
        let item = json!(item);
        let pk = item["pk"]["S"].as_str().unwrap();
        if pk.starts_with(&format!("{sink}#")) {
            let expires_s = item["expires_at"]["N"].as_str().unwrap().parse().unwrap();
            expiries.insert(pk.to_owned(), expires_s);
        }
    }
    expiries
}

/// Puts flights that were taken in now into the sink's dead-letter queue.
fn bury_in_sink(world: &World, flights: &[Flight]) {
    let taken_in = Timestamp::from_unix_ms(now_s(world) * 1_000);
    let contracts = testkit::contracts();
    for (number, flight) in flights.iter().enumerate() {
        let id = format!("e-{number}");
        let origin = EventOrigin {
            source: "s".to_owned(),
            id: id.clone(),
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            taken_in,
        };
        let payload = Payload::parse(flight.line.as_bytes()).unwrap();
        let envelope = contracts.get("flights").unwrap().envelope(payload, origin).unwrap();
        let failure = json!({
            "letter_format": 3, "stage": "sink", "code": "dependency.refused", "kind": "permanent",
            "reason": "it was refused", "dataset": "flights", "contract_version": 1,
            "first_failed_at": taken_in, "last_failed_at": taken_in, "attempts": 1, "redrives": 0,
            "message_id": id,
        });
        let attributes = [("sluicegate.failure", failure.to_string())];
        let attributes = attributes.each_ref().map(|(name, value)| (*name, value.as_str()));
        world.send("SinkDlq", &envelope.to_json().unwrap(), &attributes);
    }
}

/// The events are in their sinks already: their letters write nothing, and what is known of them is known for longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_redriven_when_its_keys_are_soon_forgotten_is_remembered_for_as_long_again() {
    let world = World::start().await;
    let sample = flights(0, 3);
    world.send_flights(&sample);
    world.settle().await;
    let (before, of_lake) = (expiries(&world, "totals"), expiries(&world, "lake"));
    assert_eq!((before.len(), of_lake.len()), (3, 3));
    bury_in_sink(&world, &sample);
    world.settle().await;
    world.emulation().pass(Duration::from_secs(20 * 24 * 60 * 60));
    let plan = world.ask_dlq("plan", json!({})).await;
    assert_eq!(plan["letters"], json!(3), "{plan}");
    let begun = json!({ "plan": plan["plan"], "why": "mended", "pace": { "canary": 0 } });
    let run = world.ask_dlq("redrive", begun).await["run"].clone();
    world.settle().await;
    let status = world.ask_dlq("status", json!({ "run": run })).await;
    assert_eq!((&status["run"]["sent"], &status["run"]["came_back"]), (&json!(3), &json!(0)));
    for (pk, expires_s) in expiries(&world, "totals") {
        assert!(before[&pk] - now_s(&world) < 11 * DAY_S, "{pk}");
        let left = expires_s - now_s(&world);
        assert!((29 * DAY_S..=30 * DAY_S).contains(&left), "{pk}: {left} s");
    }
    assert_eq!(expiries(&world, "lake"), of_lake, "no letter of that stage was redriven");
    world.assert_in_totals_whatever_was_extended(&sample);
    world.assert_in_table(&sample);
    world.end().await;
}
