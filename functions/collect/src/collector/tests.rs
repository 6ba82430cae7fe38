//! What the store has in the end, whatever fails, in any order, and however often a message is delivered.

mod world;

use std::collections::BTreeMap;

use event::Attributes;
use letters::{Letter, LetterState};
use proptest::prelude::*;
use testkit::LetterFault;

use self::world::{DLQ, Delivery, Event, World};
use super::*;

fn any_fault() -> impl Strategy<Value = LetterFault> {
    prop_oneof![
        3 => Just(LetterFault::None),
        1 => Just(LetterFault::NoEffect),
        1 => Just(LetterFault::Lost),
    ]
}

fn any_delivery() -> impl Strategy<Value = Delivery> {
    let batch = || prop::collection::vec(0_usize..64, 0..9);
    let undeleted = prop_oneof![Just(0_u8), any::<u8>()];
    (batch(), batch(), undeleted, prop::collection::vec(any_fault(), 0..12)).prop_map(
        |(one, other, undeleted, faults)| Delivery { batches: [one, other], undeleted, faults },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(Event::Fail),
        1 => Just(Event::Move),
        1 => (0_usize..64).prop_map(Event::Copy),
        4 => any_delivery().prop_map(Event::Collect),
        2 => (any::<u8>(), prop::bool::weighted(0.3))
            .prop_map(|(failing, is_cancelled)| Event::Redrive { failing, is_cancelled }),
        1 => Just(Event::Pass),
    ]
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_fails_each_letter_is_kept_once_and_whole(
        events in prop::collection::vec(any_event(), 1..40),
    ) {
        let mut world = World::new();
        block_on(world.run(events));
        world.check();
    }
}

/// A catalog of one contract, with these lines besides the required ones.
pub(crate) fn test_catalog(dataset: &str, lines: &str) -> Catalog {
    let yaml = format!(
        "dataset: {dataset}
description: d
owner: o
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/id], event_time: /at}}
sinks: [{{name: records, kind: table}}]
{lines}
"
    );
    let files = BTreeMap::from([("v1.schema.json".to_owned(), "{}".to_owned())]);
    let mut catalog = Catalog::default();
    catalog.add(dataset, &yaml, &files).unwrap();
    catalog
}

fn collect_all(world: &mut World, faults: &[LetterFault]) {
    let all: Vec<usize> = (0..world.queue.len()).collect();
    let batches = [all, Vec::new()];
    block_on(world.collect(&Delivery { batches, undeleted: 0, faults: faults.to_vec() }));
}

#[test]
fn a_letter_that_comes_back_five_times_is_quarantined() {
    let mut world = World::new();
    world.fail(false);
    for life in 0..6 {
        collect_all(&mut world, &[]);
        let letters = world.store.letters();
        let [letter] = letters.values().collect::<Vec<_>>()[..] else { panic!("{letters:?}") };
        let expected = if life < 5 { LetterState::Dead } else { LetterState::Quarantined };
        assert_eq!((&letter.letter.state, letter.letter.runs.len()), (&expected, life));
        assert_eq!(letter.entry.original.is_some(), life > 0);
        let code = if life == 0 { "key.missing" } else { "contract.violation" };
        assert_eq!((letter.entry.code.as_str(), letter.entry.redrives as usize), (code, life));
        block_on(world.redrive(u8::MAX, false));
    }
    world.check();
}

/// A letter can be given back any number of times, since that is not a failure.
#[test]
fn a_letter_that_a_cancelled_run_gives_back_is_as_it_was() {
    let mut world = World::new();
    world.fail(false);
    collect_all(&mut world, &[]);
    let before = world.store.letters().into_values().next().unwrap();
    for life in 1..8 {
        block_on(world.redrive(u8::MAX, true));
        collect_all(&mut world, &[]);
        let letters = world.store.letters();
        let [after] = letters.values().collect::<Vec<_>>()[..] else { panic!("{letters:?}") };
        assert_eq!((&after.letter.state, after.letter.runs.len()), (&LetterState::Dead, life));
        let mut entry = after.entry.clone();
        entry.collected_as.clone_from(&before.entry.collected_as);
        assert_eq!(entry, before.entry, "reason, group, message and counts");
    }
    block_on(world.redrive(u8::MAX, false));
    collect_all(&mut world, &[]);
    let letter = world.store.letters().into_values().next().unwrap().letter;
    assert_eq!((letter.state, letter.runs.len()), (LetterState::Dead, 8), "it came back once");
    world.check();
}

