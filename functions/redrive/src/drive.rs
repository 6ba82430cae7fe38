//! Driving a run: what its worker asks for is carried out, as fast as its pace lets it.

mod carry;
mod keys;
mod send;
mod signals;

use std::collections::HashMap;
use std::time::Duration;

use event::Timestamp;
use letters::{
    Answer, Given, Indexed, Ledger, LedgerWritten, LetterId, LetterReplaced, Next, PlanHeader,
    PlannedLetter, Request, RunEvent, RunId, RunReplaced, RunState, Runs as _, Sent, Worker,
    step_run,
};
use runtime::Deadline;
use serde_json::{Value, json};

use self::signals::Watch;
use crate::function::Redrive;
use crate::message::Treatment;
use crate::planning::treatment;
use crate::ports::Ports;
use crate::problem::Problem;

/// For how long nobody else works on a run after its worker has last written.
const LEASE: Duration = Duration::from_secs(60);

/// What must be left of the invocation to begin another part.
const RESERVE: Duration = Duration::from_secs(15);

/// How often, with nothing done in between, it may not be known what came of a request before the worker gives up for
/// now.
const MOST_FRUITLESS: u32 = 10;

/// Before it is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs that are looked at for one to go on with.
const RUNS: usize = 100;

/// One worker on one run, and what it remembers of it.
struct Driver<'a, P> {
    redrive: &'a Redrive<P>,
    worker: Worker,
    name: String,
    header: PlanHeader,
    treatment: Treatment,
    /// As it was read or written last.
    ledger: Ledger,
    /// The page of the plan that was read last.
    page: Option<(usize, Vec<PlannedLetter>)>,
    /// The letters of the part that is being gone through.
    part: HashMap<LetterId, Indexed>,
    watch: Watch,
    /// Requests of which nothing came, since something was changed.
    fruitless: u32,
}

impl<P: Ports> Redrive<P> {
    /// Goes on with a run, or with each that nobody works on and then with the rules of contracts.
    pub(crate) async fn work(
        &self,
        run: Option<&RunId>,
        invocation: &str,
        deadline: &Deadline,
    ) -> Result<Value, Problem> {
        let runs = match run {
            Some(run) => vec![self.read_run(run).await?],
            None => self.ports.index().runs(RUNS).await?,
        };
        let now = self.ports.now();
        let is_free = |ledger: &Ledger| {
            let is_held = ledger.run.lease.as_ref().is_some_and(|lease| now < lease.ends_at);
            matches!(ledger.run.state, RunState::Running | RunState::Cancelling) && !is_held
        };
        let mut driven = Vec::new();
        for ledger in runs.into_iter().filter(is_free) {
            if deadline.remaining() < RESERVE {
                break;
            }
            tracing::info!(run = ledger.id.0, invocation, "a run goes on");
            if let Err(problem) = self.drive(&ledger.id, deadline).await {
                tracing::error!(
                    run = ledger.id.0,
                    failure.reason = problem.detail,
                    "a run does not go on"
                );
            }
            driven.push(ledger.id);
        }
        if let Some(run) = run {
            let ledger = self.read_run(run).await?;
            if is_free(&ledger) && driven.contains(run) {
                // This invocation's time is over, and the run is not.
                self.ports.go_on_later(run).await?;
            }
        }
        // As an invocation of its own has it, when it goes on with one run.
        let triage = match run {
            Some(_) => Value::Null,
            None => Box::pin(self.triage(deadline)).await,
        };
        Ok(json!({ "driven": driven, "triage": triage }))
    }

    /// Works on a run until it is over, paused, or another's, or the invocation's time is.
    pub(crate) async fn drive(&self, run: &RunId, deadline: &Deadline) -> Result<(), Problem> {
        let ledger = self.read_run(run).await?;
        let header = self.read_plan(&ledger.plan).await?;
        let name = self.ports.unique_name();
        let driver = Driver {
            redrive: self,
            worker: Worker::new(&name, run.clone()),
            name,
            treatment: treatment(header.to.clone(), header.patch.as_ref())?,
            header,
            ledger,
            page: None,
            part: HashMap::new(),
            watch: Watch::default(),
            fruitless: 0,
        };
        driver.drive(deadline).await
    }
}

/// What may be done between two parts.
enum Between {
    /// A part of so many letters.
    GoOn(u64),
    /// Nothing more, by this worker.
    End,
}

