//! One worker on one run: what it asks the stores, one thing after another.
//!
//! It says what is to be done next ([`Worker::next_request`]) and is told what came of it ([`Worker::apply_answer`]).
//! It goes through a part of the plan with all of its letters at once. What is not known, since an answer was lost,
//! is read again.

use event::Timestamp;

use crate::{
    Lease, Letter, LetterEvent, LetterId, LetterState, Redrive, Run, RunEvent, RunId, RunState,
    step_letter, step_run,
};

/// What a worker asks for. Of several letters, each is answered for itself, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    ReadRun,
    /// Provided that the one in its place is of this version.
    ReplaceRun {
        expected: u64,
        run: Run,
    },
    /// The letters of the plan from one position to another, each with the version that it was planned with.
    ReadPart {
        from: u64,
        to: u64,
    },
    ReadLetters(Vec<LetterId>),
    ReplaceLetters(Vec<LetterReplacement>),
    Send(Vec<Sending>),
}

/// A letter's next version, provided that the one in its place is of the expected version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LetterReplacement {
    pub letter: LetterId,
    pub expected: u64,
    pub to: Letter,
}

/// A letter's message, to be sent with its redrive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sending {
    pub letter: LetterId,
    pub redrive: Redrive,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Run(Run),
    RunReplaced(RunReplaced),
    Part(Vec<(LetterId, u64)>),
    /// `None`: it is not known, or there is no such letter.
    Letters(Vec<Option<Letter>>),
    LettersReplaced(Vec<LetterReplaced>),
    Sent(Vec<Sent>),
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
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    Sent,
    /// It can never be sent as it is.
    Refused,
    Unknown,
}

/// What a worker is told with each answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    pub now: Timestamp,
    /// Until when a lease that is taken now lasts.
    pub ends_at: Timestamp,
    /// How many letters a part that is begun now may have.
    pub letters: u64,
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
    InPart { run: Run, part: Vec<InPart> },
    MovingOn { run: Run, to: Run },
    Over,
}

/// One letter of the part that is being gone through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct InPart {
    id: LetterId,
    planned: u64,
    /// As far as it is known.
    letter: Option<Letter>,
    /// What its queue said of it in this worker's life.
    sent: Option<Sent>,
    /// It is not in the store.
    is_gone: bool,
}

/// What is to be done with a letter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Todo {
    Read,
    Claim,
    Send,
    GiveBack,
    Count,
    Skip,
}

/// In this order, for all letters of a part at once.
const ORDER: [Todo; 4] = [Todo::Read, Todo::Claim, Todo::Send, Todo::GiveBack];

impl InPart {
    fn todo(&self, run_id: &RunId, run: &Run) -> Todo {
        let Some(letter) = &self.letter else {
            return if self.is_gone { Todo::Skip } else { Todo::Read };
        };
        if letter.is_claimed_by(run_id) {
            return match self.sent {
                Some(Sent::Sent) => Todo::Count,
                Some(Sent::Refused) => Todo::GiveBack,
                Some(Sent::Unknown) | None => Todo::Send,
            };
        }
        let is_as_planned = letter.state == LetterState::Dead && letter.version == self.planned;
        if is_as_planned && run.state != RunState::Cancelling {
            return Todo::Claim;
        }
        // It has come back, or others have redriven it, since this run sent it.
        if letter.runs.contains(run_id) { Todo::Count } else { Todo::Skip }
    }

