//! `sluicegate contracts promote` makes a canary version active, and `rollback` the version before the active one.
//! Both edit contract.yaml. A deployment makes the change effective.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use compatibility::{Direction, Limits, compare};
use contracts::{CONTRACT_FILE, Contract, SchemaVersion, VersionState};
use event::Timestamp;

use super::args::{Promote, Rollback};
use super::check::{check_folder, check_samples};
use super::line_diff::line_diff;
use super::list::versions_of;
use super::state_edits::{NewState, set_state};
use super::versions::document;
use crate::failure::Failure;
use crate::folder::{Folder, folder_of};
use crate::options::Color;
use crate::output::Output;
use crate::output::page::Page;

/// The new states of the versions that change.
struct Change {
    states: Vec<(u32, NewState)>,
    /// What is to be known about the events of the version that is no longer active.
    note: Option<String>,
}

pub(super) fn promote(
    root: &Path,
    args: &Promote,
    now: Timestamp,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let folder = folder_of(root, &args.dataset)?;
    let contract = folder.usable_contract()?;
    check_day(&args.until, now)?;
    let change = promotion(&contract, args.version, &args.until)?;
    apply(root, &folder, &change, args.dry_run, output)
}

pub(super) fn rollback(root: &Path, args: &Rollback, output: &Output) -> Result<ExitCode, Failure> {
    let folder = folder_of(root, &args.dataset)?;
    let contract = folder.usable_contract()?;
    let change = return_to_version_before(&contract)?;
    apply(root, &folder, &change, args.dry_run, output)
}

/// Checks that a day exists and is not over.
fn check_day(day: &str, now: Timestamp) -> Result<(), Failure> {
    let end: Result<Timestamp, _> = format!("{day}T23:59:59.999Z").parse();
    match end {
        Err(_) => Err(Failure::new(format!("--until: `{day}` is no day"))
            .next("give a day such as 2027-01-31")),
        Ok(end) if end < now => {
            let what = format!(
                "--until: {day} is over, so that events of the former version would be refused at once"
            );
            Err(Failure::new(what)
                .next("give the day until which its producers may still send them"))
        }
        Ok(_) => Ok(()),
    }
}

fn promotion(contract: &Contract, wanted: Option<u32>, until: &str) -> Result<Change, Failure> {
    let dataset = &contract.dataset;
    let active = contract.versions.active();
    let Some(canary) = contract.versions.canary() else {
        let what = format!(
            "`{dataset}` has no canary version that could be promoted; its versions: {}",
            versions_of(contract)
        );
        return Err(Failure::new(what).next(format!(
            "add the new version to `schema.versions` in {} with `state: canary`, and deploy it first",
            path_of(dataset)
        )));
    };
    if let Some(wanted) = wanted.filter(|wanted| *wanted != canary.version) {
        let what = match contract.versions.iter().find(|each| each.version == wanted) {
            Some(version) => {
                format!(
                    "version {wanted} of `{dataset}` is {}, and not a canary",
                    state_of(version)
                )
            }
            None => format!("`{dataset}` has no version {wanted}"),
        };
        return Err(Failure::new(format!("{what}; its versions: {}", versions_of(contract))).next(
            format!(
                "promote version {}, or make version {wanted} the canary first",
                canary.version
            ),
        ));
    }
    let deprecated = NewState::Deprecated { until: until.to_owned() };
    Ok(Change {
        states: vec![(active.version, deprecated), (canary.version, NewState::Active)],
        note: match canary.migration {
            Some(_) => None,
            None => unread(canary, active),
        },
    })
}

fn return_to_version_before(contract: &Contract) -> Result<Change, Failure> {
    let dataset = &contract.dataset;
    let active = contract.versions.active();
    let before = contract.versions.iter().rev().find(|each| each.version < active.version);
    let Some(before) = before else {
        let what = format!(
            "`{dataset}` has no version before {}, which is active, to go back to",
            active.version
        );
        return Err(Failure::new(what)
            .next("roll back the deployment instead, or put a change into a new version"));
    };
    if let Some(canary) = contract.versions.canary() {
        let what = format!(
            "version {} of `{dataset}` would become a canary, and version {} is one already",
            active.version, canary.version
        );
        return Err(Failure::new(what).next(format!(
            "take version {} out of {}; its file may stay",
            canary.version,
            path_of(dataset)
        )));
    }
    Ok(Change {
        states: vec![(before.version, NewState::Active), (active.version, NewState::Canary)],
        note: unread(before, active),
    })
}