impl<P: Ports> Driver<'_, P> {
    async fn drive(mut self, deadline: &Deadline) -> Result<(), Problem> {
        let before = self.ledger.run.state;
        let mut is_between_parts = true;
        while let Some(request) = self.worker.next_request() {
            let begins_part = comes_before_a_part(&request, &self.ledger);
            let answer = self.carry_out(request).await?;
            match yield_of(&answer) {
                Yield::Nothing => {
                    self.fruitless += 1;
                    if self.fruitless > MOST_FRUITLESS || deadline.remaining() < RESERVE {
                        break;
                    }
                    self.redrive.ports.sleep(PAUSE).await;
                }
                Yield::Knowledge => {}
                Yield::Change => self.fruitless = 0,
            }
            is_between_parts = begins_part && is_told_a_run(&answer);
            let mut letters = 0;
            if is_between_parts && !self.ledger.run.is_over() {
                match self.between_parts(deadline).await? {
                    Between::GoOn(most) => letters = most,
                    Between::End => break,
                }
            }
            let given = Given { now: self.now(), ends_at: self.now().plus(LEASE), letters };
            self.worker.apply_answer(answer, given);
        }
        self.end(before, is_between_parts).await
    }

    fn now(&self) -> Timestamp {
        self.redrive.ports.now()
    }

    /// Waits for as long as the run's pace says.
    async fn between_parts(&mut self, deadline: &Deadline) -> Result<Between, Problem> {
        loop {
            if deadline.remaining() < RESERVE {
                return Ok(Between::End);
            }
            if self.ledger.run.state != RunState::Running {
                // What is claimed is sent, at once; nothing else is.
                return Ok(Between::GoOn(0));
            }
            let signals = self.signals().await?;
            let (progress, next) = self.ledger.progress.next(
                &self.ledger.pace,
                &self.ledger.run,
                &signals,
                self.now(),
            );
            self.ledger.progress = progress;
            match next {
                Next::Send(letters) => {
                    self.ledger.note = None;
                    return Ok(Between::GoOn(letters));
                }
                Next::Pause { note } => {
                    self.redrive
                        .change_run(self.ledger.clone(), &RunEvent::Pause, Some(note))
                        .await?;
                    return Ok(Between::End);
                }
                Next::Wait { time, note } => {
                    if !self.keep_waiting(time, note).await? {
                        return Ok(Between::End);
                    }
                }
            }
        }
    }

    /// Waits, and looks whether the run is still this worker's. Whether it is.
    async fn keep_waiting(&mut self, time: Duration, note: String) -> Result<bool, Problem> {
        self.redrive.ports.sleep(time).await;
        let Some(found) = self.redrive.ports.index().read_run(&self.ledger.id).await? else {
            return Ok(false);
        };
        if found.run.version != self.ledger.run.version {
            let is_own = found.run.lease.as_ref().is_none_or(|lease| lease.worker == self.name);
            let is_running = found.run.state == RunState::Running;
            self.ledger = Ledger { progress: self.ledger.progress, ..found };
            return Ok(is_own && is_running);
        }
        self.ledger.came_back = found.came_back;
        self.show(note).await
    }

    /// Lets operators see what the run waits for, and keeps the lease meanwhile. Whether the run is still this worker's.
    async fn show(&mut self, note: String) -> Result<bool, Problem> {
        let lease_left =
            self.ledger.run.lease.as_ref().map_or(LEASE, |it| it.ends_at.since(self.now()));
        if self.ledger.note.as_deref() == Some(note.as_str()) && lease_left > LEASE / 2 {
            return Ok(true);
        }
        let lease = letters::Lease { worker: self.name.clone(), ends_at: self.now().plus(LEASE) };
        let Ok(run) = step_run(&self.ledger.run, RunEvent::Take { lease, letters: 0 }, self.now())
        else {
            return Ok(false);
        };
        let to = Ledger { run, note: Some(note), ..self.ledger.clone() };
        match self.redrive.ports.index().replace_run(Some(self.ledger.run.version), &to).await? {
            LedgerWritten::Written => {
                self.ledger = to;
                Ok(true)
            }
            LedgerWritten::Conflict(_) => Ok(false),
        }
    }

    /// Lets go of the lease, so that the next worker need not wait for its end, and tells how it ended.
    async fn end(self, before: RunState, is_between_parts: bool) -> Result<(), Problem> {
        let ledger = self.redrive.read_run(&self.ledger.id).await?;
        let run = &ledger.run;
        tracing::info!(
            run = ledger.id.0,
            redrive.state = run.state.name(),
            redrive.sent = run.sent,
            redrive.skipped = run.skipped,
            redrive.came_back = ledger.came_back,
            redrive.note = ledger.note,
            "a worker's part of a run is over"
        );
        if run.is_over() && before != run.state {
            self.redrive.tell_end(&ledger).await;
        }
        if run.lease.as_ref().is_some_and(|lease| lease.worker == self.name) && is_between_parts {
            let event = RunEvent::LetGo { worker: self.name.clone() };
            let note = ledger.note.clone();
            self.redrive.change_run(ledger, &event, note).await?;
        }
        Ok(())
    }
}

/// What came of a request.
enum Yield {
    Nothing,
    /// Something was read.
    Knowledge,
    /// Something was written or sent, or is known not to be.
    Change,
}

/// What was asked of several at once has come to something if it has for one of them.
fn yield_of(answer: &Answer) -> Yield {
    let is_fruitless = match answer {
        Answer::Run(_) | Answer::Part(_) | Answer::Letters(_) => return Yield::Knowledge,
        Answer::Unknown => true,
        Answer::RunReplaced(_) => false,
        Answer::LettersReplaced(all) => all.iter().all(|it| *it == LetterReplaced::Unknown),
        Answer::Sent(all) => all.iter().all(|it| *it == Sent::Unknown),
    };
    if is_fruitless { Yield::Nothing } else { Yield::Change }
}

/// Whether what is asked for comes before a part is begun: the answer to it says how large that may be.
fn comes_before_a_part(request: &Request, ledger: &Ledger) -> bool {
    match request {
        Request::ReadRun => true,
        Request::ReplaceRun { run, .. } => run.position > ledger.run.position,
        _ => false,
    }
}

fn is_told_a_run(answer: &Answer) -> bool {
    matches!(answer, Answer::Run(_) | Answer::RunReplaced(RunReplaced::Written))
}
