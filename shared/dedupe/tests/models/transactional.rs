//! The transactional protocol: three workers add to one row.

use event::Timestamp;
use sluicegate_dedupe::transactional::{TransactionalBatch, Write};
use sluicegate_dedupe::{CommitError, Limits, Outcome, Transaction, Verdict};
use stateright::{Model, Property};
use testkit::{Meeting, Tables, TestEffect};

use super::world::{
    Delivery, Faults, Run, Step, Worker, check_holds, check_is_found, keys_of, lost, steps,
};
use super::{id, payload};

type Call = Transaction<TestEffect>;
type Answer = Result<(), CommitError>;

/// A part that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Nothing,
    /// A dedupe record is written whatever is there.
    Condition,
    /// Dedupe records are written first, and effects by a call of their own.
    Together,
}

#[derive(Clone, Debug)]
struct Protocol {
    batches: Vec<Vec<Delivery>>,
    faults: Faults,
    broken: Broken,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    tables: Tables<TestEffect>,
    workers: Vec<Worker<TransactionalBatch<TestEffect>, Call, Answer>>,
    late: Vec<Call>,
    faults: Faults,
    /// The deliveries that were acknowledged as written or duplicates.
    kept: Vec<Delivery>,
}

fn now() -> Timestamp {
    Timestamp::from_unix_ms(0)
}

/// Each key has a decimal digit in the row: 111 means that each of three keys was added once.
fn amount(key: u8) -> usize {
    10_usize.pow(u32::from(key))
}

fn digit(row: usize, key: u8) -> usize {
    row / amount(key) % 10
}

impl World {
    fn row(&self) -> usize {
        self.tables.rows.get("row").map_or(0, |row| row.value)
    }

    fn is_done(&self) -> bool {
        self.workers.iter().all(Worker::is_done)
    }

    fn serve(&mut self, mut call: Call, broken: Broken) -> Answer {
        match broken {
            Broken::Nothing => {}
            Broken::Condition => {
                for change in &call.changes {
                    self.tables.records.remove(&change.id);
                }
            }
            Broken::Together if !call.changes.is_empty() && !call.effects.is_empty() => {
                let effects = std::mem::take(&mut call.effects);
                let result = self.tables.commit(call, now());
                if result.is_ok() {
                    self.late.push(Transaction { changes: Vec::new(), effects });
                }
                return result;
            }
            Broken::Together => {}
        }
        let result = self.tables.commit(call, now());
        // Their order does not matter. Sorting them avoids states that differ only in it.
        self.tables.effects.clear();
        result
    }

    fn start(&mut self, worker: usize) {
        let write = |&(key, fingerprint): &Delivery| Write {
            id: id(key),
            fingerprint: payload(fingerprint),
            expires_at: Timestamp::from_unix_ms(1_000_000),
            effect: TestEffect::new(amount(key)).at("row", Meeting::Add),
            bytes: 1,
        };
        let writes = self.workers[worker].left.iter().map(write).collect();
        let limits = Limits { contended_tries: 0, ..Limits::DYNAMODB };
        self.go_on(worker, TransactionalBatch::new(writes, limits));
    }

    /// Begins the next round, or ends the invocation.
    fn go_on(&mut self, worker: usize, rounds: TransactionalBatch<TestEffect>) {
        let calls = rounds.transactions();
        let worker = &mut self.workers[worker];
        if calls.is_empty() {
            let outcomes: Vec<Outcome> = rounds.into_outcomes();
            let delivered = std::mem::take(&mut worker.left).into_iter().zip(outcomes);
            let (done, left): (Vec<_>, Vec<_>) = delivered.partition(|(_, o)| o.is_ok());
            worker.left = left.into_iter().map(|(delivery, _)| delivery).collect();
            let kept = done.into_iter().filter(|(_, outcome)| {
                matches!(outcome, Ok(Verdict::Written | Verdict::Duplicate))
            });
            self.kept.extend(kept.map(|(delivery, _)| delivery));
            self.kept.sort_unstable();
            self.kept.dedup();
            worker.run = None;
        } else {
            worker.run = Some(Run::new(rounds, calls));
        }
    }

