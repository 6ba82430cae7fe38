//! The leased protocol: three workers deliver to a target, which may honour keys and may refuse any delivery.

mod target;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use sluicegate_dedupe::DedupeRecord;
use sluicegate_dedupe::leased::{Attempt, Call};
use stateright::{Model, Property};
use testkit::Tables;

use self::target::Target;
use self::world::{Action, Broken, World, Wrong};
use super::payload;
use super::world::{Delivery, Faults, Step, Worker, check_holds, check_is_found, keys_of, steps};

#[derive(Clone, Debug)]
struct Protocol {
    batches: Vec<Vec<Delivery>>,
    faults: Faults,
    /// How often the target refuses a delivery for a while.
    refusals: u8,
    honours_keys: bool,
    /// The payload that the target never takes.
    refuses: Option<u8>,
    broken: Broken,
}

impl Protocol {
    fn is_faultless(&self) -> bool {
        self.faults == NONE
    }

    /// Whether the deliveries of a key ended as they must.
    fn is_settled(&self, end: &World, key: u8) -> bool {
        let of_key = || self.batches.iter().flatten().filter(move |delivery| delivery.0 == key);
        let is_dead = |delivery: &Delivery| end.dead.contains(delivery);
        let mut left = end.workers.iter().flat_map(|worker| &worker.left);
        let is_left = left.any(|delivery| delivery.0 == key);
        match end.effects(key) {
            [] if self.is_faultless() => of_key().all(is_dead),
            // A refused delivery may have left its claim behind, and others wait for it.
            [] => of_key().any(is_dead),
            [once] => end.is_recorded((key, *once)) && !is_left,
            _ => false,
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let Self { honours_keys, refuses, .. } = *self;
        vec![World {
            tables: Tables::default(),
            target: Target { honours_keys, refuses, effects: BTreeMap::new() },
            workers: self.batches.iter().map(|batch| Worker::new(batch)).collect(),
            late: Vec::new(),
            faults: self.faults,
            refusals: self.refusals,
            completed: BTreeMap::new(),
            kept: BTreeSet::new(),
            conflicts: BTreeSet::new(),
            dead: BTreeSet::new(),
            wrongs: BTreeSet::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for step in steps(&world.workers, world.late.len(), world.faults) {
            actions.push(Action::Step(step));
            if let Step::Serve { worker, call, .. } = step
                && !world.finds_claims_of(worker, call).is_empty()
            {
                actions.push(Action::Step(Step::Serve { worker, call, leases_ended: true }));
            }
        }
        if world.refusals > 0 {
            let refuse = |(worker, call, _)| Action::Refuse { worker, call };
            actions.extend(world.deliveries().map(refuse));
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.take(action, self.broken)?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no other payload is delivered", |_: &Self, world: &World| {
                !world.wrongs.contains(&Wrong::OtherPayload)
            }),
            Property::always("nobody ends what another holds", |_: &Self, world: &World| {
                !world.wrongs.contains(&Wrong::Stolen)
            }),
            Property::always("a first attempt is the first", |model: &Self, world: &World| {
                model.faults.early_ends > 0 || !world.wrongs.contains(&Wrong::NotTheFirst)
            }),
            Property::always("no key takes effect twice", |model: &Self, world: &World| {
                let once = |effects: &Vec<u8>| effects.len() <= 1;
                !(model.honours_keys || model.is_faultless())
                    || world.target.effects.values().all(once)
            }),
            Property::always("what is completed took effect", |_: &Self, world: &World| {
                let took = |key: &u8, payload: &u8| world.is_recorded((*key, *payload));
                let keys = world.target.effects.iter();
                let recorded = keys.filter(|(key, all)| all.iter().any(|one| took(key, one)));
                recorded.count() == world.completed.len()
            }),
            Property::always("what is completed stays so", |_: &Self, world: &World| {
                world.completed.iter().all(|(id, completed)| {
                    let record = world.tables.records.get(id);
                    record == Some(&DedupeRecord::Completed(completed.clone()))
                })
            }),
            Property::always("what is acknowledged is completed", |_: &Self, world: &World| {
                world.kept.iter().all(|delivery| world.is_recorded(*delivery))
            }),
            Property::always("a conflict is with what took effect", |_: &Self, world: &World| {
                world.conflicts.iter().all(|((key, delivered), first)| {
                    let is_first = |one: &&u8| payload(**one) == *first;
                    let one = world.effects(*key).iter().find(is_first);
                    one.is_some_and(|one| one != delivered && world.is_recorded((*key, *one)))
                })
            }),
            Property::always(
                "only what is refused for good is a dead letter",
                |model: &Self, world: &World| {
                    world.dead.iter().all(|(_, payload)| Some(*payload) == model.refuses)
                },
            ),
            Property::always(
                "whatever happened, each key takes effect",
                |model: &Self, world: &World| {
                    // A batch that is stuck stays stuck, so that it is enough to check states in which all invocations
                    // have ended.
                    if world.workers.iter().any(|worker| worker.run.is_some()) {
                        return true;
                    }
                    let orders = if world.late.is_empty() { &[true][..] } else { &[true, false] };
                    orders.iter().all(|&late_first| {
                        let end = world.clone().healed(model.broken, late_first);
                        keys_of(&model.batches).all(|key| model.is_settled(&end, key))
                    })
                },
            ),
            Property::sometimes("all is done", |_: &Self, world: &World| world.is_done()),
            Property::sometimes("an attempt is repeated", |model: &Self, world: &World| {
                let is_repeat =
                    |call: &Call| matches!(call, Call::Deliver { attempt: Attempt::Repeated, .. });
                model.is_faultless() || world.deliveries().any(|(_, _, call)| is_repeat(call))
            }),
        ]
    }
}

const NONE: Faults = Faults { crashes: 0, delays: 0, early_ends: 0 };

/// Two batches that overlap in key 1.
const FIRST: &[Delivery] = &[(0, 1), (1, 1)];
const SECOND: &[Delivery] = &[(1, 1), (2, 1)];
const ONE: &[Delivery] = &[(1, 1)];
/// A batch that is in conflict with all of them.
const OTHER: &[Delivery] = &[(1, 2)];

fn protocol(batches: &[&[Delivery]], faults: Faults) -> Protocol {
    Protocol {
        batches: batches.iter().map(|batch| batch.to_vec()).collect(),
        faults,
        refusals: 1,
        honours_keys: true,
        refuses: None,
        broken: Broken::Nothing,
    }
}

#[test]
fn each_key_takes_effect_once_whenever_writers_die() {
    let faults = Faults { crashes: 1, delays: 0, early_ends: 1 };
    check_holds("leased, crashes", protocol(&[FIRST, ONE, ONE], faults));
}

#[test]
fn each_key_takes_effect_once_whenever_requests_arrive() {
    let faults = Faults { crashes: 0, delays: 1, early_ends: 1 };
    check_holds("leased, late requests", protocol(&[FIRST, ONE, ONE], faults));
}

#[test]
fn each_key_takes_effect_once_when_all_of_it_happens() {
    let faults = Faults { crashes: 1, delays: 1, early_ends: 1 };
    check_holds("leased, all of it", protocol(&[FIRST, ONE], faults));
}

#[test]
fn another_payload_of_a_key_is_never_delivered_with_the_first() {
    let faults = Faults { crashes: 1, delays: 1, early_ends: 1 };
    check_holds("leased, a conflict", protocol(&[FIRST, OTHER], faults));
}

#[test]
fn a_payload_that_is_refused_for_good_leaves_its_key_to_another() {
    let mut protocol = protocol(&[FIRST, OTHER, &[(1, 1), (1, 2)]], NONE);
    protocol.refuses = Some(1);
    check_holds("leased, refused", protocol.clone());
    protocol.faults = Faults { crashes: 1, delays: 1, early_ends: 1 };
    protocol.batches.pop();
    check_holds("leased, refused with faults", protocol);
}

#[test]
fn without_faults_a_target_that_honours_no_key_is_asked_once() {
    let mut protocol = protocol(&[FIRST, SECOND, FIRST], NONE);
    protocol.honours_keys = false;
    protocol.refusals = 2;
    check_holds("leased, no keys honoured", protocol);
}

#[test]
fn the_check_finds_what_is_broken_on_purpose() {
    let found = |broken, batches: &[&[Delivery]], property| {
        let faults = Faults { crashes: 1, delays: 1, early_ends: 1 };
        check_is_found(&Protocol { broken, ..protocol(batches, faults) }, property);
    };
    let one: &[Delivery] = &[(0, 1)];
    let other: &[Delivery] = &[(0, 2)];
    found(Broken::OwnerCondition, &[one, one], "nobody ends what another holds");
    found(Broken::OwnerCondition, &[one, one, other], "no other payload is delivered");
    found(Broken::Order, &[one, one], "what is completed took effect");
    found(Broken::Payload, &[one, other], "no other payload is delivered");
    found(Broken::GivesBack, &[one, other], "no other payload is delivered");
}
