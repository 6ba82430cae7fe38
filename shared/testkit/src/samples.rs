//! The files of the repository that tests read: the samples below `events/`, and contracts.
//!
//! [`SAMPLES`] lists all files below `events/`, and the packages that test them. The test of a function goes through
//! its [`samples_of`] and refuses a sample that it does not know. So no sample is listed without a test, and a test
//! here finds files that are not listed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use contracts::Catalog;
use flate2::read::GzDecoder;

/// A file below `events/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its path below `events/`.
    pub path: &'static str,
    /// The packages whose tests use it, by their folders' names.
    pub tested_by: &'static [&'static str],
}

const SAMPLES: &[Sample] = &[
    Sample { path: "README.md", tested_by: &["testkit"] },
    Sample { path: "airlines.csv", tested_by: &["testkit"] },
    Sample { path: "api/http-api.json", tested_by: &["ingest"] },
    Sample { path: "api/ingest.json", tested_by: &["ingest"] },
    Sample { path: "api/operators.json", tested_by: &["operators"] },
    Sample { path: "event-bridge/event.json", tested_by: &["ingest"] },
    Sample { path: "event-bridge/object-created.json", tested_by: &["ingest"] },
    Sample { path: "flights-2013-01.ndjson.gz", tested_by: &["testkit", "ingest"] },
    Sample { path: "planes.ndjson.gz", tested_by: &["testkit"] },
    Sample { path: "faults.yaml", tested_by: &["local"] },
    Sample { path: "redrive.json", tested_by: &["redrive"] },
    Sample { path: "s3/inbox-notification.json", tested_by: &["ingest"] },
    Sample { path: "s3/notification.json", tested_by: &["ingest"] },
    Sample { path: "schedule.json", tested_by: &["local"] },
    Sample { path: "sns/notification.json", tested_by: &["ingest"] },
    Sample { path: "sqs/deliver.json", tested_by: &["deliver"] },
    Sample { path: "sqs/enrich.json", tested_by: &["enrich"] },
    Sample { path: "sqs/ingest.json", tested_by: &["ingest"] },
    Sample { path: "sqs/lake.json", tested_by: &["lake"] },
    Sample { path: "sqs/sink.json", tested_by: &["sink"] },
    Sample { path: "weather.ndjson.gz", tested_by: &["testkit", "enrich"] },
];

/// The paths of the samples that a package's tests use.
pub fn samples_of(package: &str) -> impl Iterator<Item = &'static str> {
    SAMPLES
        .iter()
        .filter(move |sample| sample.tested_by.contains(&package))
        .map(|sample| sample.path)
}

/// The text of a sample, by its path below `events/`.
///
/// # Panics
/// When it cannot be read, or is not UTF-8.
#[must_use]
pub fn sample(path: &str) -> String {
    let text = String::from_utf8(sample_bytes(path));
    text.unwrap_or_else(|error| panic!("events/{path}: {error}"))
}

/// The bytes of a sample, by its path below `events/`.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn sample_bytes(path: &str) -> Vec<u8> {
    let path = root().join("events").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a sample, by its path below `events/`. A `.gz` file is decompressed.
///
/// # Panics
/// When it cannot be read.
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

/// The contracts in `tests/contracts`, which are the tests' own copy of the sample's.
///
/// # Panics
/// When they cannot be read.
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
