//! The protocols that claim keys first: what a batch costs, and what becomes of each of its claims. `models` shows that
//! no order of events breaks the promise.

mod fenced;
mod leased;
mod objects;
mod target;

use std::cell::Cell;
use std::time::Duration;

use event::{Fingerprint, IdempotencyKey, Timestamp};
use sluicegate_dedupe::{Claim, Lease, Limits, NoEffect, Outcome, Owner, RecordId, Verdict};
use testkit::MemoryStore;

type Store = MemoryStore<NoEffect>;

/// How long a lease lasts, counted from the start.
const LEASE: Duration = Duration::from_secs(60);

fn start() -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_000)
}

/// The lease of an attempt that begins now and waits for no other attempt.
fn lease(now: Timestamp) -> Lease {
    Lease { ends_at: now.plus(LEASE), wait_until: now, limits: Limits::DYNAMODB, tries: 3 }
}

/// A clock that advances by ten seconds each time it is read.
fn ticking() -> impl Fn() -> Timestamp {
    let looks = Cell::new(0);
    move || {
        looks.set(looks.get() + 1);
        start().plus(Duration::from_secs(10 * looks.get()))
    }
}

fn claim(key: &str, payload: &str, owner: &str) -> Claim {
    Claim {
        id: RecordId { sink: "s".to_owned(), key: IdempotencyKey::from(key.to_owned()) },
        fingerprint: Fingerprint::from(payload.to_owned()),
        expires_at: start().plus(30 * 24 * 60 * LEASE),
        owner: Owner::from(owner.to_owned()),
    }
}

/// One claim for each character, which is its key.
fn claims(keys: &str, owner: &str) -> Vec<Claim> {
    keys.chars().map(|key| claim(&key.to_string(), "p", owner)).collect()
}

fn ended(outcomes: Option<Vec<Outcome>>) -> Vec<Outcome> {
    outcomes.unwrap_or_else(|| panic!("what is in memory made its caller wait"))
}

fn conflict(first: &str) -> Verdict {
    Verdict::Conflict { first: Fingerprint::from(first.to_owned()) }
}
