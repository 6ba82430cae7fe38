//! The leased protocol: each event is delivered to a service on its own.

use std::time::Duration;

use event::{Code, Failure, FailureKind};
use futures_util::FutureExt;
use sluicegate_dedupe::leased::{Delivery, write_leased};
use sluicegate_dedupe::{Claim, DedupeRecord, Lease, Outcome, RecordId, Verdict};
use testkit::Answer;

use super::target::{MemoryTarget, refused, unknown};
use super::{LEASE, Store, claim, claims, conflict, ended, lease, start, ticking};

/// Runs a batch that begins `after` the start and waits for no other attempt.
fn run(store: &Store, target: &MemoryTarget, claims: Vec<Claim>, after: Duration) -> Vec<Outcome> {
    let now = start().plus(after);
    ended(write_leased(store, target, claims, lease(now), || now).now_or_never())
}

/// Runs a batch of one claim at the start.
fn run_one(store: &Store, target: &MemoryTarget, claim: Claim) -> Outcome {
    run(store, target, vec![claim], Duration::ZERO).remove(0)
}

/// How many records each call to the store changed.
fn costs(store: &Store) -> Vec<usize> {
    store.calls().iter().map(|call| call.changes.len()).collect()
}

fn record(store: &Store, key: &str) -> Option<DedupeRecord> {
    let is_of_key = |id: &RecordId| id.key.to_string() == key;
    store.records().into_iter().find(|(id, _)| is_of_key(id)).map(|(_, record)| record)
}

#[track_caller]
fn is_completed(store: &Store, key: &str, payload: &str) {
    let record = record(store, key);
    assert!(
        matches!(&record, Some(DedupeRecord::Completed(one)) if one.fingerprint.to_string() == payload),
        "{record:?}"
    );
}

/// A claim whose owner crashed before it delivered anything.
fn dead_writer(store: &Store, target: &MemoryTarget, key: &str) {
    store.answer([Answer::Lost, Answer::Failed, Answer::Failed]);
    assert!(run_one(store, target, claim(key, "p", "dead")).is_err());
    assert!(target.calls().is_empty());
}

#[test]
fn a_fresh_batch_costs_a_commit_its_deliveries_and_a_commit() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    let outcomes = run(&store, &target, claims("0123456789", "w1"), Duration::ZERO);
    assert_eq!(outcomes, vec![Ok(Verdict::Written); 10]);
    assert_eq!(costs(&store), [10, 10]);
    assert_eq!(target.calls().len(), 10);
    "0123456789".chars().for_each(|key| is_completed(&store, &key.to_string(), "p"));
}

#[test]
fn a_batch_of_duplicates_costs_a_commit_and_no_delivery() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    run(&store, &target, claims("0123456789", "w1"), Duration::ZERO);
    let outcomes = run(&store, &target, claims("0123456789", "w2"), Duration::ZERO);
    assert_eq!(outcomes, vec![Ok(Verdict::Duplicate); 10]);
    assert_eq!(costs(&store), [10, 10, 10]);
    assert_eq!(target.calls().len(), 10);
}

#[test]
fn more_claims_than_a_transaction_holds_take_several() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    let batch = (0..101).map(|key: u8| claim(&key.to_string(), "p", "w1")).collect();
    let outcomes = run(&store, &target, batch, Duration::ZERO);
    assert_eq!(outcomes, vec![Ok(Verdict::Written); 101]);
    assert_eq!(costs(&store), [100, 1, 100, 1]);
    assert_eq!(target.calls().len(), 101);
}

#[test]
fn a_keys_repeats_in_a_batch_are_not_delivered() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    let batch = vec![claim("a", "p", "w1"), claim("a", "p", "w1"), claim("a", "q", "w1")];
    let outcomes = run(&store, &target, batch, Duration::ZERO);
    assert_eq!(outcomes, [Ok(Verdict::Written), Ok(Verdict::Duplicate), Ok(conflict("p"))]);
    assert_eq!(target.calls(), ["a:p"]);
}

#[test]
fn another_payload_of_a_completed_key_is_a_conflict() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    run(&store, &target, claims("a", "w1"), Duration::ZERO);
    assert_eq!(run_one(&store, &target, claim("a", "q", "w2")), Ok(conflict("p")));
    assert_eq!(target.calls(), ["a:p"]);
}

#[test]
fn what_another_holds_is_returned_for_when_its_lease_ends() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    dead_writer(&store, &target, "a");
    let ten = Duration::from_secs(10);
    let outcomes = run(&store, &target, claims("ab", "w2"), ten);
    let held = outcomes[0].clone().unwrap_err();
    assert_eq!(held.kind, FailureKind::Throttled { retry_after: Some(LEASE - ten) });
    assert_eq!(outcomes[1], Ok(Verdict::Written));
    assert_eq!(target.calls(), ["b:p"]);
}

#[test]
fn what_another_holds_is_waited_for_while_there_is_time() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    dead_writer(&store, &target, "a");
    let before = store.pauses().len();
    let lease = Lease { wait_until: start().plus(10 * LEASE), ..lease(start()) };
    let written = write_leased(&store, &target, claims("ab", "w2"), lease, ticking());
    assert_eq!(ended(written.now_or_never()), vec![Ok(Verdict::Written); 2]);
    // A free key does not wait for it.
    assert_eq!(target.calls(), ["b:p", "a:p again"]);
    assert!(store.pauses().len() > before, "it waited before it asked again");
}

