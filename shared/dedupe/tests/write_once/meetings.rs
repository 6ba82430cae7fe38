//! Effects on the same target, in a batch and in the store.

use std::collections::{BTreeMap, BTreeSet};

use event::{Code, FailureKind};
use proptest::collection::vec;
use proptest::prelude::*;
use sluicegate_dedupe::transactional::TransactionalBatch;
use sluicegate_dedupe::{CommitError, Effect as _, Transaction};
use testkit::{Answer, Tables, TestEffect};

use super::*;

/// How many changes and effects each call had.
fn actions(store: &Store) -> Vec<(usize, usize)> {
    store.calls().iter().map(|call| (call.changes.len(), call.effects.len())).collect()
}

fn value_at(store: &Store, target: &str) -> usize {
    store.rows()[target].value
}

#[test]
fn what_adds_up_is_one_effect_for_many_keys() {
    let store = Store::default();
    let writes: Vec<_> = (1..=20).map(|n| write_at(n, "total", Meeting::Add, n)).collect();
    assert_eq!(run(&store, &writes, Limits::DYNAMODB), vec![Ok(Verdict::Written); 20]);
    assert_eq!((actions(&store), value_at(&store, "total")), (vec![(20, 1)], 210));
}

#[test]
fn a_duplicate_among_what_adds_up_takes_its_own_part_out_alone() {
    let store = Store::default();
    run(&store, &[write_at("b", "total", Meeting::Add, 10)], Limits::DYNAMODB);
    let writes = [("a", 1), ("b", 10), ("c", 100)]
        .map(|(key, value)| write_at(key, "total", Meeting::Add, value));
    let expected = [Ok(Verdict::Written), Ok(Verdict::Duplicate), Ok(Verdict::Written)];
    assert_eq!(run(&store, &writes, Limits::DYNAMODB), expected);
    assert_eq!(value_at(&store, "total"), 111);
    assert_eq!(actions(&store), [(1, 1), (3, 1), (2, 1)]);
}

#[test]
fn the_newest_of_a_batch_is_written_and_the_older_are_stale_in_one_call() {
    for order in [[3, 1, 2], [1, 2, 3], [2, 3, 1]] {
        let store = Store::default();
        let writes = order.map(|n| write_at(n, "row", Meeting::Newest, n));
        let verdict = |n| Ok(if n == 3 { Verdict::Written } else { Verdict::Stale });
        assert_eq!(run(&store, &writes, Limits::DYNAMODB), order.map(verdict));
        assert_eq!((actions(&store), value_at(&store, "row")), (vec![(3, 1)], 3));
    }
}

#[test]
fn what_is_older_than_the_store_has_is_remembered_and_changes_nothing() {
    let store = Store::default();
    run(&store, &[write_at("new", "row", Meeting::Newest, 9)], Limits::DYNAMODB);
    let late = [
        write_at("older", "row", Meeting::Newest, 3),
        write_at("old", "row", Meeting::Newest, 5),
        write_at("elsewhere", "other", Meeting::Newest, 1),
    ];
    let expected = [Ok(Verdict::Stale), Ok(Verdict::Stale), Ok(Verdict::Written)];
    assert_eq!(run(&store, &late, Limits::DYNAMODB), expected);
    assert_eq!((value_at(&store, "row"), value_at(&store, "other")), (9, 1));
    // The second call wrote their dedupe records, so that they are duplicates from here on.
    assert_eq!(actions(&store), [(1, 1), (3, 2), (3, 1)]);
    let expected = [Ok(Verdict::Duplicate), Ok(Verdict::Duplicate), Ok(Verdict::Duplicate)];
    assert_eq!(run(&store, &late, Limits::DYNAMODB), expected);
}

#[test]
fn where_the_newest_had_taken_effect_the_older_ones_are_stale_by_the_store() {
    let store = Store::default();
    run(&store, &[write_at("new", "row", Meeting::Newest, 9)], Limits::DYNAMODB);
    let batch = [("old", 5), ("new", 9)].map(|(k, n)| write_at(k, "row", Meeting::Newest, n));
    let expected = [Ok(Verdict::Stale), Ok(Verdict::Duplicate)];
    assert_eq!(run(&store, &batch, Limits::DYNAMODB), expected);
    assert_eq!(value_at(&store, "row"), 9);
}