/// The message of a redriven event says until when its keys are remembered. A later stage's message is sent by a
/// function, but in the inbox any producer can claim this.
#[test]
fn what_sqs_moved_is_doubted_only_where_producers_may_send() {
    let until = Timestamp::from_unix_ms(7_000);
    let redriven = event::Redriven { run: "r".to_owned(), remembered_until: Some(until) };
    let mut attributes = Attributes::new();
    redriven.write(&mut attributes);
    for (stage, sender, expected) in [
        ("ingest", "AIDAPRODUCER", None),
        ("ingest", "AROAREDRIVE:function", Some(until)),
        ("sink", "AROAENRICH:function", Some(until)),
        ("sink", "AROAREDRIVE:function", Some(until)),
    ] {
        let mut world = World::new();
        world.fail(true);
        let mut record = world.queue.remove(0);
        record.sender = Some(sender.to_owned());
        record.attributes.extend(attributes.clone());
        let stages = BTreeMap::from([(DLQ.to_owned(), stage.to_owned())]);
        let collector = Collector { stages, ..world.collector() };
        let deadline = world.clock.deadline_in(Duration::from_secs(30));
        assert!(block_on(collector.collect(vec![record], &deadline)).failures.is_empty());
        let letter = world.store.letters().into_values().next().unwrap();
        assert_eq!(letter.entry.remembered_until, expected, "{stage} {sender}");
    }
}

/// Its failure may be that the event is gone. So it is collected all the same.
#[test]
fn a_large_event_is_read_for_its_tenant_if_it_is_there() {
    let event = format!(r#"{{"carrier":"UA","note":"{}"}}"#, "x".repeat(3_000_000));
    let claim = event::ClaimCheck::of(&event);
    for (is_there, tenant) in [(true, Some("UA")), (false, None)] {
        let mut world = World::new();
        world.contracts = test_catalog("flights", "tenant: /carrier");
        if is_there {
            world.bucket.put(&claim.key, &event);
        }
        world.fail(true);
        let mut record = world.queue.remove(0);
        record.body = claim.to_json();
        claim.mark(&mut record.attributes);
        let deadline = world.clock.deadline_in(Duration::from_secs(30));
        assert!(block_on(world.collector().collect(vec![record], &deadline)).failures.is_empty());
        let entry = world.store.letters().into_values().next().unwrap().entry;
        assert_eq!((entry.tenant.as_deref(), entry.bytes), (tenant, event.len() as u64));
        let stored = world.line(&entry.place);
        assert_eq!(stored["body"], claim.to_json(), "the message is stored as it was");
    }
}

/// The contract of the dataset sets the limit. Without a contract it is five.
#[test]
fn a_contract_says_how_often_a_letter_may_come_back() {
    for (limit, most) in [(Some(1), 1), (Some(2), 2), (Some(7), 7), (None, 5)] {
        let mut world = World::new();
        let dataset = if limit.is_some() { "flights" } else { "weather" };
        let limit = limit.unwrap_or(1);
        world.contracts = test_catalog(dataset, &format!("redrive: {{limit: {limit}}}"));
        world.fail(false);
        for life in 0..=most {
            collect_all(&mut world, &[]);
            let letters = world.store.letters();
            let [letter] = letters.values().collect::<Vec<_>>()[..] else { panic!("{letters:?}") };
            let expected = if life < most { LetterState::Dead } else { LetterState::Quarantined };
            assert_eq!(letter.letter.state, expected, "{dataset} {limit}: life {life}");
            block_on(world.redrive(u8::MAX, false));
        }
    }
}

/// The letter has expired, or is of another stack.
#[test]
fn what_comes_back_to_no_letter_is_a_letter_of_its_own() {
    let mut world = World::new();
    world.fail(false);
    collect_all(&mut world, &[]);
    block_on(world.redrive(u8::MAX, false));
    let id = world.store.letters().into_keys().next().unwrap();
    world.store.expire(&id);
    collect_all(&mut world, &[]);
    let letters = world.store.letters();
    assert_eq!(letters.keys().collect::<Vec<_>>(), [&id], "of the same message");
    assert_eq!(letters[&id].letter, Letter::collected());
    assert!(world.store.came_back().is_empty());
}

#[test]
fn while_the_index_is_away_no_object_is_written() {
    let mut world = World::new();
    world.fail(false);
    collect_all(&mut world, &[LetterFault::NoEffect]);
    assert!(world.store.objects().is_empty() && world.queue.len() == 1);
    collect_all(&mut world, &[LetterFault::None, LetterFault::Lost]);
    assert!(world.store.letters().is_empty() && world.queue.len() == 1);
    collect_all(&mut world, &[]);
    world.check();
}

#[test]
fn what_is_of_no_stage_stays_where_it_is() {
    let mut world = World::new();
    world.fail(false);
    world.queue[0].queue_arn = "arn:aws:sqs:eu-west-1:000000000000:Other".to_owned();
    collect_all(&mut world, &[]);
    assert!(world.store.letters().is_empty() && world.queue.len() == 1);
}

#[test]
fn what_cannot_be_collected_in_time_stays_where_it_is() {
    let mut world = World::new();
    world.fail(false);
    let deadline = world.clock.deadline_in(Duration::from_secs(1));
    let response = block_on(world.collector().collect(world.queue.clone(), &deadline));
    assert_eq!(response.failures.len(), 1);
}
