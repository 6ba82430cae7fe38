#![doc = include_str!("../README.md")]

mod adapters;
mod archive;
mod backlog;
mod config;
mod direct;
mod emit;
mod file;
mod file_source;
mod files;
mod handler;
mod http;
mod letters;
#[cfg(test)]
mod memory;
mod slices;
mod stream;
mod trigger;
mod wrap;

use std::process::ExitCode;

use aws::{Objects, Queues, claims, count_calls, sdk_config};
use contracts::Catalog;
use futures_util::FutureExt;
use lambda_runtime::{Context, Error};
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{
    Batches, Deadline, Dimensions, Metric, Policy, Recorder, exit_code, init_logs, invocation_span,
    load_variables, open_contracts, recorder, serve,
};
use tracing::Instrument;

use crate::config::Config;
use crate::direct::{Refused, hand_over};
use crate::emit::{Emit, QueueUrls};
use crate::handler::Ingest;
use crate::trigger::{Answer, Trigger};

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
    let variables = load_variables(&config.variables_file)?;
    let sdk = count_calls(sdk_config(&Process)?, &metrics, "ingest");
    let queue = Queues::new(&sdk);
    let dead_letters = config.settings.dead_letters(queue.clone());
    let urls = QueueUrls {
        enrich: config.enrich_queue_url,
        inbox: config.settings.queue_url.clone(),
        late: config.late_queue_url,
    };
    let (objects, bucket) = (Objects::new(&sdk), config.settings.archive_bucket.clone());
    let claims = claims(&sdk, bucket.clone());
    let emit =
        Emit::new(queue.clone(), urls, dead_letters.clone(), claims.clone(), metrics.clone());
    let slice_bytes = config.slice_bytes;
    let ingest = Ingest::new(contracts, variables, objects, bucket, emit, slice_bytes);
    let policy = Policy {
        trusted_senders: Some(config.trusted_senders),
        claims: Some(claims),
        ..config.settings.policy()
    };
    let batches = &Batches { stage: ingest, dead_letters, policy, queue, metrics };
    serve(&batches.metrics, async |trigger: Trigger, context: Context| {
        // Boxed, because the futures would nest deeper than the compiler's limit.
        let answer = match trigger {
            Trigger::Batch(batch) => Answer::Batch(batches.invoke(batch, &context).boxed().await),
            Trigger::Request(request) => {
                let deadline = Deadline::of(&context);
                let answer = http::answer(&batches.stage, *request, &deadline);
                Answer::Response(answer.instrument(invocation_span(&context)).boxed().await)
            }
            Trigger::Stream(records) => {
                let deadline = Deadline::of(&context);
                let taken = stream::take_batch(&batches.stage, &records, &deadline);
                Answer::Batch(taken.instrument(invocation_span(&context)).boxed().await)
            }
            Trigger::Message(message) => {
                let (inbox, ignored) = (&batches.policy.queue_url, &batches.stage.ignored);
                let handing_over = hand_over(&batches.queue, inbox, &message, ignored);
                let done = handing_over.instrument(invocation_span(&context)).boxed().await;
                Answer::HandedOver(done.inspect_err(log_refused)?)
            }
        };
        log_canaries(&batches.stage.contracts, &batches.metrics);
        batches.stage.ignored.log();
        Ok::<_, Refused>(answer)
    })
    .await
}

fn log_refused(Refused(failure): &Refused) {
    tracing::error!(
        stage = "ingest",
        failure.code = %failure.code,
        failure.reason = %failure.reason,
        "invocation refused"
    );
}

/// Logs and counts what the canary versions of schemas would have refused of this invocation's events.
fn log_canaries(contracts: &Catalog, metrics: &Recorder) {
    for count in contracts.take_canary_counts() {
        let of_version = Dimensions::version(&count.dataset, count.version);
        let tried =
            [(Metric::CanaryEvents, count.events), (Metric::CanaryViolations, count.violations)];
        metrics.record(&of_version, &tried, &[]);
        let (at, reason) = count.first.unwrap_or_default();
        tracing::info!(
            stage = "ingest",
            dataset = count.dataset,
            contract.version = count.version,
            events = count.events,
            violations = count.violations,
            failure.at = at,
            failure.reason = reason,
            "canary version tried"
        );
    }
}
