//! What a received letter changes in the index, by what is there.

use event::{Code, Timestamp};
use letters::{
    Entry, IllegalLetter, Indexed, Letter, LetterEvent, LetterId, Place, Redrive, RunId,
    step_letter,
};

use crate::letter::Received;

/// So many ids of messages that a letter was collected as are kept: one for each life, and some copies.
const MOST_IDS: usize = 10;

/// Which letter of the index a received one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: LetterId,
    /// The life in which it failed, if a run gave it that.
    pub(crate) redrive: Option<Redrive>,
}

/// What has to be done for a received letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Write {
        change: Change,
        letter: Letter,
    },
    /// It is there: it was collected before, or a copy of it, or a later life.
    Nothing,
    /// The letter that it was is not there any more.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    New,
    CameBack,
    /// A stage gave it back unprocessed, since its run was cancelled.
    Recalled,
    Copy,
}

impl Identity {
    /// The letter that a run brought back, which its mark names, if that is in the store; else a letter of its own.
    pub(crate) fn of(received: &Received, is_there: impl Fn(&LetterId) -> bool) -> Self {
        if let Some(mark) = received.mark() {
            let id = LetterId(mark.letter.clone());
            if is_there(&id) {
                let redrive = Redrive { run: RunId(mark.run.clone()), count: mark.count };
                return Self { id, redrive: Some(redrive) };
            }
        }
        Self { id: received.message.id.clone(), redrive: None }
    }

    pub(crate) fn step(&self, received: &Received, found: Option<&Indexed>) -> Step {
        let Some(found) = found else {
            return match self.redrive {
                Some(_) => Step::Gone,
                None => Step::Write { change: Change::New, letter: Letter::collected() },
            };
        };
        if found.entry.collected_as.contains(&received.message.message_id) {
            return Step::Nothing;
        }
        let (change, event) = match &self.redrive {
            Some(redrive) if received.failure.code == Code::RedriveCancelled => {
                (Change::Recalled, LetterEvent::Recall { redrive: redrive.clone() })
            }
            Some(redrive) => {
                let redrive = redrive.clone();
                // Whoever redrove it so often has mended nothing that it failed of: a redrive of all that is dead takes
                // it along no more.
                let most_redrives = received.redrive_limit;
                (Change::CameBack, LetterEvent::ComeBack { redrive, most_redrives })
            }
            None => (Change::Copy, LetterEvent::Copy),
        };
        match step_letter(&found.letter, event) {
            Ok(letter) => Step::Write { change, letter },
            Err(
                IllegalLetter::EarlierLife | IllegalLetter::OtherRun | IllegalLetter::State { .. },
            ) => Step::Nothing,
        }
    }

    /// Whose run's letters it is counted to, if it came back.
    pub(crate) fn run(&self, change: Change) -> Option<&RunId> {
        match change {
            Change::CameBack | Change::Recalled => {
                self.redrive.as_ref().map(|redrive| &redrive.run)
            }
            Change::New | Change::Copy => None,
        }
    }

    /// What the index says after a change.
    pub(crate) fn entry(
        &self,
        change: Change,
        received: &Received,
        found: Option<&Indexed>,
        place: &Place,
        now: Timestamp,
    ) -> Entry {
        let new = received.entry(&self.id, place.clone(), now);
        let Some(found) = found.map(|found| &found.entry) else { return new };
        let mut ids = found.collected_as.clone();
        ids.extend(new.collected_as.iter().cloned());
        let collected_as = ids.split_off(ids.len().saturating_sub(MOST_IDS));
        match change {
            Change::New => new,
            // The same message once more stays where it is. What is recalled is as it was before its run, with the message
            // and the failure that it had; the keys that the run has extended may be of what a patch made of it.
            Change::Copy | Change::Recalled => Entry { collected_as, ..found.clone() },
            Change::CameBack => Entry {
                collected_at: found.collected_at,
                tenant: new.tenant.or_else(|| found.tenant.clone()),
                original: found.original.clone().or_else(|| Some(found.place.clone())),
                collected_as,
                ..new
            },
        }
    }
}
