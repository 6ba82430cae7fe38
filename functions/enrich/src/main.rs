//! Enrich: adds what a service knows to each event, and passes it on to its sinks.

mod answer;
mod config;
mod handler;
mod merge;

use std::process::ExitCode;

use aws::{Queues, sdk_config};
use lambda_runtime::Error;
use mimalloc::MiMalloc;
use outbound::Client;
use runtime::env::Process;
use runtime::{Batches, exit_code, init_logs, load_contracts, load_variables, serve_batches};

use crate::config::Config;
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
    let enrichers = config::bind(&contracts, &load_variables(&config.variables_file)?)?;
    let queue = Queues::new(&sdk_config(&Process)?);
    let service = Client::new(config::needs_tls(&enrichers), config.reach)?;
    serve_batches(Batches {
        stage: Enrich::new(contracts, enrichers, service, queue.clone(), config.sink_queues),
        dead_letters: config.settings.dead_letters(queue.clone()),
        policy: config.settings.policy(),
        queue,
    })
    .await
}
