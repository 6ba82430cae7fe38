//! What a healthy circuit breaker costs the function that calls a service, and how long that function takes for
//! a batch of events whose service takes a while to answer.
//!
//! The breaker is the sample contract's. It is compared with the same function whose breaker is disabled: that one
//! counts nothing, and reads the table once a minute instead of once a second.

use std::collections::BTreeSet;
use std::path::Path;

use emulation::faults::Plan as Faults;
use event::Envelope;
use serde_json::Value;
use sluicegate_tests::{Edit, Settings, World, contracts_with};
use tokio::time::Instant;

use crate::JANUARY;
use crate::counts::float;
use crate::events::Events;
use crate::invocation::{Messages, variables};
use crate::side::Side;
use crate::stages::drain;
use crate::table::{Budget, Table, median};

/// How much is measured.
pub(crate) struct Plan {
    pub(crate) warm_up: usize,
    pub(crate) rounds: usize,
    /// Of a round, ten events each.
    pub(crate) batches: usize,
    /// Batches whose time is measured, ten events each.
    pub(crate) timed: usize,
}

const DISABLED: (&str, Edit) = (
    "dependencies.yaml",
    Edit {
        old: "    breaker:\n",
        new: "    breaker:\n      mode: disabled\n      refresh_ms: 60000\n",
    },
);

/// The service that each event is asked about takes so long.
const SLOW_SERVICE: &str = "faults: [{fault: host-slow, on: weather, by: 20ms}]";
const SERVICE_MS: f64 = 20.0;
/// What a batch of ten events may take with it.
const BATCH_MS: f64 = 40.0;

const BATCH: usize = 10;

/// An environment of enrich.
struct Environment {
    caller: &'static str,
    side: Side,
}

impl Environment {
    async fn start(
        world: &World,
        folder: &Path,
        caller: &'static str,
        contracts: Option<&Path>,
    ) -> Self {
        let endpoint = world.emulation().endpoint();
        let mut env = variables(world, "EnrichFunction", caller, endpoint);
        if let Some(contracts) = contracts {
            env.insert("CONTRACTS_DIR".to_owned(), contracts.display().to_string());
        }
        let side = Side::start(&folder.join("enrich"), &env).await;
        Self { caller, side }
    }

    /// Its calls of one of DynamoDB's operations.
    fn calls(&self, world: &World, operation: &str) -> f64 {
        let mut calls = 0;
        for (call, count) in world.emulation().calls() {
            if call.caller == self.caller && call.operation == operation {
                calls += count;
            }
        }
        float(calls)
    }
}

/// CPU time and calls of enrich with its breaker, beside those with a disabled one.
pub(crate) async fn cost(
    world: &World,
    folder: &Path,
    plan: &Plan,
    events: &Events,
    table: &mut Table,
) {
    let disabled = contracts_with(&[DISABLED]);
    let mut with = Environment::start(world, folder, "with-breaker", None).await;
    let mut without = Environment::start(world, folder, "without-breaker", Some(&disabled)).await;
    let events = events.before_enrichment(plan.batches.max(plan.warm_up) * BATCH);
    round(world, &events[..plan.warm_up * BATCH], &mut with, &mut without).await;
    with.side.cpu_ms.clear();
    without.side.cpu_ms.clear();
    let (begun, reads_before) = (Instant::now(), with.calls(world, "Query"));
    let events = &events[..plan.batches * BATCH];
    for _ in 0..plan.rounds {
        round(world, events, &mut with, &mut without).await;
    }
    let took = begun.elapsed().as_secs_f64();
    let reads = with.calls(world, "Query") - reads_before;
    add_cpu(&with.side.cpu_ms, &without.side.cpu_ms, table);
    let reads_a_second = (reads / took, without.calls(world, "Query") / took);
    table.add(
        "enrich",
        "reads of the breakers' table a second",
        reads_a_second,
        Budget::Below(1.0),
    );
    for operation in ["PutItem", "UpdateItem"] {
        let calls = (with.calls(world, operation), without.calls(world, operation));
        table.add("enrich", format!("{operation} in all"), calls, Budget::Ratio(1.0));
    }
    let all = float((plan.rounds * events.len()) as u64);
    table.note(format!(
        "{all} events a side, in turns, at {:.0} a second; {:.5} reads an event",
        all / took,
        reads / all
    ));
    std::fs::remove_dir_all(disabled).unwrap();
}

