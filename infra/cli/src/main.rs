#![doc = include_str!("../README.md")]

mod account;
mod args;
mod audit;
mod breaker;
mod cloudformation;
mod completions;
mod contract;

mod demo;
mod dlq;
#[cfg(test)]
mod docs;
mod endpoint;
mod failure;
mod folder;
mod interrupt;
mod lake;
mod local;
mod logs;
mod monitoring;
mod operators;
mod options;
mod output;
mod project;
mod root;
mod signed;
mod startup;
mod verification;

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;

use crate::args::{Args, Command};
use crate::failure::Failure;
use crate::output::Output;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let output = Output::of_process();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(args, &output)),
        Err(source) => Err(Failure::new("the asynchronous runtime did not start").because(source)),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            output.note(&failure.to_string());
            ExitCode::from(2)
        }
    }
}

async fn run(args: Args, output: &Output) -> Result<ExitCode, Failure> {
    let root = args.root.as_deref();
    match args.command.unwrap_or_default() {
        Command::Demo(demo) => demo::run(&root::find(root)?, &demo, output).await,
        Command::Local(verb) => local::run(root, verb, output).await,
        Command::Contracts(verb) => contract::run(&root::find(root)?, &verb, output).await,
        Command::Lake(verb) => lake::run(root, verb, output).await,
        Command::Breaker(verb) => breaker::run(root, verb, output).await,
        Command::Dlq(verb) => dlq::run(root, *verb, output).await,
        Command::Audit(args) => audit::run(root, &args, output).await,
        Command::Infra(verb) => monitoring::run(&root::find(root)?, &verb, output),
        Command::Completions(args) => {
            output.result(&completions::script(args.shell));
            Ok(ExitCode::SUCCESS)
        }
    }
}
