//! Variables: those that the template gives a function, and those that the function's `config.rs` reads.

use std::collections::BTreeSet;
use std::fs;

use crate::{Template, root};

/// Readers of variables that several functions share, each with its file and the names in it.
const SHARED: &[(&str, &str)] = &[
    (" Settings::read(", "shared/runtime/src/settings.rs"),
    ("ServiceSettings::read(", "shared/aws/src/services.rs"),
    ("TrustedSenders::read(", "shared/runtime/src/senders.rs"),
];

/// Read through a function of its own, wherever a file of variables is.
const VARIABLES_FILE: &str = "VARIABLES_FILE";

/// Read by every function, where its logs begin.
const LOG_LEVEL: &str = "LOG_LEVEL";

/// Read where a function begins, for its recorder.
const METRICS_NAMESPACE: &str = "METRICS_NAMESPACE";

pub(crate) fn differences(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, function) in template.functions() {
        let folder = &function["Metadata"]["BuildProperties"]["Binary"];
        let read = read_by(folder.as_str().unwrap());
        let mut given = BTreeSet::new();
        for all in [&template.tree["Globals"]["Function"], &function["Properties"]] {
            let variables = all["Environment"]["Variables"].as_object();
            given.extend(variables.into_iter().flat_map(|variables| variables.keys().cloned()));
        }
        for name in given.difference(&read) {
            problems.push(format!("{id} does not read {name}"));
        }
        for name in read.difference(&given) {
            problems.push(format!("{id} reads {name}, which it is not given"));
        }
    }
    problems
}

/// The variables that a function reads, except those that Lambda sets.
fn read_by(folder: &str) -> BTreeSet<String> {
    let config = source(&format!("functions/{folder}/src/config.rs"));
    let mut read = names(&config);
    for (call, file) in SHARED {
        if config.contains(call) {
            let shared = source(file);
            read.extend(names(&shared));
            if shared.contains("variables_file(") {
                read.insert(VARIABLES_FILE.to_owned());
            }
        }
    }
    if config.contains("variables_file(") {
        read.insert(VARIABLES_FILE.to_owned());
    }
    read.insert(LOG_LEVEL.to_owned());
    let begins = ["main.rs", "lib.rs"].map(|file| format!("functions/{folder}/src/{file}"));
    let mut texts = begins.iter().filter_map(|file| fs::read_to_string(root().join(file)).ok());
    if texts.any(|text| text.contains("recorder(&Process)")) {
        read.insert(METRICS_NAMESPACE.to_owned());
    }
    read.retain(|name| !name.starts_with("AWS_"));
    read
}

/// A file without its tests.
fn source(path: &str) -> String {
    let text = fs::read_to_string(root().join(path)).unwrap();
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

/// The literals that are names of variables.
fn names(source: &str) -> BTreeSet<String> {
    let literals = source.split('"').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.len() > 3
            && text.starts_with(|first: char| first.is_ascii_uppercase())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    literals.filter(is_name).map(str::to_owned).collect()
}
