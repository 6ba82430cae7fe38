//! The polling of each stage's queue: what stages saw, and what was decided. It has its own partition of the
//! breakers' table, with an item for each stage. The sort key is the stage's name.
//!
//! - `waited_at#<dependency>`: when a batch last ended in which every record waited, and at least one of them
//!   for this dependency;
//! - `went_on_at`: when a batch last ended in which at least one record did not wait;
//! - `version`, the version of the decision. Beside it there is nothing (the queue is polled),
//!   `left_alone_until`, or the attributes of a pause: `polling_format`, `paused_at`, `asked_at`, `phase` and
//!   `waits_for`.
//!
//! Times are in milliseconds since the epoch. A pause that a later version wrote, and that this one cannot read,
//! counts as a pause that waits for nothing, so that it ends at once. Otherwise nobody would enable the mapping.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use breaker::StoreUnavailable;
use breaker::polling::{
    ChangeOutcome, EvidenceStore, Observation, Pause, Phase, Polling, PollingRecord, PollingStore,
};
use event::Timestamp;

use super::{BreakerTable, Item, away, number, read_time, whole};

const PARTITION: &str = "polling";
/// The version in which a pause is written.
const POLLING_FORMAT: u64 = 1;
const WAITED_AT: &str = "waited_at#";
const WENT_ON_AT: &str = "went_on_at";
/// The attributes of a decision, beside `version`.
const DECIDED: [&str; 6] =
    ["polling_format", "paused_at", "asked_at", "phase", "waits_for", "left_alone_until"];

fn key(stage: &str) -> Item {
    super::key_in(PARTITION, stage.to_owned())
}

fn time(at: Timestamp) -> AttributeValue {
    number(at.unix_ms())
}

impl EvidenceStore for BreakerTable {
    async fn add(
        &self,
        stage: &str,
        observation: &Observation,
        at: Timestamp,
    ) -> Result<(), StoreUnavailable> {
        let name = match observation {
            Observation::AllWaited { dependency } => format!("{WAITED_AT}{dependency}"),
            Observation::WentOn => WENT_ON_AT.to_owned(),
        };
        let update = self.client().update_item().table_name(&self.table).set_key(Some(key(stage)));
        let update = update
            .update_expression("SET #seen = :at")
            .condition_expression("attribute_not_exists(#seen) OR #seen < :at")
            .expression_attribute_names("#seen", name)
            .expression_attribute_values(":at", time(at));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // Another environment has already written a later time.
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(away(DisplayErrorContext(error))),
            },
        }
    }
}

impl PollingStore for BreakerTable {
    async fn read_polling(&self) -> Result<BTreeMap<String, PollingRecord>, StoreUnavailable> {
        let mut stages = BTreeMap::new();
        for item in self.read_partition(PARTITION).await? {
            if let Some(Ok(stage)) = item.get("sk").map(AttributeValue::as_s) {
                stages.insert(stage.clone(), read(&item));
            }
        }
        Ok(stages)
    }

    async fn change(&self, stage: &str, expected: u64, polling: &Polling) -> ChangeOutcome {
        let Update { expression, names, values } = Update::of(expected, polling);
        let update = self.client().update_item().table_name(&self.table).set_key(Some(key(stage)));
        let update = update
            .update_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        let update = match expected {
            0 => update.condition_expression("attribute_not_exists(#version)"),
            version => update
                .condition_expression("#version = :expected")
                .expression_attribute_values(":expected", number(version)),
        };
        match update.send().await {
            Ok(_) => ChangeOutcome::Written,
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                    ChangeOutcome::Conflict
                }
                _ => ChangeOutcome::Unknown(away(DisplayErrorContext(error))),
            },
        }
    }
}

/// An `UpdateItem` that writes a decision, and does not change what stages saw.
struct Update {
    expression: String,
    names: std::collections::HashMap<String, String>,
    values: Item,
}

impl Update {
    fn of(expected: u64, polling: &Polling) -> Self {
        let mut decided = attributes(polling);
        decided.insert("version".to_owned(), number(expected.saturating_add(1)));
        let names = DECIDED.iter().chain(&["version"]);
        let names = names.map(|name| (format!("#{name}"), (*name).to_owned())).collect();
        let sets: Vec<String> = decided.keys().map(|name| format!("#{name} = :{name}")).collect();
        let removed = DECIDED.iter().filter(|name| !decided.contains_key(**name));
        let removes: Vec<String> = removed.map(|name| format!("#{name}")).collect();
        let mut expression = format!("SET {}", sets.join(", "));
        if !removes.is_empty() {
            expression.push_str(" REMOVE ");
            expression.push_str(&removes.join(", "));
        }
        let values = decided.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect();
        Self { expression, names, values }
    }
}

