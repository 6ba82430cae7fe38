//! The fenced protocol: many events are written into one object.

use std::time::Duration;

use event::{Code, FailureKind};
use futures_util::FutureExt;
use sluicegate_dedupe::fenced::write_fenced;
use sluicegate_dedupe::{Claim, DedupeRecord, Lease, Limits, Outcome, Verdict};
use testkit::Answer;

use super::objects::{Fault, MemoryObjects};
use super::{LEASE, Store, claim, claims, conflict, ended, lease, start, ticking};

/// Runs a batch that begins `after` the start and waits for no other attempt.
fn run(
    store: &Store,
    objects: &MemoryObjects,
    claims: Vec<Claim>,
    after: Duration,
) -> Vec<Outcome> {
    let now = start().plus(after);
    let limits = Limits { actions: 3, ..Limits::DYNAMODB };
    objects.holds(&claims);
    let lease = Lease { limits, ..lease(now) };
    ended(write_fenced(store, objects, claims, lease, || now).now_or_never())
}

/// The claims of a writer that crashed before it wrote its object, or after.
fn dead_writer(store: &Store, objects: &MemoryObjects, keys: &str, has_written: bool) {
    objects.fail(if has_written { Fault::Publishing } else { Fault::Writing });
    let outcomes = run(store, objects, claims(keys, "dead"), Duration::ZERO);
    assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
    objects.fail(Fault::None);
}

#[test]
fn a_fresh_batch_is_claimed_written_published_and_completed() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    let outcomes = run(&store, &objects, claims("abcd", "w1"), Duration::ZERO);
    assert_eq!(outcomes, vec![Ok(Verdict::Written); 4]);
    // With three actions in a transaction, the claims take two transactions, and so does their completion.
    let changes: Vec<usize> = store.calls().iter().map(|call| call.changes.len()).collect();
    assert_eq!(changes, [3, 1, 3, 1]);
    assert_eq!(objects.calls(), ["put w1", "publish w1"]);
    assert_eq!(objects.keys("w1"), ["a", "b", "c", "d"]);
    for record in store.records().into_values() {
        let DedupeRecord::Completed(completed) = record else { panic!("{record:?}") };
        assert_eq!(completed.place.as_deref(), Some("w1"));
    }
}

#[test]
fn several_owners_share_transactions_and_have_an_object_each() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    let batch = vec![claim("a", "p", "w1"), claim("b", "p", "w2"), claim("c", "p", "w1")];
    assert_eq!(run(&store, &objects, batch, Duration::ZERO), vec![Ok(Verdict::Written); 3]);
    assert_eq!(store.calls().len(), 2);
    assert_eq!(objects.keys("w1"), ["a", "c"]);
    assert_eq!(objects.keys("w2"), ["b"]);
}

#[test]
fn duplicates_and_conflicts_are_not_written() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    run(&store, &objects, claims("ab", "w1"), Duration::ZERO);
    let batch = vec![
        claim("a", "p", "w2"),
        claim("b", "q", "w2"),
        claim("c", "p", "w2"),
        claim("c", "p", "w2"),
        claim("c", "q", "w2"),
    ];
    let expected = [
        Ok(Verdict::Duplicate),
        Ok(conflict("p")),
        Ok(Verdict::Written),
        Ok(Verdict::Duplicate),
        Ok(conflict("p")),
    ];
    assert_eq!(run(&store, &objects, batch, Duration::ZERO), expected);
    assert_eq!(objects.keys("w2"), ["c"]);
}

#[test]
fn a_batch_of_duplicates_asks_for_no_object() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    run(&store, &objects, claims("abc", "w1"), Duration::ZERO);
    let before = (store.calls().len(), objects.calls().len());
    let outcomes = run(&store, &objects, claims("abc", "w2"), Duration::ZERO);
    assert_eq!(outcomes, vec![Ok(Verdict::Duplicate); 3]);
    assert_eq!((store.calls().len(), objects.calls().len()), (before.0 + 1, before.1));
}

#[test]
fn what_a_dead_writer_wrote_is_completed_for_it() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    dead_writer(&store, &objects, "ab", true);
    let batch = vec![claim("a", "p", "w2"), claim("b", "q", "w2"), claim("c", "p", "w2")];
    let outcomes = run(&store, &objects, batch, LEASE);
    assert_eq!(outcomes, [Ok(Verdict::Duplicate), Ok(conflict("p")), Ok(Verdict::Written)]);
    assert_eq!(objects.keys("dead"), ["a", "b"]);
    assert_eq!(objects.keys("w2"), ["c"]);
    assert!(objects.is_published("dead"));
}

/// The expiry of a claim may have been extended since it was read. It is not shortened again.
#[test]
fn what_is_completed_for_a_dead_writer_is_remembered_from_then_on() {
    for (claimed_ms, later_ms, expected_ms) in [(1_000, 2_000, 2_000), (2_000, 1_000, 2_000)] {
        let (store, objects) = (Store::default(), MemoryObjects::default());
        let until = |ms| start().plus(30 * LEASE + Duration::from_millis(ms));
        objects.fail(Fault::Publishing);
        let dead = Claim { expires_at: until(claimed_ms), ..claim("a", "p", "dead") };
        assert!(run(&store, &objects, vec![dead], Duration::ZERO)[0].is_err());
        objects.fail(Fault::None);
        let later = Claim { expires_at: until(later_ms), ..claim("a", "p", "w2") };
        assert_eq!(run(&store, &objects, vec![later], LEASE), [Ok(Verdict::Duplicate)]);
        let record = store.records().into_values().next().unwrap();
        assert_eq!(record.expires_at(), until(expected_ms));
    }
}

