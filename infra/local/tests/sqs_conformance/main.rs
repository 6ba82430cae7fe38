//! What SQS promises, asked for through the official Rust SDK over HTTP.
//!
//! One case a promise, on a clock that only the case moves. Written against the SDK alone (but for
//! the clock), so that what holds here is what the SDK's users see: typed errors, digests, paging.

#![expect(clippy::unwrap_used, reason = "a case fails where something is not as it must be")]

mod batches;
mod dead_letters;
mod fifo;
mod messages;
mod queues;
mod receipts;
mod rig;