    fn take(&mut self, step: Step, broken: Broken) -> Option<()> {
        match step {
            Step::Start { worker } => self.start(worker),
            Step::Serve { worker, call, .. } => {
                let asked = self.workers[worker].run.as_ref()?.calls[call].clone();
                let answer = self.serve(asked, broken);
                self.answer(worker, call, answer)?;
            }
            Step::Delay { worker, call } => {
                self.faults.delays -= 1;
                let asked = self.workers[worker].run.as_ref()?.calls[call].clone();
                self.late.push(asked);
                self.answer(worker, call, Err(CommitError::Failed(lost())))?;
            }
            Step::Arrive { late } => {
                let call = self.late.remove(late);
                let _ = self.serve(call, broken);
            }
            Step::Crash { worker } => {
                self.faults.crashes -= 1;
                let run = self.workers[worker].run.take()?;
                self.late.extend(run.open().into_iter().map(|at| run.calls[at].clone()));
            }
        }
        Some(())
    }

    /// Takes the answer to a call. The last answer of a round begins the next round.
    fn answer(&mut self, worker: usize, call: usize, answer: Answer) -> Option<()> {
        let mut run = self.workers[worker].run.take()?;
        run.answers[call] = Some(answer);
        if run.is_answered() {
            let answers = run.take_answers();
            run.rounds.apply_results(answers);
            self.go_on(worker, run.rounds);
        } else {
            self.workers[worker].run = Some(run);
        }
        Some(())
    }

    /// The state at the end, with no further faults.
    fn healed(mut self, broken: Broken) -> Self {
        for _ in 0..100 {
            let none = Faults { crashes: 0, delays: 0, early_ends: 0 };
            let Some(step) = steps(&self.workers, 0, none).first().copied() else { break };
            self.take(step, broken);
        }
        while !self.late.is_empty() {
            self.take(Step::Arrive { late: 0 }, broken);
        }
        self
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            tables: Tables::default(),
            workers: self.batches.iter().map(|batch| Worker::new(batch)).collect(),
            late: Vec::new(),
            faults: self.faults,
            kept: Vec::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Step>) {
        actions.extend(steps(&world.workers, world.late.len(), world.faults));
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.take(step, self.broken)?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no key takes effect twice", |model: &Self, world: &World| {
                keys_of(&model.batches).all(|key| digit(world.row(), key) <= 1)
            }),
            Property::always(
                "record and effect are there together",
                |model: &Self, world: &World| {
                    keys_of(&model.batches).all(|key| {
                        let is_recorded = world.tables.records.contains_key(&id(key));
                        usize::from(is_recorded) == digit(world.row(), key)
                    })
                },
            ),
            Property::always("what is acknowledged took effect", |_: &Self, world: &World| {
                world.kept.iter().all(|(key, _)| digit(world.row(), *key) == 1)
            }),
            Property::always(
                "whatever happened, each key takes effect",
                |model: &Self, world: &World| {
                    let end = world.clone().healed(model.broken);
                    end.is_done() && keys_of(&model.batches).all(|key| digit(end.row(), key) == 1)
                },
            ),
            Property::sometimes("all is done", |_: &Self, world: &World| world.is_done()),
        ]
    }
}

/// Two batches that overlap in key 1. The first of them is delivered twice.
fn protocol(broken: Broken) -> Protocol {
    let (first, second) = (vec![(0, 1), (1, 1)], vec![(1, 1), (2, 1)]);
    Protocol {
        batches: vec![first.clone(), second, first],
        faults: Faults { crashes: 2, delays: 2, early_ends: 0 },
        broken,
    }
}

#[test]
fn each_key_takes_effect_once_in_every_reachable_state() {
    check_holds("transactional", protocol(Broken::Nothing));
}

#[test]
fn another_payload_of_a_key_is_never_applied_with_the_first() {
    let mut protocol = protocol(Broken::Nothing);
    protocol.batches[1] = vec![(1, 2), (2, 1)];
    protocol.faults = Faults { crashes: 1, delays: 1, early_ends: 0 };
    check_holds("transactional, with a conflict", protocol);
}

#[test]
fn the_check_finds_what_is_broken_on_purpose() {
    check_is_found(&protocol(Broken::Condition), "no key takes effect twice");
    check_is_found(&protocol(Broken::Together), "record and effect are there together");
}
