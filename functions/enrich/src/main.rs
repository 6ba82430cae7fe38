//! Enrich: adds the answers of its enrichers to each event, and passes the event on to its sinks.

use std::collections::BTreeMap;
use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::exit_code(sluicegate_enrich::run(BTreeMap::new()).await)
}
