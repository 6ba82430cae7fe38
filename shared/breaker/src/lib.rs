#![doc = include_str!("../README.md")]

mod breakers;
mod counts;
mod environment;
pub mod polling;
mod recent;
mod record;
mod settings;
mod store;
mod transition;

pub use breakers::{Breakers, Host, Permit};
pub use counts::{Counts, Publication, SLOTS, SharedCounts, Slot};
pub use environment::{
    Admission, Answer, CLOCK_SKEW, Environment, Outcome, Pass, Request, Status, Wait, WaitReason,
};
pub use record::{
    Cause, EnvironmentId, Forced, ForcedState, Lease, NextCall, Record, State, StateName,
};
pub use settings::{HalfOpen, Mode, NoPercent, OpenWait, Percent, Settings, Window, equal_jitter};
pub use store::{PublishOutcome, ReplaceOutcome, Snapshot, Store, StoreUnavailable};
pub use transition::{Event, IllegalTransition, Moment, step};
