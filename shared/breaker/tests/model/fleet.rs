//! The actions of the model and the properties that must hold in each state.

use stateright::{Model, Property};

use crate::world::World;

/// How often each kind of fault may still happen. The limits keep the number of states finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    pub(crate) crashes: u8,
    pub(crate) delays: u8,
    /// How often the dependency becomes unavailable again. It is unavailable at the start, and may become available at
    /// any time.
    pub(crate) outages: u8,
}

/// A part that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// The store replaces a record whatever its version is.
    Versions,
    /// The store forgets which environments have permits.
    Leases,
    /// Environments never read the store again.
    Refresh,
}

#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    /// How many calls each environment makes.
    pub(crate) calls: &'static [u8],
    pub(crate) faults: Faults,
    pub(crate) ticks: u8,
    pub(crate) broken: Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Admit(usize),
    /// The call ends, and its invocation with it.
    Finish(usize),
    Serve(usize),
    Delay(usize),
    Crash(usize),
    Arrive(usize),
    Tick,
    Fail,
    Recover,
}

impl Model for Fleet {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.calls, self.faults, self.broken)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (at, member) in world.members.iter().enumerate() {
            if member.asked.is_some() {
                actions.push(Action::Serve(at));
                if world.faults.delays > 0 {
                    actions.push(Action::Delay(at));
                }
            } else if member.call.is_some() {
                actions.push(Action::Finish(at));
            } else if member.calls_left > 0 {
                actions.push(Action::Admit(at));
            }
            if world.faults.crashes > 0 {
                actions.push(Action::Crash(at));
            }
        }
        actions.extend((0..world.late.len()).map(Action::Arrive));
        if world.tick < self.ticks && world.may_tick() {
            actions.push(Action::Tick);
        }
        if !world.is_dependency_up {
            actions.push(Action::Recover);
        } else if world.faults.outages > 0 {
            actions.push(Action::Fail);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Admit(member) => next.admit(member),
            Action::Finish(member) => next.finish(member),
            Action::Serve(member) => next.serve(member, self.broken),
            Action::Delay(member) => next.delay(member),
            Action::Crash(member) => next.crash(member, self.broken),
            Action::Arrive(late) => next.arrive(late, self.broken),
            Action::Tick => next.tick += 1,
            Action::Fail => {
                next.faults.outages -= 1;
                next.is_dependency_up = false;
            }
            Action::Recover => next.is_dependency_up = true,
        }
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never more probes", |_, world: &World| world.probes_under_way() <= 1),
            Property::always("closed by probes alone", |_, world: &World| {
                !world.seen.closed_without_probes
            }),
            Property::always("open reaches all", |_, world: &World| !world.seen.called_while_open),
            Property::always("never stuck", |fleet: &Self, world: &World| fleet.recovers(world)),
        ]
    }
}

impl Fleet {
    /// Whether the breaker closes from here on, with the dependency available and no further fault. It is checked of
    /// the last states only, because all others lead to them.
    fn recovers(&self, world: &World) -> bool {
        if world.is_closed() || world.tick < self.ticks || !world.is_quiet() {
            return true;
        }
        let mut world = world.clone();
        world.is_dependency_up = true;
        for _ in 0..30 {
            for member in 0..world.members.len() {
                world.admit(member);
                self.settle(&mut world, member);
                if world.is_closed() {
                    return true;
                }
            }
            world.tick += 1;
        }
        false
    }

    /// The store answers this member's requests, and the dependency its calls.
    fn settle(&self, world: &mut World, member: usize) {
        for _ in 0..20 {
            match (&world.members[member].asked, &world.members[member].call) {
                (Some(_), _) => world.serve(member, self.broken),
                (None, Some(_)) => world.finish(member),
                (None, None) => return,
            }
        }
    }
}
