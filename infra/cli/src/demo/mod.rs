//! `sluicegate demo`: events in, the deployed functions at work, and a proof of what became of each.
//!
//! The proof trusts no function: the `verify` crate reads the file and the contract by itself, and holds
//! tables, lake, services and dead letters to them.

pub(crate) mod args;
mod latency;
mod outage;
mod progress;
mod report;
mod stages;
mod summary;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use emulation::Emulation;
use sample::Weather;
use tokio::time::Instant;
use verify::judge::judge;

use self::args::Demo;
use self::report::{Report, Run};
use self::stages::StageLog;
use crate::failure::Failure;
use crate::interrupt::{INTERRUPTED, interrupted};
use crate::options::Format;
use crate::output::Output;
use crate::output::text::counted;
use crate::startup::{self, StartOptions};
use crate::verification::{Task, feed, observe, read_task, redrive};

/// Between two looks at the queues.
const TICK: Duration = Duration::from_millis(250);

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
    let task = read_task(root, &args.dataset, args.input.as_deref(), args.events, output)?;
    let log = Arc::new(StageLog::default());
    let weather = startup::weather(root)?;
    let faults = args.faults.plan()?;
    let options = StartOptions {
        root,
        release: args.release,
        port: args.port,
        log: Arc::clone(&log) as _,
        weather: &weather,
        faults,
        skip_idle: true,
        state: None,
    };
    let emulation = startup::start(options, output).await?;
    output.note(&format!("emulation at {}", emulation.endpoint()));
    let without_effect = emulation.stack().warnings.len();
    if without_effect > 0 {
        output.note(&format!(
            "{} of template.yaml without effect here; `local up --verbose` lists them",
            counted(without_effect, "setting")
        ));
    }
    let report = work(&emulation, &weather, args, &task, &log, output).await;
    emulation.shutdown().await;
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
    emulation: &Emulation,
    weather: &Weather,
    args: &Demo,
    task: &Task,
    log: &StageLog,
    output: &Output,
) -> Result<Report, Failure> {
    let started = Instant::now();
    let fed = if args.outage {
        let fed = feed::feed_over(emulation, &task.dataset, &task.input, outage::FEED)?;
        outage::watch(emulation, log, task, output).await?;
        fed
    } else {
        feed::feed(emulation, &task.dataset, &task.input)?
    };
    output.note(&fed.about());
    let watch = Watch { emulation, log, task, started };
    let settled = watch.until_settled(args.timeout(), output).await;
    if let Err(busy) = &settled {
        output.note(&format!("not finished: {busy}"));
    }
    let mut is_settled = settled.is_ok();
    let mut redriven = 0;
    // What a storm has left is no fault of the events: it is brought back once the storm is over.
    if args.faults.is_any() && is_settled {
        emulation.adversary().clear();
        let back = redrive::redrive(emulation, args.timeout()).await?;
        redriven = back.letters;
        is_settled = back.is_settled;
        output.note(&format!("the storm is over: {} redriven", counted(redriven, "dead letter")));
    }
    let seen = observe::observe(emulation, weather, &task.dataset)?;
    let verdict = judge(&task.dataset, &fed.sent, &seen);
    let (dataset, elapsed) = (&task.dataset, started.elapsed());
    let run = Run { dataset, verdict, seen: &seen, is_settled, redriven, elapsed };
    Ok(Report::of(emulation, log, run))
}

/// Shows how far it is.
struct Watch<'a> {
    emulation: &'a Emulation,
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
        let last: BTreeSet<String> = observe::last_stages(self.emulation, &self.task.dataset);
        let mut settled = std::pin::pin!(self.emulation.settle(patience));
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                settled = &mut settled => return settled,
                _ = ticks.tick() => {
                    let (written, events) = (self.log.written(&last), self.task.input.wanted);
                    let progress = self.emulation.progress();
                    let elapsed = self.started.elapsed();
                    let line = progress::line(&progress, written, events, elapsed);
                    output.progress(written, u64::try_from(events).unwrap_or(u64::MAX), &line);
                }
            }
        }
    }
}
