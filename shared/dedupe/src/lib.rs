//! Each idempotency key takes effect once in each sink.
//!
//! Pure: the protocol decides, a [`Store`] writes. Three forms: [`transactional`], where dedupe record
//! and effect share a transaction; [`fenced`], where many effects share an object that is elsewhere;
//! and [`leased`], where the effect is a service's, which is asked under the key.

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
