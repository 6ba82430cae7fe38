//! The rounds of one batch: what is asked next, and what an answer means.

use std::time::Duration;

use event::Timestamp;

use super::Delivery;
use super::step::{Leased, Step, delivered};
use crate::batch::contended;
use crate::claims::{Claims, Commit, Entry};
use crate::{Change, Claim, CommitError, Lease, Outcome};

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
    claims: Claims<Leased>,
    /// What the calls under way are about.
    asked: Vec<Asked>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Records(Vec<usize>),
    Delivery(usize),
}

impl Rounds {
    #[must_use]
    pub fn new(claims: Vec<Claim>, lease: Lease) -> Self {
        Self { claims: Claims::new(claims, lease), asked: Vec::new() }
    }

    /// What is to be asked now, after [`Rounds::wait`], in any order or at once; nothing once all is
    /// settled.
    pub fn calls(&mut self, now: Timestamp) -> Vec<Call> {
        self.claims.begin();
        let is_claim = |step: &Step| matches!(step, Step::Claim(_));
        let mut calls = self.commits(is_claim, now);
        if calls.is_empty() {
            calls = self.deliveries();
            let is_after = |step: &Step| {
                matches!(step, Step::Own(Leased::Complete(_) | Leased::GiveBack { .. }))
            };
            calls.extend(self.commits(is_after, now));
        }
        if calls.is_empty() {
            self.claims.ask_again_for_the_held(now);
            calls = self.commits(is_claim, now);
        }
        let (calls, asked) = calls.into_iter().unzip();
        self.asked = asked;
        calls
    }

    /// How long to wait before that.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.claims.wait()
    }

    /// Takes the answer to each of the calls, in their order.
    pub fn answer(&mut self, answers: Vec<Answer>, now: Timestamp) {
        let mut unmoved = Vec::new();
        let mut is_fruitful = false;
        for (asked, answer) in std::mem::take(&mut self.asked).into_iter().zip(answers) {
            match (asked, answer) {
                (Asked::Delivery(at), Answer::Delivered(delivery)) => {
                    self.claims.step(at, |entry| delivered(&entry.step, &entry.claim, delivery));
                    is_fruitful = true;
                }
                (Asked::Records(positions), Answer::Committed(result)) => {
                    match self.claims.committed(&positions, result, now) {
                        Ok(()) => is_fruitful = true,
                        Err(failure) => unmoved.push((positions, failure)),
                    }
                }
                (Asked::Records(positions), _) => unmoved.push((positions, contended())),
                (Asked::Delivery(at), _) => unmoved.push((vec![at], contended())),
            }
        }
        if self.claims.end(is_fruitful) {
            for (positions, failure) in unmoved {
                self.claims.gave_up(&positions, &failure);
            }
        }
    }

    /// One for each claim, in their order.
    #[must_use]
    pub fn into_outcomes(self) -> Vec<Outcome> {
        self.claims.into_outcomes()
    }

    fn deliveries(&self) -> Vec<(Call, Asked)> {
        let call = |(at, entry): (usize, &Entry<Leased>)| match entry.step {
            Step::Own(Leased::Deliver { is_repeat }) => {
                Some((Call::Deliver { position: at, is_repeat }, Asked::Delivery(at)))
            }
            _ => None,
        };
        self.claims.each().filter_map(call).collect()
    }

    fn commits(&self, wanted: impl Fn(&Step) -> bool, now: Timestamp) -> Vec<(Call, Asked)> {
        let call =
            |commit: Commit| (Call::Commit(commit.changes), Asked::Records(commit.positions));
        self.claims.commits(wanted, now).into_iter().map(call).collect()
    }
}
