//! Redrive: an operator invokes it to move dead letters back to the stage at which they failed.

mod config;
mod handler;

use std::process::ExitCode;

use aws::{Queues, sdk_config};
use lambda_runtime::{Context, Error};
use mimalloc::MiMalloc;
use runtime::env::Process;
use runtime::{Deadline, exit_code, init_logs, serve};

use crate::config::Config;
use crate::handler::{Redrive, Request};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    init_logs(&Process)?;
    let config = Config::read(&Process)?;
    let queues = Queues::new(&sdk_config(&Process)?);
    let redrive = &Redrive::new(config.routes, config.trusted_senders, queues);
    serve(async |request: Request, context: Context| {
        redrive.run(request, &Deadline::of(&context)).await
    })
    .await
}
