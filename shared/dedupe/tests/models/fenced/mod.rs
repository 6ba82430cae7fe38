//! The fenced protocol: three workers write objects.

mod world;

use std::collections::{BTreeMap, BTreeSet};

use sluicegate_dedupe::fenced::Call;
use sluicegate_dedupe::{DedupeRecord, Expected, Owner};
use stateright::{Model, Property};
use testkit::Tables;

use self::world::{Broken, World};
use super::world::{Delivery, Faults, Step, Worker, check_holds, check_is_found, keys_of, steps};

#[derive(Clone, Debug)]
struct Protocol {
    batches: Vec<Vec<Delivery>>,
    faults: Faults,
    broken: Broken,
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            tables: Tables::default(),
            objects: BTreeMap::new(),
            published: BTreeSet::new(),
            workers: self.batches.iter().map(|batch| Worker::new(batch)).collect(),
            late: Vec::new(),
            faults: self.faults,
            completed: BTreeMap::new(),
            kept: BTreeSet::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Step>) {
        for step in steps(&world.workers, world.late.len(), world.faults) {
            actions.push(step);
            if let Step::Serve { worker, call, .. } = step
                && world.finds_anothers_claim(worker, call)
            {
                actions.push(Step::Serve { worker, call, leases_ended: true });
            }
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.take(step, self.broken)?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no key is in two objects", |model: &Self, world: &World| {
                keys_of(&model.batches).all(|key| world.times(key) <= 1)
            }),
            Property::always("what is completed is there", |_: &Self, world: &World| {
                world.completed.iter().all(|(id, completed)| {
                    let place = Owner::from(completed.place.clone().unwrap_or_default());
                    let keys = world.objects.get(&place);
                    world.published.contains(&place)
                        && keys.is_some_and(|keys| keys.contains(&id.key))
                })
            }),
            Property::always("what is completed stays so", |_: &Self, world: &World| {
                world.completed.iter().all(|(id, completed)| {
                    let record = world.tables.records.get(id);
                    record == Some(&DedupeRecord::Completed(completed.clone()))
                })
            }),
            Property::always("what is acknowledged is there", |_: &Self, world: &World| {
                world.kept.iter().all(|(key, _)| world.times(*key) == 1)
            }),
            Property::always(
                "whatever happened, each key is written",
                |model: &Self, world: &World| {
                    // A batch that is stuck stays stuck, so that it is enough to check states in which all invocations
                    // have ended.
                    if world.workers.iter().any(|worker| worker.run.is_some()) {
                        return true;
                    }
                    let orders = if world.late.is_empty() { &[true][..] } else { &[true, false] };
                    orders.iter().all(|&late_first| {
                        let end = world.clone().healed(model.broken, late_first);
                        end.is_done() && keys_of(&model.batches).all(|key| end.times(key) == 1)
                    })
                },
            ),
            Property::sometimes("all is done", |_: &Self, world: &World| world.is_done()),
            Property::sometimes("a tombstone is needed", |_: &Self, world: &World| {
                world.objects.values().any(BTreeSet::is_empty)
            }),
            Property::sometimes(
                "another completes a dead writer's claim",
                |_: &Self, world: &World| {
                    world.workers.iter().enumerate().any(|(worker, state)| {
                        let calls = state.run.iter().flat_map(|run| &run.calls);
                        calls.into_iter().any(|(call, _)| completes_for_another(call, worker))
                    })
                },
            ),
        ]
    }
}

fn completes_for_another(call: &Call, worker: usize) -> bool {
    let Call::Commit(changes) = call else { return false };
    changes.iter().any(|change| match (&change.expected, &change.to) {
        (Expected::Held(owner), Some(DedupeRecord::Completed(_))) => {
            !owner.as_str().starts_with(&format!("{worker}."))
        }
        _ => false,
    })
}

fn protocol(broken: Broken, batches: &[&[Delivery]], faults: Faults) -> Protocol {
    Protocol { batches: batches.iter().map(|batch| batch.to_vec()).collect(), faults, broken }
}

/// Two batches that overlap in key 1.
const FIRST: &[Delivery] = &[(0, 1), (1, 1)];
const SECOND: &[Delivery] = &[(1, 1), (2, 1)];

#[track_caller]
fn check(name: &str, batches: &[&[Delivery]], faults: Faults) {
    check_holds(name, protocol(Broken::Nothing, batches, faults));
}

#[test]
fn each_key_is_written_once_whenever_writers_die() {
    let faults = Faults { crashes: 1, delays: 0, early_ends: 1 };
    check("fenced, crashes", &[FIRST, SECOND, FIRST], faults);
}

#[test]
fn each_key_is_written_once_whenever_requests_arrive() {
    let faults = Faults { crashes: 0, delays: 1, early_ends: 1 };
    check("fenced, late requests", &[FIRST, SECOND, FIRST], faults);
}

#[test]
fn each_key_is_written_once_when_all_of_it_happens() {
    let faults = Faults { crashes: 1, delays: 1, early_ends: 1 };
    check("fenced, all of it", &[FIRST, SECOND], faults);
}

/// This check has 9,520,333 states.
#[test]
#[ignore = "takes minutes, and 7 GB"]
fn each_key_is_written_once_among_three_when_all_of_it_happens() {
    let faults = Faults { crashes: 1, delays: 1, early_ends: 1 };
    check("fenced, three and all of it", &[FIRST, SECOND, FIRST], faults);
}

#[test]
fn one_key_is_written_once_among_three_when_all_of_it_happens() {
    let faults = Faults { crashes: 1, delays: 1, early_ends: 1 };
    check("fenced, one key and all of it", &[&[(0, 1)], &[(0, 1)], &[(0, 1)]], faults);
}

#[test]
fn another_payload_of_a_key_is_never_written_with_the_first() {
    let faults = Faults { crashes: 1, delays: 0, early_ends: 1 };
    check("fenced, a conflict", &[FIRST, &[(1, 2), (2, 1)]], faults);
}

#[test]
fn the_check_finds_what_is_broken_on_purpose() {
    let found = |broken, batches: &[&[Delivery]], faults, property| {
        check_is_found(&protocol(broken, batches, faults), property);
    };
    let three: &[&[Delivery]] = &[&[(0, 1)], &[(0, 1)], &[(0, 1)]];
    let faults = Faults { crashes: 1, delays: 0, early_ends: 1 };
    found(Broken::OwnerCondition, three, faults, "no key is in two objects");
    found(Broken::Tombstone, three, faults, "no key is in two objects");
    found(Broken::Order, three, faults, "what is completed is there");
}
