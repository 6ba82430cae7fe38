//! The transactional protocol over the in-memory store.

mod batches;
mod deliveries;
mod meetings;
mod recent;

use event::{Fingerprint, IdempotencyKey, Timestamp};
use futures_util::FutureExt;
use sluicegate_dedupe::transactional::write_once;
use sluicegate_dedupe::{Limits, Outcome, RecordId, Verdict};
use testkit::{Meeting, MemoryStore, TestEffect};

type Write = sluicegate_dedupe::transactional::Write<TestEffect>;

/// A store whose effects say which delivery they are from.
type Store = MemoryStore<TestEffect>;

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_000)
}

fn write(key: impl ToString, payload: impl ToString, effect: usize) -> Write {
    let key = IdempotencyKey::from(key.to_string());
    Write {
        id: RecordId { sink: "records".to_owned(), key },
        fingerprint: Fingerprint::from(payload.to_string()),
        expires_at: Timestamp::from_unix_ms(now().unix_ms() + 1),
        effect: TestEffect::new(effect),
        bytes: 1,
    }
}

/// A write to a target that others also write to.
fn write_at(key: impl ToString, target: &str, meeting: Meeting, value: usize) -> Write {
    let write = write(key, "p", value);
    Write { effect: write.effect.clone().at(target, meeting), ..write }
}

fn conflict(first: impl ToString) -> Verdict {
    Verdict::Conflict { first: Fingerprint::from(first.to_string()) }
}

fn run(store: &Store, writes: &[Write], limits: Limits) -> Vec<Outcome> {
    // The in-memory store answers at once.
    let verdicts = write_once(store, writes.to_vec(), limits, now()).now_or_never();
    verdicts.unwrap_or_else(|| panic!("the store in memory made its caller wait"))
}

/// How many writes each call had.
fn calls(store: &Store) -> Vec<usize> {
    store.calls().iter().map(|call| call.changes.len()).collect()
}

/// The effects that were applied, as the numbers of their deliveries.
fn applied(store: &Store) -> Vec<usize> {
    store.effects().iter().map(|effect| effect.value).collect()
}
