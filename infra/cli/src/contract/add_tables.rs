//! `sluicegate contracts add-tables` writes what the table sinks of a dataset need into the template.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use contracts::{Catalog, Contract, SinkKind};

use super::TEMPLATE;
use super::add::add;
use super::args::AddTables;
use super::edits::Written;
use super::fits::{self, Deployed};
use super::needs::TableNeeds;
use crate::failure::Failure;
use crate::output::Output;
use crate::project::contracts_of;

pub(super) fn add_tables(
    root: &Path,
    args: &AddTables,
    output: &Output,
) -> Result<ExitCode, Failure> {
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
                "write by hand what the sink `{}` needs, as `sluicegate contracts check` names it",
                sink.name
            ))
        })?;
    }
    if written.is_empty() {
        output.result(&format!("{TEMPLATE} has all that `{}` needs", args.dataset));
        return Ok(ExitCode::SUCCESS);
    }
    verify(root, &catalog, contract, &text)?;
    if !args.dry_run {
        fs::write(&path, &text).map_err(|error| {
            Failure::new(format!("{} cannot be written", path.display())).because(error)
        })?;
    }
    output.result(&summary(&text, &written, args.dry_run));
    Ok(ExitCode::SUCCESS)
}

/// Checks that the emulation can read the changed template, and that the dataset lacks nothing in
/// it.
fn verify(root: &Path, catalog: &Catalog, contract: &Contract, text: &str) -> Result<(), Failure> {
    let stack = emulation::stack_of_text(text, root, &BTreeMap::new())
        .map_err(|error| not_changed("it could not be read any more").because(error))?;
    let misfits = fits::missing_of(root, catalog, contract, &Deployed::new(&stack, text));
    match misfits.first() {
        Some(misfit) => Err(not_changed(&format!("{} all the same", misfit.what))),
        None => Ok(()),
    }
}

fn not_changed(what: &str) -> Failure {
    Failure::new(format!("{TEMPLATE} is left as it was: {what}"))
        .next("write it by hand, as `sluicegate contracts check` names it")
}

/// One line for each addition: `template.yaml:526  SinkFunctionRole: dynamodb:PutItem on
/// OrdersTable`.
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
