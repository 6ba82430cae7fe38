//! What the workers share: dedupe records, the target, and the network.

use std::collections::{BTreeMap, BTreeSet};

use event::{FailureKind, Fingerprint, Timestamp};
use sluicegate_dedupe::leased::{Answer, Attempt, Call, Delivery as Delivered, LeasedBatch};
use sluicegate_dedupe::{
    Change, Claim, CommitError, Completed, DedupeRecord, Expected, ItemConflict, Lease, Limits,
    NoEffect, Outcome, Owner, RecordId, Transaction, Verdict,
};
use testkit::Tables;

use super::super::world::{Delivery, Faults, Run, Step, Worker, lost, new_owner};
use super::super::{id, payload};
use super::target::Target;

/// A part that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Nothing,
    /// A claim may be changed by any attempt that finds it, whoever owns it.
    OwnerCondition,
    /// A delivery is reported as taken before it is made, and is made later.
    Order,
    /// Another payload takes over a claim whose lease has ended.
    Payload,
    /// A claim is given back although the outcome of its delivery is not known.
    GivesBack,
}

/// What happens next: a step that all protocols have, or one of the target only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Step(Step),
    /// The target refuses a delivery now, and may take it later.
    Refuse {
        worker: usize,
        call: usize,
    },
}

/// A call, who makes it, and the event that it delivers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    owner: Owner,
    pub(super) call: Call,
    event: Option<Delivery>,
}

/// A state that must never be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wrong {
    /// A payload was delivered under a key that had taken effect with another payload.
    OtherPayload,
    /// An attempt completed or removed a claim that another attempt held.
    Stolen,
    /// An attempt was marked as the first one, and was not.
    NotTheFirst,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) tables: Tables<NoEffect>,
    pub(super) target: Target,
    pub(super) workers: Vec<Worker<LeasedBatch, Asked, Answer>>,
    pub(super) late: Vec<Asked>,
    pub(super) faults: Faults,
    /// How often the target may still refuse a delivery for a while.
    pub(super) refusals: u8,
    /// Each record that was ever completed.
    pub(super) completed: BTreeMap<RecordId, Completed>,
    /// The deliveries that were acknowledged as written or duplicates.
    pub(super) kept: BTreeSet<Delivery>,
    /// The deliveries that were reported as conflicts, each with the payload that it is in conflict with.
    pub(super) conflicts: BTreeSet<(Delivery, Fingerprint)>,
    /// The deliveries that failed permanently.
    pub(super) dead: BTreeSet<Delivery>,
    pub(super) wrongs: BTreeSet<Wrong>,
}

/// A time before leases end, or after.
fn at(ended: bool) -> Timestamp {
    Timestamp::from_unix_ms(i64::from(ended))
}

impl World {
    pub(super) fn is_done(&self) -> bool {
        self.workers.iter().all(Worker::is_done)
    }

