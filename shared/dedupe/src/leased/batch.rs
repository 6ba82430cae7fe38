//! One batch of the leased protocol: which calls are next, and what an answer means.

use std::time::Duration;

use event::Timestamp;

use super::step::{LeasedStep, Step, after_delivery};
use super::{Attempt, Delivery};
use crate::claim_set::ClaimSet;
use crate::repeats::contention_failure;
use crate::{Change, Claim, CommitError, Lease, Outcome};

/// A call that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Write these changes in one transaction.
    Commit(Vec<Change>),
    /// Deliver the event of the claim at this position.
    Deliver {
        /// The position of the claim in the batch.
        position: usize,
        /// Whether the event may have been delivered before.
        attempt: Attempt,
    },
}

/// The answer to a [`Call`] of the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The result of [`Call::Commit`].
    Committed(Result<(), CommitError>),
    /// The result of [`Call::Deliver`].
    Delivered(Delivery),
}

/// The state of a batch. Ask for [`LeasedBatch::calls`], pass their answers to
/// [`LeasedBatch::apply_answers`], and begin again until there are no more calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeasedBatch {
    claims: ClaimSet<LeasedStep>,
    /// What each call that is under way is about.
    pending: Vec<Pending>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Pending {
    /// The dedupe records of the claims at these positions.
    Records(Vec<usize>),
    /// The delivery of the claim at this position.
    Delivery(usize),
}

impl LeasedBatch {
    /// A batch of these claims, none of which has been tried.
    #[must_use]
    pub fn new(claims: Vec<Claim>, lease: Lease) -> Self {
        Self { claims: ClaimSet::new(claims, lease), pending: Vec::new() }
    }

    /// The calls that are to be made after [`LeasedBatch::pause`], concurrently or in any order. There are
    /// none once the batch is done.
    pub fn calls(&mut self, now: Timestamp) -> Vec<Call> {
        self.claims.begin_round();
        let mut calls = self.commits(is_claim, now);
        if calls.is_empty() {
            calls = self.deliveries();
            calls.extend(self.commits(follows_delivery, now));
        }
        if calls.is_empty() {
            self.claims.retry_held_keys(now);
            calls = self.commits(is_claim, now);
        }
        let (calls, pending) = calls.into_iter().unzip();
        self.pending = pending;
        calls
    }

    /// How long to wait before the calls.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        self.claims.pause()
    }

    /// Applies the answers to the calls, in their order.
    pub fn apply_answers(&mut self, answers: Vec<Answer>, now: Timestamp) {
        let mut failed = Vec::new();
        let mut made_progress = false;
        for (pending, answer) in std::mem::take(&mut self.pending).into_iter().zip(answers) {
            match (pending, answer) {
                (Pending::Delivery(at), Answer::Delivered(delivery)) => {
                    self.claims
                        .advance(at, |entry| after_delivery(&entry.step, &entry.claim, delivery));
                    made_progress = true;
                }
                (Pending::Records(positions), Answer::Committed(result)) => {
                    match self.claims.apply_commit(&positions, result, now) {
                        Ok(()) => made_progress = true,
                        Err(failure) => failed.push((positions, failure)),
                    }
                }
                (Pending::Records(positions), Answer::Delivered(_)) => {
                    failed.push((positions, contention_failure()));
                }
                (Pending::Delivery(at), Answer::Committed(_)) => {
                    failed.push((vec![at], contention_failure()));
                }
            }
        }
        if self.claims.end_round(made_progress) {
            for (positions, failure) in failed {
                self.claims.give_up(&positions, &failure);
            }
        }
    }

    /// One outcome for each claim, in their order.
    #[must_use]
    pub fn into_outcomes(self) -> Vec<Outcome> {
        self.claims.into_outcomes()
    }

    fn deliveries(&self) -> Vec<(Call, Pending)> {
        let mut calls = Vec::new();
        for (position, entry) in self.claims.firsts() {
            if let Step::Protocol(LeasedStep::Deliver(attempt)) = entry.step {
                calls.push((Call::Deliver { position, attempt }, Pending::Delivery(position)));
            }
        }
        calls
    }

    fn commits(&self, wanted: impl Fn(&Step) -> bool, now: Timestamp) -> Vec<(Call, Pending)> {
        let mut calls = Vec::new();
        for commit in self.claims.commits(wanted, now) {
            calls.push((Call::Commit(commit.changes), Pending::Records(commit.positions)));
        }
        calls
    }
}

fn is_claim(step: &Step) -> bool {
    matches!(step, Step::Claim(_))
}

fn follows_delivery(step: &Step) -> bool {
    matches!(step, Step::Protocol(LeasedStep::Complete(_) | LeasedStep::GiveBack { .. }))
}
