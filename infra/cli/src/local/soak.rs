//! `sluicegate local soak`: the pipeline under one adversary after another.
//!
//! For each seed a world of its own: events in, a storm while they pass, then a redrive of what the
//! storm left in dead-letter queues, and a balance that trusts no function.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::Code;
use futures_util::{StreamExt as _, stream};
use local::Emulation;
use local::adversary::{Fault, Plan as Faults};
use local::lambda::LogLine;
use serde_json::json;
use tokio::time::Instant;

use super::interrupted;
use crate::args::{Soak, read_plan};
use crate::demo::dead::{DeadLetters, UNEXPLAINED, dead_letter_queues};
use crate::demo::input::Event;
use crate::demo::reconcile::Balance;
use crate::demo::summary::grouped;
use crate::demo::{feed, read, report};
use crate::failure::Failure;
use crate::output::Output;
use crate::world::{self, Plan};

/// The template's output that names the redrive function.
const REDRIVE_OUTPUT: &str = "RedriveFunctionName";
/// For longer than this no letter is hidden: not one that came late, nor one that a redrive has left.
const HIDDEN: Duration = Duration::from_secs(120);
/// One brings home what the storm left, one what met a full queue meanwhile, one tells.
const REDRIVES: usize = 3;

/// What is left in dead-letter queues for a passing reason, after all redrives, is a failure.
const PASSING: [Code; 4] = [
    Code::DependencyRefused,
    Code::DependencyThrottled,
    Code::DependencyUnavailable,
    Code::RecordTimedOut,
];

/// How one seed ended.
struct Ended {
    seed: u64,
    balance: Balance,
    /// What is dead for a passing reason: its code, and how many.
    stranded: BTreeMap<String, u64>,
    redriven: u64,
    faults: BTreeMap<Fault, u64>,
    is_settled: bool,
    elapsed: Duration,
}

/// Runs all seeds: 0 if each kept every promise, 1 if one did not.
pub(super) async fn run(root: &Path, args: &Soak, output: &Output) -> Result<ExitCode, Failure> {
    let events = read(root, &args.dataset, args.input.as_deref(), args.events, output)?;
    let rules = args.file.as_deref().map(read_plan).transpose()?;
    tokio::select! {
        code = soak(root, args, &events, rules.as_ref(), output) => code,
        () = interrupted() => {
            output.note("interrupted");
            Ok(ExitCode::from(130))
        }
    }
}

async fn soak(
    root: &Path,
    args: &Soak,
    events: &[Event],
    rules: Option<&Faults>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let binaries = world::build(root, args.release, output).await?;
    let started = Instant::now();
    let seeds = stream::iter(args.first..args.first.saturating_add(args.seeds));
    let worlds = seeds.map(|seed| {
        let faults = match rules {
            Some(plan) => Faults { seed, ..plan.clone() },
            None => Faults::storm(seed),
        };
        one(root, args, events, faults, binaries.clone())
    });
    let mut ends = worlds.buffer_unordered(usize::try_from(args.at_once).unwrap_or(1));
    let (mut done, mut broken) = (0_u64, Vec::new());
    let mut all = BTreeMap::<Fault, u64>::new();
    while let Some(ended) = ends.next().await {
        let ended = ended?;
        done += 1;
        for (fault, count) in &ended.faults {
            *all.entry(*fault).or_default() += count;
        }
        output.note(&line(&ended));
        if !ended.is_kept() {
            broken.push(ended.seed);
        }
        let left = args.seeds - done;
        output.status(&format!("{done} done, {left} left, {} broken", broken.len()));
    }
    broken.sort_unstable();
    output.result(&summary(args, events.len(), &all, &broken, started.elapsed()));
    Ok(ExitCode::from(u8::from(!broken.is_empty())))
}

