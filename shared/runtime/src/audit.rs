//! The audit log: who did what, why, and what came of it.
//!
//! It consists of objects that are never replaced. `audit/2026/11/29/031500.123Z-<unique>-intent.json` is written
//! before anything is changed, and `…-outcome.json` afterwards. If the intent cannot be written, nothing is changed. An
//! intent without an outcome may have taken effect, and the changed record itself says whether it has.

use std::future::Future;
use std::time::Duration;

use event::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The version of the stored form of an entry.
const AUDIT_FORMAT: u32 = 1;

/// Where entries are written.
pub trait Audit {
    /// Adds an entry if there is none with this key.
    ///
    /// # Errors
    /// Why it may not have been written.
    fn add(&self, key: &str, body: Vec<u8>) -> impl Future<Output = Result<(), String>> + Send;
}

/// The longest reason, in characters.
const MAX_WHY: usize = 500;

/// Checks a reason that an operator gives, and trims it. It must be one line that a terminal can show, because control
/// characters could change what the readers of the log see.
///
/// # Errors
/// What a reason has to be, if it is empty, too long, without words, or has control characters.
pub fn check_reason(text: &str) -> Result<&str, String> {
    let why = text.trim();
    // The dots that stand for a reason in the commands of a help text are not a reason.
    let has_word = why.chars().any(|c| !c.is_whitespace() && !c.is_ascii_punctuation() && c != '…');
    let is_line = !why.chars().any(char::is_control);
    if has_word && is_line && why.chars().count() <= MAX_WHY {
        return Ok(why);
    }
    Err(format!(
        "`why` needs 1 to {MAX_WHY} characters on one line, and words: it stays in the audit log"
    ))
}

/// How long to wait for a write. An operator is waiting at a keyboard.
const LIMIT: Duration = Duration::from_secs(3);

/// Adds an entry, and gives up after three seconds.
///
/// # Errors
/// Why it may not have been written.
pub async fn add_to_audit(audit: &impl Audit, key: &str, body: Vec<u8>) -> Result<(), String> {
    match tokio::time::timeout(LIMIT, audit.add(key, body)).await {
        Ok(added) => added,
        Err(_) => Err(format!("no answer in {} s", LIMIT.as_secs())),
    }
}

/// Who acts, as the authorizer of the request says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// The ARN of the user or of the assumed role.
    pub arn: String,
    /// The address that the request came from.
    pub source_ip: String,
    /// The `User-Agent` of the request.
    pub user_agent: String,
}

/// What both entries of one act have in common.
#[derive(Clone, Debug)]
pub struct AuditEntry<'a> {
    /// When the act began.
    pub at: Timestamp,
    /// Who acts.
    pub operator: &'a Operator,
    /// The id of the request or invocation.
    pub request_id: &'a str,
    /// The verb, such as `force-open` or `discard`.
    pub act: &'a str,
    /// What the act is done to.
    pub subject: AuditSubject<'a>,
    /// The reason that the operator gave.
    pub why: &'a str,
    /// When an act ends that lasts for some time; absent if it lasts until somebody ends it.
    pub until: Option<Timestamp>,
}

/// What an act is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditSubject<'a> {
    /// Its kind, such as `breaker`.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// What an entry says about its act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditPhase {
    /// It is about to be done; nothing is changed yet.
    Intent,
    /// It was done.
    Done,
    /// It was not done.
    NotDone,
    /// It is not known whether it was done.
    Unknown,
}

/// What one entry says besides the act.
#[derive(Clone, Debug)]
pub struct AuditDetails<'a> {
    /// How far the act has come.
    pub phase: AuditPhase,
    /// The state before the act.
    pub before: Value,
    /// The intended state in an intent, and the state after the act in an outcome.
    pub after: Option<Value>,
    /// Why the act was not done, or why that is not known.
    pub reason: Option<&'a str>,
}

impl AuditEntry<'_> {
    /// The entry as a JSON object.
    #[must_use]
    pub fn body(&self, details: AuditDetails<'_>) -> Vec<u8> {
        let AuditSubject { kind, name } = self.subject;
        let document = json!({
            "audit_format": AUDIT_FORMAT,
            "phase": details.phase,
            "at": self.at,
            "operator": self.operator,
            "request_id": self.request_id,
            "act": self.act,
            kind: name,
            "why": self.why,
            "until": self.until,
            "before": details.before,
            "after": details.after,
            "reason": details.reason,
        });
        document.to_string().into_bytes()
    }
}

/// The keys of an act's two entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditKeys {
    /// The key of the entry that is written before the act.
    pub intent: String,
    /// The key of the entry that is written after the act.
    pub outcome: String,
}

impl AuditKeys {
    /// The keys of an act at this time. `unique` is a name that no other act has. Only its last part is used, which is
    /// twelve random digits: together with the time in milliseconds they are unique enough.
    #[must_use]
    pub fn new(at: Timestamp, unique: &str) -> Self {
        let random = unique.rsplit('-').next().unwrap_or(unique);
        let day = at.date().replace('-', "/");
        let text = at.to_string();
        let time = text.split_once('T').map_or("", |(_, time)| time).replace(':', "");
        let prefix = format!("audit/{day}/{time}-{random}");
        Self { intent: format!("{prefix}-intent.json"), outcome: format!("{prefix}-outcome.json") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_their_day_and_are_in_the_order_of_their_times() {
        let at: Timestamp = "2026-11-29T03:15:00.123Z".parse().unwrap();
        let keys = AuditKeys::new(at, "01a22520-b32a-780f-be2f-6f6a8f1f3ce1");
        assert_eq!(keys.intent, "audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-intent.json");
        assert_eq!(keys.outcome, "audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-outcome.json");
    }
}
