//! `sluicegate contracts` checks contracts, compares their versions, and writes what they need into
//! the template.

mod add;
mod add_tables;
pub(crate) mod args;
mod check;
mod deploy;
mod diff;
mod edits;
mod events;
mod export;
mod fits;
mod infer;
mod line_diff;
mod list;
mod needs;
mod new;
mod ordered_json;
mod problem;
mod release;
mod rights;
#[cfg(test)]
mod samples;
mod show;
mod state_edits;
mod template;
mod template_check;
mod validate;
mod versions;
mod yaml;
mod yaml_text;

use std::path::Path;
use std::process::ExitCode;

use runtime::{Clock as _, SystemClock};

use self::args::Contracts;
pub(crate) use self::fits::unused;
pub(crate) use self::template_check::check_template;
use crate::failure::Failure;
use crate::output::Output;

const TEMPLATE: &str = "template.yaml";

/// Runs the command. The exit status is 1 if something is wrong with what was looked at.
pub(crate) async fn run(
    root: &Path,
    verb: &Contracts,
    output: &Output,
) -> Result<ExitCode, Failure> {
    match verb {
        Contracts::List(args) => list::list(root, args, output),
        Contracts::Show(args) => show::show(root, args, output),
        Contracts::Check(args) => check::check(root, args, output),
        Contracts::Diff(args) => diff::diff(root, args, output),
        Contracts::Validate(args) => validate::validate(root, args, output),
        Contracts::Promote(args) => release::promote(root, args, SystemClock.now(), output),
        Contracts::Rollback(args) => release::rollback(root, args, output),
        Contracts::New(args) => new::new(root, args, output),
        Contracts::Infer(args) => infer::infer(args, output),
        Contracts::Export(args) => export::export(root, args, output),
        Contracts::AddTables(args) => add_tables::add_tables(root, args, output),
        Contracts::Deploy(args) => deploy::deploy(root, args, output).await,
    }
}
