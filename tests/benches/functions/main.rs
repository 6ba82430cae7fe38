//! What the functions cost: beside bare ones, in AWS's calls and units, in a large table, over a year.
//!
//! `cargo bench --workspace --bench functions` (with `--profile dev` the emulation is compiled faster; the
//! functions are built for release either way), `-- --quick` to see that it works. By default all of its
//! parts, else those that are named:
//!
//! - `stages` and `lake`: start, CPU per event, memory, size and calls beside bare functions that make the
//!   same calls. Ours and the bare one take turns, batch by batch, so that both have the same machine;
//!   what is compared are ratios of medians.
//! - `datasets`: the start with 200 datasets beside that with 2.
//! - `breaker`: what a healthy circuit breaker adds to enrich, and how long ten events take with a service of 20 ms.
//! - `counts`: calls and write units beside the least that is possible, and what a million events cost.
//! - `scale`: the same costs with 10,000 and with 10,000,000 dedupe records.
//! - `letters`: groups over many dead letters, how many a second are redriven, and memory: with 10,000 and 100,000
//!   letters, or as many as `--letters N` says.
//! - `file`: a file of flights through ingest, be it January's, or that of `--flights FILE.csv.gz`.
//! - `year`: the lake, with January's flights or those of `--flights FILE.csv.gz`.
//!
//! `--up-to STAGE` ends `stages` after that one, be it `ingest`, the first. `--binaries FOLDER` takes functions
//! that are built already. Exits with 1 if a budget is exceeded.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod bill;
mod breaker;
mod cost;
mod counts;
mod datasets;
mod events;
mod file;
mod host;
mod invocation;
mod lake;
mod letters;
mod meter;
mod process;
mod scale;
mod side;
mod size;
mod stages;
mod table;
mod twins;
mod units;
mod year;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use emulation::builder::Profile;
use sluicegate_tests::{BINARIES, Settings, World, flights};

use crate::events::Events;
use crate::lake::Batches;
use crate::table::{Figures, Table};

const BARE: &[&str] = &["bare-deliver", "bare-enrich", "bare-ingest", "bare-lake", "bare-sink"];

/// January's flights.
pub(crate) const JANUARY: usize = 27_004;

/// How much is measured.
pub(crate) struct Plan {
    pub(crate) starts: usize,
    pub(crate) warm_up: usize,
    pub(crate) rounds: usize,
    /// Of a round, ten events each.
    pub(crate) batches: usize,
    pub(crate) lake_tens: Batches,
    pub(crate) lake_thousands: Batches,
    pub(crate) breaker: breaker::Plan,
    pub(crate) scale: scale::Plan,
    /// Of the year, at most.
    pub(crate) year: usize,
}

impl Plan {
    const FULL: Self = Self {
        starts: 41,
        warm_up: 20,
        rounds: 10,
        batches: 20,
        lake_tens: Batches { starts: 41, warm_up: 20, rounds: 10, a_round: 20 },
        lake_thousands: Batches { starts: 0, warm_up: 2, rounds: 9, a_round: 2 },
        breaker: breaker::Plan { warm_up: 100, rounds: 200, batches: 40, timed: 300 },
        scale: scale::Plan {
            small: 10_000,
            large: 10_000_000,
            warm_up: 20,
            rounds: 11,
            batches: 20,
        },
        year: usize::MAX,
    };
    const QUICK: Self = Self {
        starts: 1,
        warm_up: 1,
        rounds: 1,
        batches: 2,
        lake_tens: Batches { starts: 1, warm_up: 1, rounds: 1, a_round: 2 },
        lake_thousands: Batches { starts: 0, warm_up: 1, rounds: 1, a_round: 1 },
        breaker: breaker::Plan { warm_up: 1, rounds: 2, batches: 2, timed: 5 },
        scale: scale::Plan { small: 1_000, large: 20_000, warm_up: 1, rounds: 1, batches: 2 },
        year: 5_000,
    };

    /// All batches of a stage.
    pub(crate) fn all_batches(&self) -> usize {
        self.warm_up + self.rounds * self.batches
    }
}

#[derive(Default)]
struct Arguments {
    quick: bool,
    flights: Option<PathBuf>,
    last_stage: Option<String>,
    binaries: Option<PathBuf>,
    letters: Option<usize>,
    parts: Vec<String>,
}

