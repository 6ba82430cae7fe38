#![doc = include_str!("../README.md")]

mod parse;

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

/// Of what cargo said last, for the error.
const LAST_LINES: usize = 40;
/// The longest line that is read, in bytes: cargo's messages hold whole diagnostics.
const MAX_LINE_BYTES: u64 = 4 * 1024 * 1024;

/// Set by cargo for a program that it runs:
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html>
const OWN_PACKAGE: [&str; 8] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// What is built, and how.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: &'a Path,
    pub profile: Profile,
    /// The binaries, by their names.
    pub binaries: &'a [String],
    /// A package that is built with them. Cargo compiles a dependency anew for each set of features,
    /// and the features follow from the packages built together: naming the package of the running
    /// program shares what was compiled for it.
    pub alongside: Option<&'a str>,
    /// Where cargo builds; where it always does, if not given.
    pub target: Option<&'a Path>,
}

/// One of cargo's own profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Dev,
    Release,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// Why there are no binaries.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("{cargo} cannot be run: is Rust installed (https://rustup.rs) and in the PATH?")]
    NoCargo {
        cargo: String,
        #[source]
        source: io::Error,
    },
    #[error("the workspace at {root} cannot be read:\n{lines}")]
    Workspace { root: PathBuf, lines: String },
    #[error(
        "no package of the workspace at {root} has a binary {binary}, which template.yaml names"
    )]
    NoSuchBinary { root: PathBuf, binary: String },
    #[error("cargo failed ({status}):\n{lines}")]
    Failed { status: ExitStatus, lines: String },
    #[error("cargo built {binary}, and does not say where it is")]
    Unplaced { binary: String },
    #[error("cargo's output cannot be read")]
    Output(#[source] io::Error),
}

/// Builds the binaries, and answers the folder that holds them all.
///
/// Every line that cargo prints meanwhile goes to `on_line`. To be called within a tokio runtime;
/// when the future is dropped, cargo is killed.
///
/// # Errors
/// When cargo is missing or fails, with what it said last.
pub async fn build_functions(
    build: &Build<'_>,
    mut on_line: impl FnMut(&str),
) -> Result<PathBuf, BuildError> {
    let cargo = cargo();
    let packages = packages(&cargo, build).await?;
    let mut command = Command::new(&cargo);
    command.current_dir(build.root).args([
        "build",
        "--message-format=json-render-diagnostics",
        "--profile",
        build.profile.name(),
    ]);
    // What `cargo run` and `cargo test` tell the running program of its own package: some build
    // scripts (ring's) watch these, and would be run again, with all that depends on them.
    for variable in OWN_PACKAGE {
        command.env_remove(variable);
    }
    for package in packages.iter().map(String::as_str).chain(build.alongside) {
        command.args(["--package", package]);
    }
    for binary in build.binaries {
        command.args(["--bin", binary]);
    }
    if let Some(target) = build.target {
        command.arg("--target-dir").arg(target);
    }
    let output = run(command, &cargo, &mut on_line).await?;
    if !output.status.success() {
        return Err(BuildError::Failed { status: output.status, lines: output.last_lines });
    }
    let folder = |binary: &String| {
        let found = output.messages.iter().find_map(|message| parse::executable(message, binary));
        let folder = found.and_then(|path| path.parent().map(Path::to_path_buf));
        folder.ok_or_else(|| BuildError::Unplaced { binary: binary.clone() })
    };
    // Cargo puts the binaries of one profile into one folder.
    build.binaries.iter().map(folder).next().unwrap_or_else(|| Ok(build.root.to_path_buf()))
}

/// The program: the one that runs this, under `cargo run`.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The packages that have the binaries.
async fn packages(cargo: &OsString, build: &Build<'_>) -> Result<BTreeSet<String>, BuildError> {
    let mut command = Command::new(cargo);
    command.current_dir(build.root).args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = run(command, cargo, &mut |_| {}).await?;
    let root = || build.root.to_path_buf();
    if !output.status.success() {
        return Err(BuildError::Workspace { root: root(), lines: output.last_lines });
    }
    let metadata = output.messages.join("\n");
    let package = |binary: &String| {
        let package = parse::package_of(&metadata, binary);
        package.ok_or_else(|| BuildError::NoSuchBinary { root: root(), binary: binary.clone() })
    };
    build.binaries.iter().map(package).collect()
}

struct Output {
    status: ExitStatus,
    /// The lines of its standard output.
    messages: Vec<String>,
    /// The last lines of its standard error.
    last_lines: String,
}

async fn run(
    mut command: Command,
    cargo: &OsString,
    on_line: &mut impl FnMut(&str),
) -> Result<Output, BuildError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|source| BuildError::NoCargo {
        cargo: cargo.to_string_lossy().into_owned(),
        source,
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut messages = Vec::new();
    let mut last = VecDeque::new();
    let reading = async {
        tokio::try_join!(
            read_lines(stdout, |line| messages.push(line.to_owned())),
            read_lines(stderr, |line| {
                on_line(line);
                if last.len() == LAST_LINES {
                    last.pop_front();
                }
                last.push_back(line.to_owned());
            }),
        )
    };
    reading.await.map_err(BuildError::Output)?;
    let status = child.wait().await.map_err(BuildError::Output)?;
    Ok(Output { status, messages, last_lines: Vec::from(last).join("\n") })
}

async fn read_lines(
    stream: Option<impl AsyncRead + Unpin>,
    mut on_line: impl FnMut(&str),
) -> io::Result<()> {
    let Some(stream) = stream else { return Ok(()) };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = tokio::io::AsyncReadExt::take(&mut reader, MAX_LINE_BYTES);
        if bounded.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        on_line(String::from_utf8_lossy(&line).trim_end());
    }
}

#[cfg(test)]
mod tests;
