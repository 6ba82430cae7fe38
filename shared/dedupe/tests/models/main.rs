//! The protocols, checked in every state that three workers can reach: their batches overlap, one is
//! delivered twice, they crash between any two steps, their leases end early, answers are lost after
//! the commit, and requests arrive late or never.
//!
//! The widest check of all is left to `cargo test --workspace --test models -- --ignored`.
//!
//! What is checked are the batches that the functions run, not a copy of them. The world around them
//! can be broken on purpose, and then the check fails: a model that finds nothing proves nothing
//! unless it would have.

mod fenced;
mod leased;
mod transactional;
mod world;

use event::{Fingerprint, IdempotencyKey};
use sluicegate_dedupe::RecordId;

fn id(key: u8) -> RecordId {
    RecordId { sink: "s".to_owned(), key: IdempotencyKey::from(key.to_string()) }
}

fn payload(name: u8) -> Fingerprint {
    Fingerprint::from(name.to_string())
}
