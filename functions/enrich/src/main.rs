//! Enrich: adds what a service knows to each event, and passes it on to its sinks.

mod answer;
mod ask;
mod cache;
mod config;
mod handler;
mod merge;

use std::process::ExitCode;

use aws::{Queues, sdk_config};
use lambda_runtime::Error;
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{Batches, exit_code, init_logs, load_contracts, load_variables, serve_batches};

use crate::config::{Config, Enrichers};
use crate::handler::Enrich;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    init_logs(&Process)?;
    let config = Config::read(&Process)?;
    let contracts = load_contracts(&config.settings.contracts_dir)?;
    let variables = load_variables(&config.services.variables_file)?;
    let enrichers = Enrichers::bind(&contracts, &variables)?;
    let sdk = sdk_config(&Process)?;
    let queue = Queues::new(&sdk);
    let dependencies = enrichers.dependencies.clone();
    let client = config.services.client(&sdk, enrichers.need_tls(), dependencies)?;
    serve_batches(Batches {
        stage: Enrich::new(contracts, enrichers, client, queue.clone(), config.sink_queues),
        dead_letters: config.settings.dead_letters(queue.clone()),
        policy: config.settings.policy(),
        queue,
    })
    .await
}
