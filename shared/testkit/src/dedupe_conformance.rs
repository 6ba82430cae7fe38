//! What every dedupe store does, whatever it is made of.

use std::future::Future;
use std::time::Duration;

use dedupe::{Completed, Reason, RecordId, Store, Write, WriteError};
use event::{Fingerprint, IdempotencyKey, Timestamp};

/// An empty store, and a look at what was written to it.
pub trait StoreUnderTest {
    type Store: Store;

    fn store(&self) -> &Self::Store;

    /// An effect that can be told from those of other names.
    fn effect(&self, name: &str) -> <Self::Store as Store>::Effect;

    /// Whether the effect of this name was applied.
    fn is_applied(&self, name: &str) -> impl Future<Output = bool>;
}

/// Runs every case of the suite, each on a store from `fresh`; panics at the first that fails.
///
/// Times are whole seconds apart: what an expiry is worth in DynamoDB.
pub async fn dedupe_conformance<T: StoreUnderTest>(fresh: impl AsyncFn() -> T) {
    what_is_free_is_written(&fresh().await).await;
    a_key_that_took_effect_is_named_with_its_first_fingerprint(&fresh().await).await;
    sinks_do_not_share_keys(&fresh().await).await;
    an_expired_record_counts_as_absent(&fresh().await).await;
    a_transaction_is_written_whole_or_not_at_all(&fresh().await).await;
    a_cancellation_has_a_reason_for_each_write_in_order(&fresh().await).await;
}

/// 2026-01-01T00:00:00Z.
const NOW_MS: i64 = 1_767_225_600_000;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// So many seconds after the suite's beginning.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW_MS + seconds * 1_000)
}

fn expiry() -> Timestamp {
    at(0).plus(DAY)
}

/// An effect of this name, under this key, with this payload.
fn write<T: StoreUnderTest>(
    it: &T,
    key: &str,
    payload: &str,
    name: &str,
) -> Write<<T::Store as Store>::Effect> {
    Write {
        id: RecordId { sink: "records".to_owned(), key: IdempotencyKey::from(key.to_owned()) },
        fingerprint: Fingerprint::from(payload.to_owned()),
        expires_at: expiry(),
        effect: it.effect(name),
        bytes: 1_024,
    }
}

async fn written<T: StoreUnderTest>(it: &T, writes: &[Write<<T::Store as Store>::Effect>]) {
    let result = it.store().write_all(writes, at(0)).await;
    assert!(result.is_ok(), "not written: {result:?}");
}

async fn check_applied<T: StoreUnderTest>(it: &T, name: &str, expected: bool) {
    assert_eq!(it.is_applied(name).await, expected, "whether `{name}` was applied");
}

/// The reasons with which these are cancelled.
async fn cancelled<T: StoreUnderTest>(
    it: &T,
    writes: &[Write<<T::Store as Store>::Effect>],
    now: Timestamp,
) -> Vec<Reason> {
    match it.store().write_all(writes, now).await {
        Err(WriteError::Cancelled(reasons)) => reasons,
        other => panic!("expected a cancellation, found {other:?}"),
    }
}

fn exists(payload: &str) -> Reason {
    let fingerprint = Fingerprint::from(payload.to_owned());
    Reason::Exists(Completed { fingerprint, expires_at: expiry() })
}

async fn what_is_free_is_written<T: StoreUnderTest>(it: &T) {
    written(it, &[write(it, "a", "1", "first"), write(it, "b", "1", "second")]).await;
    check_applied(it, "first", true).await;
    check_applied(it, "second", true).await;
    check_applied(it, "third", false).await;
}

async fn a_key_that_took_effect_is_named_with_its_first_fingerprint<T: StoreUnderTest>(it: &T) {
    written(it, &[write(it, "a", "1", "first")]).await;
    let duplicate = write(it, "a", "1", "again");
    assert_eq!(cancelled(it, &[duplicate], at(0)).await, [exists("1")]);
    let conflict = write(it, "a", "2", "other");
    assert_eq!(cancelled(it, &[conflict], at(0)).await, [exists("1")]);
    check_applied(it, "first", true).await;
    check_applied(it, "again", false).await;
    check_applied(it, "other", false).await;
}

async fn sinks_do_not_share_keys<T: StoreUnderTest>(it: &T) {
    written(it, &[write(it, "a", "1", "first")]).await;
    let mut other = write(it, "a", "1", "second");
    other.id.sink = "mirror".to_owned();
    written(it, &[other]).await;
    check_applied(it, "second", true).await;
}

async fn an_expired_record_counts_as_absent<T: StoreUnderTest>(it: &T) {
    written(it, &[write(it, "a", "1", "first")]).await;
    let mut next = write(it, "a", "2", "second");
    next.expires_at = expiry().plus(DAY);
    let last_second = expiry().unix_ms() - 1_000;
    let before = cancelled(it, &[next.clone()], Timestamp::from_unix_ms(last_second)).await;
    assert_eq!(before, [exists("1")]);
    let result = it.store().write_all(&[next.clone()], expiry()).await;
    assert!(result.is_ok(), "an expired record held its key: {result:?}");
    check_applied(it, "second", true).await;
    // From here on it is the second one's.
    let completed =
        Completed { fingerprint: next.fingerprint.clone(), expires_at: next.expires_at };
    let third = write(it, "a", "3", "third");
    assert_eq!(cancelled(it, &[third], expiry()).await, [Reason::Exists(completed)]);
}

async fn a_transaction_is_written_whole_or_not_at_all<T: StoreUnderTest>(it: &T) {
    written(it, &[write(it, "b", "1", "first")]).await;
    let batch =
        [write(it, "a", "1", "left"), write(it, "b", "1", "middle"), write(it, "c", "1", "right")];
    cancelled(it, &batch, at(0)).await;
    for name in ["left", "middle", "right"] {
        check_applied(it, name, false).await;
    }
    // Nor were their keys taken.
    let [left, _, right] = batch;
    written(it, &[left, right]).await;
    check_applied(it, "left", true).await;
    check_applied(it, "right", true).await;
}

async fn a_cancellation_has_a_reason_for_each_write_in_order<T: StoreUnderTest>(it: &T) {
    written(it, &[write(it, "b", "1", "first"), write(it, "d", "2", "second")]).await;
    let batch = ["a", "b", "c", "d"].map(|key| write(it, key, "1", key));
    let expected = [Reason::Innocent, exists("1"), Reason::Innocent, exists("2")];
    assert_eq!(cancelled(it, &batch, at(0)).await, expected);
}
