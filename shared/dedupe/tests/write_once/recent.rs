//! The memory of recent keys saves calls and changes no outcome.

use std::sync::Mutex;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sluicegate_dedupe::transactional::write_unknown_once;
use sluicegate_dedupe::{RecentKey, RecentKeys};

use super::*;

fn run_with(
    recent: &Mutex<RecentKeys>,
    store: &Store,
    writes: &[Write],
    now: Timestamp,
) -> Vec<Outcome> {
    let verdicts = write_unknown_once(recent, store, writes.to_vec(), Limits::DYNAMODB, now);
    verdicts.now_or_never().unwrap_or_else(|| panic!("the store in memory made its caller wait"))
}

fn after(ms: u64) -> Timestamp {
    now().plus(Duration::from_millis(ms))
}

fn recent(capacity: usize) -> Mutex<RecentKeys> {
    Mutex::new(RecentKeys::new(capacity))
}

/// A key whose record expires this long after now.
fn expiring(key: u8, payload: u8, ms: u64) -> Write {
    Write { expires_at: after(ms), ..write(key, payload, usize::from(key)) }
}

#[test]
fn a_near_duplicate_costs_no_call() {
    let (recent, store) = (recent(100), Store::default());
    let batch = [write("a", "p", 0), write("b", "p", 1)];
    assert_eq!(run_with(&recent, &store, &batch, now()), vec![Ok(Verdict::Written); 2]);
    assert_eq!(run_with(&recent, &store, &batch, now()), vec![Ok(Verdict::Duplicate); 2]);
    assert_eq!(calls(&store), [2]);
    let mixed = [write("a", "p", 0), write("c", "p", 2)];
    let expected = [Ok(Verdict::Duplicate), Ok(Verdict::Written)];
    assert_eq!(run_with(&recent, &store, &mixed, now()), expected);
    assert_eq!(calls(&store), [2, 1]);
}

#[test]
fn another_payload_under_a_known_key_is_for_the_store_to_judge() {
    let (recent, store) = (recent(100), Store::default());
    run_with(&recent, &store, &[write("a", "p", 0)], now());
    assert_eq!(run_with(&recent, &store, &[write("a", "q", 1)], now()), [Ok(conflict("p"))]);
    assert_eq!(calls(&store), [1, 1]);
}

#[test]
fn what_has_expired_is_asked_for_again() {
    let (recent, store) = (recent(100), Store::default());
    let (first, again) = (expiring(1, 0, 1_000), expiring(1, 0, 9_000));
    run_with(&recent, &store, &[first], now());
    let expected = [Ok(Verdict::Duplicate)];
    assert_eq!(run_with(&recent, &store, std::slice::from_ref(&again), after(999)), expected);
    assert_eq!(run_with(&recent, &store, &[again], after(1_000)), [Ok(Verdict::Written)]);
    assert_eq!(calls(&store), [1, 1]);
}

#[test]
fn a_failed_write_is_not_remembered() {
    let (recent, store) = (recent(100), Store::default());
    store.answer([testkit::Answer::Failed]);
    assert!(run_with(&recent, &store, &[write("a", "p", 0)], now())[0].is_err());
    assert_eq!(run_with(&recent, &store, &[write("a", "p", 0)], now()), [Ok(Verdict::Written)]);
    assert_eq!(calls(&store), [1, 1]);
}

#[test]
fn it_holds_no_more_than_its_capacity_and_the_latest_for_sure() {
    let mut recent = RecentKeys::new(10);
    for n in 0..100 {
        let Write { id, fingerprint, expires_at, .. } = write(n, "p", n);
        recent.remember(RecentKey { id, fingerprint, expires_at });
        let is_known = |n: &usize| {
            let Write { id, fingerprint, .. } = write(n, "p", 0);
            recent.is_duplicate(&id, &fingerprint, now())
        };
        let known: Vec<usize> = (0..=n).filter(is_known).collect();
        assert!(known.len() <= 10, "{known:?}");
        // The newest keys, up to half of the capacity, are always kept.
        let latest: Vec<usize> = (n.saturating_sub(4)..=n).collect();
        assert!(known.ends_with(&latest), "{known:?}");
    }
}

proptest! {
    #[test]
    fn outcomes_are_the_same_with_and_without_it(
        batches in vec((0_u64..40, vec((0_u8..10, 0_u8..3, 1_u64..100), 0..20)), 1..12),
        capacity in 0_usize..30,
    ) {
        let (recent, near, far) = (recent(capacity), Store::default(), Store::default());
        let mut time = 0;
        for (passed, batch) in &batches {
            time += passed;
            let writes: Vec<_> = batch
                .iter()
                .map(|&(key, payload, lives)| expiring(key, payload, time + lives))
                .collect();
            let with = run_with(&recent, &near, &writes, after(time));
            let without = write_once(&far, writes, Limits::DYNAMODB, after(time)).now_or_never();
            prop_assert_eq!(Some(with), without);
        }
        prop_assert_eq!(near.records(), far.records());
        prop_assert!(near.calls().len() <= far.calls().len());
    }
}
