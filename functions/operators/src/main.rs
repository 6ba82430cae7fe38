#![doc = include_str!("../README.md")]

mod act;
mod breakers;
mod config;
mod letters;
mod parked;
mod polling;
mod problem;
mod request;
mod response;
mod view;

use std::process::ExitCode;
use std::time::Duration;

use aws::{AuditBucket, BreakerTable, Functions, Objects, Queues, count_calls, sdk_config};
use aws_lambda_events::lambda_function_urls::LambdaFunctionUrlRequest;
use futures_util::FutureExt;
use lambda_runtime::{Context, Error};
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{
    SystemClock, exit_code, init_logs, invocation_span, open_contracts, recorder, serve,
};
use tracing::Instrument;

use crate::breakers::Breakers;
use crate::config::Config;
use crate::letters::NamedFunction;
use crate::parked::Parking;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long redrive's answer is waited for. A plan of a million letters is made within that time.
const PATIENCE: Duration = Duration::from_secs(290);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    init_logs(&Process)?;
    let metrics = recorder(&Process)?;
    let config = Config::read(&Process)?;
    let sdk = count_calls(sdk_config(&Process)?, &metrics, "operators");
    let breakers = &Breakers {
        store: BreakerTable::new(&sdk, config.breakers_table),
        audit: AuditBucket { objects: Objects::new(&sdk), bucket: config.audit_bucket },
        parking: Parking { queues: config.parking_queues, depths: Queues::lazy(&sdk) },
        contracts: open_contracts(&config.contracts_dir)?,
        clock: SystemClock,
    };
    let redrive =
        &NamedFunction { functions: Functions::new(&sdk, PATIENCE), name: config.redrive_function };
    serve(&metrics, async |request: LambdaFunctionUrlRequest, context: Context| {
        let answer = response::answer(breakers, redrive, &request);
        // Boxed, because the futures would nest deeper than the compiler's limit.
        Ok::<_, Error>(answer.instrument(invocation_span(&context)).boxed_local().await)
    })
    .await
}
