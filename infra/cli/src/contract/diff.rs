//! `sluicegate contracts diff` compares two versions of a schema, and says what one of them cannot read of the other.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use compatibility::{Comparison, Direction, Limits, Mode, SchemaDocument, compare};
use contracts::{Formats, Schema};
use serde_json::json;

use super::args::Diff;
use super::versions::{document, json_of, mode_of, name_of};
use crate::failure::Failure;
use crate::folder::folder_of;
use crate::options::Format;
use crate::output::Output;

pub(super) fn diff(root: &Path, args: &Diff, output: &Output) -> Result<ExitCode, Failure> {
    let file_formats = if args.assert_formats { Formats::Asserted } else { Formats::Annotations };
    let old = read(root, &args.old, file_formats)?;
    let new = read(root, &args.new, file_formats)?;
    let mode = args.mode.or(new.mode).or(old.mode).unwrap_or(Mode::Full);
    let limits = Limits::default();
    let mut comparisons = Vec::new();
    for direction in [Direction::NewReadsOld, Direction::OldReadsNew] {
        comparisons.push(compare(&old.document, &new.document, direction, &limits));
    }
    let is_kept = comparisons.iter().all(|comparison| {
        !mode.directions().contains(&comparison.direction) || comparison.verdict.is_compatible()
    });
    match args.format {
        Format::Json => {
            let all: Vec<_> = comparisons.iter().map(json_of_comparison).collect();
            let report = json!({ "mode": mode.to_string(), "kept": is_kept, "comparisons": all });
            output.result(&report.to_string());
        }
        Format::Text => {
            for comparison in &comparisons {
                output.result(&text_of(comparison));
            }
            let verdict = if is_kept { "is kept" } else { "is not kept" };
            output.result(&format!("{mode} {verdict}"));
        }
    }
    Ok(if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A version that is compared.
struct Version {
    document: SchemaDocument,
    /// The mode of its contract. `None` for a file that belongs to none.
    mode: Option<Mode>,
}

/// Reads `DATASET@VERSION`, or a file if there is one with this name. `file_formats` is only used for a file, because a
/// contract has its own setting.
fn read(root: &Path, name: &str, file_formats: Formats) -> Result<Version, Failure> {
    match name.rsplit_once('@') {
        Some((dataset, version)) if !Path::new(name).exists() => {
            read_of_dataset(root, dataset, version)
        }
        _ => read_file(Path::new(name), file_formats),
    }
}

fn read_of_dataset(root: &Path, dataset: &str, version: &str) -> Result<Version, Failure> {
    let folder = folder_of(root, dataset)?;
    let contract = folder.usable_contract()?;
    let mut versions = contract.versions.iter();
    let found = versions.find(|each| each.version.to_string() == version).ok_or_else(|| {
        let known: Vec<String> =
            contract.versions.iter().map(|each| format!("{dataset}@{}", each.version)).collect();
        Failure::new(format!(
            "`{dataset}` has no version {version}; there are {}",
            known.join(", ")
        ))
    })?;
    Ok(Version { document: document(&found.schema), mode: Some(mode_of(&contract)) })
}

/// Reads the file of a schema, with the JSON files beside it that it can refer to.
fn read_file(path: &Path, formats: Formats) -> Result<Version, Failure> {
    let files = files_beside(path).map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display()))
            .because(error)
            .next("name the file of a JSON Schema, or DATASET@VERSION, such as orders@1")
    })?;
    let schema = Schema::of_file(&file_name(path), &files, formats)
        .map_err(|error| Failure::new("the schema cannot be used").because(error))?;
    Ok(Version { document: document(&schema), mode: None })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The texts of a file and of the JSON files beside it, by name. Other files that cannot be read are left out.
fn files_beside(path: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::from([(file_name(path), fs::read_to_string(path)?)]);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let beside = entry?.path();
        let other = file_name(&beside);
        if other.ends_with(".json")
            && let Ok(text) = fs::read_to_string(&beside)
        {
            files.entry(other).or_insert(text);
        }
    }
    Ok(files)
}

fn text_of(comparison: &Comparison) -> String {
    let who = match comparison.direction {
        Direction::NewReadsOld => "the new version reads old events",
        Direction::OldReadsNew => "the old version reads new events",
    };
    let mut text = format!("{who}: {}", name_of(comparison.verdict));
    for difference in &comparison.differences {
        let at = if difference.at.is_empty() { "the whole event" } else { &difference.at };
        text.push_str(&format!("\n  {at}\n    {}", difference.why));
        if let Some(example) = &difference.example {
            text.push_str(&format!("\n    example: {example}"));
        }
        if let Some(alternative) = &difference.alternative {
            text.push_str(&format!("\n    instead: {alternative}"));
        }
    }
    if let Some(reason) = &comparison.undecided {
        text.push_str(&format!("\n  not decided, which counts as incompatible: {reason}"));
    }
    text
}

fn json_of_comparison(comparison: &Comparison) -> serde_json::Value {
    let reader = match comparison.direction {
        Direction::NewReadsOld => "new",
        Direction::OldReadsNew => "old",
    };
    json!({
        "reader": reader,
        "verdict": name_of(comparison.verdict),
        "undecided": comparison.undecided,
        "differences": comparison.differences.iter().map(json_of).collect::<Vec<_>>(),
    })
}
