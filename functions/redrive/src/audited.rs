//! No act without a record: the intent before, the outcome after.

use runtime::{AuditEntry, AuditKeys, AuditPhase, AuditTold, add_to_audit};
use serde_json::{Value, json};

use crate::function::{Asker, Redrive};
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};

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

impl<P: Ports> Redrive<P> {
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
        let told = AuditTold { phase: AuditPhase::Intent, before, after: None, reason: None };
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
        let told = AuditTold { phase, before: json!(null), after, reason };
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
