//! Compares versions of a schema: those of one contract with each other, and those of a contract in two revisions of
//! the repository.

use std::collections::BTreeMap;

use compatibility::{
    Difference, Direction, Formats, Limits, Mode, SchemaDocument, Verdict, compare,
};
use contracts::{Contract, Schema, SchemaVersion};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::folder::Folder;

/// The documents of a schema in the form that is compared.
pub(super) fn document(schema: &Schema) -> SchemaDocument {
    let mut files = BTreeMap::new();
    for (name, value) in schema.other_files() {
        files.insert(name.to_owned(), value.clone());
    }
    let formats = match schema.formats() {
        contracts::Formats::Asserted => Formats::Asserted,
        contracts::Formats::Annotations => Formats::Annotations,
    };
    SchemaDocument { root: schema.root().clone(), files, formats }
}

/// The compatibility mode of a contract.
pub(super) fn mode_of(contract: &Contract) -> Mode {
    // Both crates use the names of schema registries, and a test compares them.
    contract.versions.compatibility.name().parse().unwrap_or(Mode::FullTransitive)
}

/// Compares each version of a contract with those before it, as the contract's mode demands.
///
/// If migrations lead from an older version to a newer one, old events are migrated, so that the newer schema need not
/// accept them as they are.
pub(super) fn check_versions(folder: &Folder, contract: &Contract) -> Vec<Problem> {
    let mode = mode_of(contract);
    let all: Vec<&SchemaVersion> = contract.versions.iter().collect();
    let mut problems = Vec::new();
    for (place, new) in all.iter().enumerate() {
        for before in mode.compared(place) {
            for &direction in mode.directions() {
                let is_migrated =
                    all[before + 1..=place].iter().all(|each| each.migration.is_some());
                if direction == Direction::NewReadsOld && is_migrated {
                    continue;
                }
                let change = Change { old: all[before], new, direction };
                problems.extend(change.problems(folder, mode));
            }
        }
    }
    problems
}

/// Two versions that are compared in one direction.
struct Change<'a> {
    old: &'a SchemaVersion,
    new: &'a SchemaVersion,
    direction: Direction,
}

impl Change<'_> {
    fn problems(&self, folder: &Folder, mode: Mode) -> Vec<Problem> {
        let (old, new) = (document(&self.old.schema), document(&self.new.schema));
        let comparison = compare(&old, &new, self.direction, &Limits::default());
        if comparison.verdict.is_compatible() {
            return Vec::new();
        }
        let file = folder.path_of(&self.new.file);
        let versions =
            format!("version {} is not {mode} to version {}", self.new.version, self.old.version);
        let mut problems = Vec::new();
        for difference in &comparison.differences {
            problems.push(
                Problem::new(file.clone(), format!("{versions}: {}", sentence(difference)))
                    .next(alternative(difference)),
            );
        }
        if let Some(reason) = &comparison.undecided {
            problems.push(Problem::new(
                file,
                format!("{versions}: it is not decided, and so not compatible: {reason}"),
            ));
        }
        problems
    }
}

/// The reason of a difference, with an example if there is one.
fn sentence(difference: &Difference) -> String {
    match &difference.example {
        Some(example) => format!("{} For example: {example}", difference.why),
        None => difference.why.clone(),
    }
}

fn alternative(difference: &Difference) -> String {
    difference.alternative.clone().unwrap_or_else(|| {
        "keep what was, or declare how older payloads are migrated (docs/contracts.md)".to_owned()
    })
}

/// Compares a contract with its former state, which may be deployed: its keys, the names of its sinks, and the schemas
/// of its versions.
pub(super) fn check_against(folder: &Folder, old: &Contract, new: &Contract) -> Vec<Problem> {
    let file = folder.path_of(contracts::CONTRACT_FILE);
    let mut problems = Vec::new();
    if old.keys.idempotency != new.keys.idempotency && old.keys.generation >= new.keys.generation {
        let what = format!(
            "`keys.idempotency` was [{}] and is [{}]: events that were written would be written again, since none \
             of their keys is known any more",
            old.keys.idempotency.join(", "),
            new.keys.idempotency.join(", ")
        );
        let next = format!(
            "keep the keys, or say that new ones begin: `keys.generation: {}`",
            old.keys.generation + 1
        );
        problems.push(Problem::new(file.clone(), what).next(next));
    }
    for sink in &old.sinks {
        let is_kept = new.sinks.iter().any(|other| other.name == sink.name);
        let is_replaced = new.sinks.iter().find(|other| {
            other.kind() == sink.kind() && !old.sinks.iter().any(|before| before.name == other.name)
        });
        if let (false, Some(other)) = (is_kept, is_replaced)
            && other.replaces.as_deref() != Some(&sink.name)
        {
            let what = format!(
                "the sink `{}` is gone and `{}` is new: if it is the same one by another name, events that were \
                 written are written again, since keys are remembered by the sink's name",
                sink.name, other.name
            );
            let next = format!(
                "keep the name, or say that it begins anew: `replaces: {}` in the sink `{}`",
                sink.name, other.name
            );
            problems.push(Problem::new(file.clone(), what).next(next));
        }
    }
    for before in old.versions.iter() {
        match new.versions.iter().find(|each| each.version == before.version) {
            Some(now) if !is_same(&before.schema, &now.schema) => {
                let what = format!(
                    "version {} was changed; what was deployed under its number stays",
                    before.version
                );
                let next = "put the change into a new version";
                problems.push(Problem::new(folder.path_of(&now.file), what).next(next));
            }
            Some(_) => {}
            None if !before.is_canary() && !before.is_deprecated() => {
                let what = format!(
                    "version {} was active and is gone: its events could not be taken in any more",
                    before.version
                );
                let next = format!("keep version {} as deprecated, until a day", before.version);
                problems.push(Problem::new(file.clone(), what).next(next));
            }
            None => {}
        }
    }
    problems
}

/// Whether two schemas are equal but for their annotations, and so mean the same to a validator.
fn is_same(one: &Schema, other: &Schema) -> bool {
    let (one, other) = (document(one), document(other));
    one.formats == other.formats
        && without_annotations(&one.root) == without_annotations(&other.root)
        && one.files.len() == other.files.len()
        && one.files.iter().all(|(name, file)| {
            other
                .files
                .get(name)
                .is_some_and(|its| without_annotations(its) == without_annotations(file))
        })
}

fn without_annotations(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => members
            .iter()
            .filter(|(name, value)| {
                let is_annotation = ["description", "title", "$comment"].contains(&name.as_str());
                !(is_annotation && value.is_string())
            })
            .map(|(name, value)| (name.clone(), without_annotations(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_annotations).collect(),
        scalar => scalar.clone(),
    }
}

/// A difference, as `--format json` has it.
pub(super) fn json_of(difference: &Difference) -> Value {
    json!({
        "reader": match difference.direction {
            Direction::NewReadsOld => "new",
            Direction::OldReadsNew => "old",
        },
        "at": difference.at,
        "why": difference.why,
        "example": difference.example,
        "alternative": difference.alternative,
        "old_schema": difference.writer.as_ref().map(ToString::to_string),
        "reader_schema": difference.reader.to_string(),
    })
}

/// A verdict in one word.
pub(super) fn name_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Compatible => "compatible",
        Verdict::Incompatible => "incompatible",
        Verdict::Undecided => "undecided",
    }
}

#[cfg(test)]
mod tests;
