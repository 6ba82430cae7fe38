//! A canary version of a schema, tried on a share of the events: what does not fit it is counted, and goes on.

use std::sync::{Mutex, PoisonError};

use event::IdempotencyKey;
use serde_json::Value;

use crate::schema::{Unfit, Violation};
use crate::versions::{SchemaVersion, VersionState, Versions};

/// What a canary version would have refused, since it was asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CanaryCount {
    /// The dataset whose contract has the version.
    pub dataset: String,
    /// The canary version.
    pub version: u32,
    /// How many events were checked by it.
    pub events: u64,
    /// How many of them would have been refused.
    pub violations: u64,
    /// The first of them: the JSON Pointer, and what was expected there.
    pub first: Option<(String, String)>,
}

/// The counts of one contract, in this process.
#[derive(Debug, Default)]
pub(crate) struct CanaryTally(Mutex<CanaryCount>);

impl CanaryTally {
    /// Tries the canary version on an event that is taken in, if there is one and the event is in its share.
    pub(crate) fn try_event(&self, versions: &Versions, payload: &Value, key: &IdempotencyKey) {
        let Some(canary) = versions.canary() else { return };
        let VersionState::Canary { share } = canary.state else { return };
        if !is_in_share(key, share) {
            return;
        }
        let violation = canary_violation(canary, payload);
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.events += 1;
        if let Some(violation) = violation {
            count.violations += 1;
            count.first.get_or_insert((violation.at, violation.problem));
        }
    }

    /// The counts of a dataset's canary version since they were taken last; `None` if no event was tried.
    pub(crate) fn take(&self, dataset: &str, versions: &Versions) -> Option<CanaryCount> {
        let version = versions.canary()?.version;
        let count = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let dataset = dataset.to_owned();
        (count.events > 0).then_some(CanaryCount { dataset, version, ..count })
    }
}

/// Why the event would be refused if the canary were the active version. An event that does not fit is migrated, if the
/// canary has a migration. A schema that cannot be used would refuse every event.
fn canary_violation(canary: &SchemaVersion, payload: &Value) -> Option<Violation> {
    let unfit = canary.schema.check(payload).err()?;
    let Some(migration) = &canary.migration else { return Some(violation_of(unfit)) };
    match migration.apply(payload) {
        Ok(migrated) => canary.schema.check(&migrated).err().map(violation_of),
        Err(error) => Some(Violation { at: error.at.clone(), problem: error.to_string() }),
    }
}

fn violation_of(unfit: Unfit) -> Violation {
    match unfit {
        Unfit::Value(violation) => violation,
        Unfit::Schema(error) => Violation { at: String::new(), problem: error.to_string() },
    }
}

/// Whether an event is in a share of all. The same event always is, or never, so that a repetition is not counted as
/// another choice: the first 32 bits of its key, which is a hash, decide.
fn is_in_share(key: &IdempotencyKey, share: f64) -> bool {
    let text = key.to_string();
    let bits = text.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    bits.is_none_or(|bits| f64::from(bits) < share * f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use event::{Payload, Timestamp};

    use super::*;
    use crate::{Contract, EventOrigin};

    const YAML: &str = "
dataset: orders
description: Orders
owner: shop
schema:
  versions:
    - {version: 1, file: v1.schema.json}
    - {version: 2, file: v2.schema.json, state: canary, share: SHARE}
keys: {idempotency: [/id], business: [/id], event_time: /at}
sinks: [{name: rows, kind: table}]
";

    fn contract(share: &str, migrate: &str) -> Contract {
        contract_of(share, migrate, r#""n":{"type":"integer"}"#)
    }

    /// `n` is what the canary declares of the member `n`.
    fn contract_of(share: &str, migrate: &str, n: &str) -> Contract {
        let share = format!("{share}{migrate}");
        let first = r#"{"properties":{"id":{"type":"integer"},"at":{"type":"string"},"n":{}}}"#;
        let second = first.replace(r#""n":{}"#, n);
        let files = [("v1.schema.json", first.to_owned()), ("v2.schema.json", second)];
        let files: BTreeMap<String, String> =
            files.map(|(name, text)| (name.to_owned(), text)).into();
        Contract::parse(&YAML.replace("SHARE", &share), &files).unwrap()
    }

    /// Takes in events whose `n` is a text where it is odd.
    fn count(contract: &Contract, events: u64) -> Option<CanaryCount> {
        for id in 0..events {
            let n = if id % 2 == 0 { "7" } else { "\"7\"" };
            let text = format!(r#"{{"id":{id},"at":"2026-01-01T00:00:00Z","n":{n}}}"#);
            let origin = EventOrigin {
                source: "test".to_owned(),
                id: id.to_string(),
                traceparent: String::new(),
                taken_in: Timestamp::from_unix_ms(0),
            };
            contract.envelope(Payload::parse(text.as_bytes()).unwrap(), origin).unwrap();
        }
        contract.canary_tally.take(&contract.dataset, &contract.versions)
    }

    #[test]
    fn what_the_canary_would_refuse_is_counted_and_goes_on() {
        let contract = contract("1", "");
        let found = count(&contract, 10).unwrap();
        assert_eq!((found.dataset.as_str(), found.version), ("orders", 2));
        assert_eq!((found.events, found.violations), (10, 5));
        let problem = "expected integer, found a string".to_owned();
        assert_eq!(found.first, Some(("/n".to_owned(), problem)));
        assert_eq!(count(&contract, 0), None, "taken");
    }

    #[test]
    fn what_its_migration_mends_is_no_violation() {
        let migrated = contract("1", ", migrate: [{convert: {at: /n, to: integer}}]");
        assert_eq!(count(&migrated, 10).unwrap().violations, 0);
    }

    #[test]
    fn a_canary_that_cannot_be_used_would_refuse_everything() {
        let broken = contract_of("1", "", r#""n":{"type":"int"}"#);
        let found = count(&broken, 10).unwrap();
        assert_eq!((found.events, found.violations), (10, 10));
        assert!(found.first.unwrap().1.contains("int"));
    }

    #[test]
    fn a_share_of_the_events_is_tried_and_the_same_each_time() {
        let contract = contract("0.25", "");
        let found = count(&contract, 2_000).unwrap().events;
        assert!((400..600).contains(&found), "{found}");
        assert_eq!(count(&contract, 2_000).unwrap().events, found);
    }
}
