//! The stores, the queue, and the workers between them.

use std::collections::BTreeSet;

use event::Timestamp;
use sluicegate_letters::{
    Answer, Given, Letter, LetterEvent, LetterId, LetterReplaced, LetterReplacement, LetterState,
    PlannedLetter, Redrive, Request, Run, RunEvent, RunId, RunReplaced, RunState, Sending, Sent,
    Worker, step_letter, step_run,
};

use crate::redrive::Broken;

/// How often each kind of fault may still happen. The limits keep the number of states finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    pub(crate) crashes: u8,
    pub(crate) lost: u8,
    pub(crate) failures: u8,
    pub(crate) acts: u8,
    /// How many leases may end while their workers go on.
    pub(crate) ends: u8,
}

/// The time at which leases end.
const ENDS: i64 = 5_000;
/// A time at which leases have not ended.
const BEFORE_ENDS: i64 = 1_000;

/// More often than any letter is redriven in this model.
const MOST_REDRIVES: u32 = 5;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) letters: Vec<Letter>,
    pub(crate) runs: Vec<Run>,
    pub(crate) workers: Vec<Member>,
    /// The lives of letters for which messages were sent.
    pub(crate) sent: BTreeSet<(usize, Redrive)>,
    /// The lives that ended in a dead-letter queue.
    failed: BTreeSet<(usize, Redrive)>,
    /// The letters' versions in the plan of each run. A plan takes a letter's version when its run first reads the
    /// letter.
    plans: Vec<Vec<Option<u64>>>,
    /// Whether a run was ever moved to an earlier position, or put back to running after it had left that state.
    pub(crate) was_undone: bool,
    /// The letter whose message its queue never accepts.
    pub(crate) refused: Option<usize>,
    pub(crate) faults: Faults,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    run: usize,
    life: u8,
    machine: Option<Worker>,
}

impl World {
    pub(crate) fn new(letters: u8, workers: &[u8], faults: Faults) -> Self {
        let runs = usize::from(workers.iter().copied().max().unwrap_or(0)) + 1;
        let mut members = Vec::new();
        for (at, run) in workers.iter().enumerate() {
            let run = usize::from(*run);
            members.push(Member { run, life: 0, machine: Some(machine(at, 0, run)) });
        }
        Self {
            letters: vec![Letter::collected(); usize::from(letters)],
            runs: vec![Run::of_plan(u64::from(letters)); runs],
            workers: members,
            sent: BTreeSet::new(),
            failed: BTreeSet::new(),
            plans: vec![vec![None; usize::from(letters)]; runs],
            was_undone: false,
            refused: None,
            faults,
        }
    }

    pub(crate) fn run_id(run: usize) -> RunId {
        RunId(format!("run-{run}"))
    }

    /// The time for this worker. Leases have ended if the holder of the run's lease has crashed or has nothing left to
    /// do.
    fn now(&self, worker: usize) -> Timestamp {
        let holder = self.runs[self.workers[worker].run].lease.as_ref();
        let is_alive = holder.is_some_and(|lease| {
            let mut members = self.workers.iter().enumerate();
            members.any(|(at, member)| {
                member.machine.as_ref().is_some_and(|it| it.next_request().is_some())
                    && name(at, member.life) == lease.worker
            })
        });
        Timestamp::from_unix_ms(if is_alive { BEFORE_ENDS } else { ENDS + 1 })
    }

    /// The lease of the run ends, and its worker does not notice.
    pub(crate) fn end_lease(&mut self, run: usize) {
        if let Some(lease) = &mut self.runs[run].lease
            && lease.ends_at > Timestamp::from_unix_ms(BEFORE_ENDS)
        {
            self.faults.ends -= 1;
            lease.ends_at = Timestamp::from_unix_ms(BEFORE_ENDS);
        }
    }

    pub(crate) fn is_asking(&self, worker: usize) -> bool {
        let machine = self.workers[worker].machine.as_ref();
        machine.is_some_and(|machine| machine.next_request().is_some())
    }

    /// Whether a new worker would find something to do.
    pub(crate) fn has_more_to_do(&self, worker: usize) -> bool {
        let run = &self.runs[self.workers[worker].run];
        let state = run.state;
        matches!(state, RunState::Running | RunState::Cancelling)
    }