impl Arguments {
    fn read() -> Self {
        let mut arguments = Self::default();
        let mut all = std::env::args().skip(1);
        while let Some(argument) = all.next() {
            match argument.as_str() {
                "--quick" => arguments.quick = true,
                "--up-to" => arguments.last_stage = Some(all.next().unwrap()),
                "--flights" => arguments.flights = Some(all.next().unwrap().into()),
                "--binaries" => arguments.binaries = Some(all.next().unwrap().into()),
                "--letters" => arguments.letters = Some(all.next().unwrap().parse().unwrap()),
                // Cargo's own.
                "--bench" => {}
                "stages" | "lake" | "datasets" | "breaker" | "counts" | "scale" | "letters"
                | "file" | "year" => {
                    arguments.parts.push(argument);
                }
                other => panic!("no part or option of this benchmark: {other}"),
            }
        }
        arguments
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::read();
    let plan = if arguments.quick { Plan::QUICK } else { Plan::FULL };
    let folder = match arguments.binaries.clone() {
        Some(folder) => folder,
        None => {
            let both: Vec<&str> = BINARIES.iter().chain(BARE).copied().collect();
            sluicegate_tests::build(Profile::Release, &both, None).await
        }
    };
    let events = Events::new();
    let mut is_within = true;
    if arguments.wants("stages") {
        is_within &= stages(&folder, &plan, &events, arguments.last_stage.as_deref()).await;
    }
    if arguments.wants("lake") {
        is_within &= lake(&folder, &plan, &events).await;
    }
    if arguments.wants("datasets") {
        is_within &= datasets(&folder, &plan).await;
    }
    if arguments.wants("breaker") {
        is_within &= breaker(&folder, &plan, &events).await;
    }
    if arguments.wants("counts") {
        is_within &= counts(&folder, &events).await;
    }
    if arguments.wants("scale") {
        is_within &= scale(&folder, &plan, &events).await;
    }
    if arguments.wants("letters") {
        let counts = match arguments.letters {
            Some(count) => vec![count],
            None if arguments.quick => vec![1_000],
            None => vec![10_000, 100_000],
        };
        let mut figures = Figures::new("the letter store");
        letters::measure(&folder, &counts, &mut figures).await;
        figures.print();
    }
    if arguments.wants("file") {
        file(&folder, arguments.flights.as_deref()).await;
    }
    if arguments.wants("year") {
        year(&folder, &plan, &events, arguments.flights.as_deref()).await;
    }
    if is_within || arguments.quick { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn stages(folder: &Path, plan: &Plan, events: &Events, last_stage: Option<&str>) -> bool {
    let world = world(folder).await;
    let mut table = Table::new("functions beside bare ones", ["ours", "bare"]);
    let flights = flights(0, plan.all_batches() * 10);
    let flights = flights.into_iter().map(|flight| flight.line).collect();
    let observations = events.of_weather(plan.all_batches() * 10);
    let input = stages::Input { flights, observations };
    stages::run(&world, folder, plan, input, last_stage, &mut table).await;
    world.end().await;
    table.print();
    table.is_within_budgets()
}

async fn lake(folder: &Path, plan: &Plan, events: &Events) -> bool {
    let world = world(folder).await;
    let mut table = Table::new("the lake beside a bare one", ["ours", "bare"]);
    lake::run(&world, folder, plan, events, &mut table).await;
    world.end().await;
    table.print();
    table.is_within_budgets()
}

async fn datasets(folder: &Path, plan: &Plan) -> bool {
    let world = world(folder).await;
    let mut table = Table::new("starts with many datasets", ["200", "2"]);
    datasets::measure(&world, folder, plan.starts, &mut table).await;
    world.end().await;
    table.print();
    table.is_within_budgets()
}

async fn breaker(folder: &Path, plan: &Plan, events: &Events) -> bool {
    let world = world(folder).await;
    let mut cost = Table::new("enrich with a healthy breaker", ["enabled", "disabled"]);
    breaker::cost(&world, folder, &plan.breaker, events, &mut cost).await;
    world.end().await;
    cost.print();
    let mut latency = Table::new("enrich and a service of 20 ms", ["enrich", "service"]);
    breaker::latency(folder, &plan.breaker, events, &mut latency).await;
    latency.print();
    cost.is_within_budgets() && latency.is_within_budgets()
}

async fn counts(folder: &Path, events: &Events) -> bool {
    let world = world(folder).await;
    let mut table = Table::new("calls and write units", ["ours", "least"]);
    let counts = counts::measure(&world, folder, events, &mut table).await;
    table.print();
    bill::print(&world, &counts);
    world.end().await;
    table.is_within_budgets()
}

async fn scale(folder: &Path, plan: &Plan, events: &Events) -> bool {
    let world = world(folder).await;
    let mut table = Table::new("a large dedupe table beside a small one", ["large", "small"]);
    scale::measure(&world, folder, &plan.scale, events, &mut table).await;
    world.end().await;
    table.print();
    table.is_within_budgets()
}

async fn file(folder: &Path, file: Option<&Path>) {
    let world = world(folder).await;
    let mut figures = Figures::new("a file through ingest");
    let landed = match file {
        Some(file) => file::Landed::csv(std::fs::read(file).unwrap()),
        None => file::Landed::january(),
    };
    file::measure(&world, folder, landed, &mut figures).await;
    world.end().await;
    figures.print();
}

async fn year(folder: &Path, plan: &Plan, events: &Events, file: Option<&Path>) {
    let world = world(folder).await;
    let mut figures = Figures::new("the lake over all flights");
    match file {
        Some(file) => {
            let flights = events.of_csv(file).take(plan.year);
            year::measure(&world, folder, flights, &mut figures).await;
        }
        None => {
            let flights = events.of_january(0, plan.year.min(JANUARY));
            year::measure(&world, folder, flights.into_iter(), &mut figures).await;
        }
    }
    world.end().await;
    figures.print();
}

async fn world(folder: &Path) -> World {
    let binaries = Some(folder.to_path_buf());
    World::start_with(Settings { binaries, without_mappings: true, ..Settings::default() }).await
}
