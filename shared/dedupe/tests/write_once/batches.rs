//! One batch: what it costs, and what becomes of each of its writes.

use std::time::Duration;

use event::{Code, FailureKind};
use testkit::Answer;

use super::*;

#[test]
fn a_fresh_batch_is_one_call() {
    let store = Store::default();
    let writes: Vec<_> = (0..50).map(|n| write(n, "p", n)).collect();
    let verdicts = run(&store, &writes, Limits::DYNAMODB);
    assert_eq!(verdicts, vec![Ok(Verdict::Written); 50]);
    assert_eq!((calls(&store), applied(&store)), (vec![50], (0..50).collect()));
}

#[test]
fn duplicates_within_a_batch_are_settled_before_any_call() {
    let store = Store::default();
    let writes: Vec<_> = (0..10).map(|n| write("k", "p", n)).collect();
    let mut expected = vec![Ok(Verdict::Duplicate); 10];
    expected[0] = Ok(Verdict::Written);
    assert_eq!(run(&store, &writes, Limits::DYNAMODB), expected);
    assert_eq!((calls(&store), applied(&store)), (vec![1], vec![0]));
}

#[test]
fn a_conflict_within_a_batch_names_the_one_that_was_written() {
    let store = Store::default();
    let writes = [write("k", "p", 0), write("k", "q", 1), write("k", "p", 2)];
    let expected = [Ok(Verdict::Written), Ok(conflict("p")), Ok(Verdict::Duplicate)];
    assert_eq!(run(&store, &writes, Limits::DYNAMODB), expected);
    assert_eq!(calls(&store), [1]);
}

#[test]
fn what_the_store_holds_decides_for_repeats_too() {
    let store = Store::default();
    run(&store, &[write("k", "q", 0)], Limits::DYNAMODB);
    let writes = [write("k", "p", 1), write("k", "q", 2), write("k", "r", 3)];
    let expected = [Ok(conflict("q")), Ok(Verdict::Duplicate), Ok(conflict("q"))];
    assert_eq!(run(&store, &writes, Limits::DYNAMODB), expected);
    assert_eq!(applied(&store), [0]);
}

#[test]
fn what_had_taken_effect_costs_one_call_more_and_the_rest_is_written() {
    let store = Store::default();
    run(&store, &[write("a", "p", 0), write("b", "p", 1)], Limits::DYNAMODB);
    let writes = [write("a", "p", 2), write("b", "q", 3), write("c", "p", 4)];
    let expected = [Ok(Verdict::Duplicate), Ok(conflict("p")), Ok(Verdict::Written)];
    assert_eq!(run(&store, &writes, Limits::DYNAMODB), expected);
    assert_eq!((calls(&store), applied(&store)), (vec![2, 3, 1], vec![0, 1, 4]));
}

#[test]
fn a_poison_write_harms_itself_alone() {
    for poison in [0, 5, 15] {
        let store = Store::default();
        store.reject(|effect| effect.value >= 100);
        let effect = |n| if n == poison { 100 } else { n };
        let writes: Vec<_> = (0..16).map(|n| write(n, "p", effect(n))).collect();
        for (n, outcome) in run(&store, &writes, Limits::DYNAMODB).into_iter().enumerate() {
            if n == poison {
                let failure = outcome.unwrap_err();
                assert_eq!(failure.kind, FailureKind::Permanent);
                assert_eq!(failure.code, Code::DependencyRefused);
            } else {
                assert_eq!(outcome, Ok(Verdict::Written), "write {n}");
            }
        }
        assert_eq!(applied(&store).len(), 15);
        // There is a call for all 16, and at each halving one for each half.
        assert_eq!(calls(&store).len(), 9, "{:?}", calls(&store));
    }
}

#[test]
fn another_payload_under_a_poisoned_key_is_written() {
    let store = Store::default();
    store.reject(|effect| effect.value >= 100);
    let writes = [
        write("k", "bad", 100),
        write("k", "good", 1),
        write("k", "bad", 100),
        write("k", "good", 2),
        write("k", "late", 3),
    ];
    let outcomes = run(&store, &writes, Limits::DYNAMODB);
    assert!(outcomes[0].is_err() && outcomes[2].is_err());
    assert_eq!(outcomes[1], Ok(Verdict::Written));
    assert_eq!(outcomes[3], Ok(Verdict::Duplicate));
    assert_eq!(outcomes[4], Ok(conflict("good")));
    assert_eq!((calls(&store), applied(&store)), (vec![1, 1], vec![1]));
}

#[test]
fn a_contended_batch_is_tried_as_often_as_the_limit_says() {
    let store = Store::default();
    store.answer([Answer::Contended; 3]);
    let writes = [write("a", "p", 0), write("b", "p", 1)];
    assert_eq!(run(&store, &writes, Limits::DYNAMODB), vec![Ok(Verdict::Written); 2]);
    assert_eq!(calls(&store), [2, 2, 2, 2]);
    // There is no wait before the first try. Then each wait is twice as long, with some jitter.
    let waits_ms: Vec<u128> = store.pauses().iter().map(Duration::as_millis).collect();
    assert!(matches!(waits_ms[..], [10..=20, 20..=40, 40..=80]), "{waits_ms:?}");

    let store = Store::default();
    store.answer([Answer::Contended; 4]);
    let outcomes = run(&store, &writes, Limits::DYNAMODB);
    assert!(outcomes.iter().all(|o| o.as_ref().is_err_and(|f| f.kind == FailureKind::Transient)));
    assert_eq!((calls(&store).len(), applied(&store).len()), (4, 0));
}

#[test]
fn settling_a_part_is_progress_and_costs_no_try() {
    let store = Store::default();
    run(&store, &[write("a", "p", 0)], Limits::DYNAMODB);
    store.answer([Answer::Contended; 4]);
    let outcomes = run(&store, &[write("a", "p", 1), write("b", "p", 2)], Limits::DYNAMODB);
    assert_eq!(outcomes, [Ok(Verdict::Duplicate), Ok(Verdict::Written)]);
    assert_eq!(calls(&store), [1, 2, 1, 1, 1, 1]);
}

#[test]
fn a_lost_answer_is_a_failure_now_and_a_duplicate_then() {
    let store = Store::default();
    store.answer([Answer::Lost]);
    let writes = [write("a", "p", 0), write("b", "p", 1), write("a", "p", 2)];
    assert!(run(&store, &writes, Limits::DYNAMODB).iter().all(Result::is_err));
    assert_eq!(run(&store, &writes, Limits::DYNAMODB), vec![Ok(Verdict::Duplicate); 3]);
    assert_eq!(applied(&store), [0, 1]);
}

#[test]
fn a_failed_transaction_fails_its_own_writes_alone() {
    let store = Store::default();
    store.answer([Answer::Honest, Answer::Failed]);
    let writes: Vec<_> = (0..120).map(|n| write(n, "p", n)).collect();
    let outcomes = run(&store, &writes, Limits::DYNAMODB);
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.is_err(), (50..100).contains(&n), "write {n}");
        if let Err(failure) = outcome {
            assert_eq!(failure.reason, "the store is away", "why, as the store says it");
        }
    }
    assert_eq!(calls(&store), [50, 50, 20]);
}
