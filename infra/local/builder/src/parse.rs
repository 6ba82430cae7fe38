//! Finds in cargo's JSON which package has a binary, and where the binary is.
//!
//! <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>. Unknown messages
//! and members are ignored, because new versions of cargo add some.

use std::path::PathBuf;

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Target {
    fn is_binary(&self, name: &str) -> bool {
        self.name == name && self.kind.iter().any(|kind| kind == "bin")
    }
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

/// The package that has a binary, from the output of `cargo metadata`.
pub(super) fn package_of(metadata: &str, binary: &str) -> Option<String> {
    let metadata: Metadata = serde_json::from_str(metadata).ok()?;
    for package in metadata.packages {
        if package.targets.iter().any(|target| target.is_binary(binary)) {
            return Some(package.name);
        }
    }
    None
}

/// The path of a binary, if this message of a build says it.
pub(super) fn executable(message: &str, binary: &str) -> Option<PathBuf> {
    let message: Message = serde_json::from_str(message).ok()?;
    let is_it = message.target.is_some_and(|target| target.is_binary(binary));
    message.executable.filter(|_| is_it && message.reason == "compiler-artifact")
}
