//! `sluicegate local`: runs the local emulation, and works with one that is running.

pub(crate) mod args;
mod faults;
mod send;
mod soak;
mod status;
mod table;
mod up;
pub(crate) mod view;

use std::path::Path;
use std::process::ExitCode;

use self::args::Local;
use crate::failure::Failure;
use crate::output::Output;
use crate::root;

/// Runs a command. The folder of the template is looked for only if the command needs it; commands
/// that only talk to an endpoint do not.
pub(crate) async fn run(
    root: Option<&Path>,
    verb: Local,
    output: &Output,
) -> Result<ExitCode, Failure> {
    match verb {
        Local::Up(args) => up::run(&root::find(root)?, &args, output).await,
        Local::Send(args) => send::run(root, &args, output).await,
        Local::Status(args) => status::run(&args, output).await,
        Local::Faults(verb) => faults::run(verb, output).await,
        Local::Soak(args) => soak::run(&root::find(root)?, &args, output).await,
    }
}
