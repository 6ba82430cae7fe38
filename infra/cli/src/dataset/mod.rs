//! `sluicegate dataset` compares contracts with the template, and writes what a dataset needs into the template.

mod add;
pub(crate) mod args;
mod check;
mod edits;
mod fits;
mod needs;
mod rights;
#[cfg(test)]
mod samples;
mod template;
mod yaml;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use contracts::{Catalog, Contract, SinkKind};

use self::add::add;
use self::args::{AddTables, Dataset};
pub(crate) use self::check::check;
use self::edits::Written;
use self::fits::Deployed;
pub(crate) use self::fits::unused;
use self::needs::TableNeeds;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::text::pluralize;
use crate::project::contracts_of;

const TEMPLATE: &str = "template.yaml";

/// Does what is asked: 1 for contracts that do not fit.
pub(crate) fn run(root: &Path, verb: &Dataset, output: &Output) -> Result<ExitCode, Failure> {
    match verb {
        Dataset::Check => check_all(root, output),
        Dataset::AddTables(args) => add_tables(root, args, output),
    }
}

fn check_all(root: &Path, output: &Output) -> Result<ExitCode, Failure> {
    let stack = emulation::stack(root, &BTreeMap::new())
        .map_err(|error| Failure::new("the template cannot be used").because(error))?;
    let catalog = contracts_of(root)?;
    if let Err(failure) = check(root, &catalog, &stack) {
        output.note(&failure.to_string());
        return Ok(ExitCode::FAILURE);
    }
    let misfits = unused(root, &catalog, &stack);
    if misfits.is_empty() {
        let count = pluralize(catalog.iter().count(), "contract");
        output.result(&format!("{count} and {TEMPLATE} fit each other"));
        return Ok(ExitCode::SUCCESS);
    }
    for misfit in &misfits {
        output.note(&format!("{}: {}\n  next: {}", misfit.place, misfit.what, misfit.next));
    }
    Ok(ExitCode::FAILURE)
}

fn add_tables(root: &Path, args: &AddTables, output: &Output) -> Result<ExitCode, Failure> {
    let catalog = contracts_of(root)?;
    let contract = catalog.get(&args.dataset).map_err(|failure| {
        Failure::new(failure.reason.into_owned())
            .next("add its contract below infra/contracts first")
    })?;
    let path = root.join(TEMPLATE);
    let before = fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display())).because(error)
    })?;
    let (mut text, mut written) = (before, Vec::new());
    for sink in contract.sinks.iter().filter(|sink| sink.kind() == SinkKind::Table) {
        let needs = TableNeeds::of(&catalog, &sink.name);
        add(&mut text, &sink.name, &needs, &mut written).map_err(|error| {
            Failure::new(format!("{TEMPLATE} is left as it was: {error}")).next(format!(
                "write by hand what the sink `{}` needs, as `sluicegate dataset check` names it",
                sink.name
            ))
        })?;
    }
    if written.is_empty() {
        output.result(&format!("{TEMPLATE} has all that `{}` needs", args.dataset));
        return Ok(ExitCode::SUCCESS);
    }
    prove(root, &catalog, contract, &text)?;
    if !args.dry_run {
        fs::write(&path, &text).map_err(|error| {
            Failure::new(format!("{} cannot be written", path.display())).because(error)
        })?;
    }
    output.result(&summary(&text, &written, args.dry_run));
    Ok(ExitCode::SUCCESS)
}

/// What was written is read as the emulation reads it, and judged by what functions are allowed then.
fn prove(root: &Path, catalog: &Catalog, contract: &Contract, text: &str) -> Result<(), Failure> {
    let left = |what: &str| {
        Failure::new(format!("{TEMPLATE} is left as it was: {what}"))
            .next("write it by hand, as `sluicegate dataset check` names it")
    };
    let stack = emulation::stack_of_text(text, root, &BTreeMap::new())
        .map_err(|error| left("it could not be read any more").because(error))?;
    let misfits = fits::missing_of(root, catalog, contract, &Deployed::new(&stack, text));
    match misfits.first() {
        Some(misfit) => Err(left(&format!("{} all the same", misfit.what))),
        None => Ok(()),
    }
}

/// `template.yaml:526  SinkFunctionRole: dynamodb:PutItem on OrdersTable`, a line for each.
fn summary(text: &str, written: &[Written], is_dry_run: bool) -> String {
    let mut lines: Vec<(usize, &str)> =
        written.iter().map(|each| (each.line(text), each.what.as_str())).collect();
    lines.sort_unstable();
    let mut summary = String::new();
    if is_dry_run {
        summary.push_str("nothing is written; it would be:\n");
    }
    for (line, what) in lines {
        summary.push_str(&format!("{TEMPLATE}:{line:<5} {what}\n"));
    }
    summary.trim_end().to_owned()
}
