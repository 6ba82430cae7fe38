//! What the functions measure: each metric is measured when what it counts happens, and adds up to what the log says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use emulation::faults::Plan;
use event::Timestamp;
use runtime::Metric;
use serde_json::{Value, json};
use sluicegate_tests::{Edit, Settings, World, flights, post_signed};

/// A version of the readings of `late` that wants another member.
const CANARY: &str = r#"{"type": "object", "required": ["id", "at", "revision", "unit"], "properties": {
    "id": {"type": "string"}, "at": {"type": "string"}, "revision": {"type": "integer"},
    "region": {"type": "string"}, "unit": {"type": "string"}}}"#;

fn reading(id: &str, at: Timestamp) -> String {
    json!({ "id": id, "at": at.to_string(), "revision": 7 }).to_string()
}

/// The metric lines of the functions.
fn lines(world: &World) -> Vec<Value> {
    let lines = world.logs.lines_with(r#"{"_aws":"#);
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The sums of the counts, by stage and name.
fn sums(lines: &[Value]) -> BTreeMap<(String, String), u64> {
    let mut sums = BTreeMap::new();
    for line in lines.iter().filter(|line| line.get("Code").is_none()) {
        let Some(stage) = line["Stage"].as_str() else { continue };
        for (name, value) in line.as_object().unwrap() {
            if let Some(count) = value.as_u64() {
                *sums.entry((stage.to_owned(), name.clone())).or_default() += count;
            }
        }
    }
    sums
}

async fn eventful() -> World {
    let contract_edits = vec![
        (
            "flights/contract.yaml",
            Edit {
                old: "    into: weather\n",
                new: "    into: weather\n    cache: {ttl_s: 600}\n",
            },
        ),
        (
            "late/contract.yaml",
            Edit {
                old: "schema: {version: 1, file: v1.schema.json}",
                new: "schema:\n  compatibility: NONE\n  versions:\n    \
                      - {version: 1, file: v1.schema.json, state: active}\n    \
                      - {version: 2, file: v2.schema.json, state: canary}",
            },
        ),
        (
            "late/contract.yaml",
            Edit {
                old: "lateness: {allowed_s: 3600, beyond: divert}\n  skew: {allowed_s: 60, beyond: reject}",
                new: "lateness: {allowed_s: 3600, beyond: divert}\n  skew: {allowed_s: 60, beyond: accept}",
            },
        ),
    ];
    let faults = "seed: 5\nfaults:\n  - {fault: host-failing, on: weather, for: 10m}\n  \
                  - {fault: throttle, on: dynamodb.TransactWriteItems, from: SinkFunction, times: 12}";
    let world = World::start_with(Settings {
        datasets: &["late", "readings"],
        contract_edits,
        faults: Plan::parse(faults).unwrap(),
        ..Settings::default()
    })
    .await;
    std::fs::write(world.contracts().join("late/v2.schema.json"), CANARY).unwrap();

    // Events that wait for a service, some of which its answers are remembered for, and one without an answer.
    world.send_flights(&flights(0, 200));
    world.settle().await;
    // A repetition, and another payload under a used key.
    let first = &flights(0, 1)[0];
    world.send("Inbox", &first.line, &[("dataset", "flights")]);
    let other = first.with("distance", json!(1)).line;
    world.send("Inbox", &other, &[("dataset", "flights")]);
    // What breaks its contract, in a message and in a request.
    let broken = first.with("distance", json!("far")).line;
    world.send("Inbox", &broken, &[("dataset", "flights")]);
    world.send("Inbox", "{}", &[("dataset", "made-up-by-somebody")]);
    let url = world.output("IngestUrl").trim_end_matches('/').to_owned();
    let (status, _, answer) = post_signed(&format!("{url}/flights"), broken).await;
    assert_eq!(status, 422, "{answer}");
    // An hour of which the service knows nothing.
    let unknown = first.with("origin", json!("XXX")).line;
    world.send("Inbox", &unknown, &[("dataset", "flights")]);
    // Late, early, and older than what is there.
    let now = Timestamp::from_unix_ms(i64::try_from(world.emulation().now_ms()).unwrap());
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    for (id, at) in [("late", now.minus(hours(2))), ("early", now.plus(hours(9_000)))] {
        world.send("Inbox", &reading(id, at), &[("dataset", "late")]);
    }
    for at in [now, now.minus(Duration::from_secs(1))] {
        let meter = json!({ "id": 1, "at": at.to_string() }).to_string();
        world.send("Inbox", &meter, &[("dataset", "readings")]);
        world.settle().await;
    }
    world.redrive("sink").await;
    world.settle().await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_metric_is_measured_and_adds_up_to_what_the_log_says() {
    let world = eventful().await;
    let lines = lines(&world);

    let mut measured = BTreeSet::new();
    for line in &lines {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Sluicegate/sluicegate");
        for metric in directive["Metrics"].as_array().unwrap() {
            measured.insert(metric["Name"].as_str().unwrap().to_owned());
        }
    }
    let all: BTreeSet<String> = Metric::ALL.iter().map(|metric| metric.name().to_owned()).collect();
    let missing: Vec<_> = all.difference(&measured).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(measured, all);

    let sums = sums(&lines);
    for stage in ["ingest", "enrich", "sink", "lake"] {
        for (metric, field) in [
            ("EventsIn", "events.in"),
            ("EventsOut", "events.out"),
            ("EventsDuplicate", "events.duplicate"),
            ("EventsStale", "events.stale"),
            ("EventsDegraded", "events.degraded"),
            ("EventsDiverted", "events.diverted"),
            ("EventsLate", "events.late"),
            ("EventsEarly", "events.early"),
            ("EventsRetried", "events.retried"),
            ("EventsParked", "events.parked"),
            ("EventsRefused", "events.refused"),
            ("EventsDeadLettered", "events.dead_lettered"),
            ("EventsConflict", "events.conflict"),
        ] {
            let sum = sums.get(&(stage.to_owned(), metric.to_owned())).copied().unwrap_or_default();
            assert_eq!(sum, world.logs.sum(stage, field), "{metric} of {stage}");
        }
    }
    world.end().await;
}

/// A dimension with a value of a producer's own would be a metric for each value that it makes up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_dimension_has_a_value_that_a_producer_makes_up() {
    let world = World::start().await;
    for number in 0..5 {
        let made_up = format!("made-up-{number}");
        world.send("Inbox", r#"{"secret":"value"}"#, &[("dataset", &made_up)]);
        world.send("Inbox", &format!("not json {made_up}"), &[("dataset", "flights")]);
    }
    world.settle().await;
    let lines = lines(&world);
    let datasets: BTreeSet<&str> =
        lines.iter().filter_map(|line| line["Dataset"].as_str()).collect();
    assert_eq!(datasets, BTreeSet::from(["flights", "unknown"]));
    let text = json!(lines).to_string();
    assert!(!text.contains("made-up") && !text.contains("secret"), "{text}");
    world.end().await;
}
