//! Changes of rows, as change data capture sends them.
//!
//! A contract says with `changes` that each event of its dataset is a change of a row, and who writes it. An event is then
//! the row after the change, or before it where it was deleted. The operation and the order are in the envelope, and in
//! the payload too if the contract wants them there.

mod debezium;
mod dynamodb;
mod members;

use std::fmt;

use event::{Code, Failure, Payload, Timestamp, pointer_to};
use serde::Deserialize;

use crate::enricher::Enricher;
use crate::error::{ContractError, invalid};

/// Who writes the changes of a table, and in which shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// DynamoDB Streams.
    DynamoDb,
    /// Debezium, as JSON.
    Debezium,
}

/// The table whose changes a dataset has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Who writes the changes.
    pub kind: ChangeKind,
    /// The table: the name of a DynamoDB table, or a table as Debezium names its topic. `None` if each message names the
    /// dataset itself.
    pub table: Option<String>,
    /// The member of the payload that is added, with the operation, the order and the time of the change.
    pub into: Option<String>,
}

/// The member `changes` as it is written in the contract.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawChanges {
    kind: ChangeKind,
    table: Option<String>,
    into: Option<String>,
}

/// What was done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is new.
    Insert,
    /// It was there before.
    Update,
    /// It is gone.
    Delete,
    /// Nothing: it was there when the table was read as a whole.
    Snapshot,
}

/// What an event of a dataset with [`Changes`] says of its change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was done to the row.
    pub operation: Operation,
    /// The place of the change among those of its table, as a number of at most 40 digits. Of two changes of one row, the
    /// later one has the greater number; in Oracle it may have the same. `None` if the source does not say.
    pub sequence: Option<String>,
}

/// An event as it came.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The payload.
    pub payload: Payload,
    /// The change that it is; `None` if its contract has no [`Changes`].
    pub change: Option<Change>,
}

/// A payload that is no change.
impl From<Payload> for Incoming {
    fn from(payload: Payload) -> Self {
        Self { payload, change: None }
    }
}

/// A message that tells of no row. Nothing is to be done for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoChange {
    /// A message without a value, which lets Kafka forget the messages of a row that was deleted.
    Tombstone,
    /// The table's columns changed.
    SchemaChange,
    /// A heartbeat, the bounds of a transaction, or a message that a program wrote into the database's log.
    Other,
}

/// What the bytes of an event are.
#[derive(Clone, Debug)]
pub enum Decoded<E> {
    /// An event.
    Event(E),
    /// It tells of no row.
    Ignored(NoChange),
}

/// What a message is that names no dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeMessage {
    /// The change of a row of this table.
    OfTable {
        /// Who wrote it.
        kind: ChangeKind,
        /// The table, as in [`Changes::table`].
        table: String,
    },
    /// It tells of no row.
    Nothing(NoChange),
}

/// A change, before its contract is applied to it.
struct RowChange {
    /// The JSON text of the row.
    row: String,
    operation: Operation,
    sequence: Option<String>,
    time: Option<Timestamp>,
    /// The table as the message names it.
    table: Option<String>,
}

/// The longest name of a topic: <https://kafka.apache.org/documentation/#topicconfigs>. That of a DynamoDB table is of
/// the same length, less one.
const MAX_TABLE: usize = 249;

/// The most digits of [`Change::sequence`]: as many as the number of a record of a DynamoDB stream may have
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html>).
const SEQUENCE_DIGITS: usize = 40;

impl ChangeMessage {
    /// What a text is; `None` if it is neither a record of a DynamoDB stream nor Debezium's envelope.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(table) = dynamodb::table_in(text) {
            return Some(Self::OfTable { kind: ChangeKind::DynamoDb, table });
        }
        match debezium::Message::read(text)? {
            debezium::Message::Envelope { source, .. } => {
                let table = debezium::table_of(&source)?;
                Some(Self::OfTable { kind: ChangeKind::Debezium, table })
            }
            debezium::Message::Nothing(nothing) => Some(Self::Nothing(nothing)),
            debezium::Message::Row { .. } => None,
        }
    }
}

