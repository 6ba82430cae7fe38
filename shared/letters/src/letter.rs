//! The legal transitions of a letter in the store.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | dead | a run claims it | claimed by that run, redriven once more |
//! | claimed | its run has sent it | redriven by that run |
//! | claimed | its run gives it back, unsent | dead |
//! | claimed or redriven | it failed again, in the life that the run gave it | dead; quarantined once it was redriven as often as it may be |
//! | dead or quarantined | an operator discards it | discarded |
//! | discarded | an operator restores it | dead |
//! | quarantined | an operator releases it | dead |
//!
//! All else is [`IllegalLetter`]. A letter that is collected twice, as SQS may deliver it twice, has failed in a life
//! that is over: that changes nothing.

use crate::RunId;

/// One letter, for all of its lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId(pub String);

/// A letter, as far as its life is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Letter {
    pub state: LetterState,
    /// Of each write; a write is conditional on the one before it.
    pub version: u64,
    /// The runs that redrove it, in their order: so many lives it has had besides its first.
    pub runs: Vec<RunId>,
}

/// Where a letter is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LetterState {
    /// It waits for an operator.
    Dead,
    /// This run may have sent it.
    Claimed { run: RunId },
    /// This run has sent it, and it has not come back.
    Redriven { run: RunId },
    /// It came back too often.
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
    Sent {
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
        Self { state: LetterState::Dead, version: 1, runs: Vec::new() }
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

    /// Whether this run has redriven it, be it that it has come back since, and that others have it now.
    #[must_use]
    pub fn was_redriven_by(&self, run: &RunId) -> bool {
        let is_claimed = self.state == LetterState::Claimed { run: run.clone() };
        self.runs.contains(run) && !is_claimed
    }
}

impl LetterState {
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Claimed { .. } => "claimed",
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
    use LetterState::{Claimed, Dead, Discarded, Quarantined, Redriven};
    let mut next = Letter { version: letter.version + 1, ..letter.clone() };
    next.state = match (&letter.state, event) {
        (Dead, LetterEvent::Claim { run }) => {
            next.runs.push(run.clone());
            Claimed { run }
        }
        (Claimed { run: owner }, LetterEvent::Sent { run }) => {
            check_owner(owner, &run)?;
            Redriven { run }
        }
        (Claimed { run: owner }, LetterEvent::GiveBack { run }) => {
            check_owner(owner, &run)?;
            next.runs.pop();
            Dead
        }
        (Claimed { .. } | Redriven { .. }, LetterEvent::ComeBack { redrive, most_redrives }) => {
            if letter.redrive().as_ref() != Some(&redrive) {
                return Err(IllegalLetter::EarlierLife);
            }
            if letter.redrives() >= most_redrives { Quarantined } else { Dead }
        }
        (Dead | Quarantined | Discarded, LetterEvent::ComeBack { .. }) => {
            return Err(IllegalLetter::EarlierLife);
        }
        (Dead | Quarantined, LetterEvent::Discard) => Discarded,
        (Discarded, LetterEvent::Restore) | (Quarantined, LetterEvent::Release) => Dead,
        (state, _) => return Err(IllegalLetter::State { state: state.name() }),
    };
    Ok(next)
}

fn check_owner(owner: &RunId, run: &RunId) -> Result<(), IllegalLetter> {
    if owner == run { Ok(()) } else { Err(IllegalLetter::OtherRun) }
}
