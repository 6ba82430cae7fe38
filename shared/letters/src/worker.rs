//! One worker on one run: what it asks the stores, one thing after another.
//!
//! It says what is to be done next ([`Worker::next_request`]) and is told what came of it ([`Worker::answered`]).
//! What is not known, since an answer was lost, is read again.

use std::collections::VecDeque;

use event::Timestamp;

use crate::{
    Lease, Letter, LetterEvent, LetterId, LetterState, Redrive, Run, RunEvent, RunId, RunState,
    step_letter, step_run,
};

/// What a worker asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    ReadRun,
    /// Provided that the one in its place is of this version.
    ReplaceRun {
        expected: u64,
        run: Run,
    },
    /// The letters of the plan from a position on, each with the version that it was planned with.
    ReadPart {
        position: u64,
    },
    ReadLetter {
        letter: LetterId,
    },
    /// Provided that the one in its place is of this version.
    ReplaceLetter {
        letter: LetterId,
        expected: u64,
        to: Letter,
    },
    /// Sends the letter's message, with its redrive.
    Send {
        letter: LetterId,
        redrive: Redrive,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Run(Run),
    RunReplaced(RunReplaced),
    Part(Vec<(LetterId, u64)>),
    Letter(Letter),
    LetterReplaced(LetterReplaced),
    Sent(Sent),
    /// Nobody knows: the answer was lost, or the store is away.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RunReplaced {
    Written,
    /// It was this instead.
    Conflict(Run),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LetterReplaced {
    Written,
    /// It was this instead.
    Conflict(Letter),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    Sent,
    /// It did not go out.
    Refused,
}

/// A worker on a run, until it has nothing to do there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    name: String,
    run_id: RunId,
    step: Step,
}

/// What it does, and what it knows for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    ReadingRun,
    Taking { run: Run, to: Run },
    ReadingPart { run: Run },
    InPart { run: Run, part: Part },
    MovingOn { run: Run, to: Run },
    Over,
}

/// The part of the plan that is being gone through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Part {
    left: VecDeque<(LetterId, u64)>,
    /// What is known of the first one that is left.
    letter: Option<Letter>,
    /// It has been sent in this worker's life.
    is_sent: bool,
    sent: u64,
    skipped: u64,
}

/// What is to be done with a letter.
enum Todo {
    Claim,
    Send,
    Settle,
    Count,
    Skip,
}

impl Worker {
    #[must_use]
    pub fn new(name: &str, run: RunId) -> Self {
        Self { name: name.to_owned(), run_id: run, step: Step::ReadingRun }
    }

    /// What to ask for next; `None`: nothing is left to be done here.
    #[must_use]
    pub fn next_request(&self) -> Option<Request> {
        Some(match &self.step {
            Step::ReadingRun => Request::ReadRun,
            Step::Taking { run, to } | Step::MovingOn { run, to } => {
                Request::ReplaceRun { expected: run.version, run: to.clone() }
            }
            Step::ReadingPart { run } => Request::ReadPart { position: run.position },
            Step::InPart { run, part } => self.request_in_part(run, part)?,
            Step::Over => return None,
        })
    }

    fn request_in_part(&self, run: &Run, part: &Part) -> Option<Request> {
        let (id, planned) = part.left.front()?;
        let Some(letter) = &part.letter else {
            return Some(Request::ReadLetter { letter: id.clone() });
        };
        match self.todo(run, letter, *planned, part.is_sent) {
            Todo::Claim => {
                let claim = LetterEvent::Claim { run: self.run_id.clone() };
                self.replace_letter(id, letter, claim)
            }
            Todo::Send => {
                let redrive = letter.redrive()?;
                Some(Request::Send { letter: id.clone(), redrive })
            }
            Todo::Settle => {
                let sent = LetterEvent::Sent { run: self.run_id.clone() };
                self.replace_letter(id, letter, sent)
            }
            // Counted without a question, when the letter is told.
            Todo::Count | Todo::Skip => None,
        }
    }

    fn replace_letter(
        &self,
        id: &LetterId,
        letter: &Letter,
        event: LetterEvent,
    ) -> Option<Request> {
        let to = step_letter(letter, event).ok()?;
        Some(Request::ReplaceLetter { letter: id.clone(), expected: letter.version, to })
    }

