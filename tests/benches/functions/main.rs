//! What the functions cost beside bare ones: start, CPU per event, memory, size, calls.
//!
//! `cargo bench -p tests --bench functions` (with `--profile dev` the emulation is compiled faster; the
//! functions are built for release either way), `-- --quick` to see that it works. Ours and the bare one
//! take turns, batch by batch, so that both have the same machine; what is compared are ratios of
//! medians. Exits with 1 if a budget is exceeded.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod host;
mod process;
mod size;
mod stages;
mod table;

use std::process::ExitCode;

use local::builder::Profile;
use tests::{BINARIES, Settings, World, flights};

use crate::stages::Plan;
use crate::table::Table;

const BARE: &[&str] = &["bare-enrich", "bare-ingest", "bare-redrive", "bare-sink"];

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let plan = if quick { Plan::QUICK } else { Plan::FULL };
    let both: Vec<&str> = BINARIES.iter().chain(BARE).copied().collect();
    let folder = tests::build(Profile::Release, &both, None).await;
    let settings =
        Settings { binaries: Some(folder.clone()), without_mappings: true, ..Settings::default() };
    let world = World::start_with(settings).await;
    let mut table = Table::default();
    let flights = flights(0, plan.batches() * 10);
    stages::run(&world, &folder, &plan, &flights, &mut table).await;
    world.end().await;
    table.print();
    if table.is_within_budgets() || quick { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
