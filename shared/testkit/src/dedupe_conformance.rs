//! The conformance suite of the port for dedupe stores.

use std::future::Future;
use std::time::Duration;

use dedupe::{
    Change, CommitError, Completed, DedupeRecord, Effect, Expected, InProgress, ItemConflict,
    OwnRecord, Owner, RecordId, Store, Transaction,
};
use event::{Fingerprint, IdempotencyKey, Timestamp};

/// An empty store, and the means to see what was written to it.
pub trait StoreUnderTest {
    /// The adapter that is tested.
    type Store: Store;

    /// The store, which must be empty at first.
    fn store(&self) -> &Self::Store;

    /// An effect that is its own dedupe record.
    fn effect(&self, own: OwnRecord<'_>) -> <Self::Store as Store>::Effect;

    /// Whether an effect that is the dedupe record of this id was applied.
    fn is_applied(&self, id: &RecordId) -> impl Future<Output = bool>;
}

/// Runs every case of the suite, each on a store from `fresh`. The times of the suite are whole seconds, since
/// DynamoDB's expiry is precise to the second.
///
/// # Panics
/// At the first case that fails.
pub async fn dedupe_conformance<T: StoreUnderTest>(fresh: impl AsyncFn() -> T) {
    what_is_free_is_written(&fresh().await).await;
    what_took_effect_is_named_as_it_was_written(&fresh().await).await;
    sinks_do_not_share_keys(&fresh().await).await;
    an_expired_record_counts_as_absent(&fresh().await).await;
    a_transaction_is_written_whole_or_not_at_all(&fresh().await).await;
    a_cancellation_has_a_reason_for_each_part_in_order(&fresh().await).await;
    a_claim_is_changed_by_its_owner_alone(&fresh().await).await;
    a_claim_passes_to_whoever_names_its_owner(&fresh().await).await;
    an_effect_can_be_its_own_record(&fresh().await).await;
    an_effect_that_has_expired_counts_as_absent(&fresh().await).await;
}

/// 2026-01-01T00:00:00Z.
const NOW_MS: i64 = 1_767_225_600_000;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The time so many seconds after the beginning of the suite.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW_MS + seconds * 1_000)
}

fn expiry() -> Timestamp {
    at(0).plus(DAY)
}

fn id(key: &str) -> RecordId {
    RecordId { sink: "records".to_owned(), key: IdempotencyKey::from(key.to_owned()) }
}

fn payload(text: &str) -> Fingerprint {
    Fingerprint::from(text.to_owned())
}

fn completed(fingerprint: &str) -> DedupeRecord {
    DedupeRecord::Completed(Completed {
        fingerprint: payload(fingerprint),
        place: None,
        expires_at: expiry(),
    })
}

fn claim(owner: &str) -> DedupeRecord {
    DedupeRecord::InProgress(InProgress {
        owner: Owner::from(owner.to_owned()),
        lease_ends_at: at(60),
        fingerprint: payload("1"),
        expires_at: expiry(),
    })
}

fn held(owner: &str) -> Expected {
    Expected::Held(Owner::from(owner.to_owned()))
}

fn change(key: &str, expected: Expected, to: Option<DedupeRecord>) -> Change {
    Change { id: id(key), expected, to }
}

fn write(key: &str, fingerprint: &str) -> Change {
    change(key, Expected::Free, Some(completed(fingerprint)))
}

fn found(record: DedupeRecord) -> ItemConflict {
    ItemConflict::Found(Some(record))
}

type EffectOf<T> = <<T as StoreUnderTest>::Store as Store>::Effect;

fn insert<T: StoreUnderTest>(it: &T, key: &str, fingerprint: &str) -> EffectOf<T> {
    let (id, fingerprint) = (id(key), payload(fingerprint));
    it.effect(OwnRecord { id: &id, fingerprint: &fingerprint, expires_at: None })
}

async fn commit<E: Effect>(
    store: &impl Store<Effect = E>,
    changes: &[Change],
    effects: &[E],
    now: Timestamp,
) -> Result<(), CommitError> {
    let transaction = Transaction { changes: changes.to_vec(), effects: effects.to_vec() };
    store.commit(transaction, now).await
}

async fn written<T: StoreUnderTest>(it: &T, changes: &[Change], effects: &[EffectOf<T>]) {
    let result = commit(it.store(), changes, effects, at(0)).await;
    assert!(result.is_ok(), "not written: {result:?}");
}

