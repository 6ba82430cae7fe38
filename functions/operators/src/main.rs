//! Operators: what people do to a running pipeline, by its one door for them: a function URL of `AWS_IAM`,
//! whose authorizer tells who asks. So far they see circuit breakers and which queues
//! are not polled, and move breakers by hand.

mod act;
mod audit;
mod breakers;
mod config;
mod parked;
mod polling;
mod problem;
mod request;
mod response;
mod view;

use std::process::ExitCode;

use aws::{BreakerTable, Objects, Queues, sdk_config};
use aws_lambda_events::lambda_function_urls::LambdaFunctionUrlRequest;
use futures_util::FutureExt;
use lambda_runtime::{Context, Error};
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{SystemClock, exit_code, init_logs, invocation_span, load_contracts, serve};
use tracing::Instrument;

use crate::audit::AuditBucket;
use crate::breakers::Breakers;
use crate::config::Config;
use crate::parked::Parking;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    init_logs(&Process)?;
    let config = Config::read(&Process)?;
    let sdk = sdk_config(&Process)?;
    let breakers = &Breakers {
        store: BreakerTable::new(&sdk, config.breakers_table),
        audit: AuditBucket { objects: Objects::new(&sdk), bucket: config.audit_bucket },
        parking: Parking { queues: config.parking_queues, depths: Queues::when_asked(&sdk) },
        dependencies: load_contracts(&config.contracts_dir)?.dependencies(),
        clock: SystemClock,
    };
    serve(async |request: LambdaFunctionUrlRequest, context: Context| {
        let answer = response::answer(breakers, &request);
        // Boxed, or the layers of futures nest deeper than the compiler follows.
        Ok::<_, Error>(answer.instrument(invocation_span(&context)).boxed_local().await)
    })
    .await
}