/// One seed, from start to end.
async fn one(
    root: &Path,
    args: &Soak,
    events: &[Event],
    faults: Faults,
    binaries: PathBuf,
) -> Result<Ended, Failure> {
    let (seed, started) = (faults.seed, Instant::now());
    let log = Arc::new(|_: &LogLine<'_>| {});
    let plan =
        Plan { root, release: args.release, port: 0, log, faults, skip_idle: true, state: None };
    let world = world::start_built(plan, binaries).await?;
    let ended = async {
        let fed = feed::feed(&world, &args.dataset, events.to_vec())?;
        let patience = Duration::from_secs(args.timeout);
        let mut is_settled = world.settle(patience).await.is_ok();
        let faults = world.adversary().tally();
        world.adversary().clear();
        let mut redriven = 0;
        for _ in 0..REDRIVES {
            world.pass(HIDDEN);
            redriven += redrive(&world).await?;
            is_settled &= world.settle(patience).await.is_ok();
        }
        let dead = DeadLetters::of(&world);
        let balance = report::balance(&world, &fed.events, &dead)?;
        let (stranded, elapsed) = (stranded(&dead), started.elapsed());
        Ok(Ended { seed, balance, stranded, redriven, faults, is_settled, elapsed })
    };
    let ended = ended.await;
    world.shutdown().await;
    ended
}

/// Sends the letters of every stage back that has any, and answers how many went.
async fn redrive(world: &Emulation) -> Result<u64, Failure> {
    let function = world.stack().outputs.get(REDRIVE_OUTPUT).ok_or_else(|| {
        Failure::new(format!("template.yaml has no output {REDRIVE_OUTPUT}"))
            .next("the soak brings dead letters back by it: restore it")
    })?;
    let mut moved = 0;
    for (queue, stage) in dead_letter_queues(world) {
        if world.sqs().peek(&queue).is_empty() {
            continue;
        }
        let request = Bytes::from(json!({ "stage": stage, "limit": 100_000 }).to_string());
        let invoked = world.lambda().invoke(function, request).await;
        let answer = invoked.map_err(|error| Failure::new("no redrive").because(error))?;
        let told: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap_or_default();
        moved += told["moved"]
            .as_u64()
            .ok_or_else(|| Failure::new(format!("the redrive of {stage} failed: {told}")))?;
    }
    Ok(moved)
}

fn stranded(dead: &DeadLetters) -> BTreeMap<String, u64> {
    let is_passing =
        |code: &str| code == UNEXPLAINED || PASSING.iter().any(|passing| passing.as_str() == code);
    let mut stranded = BTreeMap::new();
    for (code, count) in dead.reasons.values().flatten().filter(|(code, _)| is_passing(code)) {
        *stranded.entry(code.clone()).or_default() += count;
    }
    stranded
}

impl Ended {
    fn is_kept(&self) -> bool {
        self.is_settled && self.balance.is_kept() && self.stranded.is_empty()
    }
}

/// `seed 17  kept    2,000 written  14 redriven  1,312 faults  23.1 s`
fn line(ended: &Ended) -> String {
    let balance = &ended.balance;
    let verdict = if ended.is_kept() { "kept" } else { "BROKEN" };
    let mut line = format!(
        "seed {:<6} {verdict:<6} {:>7} written {:>6} redriven {:>7} faults {:>6.1} s",
        ended.seed,
        grouped(balance.written),
        grouped(ended.redriven),
        grouped(ended.faults.values().sum()),
        ended.elapsed.as_secs_f64(),
    );
    if !ended.is_kept() {
        line.push_str(&format!("  {} lost, {} duplicated", balance.lost, balance.duplicated));
        if !ended.is_settled {
            line.push_str(", not at rest in time");
        }
        for (code, count) in &ended.stranded {
            line.push_str(&format!(", {count} still dead of {code}"));
        }
    }
    line
}

fn summary(
    args: &Soak,
    events: usize,
    faults: &BTreeMap<Fault, u64>,
    broken: &[u64],
    elapsed: Duration,
) -> String {
    let events = grouped(u64::try_from(events).unwrap_or(u64::MAX));
    let verdict = match broken {
        [] => "nothing lost, nothing written twice".to_owned(),
        [first, ..] => format!(
            "{} of them broke a promise: {broken:?}\nagain: sluicegate local soak --first {first} \
             --seeds 1 --events {}",
            broken.len(),
            args.events
        ),
    };
    let struck: Vec<String> =
        faults.iter().map(|(fault, count)| format!("{fault} {}", grouped(*count))).collect();
    format!(
        "{} seeds from {}, {events} events each, in {:.0} s: {verdict}\nfaults: {}",
        grouped(args.seeds),
        args.first,
        elapsed.as_secs_f64(),
        struck.join(", ")
    )
}
