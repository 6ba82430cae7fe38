#![doc = include_str!("../README.md")]

mod answer;
mod config;
mod request;
mod service;
mod services;

use std::process::ExitCode;

use aws::{ClaimStore, Queues, cancelled_redrives, claims, count_calls, sdk_config};
use lambda_runtime::Error;
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::sink::LeasedStage;
use runtime::{
    Batches, Policy, exit_code, init_logs, load_variables, open_contracts, recorder, serve_batches,
};

use crate::config::Config;
use crate::service::Delivering;
use crate::services::Services;

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
    let contracts = open_contracts(&config.settings.contracts_dir)?;
    let variables = load_variables(&config.services.variables_file)?;
    let services = Services::new(variables);
    let sdk = count_calls(sdk_config(&Process)?, &metrics, "deliver");
    let queue = Queues::lazy(&sdk);
    let store = ClaimStore::new(&sdk, config.dedupe_table);
    let redrives = cancelled_redrives(&sdk, config.letters_table);
    let claims = claims(&sdk, config.settings.archive_bucket.clone());
    let dependencies = contracts.declared_dependencies().clone();
    let client = config.services.client(&sdk, dependencies, metrics.clone());
    serve_batches(Batches {
        stage: LeasedStage::new(
            contracts,
            Delivering::new(services, client),
            store,
            metrics.clone(),
        ),
        dead_letters: config.settings.dead_letters(queue.clone()),
        policy: Policy {
            cancelled_redrives: Some(redrives),
            claims: Some(claims),
            ..config.settings.policy()
        },
        queue,
        metrics,
    })
    .await
}
