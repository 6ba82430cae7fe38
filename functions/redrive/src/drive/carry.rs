//! Carries out the requests of a worker.

use event::Failure;
use letters::{
    Answer, IndexWrite, IndexWritten, Indexed, LETTERS_IN_PAGE, Ledger, LedgerWritten, LetterId,
    LetterIndex as _, LetterReplaced, LetterReplacement, Request, Run, RunReplaced, RunState,
    Runs as _,
};

use super::Driver;
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};

impl<P: Ports> Driver<'_, P> {
    /// Carries out one request.
    ///
    /// # Errors
    /// When the run cannot continue at all, since its plan was changed or is missing.
    pub(super) async fn carry_out(&mut self, request: Request) -> Result<Answer, Problem> {
        Ok(match request {
            Request::ReadRun => self.read_run().await,
            Request::ReplaceRun { expected, run } => self.replace_run(expected, run).await,
            Request::ReadPart { from, to } => self.read_part(from, to).await?,
            Request::ReadLetters(letters) => self.read_letters(&letters).await,
            Request::ReplaceLetters(all) => self.replace_letters(all).await,
            Request::Send(all) => Answer::Sent(self.send(&all).await),
        })
    }

    async fn read_run(&mut self) -> Answer {
        match self.redrive.ports.index().read_run(&self.ledger.id).await {
            Ok(Some(found)) => {
                let run = found.run.clone();
                self.ledger = found;
                Answer::Run(run)
            }
            Ok(None) => Answer::Unknown,
            Err(failure) => unknown(&failure),
        }
    }

    async fn replace_run(&mut self, expected: u64, run: Run) -> Answer {
        let mut to = Ledger { run, ..self.ledger.clone() };
        if to.run.is_over() {
            to.ended_at = Some(self.redrive.ports.now());
            // The note of a cancelled run says who has cancelled it and why, so it stays.
            to.note = to.note.filter(|_| to.run.state == RunState::Cancelled);
        }
        match self.redrive.ports.index().replace_run(Some(expected), &to).await {
            Ok(LedgerWritten::Written) => {
                self.ledger = to;
                Answer::RunReplaced(RunReplaced::Written)
            }
            Ok(LedgerWritten::Conflict(found)) => {
                let run = found.run.clone();
                self.ledger = *found;
                Answer::RunReplaced(RunReplaced::Conflict(run))
            }
            Err(failure) => unknown(&failure),
        }
    }

    async fn read_part(&mut self, from: u64, to: u64) -> Result<Answer, Problem> {
        self.part.clear();
        let mut part = Vec::new();
        for position in from..to {
            let position = usize::try_from(position).unwrap_or(usize::MAX);
            let number = position / LETTERS_IN_PAGE;
            if self.page.as_ref().is_none_or(|(read, _)| *read != number) {
                let read = self.redrive.read_page(&self.ledger.plan, &self.header, number).await;
                match read {
                    Ok(page) => self.page = Some((number, page)),
                    Err(problem) if problem.kind == ProblemKind::Away => {
                        return Ok(Answer::Unknown);
                    }
                    Err(problem) => return Err(problem),
                }
            }
            let planned =
                self.page.as_ref().and_then(|(_, page)| page.get(position % LETTERS_IN_PAGE));
            part.extend(planned.cloned());
        }
        Ok(Answer::Part(part))
    }

    async fn read_letters(&mut self, letters: &[LetterId]) -> Answer {
        let mut answers = Vec::with_capacity(letters.len());
        for ids in letters.chunks(100) {
            let found = match self.redrive.ports.index().read(ids).await {
                Ok(found) => found,
                Err(failure) => return unknown(&failure),
            };
            for (id, found) in ids.iter().zip(found) {
                answers.push(found.as_ref().map(|it| it.letter.clone()));
                if let Some(found) = found {
                    self.part.insert(id.clone(), found);
                }
            }
        }
        Answer::Letters(answers)
    }

    async fn replace_letters(&mut self, all: Vec<LetterReplacement>) -> Answer {
        let mut writes = Vec::with_capacity(all.len());
        for LetterReplacement { letter, expected, to } in &all {
            // The worker has read each letter in this part.
            let Some(held) = self.part.get(letter) else { return Answer::Unknown };
            let to = Indexed { entry: held.entry.clone(), letter: to.clone() };
            writes.push(IndexWrite { expected: Some(*expected), to });
        }
        let written = self.redrive.ports.index().write(&writes, None).await;
        let mut answers = Vec::with_capacity(all.len());
        for (write, written) in writes.into_iter().zip(written) {
            let id = write.to.entry.id.clone();
            answers.push(match written {
                IndexWritten::Written => {
                    self.part.insert(id, write.to);
                    LetterReplaced::Written
                }
                IndexWritten::Conflict(found) => {
                    let letter = found.letter.clone();
                    self.part.insert(id, *found);
                    LetterReplaced::Conflict(letter)
                }
                IndexWritten::Unknown(failure) => {
                    tracing::warn!(letter = id.0, failure.reason = %failure.reason, "not known whether it is claimed");
                    LetterReplaced::Unknown
                }
            });
        }
        Answer::LettersReplaced(answers)
    }
}

fn unknown(failure: &Failure) -> Answer {
    tracing::warn!(failure.reason = %failure.reason, "the store did not answer");
    Answer::Unknown
}