#[test]
fn what_is_refused_gives_its_key_back() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    target.answer([refused()]);
    let outcomes = run(&store, &target, claims("ab", "w1"), Duration::ZERO);
    let Delivery::Refused(failure) = refused() else { unreachable!() };
    assert_eq!(outcomes, [Err(failure), Ok(Verdict::Written)]);
    assert_eq!(record(&store, "a"), None);
    // Both records are changed in one transaction.
    assert_eq!(costs(&store), [2, 2]);
    assert_eq!(run_one(&store, &target, claim("a", "q", "w2")), Ok(Verdict::Written));
}

#[test]
fn another_payload_is_not_refused_with_the_first_of_its_batch() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    target.answer([refused()]);
    let batch = vec![claim("a", "p", "w1"), claim("a", "p", "w1"), claim("a", "q", "w1")];
    let kinds = run(&store, &target, batch, Duration::ZERO);
    let kinds: Vec<_> = kinds.into_iter().map(|outcome| outcome.unwrap_err().kind).collect();
    let (permanent, transient) = (FailureKind::Permanent, FailureKind::Transient);
    assert_eq!(kinds, [permanent, permanent, transient]);
    assert_eq!(run_one(&store, &target, claim("a", "q", "w2")), Ok(Verdict::Written));
}

#[test]
fn what_may_have_taken_effect_is_delivered_again_at_once() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    target.answer([unknown()]);
    let failure = run_one(&store, &target, claim("a", "p", "w1")).unwrap_err();
    assert_eq!((failure.kind, failure.code), (FailureKind::Transient, Code::DependencyUnavailable));
    assert_eq!(run_one(&store, &target, claim("a", "p", "w2")), Ok(Verdict::Written));
    assert_eq!(target.calls(), ["a:p", "a:p again"]);
}

#[test]
fn what_may_have_taken_effect_keeps_its_key_from_another_payload() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    let away = Failure::transient(Code::DependencyUnavailable, "not now");
    // The second attempt is refused, which says nothing about the first one.
    target.answer([unknown(), Delivery::Refused(away)]);
    for owner in ["w1", "w2"] {
        assert!(run_one(&store, &target, claim("a", "p", owner)).is_err());
        let failure = run_one(&store, &target, claim("a", "q", "other")).unwrap_err();
        assert_eq!((failure.kind, failure.code), (FailureKind::Transient, Code::Conflict));
    }
    assert_eq!(run_one(&store, &target, claim("a", "p", "w3")), Ok(Verdict::Written));
    assert_eq!(run_one(&store, &target, claim("a", "q", "other")), Ok(conflict("p")));
    assert_eq!(target.calls(), ["a:p", "a:p again", "a:p again"]);
}

#[test]
fn claims_whose_answer_was_lost_are_found_to_be_ones_own() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    store.answer([Answer::Lost]);
    let outcomes = run(&store, &target, claims("ab", "w1"), Duration::ZERO);
    assert_eq!(outcomes, vec![Ok(Verdict::Written); 2]);
    assert_eq!(target.calls(), ["a:p", "b:p"]);
}

#[test]
fn a_completion_whose_answer_was_lost_is_found_to_be_made() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    store.answer([Answer::Honest, Answer::Lost]);
    assert_eq!(run_one(&store, &target, claim("a", "p", "w1")), Ok(Verdict::Written));
    assert_eq!(target.calls(), ["a:p"]);
}

#[test]
fn what_is_not_known_to_be_completed_is_not_acknowledged() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    store.answer([Answer::Honest, Answer::Failed, Answer::Failed, Answer::Failed]);
    let failure = run_one(&store, &target, claim("a", "p", "w1")).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Transient);
    let outcomes = run(&store, &target, claims("a", "w2"), LEASE);
    assert_eq!(outcomes, [Ok(Verdict::Written)]);
    assert_eq!(target.calls(), ["a:p", "a:p again"]);
}

#[test]
fn a_store_that_is_away_returns_the_batch_and_nothing_is_delivered() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    store.answer([Answer::Failed; 3]);
    let outcomes = run(&store, &target, claims("ab", "w1"), Duration::ZERO);
    assert!(outcomes.iter().all(Result::is_err));
    assert!(target.calls().is_empty());
    assert_eq!(store.pauses().len(), 2, "it waits before it tries again");
}

#[test]
fn a_contended_batch_is_tried_as_often_as_its_lease_says_and_then_returned() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    store.answer([Answer::Contended; 2]);
    let outcomes = run(&store, &target, claims("ab", "w1"), Duration::ZERO);
    assert_eq!(outcomes, vec![Ok(Verdict::Written); 2]);
    // The third call makes the claims, and the fourth completes them.
    assert_eq!(costs(&store), [2; 4]);

    let (store, target) = (Store::default(), MemoryTarget::default());
    store.answer([Answer::Contended; 3]);
    let outcomes = run(&store, &target, claims("ab", "w1"), Duration::ZERO);
    assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
    assert_eq!(costs(&store), [2; 3]);
    assert!(target.calls().is_empty(), "nothing is delivered that is not claimed");
}

#[test]
fn a_record_that_the_store_rejects_stands_alone() {
    let (store, target) = (Store::default(), MemoryTarget::default());
    // First all three together, and then the second one.
    store.answer([Answer::Rejected, Answer::Honest, Answer::Rejected]);
    let outcomes = run(&store, &target, claims("abc", "w1"), Duration::ZERO);
    assert_eq!(outcomes[1].clone().unwrap_err().kind, FailureKind::Permanent);
    assert_eq!([&outcomes[0], &outcomes[2]], [&Ok(Verdict::Written); 2]);
    assert_eq!(target.calls(), ["a:p", "c:p"]);
}
