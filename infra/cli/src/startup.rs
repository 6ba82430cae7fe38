//! Builds the functions and starts the emulation, with the sample's weather service.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use emulation::builder::{Build, Profile, build_functions};
use emulation::clock::Clock;
use emulation::lambda::LogSink;
use emulation::services::{Service, Upstream};
use emulation::template::Stack;
use emulation::{Emulation, Options};
use sample::{WEATHER, WEATHER_FILE, Weather};
use tokio::time::Instant;

use crate::contract;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::text::pluralize;
use crate::project::contracts_of;

/// How the emulation is started.
pub(crate) struct StartOptions<'a> {
    pub(crate) root: &'a Path,
    pub(crate) release: bool,
    pub(crate) port: u16,
    pub(crate) log: Arc<dyn LogSink>,
    /// The sample's service, which is served if the contracts' variables have its place.
    pub(crate) weather: &'a Weather,
    /// The faults from the start on.
    pub(crate) faults: emulation::faults::Plan,
    /// Whether the clock advances over times in which nothing happens.
    pub(crate) skip_idle: bool,
    /// The folder in which the state is stored.
    pub(crate) state: Option<PathBuf>,
}

/// Builds the functions, and starts everything.
pub(crate) async fn start(start: StartOptions<'_>, output: &Output) -> Result<Emulation, Failure> {
    // The port is checked before the build, because a build takes long.
    if let Err(source) = TcpListener::bind((Ipv4Addr::LOCALHOST, start.port)) {
        return Err(not_started(emulation::StartError::Listen { port: start.port, source }));
    }
    if let Some(folder) = &start.state {
        emulation::check_state(folder).map_err(|error| not_started(error.into()))?;
    }
    let binaries = build(start.root, start.release, output).await?;
    start_built(start, binaries).await
}

/// Starts everything with functions that are built already.
pub(crate) async fn start_built(
    start: StartOptions<'_>,
    binaries: PathBuf,
) -> Result<Emulation, Failure> {
    let weather = Upstream::Router(start.weather.clone().router());
    let options = Options {
        root: start.root.to_path_buf(),
        port: start.port,
        parameters: BTreeMap::new(),
        places: BTreeMap::new(),
        services: vec![Service { name: WEATHER.to_owned(), port: 0, upstream: weather }],
        binaries,
        log: start.log,
        clock: Clock::system(),
        faults: start.faults,
        skip_idle: start.skip_idle,
        state: start.state,
    };
    Emulation::start(options).await.map_err(not_started)
}

fn not_started(error: emulation::StartError) -> Failure {
    let failure = Failure::new("the emulation did not start").because(&error);
    match error {
        emulation::StartError::Listen { .. } => {
            failure.next("is another `local up` running? End it, or give another --port; 0 is any")
        }
        emulation::StartError::Place { .. } => failure.next(
            "write the address of your service there, such as http://127.0.0.1:9000: the sample's \
             weather service alone is served here, in the place of {LOCAL_WEATHER}",
        ),
        _ => failure,
    }
}

/// Checks that contracts and template fit each other, builds the functions with visible progress,
/// and returns their folder.
pub(crate) async fn build(root: &Path, release: bool, output: &Output) -> Result<PathBuf, Failure> {
    let stack = emulation::stack(root, &BTreeMap::new()).map_err(unusable_template)?;
    let catalog = contracts_of(root)?;
    contract::check_template(root, &catalog, &stack)?;
    for misfit in contract::unused(root, &catalog, &stack) {
        output.note(&format!("{}: {}", misfit.place, misfit.what));
    }
    let binaries = emulation::binaries(&stack);
    let is_optimised = release || !cfg!(debug_assertions);
    let target = target();
    let build = Build {
        root,
        profile: if is_optimised { Profile::Release } else { Profile::Dev },
        binaries: &binaries,
        alongside: Some(env!("CARGO_PKG_NAME")),
        target: target.as_deref(),
    };
    output.note(&format!(
        "building {}: {}",
        pluralize(binaries.len(), "function"),
        binaries.join(", ")
    ));
    let started = Instant::now();
    output.status("cargo starts");
    let folder = build_functions(&build, |line| output.status(line)).await;
    let folder = folder.map_err(|error| {
        Failure::new("the functions were not built")
            .because(error)
            .next("cargo build, to see it by itself")
    })?;
    output.note(&format!("built in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(folder)
}

/// How many settings of the template, such as encryption, the emulation ignores. `None` if it
/// ignores none.
pub(crate) fn settings_without_effect(stack: &Stack) -> Option<String> {
    let settings = pluralize(stack.warnings.len(), "setting");
    let have = if stack.warnings.len() == 1 { "has" } else { "have" };
    let text =
        format!("{settings} of template.yaml {have} no effect here; see `local up --verbose`");
    (!stack.warnings.is_empty()).then_some(text)
}

fn unusable_template(error: impl Error) -> Failure {
    Failure::new("the template cannot be used").because(error)
}

/// The target folder in which cargo built this program, if it did. The functions are built there,
/// too.
fn target() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let target = program.parent()?.parent()?;
    target.join(".rustc_info.json").is_file().then(|| target.to_path_buf())
}

/// The sample's weather service. It has no observations if the repository does not have the
/// sample's.
pub(crate) fn weather(root: &Path) -> Result<Weather, Failure> {
    let path = root.join(WEATHER_FILE);
    let file = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    };
    let file = file.map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display())).because(error)
    })?;
    Weather::load(&file).map_err(|error| {
        Failure::new(format!("{} holds no observations", path.display())).because(error)
    })
}