/// The reasons of the transaction's cancellation: those of the changes, then those of the effects.
async fn cancelled<T: StoreUnderTest>(
    it: &T,
    changes: &[Change],
    effects: &[EffectOf<T>],
    now: Timestamp,
) -> Vec<ItemConflict> {
    match commit(it.store(), changes, effects, now).await {
        Err(CommitError::Cancelled { changes: mut reasons, effects }) => {
            reasons.extend(effects);
            reasons
        }
        other => panic!("expected a cancellation, found {other:?}"),
    }
}

/// Reads a record by a change that cannot succeed.
async fn check_record<T: StoreUnderTest>(it: &T, key: &str, expected: Option<DedupeRecord>) {
    let nobodys = change(key, held("nobody"), None);
    assert_eq!(
        cancelled(it, &[nobodys], &[], at(0)).await,
        [ItemConflict::Found(expected)],
        "{key}"
    );
}

async fn check_applied<T: StoreUnderTest>(it: &T, key: &str, expected: bool) {
    assert_eq!(it.is_applied(&id(key)).await, expected, "whether `{key}` was applied");
}

async fn what_is_free_is_written<T: StoreUnderTest>(it: &T) {
    check_record(it, "a", None).await;
    written(it, &[write("a", "1"), write("b", "2")], &[insert(it, "c", "1")]).await;
    check_record(it, "a", Some(completed("1"))).await;
    check_record(it, "b", Some(completed("2"))).await;
    check_applied(it, "c", true).await;
    check_applied(it, "d", false).await;
}

async fn what_took_effect_is_named_as_it_was_written<T: StoreUnderTest>(it: &T) {
    let placed = DedupeRecord::Completed(Completed {
        fingerprint: payload("1"),
        place: Some("flights/day=1/x.parquet".to_owned()),
        expires_at: expiry(),
    });
    written(it, &[change("a", Expected::Free, Some(placed.clone()))], &[]).await;
    assert_eq!(cancelled(it, &[write("a", "1")], &[], at(0)).await, [found(placed.clone())]);
    assert_eq!(cancelled(it, &[write("a", "2")], &[], at(0)).await, [found(placed)]);
}

async fn sinks_do_not_share_keys<T: StoreUnderTest>(it: &T) {
    written(it, &[write("a", "1")], &[]).await;
    let mut other = write("a", "2");
    other.id.sink = "mirror".to_owned();
    written(it, &[other], &[]).await;
    check_record(it, "a", Some(completed("1"))).await;
}

async fn an_expired_record_counts_as_absent<T: StoreUnderTest>(it: &T) {
    written(it, &[write("a", "1"), change("b", Expected::Free, Some(claim("w1")))], &[]).await;
    let later = DedupeRecord::Completed(Completed {
        fingerprint: payload("2"),
        place: None,
        expires_at: expiry().plus(DAY),
    });
    let next = ["a", "b"].map(|key| change(key, Expected::Free, Some(later.clone())));
    let last_second = Timestamp::from_unix_ms(expiry().unix_ms() - 1_000);
    let before = cancelled(it, &next, &[], last_second).await;
    assert_eq!(before, [found(completed("1")), found(claim("w1"))]);
    let result = commit(it.store(), &next, &[], expiry()).await;
    assert!(result.is_ok(), "an expired record held its key: {result:?}");
    // Now the second event has the key.
    let third = write("a", "3");
    assert_eq!(cancelled(it, &[third], &[], expiry()).await, [found(later)]);
}

async fn a_transaction_is_written_whole_or_not_at_all<T: StoreUnderTest>(it: &T) {
    written(it, &[write("b", "1")], &[]).await;
    let changes = [write("a", "1"), write("b", "1"), write("c", "1")];
    let effect = insert(it, "d", "1");
    cancelled(it, &changes, std::slice::from_ref(&effect), at(0)).await;
    for key in ["a", "c"] {
        check_record(it, key, None).await;
    }
    check_applied(it, "d", false).await;
    // Their keys were not taken either.
    let [left, _, right] = changes;
    written(it, &[left, right], &[effect]).await;
    check_applied(it, "d", true).await;
}

