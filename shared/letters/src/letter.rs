//! The legal transitions of a letter in the store.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | dead | a run claims it | redriven by that run, once more |
//! | redriven | its run could not send it, and gives it back | dead, as if it had not been claimed |
//! | redriven | it failed again, in the life that the run gave it | dead; quarantined once it was redriven as often as it may be |
//! | redriven | a copy of it failed, in its first life | dead |
//! | redriven | a stage gave it back unprocessed, because its run was cancelled | dead |
//! | dead | a rule of its contract quarantines it | quarantined |
//! | dead or quarantined | an operator discards it | discarded |
//! | discarded | an operator restores it | dead |
//! | quarantined | an operator releases it | dead |
//!
//! Any other combination is [`IllegalLetter`]. A letter is claimed before its message is sent, and a run that is over
//! has sent all letters that it claimed or has given them back. SQS may deliver a dead letter twice. The second
//! delivery belongs to a life of the letter that is over, and changes nothing.

use serde::{Deserialize, Serialize};

use crate::RunId;

/// The id of a letter, which is the same in all of its lives: 20 hexadecimal digits, see [`LetterId::of`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LetterId(pub String);

/// The part of a letter that its transitions change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Letter {
    /// Where the letter is in its life.
    pub state: LetterState,
    /// Raised by 1 with each write. A write is conditional on the version before it.
    pub version: u64,
    /// The runs that redrove it, in their order. Each began another life of the letter.
    pub runs: Vec<RunId>,
    /// How many of these runs were cancelled before the letter was processed. The letter has not failed in those lives.
    pub recalls: u32,
}

/// Where a letter is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LetterState {
    /// It waits for an operator or a rule.
    Dead,
    /// A run sends it or has sent it, and it has not come back.
    Redriven {
        /// The run that claimed it.
        run: RunId,
    },
    /// It came back too often, or a rule of its contract says that no redrive mends it.
    Quarantined,
    /// An operator has put it aside.
    Discarded,
}

/// What a redriven message carries, so that its letter can tell in which life it failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Redrive {
    /// The run that sends it.
    pub run: RunId,
    /// How often the letter has been redriven, this time included.
    pub count: u32,
}

/// Something that may change a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LetterEvent {
    /// A run claims it, and will send it.
    Claim {
        /// The run that claims it.
        run: RunId,
    },
    /// The run that claimed it could not send it.
    GiveBack {
        /// The run that claimed it.
        run: RunId,
    },
    /// It failed in the life that a redrive began, and was collected.
    ComeBack {
        /// The redrive that its message carried.
        redrive: Redrive,
        /// How often a letter of its dataset may be redriven before it is quarantined.
        most_redrives: u32,
    },
    /// A copy of its message was collected later than the letter: SQS delivered the message twice, or a stage wrote it
    /// twice.
    Copy,
    /// A stage gave it back because its run was cancelled, and it was collected.
    Recall {
        /// The redrive that its message carried.
        redrive: Redrive,
    },
    /// A rule says that no redrive mends it.
    Quarantine,
    /// An operator puts it aside.
    Discard,
    /// An operator brings a discarded letter back.
    Restore,
    /// An operator lets a quarantined letter be redriven again.
    Release,
}

/// Why an event cannot change a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalLetter {
    /// The event is not legal in the letter's state.
    #[error("the letter is {state}, which does not allow this")]
    State {
        /// The name of that state.
        state: &'static str,
    },
    /// The letter is claimed by another run than that of the event.
    #[error("another run has the letter")]
    OtherRun,
    /// The message that was collected is of an earlier life of the letter.
    #[error("the letter failed in a life that is over")]
    EarlierLife,
}

impl Letter {
    /// A letter as it is when it is collected for the first time.
    #[must_use]
    pub fn collected() -> Self {
        Self { state: LetterState::Dead, version: 1, runs: Vec::new(), recalls: 0 }
    }

    /// The redrive that a message of its present life carries; `None` in its first life.
    #[must_use]
    pub fn redrive(&self) -> Option<Redrive> {
        let run = self.runs.last().cloned()?;
        Some(Redrive { run, count: self.redrives() })
    }

    /// How often it was redriven.
    #[must_use]
    pub fn redrives(&self) -> u32 {
        u32::try_from(self.runs.len()).unwrap_or(u32::MAX)
    }

    /// Whether this run has claimed it, and may still have to send it.
    #[must_use]
    pub fn is_claimed_by(&self, run: &RunId) -> bool {
        matches!(&self.state, LetterState::Redriven { run: owner } if owner == run)
    }
}

impl LetterState {
    /// The name of the state, as it is stored and shown.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Redriven { .. } => "redriven",
            Self::Quarantined => "quarantined",
            Self::Discarded => "discarded",
        }
    }
}

/// The letter after an event, with the next version.
///
/// # Errors
/// [`IllegalLetter`] if the table above has no such line.
pub fn step_letter(letter: &Letter, event: LetterEvent) -> Result<Letter, IllegalLetter> {
    use LetterState::{Dead, Discarded, Quarantined, Redriven};
    let mut next = Letter { version: letter.version + 1, ..letter.clone() };
    next.state = match (&letter.state, event) {
        (Dead, LetterEvent::Claim { run }) => {
            next.runs.push(run.clone());
            Redriven { run }
        }
        (Redriven { run: owner }, LetterEvent::GiveBack { run }) => {
            if *owner != run {
                return Err(IllegalLetter::OtherRun);
            }
            next.runs.pop();
            Dead
        }
        (Redriven { .. }, LetterEvent::ComeBack { redrive, most_redrives }) => {
            if letter.redrive().as_ref() != Some(&redrive) {
                return Err(IllegalLetter::EarlierLife);
            }
            if letter.redrives().saturating_sub(letter.recalls) >= most_redrives {
                Quarantined
            } else {
                Dead
            }
        }
        (Redriven { .. }, LetterEvent::Copy) => Dead,
        (Redriven { .. }, LetterEvent::Recall { redrive }) => {
            if letter.redrive().as_ref() != Some(&redrive) {
                return Err(IllegalLetter::EarlierLife);
            }
            next.recalls = next.recalls.saturating_add(1);
            Dead
        }
        (
            Dead | Quarantined | Discarded,
            LetterEvent::ComeBack { .. } | LetterEvent::Copy | LetterEvent::Recall { .. },
        ) => return Err(IllegalLetter::EarlierLife),
        (Dead, LetterEvent::Quarantine) => Quarantined,
        (Dead | Quarantined, LetterEvent::Discard) => Discarded,
        (Discarded, LetterEvent::Restore) | (Quarantined, LetterEvent::Release) => Dead,
        (state, _) => return Err(IllegalLetter::State { state: state.name() }),
    };
    Ok(next)
}
