//! Records each act in the audit log: the intent before it, the outcome after it.

use runtime::{AuditDetails, AuditEntry, AuditKeys, AuditPhase, AuditSubject, add_to_audit};
use serde_json::{Value, json};

use crate::function::{Asker, Redrive};
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::AuditOf;

/// An act whose intent is in the audit log.
pub(crate) struct Intent<'a> {
    entry: AuditEntry<'a>,
    keys: AuditKeys,
}

/// An act, as the audit log describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act<'a> {
    pub(crate) verb: &'a str,
    pub(crate) subject: AuditSubject<'a>,
    pub(crate) why: &'a str,
}

/// The most entries of a page.
const ENTRIES: usize = 200;

impl<P: Ports> Redrive<P> {
    /// One page of the entries of a day, in their order.
    pub(crate) async fn audit_of(&self, asked: &AuditOf) -> Result<Value, Problem> {
        let has_day_characters = asked.day.chars().all(|c| c.is_ascii_digit() || c == '-');
        if asked.day.len() != "2026-11-29".len() || !has_day_characters {
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

    /// Records the intent of an act. `before` is the state that the act will change.
    ///
    /// # Errors
    /// When the intent could not be recorded. The act must not be done then.
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
        let details = AuditDetails { phase: AuditPhase::Intent, before, after: None, reason: None };
        let body = entry.body(details);
        add_to_audit(self.ports.audit(), &keys.intent, body).await.map_err(|reason| {
            let detail = format!(
                "nothing was changed, since it could not be written down in the audit log: {reason}"
            );
            Problem::new(ProblemKind::Away, detail)
        })?;
        Ok(Intent { entry, keys })
    }

    /// Records the outcome of an act. Returns the outcome, with the keys of both audit entries.
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
        let details = AuditDetails { phase, before: json!(null), after, reason };
        let keys = &intent.keys;
        let written =
            add_to_audit(self.ports.audit(), &keys.outcome, intent.entry.body(details)).await;
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

    /// Records something that changes nothing, such as that an operator saw personal data.
    pub(crate) async fn note_in_audit(
        &self,
        verb: &str,
        subject: AuditSubject<'_>,
        why: &str,
        what: Value,
        asker: Asker<'_>,
    ) -> Result<(), Problem> {
        self.intend(Act { verb, subject, why }, what, asker).await.map(|_| ())
    }
}
