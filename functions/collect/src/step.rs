//! Decides what a received letter changes in the index.

use event::{Code, Timestamp};
use letters::{
    Entry, IllegalLetter, Indexed, Letter, LetterEvent, LetterId, Place, Redrive, RunId,
    step_letter,
};

use crate::letter::Received;

/// The most message ids that an entry keeps of those as which its letter was collected: one for each life, and some
/// copies.
const MOST_IDS: usize = 10;

/// Which letter of the index a received message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: LetterId,
    /// The redrive after which it failed, if it was redriven.
    pub(crate) redrive: Option<Redrive>,
}

/// What has to be done for a received letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Write {
        change: Change,
        letter: Letter,
    },
    /// Nothing, since it was collected before, or a copy of it, or a later life.
    Nothing,
    /// Its letter is no longer in the store.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    New,
    CameBack,
    /// A stage gave it back unprocessed because its run was cancelled.
    Recalled,
    Copy,
}

impl Identity {
    /// The letter that the mark of a run names, if it is in the store; otherwise a letter of its own.
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
                // If a letter fails again after so many redrives, its cause was not fixed. It is quarantined then, so
                // that a redrive of all dead letters no longer includes it.
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

    /// The run that counts the letter as come back, if the change is that.
    pub(crate) fn run(&self, change: Change) -> Option<&RunId> {
        match change {
            Change::CameBack | Change::Recalled => {
                self.redrive.as_ref().map(|redrive| &redrive.run)
            }
            Change::New | Change::Copy => None,
        }
    }

    /// The entry of the letter after a change.
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
            // A copy does not change where the message is. A recalled letter is as it was before its run, with the
            // message and the failure that it had. The keys that the run has extended may be those of a patched event,
            // so the entry does not take them over.
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
