//! A function that does nothing: what is left is the emulation's own work, and the runtime's.
//!
//! It is this very program, started by the emulation: Lambda's variable says so. Nothing else has to be
//! built.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tokio::runtime::Builder;

/// Whether this process was started as a function.
pub(crate) fn is_asked_for() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

pub(crate) fn run() -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let nothing = service_fn(async |_: LambdaEvent<Box<RawValue>>| Ok::<_, Error>(()));
    match runtime.block_on(lambda_runtime::run(nothing)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
