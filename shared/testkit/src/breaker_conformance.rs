//! The conformance suite of the port for stores of breakers.

use std::collections::BTreeMap;
use std::time::Duration;

use breaker::{
    Cause, Counts, Forced, ForcedState, Lease, Publication, PublishOutcome, Record, ReplaceOutcome,
    SharedCounts, Slot, Snapshot, State, Store, Window,
};
use event::Timestamp;

/// Runs every case of the suite, each on an empty store from `fresh`.
///
/// # Panics
/// At the first case that fails.
pub async fn breaker_conformance<S: Store>(fresh: impl AsyncFn() -> S) {
    a_record_is_read_as_it_was_written(&fresh().await).await;
    a_record_is_replaced_by_whoever_has_read_it(&fresh().await).await;
    counts_are_added(&fresh().await).await;
    counts_are_added_only_to_what_was_seen(&fresh().await).await;
    windows_of_two_lengths_count_apart(&fresh().await).await;
}

async fn all<S: Store>(store: &S) -> BTreeMap<String, Snapshot> {
    store.read().await.unwrap_or_else(|away| panic!("{away}"))
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_123 + seconds * 1_000)
}

fn counts(calls: u32) -> Counts {
    Counts { calls, failures: 2, slow: 1, absent: 3 }
}

fn lease(permits: u32, seconds: i64) -> Lease {
    Lease { permits, ends_at: time(seconds) }
}

/// Records in each state, with every field that a record can have.
fn records() -> Vec<Record> {
    let mut states = vec![
        State::Closed { since: time(0), ramp_ends_at: time(30) },
        State::HalfOpen {
            since: time(1),
            permitted: 3,
            leases: BTreeMap::from([("a".to_owned(), lease(1, 8)), ("b".to_owned(), lease(2, 9))]),
            results: counts(4),
        },
    ];
    for cause in Cause::ALL {
        states.push(State::Open { since: time(2), until: time(3), cause });
    }
    let mut records = Vec::new();
    for state in states {
        let plain = Record { version: 1, state, ..Record::unwritten() };
        for to in ForcedState::ALL {
            let (by, why) = ("arn:aws:iam::1:user/ann".to_owned(), "“planned”".to_owned());
            let until = (to == ForcedState::Open).then(|| time(60));
            let forced = Some(Forced { to, by, why, since: time(4), until });
            let (opens, unavailable_since) = (5, Some(time(2)));
            records.push(Record {
                generation: 9,
                opens,
                unavailable_since,
                forced,
                ..plain.clone()
            });
        }
        records.push(plain);
    }
    records
}

async fn a_record_is_read_as_it_was_written<S: Store>(store: &S) {
    assert_eq!(all(store).await, BTreeMap::new());
    for (at, record) in records().iter().enumerate() {
        let name = format!("service-{at}");
        assert_eq!(store.replace(&name, 0, record).await, ReplaceOutcome::Written);
        let found = all(store).await;
        assert_eq!(found[&name].record.as_ref(), Some(record));
        assert_eq!(found.len(), at + 1);
    }
}

async fn a_record_is_replaced_by_whoever_has_read_it<S: Store>(store: &S) {
    let first = Record { version: 1, ..Record::unwritten() };
    let second = Record { version: 2, opens: 1, ..first.clone() };
    let other = Record { version: 2, opens: 7, ..first.clone() };
    assert_eq!(store.replace("s", 1, &second).await, ReplaceOutcome::Conflict(None));
    assert_eq!(store.replace("s", 0, &first).await, ReplaceOutcome::Written);
    assert_eq!(store.replace("s", 0, &first).await, ReplaceOutcome::Conflict(Some(first.clone())));
    assert_eq!(store.replace("s", 1, &second).await, ReplaceOutcome::Written);
    assert_eq!(store.replace("s", 1, &other).await, ReplaceOutcome::Conflict(Some(second.clone())));
    assert_eq!(store.replace("t", 0, &first).await, ReplaceOutcome::Written, "another breaker");
    let found = all(store).await;
    assert_eq!(found["s"].record, Some(second));
}

const WINDOW: Window = Window::Count(100);

fn publication(generation: u64, slots: &[(Slot, u32)], seen: &SharedCounts) -> Publication {
    let added = slots.iter().map(|(slot, calls)| (*slot, counts(*calls))).collect();
    Publication { generation, added, seen: seen.clone() }
}

async fn shared<S: Store>(store: &S, window: Window) -> SharedCounts {
    let mut found = all(store).await;
    let snapshot = found.remove("s").unwrap_or_default();
    snapshot.counts.get(&window.horizon()).cloned().unwrap_or_default()
}

/// After a publication, the store holds what the pure rule says.
#[track_caller]
fn check(found: &SharedCounts, publication: &Publication, before: &SharedCounts) {
    assert_eq!(Some(found), publication.applied_to(before).as_ref());
}

async fn counts_are_added<S: Store>(store: &S) {
    let mut before = SharedCounts::default();
    let steps: [(u64, &[(Slot, u32)]); 6] = [
        (0, &[(5, 1)]),
        (0, &[(5, 2), (6, 3), (9, 1)]),
        (0, &[(16, 7), (7, 1)]),
        (1, &[(16, 1)]),
        (1, &[(16, 2), (17, 1)]),
        (4, &[(17, 1)]),
    ];
    for (generation, slots) in steps {
        let publication = publication(generation, slots, &before);
        assert_eq!(store.publish("s", WINDOW, &publication).await, PublishOutcome::Added);
        let found = shared(store, WINDOW).await;
        check(&found, &publication, &before);
        before = found;
    }
}

async fn counts_are_added_only_to_what_was_seen<S: Store>(store: &S) {
    let empty = SharedCounts::default();
    let first = publication(0, &[(5, 1)], &empty);
    assert_eq!(store.publish("s", WINDOW, &first).await, PublishOutcome::Added);
    let before = shared(store, WINDOW).await;
    for (generation, slot) in [(0, 15), (1, 15)] {
        let other = publication(generation, &[(slot, 1)], &shared(store, WINDOW).await);
        assert_eq!(store.publish("s", WINDOW, &other).await, PublishOutcome::Added);
        let after = shared(store, WINDOW).await;
        for seen in [&before, &empty] {
            let late = publication(0, &[(5, 1)], seen);
            assert_eq!(store.publish("s", WINDOW, &late).await, PublishOutcome::Conflict);
        }
        assert_eq!(shared(store, WINDOW).await, after);
    }
}

async fn windows_of_two_lengths_count_apart<S: Store>(store: &S) {
    let longer = Window::Time(Duration::from_secs(300));
    let empty = SharedCounts::default();
    let (one, other) = (publication(0, &[(5, 1)], &empty), publication(0, &[(1, 4)], &empty));
    assert_eq!(store.publish("s", WINDOW, &one).await, PublishOutcome::Added);
    assert_eq!(store.publish("s", longer, &other).await, PublishOutcome::Added);
    check(&shared(store, WINDOW).await, &one, &empty);
    check(&shared(store, longer).await, &other, &empty);
}
