//! Properties: each key takes effect once, whatever is delivered twice, races or fails.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use testkit::Answer;

use super::*;

/// The payload of an effect that no store accepts.
const POISON: usize = 1_000;

/// A delivery: its key, its payload and its size.
fn delivery() -> impl Strategy<Value = (u8, u8, usize)> {
    (0_u8..12, 0_u8..3, 1_usize..2_000_000)
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        3 => Just(Answer::Honest),
        1 => Just(Answer::Contended),
        1 => Just(Answer::Failed),
        1 => Just(Answer::Lost),
    ]
}

/// The writes of one batch. The effect is the position of the delivery, and is poison for payload 2 of a key below
/// `poisoned`.
fn writes(batch: &[(u8, u8, usize)], poisoned: u8, first: usize) -> Vec<Write> {
    let place = |(n, (key, payload, bytes)): (usize, &(u8, u8, usize))| {
        let poison = *payload == 2 && *key < poisoned;
        let effect = first + n + if poison { POISON } else { 0 };
        Write { bytes: *bytes, ..write(key, payload, effect) }
    };
    batch.iter().enumerate().map(place).collect()
}

proptest! {
    #[test]
    fn each_key_takes_effect_once_and_every_delivery_has_its_verdict(
        batches in vec(vec(delivery(), 0..30), 1..8),
        answers in vec(answer(), 0..20),
        poisoned in 0_u8..4,
    ) {
        let store = Store::default();
        store.answer(answers);
        store.reject(|effect| effect.value >= POISON);
        // The payload with which each key took effect, for the keys that did.
        let mut effective: BTreeMap<RecordId, Fingerprint> = BTreeMap::new();
        let mut first = 0;
        for batch in &batches {
            let mut delivered = writes(batch, poisoned, first);
            first += delivered.len();
            // Events are delivered again until none fails that may succeed.
            for receive in 0.. {
                prop_assert!(receive < 25, "never done");
                let outcomes = run(&store, &delivered, Limits::DYNAMODB);
                prop_assert_eq!(outcomes.len(), delivered.len());
                for (write, outcome) in delivered.iter().zip(&outcomes) {
                    match outcome {
                        Ok(Verdict::Written) => {
                            let before = effective.insert(write.id.clone(), write.fingerprint.clone());
                            prop_assert_eq!(before, None, "{} was written twice", write.id);
                        }
                        Ok(Verdict::Duplicate) => {
                            let held = effective.entry(write.id.clone());
                            // After a lost answer, this is the first that is known of it.
                            let held = held.or_insert_with(|| write.fingerprint.clone());
                            prop_assert_eq!(&*held, &write.fingerprint);
                        }
                        Ok(Verdict::Conflict { first }) => {
                            prop_assert_ne!(first, &write.fingerprint);
                            let held = effective.entry(write.id.clone());
                            prop_assert_eq!(&*held.or_insert_with(|| first.clone()), first);
                        }
                        Ok(Verdict::Stale) => prop_assert!(false, "nothing is newer here"),
                        Err(_) => {}
                    }
                }
                let again: Vec<_> = delivered
                    .into_iter()
                    .zip(&outcomes)
                    .filter(|(_, outcome)| {
                        outcome.as_ref().is_err_and(|f| f.kind == event::FailureKind::Transient)
                    })
                    .map(|(write, _)| write)
                    .collect();
                delivered = again;
                if delivered.is_empty() {
                    break;
                }
            }
        }
        let effects = applied(&store);
        prop_assert!(effects.iter().all(|effect| *effect < POISON));
        // Each key that took effect has one effect, and there are no effects that no outcome reports.
        let all: Vec<_> = batches.iter().flatten().collect();
        let keys: BTreeSet<u8> = effects.iter().map(|&effect| all[effect].0).collect();
        prop_assert_eq!(keys.len(), effects.len(), "a key took effect twice");
        prop_assert_eq!(effects.len(), effective.len());
        // Each key that could take effect did.
        let writable = all.iter().filter(|(key, payload, _)| *payload != 2 || *key >= poisoned);
        let writable: BTreeSet<u8> = writable.map(|(key, _, _)| *key).collect();
        prop_assert_eq!(keys, writable);
    }

    #[test]
    fn no_transaction_exceeds_the_limits_but_one_write_that_does_alone(
        batch in vec((0_u8..200, 1_usize..5_000_000), 0..150),
        answers in vec(answer(), 0..6),
    ) {
        let store = Store::default();
        store.answer(answers);
        let size = |(n, (key, bytes)): (usize, &(u8, usize))| Write {
            bytes: *bytes,
            ..write(key, "p", n)
        };
        let writes: Vec<_> = batch.iter().enumerate().map(size).collect();
        run(&store, &writes, Limits::DYNAMODB);
        let bytes: BTreeMap<_, _> = writes.iter().rev().map(|w| (&w.id, w.bytes)).collect();
        for call in store.calls() {
            let changes = call.changes;
            prop_assert!((1..=50).contains(&changes.len()));
            let keys: BTreeSet<_> = changes.iter().map(|change| &change.id).collect();
            prop_assert_eq!(keys.len(), changes.len(), "a key twice in one transaction");
            let bytes: usize = changes.iter().map(|change| bytes[&change.id]).sum();
            prop_assert!(bytes <= 4_000_000 || changes.len() == 1, "{} bytes", bytes);
        }
    }

    #[test]
    fn a_fresh_batch_takes_no_more_calls_than_packing_in_order_needs(
        sizes in vec(1_usize..1_000_000, 1..150),
    ) {
        let store = Store::default();
        let size = |(n, bytes): (usize, &usize)| Write { bytes: *bytes, ..write(n, "p", n) };
        let writes: Vec<_> = sizes.iter().enumerate().map(size).collect();
        run(&store, &writes, Limits::DYNAMODB);
        let calls = store.calls();
        let sizes: BTreeMap<_, _> = writes.iter().map(|write| (&write.id, write.bytes)).collect();
        // The first write of each call would not have fitted into the call before it.
        for pair in calls.windows(2) {
            let bytes: usize = pair[0].changes.iter().map(|change| sizes[&change.id]).sum();
            let next = sizes[&pair[1].changes[0].id];
            prop_assert!(pair[0].changes.len() == 50 || bytes + next > 4_000_000);
        }
    }
}
