//! Events that are too large for a message, for the rights that they need.

use serde_json::json;
use sluicegate_tests::{Flight, World, flights, lines};

/// Events that are too large for a message: one for each sink, which the table and the service refuse. Of others there
/// is nothing but a reference. Answers the flight, which is in the totals.
pub(super) fn send(world: &World) -> Flight {
    let note = json!("x".repeat(2_000_000));
    let flight = flights(300, 1)[0].with("note", note.clone());
    world.land("flights/large.ndjson", lines(std::slice::from_ref(&flight)));
    let mut observation = json!({ "origin": "X90", "time_hour": "2013-01-01T10:30:00Z" });
    observation["note"] = note;
    world.land("weather/large.ndjson", observation.to_string());
    let hash = event::hex_sha256(b"gone");
    let gone = json!({
        "claim_format": 1, "key": format!("claims/{hash}"), "bytes": 4, "sha256": hash,
    });
    for queue in ["EnrichQueue", "SinkQueue", "LakeQueue", "DeliverQueue"] {
        world.send(queue, &gone.to_string(), &[("sluicegate.claim", "1")]);
    }
    flight
}

/// A large event of a later stage is taken in again, and is refused again.
pub(super) async fn redrive_to_ingest(world: &World) {
    let select = json!({ "stages": ["deliver"], "codes": ["delivery.refused"], "value": { "pointer": "/origin", "value": "X90" } });
    let plan = world.ask_dlq("plan", json!({ "select": select, "to": "ingest" })).await;
    assert_eq!(plan["letters"], 1, "{plan}");
    let begun = json!({ "plan": plan["plan"], "why": "mended" });
    world.ask_dlq("redrive", begun).await;
    world.settle().await;
}
