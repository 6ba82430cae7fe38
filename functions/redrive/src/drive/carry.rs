//! What a worker asks for, done.

use std::collections::{BTreeMap, HashMap};

use event::{Code, Failure, FailureKind};
use letters::{
    Answer, IndexWrite, IndexWritten, Indexed, LETTERS_IN_PAGE, Ledger, LedgerWritten, LetterId,
    LetterIndex as _, LetterReplaced, LetterReplacement, Request, Run, RunReplaced, Runs as _,
    Sending, Sent,
};
use runtime::{Outgoing, send_all};

use super::Driver;
use super::keys::Remembered;
use crate::message::revived;
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};

/// Sends to a queue that are under way at a time, each of up to ten messages.
const CONCURRENCY: usize = 8;

impl<P: Ports> Driver<'_, P> {
    /// # Errors
    /// When the run cannot go on at all: its plan is not what it was.
    pub(super) async fn carry_out(&mut self, request: Request) -> Result<Answer, Problem> {
        Ok(match request {
            Request::ReadRun => self.read_run().await,
            Request::ReplaceRun { expected, run } => self.replace_run(expected, run).await,
            Request::ReadPart { from, to } => self.read_part(from, to).await?,
            Request::ReadLetters(letters) => self.read_letters(&letters).await,
            Request::ReplaceLetters(all) => self.replace_letters(all).await,
            Request::Send(all) => self.send(all).await,
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
            to.note = None;
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
            part.extend(planned.map(|planned| (planned.id.clone(), planned.version)));
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
            // Each was read in this part.
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

    async fn send(&mut self, all: Vec<Sending>) -> Answer {
        let mut entries = Vec::with_capacity(all.len());
        for sending in &all {
            let Some(held) = self.part.get(&sending.letter) else { return Answer::Unknown };
            entries.push(&held.entry);
        }
        let messages = match self.redrive.messages(&entries).await {
            Ok(messages) => messages,
            Err(failure) => return unknown(&failure),
        };
        let mut treated = Vec::with_capacity(all.len());
        for (sending, message) in all.iter().zip(messages) {
            let message = self.treatment.treated(message, &self.redrive.contracts);
            let message = message.inspect_err(|error| {
                tracing::warn!(letter = sending.letter.0, failure.reason = %error, "not sent");
            });
            treated.push(message.ok());
        }
        let remembered = match self.extend_keys(&treated).await {
            Ok(remembered) => remembered,
            Err(failure) => return unknown(&failure),
        };
        let mut by_queue: BTreeMap<&str, Vec<(LetterId, Outgoing)>> = BTreeMap::new();
        let mut sent: HashMap<LetterId, Sent> = HashMap::new();
        for ((sending, treated), remembered) in all.iter().zip(treated).zip(remembered) {
            let route = treated
                .and_then(|(stage, message)| Some((self.redrive.routes.get(&stage)?, message)));
            let (Some((route, message)), Remembered::Until(until)) = (route, remembered) else {
                sent.insert(sending.letter.clone(), Sent::Refused);
                continue;
            };
            let outgoing = revived(message, sending.redrive.clone(), until, &route.queue);
            by_queue.entry(&route.queue).or_default().push((sending.letter.clone(), outgoing));
        }
        for (queue, letters) in by_queue {
            let (ids, messages): (Vec<LetterId>, Vec<Outgoing>) = letters.into_iter().unzip();
            let results =
                send_all(self.redrive.ports.queues(), queue, &messages, CONCURRENCY).await;
            for (id, result) in ids.into_iter().zip(results) {
                sent.insert(id, outcome(result));
            }
        }
        let outcome =
            |sending: &Sending| sent.get(&sending.letter).copied().unwrap_or(Sent::Unknown);
        Answer::Sent(all.iter().map(outcome).collect())
    }
}

/// Only what is larger than any message can be is refused for good: all else may have been, or may yet be, sent.
fn outcome(result: Result<(), Failure>) -> Sent {
    match result {
        Ok(()) => Sent::Sent,
        Err(failure) => {
            tracing::warn!(failure.reason = %failure.reason, "not sent");
            let is_for_good =
                failure.kind == FailureKind::Permanent && failure.code == Code::SizeExceeded;
            if is_for_good { Sent::Refused } else { Sent::Unknown }
        }
    }
}

fn unknown(failure: &Failure) -> Answer {
    tracing::warn!(failure.reason = %failure.reason, "the store did not answer");
    Answer::Unknown
}