/// Both work off the same batches, in turns: whoever is first with one is second with the next.
async fn round(
    world: &World,
    events: &[String],
    with: &mut Environment,
    without: &mut Environment,
) {
    let messages = Messages::of(world, "EnrichQueue", &[]);
    with.side.begin();
    without.side.begin();
    for (number, batch) in events.chunks(BATCH).enumerate() {
        let event = messages.event(batch);
        if number % 2 == 0 {
            with.side.work_off(BATCH, event.clone()).await;
            without.side.work_off(BATCH, event).await;
        } else {
            without.side.work_off(BATCH, event.clone()).await;
            with.side.work_off(BATCH, event).await;
        }
    }
    with.side.end();
    without.side.end();
    for queue in ["SinkQueue", "LakeQueue"] {
        assert_eq!(drain(world, queue).await.len(), 2 * events.len(), "all events are passed on");
    }
}

fn add_cpu(with: &[f64], without: &[f64], table: &mut Table) {
    let mut ratios = Vec::new();
    for (with, without) in with.iter().zip(without) {
        ratios.push(with / without);
    }
    ratios.sort_by(f64::total_cmp);
    let medians = (median(with.to_vec()), median(without.to_vec()));
    table.add("enrich", "CPU per event, ms", medians, Budget::None);
    let ratio = (median(ratios.clone()), 1.0);
    table.add("enrich", "CPU per event, median of the rounds' ratios", ratio, Budget::Ratio(1.01));
    let quarter = ratios.len() / 4;
    table.note(format!(
        "the middle half of {} rounds' ratios: {:.4} to {:.4}",
        ratios.len(),
        ratios[quarter],
        ratios[ratios.len() - 1 - quarter]
    ));
}

/// How long an invocation takes from its event to its answer, for ten events that ask for ten different things of a
/// service that takes [`SERVICE_MS`].
pub(crate) async fn latency(folder: &Path, plan: &Plan, events: &Events, table: &mut Table) {
    let settings = Settings {
        binaries: Some(folder.to_path_buf()),
        without_mappings: true,
        faults: Faults::parse(SLOW_SERVICE).unwrap(),
        ..Settings::default()
    };
    let world = World::start_with(settings).await;
    let messages = Messages::of(&world, "EnrichQueue", &[]);
    let mut environment = Environment::start(&world, folder, "timed", None).await;
    let batches = batches_of_different_hours(events, plan.warm_up + plan.timed);
    let mut times_ms = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        let event = messages.event(batch);
        let begun = Instant::now();
        environment.side.work_off(BATCH, event).await;
        if number >= plan.warm_up {
            times_ms.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    let calls: u64 = world.emulation().services().calls("weather").iter().map(|it| it.calls).sum();
    assert_eq!(calls, (batches.len() * BATCH) as u64, "each event is asked about once");
    world.end().await;
    times_ms.sort_by(f64::total_cmp);
    let slowest = times_ms[times_ms.len() - 1];
    let below = Budget::Below(BATCH_MS);
    let middle = (median(times_ms), SERVICE_MS);
    table.add("enrich", "10 events, from event to answer, ms, median", middle, below);
    table.add("enrich", "the slowest batch, ms", (slowest, SERVICE_MS), Budget::None);
}

/// Batches in which no two events are of the same hour: their flights are three days apart.
fn batches_of_different_hours(events: &Events, count: usize) -> Vec<Vec<String>> {
    let apart = JANUARY / BATCH;
    let events = events.before_enrichment(apart * BATCH);
    let batch = |number: usize| -> Vec<String> {
        let batch: Vec<String> = events.iter().skip(number).step_by(apart).cloned().collect();
        let hours: BTreeSet<String> = batch.iter().map(|event| hour(event)).collect();
        assert_eq!((batch.len(), hours.len()), (BATCH, BATCH), "batch {number}");
        batch
    };
    (0..count).map(batch).collect()
}

fn hour(event: &str) -> String {
    let envelope = Envelope::from_json(event).unwrap();
    let data: Value = serde_json::from_str(envelope.data.get()).unwrap();
    data["time_hour"].as_str().unwrap().to_owned()
}
