//! Whoever builds one function after the other compiles each library once: all of them want the same features of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use sluicegate_tests::root;

/// The libraries of one function, each with its features, as cargo resolves them for it alone. The workspace's own
/// crates are left out, since `sluicegate-aws` gives each function only the clients that it needs.
fn features(function: &str) -> BTreeMap<String, String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--locked", "--package", function, "--edges", "normal,build"]);
    command.args(["--prefix", "none", "--no-dedupe", "--format", "{p}|{f}"]);
    let output = command.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut features = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let Some((library, wanted)) = line.split_once('|') else { continue };
        if !library.starts_with("sluicegate-") {
            features.insert(library.to_owned(), wanted.to_owned());
        }
    }
    features
}

fn functions() -> Vec<String> {
    let folders = std::fs::read_dir(root().join("functions")).unwrap();
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap();
    folders.map(|entry| format!("sluicegate-{}", name(entry.unwrap()))).collect()
}

#[test]
fn all_functions_want_the_same_features_of_each_library() {
    let mut wanted: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for function in functions() {
        for (library, features) in features(&function) {
            let functions = wanted.entry(library).or_default().entry(features).or_default();
            functions.insert(function.clone());
        }
    }
    assert!(wanted.len() > 100, "cargo names few libraries: {}", wanted.len());
    wanted.retain(|_, sets| sets.len() > 1);
    let told = "features that only some functions want; add them to shared/aws/Cargo.toml";
    assert!(wanted.is_empty(), "{told}: {wanted:#?}");
}
