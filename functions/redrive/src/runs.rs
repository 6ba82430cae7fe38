//! Begins, pauses, resumes, cancels and shows runs.

use letters::{
    IllegalRun, Ledger, LedgerWritten, RunEvent, RunId, RunState, Runs as _, compact_time, step_run,
};
use runtime::{AuditSubject, Deadline, Operator};
use serde_json::{Value, json};

use crate::audited::Act;
use crate::function::{Asker, Redrive};
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::{ActOnRun, Begun, Moved, Planned, check_reason};

/// How often a write of a run is tried while others write it.
const TRIES: u32 = 8;

/// The most runs that are shown.
const HISTORY: usize = 100;

impl<P: Ports> Redrive<P> {
    /// Begins a run, which continues in its own invocations.
    pub(crate) async fn begin(&self, asked: Begun, asker: Asker<'_>) -> Result<Value, Problem> {
        let why = check_reason(&asked.why)?;
        let header = self.read_plan(&asked.plan).await?;
        header.check_fresh(&asked.plan, self.ports.now())?;
        let run = self.new_run_id();
        let act = Act { verb: "redrive", subject: AuditSubject { kind: "run", name: &run.0 }, why };
        let before = json!({
            "plan": asked.plan,
            "letters": header.letters,
            "pace": asked.pace,
            "even_if_forgotten": header.even_if_forgotten,
        });
        let intent = self.intend(act, before, asker).await?;
        let now = self.ports.now();
        let by = &asker.operator.arn;
        let ledger =
            Ledger::begin(run.clone(), asked.plan, header.letters, asked.pace, by, why, now);
        let outcome = self.start(&ledger).await;
        self.conclude(intent, outcome).await
    }

    async fn start(&self, ledger: &Ledger) -> Result<Value, Problem> {
        match self.ports.index().replace_run(None, ledger).await? {
            LedgerWritten::Written => {}
            LedgerWritten::Conflict(_) => {
                return Err(Problem::new(
                    ProblemKind::Contended,
                    "another run has this id; try again",
                ));
            }
        }
        self.go_on(&ledger.id).await;
        Ok(run_view(ledger))
    }

    /// Invokes this function to continue the run. If that fails, the schedule continues it.
    async fn go_on(&self, run: &RunId) {
        if let Err(failure) = self.ports.go_on_later(run).await {
            tracing::warn!(run = run.0, failure.reason = %failure.reason, "it goes on with the schedule");
        }
    }

    /// A new id of a run. It begins with the time, so that ids sort by time.
    fn new_run_id(&self) -> RunId {
        let name = self.ports.unique_name();
        let random = name.rsplit('-').next().unwrap_or(&name);
        let time = compact_time(self.ports.now());
        RunId(format!("{time}-{}", random.get(..6).unwrap_or(random)))
    }

    pub(crate) async fn status(&self, run: &RunId) -> Result<Value, Problem> {
        Ok(json!({ "at": self.ports.now(), "run": run_view(&self.read_run(run).await?) }))
    }

    pub(crate) async fn history(&self) -> Result<Value, Problem> {
        let runs = self.ports.index().runs(HISTORY).await?;
        let runs: Vec<Value> = runs.iter().map(run_view).collect();
        Ok(json!({ "at": self.ports.now(), "runs": runs }))
    }

    pub(crate) async fn read_run(&self, run: &RunId) -> Result<Ledger, Problem> {
        self.ports.index().read_run(run).await?.ok_or_else(|| {
            let detail =
                format!("there is no run `{}`; `dlq history` shows which there are", run.0);
            Problem::unknown(detail)
        })
    }

    pub(crate) async fn pause(&self, asked: &ActOnRun, asker: Asker<'_>) -> Result<Value, Problem> {
        self.act_on_run("pause", &asked.run, &asked.why, RunEvent::Pause, asker).await
    }

    pub(crate) async fn resume(
        &self,
        asked: &ActOnRun,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        let done =
            self.act_on_run("resume", &asked.run, &asked.why, RunEvent::Resume, asker).await?;
        self.go_on(&asked.run).await;
        Ok(done)
    }

    pub(crate) async fn cancel(
        &self,
        asked: &ActOnRun,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        let done =
            self.act_on_run("cancel", &asked.run, &asked.why, RunEvent::Cancel, asker).await?;
        self.go_on(&asked.run).await;
        Ok(done)
    }

    async fn act_on_run(
        &self,
        verb: &str,
        run: &RunId,
        why: &str,
        event: RunEvent,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        let why = check_reason(why)?;
        let before = self.read_run(run).await?;
        // An act that is not allowed is refused before its intent is recorded.
        step_run(&before.run, event.clone(), self.ports.now())
            .map_err(|illegal| refusal(run, illegal))?;
        let act = Act { verb, subject: AuditSubject { kind: "run", name: &run.0 }, why };
        let intent = self.intend(act, run_view(&before), asker).await?;
        let note = match event {
            RunEvent::Resume => None,
            _ => Some(format!("{verb} by {}: {why}", asker.operator.arn)),
        };
        let outcome = self.change_run(before, &event, note).await;
        self.conclude(intent, outcome.map(|ledger| json!({ "run": run_view(&ledger) }))).await
    }

    /// Applies an event to a run, while its worker may write it too.
    pub(crate) async fn change_run(
        &self,
        mut ledger: Ledger,
        event: &RunEvent,
        note: Option<String>,
    ) -> Result<Ledger, Problem> {
        for _ in 0..TRIES {
            let now = self.ports.now();
            let run = step_run(&ledger.run, event.clone(), now)
                .map_err(|illegal| refusal(&ledger.id, illegal))?;
            let to = match event {
                RunEvent::Resume => Ledger { run, ..ledger.resumed(now) },
                _ => Ledger { run, note: note.clone(), ..ledger.clone() },
            };
            match self.ports.index().replace_run(Some(ledger.run.version), &to).await? {
                LedgerWritten::Written => return Ok(to),
                LedgerWritten::Conflict(found) => ledger = *found,
            }
        }
        let detail =
            format!("run `{}` was changed {TRIES} times meanwhile; try again", ledger.id.0);
        Err(Problem::new(ProblemKind::Contended, detail))
    }

