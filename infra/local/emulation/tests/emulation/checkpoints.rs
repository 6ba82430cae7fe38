//! Stream mappings of an emulation that continues from its state: each record is delivered once.

use super::streams::{PAUSED, World, text};

#[tokio::test]
async fn what_was_delivered_is_not_delivered_again() {
    let world = World::kept(&[]).await;
    world.put("a", &[]).await;
    world.put("b", &[]).await;
    world.settle().await;
    assert_eq!(world.keys().join(" "), "a b");
    let world = world.restart(&[]).await;
    world.settle().await;
    assert_eq!(world.keys(), [""; 0]);
    world.put("c", &[]).await;
    world.settle().await;
    assert_eq!(world.keys(), ["c"]);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn what_waited_for_a_disabled_mapping_is_delivered_once() {
    for position in ["LATEST", "TRIM_HORIZON"] {
        let position = format!("StartingPosition: {position}");
        let world = World::kept(&[&position]).await;
        world.put("a", &[]).await;
        world.settle().await;
        assert_eq!(world.keys(), ["a"]);
        let world = world.restart(&[&position, PAUSED]).await;
        world.put("b", &[]).await;
        world.put("c", &[]).await;
        world.settle().await;
        let world = world.restart(&[&position]).await;
        world.settle().await;
        assert_eq!(world.keys(), ["b c"], "{position}");
        let world = world.restart(&[&position]).await;
        world.settle().await;
        assert_eq!(world.keys(), [""; 0], "{position}");
        world.emulation.shutdown().await;
    }
}

/// Stops an emulation while `b` fails, between `a` and `c`. The clock stands still, so that `b` is
/// not retried.
async fn stopped_at_a_failure(how: &str, properties: &[&str]) -> World {
    let world = World::kept(&[&[PAUSED], properties].concat()).await;
    let file = world.once("failed");
    world.put("a", &[]).await;
    world.put("b", &[("do", text(how)), ("file", file)]).await;
    world.put("c", &[]).await;
    let mapping = &world.emulation.mappings()[0].mapping;
    mapping.resume();
    while mapping.counters().failures == 0 {
        tokio::task::yield_now().await;
    }
    world.restart(properties).await
}

#[tokio::test]
async fn what_failed_and_what_waited_behind_it_is_delivered_once() {
    let world = stopped_at_a_failure("fail", &["BatchSize: 1"]).await;
    world.settle().await;
    assert_eq!(world.keys(), ["b", "c"]);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn what_a_partial_answer_said_is_done_is_not_delivered_again() {
    let reports = "FunctionResponseTypes: [ReportBatchItemFailures]";
    let world = stopped_at_a_failure("report", &[reports]).await;
    world.settle().await;
    assert_eq!(world.keys(), ["b c"]);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn another_mapping_begins_at_its_starting_position() {
    let world = World::kept(&[]).await;
    world.put("a", &[]).await;
    world.settle().await;
    let world = world.restart_as("Other", &[]).await;
    world.settle().await;
    assert_eq!(world.keys(), ["a"], "it is another's checkpoint");
    // The mapping that was missing meanwhile counts as a new one.
    let world = world.restart(&[]).await;
    world.settle().await;
    assert_eq!(world.keys(), ["a"]);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn a_checkpoint_goes_with_its_table() {
    let world = World::kept(&[]).await;
    world.put("a", &[]).await;
    world.settle().await;
    world.client.delete_table().table_name("records").send().await.unwrap();
    // The table is created again. Because the clock stands still, its sequence numbers begin as
    // before.
    let world = world.restart(&[]).await;
    world.put("b", &[]).await;
    world.settle().await;
    assert_eq!(world.keys(), ["b"]);
    world.emulation.shutdown().await;
}
