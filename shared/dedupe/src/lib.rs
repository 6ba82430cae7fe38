#![doc = include_str!("../README.md")]

mod backoff;
mod batch;
mod claim;
mod claims;
pub mod fenced;
pub mod leased;
mod recent;
mod record;
mod store;
pub mod transactional;

pub use backoff::backoff;
pub use batch::Outcome;
pub use claim::{Claim, Lease};
pub use recent::Recent;
pub use record::{Completed, DedupeRecord, InProgress, Owner, RecordId, Verdict};
pub use store::{
    Change, CommitError, Effect, Expected, Limits, Merged, NoEffect, OwnRecord, Reason, Store,
    Transaction,
};
