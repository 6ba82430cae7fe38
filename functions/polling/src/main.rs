#![doc = include_str!("../README.md")]

mod config;
mod mappings;
mod tick;

use std::process::ExitCode;

use aws::{BreakerTable, EventSourceMappings, count_calls, sdk_config};
use futures_util::FutureExt;
use lambda_runtime::{Context, Error};
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{
    SystemClock, exit_code, init_logs, invocation_span, open_contracts, recorder, serve,
};
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
    let metrics = recorder(&Process)?;
    let config = Config::read(&Process)?;
    let sdk = count_calls(sdk_config(&Process)?, &metrics, "polling");
    let contracts = open_contracts(&config.contracts_dir)?;
    let polling = &QueuePolling {
        store: BreakerTable::new(&sdk, config.breakers_table),
        mappings: EventSourceMappings::new(&sdk),
        uuids: config.mappings,
        settings: contracts.declared_dependencies().breakers(),
        clock: SystemClock,
    };
    serve(&metrics, async |_scheduled: IgnoredAny, context: Context| {
        // Boxed, because the futures would nest deeper than the compiler's limit.
        polling.tick().instrument(invocation_span(&context)).boxed_local().await;
        Ok::<_, Error>(())
    })
    .await
}