    fn event(todo: Todo, run_id: &RunId) -> LetterEvent {
        match todo {
            Todo::GiveBack => LetterEvent::GiveBack { run: run_id.clone() },
            _ => LetterEvent::Claim { run: run_id.clone() },
        }
    }
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
            Step::ReadingPart { run } => Request::ReadPart { from: run.position, to: run.reach },
            Step::InPart { run, part } => self.request_in_part(run, part)?,
            Step::Over => return None,
        })
    }

    fn next_todo(&self, run: &Run, part: &[InPart]) -> Option<Todo> {
        let is_left = |todo: &Todo| part.iter().any(|it| it.todo(&self.run_id, run) == *todo);
        ORDER.into_iter().find(is_left)
    }

    fn request_in_part(&self, run: &Run, part: &[InPart]) -> Option<Request> {
        let todo = self.next_todo(run, part)?;
        let letters = part.iter().filter(|it| it.todo(&self.run_id, run) == todo);
        Some(match todo {
            Todo::Read => Request::ReadLetters(letters.map(|it| it.id.clone()).collect()),
            Todo::Send => {
                let sending = |it: &InPart| {
                    let redrive = it.letter.as_ref()?.redrive()?;
                    Some(Sending { letter: it.id.clone(), redrive })
                };
                Request::Send(letters.filter_map(sending).collect())
            }
            Todo::Claim | Todo::GiveBack | Todo::Count | Todo::Skip => {
                let replacement = |it: &InPart| {
                    let held = it.letter.as_ref()?;
                    let to = step_letter(held, InPart::event(todo, &self.run_id)).ok()?;
                    Some(LetterReplacement { letter: it.id.clone(), expected: held.version, to })
                };
                Request::ReplaceLetters(letters.filter_map(replacement).collect())
            }
        })
    }

    /// Takes the answer to what was asked last.
    pub fn apply_answer(&mut self, answer: Answer, given: Given) {
        let step = std::mem::replace(&mut self.step, Step::Over);
        self.step = match (step, answer) {
            (Step::ReadingRun, Answer::Run(run)) => self.take(run, given),
            (Step::Taking { to, .. }, Answer::RunReplaced(RunReplaced::Written)) => {
                Step::ReadingPart { run: to }
            }
            (Step::MovingOn { to, .. }, Answer::RunReplaced(RunReplaced::Written)) => {
                self.take(to, given)
            }
            // A part that was counted already, be it by this very write, is not counted again.
            (Step::MovingOn { run, to }, Answer::RunReplaced(RunReplaced::Conflict(found)))
                if found.position == run.position =>
            {
                self.move_on_from(found, to.sent - run.sent, to.skipped - run.skipped, given)
            }
            (Step::ReadingPart { run }, Answer::Part(letters)) => {
                let unread = |(id, planned)| InPart {
                    id,
                    planned,
                    letter: None,
                    sent: None,
                    is_gone: false,
                };
                self.in_part(run, letters.into_iter().map(unread).collect(), given)
            }
            (Step::InPart { run, mut part }, answer) => {
                self.take_answer_of_letters(&run, &mut part, answer);
                self.in_part(run, part, given)
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

    fn take(&self, run: Run, given: Given) -> Step {
        let lease = Lease { worker: self.name.clone(), ends_at: given.ends_at };
        let event = RunEvent::Take { lease, letters: given.letters };
        match step_run(&run, event, given.now) {
            Ok(to) => Step::Taking { run, to },
            Err(_) => Step::Over,
        }
    }

    fn take_answer_of_letters(&self, run: &Run, part: &mut [InPart], answer: Answer) {
        let Some(todo) = self.next_todo(run, part) else { return };
        let run_id = &self.run_id;
        let asked = part.iter_mut().filter(|it| it.todo(run_id, run) == todo);
        match (todo, answer) {
            (Todo::Read, Answer::Letters(letters)) => {
                for (it, letter) in asked.zip(letters) {
                    it.is_gone = letter.is_none();
                    it.letter = letter;
                }
            }
            (Todo::Send, Answer::Sent(sent)) => {
                for (it, sent) in asked.zip(sent) {
                    it.sent = Some(sent);
                    if sent == Sent::Unknown {
                        // Others may have changed it meanwhile.
                        it.letter = None;
                    }
                }
            }
            (Todo::Claim | Todo::GiveBack, Answer::LettersReplaced(replaced)) => {
                for (it, replaced) in asked.zip(replaced) {
                    it.letter = match replaced {
                        LetterReplaced::Written => it
                            .letter
                            .as_ref()
                            .and_then(|held| step_letter(held, InPart::event(todo, run_id)).ok()),
                        LetterReplaced::Conflict(found) => Some(found),
                        LetterReplaced::Unknown => None,
                    };
                }
            }
            (Todo::Read, _) => {}
            // Read again, and done again if need be.
            (_, _) => {
                for it in asked {
                    it.letter = None;
                }
            }
        }
    }

    /// Moves on once nothing is left to be done with any letter of the part.
    fn in_part(&self, run: Run, part: Vec<InPart>, given: Given) -> Step {
        if self.next_todo(&run, &part).is_some() {
            return Step::InPart { run, part };
        }
        let counted = part.iter().filter(|it| it.todo(&self.run_id, &run) == Todo::Count).count();
        let count = |letters: usize| u64::try_from(letters).unwrap_or(u64::MAX);
        self.move_on_from(run, count(counted), count(part.len() - counted), given)
    }

    fn move_on_from(&self, run: Run, sent: u64, skipped: u64, given: Given) -> Step {
        let event = RunEvent::MoveOn { worker: self.name.clone(), sent, skipped };
        match step_run(&run, event, given.now) {
            Ok(to) if run.state != RunState::Done => Step::MovingOn { run, to },
            // Another worker has gone on from here: it counts what was sent.
            _ => Step::Over,
        }
    }
}