    pub(crate) fn serve(&mut self, worker: usize, broken: Broken) {
        let Some(answer) = self.carry_out(worker, broken) else { return };
        self.tell(worker, answer);
    }

    pub(crate) fn lose_answer(&mut self, worker: usize, broken: Broken) {
        self.faults.lost -= 1;
        if self.carry_out(worker, broken).is_some() {
            self.tell(worker, Answer::Unknown);
        }
    }

    pub(crate) fn lose_request(&mut self, worker: usize) {
        self.faults.lost -= 1;
        self.tell(worker, Answer::Unknown);
    }

    pub(crate) fn repeat(&mut self, worker: usize, broken: Broken) {
        self.faults.lost -= 1;
        if self.carry_out(worker, broken).is_some() {
            self.serve(worker, broken);
        }
    }

    fn tell(&mut self, worker: usize, answer: Answer) {
        let (now, ends_at) = (self.now(worker), Timestamp::from_unix_ms(ENDS));
        // The first worker takes two letters at a time in its first life. All others take one.
        let letters = if worker == 0 && self.workers[worker].life == 0 { 2 } else { 1 };
        if let Some(machine) = &mut self.workers[worker].machine {
            machine.apply_answer(answer, Given { now, ends_at, letters });
        }
    }

    fn carry_out(&mut self, worker: usize, broken: Broken) -> Option<Answer> {
        let member = &self.workers[worker];
        let run_number = member.run;
        Some(match member.machine.as_ref()?.next_request()? {
            Request::ReadRun => Answer::Run(self.runs[run_number].clone()),
            Request::ReplaceRun { expected, run } => {
                let held = &mut self.runs[run_number];
                let is_free = broken == Broken::RunVersions || held.version == expected;
                if is_free {
                    let is_stopped =
                        held.state != RunState::Running && run.state == RunState::Running;
                    self.was_undone |= run.position < held.position || is_stopped;
                    *held = run;
                    Answer::RunReplaced(RunReplaced::Written)
                } else {
                    Answer::RunReplaced(RunReplaced::Conflict(held.clone()))
                }
            }
            // The second run may have been planned after the first.
            Request::ReadPart { from, to } => {
                let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
                let mut part = Vec::new();
                for number in at(from)..at(to) {
                    let now = if run_number == 0 { 1 } else { self.letters[number].version };
                    let version = *self.plans[run_number][number].get_or_insert(now);
                    part.push(PlannedLetter { id: id(number), version });
                }
                Answer::Part(part)
            }
            Request::ReadLetters(letters) => {
                let read = |letter: &LetterId| Some(self.letters[number(letter)].clone());
                Answer::Letters(letters.iter().map(read).collect())
            }
            Request::ReplaceLetters(all) => Answer::LettersReplaced(
                all.into_iter().map(|it| self.replace(it, broken)).collect(),
            ),
            Request::Send(all) => {
                Answer::Sent(all.into_iter().map(|it| self.send(it, broken)).collect())
            }
        })
    }

    fn replace(&mut self, it: LetterReplacement, broken: Broken) -> LetterReplaced {
        let held = &mut self.letters[number(&it.letter)];
        if broken == Broken::LetterVersions || held.version == it.expected {
            *held = it.to;
            LetterReplaced::Written
        } else {
            LetterReplaced::Conflict(held.clone())
        }
    }

    fn send(&mut self, it: Sending, broken: Broken) -> Sent {
        let letter = number(&it.letter);
        if self.refused == Some(letter) {
            return Sent::Refused;
        }
        if broken != Broken::SaidToBeSent {
            self.sent.insert((letter, it.redrive));
        }
        Sent::Sent
    }

    pub(crate) fn crash(&mut self, worker: usize) {
        self.faults.crashes = self.faults.crashes.saturating_sub(1);
        self.workers[worker].machine = None;
    }

    pub(crate) fn start(&mut self, worker: usize) {
        let member = &mut self.workers[worker];
        // Names of lives are used again, so that the number of states is finite.
        member.life = (member.life + 1) % 3;
        member.machine = Some(machine(worker, member.life, member.run));
    }

