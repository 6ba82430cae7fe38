#![doc = include_str!("../README.md")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod binaries;
mod compact;
mod contracts;
mod flights;
mod lake;
mod ledger;
mod logs;
mod operators;
pub mod outage;
mod parquet_file;
mod polling;
mod redrive;
mod seeds;
mod service;
mod totals;
mod web;
mod world;

pub use binaries::{BINARIES, build, root};
pub use contracts::{Edit, contracts_with, new_folder};
pub use flights::{Flight, flights, gzip, has_weather, lines, weather};
pub use lake::LakeObject;
pub use ledger::{Failed, Letter};
pub use logs::Logs;
pub use parquet_file::parquet_file;
pub use seeds::seeds;
pub use service::{answering_instead, status};
pub use totals::{Day, Totals};
pub use web::{SIGNED, ask, post, post_signed};
pub use world::{Settings, World};

/// The emulation runs within the tests: give it what `sluicegate` gives it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
