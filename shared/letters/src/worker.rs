//! One worker on one run: what it asks the stores, one request after another.
//!
//! [`Worker::next_request`] says what to do next, and [`Worker::apply_answer`] takes the outcome. The worker goes
//! through a part of the plan with all of its letters at once. If an answer was lost, the worker reads again what it
//! does not know.

use event::Timestamp;

use crate::{
    Lease, Letter, LetterEvent, LetterId, LetterState, PlannedLetter, Redrive, Run, RunEvent,
    RunId, RunState, step_letter, step_run,
};

/// What a worker asks for. A request for several letters is answered for each of them, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Read the run.
    ReadRun,
    /// Write the run, if the stored one has the expected version.
    ReplaceRun {
        /// The version that must be stored.
        expected: u64,
        /// The run to write.
        run: Run,
    },
    /// Read the plan's letters from one position to another, each with the version that it was planned with.
    ReadPart {
        /// The position of the first letter.
        from: u64,
        /// The position behind the last letter.
        to: u64,
    },
    /// Read these letters from the index.
    ReadLetters(Vec<LetterId>),
    /// Write these letters to the index.
    ReplaceLetters(Vec<LetterReplacement>),
    /// Send the messages of these letters.
    Send(Vec<Sending>),
}

/// A letter's next version, to be written if the stored letter has the expected version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LetterReplacement {
    /// The id of the letter.
    pub letter: LetterId,
    /// The version that must be stored.
    pub expected: u64,
    /// The letter to write.
    pub to: Letter,
}

/// A letter whose message is to be sent, and the redrive that the message carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sending {
    /// The id of the letter.
    pub letter: LetterId,
    /// The run, and which life of the letter this begins.
    pub redrive: Redrive,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The run, for [`Request::ReadRun`].
    Run(Run),
    /// For [`Request::ReplaceRun`].
    RunReplaced(RunReplaced),
    /// The letters as they were planned, for [`Request::ReadPart`].
    Part(Vec<PlannedLetter>),
    /// The letters, for [`Request::ReadLetters`]; `None` if there is no such letter.
    Letters(Vec<Option<Letter>>),
    /// One outcome for each letter, for [`Request::ReplaceLetters`].
    LettersReplaced(Vec<LetterReplaced>),
    /// One outcome for each letter, for [`Request::Send`].
    Sent(Vec<Sent>),
    /// It is not known what came of the request: its answer was lost, or the store cannot be reached.
    Unknown,
}

/// What came of a write of the run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RunReplaced {
    /// It was written.
    Written,
    /// It was not written. The stored run, which has another version, is this one.
    Conflict(Run),
}

/// What came of a write of a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LetterReplaced {
    /// It was written.
    Written,
    /// It was not written. The stored letter, which has another version, is this one.
    Conflict(Letter),
    /// It is not known whether it was written.
    Unknown,
}

/// What came of sending a letter's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// The queue has it.
    Sent,
    /// It can never be sent as it is.
    Refused,
    /// It is not known whether the queue has it.
    Unknown,
}

/// What a worker is given with each answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// The present time.
    pub now: Timestamp,
    /// When a lease ends that is taken now.
    pub ends_at: Timestamp,
    /// The most letters that a part may have that begins now.
    pub letters: u64,
}

/// A worker on a run, until nothing is left for it to do there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    name: String,
    run_id: RunId,
    step: Step,
}

/// What the worker waits for, and what it knows for that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    ReadingRun,
    Taking { run: Run, to: Run },
    ReadingPart { run: Run },
    InPart { run: Run, part: Vec<InPart> },
    MovingOn { run: Run, to: Run },
    Over,
}

/// One letter of the part that the worker goes through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct InPart {
    id: LetterId,
    planned: u64,
    /// The letter as it was last read or written; `None` if it must be read again.
    letter: Option<Letter>,
    /// What the queue last answered this worker about its message.
    sent: Option<Sent>,
    /// Whether the store has no such letter.
    is_gone: bool,
}

/// What is to be done next with a letter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Todo {
    Read,
    Claim,
    Send,
    GiveBack,
    Count,
    Skip,
}