    /// A message fails again, and its letter is collected, perhaps not for the first time.
    pub(crate) fn fail(&mut self, message: usize, broken: Broken) {
        self.faults.failures -= 1;
        let Some((letter, redrive)) = self.sent.iter().nth(message).cloned() else { return };
        self.failed.insert((letter, redrive.clone()));
        let held = &mut self.letters[letter];
        let redrive = match (broken, held.redrive()) {
            (Broken::EarlierLives, Some(present)) => present,
            _ => redrive,
        };
        let event = LetterEvent::ComeBack { redrive, most_redrives: MOST_REDRIVES };
        if let Ok(next) = step_letter(held, event) {
            *held = next;
        }
    }

    /// The messages that a stage may give back because an operator has cancelled their run.
    pub(crate) fn of_cancelled_runs(&self) -> impl Iterator<Item = usize> {
        let is_cancelled = |redrive: &Redrive| {
            let mut runs = self.runs.iter().enumerate();
            runs.any(|(number, run)| {
                Self::run_id(number) == redrive.run
                    && matches!(run.state, RunState::Cancelling | RunState::Cancelled)
            })
        };
        let sent = self.sent.iter().enumerate();
        sent.filter(move |(_, (_, redrive))| is_cancelled(redrive)).map(|(at, _)| at)
    }

    pub(crate) fn recall(&mut self, message: usize) {
        self.faults.failures -= 1;
        let Some((letter, redrive)) = self.sent.iter().nth(message).cloned() else { return };
        self.failed.insert((letter, redrive.clone()));
        if let Ok(next) = step_letter(&self.letters[letter], LetterEvent::Recall { redrive }) {
            self.letters[letter] = next;
        }
    }

    pub(crate) fn act(&mut self, run: usize, event: RunEvent) {
        self.faults.acts -= 1;
        if let Ok(next) = step_run(&self.runs[run], event, Timestamp::from_unix_ms(0)) {
            self.runs[run] = next;
        }
    }

    /// Whether each letter in the state redriven was sent in its present life, if its run is past it or over.
    pub(crate) fn redriven_were_sent(&self) -> bool {
        self.letters.iter().enumerate().all(|(at, letter)| match &letter.state {
            LetterState::Redriven { run } => {
                let run = self.runs.iter().enumerate().find(|(it, _)| Self::run_id(*it) == *run);
                let passed = usize::try_from(run.map_or(0, |(_, run)| run.position)).unwrap_or(0);
                let is_due = at < passed || run.is_some_and(|(_, run)| run.is_over());
                let redrive = letter.redrive();
                !is_due || redrive.is_some_and(|redrive| self.sent.contains(&(at, redrive)))
            }
            _ => true,
        })
    }

    /// Whether each life of a letter was begun by one run only.
    pub(crate) fn each_life_is_of_one_run(&self) -> bool {
        let lives = self.sent.iter().map(|(letter, redrive)| (letter, redrive.count));
        lives.collect::<BTreeSet<_>>().len() == self.sent.len()
    }

    /// Whether each run has counted exactly those letters as sent that it has sent and is past.
    pub(crate) fn counts_agree(&self) -> bool {
        self.runs.iter().enumerate().all(|(number, run)| {
            let passed = usize::try_from(run.position).unwrap_or(usize::MAX);
            let id = Self::run_id(number);
            let mut sent = BTreeSet::new();
            for (letter, redrive) in &self.sent {
                if *letter < passed && redrive.run == id {
                    sent.insert(*letter);
                }
            }
            u64::try_from(sent.len()).unwrap_or(u64::MAX) == run.sent
                && run.sent + run.skipped == run.position
                && run.position <= run.size
        })
    }

    /// Whether each dead letter that was redriven has failed in its last life, so that no message of that life is on
    /// its way.
    pub(crate) fn dead_are_at_rest(&self) -> bool {
        self.letters.iter().enumerate().all(|(at, letter)| match letter.redrive() {
            Some(redrive) if letter.state == LetterState::Dead => {
                self.failed.contains(&(at, redrive))
            }
            _ => true,
        })
    }
}

fn name(worker: usize, life: u8) -> String {
    format!("{worker}.{life}")
}

fn machine(worker: usize, life: u8, run: usize) -> Worker {
    Worker::new(&name(worker, life), World::run_id(run))
}

fn id(letter: usize) -> LetterId {
    LetterId(letter.to_string())
}

fn number(letter: &LetterId) -> usize {
    letter.0.parse().unwrap_or(usize::MAX)
}