    /// Halts the rules of contracts, and then pauses every run. Returns the runs that were paused.
    pub(crate) async fn stop(&self, why: &str, asker: Asker<'_>) -> Result<Value, Problem> {
        let why = check_reason(why)?;
        let before: Vec<Value> = self.running().await?.iter().map(run_view).collect();
        let act = Act { verb: "stop", subject: AuditSubject { kind: "runs", name: "all" }, why };
        let intent = self.intend(act, json!({ "runs": before }), asker).await?;
        let mut stopped = Vec::new();
        // A run that a rule begins after this is paused by the round that begins it.
        let mut outcome = self.halt_triage(why, asker).await;
        if let Err(problem) = &outcome {
            tracing::error!(failure.reason = problem.detail, "the triage is not halted");
        }
        let running = match self.running().await {
            Ok(running) => running,
            Err(problem) => return self.conclude(intent, Err(problem)).await,
        };
        for ledger in running {
            let id = ledger.id.clone();
            let note = Some(format!("stopped by {}: {why}", asker.operator.arn));
            match self.change_run(ledger, &RunEvent::Pause, note).await {
                Ok(ledger) => stopped.push(run_view(&ledger)),
                // The run has ended in the meantime.
                Err(problem) if problem.kind == ProblemKind::Illegal => {}
                Err(problem) => {
                    tracing::error!(run = id.0, failure.reason = problem.detail, "not stopped");
                    outcome = Err(problem);
                }
            }
        }
        self.conclude(
            intent,
            outcome.map(|()| json!({ "stopped": stopped, "triage_is_halted": true })),
        )
        .await
    }

    async fn running(&self) -> Result<Vec<Ledger>, Problem> {
        let mut runs = self.ports.index().runs(HISTORY).await?;
        runs.retain(|ledger| ledger.run.state == RunState::Running);
        Ok(runs)
    }

    /// Plans, begins and drives a run in one invocation, without a canary and without a limit of its pace.
    pub(crate) async fn move_all(
        &self,
        asked: &Moved,
        asker: Asker<'_>,
        deadline: &Deadline,
    ) -> Result<Value, Problem> {
        let why = check_reason(asked.why.as_deref().unwrap_or("all letters of the stage"))?;
        self.check_stage(Some(&asked.stage))?;
        let mut planned = Planned::default();
        planned.select.stages.push(asked.stage.clone());
        let (plan, header) = self.write_plan_of(planned, asker).await?;
        let run = self.new_run_id();
        let act = Act { verb: "move", subject: AuditSubject { kind: "run", name: &run.0 }, why };
        let before = json!({ "plan": plan, "letters": header.letters });
        let intent = self.intend(act, before, asker).await?;
        let (now, by) = (self.ports.now(), &asker.operator.arn);
        let pace = letters::Pace::unlimited();
        let ledger = Ledger::begin(run.clone(), plan, header.letters, pace, by, why, now);
        let outcome = self.move_now(&ledger, deadline).await;
        self.conclude(intent, outcome.map(|ledger| run_view(&ledger))).await
    }

    async fn move_now(&self, ledger: &Ledger, deadline: &Deadline) -> Result<Ledger, Problem> {
        self.ports.index().replace_run(None, ledger).await?;
        self.drive(&ledger.id, deadline).await?;
        let ledger = self.read_run(&ledger.id).await?;
        if !ledger.run.is_over() {
            self.go_on(&ledger.id).await;
        }
        Ok(ledger)
    }
}

impl<P: Ports> Redrive<P> {
    /// Records in the audit log how a run ended.
    pub(crate) async fn record_end(&self, ledger: &Ledger) {
        let operator = Operator {
            arn: ledger.by.clone(),
            source_ip: String::new(),
            user_agent: "the run itself".to_owned(),
        };
        let asker = Asker { operator: &operator, request_id: "" };
        let subject = AuditSubject { kind: "run", name: &ledger.id.0 };
        let noted =
            self.note_in_audit("ended", subject, &ledger.why, run_view(ledger), asker).await;
        if let Err(problem) = noted {
            tracing::error!(
                run = ledger.id.0,
                failure.reason = problem.detail,
                "its end is not in the audit log"
            );
        }
    }
}

fn refusal(run: &RunId, illegal: IllegalRun) -> Problem {
    let id = &run.0;
    let detail = match illegal {
        IllegalRun::State { state } => {
            format!("run `{id}` is {state}, and does not change so from there")
        }
        IllegalRun::Leased => format!("run `{id}` is another worker's now"),
    };
    Problem::new(ProblemKind::Illegal, detail)
}

/// A run, as it is shown.
pub(crate) fn run_view(ledger: &Ledger) -> Value {
    let Ledger { run, .. } = ledger;
    json!({
        "run": ledger.id,
        "plan": ledger.plan,
        "state": run.state.name(),
        "letters": run.size,
        "position": run.position,
        "sent": run.sent,
        "skipped": run.skipped,
        "came_back": ledger.came_back,
        "by": ledger.by,
        "why": ledger.why,
        "started_at": ledger.started_at,
        "ended_at": ledger.ended_at,
        "pace": ledger.pace,
        "progress": ledger.progress,
        "note": ledger.note,
        "is_worked_on": run.lease.is_some(),
    })
}
