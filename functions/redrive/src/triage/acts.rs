//! The acts of rules: redrive, quarantine, notify.

use std::time::Duration;

use contracts::{Patch, TriageAction};
use event::Timestamp;
use letters::{Indexed, LetterEvent, Notes as _, Pace, RunId, Runs as _};
use runtime::{AuditSubject, Operator};
use serde_json::{Value, json};

use super::{Found, Rule};
use crate::acts::ChangeCounts;
use crate::audited::Act;
use crate::function::{Asker, Redrive};
use crate::planning::{PartialPlan, Sieve};
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::{ActOnRun, Begun, Planned};

/// The operator of rules, in the audit log and in the ledger of runs.
const TRIAGE: &str = "triage";

/// The number of newest runs among which an unfinished run of a rule is looked for.
const RUNS: usize = 1_000;

/// How long a notification is not repeated, and a redrive that fits no letter is not tried again.
const QUIET: Duration = Duration::from_secs(60 * 60);

impl<P: Ports> Redrive<P> {
    /// Carries out a rule, and returns what was done; `None` if there was nothing to do for now.
    pub(super) async fn act(
        &self,
        rule: &Rule<'_>,
        found: Found,
        now: Timestamp,
    ) -> Result<Option<Value>, Problem> {
        let operator = Operator {
            arn: TRIAGE.to_owned(),
            source_ip: String::new(),
            user_agent: "the rules of a contract".to_owned(),
        };
        let asker = Asker { operator: &operator, request_id: "" };
        match rule.rule.then {
            TriageAction::Redrive => self.redrive_by_rule(rule, asker, now).await,
            TriageAction::RedriveWhenClosed => {
                let dependencies = rule.contract.dependencies();
                if let Some(open) = self.ports.open_breaker(&dependencies).await {
                    tracing::info!(
                        rule = rule.name(),
                        breaker = open.dependency,
                        "a rule waits for a breaker"
                    );
                    return Ok(None);
                }
                self.redrive_by_rule(rule, asker, now).await
            }
            TriageAction::Quarantine => self.quarantine_by_rule(rule, found, asker, now).await,
            TriageAction::Notify => self.notify_by_rule(rule, found, now).await,
        }
    }

    /// Begins a run as an operator does, unless a run of this rule is not over.
    async fn redrive_by_rule(
        &self,
        rule: &Rule<'_>,
        asker: Asker<'_>,
        now: Timestamp,
    ) -> Result<Option<Value>, Problem> {
        let why = rule.name();
        let runs = self.ports.index().runs(RUNS).await?;
        if runs.iter().any(|it| it.by == TRIAGE && it.why == why && !it.run.is_over()) {
            return Ok(None);
        }
        let none_fits = format!("none fits: {why}");
        if self.control().await?.is_quiet(&none_fits, now) {
            return Ok(None);
        }
        let patch = rule.rule.fix.as_ref().map(Patch::to_json);
        let asked =
            Planned { select: rule.selection(now), to: None, patch, even_if_forgotten: false };
        let sieve = Sieve {
            includes: &|indexed| rule.is_first_for(indexed),
            most: u64::from(rule.rule.most),
            leaves_out: true,
        };
        let written = self.write_plan_of_some(asked, asker, &sieve).await?;
        let PartialPlan { id: plan, letters, left_out } = written;
        if left_out > 0 {
            tracing::warn!(
                rule = why,
                letters.planned = letters,
                letters.left_out = left_out,
                "a rule's redrive does not fit some letters: they stay dead"
            );
        }
        if letters == 0 {
            self.change_control(|control| control.quieten(&none_fits, now, QUIET)).await?;
            return Ok(Some(json!({ "rule": why, "letters": 0, "left_out": left_out })));
        }
        let request = Begun { plan, why: why.clone(), pace: Pace::default() };
        let begun = self.begin(request, asker).await?;
        self.pause_if_halted(&begun, asker).await?;
        Ok(Some(json!({
            "rule": why, "letters": letters, "left_out": left_out, "run": begun["run"],
        })))
    }

    /// Pauses a run if the rules were halted while it was begun, since the halt may not have seen it.
    async fn pause_if_halted(&self, begun: &Value, asker: Asker<'_>) -> Result<(), Problem> {
        let Some(halt) = self.control().await?.halt else { return Ok(()) };
        let run = RunId(begun["run"].as_str().unwrap_or_default().to_owned());
        match self.pause(&ActOnRun { run, why: halt.why }, asker).await {
            Ok(_) => Ok(()),
            // The run is already paused, or over.
            Err(problem) if problem.kind == ProblemKind::Illegal => Ok(()),
            Err(problem) => Err(problem),
        }
    }

    async fn quarantine_by_rule(
        &self,
        rule: &Rule<'_>,
        found: Found,
        asker: Asker<'_>,
        now: Timestamp,
    ) -> Result<Option<Value>, Problem> {
        let why = rule.name();
        let selection = json!(rule.selection(now)).to_string();
        let act = Act {
            verb: "quarantine",
            subject: AuditSubject { kind: "letters", name: &selection },
            why: &why,
        };
        let before = json!({ "letters": found.indexed.len() });
        let intent = self.intend(act, before, asker).await?;
        let outcome = self.quarantine(&found.indexed).await;
        let mut done = self.conclude(intent, outcome).await?;
        done["rule"] = json!(why);
        Ok(Some(done))
    }

    /// Quarantines letters. A letter that others change in the meantime stays as they have changed it.
    async fn quarantine(&self, letters: &[Indexed]) -> Result<Value, Problem> {
        let mut counts = ChangeCounts::default();
        self.change_letters(letters, &LetterEvent::Quarantine, &mut counts).await;
        let ChangeCounts { changed, left, unknown } = counts;
        if unknown > 0 {
            let detail = format!(
                "{changed} letters are quarantined; of {unknown} it is not known, and those that are not are tried again"
            );
            return Err(Problem::new(ProblemKind::Away, detail));
        }
        Ok(json!({ "letters": changed, "left": left }))
    }

    /// Writes a line in the log for each group, at most once an hour, unless the group is muted.
    async fn notify_by_rule(
        &self,
        rule: &Rule<'_>,
        found: Found,
        now: Timestamp,
    ) -> Result<Option<Value>, Problem> {
        let notes = self.ports.index().notes().await?;
        let mut notified = Vec::new();
        for (group, letters) in found.groups {
            if notes.iter().any(|note| note.group == group && note.is_muted(now)) {
                continue;
            }
            let name = format!("notify: {group}");
            if self.change_control(|control| control.quieten(&name, now, QUIET)).await?.is_none() {
                continue;
            }
            tracing::warn!(
                dataset = rule.contract.dataset,
                group = group.as_str(),
                letters.dead = letters,
                "a contract's rule tells of dead letters"
            );
            notified.push(json!({ "group": group, "letters": letters }));
        }
        Ok((!notified.is_empty()).then(|| json!({ "rule": rule.name(), "told": notified })))
    }
}
