//! Drives a run: carries out what its worker requests, at the run's pace.

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
use runtime::{Deadline, Dimensions, Metric};
use serde_json::{Value, json};

use self::signals::Watch;
use crate::function::Redrive;
use crate::message::Treatment;
use crate::planning::treatment;
use crate::ports::Ports;
use crate::problem::Problem;

/// How long a run belongs to its worker after the worker's last write.
const LEASE: Duration = Duration::from_secs(60);

/// The time that the invocation must have left to begin another part.
const RESERVE: Duration = Duration::from_secs(15);

/// How many requests in a row may have an unknown outcome before the worker gives up for now.
const MOST_FRUITLESS: u32 = 10;

/// The wait after a request with an unknown outcome.
const PAUSE: Duration = Duration::from_millis(200);

/// The number of newest runs among which those to continue are looked for.
const RUNS: usize = 100;

/// One worker on one run, and what it remembers of the run.
struct Driver<'a, P> {
    redrive: &'a Redrive<P>,
    worker: Worker,
    name: String,
    header: PlanHeader,
    treatment: Treatment,
    /// The ledger as it was read or written last.
    ledger: Ledger,
    /// The page of the plan that was read last, and its number.
    page: Option<(usize, Vec<PlannedLetter>)>,
    /// The letters of the current part.
    part: HashMap<LetterId, Indexed>,
    watch: Watch,
    /// The requests with an unknown outcome since the last change.
    fruitless: u32,
}

impl<P: Ports> Redrive<P> {
    /// Continues a run, or else each run that no worker has, and then carries out the rules of contracts.
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
        let mut driven = Vec::new();
        for ledger in runs.into_iter().filter(|ledger| is_free(ledger, now)) {
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
            if is_free(&ledger, now) && driven.contains(run) {
                // The time of this invocation is over before the run is.
                self.ports.go_on_later(run).await?;
            }
        }
        // The schedule's invocation carries out the rules, not one that continues a single run.
        let triage = match run {
            Some(_) => Value::Null,
            None => Box::pin(self.triage(deadline)).await,
        };
        Ok(json!({ "driven": driven, "triage": triage }))
    }

    /// Works on a run until it is over or paused, another worker has it, or the invocation's time is over.
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

/// Whether a run that may be continued has no worker.
fn is_free(ledger: &Ledger, now: Timestamp) -> bool {
    let is_held = ledger.run.lease.as_ref().is_some_and(|lease| now < lease.ends_at);
    matches!(ledger.run.state, RunState::Running | RunState::Cancelling) && !is_held
}

/// What the worker does after a part.
enum Between {
    /// It begins a part of so many letters.
    GoOn(u64),
    /// It ends.
    End,
}

impl<P: Ports> Driver<'_, P> {
    async fn drive(mut self, deadline: &Deadline) -> Result<(), Problem> {
        let (before, sent_before) = (self.ledger.run.state, self.ledger.run.sent);
        let mut is_between_parts = true;
        while let Some(request) = self.worker.next_request() {
            let begins_part = comes_before_a_part(&request, &self.ledger);
            let answer = self.carry_out(request).await?;
            match progress_of(&answer) {
                RequestProgress::Nothing => {
                    self.fruitless += 1;
                    if self.fruitless > MOST_FRUITLESS || deadline.remaining() < RESERVE {
                        break;
                    }
                    self.redrive.ports.sleep(PAUSE).await;
                }
                RequestProgress::Knowledge => {}
                RequestProgress::Change => self.fruitless = 0,
            }
            is_between_parts = begins_part && has_run(&answer);
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
        let sent = self.ledger.run.sent.saturating_sub(sent_before);
        let of_function = Dimensions::Function { function: "redrive" };
        self.redrive.metrics.add(&of_function, Metric::LettersRedriven, sent);
        self.end(before, is_between_parts).await
    }

    fn now(&self) -> Timestamp {
        self.redrive.ports.now()
    }

    /// Waits as long as the run's pace says.
    async fn between_parts(&mut self, deadline: &Deadline) -> Result<Between, Problem> {
        loop {
            if deadline.remaining() < RESERVE {
                return Ok(Between::End);
            }
            if self.ledger.run.state != RunState::Running {
                // Only letters that are already claimed are sent.
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

    /// Waits, and returns whether the run still belongs to this worker.
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

    /// Writes for operators what the run waits for, and extends the lease. Returns whether the run still belongs to
    /// this worker.
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

    /// Logs how the worker's part of the run ended, and gives up the lease, so that the next worker need not wait for
    /// it.
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
            self.redrive.record_end(&ledger).await;
        }
        if run.lease.as_ref().is_some_and(|lease| lease.worker == self.name) && is_between_parts {
            let event = RunEvent::LetGo { worker: self.name.clone() };
            let note = ledger.note.clone();
            self.redrive.change_run(ledger, &event, note).await?;
        }
        Ok(())
    }
}

/// How far a request has brought the run.
enum RequestProgress {
    /// The outcome is unknown.
    Nothing,
    /// Something was read.
    Knowledge,
    /// Something was written or sent, or is known not to be.
    Change,
}

/// The progress of a request. A request for several letters has progressed if it has for one of them.
fn progress_of(answer: &Answer) -> RequestProgress {
    let is_fruitless = match answer {
        Answer::Run(_) | Answer::Part(_) | Answer::Letters(_) => return RequestProgress::Knowledge,
        Answer::Unknown => true,
        Answer::RunReplaced(_) => false,
        Answer::LettersReplaced(all) => all.iter().all(|it| *it == LetterReplaced::Unknown),
        Answer::Sent(all) => all.iter().all(|it| *it == Sent::Unknown),
    };
    if is_fruitless { RequestProgress::Nothing } else { RequestProgress::Change }
}

/// Whether a part begins after this request, so that its answer has to say how large the part may be.
fn comes_before_a_part(request: &Request, ledger: &Ledger) -> bool {
    match request {
        Request::ReadRun => true,
        Request::ReplaceRun { run, .. } => run.position > ledger.run.position,
        _ => false,
    }
}

fn has_run(answer: &Answer) -> bool {
    matches!(answer, Answer::Run(_) | Answer::RunReplaced(RunReplaced::Written))
}
