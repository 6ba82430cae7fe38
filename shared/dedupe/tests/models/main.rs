//! Checks the protocols in each state that three workers can reach. Their batches overlap, and one is delivered twice.
//! They crash between any two steps, their leases end early, answers are lost after the commit, and requests arrive
//! late or never.
//!
//! The largest check is run only by `cargo test --workspace --test models -- --ignored`.
//!
//! The model runs the real batches. The world around them can be broken on purpose, and the check must then fail. This
//! shows that the check would find such a fault.

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
