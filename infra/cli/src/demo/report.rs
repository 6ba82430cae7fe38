//! The results of the demo, which are printed as text or as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use emulation::Emulation;
use serde_json::{Map, Value, json};
use verify::Json;
use verify::contract::{Dataset, Kind, Mode, Sink, Table};
use verify::judge::{LetterGroup, Observed, SinkVerdict, Verdict};
use verify::letters::Fault;

use super::latency::{Latency, duration_ms};
use super::stages::{Stage, StageLog};

/// The order of the first stages. Any other stage comes after them.
const STAGES: [&str; 2] = ["ingest", "enrich"];

/// The result of a demo.
pub(super) struct Report {
    pub(super) dataset: String,
    /// Whether all work was done in time.
    pub(super) is_settled: bool,
    pub(super) verdict: Verdict,
    /// How many letters were redriven after a storm.
    pub(super) redriven: u64,
    /// The functions that could not start, and why.
    pub(super) not_started: BTreeMap<String, String>,
    pub(super) stages: Vec<StageReport>,
    pub(super) latency: Option<Latency>,
    /// The calls of functions, by stage and then by `service.Operation`.
    pub(super) calls: BTreeMap<String, BTreeMap<String, u64>>,
    /// The batches that event source mappings handed to functions. AWS polls and deletes for
    /// each.
    pub(super) batches: u64,
    /// A few rows.
    pub(super) samples: Vec<Json>,
    pub(super) elapsed: Duration,
}

/// One stage: the counts that its functions logged, and its dead letters by code.
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

/// What the report is made of, besides the verdict.
pub(super) struct Run<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) verdict: Verdict,
    pub(super) seen: &'a Observed,
    pub(super) is_settled: bool,
    pub(super) redriven: u64,
    pub(super) elapsed: Duration,
}

impl Report {
    pub(super) fn of(emulation: &Emulation, log: &StageLog, run: Run<'_>) -> Self {
        let counters = emulation.mappings().iter().map(|each| each.mapping.counters());
        let rows = rows(run.dataset, run.seen);
        Self {
            dataset: run.dataset.name.clone(),
            is_settled: run.is_settled,
            redriven: run.redriven,
            not_started: log.not_started(),
            stages: stages(log, &run.verdict.letters),
            latency: Latency::of(rows.iter().filter_map(|row| duration_ms(row)).collect()),
            calls: calls(emulation),
            batches: counters.map(|counters| counters.invocations).sum(),
            samples: samples(&rows),
            elapsed: run.elapsed,
            verdict: run.verdict,
        }
    }

    /// Whether every promise was kept.
    pub(super) fn is_kept(&self) -> bool {
        self.is_settled && self.verdict.is_kept()
    }

    /// The calls of AWS operations by functions, divided by the events of the input.
    pub(super) fn calls_per_event(&self) -> f64 {
        let calls: u64 = self.calls.values().flat_map(BTreeMap::values).sum();
        ratio(calls, self.verdict.events)
    }

    pub(super) fn json(&self) -> Value {
        let verdict = &self.verdict;
        let latency = self.latency.map(|latency| {
            json!({ "p50": latency.p50_ms, "p99": latency.p99_ms, "max": latency.max_ms })
        });
        let mut stages = Map::new();
        for stage in &self.stages {
            let counts = json!({
                "in": stage.counts.events_in,
                "out": stage.counts.events_out,
                "duplicates": stage.counts.duplicates,
                "retried": stage.counts.retried,
                "degraded": stage.counts.degraded,
                "dead_lettered": stage.dead_lettered(),
                "reasons": stage.reasons,
                "invocations": stage.counts.invocations,
            });
            stages.insert(stage.name.clone(), counts);
        }
        json!({
            "dataset": self.dataset,
            "kept": self.is_kept(),
            "settled": self.is_settled,
            "events": verdict.events,
            "accepted": verdict.accepted,
            "repeated": verdict.repeated,
            "rejected": verdict.rejected,
            "written": verdict.written,
            "dead_lettered": verdict.dead_lettered,
            "failed": verdict.failed,
            "parked": 0,
            "lost": verdict.lost,
            "duplicated": verdict.duplicated,
            "wrong": verdict.wrong,
            "strange": verdict.not_sent,
            "contradictions": verdict.contradictions,
            "redriven": self.redriven,
            "sinks": verdict.sinks.iter().map(sink).collect::<Vec<_>>(),
            "dead_letters": verdict.letters.iter().map(letters).collect::<Vec<_>>(),
            "examples": verdict.examples,
            "not_started": self.not_started,
            "latency_ms": latency,
            "calls_per_event": rounded(self.calls_per_event()),
            "calls": self.calls,
            "polled_batches": self.batches,
            "stages": stages,
            "dead_letter_reasons": self.reasons(),
            "elapsed_s": rounded(self.elapsed.as_secs_f64()),
        })
    }

