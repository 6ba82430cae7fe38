//! The repository's own files, as tests read them: its samples below `events/`, and its contracts.
//!
//! [`SAMPLES`] is the one list of what is below `events/`, and of who tests it. A function's test
//! goes through [`samples_of`] it and refuses one that it does not know, so that no sample is listed
//! without a test; a test here finds the files that are not listed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use contracts::Catalog;
use flate2::read::GzDecoder;

/// A file below `events/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// From `events/` on.
    pub path: &'static str,
    /// The packages whose tests put it to use.
    pub tested_by: &'static [&'static str],
}

const SAMPLES: &[Sample] = &[
    Sample { path: "README.md", tested_by: &["testkit"] },
    Sample { path: "airlines.csv", tested_by: &["testkit"] },
    Sample { path: "api/http-api.json", tested_by: &["ingest"] },
    Sample { path: "api/ingest.json", tested_by: &["ingest"] },
    Sample { path: "api/operators.json", tested_by: &["operators"] },
    Sample { path: "flights-2013-01.ndjson.gz", tested_by: &["testkit", "ingest"] },
    Sample { path: "planes.ndjson.gz", tested_by: &["testkit"] },
    Sample { path: "faults.yaml", tested_by: &["local"] },
    Sample { path: "redrive.json", tested_by: &["redrive"] },
    Sample { path: "s3/inbox-notification.json", tested_by: &["ingest"] },
    Sample { path: "schedule.json", tested_by: &["local"] },
    Sample { path: "sqs/deliver.json", tested_by: &["deliver"] },
    Sample { path: "sqs/enrich.json", tested_by: &["enrich"] },
    Sample { path: "sqs/ingest.json", tested_by: &["ingest"] },
    Sample { path: "sqs/lake.json", tested_by: &["lake"] },
    Sample { path: "sqs/sink.json", tested_by: &["sink"] },
    Sample { path: "weather.ndjson.gz", tested_by: &["testkit", "enrich"] },
];

/// The samples that a package's tests put to use.
pub fn samples_of(package: &str) -> impl Iterator<Item = &'static str> {
    let tested = move |sample: &&Sample| sample.tested_by.contains(&package);
    SAMPLES.iter().filter(tested).map(|sample| sample.path)
}

/// A sample's text, by its path from `events/` on.
#[must_use]
pub fn sample(path: &str) -> String {
    let text = String::from_utf8(sample_bytes(path));
    text.unwrap_or_else(|error| panic!("events/{path}: {error}"))
}

/// A sample's bytes, by its path from `events/` on.
#[must_use]
pub fn sample_bytes(path: &str) -> Vec<u8> {
    let path = root().join("events").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A sample's lines, by its path from `events/` on; those of a `.gz` are inflated.
#[must_use]
pub fn sample_lines(path: &str) -> Vec<String> {
    let bytes = sample_bytes(path);
    let lines: Result<Vec<String>, _> = if path.ends_with(".gz") {
        BufReader::new(GzDecoder::new(bytes.as_slice())).lines().collect()
    } else {
        bytes.lines().collect()
    };
    lines.unwrap_or_else(|error| panic!("events/{path}: {error}"))
}

/// The tests' own copy of the sample's contracts.
#[must_use]
pub fn contracts() -> Catalog {
    let loaded = runtime::load_contracts(&root().join("tests/contracts"));
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[cfg(test)]
mod tests;
