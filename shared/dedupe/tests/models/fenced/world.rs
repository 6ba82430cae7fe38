//! What the workers share: dedupe records, objects, and the network.

use std::collections::{BTreeMap, BTreeSet};

use event::{IdempotencyKey, Timestamp};
use sluicegate_dedupe::fenced::{Answer, Call, FencedBatch, PutOutcome};
use sluicegate_dedupe::{
    Change, Claim, CommitError, Completed, DedupeRecord, Expected, Lease, Limits, NoEffect,
    Outcome, Owner, RecordId, Transaction,
};
use testkit::Tables;

use super::super::world::{Delivery, Faults, Run, Step, Worker, lost, new_owner, steps};
use super::super::{id, payload};

/// A part that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Nothing,
    /// A claim may be changed by any attempt that finds it, whoever owns it.
    OwnerCondition,
    /// The object of a crashed writer counts as missing, and no tombstone is put in its place.
    Tombstone,
    /// An object is reported as written before it is, and is written later.
    Order,
}

/// A call, and the keys that it writes into an object.
pub(super) type Asked = (Call, BTreeSet<IdempotencyKey>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) tables: Tables<NoEffect>,
    /// The keys in each object. A tombstone has none.
    pub(super) objects: BTreeMap<Owner, BTreeSet<IdempotencyKey>>,
    pub(super) published: BTreeSet<Owner>,
    pub(super) workers: Vec<Worker<FencedBatch, Asked, Answer>>,
    pub(super) late: Vec<Asked>,
    pub(super) faults: Faults,
    /// Each record that was ever completed.
    pub(super) completed: BTreeMap<RecordId, Completed>,
    /// The deliveries that were acknowledged, except for conflicts.
    pub(super) kept: BTreeSet<Delivery>,
}

/// A time before leases end, or after.
fn at(ended: bool) -> Timestamp {
    Timestamp::from_unix_ms(i64::from(ended))
}

impl World {
    pub(super) fn is_done(&self) -> bool {
        self.workers.iter().all(Worker::is_done)
    }

    /// How many objects contain a key.
    pub(super) fn times(&self, key: u8) -> usize {
        self.objects.values().filter(|keys| keys.contains(&id(key).key)).count()
    }

    /// Whether the result of a call depends on whether the leases of others have ended.
    pub(super) fn finds_anothers_claim(&self, worker: usize, call: usize) -> bool {
        let Some(run) = &self.workers[worker].run else { return false };
        let Call::Commit(changes) = &run.calls[call].0 else { return false };
        changes.iter().any(|change| match self.tables.records.get(&change.id) {
            Some(DedupeRecord::InProgress(claim)) => {
                !claim.owner.as_str().starts_with(&format!("{worker}."))
                    || change.expected == Expected::Free
            }
            Some(DedupeRecord::Completed(_)) | None => false,
        })
    }

    fn delay(&mut self, asked: Asked) {
        if matches!(asked.0, Call::ReadKeys(_)) {
            // A late read changes nothing.
            return;
        }
        self.late.push(asked);
        // Their order does not matter. Sorting them avoids states that differ only in it.
        self.late.sort_by_cached_key(|asked| format!("{asked:?}"));
    }

    fn serve(&mut self, (call, keys): Asked, broken: Broken) -> Answer {
        match call {
            Call::Commit(changes) => Answer::Committed(self.commit(changes, broken)),
            Call::Put { owner, .. } if broken == Broken::Order => {
                if self.objects.contains_key(&owner) {
                    return Answer::Put(Ok(PutOutcome::Exists));
                }
                let late = Call::Put { owner, positions: Vec::new() };
                if !self.late.iter().any(|(call, _)| *call == late) {
                    self.late.push((late, keys));
                }
                Answer::Put(Ok(PutOutcome::Created))
            }
            Call::Put { owner, .. } => Answer::Put(Ok(self.put(owner, keys))),
            Call::ReadKeys(owner) => Answer::Keys(Ok(self.objects.get(&owner).cloned())),
            Call::PutTombstone(_) if broken == Broken::Tombstone => {
                Answer::Tombstone(Ok(PutOutcome::Created))
            }
            Call::PutTombstone(owner) => Answer::Tombstone(Ok(self.put(owner, BTreeSet::new()))),
            Call::Publish(owner) => {
                self.published.insert(owner);
                Answer::Published(Ok(()))
            }
        }
    }

    fn put(&mut self, owner: Owner, keys: BTreeSet<IdempotencyKey>) -> PutOutcome {
        if self.objects.contains_key(&owner) {
            return PutOutcome::Exists;
        }
        self.objects.insert(owner, keys);
        PutOutcome::Created
    }

    fn commit(&mut self, mut changes: Vec<Change>, broken: Broken) -> Result<(), CommitError> {
        if broken == Broken::OwnerCondition {
            for change in &mut changes {
                let found = self.tables.records.get(&change.id);
                if let (Expected::Held(owner), Some(DedupeRecord::InProgress(claim))) =
                    (&mut change.expected, found)
                {
                    *owner = claim.owner.clone();
                }
            }
        }
        let transaction = Transaction { changes, effects: Vec::new() };
        let result = self.tables.commit(transaction, at(false));
        for (id, record) in &self.tables.records {
            if let DedupeRecord::Completed(completed) = record {
                self.completed.entry(id.clone()).or_insert_with(|| completed.clone());
            }
        }
        result
    }

