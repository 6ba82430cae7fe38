#![doc = include_str!("../README.md")]

mod collector;
mod config;
mod letter;
mod segment;
mod step;

use std::process::ExitCode;

use aws::{LetterBucket, LetterTable, Objects, claims, count_calls, sdk_config};
use aws_lambda_events::sqs::SqsEvent;
use futures_util::FutureExt;
use lambda_runtime::{Context, Error};
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{
    Deadline, Dimensions, Metric, Record, exit_code, init_logs, invocation_span, open_contracts,
    recorder, serve,
};
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
    let metrics = recorder(&Process)?;
    let config = Config::read(&Process)?;
    let contracts = open_contracts(&config.contracts_dir)?;
    let sdk = count_calls(sdk_config(&Process)?, &metrics, "collect");
    let collector = &Collector {
        index: LetterTable::new(&sdk, config.letters_table),
        claims: claims(&sdk, config.letters_bucket.clone()),
        objects: LetterBucket::new(Objects::new(&sdk), config.letters_bucket),
        contracts,
        stages: config.stages,
        trusted_senders: config.trusted_senders,
    };
    let metrics = &metrics;
    serve(metrics, async |event: SqsEvent, context: Context| {
        let records: Vec<Record> = event.records.into_iter().map(Record::new).collect();
        let received = records.len();
        let deadline = Deadline::of(&context);
        let collected = collector.collect(records, &deadline).instrument(invocation_span(&context));
        // Without the box, the types of futures nest deeper than the compiler allows.
        let response = collected.boxed_local().await;
        let taken = received.saturating_sub(response.failures.len());
        let of_function = Dimensions::Function { function: "collect" };
        metrics.add(&of_function, Metric::LettersCollected, taken as u64);
        Ok::<_, Error>(response)
    })
    .await
}