#[test]
fn where_the_newest_is_poison_the_next_one_is_written() {
    let store = Store::default();
    store.reject(|effect| effect.value >= 100);
    let batch = [1, 100, 2].map(|n| write_at(n, "row", Meeting::Newest, n));
    let outcomes = run(&store, &batch, Limits::DYNAMODB);
    assert!(outcomes[1].is_err());
    assert_eq!(value_at(&store, "row"), 2);
    assert!([&outcomes[0], &outcomes[2]].iter().all(|outcome| outcome.is_ok()), "{outcomes:?}");
}

#[test]
fn poison_writes_of_one_target_are_told_from_the_others_of_it() {
    let values = [100, 1, 100, 2];
    let writes = values.iter().enumerate().map(|(n, &v)| write_at(n, "total", Meeting::Add, v));
    let run = run_in_rounds(writes.collect(), Limits::DYNAMODB, |effect| effect.value >= 100);
    for (value, outcome) in values.into_iter().zip(run.outcomes) {
        if value == 100 {
            assert_eq!(outcome.unwrap_err().kind, FailureKind::Permanent);
        } else {
            assert_eq!(outcome, Ok(Verdict::Written));
        }
    }
}

#[test]
fn what_is_apart_takes_a_round_each_in_the_order_of_delivery() {
    let store = Store::default();
    let mut writes: Vec<_> = (1..=4).map(|n| write_at(n, "row", Meeting::Apart, n)).collect();
    writes.push(write_at(5, "other", Meeting::Apart, 5));
    assert_eq!(run(&store, &writes, Limits::DYNAMODB), vec![Ok(Verdict::Written); 5]);
    assert_eq!(actions(&store), [(2, 2), (1, 1), (1, 1), (1, 1)]);
    assert_eq!(applied(&store), [1, 5, 2, 3, 4]);
}

#[test]
fn a_target_of_a_full_transaction_waits_for_the_next_round() {
    let store = Store::default();
    let limits = Limits { actions: 4, ..Limits::DYNAMODB };
    let writes: Vec<_> = (1..=9).map(|n| write_at(n, "total", Meeting::Add, 1)).collect();
    assert_eq!(run(&store, &writes, limits), vec![Ok(Verdict::Written); 9]);
    assert_eq!((actions(&store), value_at(&store, "total")), (vec![(3, 1); 3], 9));
}

/// Keys have one or two payloads, a fixed target, and a value for each payload: that of key 5 and payload 1 is 11.
fn delivery(key: u8, payload: u8, bytes: usize) -> Write {
    let target = key % 4;
    let meeting = if target < 2 { Meeting::Add } else { Meeting::Newest };
    let value = usize::from(key) * 2 + usize::from(payload);
    let write = write(key, payload, value);
    Write { bytes, effect: write.effect.clone().at(target.to_string(), meeting), ..write }
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        3 => Just(Answer::Honest),
        1 => Just(Answer::Contended),
        1 => Just(Answer::Failed),
        1 => Just(Answer::Lost),
    ]
}

