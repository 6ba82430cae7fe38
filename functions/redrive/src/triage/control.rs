//! Halts the rules, and starts them again.

use letters::{ControlWritten, Controls as _, TriageControl};
use runtime::AuditSubject;
use serde_json::{Value, json};

use crate::audited::Act;
use crate::function::{Asker, Redrive};
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::{Why, check_reason};

/// How often a write is tried while others write.
const TRIES: u32 = 8;

fn not_halted() -> Problem {
    Problem::new(ProblemKind::Illegal, "the triage is not halted")
}

impl<P: Ports> Redrive<P> {
    /// The stored state of triage.
    pub(crate) async fn control(&self) -> Result<TriageControl, Problem> {
        Ok(self.ports.index().read_control().await?.unwrap_or_default())
    }

    /// Halts all rules. If they are halted already, the earlier halt stays.
    pub(crate) async fn halt_triage(&self, why: &str, asker: Asker<'_>) -> Result<(), Problem> {
        let now = self.ports.now();
        let by = &asker.operator.arn;
        self.change_control(|control| control.with_halt(by, why, now)).await.map(|_| ())
    }

    /// Allows rules to act again. Paused runs stay paused.
    pub(crate) async fn start_triage(
        &self,
        asked: &Why,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        let why = check_reason(&asked.why)?;
        let before = self.control().await?;
        if before.halt.is_none() {
            return Err(not_halted());
        }
        let act = Act {
            verb: "start-triage",
            subject: AuditSubject { kind: "triage", name: "all" },
            why,
        };
        let intent = self.intend(act, json!({ "halted": before.halt }), asker).await?;
        let started = self.change_control(TriageControl::without_halt).await;
        let outcome = started.and_then(|started| started.ok_or_else(not_halted));
        self.conclude(intent, outcome.map(|control| json!({ "halted": control.halt }))).await
    }

    /// Changes the stored state of triage, while others may change it too. Returns the new state; `None` if `change`
    /// returns none.
    pub(crate) async fn change_control(
        &self,
        change: impl Fn(&TriageControl) -> Option<TriageControl>,
    ) -> Result<Option<TriageControl>, Problem> {
        let mut found = self.control().await?;
        for _ in 0..TRIES {
            let Some(to) = change(&found) else { return Ok(None) };
            match self.ports.index().replace_control(found.expected(), &to).await? {
                ControlWritten::Written => return Ok(Some(to)),
                ControlWritten::Conflict(there) => found = *there,
            }
        }
        let detail =
            format!("what is kept of triage was changed {TRIES} times meanwhile; try again");
        Err(Problem::new(ProblemKind::Contended, detail))
    }
}