/// What the schema of `reader` refuses of the events of `writer`, if that is known or cannot be excluded.
fn unread(reader: &SchemaVersion, writer: &SchemaVersion) -> Option<String> {
    let (read, written) = (document(&reader.schema), document(&writer.schema));
    let comparison = if reader.version > writer.version {
        compare(&written, &read, Direction::NewReadsOld, &Limits::default())
    } else {
        compare(&read, &written, Direction::OldReadsNew, &Limits::default())
    };
    if comparison.verdict.is_compatible() {
        return None;
    }
    let why = match comparison.differences.first() {
        Some(difference) => difference.why.clone(),
        None => "it is not decided which".to_owned(),
    };
    Some(format!(
        "note: events of version {} that do not fit version {} become dead letters: {why}",
        writer.version, reader.version
    ))
}

/// Edits the contract, checks the result as `contracts check` does, and writes it.
fn apply(
    root: &Path,
    folder: &Folder,
    change: &Change,
    is_dry_run: bool,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let file = folder.path_of(CONTRACT_FILE);
    let before = &folder.texts.yaml;
    let mut after = before.clone();
    for (version, state) in &change.states {
        set_state(&mut after, *version, state).map_err(|error| {
            unchanged(&file, &error.to_string())
                .next("write the states of its versions by hand, as docs/contracts.md shows")
        })?;
    }
    check_result(root, folder, &after, &change.states)?;
    output.result(&line_diff(&file, before, &after, &Page::new(output, Color::Auto)));
    if let Some(note) = &change.note {
        output.note(note);
    }
    if is_dry_run {
        output.note("nothing is written, because of --dry-run");
        return Ok(ExitCode::SUCCESS);
    }
    fs::write(root.join(&file), &after)
        .map_err(|error| Failure::new(format!("{file} cannot be written")).because(error))?;
    output.note("next: commit it, and deploy: functions take the contract with the layer");
    Ok(ExitCode::SUCCESS)
}

/// Checks that the edited contract says what is meant, and is right in all that `contracts check` looks at.
fn check_result(
    root: &Path,
    folder: &Folder,
    after: &str,
    states: &[(u32, NewState)],
) -> Result<(), Failure> {
    let file = folder.path_of(CONTRACT_FILE);
    let mut edited = folder.clone();
    after.clone_into(&mut edited.texts.yaml);
    let (contract, mut problems) = match check_folder(&edited) {
        Ok(checked) => checked,
        Err(problem) => {
            return Err(unchanged(&file, &problem.text())
                .next("mend this first, with the versions as they are"));
        }
    };
    problems.extend(check_samples(root, &edited, &contract)?);
    if !problems.is_empty() {
        let texts: Vec<String> = problems.iter().map(|problem| problem.text()).collect();
        let failure = unchanged(&file, &format!("\n  {}", texts.join("\n  ")));
        // A problem that says what to do about it needs no other advice.
        return Err(match problems.iter().any(|problem| problem.next.is_some()) {
            true => failure,
            false => failure.next("mend this first, with the versions as they are"),
        });
    }
    for (version, state) in states {
        let found = contract.versions.iter().find(|each| each.version == *version);
        if !found.is_some_and(|found| is_in(found, state)) {
            return Err(unchanged(&file, "the edited text does not say what is meant")
                .next("write the states of its versions by hand, as docs/contracts.md shows"));
        }
    }
    Ok(())
}

fn unchanged(file: &str, why: &str) -> Failure {
    let space = if why.starts_with('\n') { "" } else { " " };
    Failure::new(format!("{file} is left as it was:{space}{why}"))
}

fn is_in(version: &SchemaVersion, state: &NewState) -> bool {
    match (version.state, state) {
        (VersionState::Active, NewState::Active)
        | (VersionState::Canary { .. }, NewState::Canary) => true,
        (VersionState::Deprecated { until }, NewState::Deprecated { until: day }) => {
            until.date() == *day
        }
        _ => false,
    }
}

fn state_of(version: &SchemaVersion) -> &'static str {
    match version.state {
        VersionState::Active => "active",
        VersionState::Canary { .. } => "a canary",
        VersionState::Deprecated { .. } => "deprecated",
    }
}

fn path_of(dataset: &str) -> String {
    format!("{}/{dataset}/{CONTRACT_FILE}", crate::folder::CONTRACTS)
}

#[cfg(test)]
mod tests;