async fn a_cancellation_has_a_reason_for_each_part_in_order<T: StoreUnderTest>(it: &T) {
    written(it, &[write("b", "1"), write("d", "2")], &[insert(it, "f", "3")]).await;
    let changes = ["a", "b", "c", "d"].map(|key| write(key, "1"));
    let effects = ["e", "f"].map(|key| insert(it, key, "1"));
    let reasons = cancelled(it, &changes, &effects, at(0)).await;
    let expected = [
        ItemConflict::NotAtFault,
        found(completed("1")),
        ItemConflict::NotAtFault,
        found(completed("2")),
        ItemConflict::NotAtFault,
    ];
    assert_eq!(reasons[..5], expected);
    assert!(is_completed(&reasons[5], "3"), "{reasons:?}");
}

async fn a_claim_is_changed_by_its_owner_alone<T: StoreUnderTest>(it: &T) {
    written(it, &[change("a", Expected::Free, Some(claim("w1")))], &[]).await;
    for to in [None, Some(completed("1")), Some(claim("w2"))] {
        let others = change("a", held("w2"), to);
        assert_eq!(cancelled(it, &[others], &[], at(3_600)).await, [found(claim("w1"))]);
    }
    // A claim whose lease has ended is not free either.
    let reasons = cancelled(it, &[write("a", "1")], &[], at(3_600)).await;
    assert_eq!(reasons, [found(claim("w1"))]);
    written(it, &[change("a", held("w1"), Some(completed("1")))], &[]).await;
    // A completed record has no owner.
    let again = change("a", held("w1"), None);
    assert_eq!(cancelled(it, &[again], &[], at(0)).await, [found(completed("1"))]);
}

async fn a_claim_passes_to_whoever_names_its_owner<T: StoreUnderTest>(it: &T) {
    written(it, &[change("a", Expected::Free, Some(claim("w1")))], &[]).await;
    written(it, &[change("a", held("w1"), Some(claim("w2")))], &[]).await;
    let late = change("a", held("w1"), Some(completed("1")));
    assert_eq!(cancelled(it, &[late], &[], at(0)).await, [found(claim("w2"))]);
    written(it, &[change("a", held("w2"), None)], &[]).await;
    check_record(it, "a", None).await;
    written(it, &[write("a", "1")], &[]).await;
}

async fn an_effect_can_be_its_own_record<T: StoreUnderTest>(it: &T) {
    written(it, &[], &[insert(it, "a", "1"), insert(it, "b", "1")]).await;
    let effects = [insert(it, "a", "1"), insert(it, "b", "2"), insert(it, "c", "1")];
    let reasons = cancelled(it, &[], &effects, at(0)).await;
    assert!(is_completed(&reasons[0], "1") && is_completed(&reasons[1], "1"), "{reasons:?}");
    assert_eq!(reasons[2], ItemConflict::NotAtFault);
    check_applied(it, "c", false).await;
}

fn expiring<T: StoreUnderTest>(it: &T, fingerprint: &str, expires_at: Timestamp) -> EffectOf<T> {
    let (id, fingerprint) = (id("a"), payload(fingerprint));
    it.effect(OwnRecord { id: &id, fingerprint: &fingerprint, expires_at: Some(expires_at) })
}

async fn an_effect_that_has_expired_counts_as_absent<T: StoreUnderTest>(it: &T) {
    written(it, &[], &[expiring(it, "1", expiry())]).await;
    let next = [expiring(it, "2", expiry().plus(DAY))];
    let last_second = Timestamp::from_unix_ms(expiry().unix_ms() - 1_000);
    let reasons = cancelled(it, &[], &next, last_second).await;
    assert!(is_completed(&reasons[0], "1"), "{reasons:?}");
    let result = commit(it.store(), &[], &next, expiry()).await;
    assert!(result.is_ok(), "an expired effect held its key: {result:?}");
    // Now the second event has the key.
    let third = expiring(it, "3", expiry().plus(DAY));
    let reasons = cancelled(it, &[], &[third], expiry()).await;
    assert!(is_completed(&reasons[0], "2"), "{reasons:?}");
}

/// Whether the reason is a completed record with this fingerprint, whatever its expiry.
fn is_completed(reason: &ItemConflict, fingerprint: &str) -> bool {
    let ItemConflict::Found(Some(DedupeRecord::Completed(completed))) = reason else {
        return false;
    };
    completed.fingerprint == payload(fingerprint)
}