impl RawChanges {
    pub(crate) fn validate(self, enrichers: &[Enricher]) -> Result<Changes, ContractError> {
        let Self { kind, table, into } = self;
        let is_table = |name: &str| {
            (1..=MAX_TABLE).contains(&name.len())
                && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"._-".contains(&it))
        };
        match (kind, table.as_deref()) {
            (ChangeKind::DynamoDb, None) => {
                return Err(invalid("changes.table", "the name of a DynamoDB table is needed"));
            }
            (ChangeKind::DynamoDb, Some(name)) if !is_table(name) => {
                return Err(invalid("changes.table", &format!("`{name}` names no DynamoDB table")));
            }
            (ChangeKind::Debezium, Some(name)) if !is_table(name) || !name.contains('.') => {
                let problem = format!(
                    "`{name}`; expected a table as Debezium names its topic, such as shop.inventory.customers"
                );
                return Err(invalid("changes.table", &problem));
            }
            (ChangeKind::DynamoDb | ChangeKind::Debezium, _) => {}
        }
        if let Some(name) = &into {
            if name.is_empty() {
                return Err(invalid("changes.into", "the name of a member"));
            }
            if enrichers.iter().any(|enricher| enricher.into == *name) {
                return Err(invalid("changes.into", "an enricher sets this member too"));
            }
        }
        Ok(Changes { kind, table, into })
    }
}

impl Changes {
    /// Whether they are the changes of this table.
    pub(crate) fn claim(&self, kind: ChangeKind, table: &str) -> bool {
        self.kind == kind && self.table.as_deref() == Some(table)
    }

    /// Reads a message of whoever writes the changes.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Decoded<Incoming>, Failure> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let reason = format!("invalid UTF-8 at byte {}", error.valid_up_to());
            Failure::permanent(Code::DecodeUtf8, reason)
        })?;
        let decoded = match self.kind {
            ChangeKind::DynamoDb => Decoded::Event(dynamodb::decode(text)?),
            ChangeKind::Debezium => debezium::decode(text)?,
        };
        match decoded {
            Decoded::Event(change) => self.event(change).map(Decoded::Event),
            Decoded::Ignored(nothing) => Ok(Decoded::Ignored(nothing)),
        }
    }

    fn event(&self, change: RowChange) -> Result<Incoming, Failure> {
        if let (Some(own), Some(found)) = (&self.table, &change.table)
            && own != found
        {
            let reason =
                format!("a change of another table than `{own}`, which the contract names");
            return Err(Failure::permanent(Code::SourceRefused, reason));
        }
        let mut payload = Payload::parse(change.row.as_bytes())?;
        if let Some(into) = &self.into {
            payload = with_change(&payload, into, &change)?;
        }
        let RowChange { operation, sequence, .. } = change;
        Ok(Incoming { payload, change: Some(Change { operation, sequence }) })
    }
}

/// The payload with what is known of the change as its last member. Its other bytes stay.
fn with_change(payload: &Payload, into: &str, change: &RowChange) -> Result<Payload, Failure> {
    if payload.value.get(into).is_some() {
        let reason = "the row has this member, which `changes.into` is to add";
        return Err(Failure::permanent(Code::ContractViolation, reason).at(pointer_to(into)));
    }
    // A RawValue has no space around it, so it ends with the object's brace.
    let open = payload.text.get().strip_suffix('}').unwrap_or_default().trim_end();
    let comma = if open.ends_with('{') { "" } else { "," };
    let name = serde_json::Value::from(into);
    let mut text = format!("{open}{comma}{name}:{{\"operation\":\"{}\"", change.operation);
    if let Some(sequence) = &change.sequence {
        text.push_str(&format!(",\"sequence\":{sequence}"));
    }
    if let Some(time) = &change.time {
        text.push_str(&format!(",\"time\":\"{time}\""));
    }
    text.push_str("}}");
    Payload::parse(text.as_bytes())
}

impl Change {
    /// The sequence as the extension attribute of CloudEvents, which sorts as text:
    /// <https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/sequence.md>. It has 40 digits.
    #[must_use]
    pub fn sequence_attribute(&self) -> Option<String> {
        self.sequence.as_ref().map(|digits| format!("{digits:0>SEQUENCE_DIGITS$}"))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Snapshot => "snapshot",
        })
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DynamoDb => "dynamodb",
            Self::Debezium => "debezium",
        })
    }
}

#[cfg(test)]
mod tests;
