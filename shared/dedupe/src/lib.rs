#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod claim;
mod claim_set;
pub mod fenced;
pub mod leased;
mod recent_keys;
mod record;
mod repeats;
mod store;
pub mod transactional;

pub use claim::{Claim, Lease};
pub use recent_keys::{RecentKey, RecentKeys};
pub use record::{Completed, DedupeRecord, InProgress, Owner, RecordId, Verdict};
pub use repeats::Outcome;
pub use store::{
    Change, CommitError, Effect, Expected, ItemConflict, Limits, Merged, NoEffect, OwnRecord,
    Store, Transaction,
};
