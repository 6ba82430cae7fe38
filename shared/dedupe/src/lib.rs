//! Each idempotency key takes effect once in each sink.
//!
//! Pure: the protocol decides, a [`Store`] writes. Two forms: [`transactional`], where dedupe record
//! and effect share a transaction, and [`fenced`], where many effects share an object that is
//! elsewhere.

mod backoff;
mod batch;
pub mod fenced;
mod recent;
mod record;
mod store;
pub mod transactional;

pub use backoff::backoff;
pub use batch::Outcome;
pub use recent::Recent;
pub use record::{Completed, DedupeRecord, InProgress, Owner, RecordId, Verdict};
pub use store::{
    Change, CommitError, Effect, Expected, Limits, Merged, NoEffect, Reason, Store, Transaction,
};
