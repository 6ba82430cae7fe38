//! The function of the tests that run a real process.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The folder of the probe, which is built if it is not there.
pub(crate) fn binaries() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build_response = BUILT.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let folder = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples");
        if !folder.join("probe").is_file() {
            let build = ["build", "--package", "sluicegate-local-lambda", "--example", "probe"];
            assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
        }
        folder
    });
    build_response.clone()
}
