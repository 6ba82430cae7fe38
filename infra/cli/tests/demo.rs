//! Runs the demo as users do, and checks its report on a dataset and its exit status.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap()
}

fn demo(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.arg("demo").args(words).current_dir(root()).output().unwrap()
}

/// The JSON that the demo prints, and whether its exit status was 0.
fn report(words: &[&str]) -> (Value, bool) {
    let output = demo(&[words, &["--format", "json"]].concat());
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.success())
}

/// The name, description, present events and items of each sink.
fn sinks(report: &Value) -> Vec<(&str, &str, u64, u64)> {
    let mut sinks = Vec::new();
    for sink in report["sinks"].as_array().unwrap() {
        let number = |name: &str| sink[name].as_u64().unwrap();
        let (name, into) = (sink["name"].as_str().unwrap(), sink["into"].as_str().unwrap());
        sinks.push((name, into, number("present"), number("items")));
    }
    sinks
}

/// Writes a file into the tests' own folder.
fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn flights_are_in_each_of_their_sinks() {
    let (report, is_kept) = report(&["--events", "40"]);
    assert!(is_kept && report["kept"] == true, "{report}");
    assert_eq!((&report["written"], &report["lost"]), (&40.into(), &0.into()));
    let sinks = sinks(&report);
    assert_eq!(sinks[0], ("records", "table, insert", 40, 40));
    let (name, into, present, rows) = sinks[1];
    assert_eq!((name, into, present), ("totals", "table, accumulate", 40), "{rows} rows");
    assert_eq!(sinks[2], ("lake", "lake", 40, 40));
}

#[test]
fn a_service_is_looked_into_and_an_event_s_own_fault_is_told() {
    let observation = |hour: u32, temp: &str| {
        format!(
            "{{\"origin\":\"JFK\",\"time_hour\":\"2026-01-01T{hour:02}:00:00Z\",\"temp\":{temp}}}\n"
        )
    };
    // The first line is sent in an object, and the other one as a message.
    let text = [
        observation(1, "30.5"),
        observation(2, "\"warm\""),
        observation(3, "31"),
        observation(3, "32"),
    ];
    let path = file("observations.ndjson", &text.concat());
    let words = ["--dataset", "weather", "--input", path.to_str().unwrap()];
    let (report, is_kept) = report(&words);
    assert!(is_kept, "{report}");
    assert_eq!((&report["accepted"], &report["rejected"]), (&3.into(), &1.into()), "{report}");
    assert_eq!(sinks(&report)[1], ("stations", "http", 2, 2), "{report}");
    let letters = report["dead_letters"].as_array().unwrap();
    assert!(letters.iter().all(|letter| letter["fault"] == "event"), "{report}");
    let violation = letters.iter().find(|letter| letter["code"] == "contract.violation").unwrap();
    assert_eq!(violation["at"], "line 2, /temp", "{report}");
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_built() {
    let folder = repository_of_orders("refused", "{name: nowhere, kind: table, mode: upsert}");
    let input = file("orders.ndjson", "{\"id\":1,\"at\":\"2026-01-01T00:00:00Z\"}\n");
    let (folder, input) = (folder.to_str().unwrap(), input.to_str().unwrap());
    let output = demo(&["--root", folder, "--dataset", "orders", "--input", input]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for part in ["the sink `nowhere` of `orders` has no table", "to TABLES of SinkFunction"] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
    assert!(!told.contains("building"), "{told}");
}

/// A repository with the template and one dataset, `orders`, which has these sinks.
fn repository_of_orders(name: &str, sinks: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let contracts = folder.join("infra/contracts");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(contracts.join("orders")).unwrap();
    fs::create_dir_all(contracts.join("variables")).unwrap();
    fs::copy(root().join("template.yaml"), folder.join("template.yaml")).unwrap();
    for file in ["dependencies.yaml", "variables/local.yaml", "variables/production.yaml"] {
        fs::copy(root().join("infra/contracts").join(file), contracts.join(file)).unwrap();
    }
    fs::write(contracts.join("orders/v1.schema.json"), r#"{"type":"object"}"#).unwrap();
    let yaml = format!(
        "
dataset: orders
description: Orders
owner: shop
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/id], event_time: /at}}
sinks: [{sinks}]
"
    );
    fs::write(contracts.join("orders/contract.yaml"), yaml).unwrap();
    folder
}

#[test]
fn without_the_sample_the_demo_asks_what_to_send() {
    let folder = repository_of_orders("without-sample", "{name: records, kind: table}");
    let folder = folder.to_str().unwrap();
    let asked = |words: &[&str], parts: &[&str]| {
        let output = demo(&[&["--root", folder], words].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        for part in parts {
            assert!(told.contains(part), "{part} is not in: {told}");
        }
    };
    asked(&[], &["no contract for `flights`; known: orders", "--dataset and --input"]);
    asked(&["--dataset", "orders"], &["no sample of `orders`", "--input"]);
}
