//! The legal transitions of a letter in the store.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | dead | a run claims it | redriven by that run, once more |
//! | redriven | its run could not send it, and gives it back | dead, as if it had not been claimed |
//! | redriven | it failed again, in the life that the run gave it | dead; quarantined once it was redriven as often as it may be |
//! | redriven | a copy of it failed, in its first life | dead |
//! | redriven | a stage gave it back unprocessed, since its run was cancelled | dead |
//! | dead | a rule of its contract quarantines it | quarantined |
//! | dead or quarantined | an operator discards it | discarded |
//! | discarded | an operator restores it | dead |
//! | quarantined | an operator releases it | dead |
//!
//! All else is [`IllegalLetter`]. A claim comes before the message is sent: a run that is over has sent all that it
//! claimed, or given it back. A letter that is collected twice, as SQS may deliver it twice, has failed in a life
//! that is over: that changes nothing.

use serde::{Deserialize, Serialize};

use crate::RunId;

/// One letter, for all of its lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LetterId(pub String);

/// A letter, as far as its life is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Letter {
    pub state: LetterState,
    /// Of each write; a write is conditional on the one before it.
    pub version: u64,
    /// The runs that redrove it, in their order: so many lives it has had besides its first.
    pub runs: Vec<RunId>,
    /// How many of these were cancelled before the letter was processed: it has failed in none of those lives.
    pub recalls: u32,
}

/// Where a letter is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LetterState {
    /// It waits for an operator.
    Dead,
    /// This run sends it, or has sent it, and it has not come back.
    Redriven { run: RunId },
    /// It came back too often, or a rule of its contract says that no redrive mends it.
    Quarantined,
    /// An operator has put it aside.
    Discarded,
}

/// What goes with a redriven message, and tells which life it failed in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Redrive {
    pub run: RunId,
    /// How often the letter has been redriven, this time included.
    pub count: u32,
}

/// Something that may change a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LetterEvent {
    Claim {
        run: RunId,
    },
    GiveBack {
        run: RunId,
    },
    /// It failed in the life of this redrive, and was collected.
    ComeBack {
        redrive: Redrive,
        most_redrives: u32,
    },
    /// A copy of its message, which SQS delivered twice or a stage wrote twice, was collected later than it was.
    Copy,
    /// A stage gave it back, since the run of this redrive was cancelled, and it was collected.
    Recall {
        redrive: Redrive,
    },
    /// A rule says that no redrive mends it.
    Quarantine,
    Discard,
    Restore,
    Release,
}

/// The letter, as it is, does not let that happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalLetter {
    #[error("the letter is {state}, and does not change so from there")]
    State { state: &'static str },
    #[error("another run has the letter")]
    OtherRun,
    #[error("the letter failed in a life that is over")]
    EarlierLife,
}

impl Letter {
    /// As it is when it is collected for the first time.
    #[must_use]
    pub fn collected() -> Self {
        Self { state: LetterState::Dead, version: 1, runs: Vec::new(), recalls: 0 }
    }

    /// What a message of its present life carries.
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

    /// Whether this run has it, and may still have to send it.
    #[must_use]
    pub fn is_claimed_by(&self, run: &RunId) -> bool {
        matches!(&self.state, LetterState::Redriven { run: owner } if owner == run)
    }
}

impl LetterState {
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

/// The letter after an event, of the next version.
///
/// # Errors
/// [`IllegalLetter`], when the table above has no such line.
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
