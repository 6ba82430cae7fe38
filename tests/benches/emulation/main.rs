//! What the emulation carries: messages a second through its one port, whatever the backlog, and
//! events a second through an event source mapping.
//!
//! `cargo bench --workspace --bench emulation`, `-- --quick` to see that it works. Server and clients
//! share this process and the machine's cores: the clients have one thread to themselves, so that what
//! the emulation alone used can be told. Each figure is the median of its rounds. Every message is
//! numbered and accounted for: exits with 1 if one was lost or came twice, never for being slow.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod backlog;
mod client;
mod function;
mod http;
mod ledger;
mod mapping;
mod rates;
mod sdk;
mod table;
mod usage;
mod world;

use std::process::ExitCode;

use tokio::runtime::Builder;

use crate::client::Client;
use crate::table::Table;
use crate::world::World;

/// How much is measured.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Of a round, over HTTP.
    pub(crate) messages: usize,
    /// Of a round, with the SDK.
    pub(crate) sdk_messages: usize,
    pub(crate) backlogs: &'static [usize],
    /// Odd numbers of them, as of the others.
    pub(crate) backlog_rounds: usize,
    /// Of a round, through the mapping.
    pub(crate) events: usize,
}

impl Plan {
    const FULL: Self = Self {
        rounds: 5,
        messages: 40_000,
        sdk_messages: 10_000,
        backlogs: &[10_000, 100_000, 1_000_000],
        backlog_rounds: 15,
        events: 20_000,
    };
    const QUICK: Self = Self {
        rounds: 1,
        messages: 1_000,
        sdk_messages: 1_000,
        backlogs: &[10_000],
        backlog_rounds: 1,
        events: 1_000,
    };
}

fn main() -> ExitCode {
    if function::is_asked_for() {
        return function::run();
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let plan = if quick { Plan::QUICK } else { Plan::FULL };
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(&plan))
}

async fn measure(plan: &Plan) -> ExitCode {
    let world = World::start().await;
    let clients = Client::start();
    let mut table = Table::default();
    rates::measure(&world, &clients, plan, &mut table).await;
    backlog::measure(&world, &clients, plan, &mut table).await;
    mapping::measure(&world, plan, &mut table).await;
    world.end().await;
    table.print();
    if table.is_exact() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
