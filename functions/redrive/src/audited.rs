//! No act without a record: the intent before, the outcome after.

use runtime::{AuditDetails, AuditEntry, AuditKeys, AuditPhase, add_to_audit};
use serde_json::{Value, json};

use crate::function::{Asker, Redrive};
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::AuditOf;

/// An act whose intent is written down.
pub(crate) struct Intent<'a> {
    entry: AuditEntry<'a>,
    keys: AuditKeys,
}

/// What an act is: the verb, what it is done to, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act<'a> {
    pub(crate) verb: &'a str,
    /// The kind, such as `run`, and its name.
    pub(crate) subject: (&'a str, &'a str),
    pub(crate) why: &'a str,
}

/// Entries of a page.
const ENTRIES: usize = 200;

impl<P: Ports> Redrive<P> {
    /// What the audit log has of a day, in its order, a page at a time.
    pub(crate) async fn audit_of(&self, asked: &AuditOf) -> Result<Value, Problem> {
        let is_day = |c: char| c.is_ascii_digit() || c == '-';
        if asked.day.len() != "2026-11-29".len() || !asked.day.chars().all(is_day) {
            let detail = format!("`day` is `{}`; expected a day such as 2026-11-29", asked.day);
            return Err(Problem::malformed(detail));
        }
        let prefix = format!("audit/{}/", asked.day.replace('-', "/"));
        let mut keys = self.ports.audit_keys(&prefix).await?;
        keys.retain(|key| asked.after.as_ref().is_none_or(|after| key > after));
        let is_more = keys.len() > ENTRIES;
        keys.truncate(ENTRIES);
        let mut entries = Vec::with_capacity(keys.len());
        for key in &keys {
            let bytes = self.ports.audit_entry(key).await?.unwrap_or_default();
            let entry: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            entries.push(json!({ "key": key, "entry": entry }));
        }
        let next = keys.last().filter(|_| is_more);
        Ok(json!({ "day": asked.day, "entries": entries, "next": next }))
    }

    /// # Errors
    /// When it cannot be written down: then nothing is to be done.
    pub(crate) async fn intend<'a>(
        &self,
        act: Act<'a>,
        before: Value,
        asker: Asker<'a>,
    ) -> Result<Intent<'a>, Problem> {
        let at = self.ports.now();
        let keys = AuditKeys::new(at, &self.ports.unique_name());
        let entry = AuditEntry {
            at,
            operator: asker.operator,
            request_id: asker.request_id,
            act: act.verb,
            subject: act.subject,
            why: act.why,
            until: None,
        };
        let told = AuditDetails { phase: AuditPhase::Intent, before, after: None, reason: None };
        add_to_audit(self.ports.audit(), &keys.intent, entry.body(told)).await.map_err(|reason| {
            let detail = format!(
                "nothing was changed, since it could not be written down in the audit log: {reason}"
            );
            Problem::new(ProblemKind::Away, detail)
        })?;
        Ok(Intent { entry, keys })
    }

    /// Writes down what came of an act, and answers it with where that is.
    pub(crate) async fn conclude(
        &self,
        intent: Intent<'_>,
        outcome: Result<Value, Problem>,
    ) -> Result<Value, Problem> {
        let (phase, after, reason) = match &outcome {
            Ok(after) => (AuditPhase::Done, Some(after.clone()), None),
            Err(problem) if problem.kind == ProblemKind::Away => {
                (AuditPhase::Unknown, None, Some(problem.detail.as_str()))
            }
            Err(problem) => (AuditPhase::NotDone, None, Some(problem.detail.as_str())),
        };
        let told = AuditDetails { phase, before: json!(null), after, reason };
        let keys = &intent.keys;
        let written =
            add_to_audit(self.ports.audit(), &keys.outcome, intent.entry.body(told)).await;
        if let Err(reason) = &written {
            tracing::error!(
                audit.key = keys.outcome,
                failure.reason = reason,
                "the outcome is not in the audit log"
            );
        }
        let mut answer = outcome?;
        answer["audit"] =
            json!({ "intent": keys.intent, "outcome": written.is_ok().then_some(&keys.outcome) });
        Ok(answer)
    }

    /// Writes down what is no act but to be known, such as who looked at personal data.
    pub(crate) async fn note_in_audit(
        &self,
        verb: &str,
        subject: (&str, &str),
        why: &str,
        what: Value,
        asker: Asker<'_>,
    ) -> Result<(), Problem> {
        self.intend(Act { verb, subject, why }, what, asker).await.map(|_| ())
    }
}
