//! Enrich: adds what a service knows to each event, and passes it on to its sinks.

mod answer;
mod ask;
mod cache;
mod config;
mod handler;
mod merge;

use std::process::ExitCode;

use aws::{BreakerTable, Queues, SecretsManager, sdk_config};
use lambda_runtime::Error;
use mimalloc::MiMalloc;
use outbound::{BreakersOf, Client, DependencyClient, Secrets, Sleeping};
use runtime::env::Process;
use runtime::{
    Batches, Clock, SystemClock, exit_code, init_logs, load_contracts, load_variables,
    serve_batches, unique_name,
};

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
    let enrichers = Enrichers::bind(&contracts, &load_variables(&config.variables_file)?)?;
    let sdk = sdk_config(&Process)?;
    let queue = Queues::new(&sdk);
    let secrets = Secrets::new(SecretsManager::when_asked(&sdk, config.secrets_prefix));
    let breakers = BreakersOf {
        store: BreakerTable::new(&sdk, config.breakers_table),
        surroundings: Sleeping(SystemClock),
        environment: unique_name(SystemClock.now()),
        environments: config.maximum_concurrency,
    };
    let http = Client::new(enrichers.need_tls(), config.reach)?;
    let client = DependencyClient::new(http, secrets, breakers, enrichers.dependencies.clone());
    serve_batches(Batches {
        stage: Enrich::new(contracts, enrichers, client, queue.clone(), config.sink_queues),
        dead_letters: config.settings.dead_letters(queue.clone()),
        policy: config.settings.policy(),
        queue,
    })
    .await
}
