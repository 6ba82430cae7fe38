#![doc = include_str!("../README.md")]

mod acts;
mod audited;
mod browse;
mod config;
mod drive;
mod forecast;
mod function;
mod listings;
mod message;
mod notes;
mod parts;
mod planning;
mod ports;
mod problem;
mod reconcile;
mod request;
mod runs;
#[cfg(test)]
mod tests;
mod triage;
mod world;

use std::process::ExitCode;

use futures_util::FutureExt as _;
use lambda_runtime::{Context, Error};
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{Deadline, exit_code, init_logs, invocation_span, open_contracts, recorder, serve};
use serde_json::Value;
use tracing::Instrument as _;

use crate::config::Config;
use crate::function::Redrive;
use crate::ports::Ports;
use crate::problem::Problem;
use crate::request::Request;
use crate::world::Aws;

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
    let dependencies = contracts.declared_dependencies().clone();
    let sdk = aws::count_calls(aws::sdk_config(&Process)?, &metrics, "redrive");
    let ports = Aws::new(&sdk, &config, dependencies);
    let Config { routes, stack, .. } = config;
    let redrive = &Redrive { ports, routes, stack, contracts, metrics };
    serve(&redrive.metrics, async |payload: Value, context: Context| {
        // Without the box, the types of futures nest deeper than the compiler allows.
        answer(redrive, payload, &context).instrument(invocation_span(&context)).boxed_local().await
    })
    .await
}

async fn answer<P: Ports>(
    redrive: &Redrive<P>,
    payload: Value,
    context: &Context,
) -> Result<Value, Problem> {
    let result = match Request::read(payload) {
        Ok(request) => {
            let (verb, operator) = (request.r#do.name(), request.operator.arn.clone());
            let answered =
                redrive.answer(request, &context.request_id, &Deadline::of(context)).await;
            tracing::info!(verb, operator, is_refused = answered.is_err(), "answered");
            answered
        }
        Err(problem) => Err(problem),
    };
    result.inspect_err(|problem| {
        tracing::warn!(failure.reason = problem.detail, http.status = problem.status(), "refused");
    })
}
