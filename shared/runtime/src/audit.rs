//! The audit log: who did what, why, and what came of it.
//!
//! Objects that are only ever added: `audit/2026/11/29/031500.123Z-<unique>-intent.json` before anything
//! is changed, and `…-outcome.json` afterwards. Where the first cannot be written, nothing is changed; an
//! intent without an outcome may have taken effect, and what was to be changed tells.

use std::future::Future;
use std::time::Duration;

use event::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The version in which an entry is written.
const AUDIT_FORMAT: u32 = 1;

/// Where entries go.
pub trait Audit {
    /// Adds an entry where none is.
    ///
    /// # Errors
    /// Why it may not be there.
    fn add(&self, key: &str, body: Vec<u8>) -> impl Future<Output = Result<(), String>> + Send;
}

/// Of a reason, in characters.
const MAX_WHY: usize = 500;

/// A reason that a terminal can show: whoever reads the log must not be told to do something by it.
///
/// # Errors
/// What a reason is, when it is empty, too long, or has control characters.
pub fn check_reason(text: &str) -> Result<&str, String> {
    let why = text.trim();
    // Not the dots that stand for it in a command that is shown.
    let is_no_word = |c: char| c.is_whitespace() || c.is_ascii_punctuation() || c == '…';
    let is_said = !why.chars().all(is_no_word);
    let is_line = !why.chars().any(char::is_control);
    if is_said && is_line && why.chars().count() <= MAX_WHY {
        return Ok(why);
    }
    Err(format!(
        "`why` has 1 to {MAX_WHY} characters on one line, and words: those who come after you read it"
    ))
}

/// Whoever waits is at a keyboard.
const LIMIT: Duration = Duration::from_secs(3);

/// Adds an entry, or gives up soon.
///
/// # Errors
/// Why it may not be there.
pub async fn add_to_audit(audit: &impl Audit, key: &str, body: Vec<u8>) -> Result<(), String> {
    match tokio::time::timeout(LIMIT, audit.add(key, body)).await {
        Ok(added) => added,
        Err(_) => Err(format!("no answer in {} s", LIMIT.as_secs())),
    }
}

/// Who acts, as whoever authorized the request tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    pub arn: String,
    pub source_ip: String,
    pub user_agent: String,
}

/// What the entries of one act have in common.
#[derive(Clone, Debug)]
pub struct AuditEntry<'a> {
    pub at: Timestamp,
    pub operator: &'a Operator,
    pub request_id: &'a str,
    /// The verb, such as `force-open` or `discard`.
    pub act: &'a str,
    /// What it is done to: the kind, such as `breaker`, and its name.
    pub subject: (&'a str, &'a str),
    pub why: &'a str,
    /// Of an act that lasts; null: until somebody ends it.
    pub until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditPhase {
    /// Before the change: what is about to be done.
    Intent,
    /// It was done.
    Done,
    /// It was not done.
    NotDone,
    /// Nobody knows.
    Unknown,
}

/// What an entry tells besides the act.
#[derive(Clone, Debug)]
pub struct AuditDetails<'a> {
    pub phase: AuditPhase,
    pub before: Value,
    /// What is to be, of an intent; what is, of an outcome.
    pub after: Option<Value>,
    /// Why it was not done, or is not known.
    pub reason: Option<&'a str>,
}

impl AuditEntry<'_> {
    /// The entry as a JSON object.
    #[must_use]
    pub fn body(&self, told: AuditDetails<'_>) -> Vec<u8> {
        let (kind, name) = self.subject;
        let document = json!({
            "audit_format": AUDIT_FORMAT,
            "phase": told.phase,
            "at": self.at,
            "operator": self.operator,
            "request_id": self.request_id,
            "act": self.act,
            kind: name,
            "why": self.why,
            "until": self.until,
            "before": told.before,
            "after": told.after,
            "reason": told.reason,
        });
        document.to_string().into_bytes()
    }
}

/// The keys of an act's two entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditKeys {
    pub intent: String,
    pub outcome: String,
}

impl AuditKeys {
    /// `unique` is a name that no other act has, and ends with twelve random digits: beside the time to
    /// the millisecond, these are enough.
    #[must_use]
    pub fn new(at: Timestamp, unique: &str) -> Self {
        let random = unique.rsplit('-').next().unwrap_or(unique);
        let day = at.date().replace('-', "/");
        let text = at.to_string();
        let time = text.split_once('T').map_or("", |(_, time)| time).replace(':', "");
        let key = |phase: &str| format!("audit/{day}/{time}-{random}-{phase}.json");
        Self { intent: key("intent"), outcome: key("outcome") }
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
