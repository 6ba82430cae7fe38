//! What a rule does with the letters that it is for.

use std::time::Duration;

use contracts::{Patch, TriageAction};
use event::Timestamp;
use letters::{Indexed, LetterEvent, Notes as _, Pace, RunId, Runs as _};
use runtime::Operator;
use serde_json::{Value, json};

use super::{Found, Rule};
use crate::acts::ChangeCounts;
use crate::audited::Act;
use crate::function::{Asker, Redrive};
use crate::planning::Sieve;
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::{ActOnRun, Begun, Planned};

/// Who acts, in the audit log and in the ledger of runs.
const TRIAGE: &str = "triage";

/// Runs among which one that a rule began, and that is not over, is looked for.
const RUNS: usize = 1_000;

/// What was told, or came to nothing, is not told or tried again for so long.
const QUIET: Duration = Duration::from_secs(60 * 60);

impl<P: Ports> Redrive<P> {
    /// What was done; `None`: nothing, for now.
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
                if let Some((open, _)) = self.ports.open_breaker(&dependencies).await {
                    tracing::info!(
                        rule = rule.name(),
                        breaker = open,
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

    /// Begins a run, as an operator does, unless one of this rule is not over.
    async fn redrive_by_rule(
        &self,
        rule: &Rule<'_>,
        asker: Asker<'_>,
        now: Timestamp,
    ) -> Result<Option<Value>, Problem> {
        let why = rule.name();
        let runs = self.ports.index().runs(RUNS).await?;
        let is_of_rule = |by: &str, reason: &str| by == TRIAGE && reason == why;
        if runs.iter().any(|it| is_of_rule(&it.by, &it.why) && !it.run.is_over()) {
            return Ok(None);
        }
        let none_fits = format!("none fits: {why}");
        if self.control().await?.is_quiet(&none_fits, now) {
            return Ok(None);
        }
        let patch = rule.rule.fix.as_ref().map(Patch::to_json);
        let asked =
            Planned { select: rule.selection(now), to: None, patch, even_if_forgotten: false };
        let is_first_for = |indexed: &Indexed| rule.is_first_for(indexed);
        let most = u64::from(rule.rule.most);
        let sieve = Sieve { includes: &is_first_for, most, leaves_out: true };
        let (plan, letters, left_out) = self.write_plan_of_some(asked, asker, &sieve).await?;
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
        let begun = Begun { plan, why: why.clone(), pace: Pace::default() };
        let begun = self.begin(begun, asker).await?;
        self.pause_if_halted(&begun, asker).await?;
        Ok(Some(json!({
            "rule": why, "letters": letters, "left_out": left_out, "run": begun["run"],
        })))
    }

    /// Whoever halted everything just now may not have seen this run.
    async fn pause_if_halted(&self, begun: &Value, asker: Asker<'_>) -> Result<(), Problem> {
        let Some(halt) = self.control().await?.halt else { return Ok(()) };
        let run = RunId(begun["run"].as_str().unwrap_or_default().to_owned());
        match self.pause(&ActOnRun { run, why: halt.why }, asker).await {
            Ok(_) => Ok(()),
            // It is paused already, or over.
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
        let act = Act { verb: "quarantine", subject: ("letters", &selection), why: &why };
        let before = json!({ "letters": found.indexed.len() });
        let intent = self.intend(act, before, asker).await?;
        let outcome = self.quarantine(&found.indexed).await;
        let mut done = self.conclude(intent, outcome).await?;
        done["rule"] = json!(why);
        Ok(Some(done))
    }

    /// What others change meanwhile is left as they have it.
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

    /// A line in the log for each group, once an hour, unless it is muted.
    async fn notify_by_rule(
        &self,
        rule: &Rule<'_>,
        found: Found,
        now: Timestamp,
    ) -> Result<Option<Value>, Problem> {
        let notes = self.ports.index().notes().await?;
        let mut told = Vec::new();
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
            told.push(json!({ "group": group, "letters": letters }));
        }
        Ok((!told.is_empty()).then(|| json!({ "rule": rule.name(), "told": told })))
    }
}
