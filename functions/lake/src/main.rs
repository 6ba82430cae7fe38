#![doc = include_str!("../README.md")]

mod config;
mod handler;

use std::process::ExitCode;
use std::time::Duration;

use aws::{ClaimStore, Objects, Queues, cancelled_redrives, claims, count_calls, sdk_config};
use lake_storage::{ConcurrencyLimit, S3Bucket};
use lambda_runtime::Error;
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{
    Batches, Policy, exit_code, init_logs, open_contracts, recorder, serve_batches, unique_name,
};

use crate::config::Config;
use crate::handler::LakeStage;

/// How long before the end of an invocation its work stops, so that unfinished messages can be given back to their
/// queue. A batch of thousands needs more time for that than one of ten.
const RESERVE: Duration = Duration::from_secs(20);

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
    let sdk = count_calls(sdk_config(&Process)?, &metrics, "lake");
    let queue = Queues::lazy(&sdk);
    let store = ConcurrencyLimit::new(ClaimStore::new(&sdk, config.dedupe_table));
    let redrives = cancelled_redrives(&sdk, config.letters_table);
    let claims = claims(&sdk, config.settings.archive_bucket.clone());
    let bucket = S3Bucket::new(Objects::new(&sdk), config.lake_bucket);
    serve_batches(Batches {
        stage: LakeStage::new(contracts, store, bucket, Box::new(unique_name), metrics.clone()),
        dead_letters: config.settings.dead_letters(queue.clone()),
        policy: Policy {
            reserve: RESERVE,
            cancelled_redrives: Some(redrives),
            claims: Some(claims),
            ..config.settings.policy()
        },
        queue,
        metrics,
    })
    .await
}
