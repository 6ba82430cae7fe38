//! Letters whose events were taken in longer ago than their keys are remembered.

use letters::{Entry, EventAge, Indexed, KeysLife};

use super::Draft;
use crate::function::Redrive;
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::Planned;

/// What a plan does with such letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenForgotten {
    /// It leaves them out.
    LeaveOut,
    /// It fails, since they were selected by their ids.
    Refuse,
    /// It includes them, since the operator accepts that they may take effect twice.
    Take,
}

impl WhenForgotten {
    pub(super) fn of(asked: &Planned) -> Self {
        match (asked.even_if_forgotten, asked.select.letters.is_empty()) {
            (true, _) => Self::Take,
            (false, true) => Self::LeaveOut,
            (false, false) => Self::Refuse,
        }
    }
}

impl<P: Ports> Redrive<P> {
    /// Whether an event was taken in longer ago than its keys are remembered.
    pub(crate) fn is_forgotten(&self, age: &EventAge) -> bool {
        let contract = self.contracts.get(&age.dataset);
        contract.is_ok_and(|contract| age.keys_life(contract, self.ports.now()) == KeysLife::Over)
    }

    /// The letters that a plan includes, by the age that the index has of them.
    ///
    /// # Errors
    /// When a letter that was selected by its id is too old.
    pub(super) fn young_enough(
        &self,
        chosen: Vec<Indexed>,
        draft: &mut Draft,
    ) -> Result<Vec<Indexed>, Problem> {
        let mut young = Vec::with_capacity(chosen.len());
        for indexed in chosen {
            let is_young = match age_of(&indexed.entry) {
                Some(age) => self.is_young_enough(&indexed.entry, &age, draft)?,
                None => true,
            };
            if is_young {
                young.push(indexed);
            }
        }
        Ok(young)
    }

    /// Whether a plan includes a letter whose event has this age when it is sent.
    ///
    /// # Errors
    /// When the letter was selected by its id, and is too old.
    pub(super) fn is_young_enough(
        &self,
        entry: &Entry,
        age: &EventAge,
        draft: &mut Draft,
    ) -> Result<bool, Problem> {
        if !self.is_forgotten(age) {
            return Ok(true);
        }
        match draft.when_forgotten {
            WhenForgotten::Take => Ok(true),
            WhenForgotten::LeaveOut => {
                draft.left_out += 1;
                draft.forgotten += 1;
                Ok(false)
            }
            WhenForgotten::Refuse => {
                let detail = format!(
                    "letter `{}` was taken in at {}, longer ago than what became of it is remembered: it could take \
                     effect twice; nothing was planned (`--even-if-forgotten` takes it all the same)",
                    entry.id.0, age.taken_in
                );
                Err(Problem::new(ProblemKind::Illegal, detail))
            }
        }
    }
}

fn age_of(entry: &Entry) -> Option<EventAge> {
    let (taken_in, extended_to) = (entry.taken_in_at, entry.remembered_until);
    Some(EventAge { dataset: entry.dataset.clone()?, taken_in, extended_to })
}
