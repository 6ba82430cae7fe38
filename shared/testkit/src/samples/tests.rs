use std::collections::BTreeSet;

use super::*;

fn below(dir: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            below(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name);
        }
    }
}

#[test]
fn every_file_below_events_is_listed_with_who_tests_it() {
    let mut found = BTreeSet::new();
    below(&root().join("events"), "", &mut found);
    let listed: BTreeSet<String> = SAMPLES.iter().map(|s| s.path.to_owned()).collect();
    assert_eq!(listed.len(), SAMPLES.len(), "a file is listed twice");
    assert_eq!(found, listed);
    assert!(SAMPLES.iter().all(|sample| !sample.tested_by.is_empty()));
}

#[test]
fn the_readme_names_every_file() {
    let readme = sample("README.md");
    for sample in SAMPLES.iter().filter(|sample| sample.path != "README.md") {
        let cell = format!("| `{}` |", sample.path);
        assert!(readme.contains(&cell), "README.md has no row for {}", sample.path);
    }
}

/// The README says how many rows each data file has.
#[test]
fn the_data_files_hold_as_many_rows_as_the_readme_says() {
    for (path, rows) in [
        ("airlines.csv", 16),
        ("flights-2013-01.ndjson.gz", 27_004),
        ("planes.ndjson.gz", 2_609),
        ("weather.ndjson.gz", 2_226),
    ] {
        let header = usize::from(path.ends_with(".csv"));
        assert_eq!(sample_lines(path).len() - header, rows, "{path}");
        let written = format!("{},{:03}", rows / 1_000, rows % 1_000);
        let written = if rows < 1_000 { rows.to_string() } else { written };
        let row = format!("| `{path}` | {written} |");
        assert!(sample("README.md").contains(&row), "README.md does not say {row}");
    }
}

#[test]
fn the_shipped_contracts_are_valid() {
    assert!(contracts().get("flights").is_ok());
}
