//! Enrichers that look things up, through the real binaries: a table's items, and files of reference data.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use emulation::clock::Clock;
use emulation::faults::Plan;
use event::Code;
use serde_json::{Value, json};
use sluicegate_tests::{Edit, Settings, World};

const AIRPORTS: &str = "faa,name,lat,alt\nEWR,Newark Liberty,40.69250000000000000000123,18\nJFK,Kennedy,40.639801,13\n\
                        LGA,La Guardia,40.777245,22\n";

/// The table that the totals are in, which no dataset of these tests writes to.
fn with_a_table() -> Vec<Edit> {
    let variable = Edit {
        old: "LOOKUP_TABLES: '{}'",
        new: "LOOKUP_TABLES: !Sub '{\"airports\":\"${TotalsTable}\"}'",
    };
    let right = Edit {
        old: "              # Files of reference data are read when",
        new: "              - Effect: Allow\n                Action: dynamodb:BatchGetItem\n                Resource: !GetAtt TotalsTable.Arn\n              # Files of reference data are read when",
    };
    vec![variable, right]
}

async fn world_with_a_table(faults: Plan) -> World {
    let edits = with_a_table();
    World::start_with(Settings { datasets: &["tabled"], edits, faults, ..Settings::default() })
        .await
}

fn observations(count: usize) -> Vec<Value> {
    let lines = testkit::sample_lines("weather.ndjson.gz");
    let mut observations = Vec::new();
    for line in lines.iter().take(count) {
        observations.push(serde_json::from_str(line).unwrap());
    }
    observations
}

fn send(world: &World, dataset: &str, observations: &[Value]) {
    for observation in observations {
        world.send("Inbox", &observation.to_string(), &[("dataset", dataset)]);
    }
}

fn put_file(world: &World, name: &str, content: &str) {
    let bucket = world.output("ReferenceBucketName");
    world.emulation().s3().put(bucket, name, content.to_owned().into(), "text/csv").unwrap();
}

async fn put_airport(world: &World, origin: &str, name: &str) {
    let client = aws_sdk_dynamodb::Client::new(&world.sdk());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let item = client
        .put_item()
        .table_name(world.name("TotalsTable"))
        .item("pk", text(&format!("airport#{origin}")))
        .item("name", text(name))
        .item("runways", AttributeValue::N("3".to_owned()));
    item.send().await.unwrap();
}

/// The rows' payloads.
fn payloads(world: &World) -> Vec<Value> {
    world.rows().into_iter().map(|row| row["payload"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tables_items_are_added_to_events() {
    let world = world_with_a_table(Plan::default()).await;
    for (origin, name) in [("EWR", "Newark"), ("JFK", "Kennedy")] {
        put_airport(&world, origin, name).await;
    }
    let mut sample = observations(40);
    for (number, observation) in sample.iter_mut().enumerate() {
        observation["origin"] = json!(["EWR", "JFK"][number % 2]);
    }
    let mut unknown = sample[0].clone();
    unknown["origin"] = json!("LGA");
    send(&world, "tabled", &sample);
    send(&world, "tabled", &[unknown]);
    world.settle().await;

    let rows = payloads(&world);
    assert_eq!(rows.len(), 40);
    for row in rows {
        let name = if row["origin"] == "EWR" { "Newark" } else { "Kennedy" };
        let pk = format!("airport#{}", row["origin"].as_str().unwrap());
        assert_eq!(row["airport"], json!({"name": name, "pk": pk, "runways": 3}));
    }
    let letters = world.letters("EnrichDlq");
    let codes: Vec<Code> =
        letters.into_iter().filter_map(|letter| letter.failure).map(|it| it.code).collect();
    assert_eq!(codes, [Code::EnricherRefused]);
    world.end().await;
}

/// DynamoDB leaves keys of each call for later: they are asked for again, and none is taken for an absent item.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_a_table_leaves_for_later_are_asked_for_again() {
    let faults = "faults: [{fault: partial, on: dynamodb.BatchGetItem}]";
    let world = world_with_a_table(Plan::parse(faults).unwrap()).await;
    let mut sample = observations(60);
    for (number, observation) in sample.iter_mut().enumerate() {
        observation["origin"] = json!(format!("A{}", number % 6));
    }
    for number in 0..6 {
        put_airport(&world, &format!("A{number}"), "known").await;
    }
    send(&world, "tabled", &sample);
    world.settle().await;
    assert_eq!(payloads(&world).len(), sample.len());
    world.assert_letters("EnrichDlq", &[]);
    world.end().await;
}

/// The table throttles, and is gone, for twenty minutes: events wait, and none is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_away_is_an_outage_and_no_failure() {
    let faults = "faults: [{fault: error, on: dynamodb.BatchGetItem, for: 20m}]";
    let world = world_with_a_table(Plan::parse(faults).unwrap()).await;
    let mut sample = observations(60);
    for observation in &mut sample {
        observation["origin"] = json!("EWR");
    }
    sample.dedup_by_key(|observation| observation["time_hour"].clone());
    put_airport(&world, "EWR", "Newark").await;
    send(&world, "tabled", &sample);
    world.settle().await;
    assert_eq!(payloads(&world).len(), sample.len());
    world.assert_letters("EnrichDlq", &[]);
    assert!(world.logs.sum("enrich", "events.parked") > 0);
    let open = world.logs.lines_with(r#""breaker.name":"airport""#);
    assert!(open.iter().any(|line| line.contains(r#""breaker.state":"open""#)), "{open:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_read_once_by_each_environment_and_again_where_it_has_changed() {
    let clock = Clock::system();
    let settings =
        Settings { datasets: &["lookups"], clock: Some(clock.clone()), ..Settings::default() };
    let world = World::start_with(settings).await;
    put_file(&world, "airports.csv", AIRPORTS);
    let sample = observations(90);
    let (first, second) = sample.split_at(60);
    send(&world, "lookups", first);
    world.settle().await;
    let rows = payloads(&world);
    assert_eq!(rows.len(), 60);
    for row in &rows {
        let airport = &row["airport"];
        assert_eq!(airport["faa"], row["origin"]);
        assert!(airport["alt"].is_u64() && airport["lat"].is_number(), "{airport}");
        assert_eq!(row["runways"], Value::Null, "there is no such file");
    }
    let newark = rows.iter().find(|row| row["origin"] == "EWR").unwrap();
    assert_eq!(newark["airport"]["lat"].to_string(), "40.69250000000000000000123");
    let read = world.logs.lines_with("reference data read").len();
    assert!((1..=4).contains(&read), "{read} readings by four environments");

    put_file(&world, "airports.csv", &AIRPORTS.replace("Newark Liberty", "Newark"));
    clock.advance(Duration::from_secs(61));
    send(&world, "lookups", second);
    world.settle().await;
    let rows = payloads(&world);
    assert_eq!(rows.len(), 90);
    let named = |name: &str| rows.iter().filter(|row| row["airport"]["name"] == name).count();
    assert!(named("Newark") > 0 && named("Newark Liberty") > 0);
    world.assert_letters("EnrichDlq", &[]);
    world.end().await;
}
