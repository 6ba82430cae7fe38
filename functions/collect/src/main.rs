#![doc = include_str!("../README.md")]

mod collector;
mod config;
mod letter;
mod segment;
mod step;

use std::process::ExitCode;

use aws::{LetterBucket, LetterTable, Objects, claims, sdk_config};
use aws_lambda_events::sqs::SqsEvent;
use futures_util::FutureExt;
use lambda_runtime::{Context, Error};
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{Deadline, Record, exit_code, init_logs, invocation_span, open_contracts, serve};
use tracing::Instrument;

use crate::collector::Collector;
use crate::config::Config;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    init_logs(&Process)?;
    let config = Config::read(&Process)?;
    let contracts = open_contracts(&config.contracts_dir)?;
    let sdk = sdk_config(&Process)?;
    let collector = &Collector {
        index: LetterTable::new(&sdk, config.letters_table),
        claims: claims(&sdk, config.letters_bucket.clone()),
        objects: LetterBucket::new(Objects::new(&sdk), config.letters_bucket),
        contracts,
        stages: config.stages,
        trusted_senders: config.trusted_senders,
    };
    serve(async |event: SqsEvent, context: Context| {
        let records = event.records.into_iter().map(Record::new).collect();
        let deadline = Deadline::of(&context);
        let collected = collector.collect(records, &deadline).instrument(invocation_span(&context));
        // Without the box, the types of futures nest deeper than the compiler allows.
        Ok::<_, Error>(collected.boxed_local().await)
    })
    .await
}
