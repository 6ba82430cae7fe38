//! The rounds of one batch: what is asked next, and what an answer means.

use std::time::Duration;

use event::Timestamp;

use super::Delivery;
use super::entry::{Entry, Step};
use crate::batch::{Distinct, Repeat, contended, distinct, in_transactions, join_repeats};
use crate::claim::{Claiming, committed, held};
use crate::store::LONGEST_PAUSE;
use crate::{Change, Claim, CommitError, Expected, Lease, Outcome, backoff};

/// Something to ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    Commit(Vec<Change>),
    /// Let the claim at this position take effect; an earlier attempt may have done so if it is a
    /// repeat.
    Deliver {
        position: usize,
        is_repeat: bool,
    },
}

/// What came of a [`Call`] of the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Committed(Result<(), CommitError>),
    Delivered(Delivery),
}

/// A batch on its way. Ask for [`Rounds::calls`], give [`Rounds::answer`] an answer to each, and
/// begin again, until there are none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rounds {
    lease: Lease,
    /// One for each claim; of a key's repeats, only the first is asked for.
    entries: Vec<Entry>,
    firsts: Vec<usize>,
    repeats: Vec<Repeat>,
    /// What the calls under way are about.
    asked: Vec<Asked>,
    pause: Option<Duration>,
    /// Rounds in a row that brought nothing on.
    fruitless: u32,
    /// Rounds that began with waiting for others.
    waits: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Records(Vec<usize>),
    Delivery(usize),
}

impl Rounds {
    #[must_use]
    pub fn new(claims: Vec<Claim>, lease: Lease) -> Self {
        let delivery = |at: usize| (&claims[at].id, &claims[at].fingerprint);
        let Distinct { firsts, repeats } = distinct(0..claims.len(), delivery);
        Self {
            lease,
            firsts,
            repeats,
            entries: claims.into_iter().map(Entry::new).collect(),
            asked: Vec::new(),
            pause: None,
            fruitless: 0,
            waits: 0,
        }
    }

    /// What is to be asked now, after [`Rounds::wait`], in any order or at once; nothing once all is
    /// settled.
    pub fn calls(&mut self, now: Timestamp) -> Vec<Call> {
        self.pause = self.backoff(self.fruitless);
        let is_claim = |step: &Step| matches!(step, Step::Claim(_));
        let mut calls = self.commits(is_claim, now);
        if calls.is_empty() {
            calls = self.deliveries();
            let is_after = |step: &Step| matches!(step, Step::Complete(_) | Step::GiveBack { .. });
            calls.extend(self.commits(is_after, now));
        }
        if calls.is_empty() {
            self.ask_again_for_the_held(now);
            calls = self.commits(is_claim, now);
        }
        let (calls, asked) = calls.into_iter().unzip();
        self.asked = asked;
        calls
    }

    /// How long to wait before that.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.pause
    }

    /// Takes the answer to each of the calls, in their order.
    pub fn answer(&mut self, answers: Vec<Answer>, now: Timestamp) {
        let mut unmoved = Vec::new();
        let mut is_fruitful = false;
        for (asked, answer) in std::mem::take(&mut self.asked).into_iter().zip(answers) {
            match (asked, answer) {
                (Asked::Delivery(at), Answer::Delivered(delivery)) => {
                    self.entries[at].delivered(delivery);
                    is_fruitful = true;
                }
                (Asked::Records(positions), Answer::Committed(result)) => {
                    match committed(&mut self.entries, &positions, result, now) {
                        Ok(()) => is_fruitful = true,
                        Err(failure) => unmoved.push((positions, failure)),
                    }
                }
                (Asked::Records(positions), _) => unmoved.push((positions, contended())),
                (Asked::Delivery(at), _) => unmoved.push((vec![at], contended())),
            }
        }
        self.fruitless = if is_fruitful { 0 } else { self.fruitless + 1 };
        if self.fruitless >= self.lease.tries {
            self.fruitless = 0;
            for (positions, failure) in unmoved {
                positions.iter().for_each(|&at| self.entries[at].gave_up(&failure));
            }
        }
    }

    /// One for each claim, in their order.
    #[must_use]
    pub fn into_outcomes(self) -> Vec<Outcome> {
        let outcome = |entry: &Entry| match &entry.step {
            Step::Done(outcome) => Some(outcome.clone()),
            _ => None,
        };
        let fingerprint = |at: usize| &self.entries[at].claim.fingerprint;
        join_repeats(self.entries.iter().map(outcome).collect(), &self.repeats, fingerprint)
    }

    fn backoff(&self, tries: u32) -> Option<Duration> {
        let first = self.firsts.first()?;
        (tries > 0).then(|| backoff(tries, LONGEST_PAUSE, &self.entries[*first].claim.id))
    }

    fn deliveries(&self) -> Vec<(Call, Asked)> {
        let call = |&at: &usize| match self.entries[at].step {
            Step::Deliver { is_repeat } => {
                Some((Call::Deliver { position: at, is_repeat }, Asked::Delivery(at)))
            }
            _ => None,
        };
        self.firsts.iter().filter_map(call).collect()
    }

    /// Once nothing else is to be done: asks again for what others held, or gives it up.
    fn ask_again_for_the_held(&mut self, now: Timestamp) {
        let mut is_waiting = false;
        for &at in &self.firsts {
            let entry = &mut self.entries[at];
            let Step::Wait(claim) = &entry.step else { continue };
            if now >= self.lease.wait_until {
                entry.step = Step::Done(Err(held(claim, now)));
            } else {
                entry.step = Step::Claim(Expected::Free);
                is_waiting = true;
            }
        }
        if is_waiting {
            self.waits += 1;
            self.pause = self.backoff(self.waits);
        }
    }

    /// The changes that these steps ask for, as many to a call as fit.
    fn commits(&self, wanted: impl Fn(&Step) -> bool, now: Timestamp) -> Vec<(Call, Asked)> {
        let positions = self.firsts.iter().copied().filter(|&at| wanted(&self.entries[at].step));
        let call = |positions: Vec<usize>| {
            let change = |&at: &usize| self.entries[at].change(self.lease.ends_at, now);
            let changes = positions.iter().filter_map(change).collect();
            (Call::Commit(changes), Asked::Records(positions))
        };
        let is_alone = |at: usize| self.entries[at].is_alone;
        in_transactions(positions, self.lease.limits, is_alone).into_iter().map(call).collect()
    }
}
