//! A dedupe record as an item, and the condition of its change.
//!
//! `pk` is `<sink>#<key>`. A record in progress has `owner` and `lease_ends_at` (milliseconds). A completed record has
//! neither of them, and has `place` if its effect has a place. `expires_at` (seconds) is the table's TTL attribute, and
//! `record_format` is the [version](RECORD_FORMAT) in which the record was written.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use dedupe::{Completed, DedupeRecord, Expected, InProgress, Owner};
use event::{Fingerprint, Timestamp};

use super::Item;

/// The version in which a record is written. A record without a version is of version 1.
///
/// | version | what changed |
/// | --- | --- |
/// | 1 | |
/// | 2 | the fingerprint covers all digits of numbers |
const RECORD_FORMAT: u32 = 2;

/// The attribute that holds the version in which an item was written.
pub(super) fn record_format() -> (String, AttributeValue) {
    ("record_format".to_owned(), AttributeValue::N(RECORD_FORMAT.to_string()))
}

/// A condition expression, with the names and values of its placeholders.
pub(super) struct Condition {
    pub(super) expression: &'static str,
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: Item,
}

impl Condition {
    pub(super) fn of(expected: &Expected, now: Timestamp) -> Self {
        match expected {
            Expected::Free => Self {
                // DynamoDB deletes expired items only days later.
                expression: "attribute_not_exists(pk) OR expires_at <= :now",
                names: None,
                values: HashMap::from([(":now".to_owned(), seconds(now))]),
            },
            Expected::Held(owner) => Self {
                expression: "#owner = :owner",
                // `owner` is a reserved word:
                // <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>.
                names: Some(HashMap::from([("#owner".to_owned(), "owner".to_owned())])),
                values: HashMap::from([(
                    ":owner".to_owned(),
                    AttributeValue::S(owner.as_str().to_owned()),
                )]),
            },
        }
    }
}

/// The attributes of a record's item, without `pk`.
pub(super) fn attributes(record: &DedupeRecord) -> Item {
    let mut item = HashMap::from([expires_at(record.expires_at()), record_format()]);
    match record {
        DedupeRecord::InProgress(claim) => {
            let lease = AttributeValue::N(claim.lease_ends_at.unix_ms().to_string());
            item.extend([
                text("fingerprint", claim.fingerprint.to_string()),
                text("owner", claim.owner.as_str()),
                ("lease_ends_at".to_owned(), lease),
            ]);
        }
        DedupeRecord::Completed(completed) => {
            item.extend([text("fingerprint", completed.fingerprint.to_string())]);
            item.extend(completed.place.as_deref().map(|place| text("place", place)));
        }
    }
    item
}

fn text(name: &str, text: impl Into<String>) -> (String, AttributeValue) {
    (name.to_owned(), AttributeValue::S(text.into()))
}

/// The record that a row holds. Only these attributes count, since a contract may name others as a record's are named.
pub(super) fn of_row(item: &Item) -> Option<DedupeRecord> {
    let mut own = Item::new();
    for name in ["fingerprint", "expires_at"] {
        own.extend(item.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    read(&own)
}

/// The record that an item holds; `None` if it is not a record.
pub(super) fn read(item: &Item) -> Option<DedupeRecord> {
    let fingerprint = Fingerprint::from(read_text(item, "fingerprint")?);
    // A row without an expiry is kept for ever.
    let expires_s = read_number(item, "expires_at").unwrap_or(i64::MAX / 1_000);
    let expires_at = Timestamp::from_unix_ms(expires_s.saturating_mul(1_000));
    let Some(owner) = read_text(item, "owner") else {
        let place = read_text(item, "place");
        return Some(DedupeRecord::Completed(Completed { fingerprint, place, expires_at }));
    };
    Some(DedupeRecord::InProgress(InProgress {
        owner: Owner::from(owner),
        lease_ends_at: Timestamp::from_unix_ms(read_number(item, "lease_ends_at")?),
        fingerprint,
        expires_at,
    }))
}

fn read_text(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn read_number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// The attribute `expires_at`, by which DynamoDB deletes an item. Its TTL counts whole seconds, rounded down.
#[must_use]
pub fn expires_at(at: Timestamp) -> (String, AttributeValue) {
    ("expires_at".to_owned(), seconds(at))
}

fn seconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.unix_ms().div_euclid(1_000).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str, number: &str) -> (String, AttributeValue) {
        (name.to_owned(), AttributeValue::N(number.to_owned()))
    }

    fn records() -> [(DedupeRecord, Vec<(String, AttributeValue)>); 2] {
        let (fingerprint, expires_at) =
            (Fingerprint::from("cd".to_owned()), Timestamp::from_unix_ms(1_795_824_000_000));
        let claim = InProgress {
            owner: Owner::from("o-1".to_owned()),
            lease_ends_at: Timestamp::from_unix_ms(1_795_823_999_123),
            fingerprint: fingerprint.clone(),
            expires_at,
        };
        let completed = Completed { fingerprint, place: Some("a/b".to_owned()), expires_at };
        [
            (
                DedupeRecord::InProgress(claim),
                vec![
                    text("fingerprint", "cd"),
                    text("owner", "o-1"),
                    number("lease_ends_at", "1795823999123"),
                    number("expires_at", "1795824000"),
                ],
            ),
            (
                DedupeRecord::Completed(completed),
                vec![
                    text("fingerprint", "cd"),
                    text("place", "a/b"),
                    number("expires_at", "1795824000"),
                ],
            ),
        ]
    }

    /// Tables hold records of this form. With another form, stored keys would not be found again.
    #[test]
    fn a_record_is_written_in_the_form_that_is_pinned() {
        for (record, pinned) in records() {
            let pinned: Item = pinned.into_iter().chain([number("record_format", "2")]).collect();
            assert_eq!(attributes(&record), pinned);
            assert_eq!(read(&pinned), Some(record));
        }
    }

    #[test]
    fn a_record_of_the_version_before_is_read() {
        for (record, pinned) in records() {
            assert_eq!(read(&pinned.into_iter().collect()), Some(record));
        }
    }
}
