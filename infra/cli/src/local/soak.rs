//! `sluicegate local soak`: the pipeline under one adversary after another.
//!
//! Each seed has its own emulation. Events are sent during a storm of faults, the dead letters that
//! it leaves are redriven, and a judge that trusts no function checks the result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use emulation::faults::{Fault, Plan as Faults};
use emulation::lambda::LogLine;
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;
use verify::judge::Verdict;

use super::args::Soak;
use crate::failure::Failure;
use crate::interrupt::{INTERRUPTED, wait_for_interrupt};
use crate::options::read_plan;
use crate::output::Output;
use crate::output::text::{group_digits, pluralize};
use crate::startup::{self, StartOptions};
use crate::verification::redrive::redrive;
use crate::verification::{Task, judge_dataset, read_task, send};

/// The result of one seed.
struct SoakRun {
    seed: u64,
    verdict: Verdict,
    redriven: u64,
    faults: BTreeMap<Fault, u64>,
    is_settled: bool,
    elapsed: Duration,
}

/// Runs all seeds. The exit status is 0 if each kept every promise, and 1 otherwise.
pub(super) async fn run(root: &Path, args: &Soak, output: &Output) -> Result<ExitCode, Failure> {
    let task = read_task(root, &args.dataset, args.input.as_deref(), args.events, output)?;
    let rules = args.file.as_deref().map(read_plan).transpose()?;
    tokio::select! {
        code = soak(root, args, &task, rules.as_ref(), output) => code,
        () = wait_for_interrupt() => {
            output.note("interrupted");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

async fn soak(
    root: &Path,
    args: &Soak,
    task: &Task,
    rules: Option<&Faults>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let binaries = startup::build(root, args.release, output).await?;
    let started = Instant::now();
    let seeds = stream::iter(args.first..args.first.saturating_add(args.seeds));
    let runs = seeds.map(|seed| {
        let faults = match rules {
            Some(plan) => Faults { seed, ..plan.clone() },
            None => Faults::storm(seed),
        };
        run_seed(root, args, task, faults, binaries.clone())
    });
    let mut ends = runs.buffer_unordered(usize::try_from(args.at_once).unwrap_or(1));
    let (mut done, mut broken) = (0_u64, Vec::new());
    let mut all = BTreeMap::<Fault, u64>::new();
    while let Some(ended) = ends.next().await {
        let ended = ended?;
        done += 1;
        for (fault, count) in &ended.faults {
            *all.entry(*fault).or_default() += count;
        }
        output.note(&format_run(&ended));
        if !ended.is_kept() {
            for what in ended.verdict.broken_promises() {
                output.note(&output.truncate(&format!("            {what}")));
            }
            broken.push(ended.seed);
        }
        let left = args.seeds - done;
        let line = format!("{done} done, {left} left, {} broken", broken.len());
        output.progress(done, args.seeds, &line);
    }
    broken.sort_unstable();
    output.result(&summary(args, task.input.wanted, &all, &broken, started.elapsed()));
    Ok(ExitCode::from(u8::from(!broken.is_empty())))
}

/// Runs one seed from start to end.
async fn run_seed(
    root: &Path,
    args: &Soak,
    task: &Task,
    faults: Faults,
    binaries: PathBuf,
) -> Result<SoakRun, Failure> {
    let (seed, started) = (faults.seed, Instant::now());
    let log = Arc::new(|_: &LogLine<'_>| {});
    let weather = startup::weather(root)?;
    let options = StartOptions {
        root,
        release: args.release,
        port: 0,
        log,
        weather: &weather,
        faults,
        skip_idle: true,
        state: None,
    };
    let emulation = startup::start_built(options, binaries).await?;
    let ended = async {
        let sent = send::send_events(&emulation, &task.dataset, &task.input)?;
        let patience = Duration::from_secs(args.timeout);
        let was_settled = emulation.settle(patience).await.is_ok();
        let faults = emulation.adversary().tally();
        emulation.adversary().clear();
        let back = redrive(&emulation, patience).await?;
        let verdict = judge_dataset(&emulation, &weather, &task.dataset, &sent.sent)?;
        let (redriven, elapsed) = (back.letters, started.elapsed());
        let is_settled = was_settled && back.is_settled;
        Ok(SoakRun { seed, verdict, redriven, faults, is_settled, elapsed })
    };
    let ended = ended.await;
    emulation.shutdown().await;
    ended
}

impl SoakRun {
    fn is_kept(&self) -> bool {
        self.is_settled && self.verdict.is_kept()
    }
}

/// `seed 17  kept    2,000 written  14 redriven  1,312 faults  23.1 s`
fn format_run(ended: &SoakRun) -> String {
    let verdict = if ended.is_kept() { "kept" } else { "BROKEN" };
    let mut line = format!(
        "seed {:<6} {verdict:<6} {:>7} written {:>6} redriven {:>7} faults {:>6.1} s",
        ended.seed,
        group_digits(ended.verdict.written),
        group_digits(ended.redriven),
        group_digits(ended.faults.values().sum()),
        ended.elapsed.as_secs_f64(),
    );
    if !ended.is_settled {
        line.push_str("  not at rest in time");
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
    let seeds = usize::try_from(args.seeds).unwrap_or(usize::MAX);
    let verdict = match broken {
        [] => "nothing lost, nothing written twice".to_owned(),
        [first, ..] => format!(
            "{} of them broke a promise: {broken:?}\nagain: {}",
            broken.len(),
            repeat_command(args, *first)
        ),
    };
    let struck: Vec<String> =
        faults.iter().map(|(fault, count)| format!("{fault} {}", group_digits(*count))).collect();
    format!(
        "{} from {}, {} each, in {:.0} s: {verdict}\nfaults: {}",
        pluralize(seeds, "seed"),
        args.first,
        pluralize(events, "event"),
        elapsed.as_secs_f64(),
        struck.join(", ")
    )
}

/// The command that repeats one seed with the same options.
fn repeat_command(args: &Soak, seed: u64) -> String {
    let mut command = format!(
        "sluicegate local soak --first {seed} --seeds 1 --events {} --dataset {}",
        args.events, args.dataset
    );
    if let Some(input) = &args.input {
        command.push_str(&format!(" --input {}", input.display()));
    }
    if let Some(file) = &args.file {
        command.push_str(&format!(" --faults {}", file.display()));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::args::Local;
    use crate::options::parse_verb;

    fn soak(words: &str) -> Soak {
        let words: Vec<&str> = std::iter::once("soak").chain(words.split(' ')).collect();
        match parse_verb(&words).unwrap() {
            Local::Soak(soak) => soak,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_seed_is_run_again_with_all_that_it_was_run_with() {
        let args =
            soak("--seeds 9 --events 200 --dataset orders --input my/orders.csv --faults f.yaml");
        let again = repeat_command(&args, 4);
        let expected = "sluicegate local soak --first 4 --seeds 1 --events 200 --dataset orders \
                        --input my/orders.csv --faults f.yaml";
        assert_eq!(again, expected);
        let again = soak(again.trim_start_matches("sluicegate local soak "));
        assert_eq!((again.first, again.events, again.input), (4, 200, args.input));
    }

    #[test]
    fn one_seed_is_no_seeds() {
        let summary = summary(&soak("--seeds 1"), 1, &BTreeMap::new(), &[], Duration::from_secs(2));
        assert!(
            summary.starts_with("1 seed from 0, 1 event each, in 2 s: nothing lost"),
            "{summary}"
        );
    }
}
