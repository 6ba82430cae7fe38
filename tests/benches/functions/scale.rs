//! Whether an event costs the same in a small dedupe table and in a large one.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_tests::World;
use tokio::task::block_in_place;
use tokio::time::Instant;

use crate::counts::{Counted, Taken};
use crate::events::{ATTRIBUTES, Events};
use crate::invocation::Messages;
use crate::process::memory_mb;
use crate::table::{Budget, Table, median};

/// How large the tables are, and how much is measured in each.
pub(crate) struct Plan {
    pub(crate) small: u64,
    pub(crate) large: u64,
    pub(crate) warm_up: usize,
    pub(crate) rounds: usize,
    /// Of a round, ten events each.
    pub(crate) batches: usize,
}

/// The table is filled no further than this.
const MOST_MB: f64 = 8_000.0;
const LONGEST: Duration = Duration::from_secs(600);
/// Records at a time.
const CHUNK: u64 = 50_000;

/// Fresh events, and the same again in another environment: medians of their rounds.
struct Cost {
    fresh: Taken,
    again: Taken,
}

pub(crate) async fn measure(
    world: &World,
    folder: &Path,
    plan: &Plan,
    events: &Events,
    table: &mut Table,
) {
    let each = (plan.warm_up + plan.rounds * plan.batches) * 10;
    let events = events.of_january(0, 2 * each);
    let (first, second) = events.split_at(each);
    let (records, _) = fill(world, 0, plan.small);
    let small = cost(world, folder, plan, first, "small").await;
    let before = memory_mb(std::process::id()).0;
    let (records, took) = fill(world, records, plan.large);
    let filled = memory_mb(std::process::id()).0 - before;
    let large = cost(world, folder, plan, second, "large").await;
    table.note(format!(
        "from {} to {records} records in {:.0} s, {filled:.0} MB of this process",
        plan.small,
        took.as_secs_f64()
    ));
    for (what, small, large) in [
        ("fresh batch of 10", &small.fresh, &large.fresh),
        ("10 duplicates, another environment", &small.again, &large.again),
    ] {
        let calls = (large.calls_an_event(), small.calls_an_event());
        table.add("sink", format!("calls an event, {what}"), calls, Budget::Ratio(1.0));
        // The totals that ten events add up to are theirs, and not the table's.
        let units = (large.units_of("DedupeTable"), small.units_of("DedupeTable"));
        table.add("sink", format!("units an event, dedupe, {what}"), units, Budget::Ratio(1.0));
        let cpu = (large.cpu_ms, small.cpu_ms);
        table.add("sink", format!("CPU an event, ms, {what}"), cpu, Budget::Ratio(1.3));
    }
}

async fn cost(world: &World, folder: &Path, plan: &Plan, events: &[String], name: &str) -> Cost {
    let fresh = rounds(world, folder, plan, events, &format!("{name}-fresh")).await;
    let again = rounds(world, folder, plan, events, &format!("{name}-again")).await;
    Cost { fresh, again }
}

/// All of the events through one environment.
async fn rounds(
    world: &World,
    folder: &Path,
    plan: &Plan,
    events: &[String],
    caller: &str,
) -> Taken {
    let messages = Messages::of(world, "SinkQueue", ATTRIBUTES);
    let mut sink = Counted::start(world, folder, ("sink", "SinkFunction"), caller).await;
    let mut batches = events.chunks(10).map(|batch| (batch.len(), messages.event(batch)));
    sink.take(batches.by_ref().take(plan.warm_up)).await;
    let mut all = Taken::default();
    let mut cpu = Vec::new();
    for _ in 0..plan.rounds {
        let taken = sink.take(batches.by_ref().take(plan.batches)).await;
        cpu.push(taken.cpu_ms);
        all.add(taken);
    }
    all.cpu_ms = median(cpu);
    all
}

/// Adds records that are like the sink's until there are `target`; tells how many there are, and how
/// long it took.
fn fill(world: &World, held: u64, target: u64) -> (u64, Duration) {
    let begun = Instant::now();
    let mut held = held;
    while held < target {
        let until = target.min(held + CHUNK);
        let items = (held..until).map(record).collect();
        let table = world.name("DedupeTable");
        block_in_place(|| world.emulation().dynamodb().fill(table, items).unwrap());
        held = until;
        if memory_mb(std::process::id()).0 > MOST_MB || begun.elapsed() > LONGEST {
            break;
        }
    }
    (held, begun.elapsed())
}

/// Its key lies anywhere among the others, as a hash does.
fn record(number: u64) -> Value {
    // Each round of it is a bijection: https://prng.di.unimi.it/splitmix64.c
    let mut hash = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    json!({
        "pk": { "S": format!("totals#{hash:016x}{hash:016x}{hash:016x}{hash:016x}") },
        "fingerprint": { "S": format!("{hash:064x}") },
        "expires_at": { "N": "4102444800" },
    })
}
