//! `sluicegate demo`: events in, the deployed functions at work, and a proof of what became of each.
//!
//! The proof trusts no function: what should have happened is computed here from the contract, and
//! compared with the table and the dead-letter queues.

pub(crate) mod dead;
pub(crate) mod feed;
pub(crate) mod input;
mod item;
mod latency;
mod progress;
pub(crate) mod reconcile;
pub(crate) mod report;
mod stages;
pub(crate) mod summary;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use contracts::Catalog;
use local::Emulation;
use tokio::time::Instant;

use self::input::Event;
use self::report::Report;
use self::stages::StageLog;
use crate::args::{Demo, Format};
use crate::failure::Failure;
use crate::local::interrupted;
use crate::output::Output;
use crate::world::{self, Plan};

/// Between two looks at the queues.
const TICK: Duration = Duration::from_millis(250);
/// As a shell reports a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

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
    let events = read(root, &args.dataset, args.input.as_deref(), args.events, output)?;
    let log = Arc::new(StageLog::default());
    let plan = Plan {
        root,
        release: args.release,
        port: args.port,
        log: Arc::clone(&log) as _,
        faults: args.faults.plan()?,
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

    let started = Instant::now();
    let fed = feed::feed(&world, &args.dataset, events)?;
    output.note(&fed.told());
    let settled = watch(&world, args, &log, &fed.events, started, output).await;
    let report = Report::of(&world, args, &fed.events, &log, started.elapsed(), settled.is_ok());
    let report = match report {
        Ok(report) => report,
        Err(failure) => {
            world.shutdown().await;
            return Err(failure);
        }
    };
    world.shutdown().await;

    if let Err(busy) = &settled {
        output.note(&format!("not finished: {busy}"));
    }
    if !report.is_kept() {
        for line in log.notable() {
            output.note(&line);
        }
    }
    match args.format {
        Format::Json => output.result(&report.json().to_string()),
        Format::Text => output.result(&summary::text(&report, output.width())),
    }
    Ok(ExitCode::from(u8::from(!report.is_kept())))
}

/// The events, and what the contract makes of each.
pub(crate) fn read(
    root: &Path,
    dataset: &str,
    input: Option<&Path>,
    events: u64,
    output: &Output,
) -> Result<Vec<Event>, Failure> {
    let catalog = contracts_of(root)?;
    let contract = catalog.get(dataset).map_err(|failure| {
        let next = "give one of the known ones with --dataset, or add its contract";
        Failure::new(failure.reason.into_owned()).next(next)
    })?;
    let path = input.map_or_else(|| root.join(input::DEFAULT), Path::to_path_buf);
    let wanted = usize::try_from(events).unwrap_or(usize::MAX);
    let events = input::read(&path, contract, wanted)?;
    if events.is_empty() {
        return Err(Failure::new(format!("there is no event in {}", path.display())));
    }
    if events.len() < wanted {
        let told = format!("{} holds {} events: all are taken", path.display(), events.len());
        output.note(&told);
    }
    Ok(events)
}

pub(crate) fn contracts_of(root: &Path) -> Result<Catalog, Failure> {
    let folder = root.join("infra").join("contracts");
    runtime::load_contracts(&folder)
        .map_err(|error| Failure::new("the contracts cannot be used").because(error))
}

/// Shows how far it is until nothing is left to do.
async fn watch(
    world: &Emulation,
    args: &Demo,
    log: &StageLog,
    events: &[Event],
    started: Instant,
    output: &Output,
) -> Result<(), local::idle::Busy> {
    let mut settled = std::pin::pin!(world.settle(args.timeout()));
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            settled = &mut settled => return settled,
            _ = ticks.tick() => {
                let written = log.written();
                let progress = world.progress();
                let line = progress::line(&progress, written, events.len(), started.elapsed());
                output.status(&line);
            }
        }
    }
}
