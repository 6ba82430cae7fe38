//! `sluicegate contracts check` finds the mistakes of contracts, schemas, samples and template before a deployment.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use contracts::{Contract, ContractError, Position, SchemaError};
use serde_json::json;

use super::args::{Check, CheckFormat};
use super::problem::Problem;
use super::template_check::check_template;
use super::validate::verdicts_of;
use super::versions::{check_against, check_versions};
use super::{TEMPLATE, unused};
use crate::failure::Failure;
use crate::folder::{Folder, folders, folders_at};
use crate::output::Output;
use crate::output::text::pluralize;
use crate::project::contracts_of;

pub(super) fn check(root: &Path, args: &Check, output: &Output) -> Result<ExitCode, Failure> {
    let (folders, problems) = find_problems(root, args.base.as_deref(), output)?;
    print(&folders, &problems, args.format, output);
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads all contracts and finds what is wrong with them, also in comparison with the revision `base` of git.
///
/// # Errors
/// If the contracts, the revision or the template cannot be read.
pub(super) fn find_problems(
    root: &Path,
    base: Option<&str>,
    output: &Output,
) -> Result<(Vec<Folder>, Vec<Problem>), Failure> {
    let folders = folders(root)?;
    let (mut problems, mut contracts) = (Vec::new(), BTreeMap::new());
    for folder in &folders {
        output.status(&format!("checking {}", folder.texts.dataset));
        match check_folder(folder) {
            Ok((contract, found)) => {
                problems.extend(found);
                problems.extend(check_samples(root, folder, &contract)?);
                contracts.insert(folder.texts.dataset.clone(), contract);
            }
            Err(problem) => problems.push(problem),
        }
    }
    let claims = check_claims(&folders, &contracts);
    let are_tables_clear = claims.is_empty();
    problems.extend(claims);
    if let Some(revision) = base {
        problems.extend(check_base(root, revision, &folders, &contracts)?);
    }
    // Contracts can only be compared with each other and with the template if each of them can be read.
    if contracts.len() == folders.len() && are_tables_clear {
        problems.extend(check_deployment(root)?);
    }
    Ok((folders, problems))
}

/// Finds the contracts that name a table whose changes another one takes.
fn check_claims(folders: &[Folder], contracts: &BTreeMap<String, Contract>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for folder in folders {
        let Some(contract) = contracts.get(&folder.texts.dataset) else { continue };
        let others = contracts.values().filter(|other| other.dataset != contract.dataset);
        for error in others.filter_map(|other| contract.check_claim(other).err()) {
            let error = error.located(&folder.texts.yaml, &folder.texts.files);
            problems.push(contract_problem(folder, &error));
        }
    }
    problems
}

/// Reads the contract of a folder, and returns it with the problems of its versions.
///
/// # Errors
/// The problem that makes the contract or one of its schemas unusable.
pub(super) fn check_folder(folder: &Folder) -> Result<(Contract, Vec<Problem>), Problem> {
    let contract = folder.contract().map_err(|error| contract_problem(folder, &error))?;
    if contract.dataset != folder.texts.dataset {
        let what =
            format!("its dataset is `{}`; folder and dataset have one name", contract.dataset);
        return Err(Problem::new(folder.path_of(contracts::CONTRACT_FILE), what));
    }
    for version in contract.versions.iter() {
        if let Err(error) = version.schema.compile() {
            return Err(schema_problem(folder, &error));
        }
    }
    for enricher in &contract.enrichers {
        if let Some(Err(error)) = enricher.schema.as_ref().map(contracts::Schema::compile) {
            return Err(schema_problem(folder, &error));
        }
    }
    let problems = check_versions(folder, &contract);
    Ok((contract, problems))
}

fn contract_problem(folder: &Folder, error: &ContractError) -> Problem {
    let (file, position) = error.place();
    problem_at(folder, file, position, &error.to_string())
}

fn schema_problem(folder: &Folder, error: &SchemaError) -> Problem {
    let located = error.located(&folder.texts.files);
    let error = located.as_ref().unwrap_or(error);
    let (file, position) = error.place();
    problem_at(folder, file, position, &error.to_string())
}

/// A problem at a position, which its text need not say again.
fn problem_at(folder: &Folder, file: &str, position: Option<Position>, text: &str) -> Problem {
    let prefix = position.map(|position| format!("{position}: ")).unwrap_or_default();
    let what = text.strip_prefix(&prefix).unwrap_or(text);
    Problem::new(folder.path_of(file), what).at(position)
}

/// Checks the sample events of a folder against its contract.
pub(super) fn check_samples(
    root: &Path,
    folder: &Folder,
    contract: &Contract,
) -> Result<Vec<Problem>, Failure> {
    let mut problems = Vec::new();
    for path in &folder.samples {
        let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
        for verdict in verdicts_of(path, contract)? {
            if let Err(failure) = &verdict.found {
                let at = failure.at.as_deref().filter(|at| !at.is_empty());
                let at = at.map(|at| format!(" ({at})")).unwrap_or_default();
                let what = format!("{}: {failure}{at}", verdict.place);
                problems.push(Problem::new(name.clone(), what));
            }
        }
    }
    Ok(problems)
}

/// Compares the contracts with those of a git revision.
fn check_base(
    root: &Path,
    revision: &str,
    folders: &[Folder],
    contracts: &BTreeMap<String, Contract>,
) -> Result<Vec<Problem>, Failure> {
    let mut problems = Vec::new();
    for old in folders_at(root, revision)? {
        let new = folders.iter().find(|folder| folder.texts.dataset == old.dataset);
        let Some((new, contract)) = new.zip(contracts.get(&old.dataset)) else { continue };
        // A former contract that this version of the CLI cannot read is skipped, because it cannot be compared.
        if let Ok(before) = Contract::parse(&old.yaml, &old.files) {
            problems.extend(check_against(new, &before, contract));
        }
    }
    Ok(problems)
}

/// Compares contracts with each other and with the template.
fn check_deployment(root: &Path) -> Result<Vec<Problem>, Failure> {
    let stack = emulation::stack(root, &BTreeMap::new())
        .map_err(|error| Failure::new("the template cannot be used").because(error))?;
    let catalog = match contracts_of(root) {
        Ok(catalog) => catalog,
        Err(failure) => return Ok(vec![problem_of_failure(&failure)]),
    };
    if let Err(failure) = check_template(root, &catalog, &stack) {
        return Ok(vec![problem_of_failure(&failure)]);
    }
    let misfits = unused(root, &catalog, &stack);
    let mut problems = Vec::new();
    for misfit in misfits {
        problems.push(Problem::new(misfit.place, misfit.what).next(misfit.next));
    }
    Ok(problems)
}

fn problem_of_failure(failure: &Failure) -> Problem {
    let message = failure.to_string();
    let what = message.strip_prefix("error: ").unwrap_or(&message);
    Problem::new(TEMPLATE.to_owned(), what)
}

pub(super) fn print(
    folders: &[Folder],
    problems: &[Problem],
    format: CheckFormat,
    output: &Output,
) {
    if format == CheckFormat::Json {
        let found: Vec<_> = problems.iter().map(Problem::json).collect();
        output.result(&json!({ "contracts": folders.len(), "problems": found }).to_string());
        return;
    }
    if format == CheckFormat::Github {
        for problem in problems {
            output.result(&problem.annotation());
        }
    }
    for problem in problems {
        output.note(&problem.text());
    }
    let count = pluralize(folders.len(), "contract");
    match problems.len() {
        0 => output.result(&format!("{count} and {TEMPLATE} fit each other")),
        found => output.note(&format!("{} in {count}", pluralize(found, "problem"))),
    }
}
