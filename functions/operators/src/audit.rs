//! The audit log: who did what to which breaker, why, and until when.
//!
//! Objects that are only ever added: `audit/2026/11/29/031500.123Z-<unique>-intent.json` before anything
//! is changed, and `…-outcome.json` afterwards. Where the first cannot be written, nothing is changed; an
//! intent without an outcome may have taken effect, and the breaker says whether.

use std::time::Duration;

use event::Timestamp;
use serde::Serialize;

use crate::act::ActKind;
use crate::request::Operator;
use crate::view::BreakerView;

/// The version in which an entry is written.
const AUDIT_FORMAT: u32 = 1;

/// Where entries go.
pub(crate) trait Audit {
    /// Adds an entry where none is.
    ///
    /// # Errors
    /// Why it may not be there.
    async fn add(&self, key: &str, body: Vec<u8>) -> Result<(), String>;
}

/// A bucket, below `audit/`.
pub(crate) struct AuditBucket {
    pub(crate) objects: aws::Objects,
    pub(crate) bucket: String,
}

/// Whoever waits is at a keyboard.
const LIMIT: Duration = Duration::from_secs(3);

impl Audit for AuditBucket {
    async fn add(&self, key: &str, body: Vec<u8>) -> Result<(), String> {
        let put = self.objects.put_if(&self.bucket, key, body, "application/json", None);
        match tokio::time::timeout(LIMIT, put).await {
            // No other entry has this key: what is there is this one, of a try whose answer was lost.
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(failure.to_string()),
            Err(_) => Err(format!("no answer in {} s", LIMIT.as_secs())),
        }
    }
}

/// What the entries of one act have in common.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry<'a> {
    pub(crate) at: Timestamp,
    pub(crate) operator: OperatorEntry<'a>,
    pub(crate) request_id: &'a str,
    pub(crate) act: ActKind,
    pub(crate) breaker: &'a str,
    pub(crate) why: &'a str,
    /// Of an act that lasts; null: until it is released.
    pub(crate) until: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct OperatorEntry<'a> {
    arn: &'a str,
    source_ip: &'a str,
    user_agent: &'a str,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Before the change: what is about to be done.
    Intent,
    /// It was done.
    Done,
    /// It was not done.
    NotDone,
    /// Nobody knows.
    Unknown,
}

#[derive(Serialize)]
struct Document<'a> {
    audit_format: u32,
    phase: Phase,
    /// The members of the entry, spelled out: serde's flattening would lose digits.
    at: Timestamp,
    operator: &'a OperatorEntry<'a>,
    request_id: &'a str,
    act: ActKind,
    breaker: &'a str,
    why: &'a str,
    until: Option<Timestamp>,
    before: &'a BreakerView,
    /// What is to be, of an intent; what is, of an outcome.
    after: Option<&'a BreakerView>,
    /// Why it was not done, or is not known.
    reason: Option<&'a str>,
}

/// What an entry tells besides the act.
pub(crate) struct Told<'a> {
    pub(crate) phase: Phase,
    pub(crate) before: &'a BreakerView,
    pub(crate) after: Option<&'a BreakerView>,
    pub(crate) reason: Option<&'a str>,
}

impl<'a> From<&'a Operator> for OperatorEntry<'a> {
    fn from(operator: &'a Operator) -> Self {
        let Operator { arn, source_ip, user_agent } = operator;
        Self { arn, source_ip, user_agent }
    }
}

impl Entry<'_> {
    pub(crate) fn body(&self, told: &Told<'_>) -> Vec<u8> {
        let document = Document {
            audit_format: AUDIT_FORMAT,
            phase: told.phase,
            at: self.at,
            operator: &self.operator,
            request_id: self.request_id,
            act: self.act,
            breaker: self.breaker,
            why: self.why,
            until: self.until,
            before: told.before,
            after: told.after,
            reason: told.reason,
        };
        // Only maps with keys that are no texts could fail, and there are none.
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

/// The keys of an act's two entries.
pub(crate) struct Keys {
    pub(crate) intent: String,
    pub(crate) outcome: String,
}

impl Keys {
    /// `unique` is a name that no other act has, and ends with twelve random digits: beside the time to
    /// the millisecond, these are enough.
    pub(crate) fn new(at: Timestamp, unique: &str) -> Self {
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
        let keys = Keys::new(at, "01a22520-b32a-780f-be2f-6f6a8f1f3ce1");
        assert_eq!(keys.intent, "audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-intent.json");
        assert_eq!(keys.outcome, "audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-outcome.json");
    }
}