fn number(text: &str) -> u8 {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// A batch, round by round.
struct Run {
    /// The transactions of each round, which are under way at the same time.
    rounds: Vec<Vec<Transaction<TestEffect>>>,
    outcomes: Vec<Outcome>,
}

/// Panics if the rounds do not end. The store accepts no effect that is `poison`.
fn run_in_rounds(writes: Vec<Write>, limits: Limits, poison: fn(&TestEffect) -> bool) -> Run {
    let mut tables = Tables::default();
    let mut batch = TransactionalBatch::new(writes, limits);
    let mut rounds = Vec::new();
    loop {
        let transactions = batch.transactions();
        if transactions.is_empty() {
            return Run { rounds, outcomes: batch.into_outcomes() };
        }
        assert!(rounds.len() < 1_000, "never done");
        rounds.push(transactions.clone());
        let mut answers = Vec::new();
        for transaction in transactions {
            let is_poison = transaction.effects.iter().any(poison);
            answers.push(if is_poison {
                let reason = "poison".to_owned();
                Err(CommitError::Rejected { code: Code::DependencyRefused, reason })
            } else {
                tables.commit(transaction, now())
            });
        }
        batch.apply_results(answers);
    }
}

/// What is at each target, calculated from the keys that took effect.
fn expected_rows(store: &Store) -> BTreeMap<String, usize> {
    let mut rows = BTreeMap::new();
    for (id, record) in store.records() {
        let sluicegate_dedupe::DedupeRecord::Completed(completed) = record else {
            panic!("{record:?}")
        };
        let key = number(id.key.as_str());
        let effect = delivery(key, number(completed.fingerprint.as_str()), 1).effect;
        let row = rows.entry((key % 4).to_string()).or_insert(0);
        *row = if key % 4 < 2 { *row + effect.value } else { effect.value.max(*row) };
    }
    rows
}

proptest! {
    #[test]
    fn each_key_adds_up_once_and_the_newest_stays_under_every_fault(
        batches in vec(vec((0_u8..24, 0_u8..2, 1_usize..1_500_000), 0..30), 1..8),
        answers in vec(answer(), 0..20),
        actions in 2_usize..12,
    ) {
        let limits = Limits { actions, ..Limits::DYNAMODB };
        let store = Store::default();
        store.answer(answers);
        let mut stale = BTreeSet::new();
        for batch in &batches {
            let mut delivered: Vec<_> =
                batch.iter().map(|&(key, payload, bytes)| delivery(key, payload, bytes)).collect();
            for receive in 0.. {
                prop_assert!(receive < 25, "never done");
                let outcomes = run(&store, &delivered, limits);
                for (write, outcome) in delivered.iter().zip(&outcomes) {
                    if *outcome == Ok(Verdict::Stale) {
                        stale.insert(write.id.clone());
                    }
                }
                let open = delivered.into_iter().zip(&outcomes);
                delivered = open.filter(|(_, outcome)| outcome.is_err()).map(|(w, _)| w).collect();
                if delivered.is_empty() {
                    break;
                }
            }
        }
        let keys: BTreeSet<u8> = batches.iter().flatten().map(|delivery| delivery.0).collect();
        prop_assert_eq!(store.records().len(), keys.len(), "each key is remembered");
        let rows: BTreeMap<_, _> =
            store.rows().into_iter().map(|(target, effect)| (target, effect.value)).collect();
        prop_assert_eq!(rows, expected_rows(&store));
        for id in stale {
            let key = number(id.key.as_str());
            prop_assert!(key % 4 >= 2, "nothing is newer where all adds up: {}", id);
        }
    }

    #[test]
    fn limits_hold_and_no_target_stands_twice_where_effects_are_merged(
        batch in vec((0_u8..60, 0_u8..2, 1_usize..2_500_000), 0..80),
        answers in vec(answer(), 0..6),
        actions in 2_usize..12,
    ) {
        let store = Store::default();
        store.answer(answers);
        let writes: Vec<_> =
            batch.iter().map(|&(key, payload, bytes)| delivery(key, payload, bytes)).collect();
        run(&store, &writes, Limits { actions, ..Limits::DYNAMODB });
        let bytes: BTreeMap<_, _> = writes.iter().rev().map(|w| (&w.id, w.bytes)).collect();
        for call in store.calls() {
            prop_assert!(call.changes.len() + call.effects.len() <= actions);
            let targets: BTreeSet<_> = call.effects.iter().map(sluicegate_dedupe::Effect::target).collect();
            prop_assert_eq!(targets.len(), call.effects.len(), "a target twice");
            let keys: BTreeSet<_> = call.changes.iter().map(|change| &change.id).collect();
            prop_assert_eq!(keys.len(), call.changes.len(), "a key twice");
            let bytes: usize = keys.iter().map(|id| bytes[*id]).sum();
            prop_assert!(bytes <= 4_000_000 || keys.len() == 1, "{} bytes", bytes);
        }
    }

    /// The transactions of a round are under way at the same time, and the store refuses one of two that write to the
    /// same item.
    #[test]
    fn no_two_transactions_of_a_round_have_a_target_in_common(
        batch in vec((0_u8..60, 0_u8..2, 1_usize..2_500_000), 0..80),
        actions in 2_usize..12,
    ) {
        let writes: Vec<_> =
            batch.iter().map(|&(key, payload, bytes)| delivery(key, payload, bytes)).collect();
        let limits = Limits { actions, ..Limits::DYNAMODB };
        for round in run_in_rounds(writes, limits, |effect| effect.value % 7 == 0).rounds {
            let effects = round.iter().flat_map(|transaction| &transaction.effects);
            let all: Vec<_> = effects.filter_map(TestEffect::target).collect();
            let distinct: BTreeSet<_> = all.iter().collect();
            prop_assert_eq!(distinct.len(), all.len(), "a target twice: {:?}", all);
        }
    }
}
