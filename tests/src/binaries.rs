//! The functions' binaries, built once for all tests of a process.

use std::path::{Path, PathBuf};

use emulation::builder::{Build, Profile, build_functions};
use tokio::sync::OnceCell;

/// The functions' binaries, as `template.yaml` names them.
pub const BINARIES: &[&str] =
    &["collect", "deliver", "enrich", "ingest", "lake", "operators", "polling", "redrive", "sink"];

/// The workspace.
#[must_use]
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// Builds binaries of the workspace, and answers their folder.
///
/// # Panics
/// With what cargo said, when it fails.
pub async fn build(profile: Profile, binaries: &[&str], alongside: Option<&str>) -> PathBuf {
    let binaries: Vec<String> = binaries.iter().map(|&name| name.to_owned()).collect();
    let root = root();
    let build = Build { root: &root, profile, binaries: &binaries, alongside, target: None };
    build_functions(&build, |_| {}).await.unwrap_or_else(|error| panic!("{error}"))
}

/// As the tests themselves are built, so that both share what is compiled.
pub(crate) async fn built() -> PathBuf {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    let profile = if cfg!(debug_assertions) { Profile::Dev } else { Profile::Release };
    BUILT.get_or_init(|| build(profile, BINARIES, Some(env!("CARGO_PKG_NAME")))).await.clone()
}
