//! `sluicegate demo`: sends events through the deployed functions and proves what happened to each.
//!
//! The proof trusts no function: the `verify` crate reads the file and the contract itself, and
//! compares tables, lake, services and dead letters with them.

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
use crate::interrupt::{INTERRUPTED, wait_for_interrupt};
use crate::options::Format;
use crate::output::Output;
use crate::output::text::pluralize;
use crate::startup::{self, StartOptions};
use crate::verification::{Task, observe, read_task, redrive, send};

/// The time between two looks at the queues.
const TICK: Duration = Duration::from_millis(250);

/// Runs the demo. The exit status is 0 if every promise was kept, and 1 otherwise.
pub(crate) async fn run(root: &Path, args: &Demo, output: &Output) -> Result<ExitCode, Failure> {
    tokio::select! {
        code = demo(root, args, output) => code,
        () = wait_for_interrupt() => {
            output.note("interrupted: the emulation has ended, and its state is gone");
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
    if let Some(line) = startup::settings_without_effect(emulation.stack()) {
        output.note(&line);
    }
    let report = work(&emulation, &weather, args, &task, &log, output).await;
    emulation.shutdown().await;
    let report = report?;
    if !report.is_kept() {
        for line in log.notable() {
            output.note(&output.truncate(&line));
        }
    }
    match args.format {
        Format::Json => output.result(&report.json().to_string()),
        Format::Text => output.result(&summary::summarize(&report, args, output.width())),
    }
    Ok(ExitCode::from(u8::from(!report.is_kept())))
}

/// Sends everything, waits until no work is left, and judges the result.
async fn work(
    emulation: &Emulation,
    weather: &Weather,
    args: &Demo,
    task: &Task,
    log: &StageLog,
    output: &Output,
) -> Result<Report, Failure> {
    let started = Instant::now();
    let sent = if args.outage {
        let sent = send::send_events_over(emulation, &task.dataset, &task.input, outage::FEED)?;
        outage::watch(emulation, log, task, output).await?;
        sent
    } else {
        send::send_events(emulation, &task.dataset, &task.input)?
    };
    output.note(&sent.summary());
    let watch = Watch { emulation, log, task, started };
    let settled = watch.until_settled(args.timeout(), output).await;
    if let Err(busy) = &settled {
        output.note(&format!("not finished: {busy}"));
    }
    let mut is_settled = settled.is_ok();
    let mut redriven = 0;
    // Letters of a storm are not the fault of their events. They are redriven after the storm.
    if args.faults.is_any() && is_settled {
        emulation.adversary().clear();
        let back = redrive::redrive(emulation, args.timeout()).await?;
        redriven = back.letters;
        is_settled = back.is_settled;
        output.note(&format!("the storm is over: {} redriven", pluralize(redriven, "dead letter")));
    }
    let seen = observe::observe(emulation, weather, &task.dataset)?;
    let verdict = judge(&task.dataset, &sent.sent, &seen);
    let (dataset, elapsed) = (&task.dataset, started.elapsed());
    let run = Run { dataset, verdict, seen: &seen, is_settled, redriven, elapsed };
    Ok(Report::of(emulation, log, run))
}

/// Shows the progress.
struct Watch<'a> {
    emulation: &'a Emulation,
    log: &'a StageLog,
    task: &'a Task,
    started: Instant,
}

impl Watch<'_> {
    /// Waits until no work is left.
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
