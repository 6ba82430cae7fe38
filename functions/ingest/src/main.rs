#![doc = include_str!("../README.md")]

mod archive;
mod config;
mod emit;
mod file;
mod file_source;
mod handler;
mod http;
mod letters;
#[cfg(test)]
mod memory;
mod notification;
mod wrap;

use std::process::ExitCode;

use aws::{Objects, Queues, sdk_config};
use futures_util::FutureExt;
use lambda_runtime::{Context, Error};
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{
    Batches, Deadline, Policy, exit_code, init_logs, invocation_span, load_contracts, serve,
};
use tracing::Instrument;

use crate::config::Config;
use crate::emit::Emit;
use crate::handler::{Answer, Ingest, Trigger};

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
    let sdk = sdk_config(&Process)?;
    let queue = Queues::new(&sdk);
    let dead_letters = config.settings.dead_letters(queue.clone());
    let emit = Emit::new(queue.clone(), config.enrich_queue_url, dead_letters.clone());
    let ingest = Ingest::new(contracts, Objects::new(&sdk), config.archive_bucket, emit);
    let trusted_senders = Some(config.trusted_senders);
    let policy = Policy { trusted_senders, ..config.settings.policy() };
    let batches = &Batches { stage: ingest, dead_letters, policy, queue };
    serve(async |trigger: Trigger, context: Context| {
        // Boxed, or the layers of futures nest deeper than the compiler follows.
        let answer = match trigger {
            Trigger::Batch(batch) => Answer::Batch(batches.invoke(batch, &context).boxed().await),
            Trigger::Request(request) => {
                let deadline = Deadline::of(&context);
                let answer = http::answer(&batches.stage, *request, &deadline);
                Answer::Response(answer.instrument(invocation_span(&context)).boxed().await)
            }
        };
        Ok::<_, Error>(answer)
    })
    .await
}
