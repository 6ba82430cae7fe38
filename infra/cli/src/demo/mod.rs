//! `sluicegate demo`: events in, the deployed functions at work, and a proof of what became of each.
//!
//! The proof trusts no function: the `verify` crate reads the file and the contract by itself, and holds
//! tables, lake, services and dead letters to them.

pub(crate) mod feed;
pub(crate) mod input;
mod latency;
pub(crate) mod observe;
mod outage;
mod progress;
pub(crate) mod redrive;
mod report;
mod stages;
mod store;
mod summary;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use emulation::Emulation;
use sample::{DATASET, EVENTS_FILE, Weather};
use tokio::time::Instant;
use verify::contract::Dataset;
use verify::judge::{Observed, Sent, Verdict, judge};

use self::input::Input;
use self::report::{Report, Run};
use self::stages::StageLog;
use crate::args::{Demo, Format};
use crate::check::contracts_of;
use crate::failure::Failure;
use crate::local::interrupted;
use crate::output::{Output, counted, grouped};
use crate::world::{self, Plan};

/// Between two looks at the queues.
const TICK: Duration = Duration::from_millis(250);
/// As a shell reports a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// What is sent, and what must come out.
pub(crate) struct Task {
    pub(crate) dataset: Dataset,
    pub(crate) input: Input,
}

