//! Runs the official JSON Schema Test Suite with the schemas of contracts.
//!
//! The variable `JSON_SCHEMA_TEST_SUITE` names the suite's folder, which is the folder `json` in the source
//! distribution of the package `jsonschema` on PyPI. `.ci/json-schema-suite` downloads it. Without the variable, the
//! tests are skipped with a message.

#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::print_stdout, reason = "the counts are what the suite is run for")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sluicegate_contracts::{Formats, Schema};

/// The results of the suite's tests.
#[derive(Debug, Default)]
struct Outcome {
    /// How many tests have the result that the suite expects.
    agree: usize,
    /// The groups whose schema needs a document from a server, for a reference or for its `$schema`. Contracts do not
    /// allow that.
    refused: Vec<String>,
    /// The tests that have another result, and the groups whose schema cannot be used.
    differ: Vec<String>,
}

const FILE: &str = "v1.schema.json";

fn suite() -> Option<PathBuf> {
    let folder = std::env::var_os("JSON_SCHEMA_TEST_SUITE").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: JSON_SCHEMA_TEST_SUITE names no folder");
    }
    folder
}

fn run(folder: &Path, draft: &str, formats: Formats) -> Outcome {
    let mut outcome = Outcome::default();
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    for path in files {
        let groups: Vec<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for group in groups {
            let group_name = format!("{name}: {}", group["description"].as_str().unwrap());
            run_group(&group, &group_name, draft, formats, &mut outcome);
        }
    }
    outcome
}

fn run_group(group: &Value, name: &str, draft: &str, formats: Formats, outcome: &mut Outcome) {
    let mut schema = group["schema"].clone();
    if let Some(members) = schema.as_object_mut() {
        members.entry("$schema").or_insert_with(|| json!(draft));
    }
    let files = BTreeMap::from([(FILE.to_owned(), schema.to_string())]);
    let compiled = Schema::of_file(FILE, &files, formats)
        .map_err(|error| error.to_string())
        .and_then(|schema| match schema.compile() {
            Ok(()) => Ok(schema),
            Err(error) => Err(error.to_string()),
        });
    let schema = match compiled {
        Ok(schema) => schema,
        Err(error) if needs_a_server(&error) => {
            outcome.refused.push(name.to_owned());
            return;
        }
        Err(error) => {
            outcome.differ.push(format!("{name}: {error}"));
            return;
        }
    };
    for test in group["tests"].as_array().unwrap() {
        let fits = schema.problem(&test["data"]).is_none();
        if test["valid"] == fits {
            outcome.agree += 1;
        } else {
            let problem =
                format!("{name}: {}: fits is {fits}", test["description"].as_str().unwrap());
            outcome.differ.push(problem);
        }
    }
}

fn needs_a_server(error: &str) -> bool {
    error.contains("is no file of the dataset's folder") || error.contains("at `/$schema`")
}

/// Runs a folder of the suite for a draft. Only the tests in `known` may differ.
#[track_caller]
fn check(folder: &str, draft: &str, formats: Formats, known: &[&str]) {
    let Some(suite) = suite() else { return };
    let outcome = run(&suite.join("tests").join(folder), draft, formats);
    println!(
        "{folder}: {} agree, {} differ, {} schemas need a server",
        outcome.agree,
        outcome.differ.len(),
        outcome.refused.len()
    );
    assert_eq!(outcome.differ, known, "{folder}");
}

const DRAFT_7: &str = "http://json-schema.org/draft-07/schema#";
const DRAFT_2019_09: &str = "https://json-schema.org/draft/2019-09/schema";
const DRAFT_2020_12: &str = "https://json-schema.org/draft/2020-12/schema";

#[test]
fn draft_7() {
    check("draft7", DRAFT_7, Formats::Annotations, &[]);
}

#[test]
fn draft_2019_09() {
    check("draft2019-09", DRAFT_2019_09, Formats::Annotations, &[]);
}

#[test]
fn draft_2020_12() {
    check("draft2020-12", DRAFT_2020_12, Formats::Annotations, &[]);
}

#[test]
fn what_is_optional_in_draft_7() {
    check("draft7/optional", DRAFT_7, Formats::Annotations, &[]);
}

#[test]
fn what_is_optional_in_draft_2020_12() {
    check("draft2020-12/optional", DRAFT_2020_12, Formats::Annotations, &[]);
}

#[test]
fn formats_of_draft_2020_12() {
    // Internationalized names would bring the tables of Unicode into each function, so that their formats are not
    // known. A format that is not known is a mistake of the schema if formats are asserted.
    const UNKNOWN: &str =
        "is no format that is known; without `formats: asserted` it is an annotation";
    let groups = [
        ("idn-email: validation of an internationalized e-mail addresses", "idn-email"),
        ("idn-hostname: validation of internationalized host names", "idn-hostname"),
        ("idn-hostname: validation of separators in internationalized host names", "idn-hostname"),
        ("unknown: unknown format", "unknown"),
    ];
    let known = groups.map(|(group, format)| {
        format!("{group}: `v1.schema.json` at `/format`: `{format}` {UNKNOWN}")
    });
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    check("draft2020-12/optional/format", DRAFT_2020_12, Formats::Asserted, &known);
}
