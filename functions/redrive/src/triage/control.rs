//! Halting the rules, and starting them again.

use letters::{ControlWritten, Controls as _, TriageControl};
use serde_json::{Value, json};

use crate::audited::Act;
use crate::function::{Asker, Redrive};
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::{Why, check_reason};

/// How often a write is tried, over what others write meanwhile.
const TRIES: u32 = 8;

impl<P: Ports> Redrive<P> {
    /// What is kept of triage.
    pub(crate) async fn control(&self) -> Result<TriageControl, Problem> {
        Ok(self.ports.index().read_control().await?.unwrap_or_default())
    }

    /// From now on no rule does anything. Who has halted it before is left to be told.
    pub(crate) async fn halt_triage(&self, why: &str, asker: Asker<'_>) -> Result<(), Problem> {
        let now = self.ports.now();
        let by = &asker.operator.arn;
        self.change_control(|control| control.with_halt(by, why, now)).await.map(|_| ())
    }

    /// Lets rules act again. The runs that were paused stay paused.
    pub(crate) async fn start_triage(
        &self,
        asked: &Why,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        let why = check_reason(&asked.why)?;
        let before = self.control().await?;
        let not_halted = || Problem::new(ProblemKind::Illegal, "the triage is not halted");
        if before.halt.is_none() {
            return Err(not_halted());
        }
        let act = Act { verb: "start-triage", subject: ("triage", "all"), why };
        let intent = self.intend(act, json!({ "halted": before.halt }), asker).await?;
        let started = self.change_control(TriageControl::started).await;
        let outcome = started.and_then(|started| started.ok_or_else(not_halted));
        self.conclude(intent, outcome.map(|control| json!({ "halted": control.halt }))).await
    }

    /// Writes what `change` makes of what is kept, over whatever others write meanwhile; `None`: it makes nothing of it.
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
