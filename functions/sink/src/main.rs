#![doc = include_str!("../README.md")]

mod config;
mod handler;
mod item;
mod tables;
mod write;

use std::process::ExitCode;

use aws::{Queues, TableStore, cancelled_redrives, claims, count_calls, sdk_config};
use lambda_runtime::Error;
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::sink::TransactionalStage;
use runtime::{Batches, Policy, exit_code, init_logs, open_contracts, recorder, serve_batches};

use crate::config::Config;
use crate::handler::TableSinks;

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
    let sdk = count_calls(sdk_config(&Process)?, &metrics, "sink");
    let queue = Queues::lazy(&sdk);
    let store = TableStore::new(&sdk, config.dedupe_table);
    let redrives = cancelled_redrives(&sdk, config.letters_table);
    let claims = claims(&sdk, config.settings.archive_bucket.clone());
    serve_batches(Batches {
        stage: TransactionalStage::new(
            contracts,
            TableSinks(config.tables),
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