/// Runs the demo: 0 if every promise was kept, 1 if not.
pub(crate) async fn run(root: &Path, args: &Demo, output: &Output) -> Result<ExitCode, Failure> {
    tokio::select! {
        code = demo(root, args, output) => code,
        () = interrupted() => {
            output.note("interrupted: everything ends, and what was in memory is gone");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

async fn demo(root: &Path, args: &Demo, output: &Output) -> Result<ExitCode, Failure> {
    let task = read(root, &args.dataset, args.input.as_deref(), args.events, output)?;
    let log = Arc::new(StageLog::default());
    let weather = world::weather(root)?;
    let faults = args.faults.plan()?;
    let plan = Plan {
        root,
        release: args.release,
        port: args.port,
        log: Arc::clone(&log) as _,
        weather: &weather,
        faults,
        skip_idle: true,
        state: None,
    };
    let world = world::start(plan, output).await?;
    output.note(&format!("emulation at {}", world.endpoint()));
    let without_effect = world.stack().warnings.len();
    if without_effect > 0 {
        output.note(&format!(
            "{without_effect} settings of template.yaml, such as encryption, have no effect here; \
             `local up` lists them"
        ));
    }
    let report = work(&world, &weather, args, &task, &log, output).await;
    world.shutdown().await;
    let report = report?;
    if !report.is_kept() {
        for line in log.notable() {
            output.note(&output.cut(&line));
        }
    }
    match args.format {
        Format::Json => output.result(&report.json().to_string()),
        Format::Text => output.result(&summary::text(&report, args, output.width())),
    }
    Ok(ExitCode::from(u8::from(!report.is_kept())))
}

/// Sends everything, waits until nothing is left to do, and judges what came of it.
async fn work(
    world: &Emulation,
    weather: &Weather,
    args: &Demo,
    task: &Task,
    log: &StageLog,
    output: &Output,
) -> Result<Report, Failure> {
    let started = Instant::now();
    let fed = if args.outage {
        let fed = feed::feed_over(world, &task.dataset, &task.input, outage::FEED)?;
        outage::watch(world, log, task, output).await?;
        fed
    } else {
        feed::feed(world, &task.dataset, &task.input)?
    };
    output.note(&fed.about());
    let watch = Watch { world, log, task, started };
    let settled = watch.until_settled(args.timeout(), output).await;
    if let Err(busy) = &settled {
        output.note(&format!("not finished: {busy}"));
    }
    let mut is_settled = settled.is_ok();
    let mut redriven = 0;
    // What a storm has left is no fault of the events: it is brought back once the storm is over.
    if args.faults.is_any() && is_settled {
        world.adversary().clear();
        let back = redrive::redrive(world, args.timeout()).await?;
        redriven = back.letters;
        is_settled = back.is_settled;
        output.note(&format!("the storm is over: {} redriven", counted_letters(redriven)));
    }
    let seen = observe::observe(world, weather, &task.dataset)?;
    let verdict = judge(&task.dataset, &fed.sent, &seen);
    let (dataset, elapsed) = (&task.dataset, started.elapsed());
    let run = Run { dataset, verdict, seen: &seen, is_settled, redriven, elapsed };
    Ok(Report::of(world, log, run))
}

/// Judges what there is of a dataset.
pub(crate) fn judged(
    world: &Emulation,
    weather: &Weather,
    dataset: &Dataset,
    sent: &[Sent],
) -> Result<Verdict, Failure> {
    let seen: Observed = observe::observe(world, weather, dataset)?;
    Ok(judge(dataset, sent, &seen))
}

fn counted_letters(count: u64) -> String {
    let many = if count == 1 { "letter" } else { "letters" };
    format!("{} dead {many}", grouped(count))
}

/// The dataset as its contract has it, and the first events of the file.
pub(crate) fn read(
    root: &Path,
    dataset: &str,
    input: Option<&Path>,
    events: u64,
    output: &Output,
) -> Result<Task, Failure> {
    let catalog = contracts_of(root)?;
    catalog.get(dataset).map_err(|failure| {
        let next = match dataset {
            DATASET => "the sample is not here: say what to send, with --dataset and --input",
            _ => "give one of the known ones with --dataset, or add its contract",
        };
        Failure::new(failure.reason.into_owned()).next(next)
    })?;
    let dataset = read_dataset(&root.join("infra").join("contracts").join(dataset))?;
    let path = match input {
        Some(path) => path.to_path_buf(),
        None => sample_events(root, &dataset.name)?,
    };
    let wanted = usize::try_from(events).unwrap_or(usize::MAX);
    let input = input::read(&path, wanted)?;
    if input.wanted == 0 {
        return Err(Failure::new(format!("there is no event in {}", path.display())));
    }
    if input.wanted < wanted {
        let count = counted(input.wanted, "event");
        output.note(&format!("{} holds {count}: all are taken", path.display()));
    }
    Ok(Task { dataset, input })
}

/// What is sent where no file is named: the sample's events, for their dataset alone.
fn sample_events(root: &Path, dataset: &str) -> Result<PathBuf, Failure> {
    let next = "give a file of events with --input: .ndjson or .csv, gzipped or not";
    if dataset != DATASET {
        return Err(Failure::new(format!("there is no sample of `{dataset}`")).next(next));
    }
    let path = root.join(EVENTS_FILE);
    if !path.is_file() {
        let what = format!("the sample's events are not here: there is no {EVENTS_FILE}");
        return Err(Failure::new(what).next(next));
    }
    Ok(path)
}

/// The dataset of a folder with a contract, by the judge's own reader.
pub(crate) fn read_dataset(folder: &Path) -> Result<Dataset, Failure> {
    let path = folder.join("contract.yaml");
    let yaml = fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display())).because(error)
    })?;
    Dataset::read(&yaml, |file| fs::read_to_string(folder.join(file)).ok()).map_err(|error| {
        Failure::new(format!("{} says too little to judge by", path.display())).because(error)
    })
}

/// Shows how far it is.
struct Watch<'a> {
    world: &'a Emulation,
    log: &'a StageLog,
    task: &'a Task,
    started: Instant,
}

impl Watch<'_> {
    /// Until nothing is left to do.
    async fn until_settled(
        &self,
        patience: Duration,
        output: &Output,
    ) -> Result<(), emulation::idle::Busy> {
        let last: BTreeSet<String> = observe::last_stages(self.world, &self.task.dataset);
        let mut settled = std::pin::pin!(self.world.settle(patience));
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                settled = &mut settled => return settled,
                _ = ticks.tick() => {
                    let (written, events) = (self.log.written(&last), self.task.input.wanted);
                    let progress = self.world.progress();
                    let elapsed = self.started.elapsed();
                    output.status(&progress::line(&progress, written, events, elapsed));
                }
            }
        }
    }
}
