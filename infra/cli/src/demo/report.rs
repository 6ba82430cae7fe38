//! All that the demo found out, gathered once and told as text or as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use local::{Emulation, audit};
use serde_json::{Map, Value, json};

use super::dead::DeadLetters;
use super::input::Event;
use super::item::plain;
use super::latency::{Latency, duration_ms};
use super::reconcile::{Balance, reconcile};
use super::stages::{Stage, StageLog};
use crate::args::Demo;
use crate::failure::Failure;

/// The template's output that names the table.
const TABLE_OUTPUT: &str = "RecordsTableName";
/// The order in which events pass the stages; any other comes after them.
const STAGES: [&str; 3] = ["ingest", "enrich", "sink"];

/// The result of a demo.
pub(super) struct Report {
    pub(super) dataset: String,
    /// Whether everything came to rest in time.
    pub(super) is_settled: bool,
    pub(super) balance: Balance,
    pub(super) stages: Vec<StageReport>,
    pub(super) latency: Option<Latency>,
    /// By stage, then by `service.Operation`: the functions' own calls.
    pub(super) calls: BTreeMap<String, BTreeMap<String, u64>>,
    /// Batches that event source mappings handed to functions: AWS polls and deletes for each.
    pub(super) batches: u64,
    /// A few records, as plain JSON.
    pub(super) samples: Vec<Map<String, Value>>,
    pub(super) elapsed: Duration,
}

/// One stage: what its functions said, and its dead letters by their reasons.
pub(super) struct StageReport {
    pub(super) name: String,
    pub(super) counts: Stage,
    pub(super) reasons: BTreeMap<String, u64>,
}

impl StageReport {
    pub(super) fn dead_lettered(&self) -> u64 {
        self.reasons.values().sum()
    }
}

impl Report {
    pub(super) fn of(
        world: &Emulation,
        args: &Demo,
        events: &[Event],
        log: &StageLog,
        elapsed: Duration,
        is_settled: bool,
    ) -> Result<Self, Failure> {
        let records = records(world)?;
        let dead = DeadLetters::of(world);
        let balance = balance_of(world, events, &records, &dead)?;
        let counters = world.mappings().iter().map(|each| each.mapping.counters());
        Ok(Self {
            dataset: args.dataset.clone(),
            is_settled,
            balance,
            stages: stages(log, &dead),
            latency: Latency::of(records.iter().filter_map(duration_ms).collect()),
            calls: calls(world),
            batches: counters.map(|counters| counters.invocations).sum(),
            samples: samples(records),
            elapsed,
        })
    }

    /// Whether every promise was kept.
    pub(super) fn is_kept(&self) -> bool {
        self.is_settled && self.balance.is_kept()
    }

    /// Calls of AWS operations by functions, for each event of the input.
    pub(super) fn calls_per_event(&self) -> f64 {
        let calls: u64 = self.calls.values().flat_map(BTreeMap::values).sum();
        ratio(calls, self.balance.events)
    }

    pub(super) fn json(&self) -> Value {
        let balance = &self.balance;
        let latency = self.latency.map(|latency| {
            json!({ "p50": latency.p50_ms, "p99": latency.p99_ms, "max": latency.max_ms })
        });
        let stage = |stage: &StageReport| {
            let value = json!({
                "in": stage.counts.events_in,
                "out": stage.counts.events_out,
                "duplicates": stage.counts.duplicates,
                "retried": stage.counts.retried,
                "dead_lettered": stage.dead_lettered(),
                "reasons": stage.reasons,
                "invocations": stage.counts.invocations,
            });
            (stage.name.clone(), value)
        };
        json!({
            "dataset": self.dataset,
            "settled": self.is_settled,
            "events": balance.events,
            "accepted": balance.accepted,
            "repeated": balance.repeated,
            "rejected": balance.rejected,
            "written": balance.written,
            "dead_lettered": balance.dead_lettered,
            "parked": 0,
            "lost": balance.lost,
            "duplicated": balance.duplicated,
            "strange": balance.strange,
            "latency_ms": latency,
            "calls_per_event": rounded(self.calls_per_event()),
            "calls": self.calls,
            "polled_batches": self.batches,
            "stages": self.stages.iter().map(stage).collect::<Map<_, _>>(),
            "dead_letter_reasons": self.reasons(),
            "elapsed_s": rounded(self.elapsed.as_secs_f64()),
        })
    }

