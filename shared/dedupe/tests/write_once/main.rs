//! Writing once, over the store in memory.

mod batches;
mod deliveries;

use dedupe::{Limits, RecordId, Verdict, Write, write_once};
use event::{Failure, Fingerprint, IdempotencyKey, Timestamp};
use futures_util::FutureExt;
use testkit::MemoryStore;

/// What the tests write: which delivery it is.
type Effect = usize;

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_000)
}

fn write(key: impl ToString, payload: impl ToString, effect: Effect) -> Write<Effect> {
    let key = IdempotencyKey::from(key.to_string());
    Write {
        id: RecordId { sink: "records".to_owned(), key },
        fingerprint: Fingerprint::from(payload.to_string()),
        expires_at: Timestamp::from_unix_ms(now().unix_ms() + 1),
        effect,
        bytes: 1,
    }
}

fn conflict(first: impl ToString) -> Verdict {
    Verdict::Conflict { first: Fingerprint::from(first.to_string()) }
}

fn run(
    store: &MemoryStore<Effect>,
    writes: &[Write<Effect>],
    limits: Limits,
) -> Vec<Result<Verdict, Failure>> {
    // The store in memory answers at once.
    let verdicts = write_once(store, writes, limits, now()).now_or_never();
    verdicts.unwrap_or_else(|| panic!("the store in memory made its caller wait"))
}

/// How many writes each call had.
fn calls(store: &MemoryStore<Effect>) -> Vec<usize> {
    store.calls().iter().map(Vec::len).collect()
}
