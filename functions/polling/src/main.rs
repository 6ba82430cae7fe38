#![doc = include_str!("../README.md")]

mod config;
mod mappings;
mod tick;

use std::collections::BTreeMap;
use std::process::ExitCode;

use aws::{BreakerTable, EventSourceMappings, sdk_config};
use breaker::Settings;
use futures_util::FutureExt;
use lambda_runtime::{Context, Error};
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{SystemClock, exit_code, init_logs, invocation_span, load_contracts, serve};
use serde::de::IgnoredAny;
use tracing::Instrument;

use crate::config::Config;
use crate::tick::QueuePolling;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    init_logs(&Process)?;
    let config = Config::read(&Process)?;
    let sdk = sdk_config(&Process)?;
    let mut settings: BTreeMap<String, Settings> = BTreeMap::new();
    for (name, dependency) in load_contracts(&config.contracts_dir)?.dependencies() {
        settings.insert(name, dependency.breaker);
    }
    let polling = &QueuePolling {
        store: BreakerTable::new(&sdk, config.breakers_table),
        mappings: EventSourceMappings::new(&sdk),
        uuids: config.mappings,
        settings,
        clock: SystemClock,
    };
    serve(async |_scheduled: IgnoredAny, context: Context| {
        // Boxed, or the layers of futures nest deeper than the compiler follows.
        polling.tick().instrument(invocation_span(&context)).boxed_local().await;
        Ok::<_, Error>(())
    })
    .await
}