    /// The payloads that took effect under a key.
    pub(super) fn effects(&self, key: u8) -> &[u8] {
        self.target.effects.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Whether a delivery took effect and its record says so.
    pub(super) fn is_recorded(&self, (key, delivered): Delivery) -> bool {
        let record = self.completed.get(&id(key));
        record.is_some_and(|record| record.fingerprint == payload(delivered))
            && self.effects(key).contains(&delivered)
    }

    /// The deliveries that are under way.
    pub(super) fn deliveries(&self) -> impl Iterator<Item = (usize, usize, &Call)> {
        self.workers.iter().enumerate().flat_map(|(worker, state)| {
            let run = state.run.iter();
            run.flat_map(move |run| run.open().into_iter().map(move |call| (call, run)))
                .filter(|(call, run)| run.calls[*call].event.is_some())
                .map(move |(call, run)| (worker, call, &run.calls[call].call))
        })
    }

    /// The owners whose claims a call takes over if their leases have ended.
    pub(super) fn finds_claims_of(&self, worker: usize, call: usize) -> BTreeSet<Owner> {
        let Some(run) = &self.workers[worker].run else { return BTreeSet::new() };
        let Call::Commit(changes) = &run.calls[call].call else { return BTreeSet::new() };
        let found = changes.iter().filter_map(|change| {
            let (Some(DedupeRecord::InProgress(found)), Some(DedupeRecord::InProgress(to))) =
                (self.tables.records.get(&change.id), &change.to)
            else {
                return None;
            };
            let is_anothers = found.owner != to.owner && found.lease_ends_at > at(false);
            is_anothers.then(|| found.owner.clone())
        });
        found.collect()
    }

    fn is_at_work(&self, owner: &Owner) -> bool {
        let runs = self.workers.iter().filter_map(|worker| worker.run.as_ref());
        runs.flat_map(|run| run.calls.first()).any(|asked| asked.owner == *owner)
    }

    /// Whether a late call cannot change anything any more.
    fn is_in_vain(&self, asked: &Asked) -> bool {
        match (&asked.call, asked.event) {
            (Call::Commit(changes), _) => changes.iter().any(|change| {
                matches!(self.tables.records.get(&change.id), Some(DedupeRecord::Completed(_)))
            }),
            (Call::Deliver { .. }, Some((key, payload))) => {
                self.target.refuses == Some(payload)
                    || self.target.honours_keys && self.effects(key) == [payload]
            }
            (Call::Deliver { .. }, None) => true,
        }
    }

    fn delay(&mut self, asked: Asked) {
        self.late.push(asked);
        // Their order does not matter. Sorting them avoids states that differ only in it.
        self.late.sort_by_cached_key(|asked| format!("{asked:?}"));
    }

    fn serve(&mut self, asked: Asked, broken: Broken) -> Answer {
        match (asked.call.clone(), asked.event) {
            (Call::Commit(changes), _) => {
                Answer::Committed(self.commit(changes, &asked.owner, broken))
            }
            (Call::Deliver { .. }, None) => unreachable!("what is delivered is known"),
            (Call::Deliver { .. }, Some(_)) if broken == Broken::Order => {
                self.delay(asked);
                Answer::Delivered(Delivered::Taken)
            }
            (Call::Deliver { .. }, Some((key, payload))) => {
                if self.effects(key).iter().any(|first| *first != payload) {
                    self.wrongs.insert(Wrong::OtherPayload);
                }
                Answer::Delivered(self.target.deliver((key, payload)))
            }
        }
    }

    fn commit(
        &mut self,
        mut changes: Vec<Change>,
        owner: &Owner,
        broken: Broken,
    ) -> Result<(), CommitError> {
        changes.iter_mut().for_each(|change| self.tamper(change, owner, broken));
        let is_stolen = changes.iter().any(|change| {
            let is_end = !matches!(change.to, Some(DedupeRecord::InProgress(_)));
            let found = self.tables.records.get(&change.id);
            is_end
                && matches!(found, Some(DedupeRecord::InProgress(claim)) if claim.owner != *owner)
        });
        let transaction = Transaction { changes: changes.clone(), effects: Vec::new() };
        let mut result = self.tables.commit(transaction, at(false));
        if is_stolen && result.is_ok() {
            self.wrongs.insert(Wrong::Stolen);
        }
        if broken == Broken::Payload
            && let Err(CommitError::Cancelled { changes: reasons, .. }) = &mut result
        {
            for (change, reason) in changes.iter().zip(reasons) {
                if let (
                    Some(DedupeRecord::InProgress(to)),
                    ItemConflict::Found(Some(DedupeRecord::InProgress(found))),
                ) = (&change.to, reason)
                {
                    found.fingerprint = to.fingerprint.clone();
                }
            }
        }
        for (id, record) in &self.tables.records {
            if let DedupeRecord::Completed(completed) = record {
                self.completed.entry(id.clone()).or_insert_with(|| completed.clone());
            }
        }
        result
    }

    fn tamper(&self, change: &mut Change, owner: &Owner, broken: Broken) {
        let found = self.tables.records.get(&change.id);
        match (broken, &mut change.expected, found, &change.to) {
            (
                Broken::OwnerCondition,
                Expected::Held(expected),
                Some(DedupeRecord::InProgress(claim)),
                _,
            ) => *expected = claim.owner.clone(),
            (Broken::GivesBack, Expected::Held(expected), _, Some(DedupeRecord::InProgress(_)))
                if expected == owner =>
            {
                change.to = None
            }
            _ => {}
        }
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
        self.go_on(worker, owner, LeasedBatch::new(claims, lease), false);
    }

    /// Begins the next round, or ends the invocation.
    fn go_on(&mut self, worker: usize, owner: Owner, mut rounds: LeasedBatch, leases_ended: bool) {
        let calls = rounds.calls(at(leases_ended));
        if calls.is_empty() {
            self.settle(worker, rounds.into_outcomes());
            return;
        }
        let left = &self.workers[worker].left;
        let asked = |call: Call| {
            let event = match call {
                Call::Deliver { position, .. } => Some(left[position]),
                Call::Commit(_) => None,
            };
            Asked { owner: owner.clone(), call, event }
        };
        let calls: Vec<Asked> = calls.into_iter().map(asked).collect();
        if calls.iter().any(|asked| self.is_not_the_first(asked)) {
            self.wrongs.insert(Wrong::NotTheFirst);
        }
        self.workers[worker].run = Some(Run::new(rounds, calls));
    }

    /// Whether the attempt is marked as the first one and is not.
    fn is_not_the_first(&self, asked: &Asked) -> bool {
        let Asked {
            call: Call::Deliver { attempt: Attempt::First, .. },
            event: Some((key, _)),
            ..
        } = asked
        else {
            return false;
        };
        let is_of_key = |asked: &Asked| asked.event.is_some_and(|(other, _)| other == *key);
        !self.effects(*key).is_empty() || self.late.iter().any(is_of_key)
    }

    fn settle(&mut self, worker: usize, outcomes: Vec<Outcome>) {
        let worker = &mut self.workers[worker];
        worker.run = None;
        for (delivery, outcome) in std::mem::take(&mut worker.left).into_iter().zip(outcomes) {
            match outcome {
                Ok(Verdict::Conflict { first }) => {
                    self.conflicts.insert((delivery, first));
                }
                Ok(Verdict::Written | Verdict::Duplicate | Verdict::Stale) => {
                    self.kept.insert(delivery);
                }
                Err(failure) if failure.kind == FailureKind::Permanent => {
                    self.dead.insert(delivery);
                }
                Err(_) => worker.left.push(delivery),
            }
        }
    }

    pub(super) fn take(&mut self, action: Action, broken: Broken) -> Option<()> {
        self.act(action, broken)?;
        let mut late = std::mem::take(&mut self.late);
        late.retain(|asked| !self.is_in_vain(asked));
        self.late = late;
        Some(())
    }

    fn act(&mut self, action: Action, broken: Broken) -> Option<()> {
        match action {
            Action::Refuse { worker, call } => {
                self.refusals -= 1;
                let answer = Answer::Delivered(Delivered::Refused(lost()));
                self.answer(worker, call, answer, false)?;
            }
            Action::Step(Step::Start { worker }) => self.start(worker),
            Action::Step(Step::Serve { worker, call, leases_ended }) => {
                let found = self.finds_claims_of(worker, call);
                if leases_ended && found.iter().any(|owner| self.is_at_work(owner)) {
                    self.faults.early_ends = self.faults.early_ends.checked_sub(1)?;
                }
                let asked = self.workers[worker].run.as_ref()?.calls[call].clone();
                let answer = self.serve(asked, broken);
                self.answer(worker, call, answer, leases_ended)?;
            }
            Action::Step(Step::Delay { worker, call }) => {
                self.faults.delays -= 1;
                let asked = self.workers[worker].run.as_ref()?.calls[call].clone();
                let answer = match asked.call {
                    Call::Commit(_) => Answer::Committed(Err(CommitError::Failed(lost()))),
                    Call::Deliver { .. } => Answer::Delivered(Delivered::Unknown(lost())),
                };
                self.delay(asked);
                self.answer(worker, call, answer, false)?;
            }
            Action::Step(Step::Arrive { late }) => {
                let asked = self.late.remove(late);
                // If the order is broken, a late delivery is made now and is not delayed again.
                let honest = if broken == Broken::Order { Broken::Nothing } else { broken };
                let _ = self.serve(asked, honest);
            }
            Action::Step(Step::Crash { worker }) => {
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
            let owner = run.calls.first()?.owner.clone();
            run.rounds.apply_answers(answers, at(leases_ended));
            self.go_on(worker, owner, run.rounds, leases_ended);
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
                world.take(Action::Step(Step::Arrive { late: 0 }), broken);
            }
        };
        if late_first {
            arrive(&mut self);
        }
        self.faults = Faults { crashes: 0, delays: 0, early_ends: u8::MAX };
        // The workers take turns, because one may wait for another.
        let workers = self.workers.len();
        for worker in (0..8).flat_map(|_| 0..workers) {
            if !self.workers[worker].left.is_empty() && self.workers[worker].run.is_none() {
                self.take(Action::Step(Step::Start { worker }), broken);
            }
            for _ in 0..50 {
                let open =
                    self.workers[worker].run.as_ref().and_then(|run| run.open().first().copied());
                let Some(call) = open else { break };
                let step = Step::Serve { worker, call, leases_ended: true };
                self.take(Action::Step(step), broken);
            }
        }
        arrive(&mut self);
        self
    }
}
