//! The stores, the queue, and the workers between them.

use std::collections::BTreeSet;

use event::Timestamp;
use letters::{
    Answer, Letter, LetterEvent, LetterId, LetterReplaced, LetterState, Redrive, Request, Run,
    RunEvent, RunId, RunReplaced, RunState, Sent, Worker, step_letter, step_run,
};

use crate::redrive::Broken;

/// How much may still go wrong, so that there is an end of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    pub(crate) crashes: u8,
    pub(crate) lost: u8,
    pub(crate) failures: u8,
    pub(crate) acts: u8,
    /// How many leases end while their workers go on.
    pub(crate) ends: u8,
}

/// When leases end, and a time before that.
const ENDS: i64 = 5_000;
const BEFORE_ENDS: i64 = 1_000;

/// More than any letter is redriven here.
const MOST_REDRIVES: u32 = 5;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) letters: Vec<Letter>,
    pub(crate) runs: Vec<Run>,
    pub(crate) workers: Vec<Member>,
    /// The lives that messages were sent for, and those of them that ended in a dead-letter queue.
    pub(crate) sent: BTreeSet<(usize, Redrive)>,
    failed: BTreeSet<(usize, Redrive)>,
    /// The versions that each run's plan has of its letters, from when it was made on.
    plans: Vec<Vec<Option<u64>>>,
    /// Whether a run was moved back, or out of where an operator had put it.
    pub(crate) was_undone: bool,
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
            faults,
        }
    }

    pub(crate) fn run_id(run: usize) -> RunId {
        RunId(format!("run-{run}"))
    }

    /// A lease lasts until its worker crashes or has nothing left to do, unless it ends early.
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

    /// The time of a lease is over, and its worker does not know.
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
        let now = self.now(worker);
        let ends_at = Timestamp::from_unix_ms(ENDS);
        if let Some(machine) = &mut self.workers[worker].machine {
            machine.answered(answer, now, ends_at);
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
            // A letter at a time. The second run may have been planned after the first.
            Request::ReadPart { position } => {
                let at = usize::try_from(position).unwrap_or(usize::MAX);
                let mut part = Vec::new();
                if let Some(letter) = self.letters.get(at) {
                    let now = if run_number == 0 { 1 } else { letter.version };
                    part.push((id(at), *self.plans[run_number][at].get_or_insert(now)));
                }
                Answer::Part(part)
            }
            Request::ReadLetter { letter } => Answer::Letter(self.letters[number(&letter)].clone()),
            Request::ReplaceLetter { letter, expected, to } => {
                let held = &mut self.letters[number(&letter)];
                if broken == Broken::LetterVersions || held.version == expected {
                    *held = to;
                    Answer::LetterReplaced(LetterReplaced::Written)
                } else {
                    Answer::LetterReplaced(LetterReplaced::Conflict(held.clone()))
                }
            }
            Request::Send { letter, redrive } => {
                if broken != Broken::SettledUnsent {
                    self.sent.insert((number(&letter), redrive));
                }
                Answer::Sent(Sent::Sent)
            }
        })
    }

    pub(crate) fn crash(&mut self, worker: usize) {
        self.faults.crashes = self.faults.crashes.saturating_sub(1);
        self.workers[worker].machine = None;
    }

    pub(crate) fn start(&mut self, worker: usize) {
        let member = &mut self.workers[worker];
        // Names of lives come back, so that there is an end of states.
        member.life = (member.life + 1) % 3;
        member.machine = Some(machine(worker, member.life, member.run));
    }

    /// The message fails again, and its letter is collected, perhaps not for the first time.
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

    pub(crate) fn act(&mut self, run: usize, event: RunEvent) {
        self.faults.acts -= 1;
        if let Ok(next) = step_run(&self.runs[run], event, Timestamp::from_unix_ms(0)) {
            self.runs[run] = next;
        }
    }

    /// Each letter that is said to be redriven was sent in that life.
    pub(crate) fn redriven_were_sent(&self) -> bool {
        self.letters.iter().enumerate().all(|(at, letter)| match &letter.state {
            LetterState::Redriven { .. } => {
                letter.redrive().is_some_and(|redrive| self.sent.contains(&(at, redrive)))
            }
            _ => true,
        })
    }

    /// No two runs sent a letter for the same life.
    pub(crate) fn each_life_is_of_one_run(&self) -> bool {
        let lives = self.sent.iter().map(|(letter, redrive)| (letter, redrive.count));
        lives.collect::<BTreeSet<_>>().len() == self.sent.len()
    }

    /// What a run has counted as sent is what it sent, of the letters that it went through.
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

    /// What is dead again failed in the last life that it was sent for: no message of that is on its way.
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