    fn todo(&self, run: &Run, letter: &Letter, planned: u64, is_sent: bool) -> Todo {
        match &letter.state {
            LetterState::Claimed { run: owner } if *owner == self.run_id => {
                if is_sent {
                    Todo::Settle
                } else {
                    Todo::Send
                }
            }
            LetterState::Dead if letter.version == planned && run.state != RunState::Cancelling => {
                Todo::Claim
            }
            _ if letter.was_redriven_by(&self.run_id) => Todo::Count,
            _ => Todo::Skip,
        }
    }

    /// Takes the answer to what was asked last. `ends_at` is until when a lease that is taken now lasts.
    pub fn answered(&mut self, answer: Answer, now: Timestamp, ends_at: Timestamp) {
        let step = std::mem::replace(&mut self.step, Step::Over);
        self.step = match (step, answer) {
            (Step::ReadingRun, Answer::Run(run)) => self.take(run, now, ends_at),
            (Step::Taking { to, .. }, Answer::RunReplaced(RunReplaced::Written)) => {
                Step::ReadingPart { run: to }
            }
            (Step::MovingOn { to, .. }, Answer::RunReplaced(RunReplaced::Written)) => {
                self.take(to, now, ends_at)
            }
            // A part that was counted already, be it by this very write, is not counted again.
            (Step::MovingOn { run, to }, Answer::RunReplaced(RunReplaced::Conflict(found)))
                if found.position == run.position =>
            {
                self.move_on_from(found, to.sent - run.sent, to.skipped - run.skipped, now)
            }
            (Step::ReadingPart { run }, Answer::Part(letters)) => {
                let part = Part {
                    left: letters.into(),
                    letter: None,
                    is_sent: false,
                    sent: 0,
                    skipped: 0,
                };
                self.in_part(run, part, now)
            }
            (Step::InPart { run, mut part }, answer) => {
                self.take_answer_of_letter(&run, &mut part, answer);
                self.in_part(run, part, now)
            }
            // What is in the store by now says what to do.
            (
                Step::ReadingRun
                | Step::Taking { .. }
                | Step::MovingOn { .. }
                | Step::ReadingPart { .. },
                _,
            ) => Step::ReadingRun,
            (Step::Over, _) => Step::Over,
        };
    }

    fn take(&self, run: Run, now: Timestamp, ends_at: Timestamp) -> Step {
        let lease = Lease { worker: self.name.clone(), ends_at };
        match step_run(&run, RunEvent::Take { lease }, now) {
            Ok(to) => Step::Taking { run, to },
            Err(_) => Step::Over,
        }
    }

    fn take_answer_of_letter(&self, run: &Run, part: &mut Part, answer: Answer) {
        let Some((_, planned)) = part.left.front() else { return };
        let letter = part.letter.as_ref();
        let asked = letter.map(|letter| self.todo(run, letter, *planned, part.is_sent));
        match (answer, asked) {
            (Answer::Letter(letter), _) => part.letter = Some(letter),
            (Answer::LetterReplaced(LetterReplaced::Conflict(found)), _) => {
                part.letter = Some(found)
            }
            (Answer::LetterReplaced(LetterReplaced::Written), Some(todo)) => {
                let event = match todo {
                    Todo::Claim => LetterEvent::Claim { run: self.run_id.clone() },
                    _ => LetterEvent::Sent { run: self.run_id.clone() },
                };
                part.letter = part.letter.as_ref().and_then(|it| step_letter(it, event).ok());
            }
            (Answer::Sent(Sent::Sent), _) => part.is_sent = true,
            // Read again, and sent again if need be.
            (_, _) => part.letter = None,
        }
    }

    /// Counts the letters that nothing is left to be done with, and moves on at the end of the part.
    fn in_part(&self, run: Run, mut part: Part, now: Timestamp) -> Step {
        while let (Some((_, planned)), Some(letter)) = (part.left.front(), &part.letter) {
            match self.todo(&run, letter, *planned, part.is_sent) {
                Todo::Count => part.sent += 1,
                Todo::Skip => part.skipped += 1,
                Todo::Claim | Todo::Send | Todo::Settle => break,
            }
            part.left.pop_front();
            part.letter = None;
            part.is_sent = false;
        }
        if part.left.is_empty() {
            return self.move_on_from(run, part.sent, part.skipped, now);
        }
        Step::InPart { run, part }
    }

    fn move_on_from(&self, run: Run, sent: u64, skipped: u64, now: Timestamp) -> Step {
        let event = RunEvent::MoveOn { worker: self.name.clone(), sent, skipped };
        match step_run(&run, event, now) {
            Ok(to) if run.state != RunState::Done => Step::MovingOn { run, to },
            // Another worker has gone on from here: it counts what was sent.
            _ => Step::Over,
        }
    }
}
