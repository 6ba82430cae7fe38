//! The lake beside its bare twin, with batches of ten and of a thousand.

use std::path::Path;

use sluicegate_tests::World;

use crate::Plan;
use crate::events::{ATTRIBUTES, Events};
use crate::invocation::{Messages, variables};
use crate::side::Side;
use crate::table::{Budget, Table};
use crate::twins::Twins;

pub(crate) async fn run(
    world: &World,
    folder: &Path,
    plan: &Plan,
    events: &Events,
    table: &mut Table,
) {
    measure(world, folder, &plan.lake_tens, 10, events, table).await;
    measure(world, folder, &plan.lake_thousands, 1_000, events, table).await;
}

/// How often it is started, and the batches: those before it is measured, and those of each round.
pub(crate) struct Batches {
    pub(crate) starts: usize,
    pub(crate) warm_up: usize,
    pub(crate) rounds: usize,
    pub(crate) a_round: usize,
}

async fn measure(
    world: &World,
    folder: &Path,
    plan: &Batches,
    size: usize,
    events: &Events,
    table: &mut Table,
) {
    let messages = Messages::of(world, "LakeQueue", ATTRIBUTES);
    let total = plan.warm_up + plan.rounds * plan.a_round;
    // Those of a thousand come after those of ten.
    let skip = if size == 10 { 0 } else { 3_000 };
    let events = events.of_january(skip, (1 + total) * size);
    let mut batches = events.chunks(size);

    // What ours writes for one batch is what the bare one writes for each.
    let caller = format!("first-lake-{size}");
    let env = variables(world, "LakeFunction", &caller, world.emulation().endpoint());
    let mut first = Side::start(&folder.join("lake"), &env).await;
    let batch = batches.next().unwrap();
    let before = written(world);
    first.work_off(size, messages.event(batch)).await;
    let bytes_per_row = (written(world) - before).div_ceil(size);
    drop(first);

    let bare_only = [("BYTES_PER_ROW", bytes_per_row.to_string())];
    let callers = format!("lake-{size}");
    let twins = Twins::new(world, folder, "lake", "LakeFunction", &callers, &bare_only);
    if plan.starts > 0 {
        twins.starts(plan.starts, table).await;
        twins.sizes(10.0, table);
    }
    let (mut ours, mut bare) = (twins.ours().await, twins.bare().await);
    for batch in batches.by_ref().take(plan.warm_up) {
        ours.work_off(size, messages.event(batch)).await;
        bare.work_off(size, messages.event(batch)).await;
    }
    for _ in 0..plan.rounds {
        ours.begin();
        bare.begin();
        for batch in batches.by_ref().take(plan.a_round) {
            ours.work_off(size, messages.event(batch)).await;
            bare.work_off(size, messages.event(batch)).await;
        }
        ours.end();
        bare.end();
    }
    let of = format!(", batches of {size}");
    twins.cpu(&of, &mut ours, &mut bare, table);
    let budget = if size == 10 { Budget::Below(16.0) } else { Budget::None };
    twins.memory(&of, &ours, &bare, budget, table);
    twins.calls(world, &format!("{size} events"), total, table);
}

/// The bytes of all objects that ours wrote.
fn written(world: &World) -> usize {
    let bucket = world.output("LakeBucketName");
    let objects = world.emulation().s3().list(bucket, "lake/").unwrap();
    let objects = objects.iter().filter(|object| object.key.ends_with(".parquet"));
    objects.map(|object| object.body.len()).sum()
}
