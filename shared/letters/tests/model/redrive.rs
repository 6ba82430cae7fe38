//! The actions of the model and the properties that must hold in each state.

use sluicegate_letters::RunState;
use stateright::{Model, Property};

use crate::world::{Faults, World};

/// A part that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// The store replaces a letter whatever its version is.
    LetterVersions,
    /// The store replaces a run whatever its version is.
    RunVersions,
    /// The queue answers that a message was sent, and has lost it.
    SaidToBeSent,
    /// A letter that failed in an earlier life is treated as if it had failed in the present one.
    EarlierLives,
}

#[derive(Clone, Debug)]
pub(crate) struct Redriving {
    pub(crate) letters: u8,
    /// The number of the run that each worker works on.
    pub(crate) workers: &'static [u8],
    pub(crate) faults: Faults,
    pub(crate) broken: Broken,
    /// The letter whose message its queue never accepts.
    pub(crate) refused: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// A worker's request takes effect and is answered.
    Serve(usize),
    /// A worker's request takes effect, and its answer is lost.
    LoseAnswer(usize),
    /// A worker's request does not take effect, and the worker does not know.
    LoseRequest(usize),
    /// The SDK repeats a write because it lost the answer to it.
    Repeat(usize),
    Crash(usize),
    /// A new worker starts in the place of one that has nothing left to do.
    Start(usize),
    /// A message fails, and its letter is collected, possibly more than once.
    Fail(usize),
    /// A stage gives a message back because its run was cancelled, and its letter is collected.
    Recall(usize),
    EndLease(usize),
    Pause(usize),
    Resume(usize),
    Cancel(usize),
}

impl Model for Redriving {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut world = World::new(self.letters, self.workers, self.faults);
        world.refused = self.refused;
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for at in 0..world.workers.len() {
            if world.is_asking(at) {
                actions.push(Action::Serve(at));
                if world.faults.lost > 0 {
                    actions.extend([
                        Action::LoseAnswer(at),
                        Action::LoseRequest(at),
                        Action::Repeat(at),
                    ]);
                }
                if world.faults.crashes > 0 {
                    actions.push(Action::Crash(at));
                }
            } else if world.has_more_to_do(at) {
                actions.push(Action::Start(at));
            }
        }
        if world.faults.failures > 0 {
            actions.extend((0..world.sent.len()).map(Action::Fail));
            actions.extend(world.of_cancelled_runs().map(Action::Recall));
        }
        if world.faults.ends > 0 {
            actions.extend((0..world.runs.len()).map(Action::EndLease));
        }
        if world.faults.acts > 0 {
            for run in 0..world.runs.len() {
                actions.extend([Action::Pause(run), Action::Resume(run), Action::Cancel(run)]);
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Serve(worker) => next.serve(worker, self.broken),
            Action::LoseAnswer(worker) => next.lose_answer(worker, self.broken),
            Action::LoseRequest(worker) => next.lose_request(worker),
            Action::Repeat(worker) => next.repeat(worker, self.broken),
            Action::Crash(worker) => next.crash(worker),
            Action::Start(worker) => next.start(worker),
            Action::Fail(message) => next.fail(message, self.broken),
            Action::Recall(message) => next.recall(message),
            Action::EndLease(run) => next.end_lease(run),
            Action::Pause(run) => next.act(run, sluicegate_letters::RunEvent::Pause),
            Action::Resume(run) => next.act(run, sluicegate_letters::RunEvent::Resume),
            Action::Cancel(run) => next.act(run, sluicegate_letters::RunEvent::Cancel),
        }
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no letter is lost", |_, world: &World| world.redriven_were_sent()),
            Property::always("each life is of one run", |_, world: &World| {
                world.each_life_is_of_one_run()
            }),
            Property::always("each letter is counted once", |_, world: &World| {
                world.counts_agree()
            }),
            Property::always("what is in motion is not dead", |_, world: &World| {
                world.dead_are_at_rest()
            }),
            Property::always("a run never goes back", |_, world: &World| !world.was_undone),
            Property::always("never stuck", |model: &Self, world: &World| model.ends(world)),
        ]
    }
}

impl Redriving {
    /// Whether, from here on and with no further fault, each run ends unless it is paused, and has sent what it
    /// claimed.
    fn ends(&self, world: &World) -> bool {
        let mut world = world.clone();
        for worker in 0..world.workers.len() {
            world.crash(worker);
        }
        for _ in 0..4 {
            for worker in 0..world.workers.len() {
                world.start(worker);
                for _ in 0..60 {
                    if !world.is_asking(worker) {
                        break;
                    }
                    world.serve(worker, Broken::Nothing);
                }
            }
        }
        let mut is_over = world.redriven_were_sent();
        for (number, run) in world.runs.iter().enumerate() {
            if !self.workers.contains(&u8::try_from(number).unwrap_or(0)) {
                continue;
            }
            is_over &= run.is_over() || run.state == RunState::Paused;
        }
        is_over
    }
}
