//! What a plan forecasts is what comes of it, from the inbox to tables, lake and dead-letter queues.

use serde_json::{Value, json};
use sluicegate_tests::{Flight, World, flights};

/// Letters that were written before, that are new, that are in conflict, and that the contract refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forecast_is_what_tables_and_dead_letters_come_to() {
    let world = World::start().await;
    let before = flights(0, 40);
    world.send_flights(&before);
    world.settle().await;
    let rows_before = world.records().len();
    assert_eq!(rows_before, 40);

    let mut buried: Vec<Flight> = before[..10].to_vec();
    buried.extend(flights(40, 20));
    for flight in &before[20..23] {
        buried.push(flight.with("distance", json!(1)));
    }
    for flight in flights(60, 2) {
        buried.push(flight.with("distance", json!("far")));
    }
    world.bury(&buried);
    world.settle().await;
    let plan = world.ask_redrive(&json!({ "plan": {} })).await;
    let forecast = &plan["forecast"];
    assert_eq!((&forecast["looked_at"], &forecast["letters"]), (&json!(35), &json!(35)), "{plan}");
    let counts = json!({
        "written": 20, "duplicate": 10, "stale": 0, "conflict": 3, "refused": 0, "not_known": 0,
    });
    let sinks = json!({ "lake": counts, "records": counts, "totals": counts });
    assert_eq!(forecast["sinks"], sinks, "{forecast}");
    assert_eq!(forecast["refused"], json!({ "contract.violation": 2 }));

    let pace = json!({
        "canary": 0, "rates": [], "most_per_second": 0, "most_waiting": 0, "stop_percent": 100,
    });
    let verb = json!({ "redrive": { "plan": plan["plan"], "why": "mended", "pace": pace } });
    world.ask_redrive(&verb).await;
    world.settle().await;
    let written = world.records().len() - rows_before;
    assert_eq!(json!(written), forecast["sinks"]["records"]["written"]);
    let letters = |queue: &str| json!(world.letters(queue).len());
    assert_eq!(letters("InboxDlq"), forecast["refused"]["contract.violation"]);
    assert_eq!(letters("SinkDlq"), forecast["sinks"]["records"]["conflict"]);
    assert_eq!(letters("LakeDlq"), forecast["sinks"]["lake"]["conflict"]);

    // What is dead now would be no better off.
    let plan = world.ask_redrive(&json!({ "plan": {} })).await;
    let total = |name: &str| -> u64 {
        let sinks: Vec<&Value> = plan["forecast"]["sinks"].as_object().unwrap().values().collect();
        sinks.iter().map(|sink| sink[name].as_u64().unwrap()).sum()
    };
    assert_eq!((total("written"), total("conflict")), (0, 9), "{plan}");
    world.end().await;
}