fn attributes(polling: &Polling) -> Item {
    match polling {
        Polling::Running => Item::new(),
        Polling::LeftAlone { until } => Item::from([("left_alone_until".to_owned(), time(*until))]),
        Polling::Paused(Pause { since, asked_at, waits_for, phase }) => {
            let mut item = Item::from([
                ("polling_format".to_owned(), number(POLLING_FORMAT)),
                ("paused_at".to_owned(), time(*since)),
                ("asked_at".to_owned(), time(*asked_at)),
                ("phase".to_owned(), AttributeValue::S(phase.as_str().to_owned())),
            ]);
            // DynamoDB has no empty sets.
            if !waits_for.is_empty() {
                let names = AttributeValue::Ss(waits_for.iter().cloned().collect());
                item.insert("waits_for".to_owned(), names);
            }
            item
        }
    }
}

/// The record that an item holds. What is missing or cannot be read has its default.
fn read(item: &Item) -> PollingRecord {
    let mut record = PollingRecord {
        version: whole(item, "version").unwrap_or(0),
        polling: read_polling(item),
        ..PollingRecord::default()
    };
    for name in item.keys() {
        let dependency = name.strip_prefix(WAITED_AT);
        if let (Some(dependency), Some(at)) = (dependency, read_time(item, name)) {
            record.evidence.waited_at.insert(dependency.to_owned(), at);
        }
    }
    record.evidence.went_on_at = read_time(item, WENT_ON_AT);
    record
}

fn read_polling(item: &Item) -> Polling {
    if let Some(until) = read_time(item, "left_alone_until") {
        return Polling::LeftAlone { until };
    }
    if !item.contains_key("paused_at") {
        return Polling::Running;
    }
    let since = read_time(item, "paused_at").unwrap_or(Timestamp::from_unix_ms(0));
    let understood = read_pause(item, since);
    Polling::Paused(understood.unwrap_or(Pause {
        since,
        asked_at: read_time(item, "asked_at").unwrap_or(since),
        waits_for: BTreeSet::new(),
        phase: Phase::Disabling,
    }))
}

fn read_pause(item: &Item, since: Timestamp) -> Option<Pause> {
    if whole(item, "polling_format")? > POLLING_FORMAT {
        return None;
    }
    let phase = item.get("phase")?.as_s().ok()?;
    let waits_for = match item.get("waits_for") {
        Some(names) => names.as_ss().ok()?.iter().cloned().collect(),
        None => BTreeSet::new(),
    };
    Some(Pause {
        since,
        asked_at: read_time(item, "asked_at")?,
        waits_for,
        phase: Phase::ALL.into_iter().find(|each| each.as_str() == phase)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    /// Tables hold items of this form. A deployment that reads them differently would leave a mapping disabled.
    #[test]
    fn a_pause_is_written_in_the_form_that_is_pinned() {
        let at = Timestamp::from_unix_ms;
        let pause = Pause {
            since: at(1_796_000_000_000),
            asked_at: at(1_796_000_060_000),
            waits_for: BTreeSet::from(["weather".to_owned()]),
            phase: Phase::Disabled,
        };
        let pinned = Item::from([
            ("polling_format".to_owned(), number(1)),
            ("paused_at".to_owned(), number(1_796_000_000_000_i64)),
            ("asked_at".to_owned(), number(1_796_000_060_000_i64)),
            ("phase".to_owned(), text("disabled")),
            ("waits_for".to_owned(), AttributeValue::Ss(vec!["weather".to_owned()])),
        ]);
        assert_eq!(attributes(&Polling::Paused(pause.clone())), pinned);
        assert_eq!(read(&pinned).polling, Polling::Paused(pause.clone()));

        for (name, value) in [("polling_format", number(2)), ("phase", text("resting"))] {
            let mut later = pinned.clone();
            later.insert(name.to_owned(), value);
            let Polling::Paused(read) = read(&later).polling else { panic!("{later:?}") };
            assert_eq!((read.since, read.waits_for), (pause.since, BTreeSet::new()));
        }
        let mut spoilt = pinned;
        spoilt.insert("paused_at".to_owned(), text("lately"));
        assert!(matches!(read(&spoilt).polling, Polling::Paused(_)), "{spoilt:?}");
    }
}