/// These are done in this order, each for all letters of a part at once.
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
        // If the run is in its history, this run sent it, and it has come back or was redriven by others since.
        if letter.runs.contains(run_id) { Todo::Count } else { Todo::Skip }
    }

    fn unread(id: LetterId, planned: u64) -> Self {
        Self { id, planned, letter: None, sent: None, is_gone: false }
    }

    fn event(todo: Todo, run_id: &RunId) -> LetterEvent {
        match todo {
            Todo::GiveBack => LetterEvent::GiveBack { run: run_id.clone() },
            _ => LetterEvent::Claim { run: run_id.clone() },
        }
    }

    fn sending(&self) -> Option<Sending> {
        let redrive = self.letter.as_ref()?.redrive()?;
        Some(Sending { letter: self.id.clone(), redrive })
    }

    fn replacement(&self, todo: Todo, run_id: &RunId) -> Option<LetterReplacement> {
        let held = self.letter.as_ref()?;
        let to = step_letter(held, Self::event(todo, run_id)).ok()?;
        Some(LetterReplacement { letter: self.id.clone(), expected: held.version, to })
    }
}

impl Worker {
    /// A worker with a name that no other worker has.
    #[must_use]
    pub fn new(name: &str, run: RunId) -> Self {
        Self { name: name.to_owned(), run_id: run, step: Step::ReadingRun }
    }

    /// What to ask for next; `None` if nothing is left to do.
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
        ORDER.into_iter().find(|todo| part.iter().any(|it| it.todo(&self.run_id, run) == *todo))
    }

    fn request_in_part(&self, run: &Run, part: &[InPart]) -> Option<Request> {
        let todo = self.next_todo(run, part)?;
        let letters = part.iter().filter(|it| it.todo(&self.run_id, run) == todo);
        Some(match todo {
            Todo::Read => Request::ReadLetters(letters.map(|it| it.id.clone()).collect()),
            Todo::Send => Request::Send(letters.filter_map(InPart::sending).collect()),
            Todo::Claim | Todo::GiveBack | Todo::Count | Todo::Skip => Request::ReplaceLetters(
                letters.filter_map(|it| it.replacement(todo, &self.run_id)).collect(),
            ),
        })
    }

    /// Takes the answer to the last request.
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
            // If the position has moved, the part is counted already, perhaps by this very write.
            (Step::MovingOn { run, to }, Answer::RunReplaced(RunReplaced::Conflict(found)))
                if found.position == run.position =>
            {
                self.move_on_from(found, to.sent - run.sent, to.skipped - run.skipped, given)
            }
            (Step::ReadingPart { run }, Answer::Part(letters)) => {
                let mut part = Vec::with_capacity(letters.len());
                for PlannedLetter { id, version } in letters {
                    part.push(InPart::unread(id, version));
                }
                self.in_part(run, part, given)
            }
            (Step::InPart { run, mut part }, answer) => {
                self.take_answer_of_letters(&run, &mut part, answer);
                self.in_part(run, part, given)
            }
            // The answer was lost, or another worker acted. The stored run says what to do.
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
                        // Others may have changed the letter meanwhile.
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
            // The outcome is not known: the letters are read again, and what is still to be done is done again.
            (_, _) => {
                for it in asked {
                    it.letter = None;
                }
            }
        }
    }

    /// Moves on once nothing is left to do with any letter of the part.
    fn in_part(&self, run: Run, part: Vec<InPart>, given: Given) -> Step {
        if self.next_todo(&run, &part).is_some() {
            return Step::InPart { run, part };
        }
        let counted = part.iter().filter(|it| it.todo(&self.run_id, &run) == Todo::Count).count();
        self.move_on_from(run, counted as u64, (part.len() - counted) as u64, given)
    }

    fn move_on_from(&self, run: Run, sent: u64, skipped: u64, given: Given) -> Step {
        let event = RunEvent::MoveOn { worker: self.name.clone(), sent, skipped };
        match step_run(&run, event, given.now) {
            Ok(to) if run.state != RunState::Done => Step::MovingOn { run, to },
            // Another worker has gone on from here, and counts what was sent.
            _ => Step::Over,
        }
    }
}
