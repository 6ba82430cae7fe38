//! The pipeline while everything goes wrong that AWS allows to: whatever the seed, nothing is lost and
//! nothing is written twice.
//!
//! `cargo test` runs fifty seeds of 80 flights, each a world of its own, and fifty of files whose rows are
//! odd in all ways that are known; in three storms a thousand dead letters are redriven. For more of all, or for the totals of a file of any length:
//!
//! ```sh
//! cargo test --release --workspace --test adversary -- --seeds 0..200 --flights 2000
//! cargo test --release --workspace --test adversary -- --seeds 0..1 --totals-of FILE
//! cargo test --release --workspace --test adversary -- --redrives 0..200 --letters 5000 redriven_
//! ```
//!
//! Each seed tells how it ended when it does, so that a run that was stopped is worth what it did; a name
//! (`seed_17`) filters, as in any test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod feed;
mod odd_files;
mod oddities;
mod redriven;
mod storm;
mod year;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clap::Parser;
use emulation::faults::{Fault, Plan};
use libtest_mimic::{Arguments, Trial};
use sluicegate_tests::{flights, seeds};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use self::year::Year;

/// Worlds at a time: most of a seed is waiting for retries.
const AT_ONCE: usize = 6;
/// So many seeds have every fault among them, however few flights there are.
const MANY: usize = 50;

#[derive(Parser)]
#[command(about = "The pipeline while everything goes wrong", long_about = None)]
struct Command {
    /// From the first up to the last, which is not among them
    #[arg(long, value_name = "FROM..TO", default_value = "0..50", value_parser = seeds)]
    seeds: Range<u64>,
    /// Of each seed, from the sample's beginning
    #[arg(long, value_name = "COUNT", default_value_t = 80)]
    flights: usize,
    /// The producer sends each flight from once up to so many times
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    copies: u64,
    /// The seeds in whose storms dead letters are redriven
    #[arg(long, value_name = "FROM..TO", default_value = "0..3", value_parser = seeds)]
    redrives: Range<u64>,
    /// Of each of these
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    letters: usize,
    /// All flights of this file (NDJSON or CSV, gzipped or not), judged by their totals and counts
    #[arg(long, value_name = "FILE")]
    totals_of: Option<PathBuf>,
    #[command(flatten)]
    harness: Arguments,
}

/// What was done to all worlds so far.
type Struck = Arc<Mutex<BTreeMap<Fault, u64>>>;

fn main() -> ExitCode {
    let Command { seeds, flights: count, copies, redrives, letters, totals_of, mut harness } =
        Command::parse();
    harness.test_threads.get_or_insert(AT_ONCE);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (runtime, struck) = (Arc::new(runtime), Struck::default());
    let trials: Vec<Trial> = match totals_of {
        Some(file) => {
            let year = Arc::new(Year::read(&file));
            let check = |seed| {
                let year = Arc::clone(&year);
                move || async move { year::check(seed, &year, copies).await }
            };
            seeds.map(|seed| trial("seed", seed, &runtime, &struck, check(seed))).collect()
        }
        None => {
            let sample = Arc::new(flights(0, count));
            let check = |seed| {
                let sample = Arc::clone(&sample);
                move || async move { storm::check(seed, &sample, copies).await }
            };
            let odd = seeds.clone().map(|seed| {
                trial("odd_files", seed, &runtime, &struck, move || odd_files::check(seed))
            });
            let odd: Vec<Trial> = odd.collect();
            let storms = seeds.map(|seed| trial("seed", seed, &runtime, &struck, check(seed)));
            let redriven = redrives.map(|seed| {
                trial("redriven", seed, &runtime, &struck, move || redriven::check(seed, letters))
            });
            storms.chain(odd).chain(redriven).collect()
        }
    };
    let are_many = trials.len() >= MANY;
    let ended = libtest_mimic::run(&harness, trials);
    let struck = struck.lock().unwrap();
    if !struck.is_empty() {
        let each = struck.iter().map(|(fault, count)| format!("{fault} {count}"));
        say(&format!("faults: {}", each.collect::<Vec<_>>().join(", ")));
    }
    if are_many && ended.num_filtered_out == 0 && !ended.has_failed() && !harness.list {
        let all: BTreeSet<Fault> = Plan::storm(0).rules.iter().map(|rule| rule.fault).collect();
        assert_eq!(struck.keys().copied().collect::<BTreeSet<_>>(), all, "faults that struck");
    }
    ended.exit_code()
}

/// One seed, whose check answers what was done to its world.
fn trial<Check, Checking>(
    kind: &'static str,
    seed: u64,
    runtime: &Arc<Runtime>,
    struck: &Struck,
    check: Check,
) -> Trial
where
    Check: FnOnce() -> Checking + Send + 'static,
    Checking: Future<Output = BTreeMap<Fault, u64>>,
{
    let (runtime, struck) = (Arc::clone(runtime), Arc::clone(struck));
    Trial::test(format!("{kind}_{seed}"), move || {
        let started = Instant::now();
        let faults = runtime.block_on(check());
        let count: u64 = faults.values().sum();
        let elapsed = started.elapsed().as_secs_f64();
        say(&format!("{kind} {seed} kept every promise: {count} faults, {elapsed:.1} s"));
        let mut struck = struck.lock().unwrap();
        faults.into_iter().for_each(|(fault, count)| *struck.entry(fault).or_default() += count);
        Ok(())
    })
}

/// A reader that went away is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
