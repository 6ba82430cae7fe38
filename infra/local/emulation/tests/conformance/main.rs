//! Checks what SQS, S3 and DynamoDB promise, through the official Rust SDK over HTTP.
//!
//! The suite is the same for every implementation. `cargo test` runs it against ours, each case
//! with its own clock. `cargo test --workspace --test conformance -- --endpoint URL` runs it
//! against another emulator or AWS itself, in real time, and reports the differences. Its exit code
//! is 0 without differences, 1 with some, and 2 if the suite could not run. A name filters cases,
//! as in any test: `sqs::` selects one service.

#![expect(clippy::unwrap_used, reason = "a case fails where something is not as it must be")]

mod answers;
mod dynamodb;
mod elsewhere;
mod rig;
mod s3;
mod sqs;

use std::process::ExitCode;

use clap::Parser;
use libtest_mimic::{Arguments, Failed, Trial};

use self::rig::{Case, Outcome, Place};

#[derive(Parser)]
#[command(about = "What SQS, S3 and DynamoDB promise", long_about = None)]
struct Command {
    #[command(flatten)]
    elsewhere: elsewhere::Args,
    #[command(flatten)]
    harness: Arguments,
}

fn cases() -> Vec<Case> {
    [sqs::cases(), s3::cases(), dynamodb::cases()].into_iter().flatten().collect()
}

fn main() -> ExitCode {
    let Command { elsewhere, harness } = Command::parse();
    match elsewhere.there() {
        Some(there) if !harness.list => elsewhere::run(there, &harness, cases()),
        _ => {
            let trials = cases().into_iter().map(trial).collect();
            libtest_mimic::run(&harness, trials).exit_code()
        }
    }
}

fn trial(case: Case) -> Trial {
    Trial::test(case.name(), move || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build()?;
        match runtime.block_on((case.run)(Place::Ours)) {
            Outcome::Holds => Ok(()),
            Outcome::Differs(why) => Err(Failed::from(why)),
            Outcome::Skipped(why) => Err(Failed::from(format!("ours must skip nothing: {why}"))),
        }
    })
}
