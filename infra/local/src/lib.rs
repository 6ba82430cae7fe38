//! The emulation: the AWS services that Sluicegate uses, in one process, without Docker or network.
//!
//! `template.yaml` says what exists. What the emulation does not implement is named in an error,
//! never silently ignored.

pub mod adversary;
pub mod audit;
pub mod builder;
pub mod clock;
pub mod dynamodb;
mod emulation;
mod filter;
pub mod front;
pub mod iam;
pub mod idle;
pub mod lambda;
pub mod s3;
mod schedule;
pub mod secrets;
pub mod services;
pub mod sqs;
mod state;
pub mod template;
pub mod weather;

pub use emulation::{
    Emulation, LOCAL_WEATHER, MappingSource, Options, RunningMapping, StartError, binaries, stack,
};
pub use state::{StateError, check_state};