    /// The dead letters of all stages, by code.
    fn reasons(&self) -> BTreeMap<&str, u64> {
        let mut reasons = BTreeMap::new();
        for group in &self.verdict.letters {
            *reasons.entry(group.code.as_str()).or_default() += group.count;
        }
        reasons
    }
}

fn sink(sink: &SinkVerdict) -> Value {
    json!({
        "name": sink.name,
        "into": sink.about,
        "seen": sink.is_seen,
        "expected": sink.expected,
        "present": sink.present,
        "items": sink.items,
        "lost": sink.lost,
        "duplicated": sink.duplicated,
        "wrong": sink.wrong,
        "strange": sink.not_sent,
        "examples": sink.examples,
    })
}

fn letters(group: &LetterGroup) -> Value {
    json!({
        "stage": group.stage,
        "code": group.code,
        "fault": match group.fault { Fault::Event => "event", Fault::Pipeline => "pipeline" },
        "count": group.count,
        "queue": group.queue,
        "reason": group.reason,
        "at": group.at,
        "id": group.id,
    })
}

/// The rows of the first table that has one for each event.
fn rows<'a>(dataset: &Dataset, seen: &'a Observed) -> Vec<&'a Json> {
    let mut tables = dataset.sinks.iter().filter(|sink| has_row_for_each_event(sink));
    let table = tables.find_map(|sink| seen.tables.get(&sink.name));
    table.map(|table| table.rows.iter().collect()).unwrap_or_default()
}

fn has_row_for_each_event(sink: &Sink) -> bool {
    match &sink.kind {
        Kind::Table(Table { mode, .. }) => !matches!(mode, Mode::Accumulate { .. }),
        _ => false,
    }
}

fn stages(log: &StageLog, letters: &[LetterGroup]) -> Vec<StageReport> {
    let counts = log.stages();
    let mut reasons = BTreeMap::<&str, BTreeMap<String, u64>>::new();
    for group in letters {
        *reasons.entry(&group.stage).or_default().entry(group.code.clone()).or_default() +=
            group.count;
    }
    let names: BTreeSet<&str> =
        counts.keys().map(String::as_str).chain(reasons.keys().copied()).collect();
    let mut stages: Vec<StageReport> = names
        .into_iter()
        .map(|name| StageReport {
            name: name.to_owned(),
            counts: counts.get(name).copied().unwrap_or_default(),
            reasons: reasons.get(name).cloned().unwrap_or_default(),
        })
        .collect();
    stages.sort_by_key(|stage| {
        STAGES.iter().position(|name| *name == stage.name).unwrap_or(STAGES.len())
    });
    stages
}

fn calls(emulation: &Emulation) -> BTreeMap<String, BTreeMap<String, u64>> {
    let functions = &emulation.stack().functions;
    let mut calls = BTreeMap::<String, BTreeMap<String, u64>>::new();
    for (call, count) in emulation.calls() {
        if let Some(function) = functions.iter().find(|each| each.name == call.caller) {
            let operation = format!("{}.{}", call.service, call.operation);
            calls.entry(function.binary.clone()).or_default().insert(operation, count);
        }
    }
    calls
}

/// Three rows from different parts of the table.
fn samples(rows: &[&Json]) -> Vec<Json> {
    let step = (rows.len() / 3).max(1);
    rows.iter().step_by(step).take(3).map(|row| (*row).clone()).collect()
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Rounds to three decimals.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
