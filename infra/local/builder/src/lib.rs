#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod parse;

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

/// The number of cargo's last lines that an error shows.
const LAST_LINES: usize = 40;
/// The longest line that is read, in bytes. Cargo's messages contain whole diagnostics.
const MAX_LINE_BYTES: u64 = 4 * 1024 * 1024;

/// The variables that cargo sets for a program that it runs:
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

/// What to build, and how.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: &'a Path,
    /// The profile of cargo.
    pub profile: Profile,
    /// The names of the binaries to build.
    pub binaries: &'a [String],
    /// The name of a package that is built with the binaries. Cargo compiles a dependency again
    /// for each set of features, and the features depend on the packages that are built together.
    /// Naming the package of the running program reuses what was compiled for it.
    pub alongside: Option<&'a str>,
    /// The target folder; `None` is cargo's own choice.
    pub target: Option<&'a Path>,
}

/// One of cargo's built-in profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Fast to compile, without optimisation.
    Dev,
    /// Optimised.
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
    /// The program cargo cannot be started.
    #[error("{cargo} cannot be run: is Rust installed (https://rustup.rs) and in the PATH?")]
    NoCargo {
        /// The name or path of the program.
        cargo: String,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// `cargo metadata` failed.
    #[error("the workspace at {root} cannot be read:\n{lines}")]
    Workspace {
        /// The folder of the workspace.
        root: PathBuf,
        /// What cargo printed last.
        lines: String,
    },
    /// No package has a binary of this name.
    #[error(
        "no package of the workspace at {root} has a binary {binary}, which template.yaml names"
    )]
    NoSuchBinary {
        /// The folder of the workspace.
        root: PathBuf,
        /// The name of the binary.
        binary: String,
    },
    /// The build failed.
    #[error("cargo failed ({status}):\n{lines}")]
    Failed {
        /// The status that cargo exited with.
        status: ExitStatus,
        /// What cargo printed last.
        lines: String,
    },
    /// The build succeeded, and no message says where a binary is.
    #[error("cargo built {binary}, and does not say where it is")]
    Unplaced {
        /// The name of the binary.
        binary: String,
    },
    /// Reading cargo's output, or waiting for its end, failed.
    #[error("cargo's output cannot be read")]
    Output(#[source] io::Error),
}

/// Builds the binaries, and returns the folder that contains all of them.
///
/// `on_line` is called with each line that cargo prints. The function has to be called within a
/// tokio runtime. Cargo is killed if the future is dropped.
///
/// # Errors
/// If cargo is missing or fails, with what it printed last.
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
    // `cargo run` and `cargo test` set these variables for the running program. Some build scripts
    // (ring's) depend on them: if they were passed on, cargo would run those scripts again, and
    // compile again what depends on them.
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
    // Cargo puts all binaries of a profile into one folder, so that the first one is enough.
    let Some(binary) = build.binaries.first() else { return Ok(build.root.to_path_buf()) };
    let found = output.messages.iter().find_map(|message| parse::executable(message, binary));
    let folder = found.and_then(|path| path.parent().map(Path::to_path_buf));
    folder.ok_or_else(|| BuildError::Unplaced { binary: binary.clone() })
}

/// The program cargo: under `cargo run`, the same one that runs this program.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The names of the packages that have the binaries.
async fn packages(cargo: &OsString, build: &Build<'_>) -> Result<BTreeSet<String>, BuildError> {
    let mut command = Command::new(cargo);
    command.current_dir(build.root).args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = run(command, cargo, &mut |_| {}).await?;
    if !output.status.success() {
        let root = build.root.to_path_buf();
        return Err(BuildError::Workspace { root, lines: output.last_lines });
    }
    let metadata = output.messages.join("\n");
    let mut packages = BTreeSet::new();
    for binary in build.binaries {
        let Some(package) = parse::package_of(&metadata, binary) else {
            let root = build.root.to_path_buf();
            return Err(BuildError::NoSuchBinary { root, binary: binary.clone() });
        };
        packages.insert(package);
    }
    Ok(packages)
}

struct Output {
    /// The status that cargo exited with.
    status: ExitStatus,
    /// The lines of standard output.
    messages: Vec<String>,
    /// The last lines of standard error.
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
