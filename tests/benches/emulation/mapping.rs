//! Events a second through an event source mapping, to a function that does nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, interval};

use crate::Plan;
use crate::rates::{Took, middle};
use crate::table::{Goal, Table};
use crate::usage::{cpu, own_cpu};
use crate::world::World;

const EVENTS_A_SECOND: f64 = 3_000.0;
/// Between two looks at whether it is done: far below what a round takes.
const PAUSE: Duration = Duration::from_millis(5);
/// What is not done by then is lost.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn measure(world: &World, plan: &Plan, table: &mut Table) {
    let (mut rounds, mut functions) = (Vec::new(), Vec::new());
    // Environments start in a round of their own, which does not count.
    run(world, plan.events / 10, table).await;
    for _ in 0..plan.rounds {
        let (took, functions_cpu_us) = run(world, plan.events, table).await;
        rounds.push(took);
        functions.push(functions_cpu_us);
    }
    let took = middle(&rounds);
    let name = "mapping, batches of 10";
    table.add(name, took.a_second, "events/s", Goal::AtLeast(EVENTS_A_SECOND));
    table.add(format!("{name}: CPU of the emulation"), took.cpu_us, "us/event", Goal::None);
    let functions = crate::table::median(functions);
    table.add(format!("{name}: CPU of the functions"), functions, "us/event", Goal::None);
}

/// Has the mapping work off so many events; the functions' own CPU is in microseconds an event.
async fn run(world: &World, events: usize, table: &mut Table) -> (Took, f64) {
    let mapping = &world.emulation().mappings()[0].mapping;
    let before = mapping.counters();
    world.fill("consumed", 0..events);
    let (begun, own, functions) = (Instant::now(), own_cpu(), functions_cpu(world));
    mapping.resume();
    let mut looks = interval(PAUSE);
    let is_done = || world.held("consumed") == 0 && mapping.is_idle();
    while !is_done() && begun.elapsed() < PATIENCE {
        looks.tick().await;
    }
    let wall = begun.elapsed();
    let took = Took::new(events, wall, own_cpu().saturating_sub(own));
    let spent: Duration = functions_cpu(world)
        .into_iter()
        .map(|(pid, now)| now.saturating_sub(functions.get(&pid).copied().unwrap_or_default()))
        .sum();
    mapping.pause();
    let after = mapping.counters();
    let records = usize::try_from(after.records - before.records).unwrap();
    let failed = usize::try_from(after.failures - before.failures).unwrap();
    table.account_counts(events, records, failed + world.held("consumed"));
    (took, spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(events).unwrap()))
}

fn functions_cpu(world: &World) -> BTreeMap<u32, Duration> {
    let function = &world.emulation().stack().functions[0].name;
    let environments = world.emulation().lambda().environments(function);
    environments.into_iter().map(|each| (each.pid, cpu(each.pid))).collect()
}
