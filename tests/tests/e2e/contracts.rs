//! Contracts that are changed, broken, mended and added while functions run.

use std::path::Path;

use serde_json::json;
use sluicegate_tests::{World, flights, root};

/// A copy of the dataset of readings under another name, with this in place of its table's mode.
fn write_dataset(contracts: &Path, dataset: &str, mode: &str) {
    let (original, folder) = (root().join("tests/datasets/readings"), contracts.join(dataset));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(original.join("v1.schema.json"), folder.join("v1.schema.json")).unwrap();
    let contract = std::fs::read_to_string(original.join("contract.yaml")).unwrap();
    let renamed = contract.replace("dataset: readings", &format!("dataset: {dataset}"));
    let changed = renamed.replace("mode: upsert", &format!("mode: {mode}"));
    std::fs::write(folder.join("contract.yaml"), changed).unwrap();
}

fn send_reading(world: &World, dataset: &str, id: u32) {
    let reading = json!({ "id": id, "at": "2026-01-01T00:00:00Z" }).to_string();
    world.send("Inbox", &reading, &[("dataset", dataset)]);
}

/// How often an environment was told that contracts have changed.
fn reloads(world: &World) -> usize {
    world.logs.lines_with("infra/contracts has changed").len()
}

fn written(world: &World) -> usize {
    world.emulation().dynamodb().scan_all(world.name("RecordsTable")).unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_contract_stops_its_own_dataset_until_it_is_mended() {
    let world = World::start().await;
    write_dataset(&world.contracts(), "meters", "upsert");
    let sample = flights(0, 10);
    world.send_flights(&sample[..5]);
    world.wait_until("functions run", |world| written(world) == 5).await;

    let before = reloads(&world);
    write_dataset(&world.contracts(), "meters", "overwrite");
    world.wait_until("functions are replaced", |world| reloads(world) > before).await;
    send_reading(&world, "meters", 1);
    world.send_flights(&sample[5..]);
    world.wait_until("the others are written", |world| written(world) == 10).await;
    world
        .wait_until("it says why", |world| {
            !world.logs.lines_with("meters/contract.yaml: ").is_empty()
        })
        .await;
    let why = &world.logs.lines_with("meters/contract.yaml: ")[0];
    assert!(why.contains("\"contract.broken\"") && why.contains("overwrite"), "{why}");

    let before = reloads(&world);
    write_dataset(&world.contracts(), "meters", "upsert");
    world.wait_until("functions are replaced", |world| reloads(world) > before).await;
    world.settle().await;
    assert_eq!(written(&world), 11, "it was retried, and nobody had to redrive it");
    world.assert_letters("InboxDlq", &[]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dataset_that_is_added_is_taken_in_at_once() {
    let world = World::start().await;
    world.send_flights(&flights(0, 1));
    world.settle().await;
    let before = reloads(&world);
    write_dataset(&world.contracts(), "gauges", "upsert");
    world.wait_until("functions are replaced", |world| reloads(world) > before).await;
    send_reading(&world, "gauges", 7);
    world.settle().await;
    assert_eq!(written(&world), 2);
    world.assert_letters("InboxDlq", &[]);
    world.end().await;
}
