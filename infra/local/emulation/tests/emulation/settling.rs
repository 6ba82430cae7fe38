//! `settle`, which skips times in which nothing happens.

use std::time::Duration;

use bytes::Bytes;
use sluicegate_local_emulation::{Emulation, Options};
use sqs::Depth;

use super::{Root, START_MS, TEMPLATE, message, queue_name, start};

const LONG: Duration = Duration::from_secs(60);

fn depth(world: &Emulation, logical_id: &str) -> Depth {
    world.sqs().depth(&queue_name(world, logical_id)).unwrap()
}

#[tokio::test]
async fn an_announced_object_is_consumed_before_the_world_rests() {
    let world = start().await;
    for key in ["a", "b"] {
        world.s3().put("landing", key, Bytes::from_static(b"x"), "text/plain").unwrap();
    }
    world.settle(LONG).await.unwrap();
    assert_eq!(depth(&world, "Inbox"), Depth::default());
    let counters = world.mappings().iter().map(|each| each.mapping.counters());
    assert_eq!(counters.map(|counters| counters.records).sum::<u64>(), 2);
    world.shutdown().await;
}

#[tokio::test]
async fn a_message_that_fails_is_dead_after_its_receives_without_waiting_for_them() {
    let root = Root::new(TEMPLATE);
    let options = root.options();
    let clock = options.clock.clone();
    let world = Emulation::start(options).await.unwrap();
    world.sqs().send(&queue_name(&world, "Poisoned"), message("poison")).unwrap();
    world.settle(LONG).await.unwrap();
    assert_eq!(depth(&world, "Poisoned"), Depth::default());
    assert_eq!(depth(&world, "Dead"), Depth { visible: 1, ..Depth::default() });
    let passed_ms = clock.now_ms() - START_MS;
    assert!((1_200_000..1_300_000).contains(&passed_ms), "two visibility timeouts: {passed_ms}");
    world.shutdown().await;
}

#[tokio::test]
async fn without_skipping_what_is_still_where_is_said() {
    let root = Root::new(TEMPLATE);
    let options = Options { skip_idle: false, ..root.options() };
    let clock = options.clock.clone();
    let world = Emulation::start(options).await.unwrap();
    world.sqs().send(&queue_name(&world, "Poisoned"), message("poison")).unwrap();
    let busy = world.settle(Duration::from_secs(2)).await.unwrap_err();
    let text = busy.to_string();
    assert!(text.contains("Poisoned holds 0 visible, 1 in flight and 0 delayed"), "{text}");
    assert_eq!(clock.now_ms(), START_MS);
    world.shutdown().await;
}