    fn start(&mut self, worker: usize) {
        let owner = new_owner(worker, self);
        let claim = |&(key, fingerprint): &Delivery| Claim {
            id: id(key),
            fingerprint: payload(fingerprint),
            expires_at: Timestamp::from_unix_ms(1_000_000),
            owner: owner.clone(),
        };
        let claims = self.workers[worker].left.iter().map(claim).collect();
        let limits = Limits { contended_tries: 0, ..Limits::DYNAMODB };
        let lease = Lease { ends_at: at(true), wait_until: at(false), limits, tries: 1 };
        self.go_on(worker, FencedBatch::new(claims, lease), false);
    }

    /// Begins the next round, or ends the invocation.
    fn go_on(&mut self, worker: usize, mut rounds: FencedBatch, leases_ended: bool) {
        let calls = rounds.calls(at(leases_ended));
        let worker = &mut self.workers[worker];
        if calls.is_empty() {
            let outcomes: Vec<Outcome> = rounds.into_outcomes();
            let delivered = std::mem::take(&mut worker.left).into_iter().zip(outcomes);
            let (done, left): (Vec<_>, Vec<_>) = delivered.partition(|(_, o)| o.is_ok());
            worker.left = left.into_iter().map(|(delivery, _)| delivery).collect();
            self.kept.extend(done.into_iter().map(|(delivery, _)| delivery));
            worker.run = None;
            return;
        }
        let keys = |call: &Call| match call {
            Call::Put { positions, .. } => {
                positions.iter().map(|&at| id(worker.left[at].0).key).collect()
            }
            _ => BTreeSet::new(),
        };
        let calls = calls.into_iter().map(|call| (call.clone(), keys(&call))).collect();
        worker.run = Some(Run::new(rounds, calls));
    }

    pub(super) fn take(&mut self, step: Step, broken: Broken) -> Option<()> {
        match step {
            Step::Start { worker } => self.start(worker),
            Step::Serve { worker, call, leases_ended } => {
                if leases_ended
                    && self.workers.iter().filter(|other| other.run.is_some()).count() > 1
                {
                    // Another attempt is at work, and by this clock its lease has ended.
                    self.faults.early_ends = self.faults.early_ends.checked_sub(1)?;
                }
                let asked = self.workers[worker].run.as_ref()?.calls[call].clone();
                let answer = self.serve(asked, broken);
                self.answer(worker, call, answer, leases_ended)?;
            }
            Step::Delay { worker, call } => {
                self.faults.delays -= 1;
                let asked = self.workers[worker].run.as_ref()?.calls[call].clone();
                let answer = failed(&asked.0);
                self.delay(asked);
                self.answer(worker, call, answer, false)?;
            }
            Step::Arrive { late } => {
                let asked = self.late.remove(late);
                // If the order is broken, a late write is made now and is not delayed again.
                let honest = if broken == Broken::Order { Broken::Nothing } else { broken };
                let _ = self.serve(asked, honest);
            }
            Step::Crash { worker } => {
                self.faults.crashes -= 1;
                let run = self.workers[worker].run.take()?;
                run.open().into_iter().for_each(|at| self.delay(run.calls[at].clone()));
            }
        }
        Some(())
    }

    /// Takes the answer to a call. The last answer of a round begins the next round.
    fn answer(
        &mut self,
        worker: usize,
        call: usize,
        answer: Answer,
        leases_ended: bool,
    ) -> Option<()> {
        let mut run = self.workers[worker].run.take()?;
        run.answers[call] = Some(answer);
        if run.is_answered() {
            let answers = run.take_answers();
            run.rounds.apply_answers(answers, at(leases_ended));
            self.go_on(worker, run.rounds, leases_ended);
        } else {
            self.workers[worker].run = Some(run);
        }
        Some(())
    }

    /// The state at the end, with no further faults and after all leases have ended. Late calls arrive before the
    /// workers go on, or after.
    pub(super) fn healed(mut self, broken: Broken, late_first: bool) -> Self {
        let arrive = |world: &mut Self| {
            while !world.late.is_empty() {
                world.take(Step::Arrive { late: 0 }, broken);
            }
        };
        if late_first {
            arrive(&mut self);
        }
        self.faults = Faults { crashes: 0, delays: 0, early_ends: u8::MAX };
        for _ in 0..200 {
            let Some(step) = steps(&self.workers, 0, self.faults).first().copied() else { break };
            let step = match step {
                Step::Serve { worker, call, .. } => {
                    Step::Serve { worker, call, leases_ended: true }
                }
                other => other,
            };
            self.take(step, broken);
        }
        arrive(&mut self);
        self
    }
}

/// The failure that a caller gets for a call whose answer does not come.
fn failed(call: &Call) -> Answer {
    match call {
        Call::Commit(_) => Answer::Committed(Err(CommitError::Failed(lost()))),
        Call::Put { .. } => Answer::Put(Err(lost())),
        Call::ReadKeys(_) => Answer::Keys(Err(lost())),
        Call::PutTombstone(_) => Answer::Tombstone(Err(lost())),
        Call::Publish(_) => Answer::Published(Err(lost())),
    }
}