    /// Of all stages together: dead letters by code.
    fn reasons(&self) -> BTreeMap<&str, u64> {
        let mut reasons = BTreeMap::new();
        for (code, count) in self.stages.iter().flat_map(|stage| &stage.reasons) {
            *reasons.entry(code.as_str()).or_default() += count;
        }
        reasons
    }
}

/// The table's records as plain JSON, in the order of their keys.
/// What became of every event.
pub(crate) fn balance(
    world: &Emulation,
    events: &[Event],
    dead: &DeadLetters,
) -> Result<Balance, Failure> {
    balance_of(world, events, &records(world)?, dead)
}

fn balance_of(
    world: &Emulation,
    events: &[Event],
    records: &[Map<String, Value>],
    dead: &DeadLetters,
) -> Result<Balance, Failure> {
    let key =
        |record: &Map<String, Value>| Some(record.get("idempotency_key")?.as_str()?.to_owned());
    let written: BTreeSet<String> = records.iter().filter_map(key).collect();
    Ok(reconcile(events, &written, duplicated(world)?, dead))
}

fn records(world: &Emulation) -> Result<Vec<Map<String, Value>>, Failure> {
    let items = world.dynamodb().scan_all(table(world)?);
    let items = items.map_err(|error| Failure::new("the table was not read").because(error))?;
    Ok(items.iter().map(plain).collect())
}

fn duplicated(world: &Emulation) -> Result<u64, Failure> {
    let changes = world.dynamodb().changes(table(world)?);
    let changes =
        changes.map_err(|error| Failure::new("the table's history was not read").because(error))?;
    Ok(u64::try_from(audit::written_twice(&changes).len()).unwrap_or(u64::MAX))
}

fn table(world: &Emulation) -> Result<&str, Failure> {
    world.stack().outputs.get(TABLE_OUTPUT).map(String::as_str).ok_or_else(|| {
        Failure::new(format!("template.yaml has no output {TABLE_OUTPUT}"))
            .next("the demo finds the table by it: restore it")
    })
}

fn stages(log: &StageLog, dead: &DeadLetters) -> Vec<StageReport> {
    let counts = log.stages();
    let names: BTreeSet<&String> = counts.keys().chain(dead.reasons.keys()).collect();
    let place = |name: &str| STAGES.iter().position(|stage| *stage == name).unwrap_or(STAGES.len());
    let mut stages: Vec<StageReport> = names
        .into_iter()
        .map(|name| StageReport {
            name: name.clone(),
            counts: counts.get(name).copied().unwrap_or_default(),
            reasons: dead.reasons.get(name).cloned().unwrap_or_default(),
        })
        .collect();
    stages.sort_by_key(|stage| place(&stage.name));
    stages
}

fn calls(world: &Emulation) -> BTreeMap<String, BTreeMap<String, u64>> {
    let functions = &world.stack().functions;
    let mut calls = BTreeMap::<String, BTreeMap<String, u64>>::new();
    for (call, count) in world.calls() {
        if let Some(function) = functions.iter().find(|each| each.name == call.caller) {
            let operation = format!("{}.{}", call.service, call.operation);
            calls.entry(function.binary.clone()).or_default().insert(operation, count);
        }
    }
    calls
}

/// Three of the records, from all over the table.
fn samples(records: Vec<Map<String, Value>>) -> Vec<Map<String, Value>> {
    let step = (records.len() / 3).max(1);
    records.into_iter().step_by(step).take(3).collect()
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// To three decimals.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
