#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod breakers;
mod cause;
mod counts;
mod environment;
pub mod polling;
mod recent;
mod record;
mod settings;
mod store;
mod transition;

pub use breakers::{Breakers, Host, Permit};
pub use cause::Cause;
pub use counts::{Counts, Publication, SLOTS, SharedCounts, Slot};
pub use environment::{
    Admission, Answer, Environment, Outcome, Pass, Request, Status, Wait, WaitReason,
};
pub use record::{EnvironmentId, Forced, ForcedState, Lease, NextCall, Record, State, StateName};
pub use settings::{
    CLOCK_SKEW, HalfOpen, Mode, NoPercent, OpenWait, Percent, Settings, Window, equal_jitter,
};
pub use store::{PublishOutcome, ReplaceOutcome, Snapshot, Store, StoreUnavailable};
pub use transition::{Event, IllegalTransition, Moment, step};