#[test]
fn what_a_dead_writer_did_not_write_is_fenced_and_written() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    dead_writer(&store, &objects, "ab", false);
    let outcomes = run(&store, &objects, claims("ab", "w2"), LEASE);
    assert_eq!(outcomes, vec![Ok(Verdict::Written); 2]);
    assert_eq!(objects.keys("dead"), Vec::<&str>::new());
    assert!(!objects.is_published("dead"), "readers are told of a tombstone");
    assert_eq!(objects.keys("w2"), ["a", "b"]);
}

#[test]
fn what_cannot_be_looked_for_is_returned_after_its_tries_and_the_rest_is_written() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    dead_writer(&store, &objects, "a", true);
    // The first failure is while "b" is claimed, and does not count as a try.
    objects.fail_looks(3);
    let outcomes = run(&store, &objects, claims("ab", "w2"), LEASE);
    assert_eq!(outcomes, [Ok(Verdict::Duplicate), Ok(Verdict::Written)]);

    let (store, objects) = (Store::default(), MemoryObjects::default());
    dead_writer(&store, &objects, "a", true);
    objects.fail_looks(4);
    let outcomes = run(&store, &objects, claims("ab", "w2"), LEASE);
    assert_eq!(outcomes[0].clone().unwrap_err().kind, FailureKind::Transient);
    assert_eq!(outcomes[1], Ok(Verdict::Written));
    assert_eq!(objects.keys("w2"), ["b"]);
}

#[test]
fn a_fenced_writer_gives_its_events_back() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    objects.fence_before_put("w1");
    let outcomes = run(&store, &objects, claims("ab", "w1"), Duration::ZERO);
    for outcome in outcomes {
        assert_eq!(outcome.unwrap_err().kind, FailureKind::Transient);
    }
}

#[test]
fn what_another_holds_is_returned_for_when_its_lease_ends() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    dead_writer(&store, &objects, "a", false);
    let ten = Duration::from_secs(10);
    let outcomes = run(&store, &objects, claims("ab", "w2"), ten);
    let held = outcomes[0].clone().unwrap_err();
    assert_eq!(held.kind, FailureKind::Throttled { retry_after: Some(LEASE - ten) });
    assert_eq!(held.code, Code::DependencyUnavailable);
    assert_eq!(outcomes[1], Ok(Verdict::Written));
}

#[test]
fn what_another_holds_is_waited_for_while_there_is_time() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    dead_writer(&store, &objects, "a", false);
    let lease = Lease { wait_until: start().plus(10 * LEASE), ..lease(start()) };
    let batch = claims("a", "w2");
    objects.holds(&batch);
    let outcomes = ended(write_fenced(&store, &objects, batch, lease, ticking()).now_or_never());
    assert_eq!(outcomes, [Ok(Verdict::Written)]);
    assert!(!store.pauses().is_empty(), "it waited before it asked again");
}

#[test]
fn an_object_whose_answer_was_lost_is_found_to_be_ones_own() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    objects.fail(Fault::AnswerOfPut);
    let outcomes = run(&store, &objects, claims("ab", "w1"), Duration::ZERO);
    assert_eq!(outcomes, vec![Ok(Verdict::Written); 2]);
    assert_eq!(objects.calls(), ["put w1", "look w1", "publish w1"]);
}

#[test]
fn claims_whose_answer_was_lost_are_found_to_be_ones_own() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    store.answer([Answer::Lost]);
    let outcomes = run(&store, &objects, claims("ab", "w1"), Duration::ZERO);
    assert_eq!(outcomes, vec![Ok(Verdict::Written); 2]);
    assert_eq!(objects.keys("w1"), ["a", "b"]);
}

#[test]
fn what_is_written_is_done_whether_or_not_its_record_says_so() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    store.answer([Answer::Honest, Answer::Failed, Answer::Failed, Answer::Failed]);
    let outcomes = run(&store, &objects, claims("ab", "w1"), Duration::ZERO);
    assert_eq!(outcomes, vec![Ok(Verdict::Written); 2]);
    // The next delivery finds it in the object.
    let outcomes = run(&store, &objects, claims("ab", "w2"), LEASE);
    assert_eq!(outcomes, vec![Ok(Verdict::Duplicate); 2]);
}

#[test]
fn a_store_that_is_away_returns_the_batch_and_writes_nothing() {
    let (store, objects) = (Store::default(), MemoryObjects::default());
    store.answer([Answer::Failed; 3]);
    let outcomes = run(&store, &objects, claims("ab", "w1"), Duration::ZERO);
    assert!(outcomes.iter().all(Result::is_err));
    assert!(objects.calls().is_empty());
    assert_eq!(store.pauses().len(), 2, "it waits before it tries again");
}
