//! Messages of Debezium as JSON: <https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events>.
//!
//! A message comes with or without the schema that Kafka Connect's converter writes around it. It is Debezium's envelope,
//! or the row alone with members such as `__op`, as `ExtractNewRecordState` writes it
//! (<https://debezium.io/documentation/reference/stable/transformations/event-flattening.html>). The row is cut out of the
//! envelope as it is.

use std::borrow::Cow;

use event::{Code, Decimal, Failure, Timestamp};

use super::members::{Members, whole};
use super::{Decoded, NoChange, Operation, RowChange};

/// What a message is, before the row is cut out of it.
pub(super) enum Message<'a> {
    /// Debezium's envelope.
    Envelope { members: Members<'a>, source: Members<'a> },
    /// It tells of no row.
    Nothing(NoChange),
    /// Any other object. It may be a row alone, which is in this text.
    Row { members: Members<'a>, text: &'a str },
}

impl<'a> Message<'a> {
    /// Reads a message; `None` if it is not an object, or has two members of one name.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        if matches!(text, "" | "null") {
            return Some(Self::Nothing(NoChange::Tombstone));
        }
        let mut members = Members::of(text)?;
        let mut text = text;
        if members.len() == 2 && members.has("schema") && members.has("payload") {
            let Some(payload) = members.raw("payload") else {
                return Some(Self::Nothing(NoChange::Tombstone));
            };
            (members, text) = (Members::of(payload)?, payload);
        }
        let source = members.object("source");
        if let (Some(source), true) = (source, members.has("op")) {
            return Some(Self::Envelope { members, source });
        }
        Some(match tells_of_no_row(&members) {
            Some(nothing) => Self::Nothing(nothing),
            None => Self::Row { members, text },
        })
    }
}

/// What a message is that has no `op`, if it tells of no row: a change of a schema
/// (<https://debezium.io/documentation/reference/stable/connectors/mysql.html#mysql-schema-change-topic>), the bounds of
/// a transaction, or a heartbeat, which has only times.
fn tells_of_no_row(members: &Members<'_>) -> Option<NoChange> {
    let has = |name: &str| members.has(name);
    if members.object("source").is_some() && (has("ddl") || has("tableChanges")) {
        return Some(NoChange::SchemaChange);
    }
    let is_transaction =
        has("status") && has("id") && has("event_count") && has("data_collections");
    let is_heartbeat = has("ts_ms") && members.names().all(|name| TIMES.contains(&name));
    (is_transaction || is_heartbeat).then_some(NoChange::Other)
}

/// The members that have a time, the most exact one first, and each one's decimals of a nanosecond.
const TIMES: [&str; 3] = ["ts_ns", "ts_us", "ts_ms"];
const SCALES: [u32; 3] = [0, 3, 6];

/// The change in a message.
///
/// # Errors
/// [`Code::DecodeFormat`], permanent, if it is no message of Debezium, has an unknown operation, or not the row that it
/// is about.
pub(super) fn decode(text: &str) -> Result<Decoded<RowChange>, Failure> {
    match Message::read(text) {
        None => Err(malformed("no message of Debezium: it is not a JSON object")),
        Some(Message::Nothing(nothing)) => Ok(Decoded::Ignored(nothing)),
        Some(Message::Envelope { members, source }) => of_envelope(&members, &source),
        Some(Message::Row { members, text }) => of_row(&members, text).map(Decoded::Event),
    }
}

/// The operations: `io.debezium.data.Envelope.Operation` has these and no others.
fn of_envelope(members: &Members<'_>, source: &Members<'_>) -> Result<Decoded<RowChange>, Failure> {
    let op = members.text("op");
    let (operation, image) = match op.as_deref() {
        Some("c") => (Operation::Insert, "after"),
        Some("u") => (Operation::Update, "after"),
        Some("r") => (Operation::Snapshot, "after"),
        Some("d") => (Operation::Delete, "before"),
        Some("m") => return Ok(Decoded::Ignored(NoChange::Other)),
        Some("t") => {
            return Err(malformed("a table was truncated, which is no change of a row").at("/op"));
        }
        _ => return Err(malformed("`op` is none of c, r, u, d, t and m").at("/op")),
    };
    let Some(row) = members.raw(image) else {
        let reason = match operation {
            Operation::Delete => {
                "a deletion without the row before it; let the database log it, such as by REPLICA IDENTITY"
            }
            Operation::Insert | Operation::Update | Operation::Snapshot => {
                "a change without the row after it; let the connector look up the full document"
            }
        };
        return Err(malformed(reason).at(format!("/{image}")));
    };
    // That of MongoDB is a text, which has the document as JSON.
    let row = members.text(image).unwrap_or(Cow::Borrowed(row)).into_owned();
    let source = Source { members: source, prefixes: &[""] };
    Ok(Decoded::Event(RowChange {
        row,
        operation,
        sequence: source.sequence(),
        time: source.time(),
        table: source.table(),
    }))
}

fn of_row(members: &Members<'_>, text: &str) -> Result<RowChange, Failure> {
    let is_deleted = members.text("__deleted").as_deref() == Some("true")
        || members.raw("__deleted") == Some("true");
    let operation = match members.text("__op").as_deref() {
        Some("d") => Operation::Delete,
        None if is_deleted => Operation::Delete,
        Some("c") => Operation::Insert,
        Some("u") => Operation::Update,
        Some("r") => Operation::Snapshot,
        Some(_) => return Err(malformed("`__op` is none of c, r, u and d").at("/__op")),
        None => {
            return Err(malformed(
                "neither Debezium's envelope nor a row with `__op`; let ExtractNewRecordState add the field `op`",
            ));
        }
    };
    let source = Source { members, prefixes: &["__source_", "__"] };
    Ok(RowChange {
        row: text.to_owned(),
        operation,
        sequence: source.sequence(),
        time: source.time(),
        table: source.table(),
    })
}

/// The name of the table that an envelope's `source` is about.
pub(super) fn table_of(source: &Members<'_>) -> Option<String> {
    Source { members: source, prefixes: &[""] }.table()
}

/// What a message says about the place of the change in its database. The members of an envelope's `source`, or the
/// members that were added to a row alone, of which each name has one of the prefixes.
struct Source<'a> {
    members: &'a Members<'a>,
    prefixes: &'static [&'static str],
}

impl Source<'_> {
    fn name_of(&self, name: &str) -> Option<String> {
        let mut names = self.prefixes.iter().map(|prefix| format!("{prefix}{name}"));
        names.find(|name| self.members.raw(name).is_some())
    }

    fn text(&self, name: &str) -> Option<String> {
        let text = self.members.text(&self.name_of(name)?)?;
        (!text.is_empty()).then(|| text.into_owned())
    }

    fn digits(&self, name: &str) -> Option<String> {
        self.members.digits(&self.name_of(name)?)
    }

    /// The digits of a member that is surely the source's own: it has the first prefix.
    fn own_digits(&self, name: &str) -> Option<String> {
        let prefix = self.prefixes.first()?;
        self.members.digits(&format!("{prefix}{name}"))
    }

    /// The table as the connector names its topic: the prefix of its topics, then the schema, or the database where there
    /// are no schemas, then the table. The connectors of SQL Server and Informix, which read several databases, name
    /// both.
    fn table(&self) -> Option<String> {
        let mut parts = vec![self.text("name")?];
        let (database, schema) = (self.text("db"), self.text("schema"));
        let has_both = matches!(self.text("connector").as_deref(), Some("sqlserver" | "informix"));
        if has_both || schema.is_none() {
            parts.extend(database);
        }
        parts.extend(schema);
        parts.push(self.text("table").or_else(|| self.text("collection"))?);
        Some(parts.join("."))
    }

    /// The place of the change in the database's log, as a whole number that grows with it. `None` if the database is
    /// not known, or a part of it is not what it should be.
    fn sequence(&self) -> Option<String> {
        if let Some(lsn) = self.digits("lsn") {
            return Some(lsn);
        }
        if let Some(file) = self.text("file") {
            // MySQL and MariaDB: the number of the log's file, the byte in it, and the row of that event.
            let file = file.rsplit('.').next().and_then(whole)?;
            let row = self.digits("row").unwrap_or_default();
            return joined(&file, &[(self.digits("pos")?, 12), (row, 7)]);
        }
        if let Some(lsn) = self.text("change_lsn").or_else(|| self.text("commit_lsn")) {
            // SQL Server: three hexadecimal numbers, and the place among the events of one number.
            let serial = self.digits("event_serial_no").unwrap_or_default();
            let hex = lsn.replace(':', "");
            let lsn = u128::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 20)?;
            return joined(&lsn.to_string(), &[(serial, 4)]);
        }
        if let Some(scn) = self.digits("scn") {
            return Some(scn);
        }
        // MongoDB: the time of the operation, and its place among those of one time.
        joined(&self.own_digits("ts_ms")?, &[(self.digits("ord")?, 10)])
    }

    /// When the database was changed. A row alone may also have the time of the connector, which is another one each
    /// time that it reads the change.
    fn time(&self) -> Option<Timestamp> {
        let (digits, scale) = TIMES
            .iter()
            .zip(SCALES)
            .find_map(|(name, scale)| Some((self.own_digits(name)?, scale)))?;
        let number: Decimal = digits.parse().ok()?;
        Timestamp::from_unix_nanos(number.unscaled(scale)?)
    }
}

/// A number with others behind it, each of which takes this many digits.
fn joined(first: &str, rest: &[(String, usize)]) -> Option<String> {
    let mut number = first.to_owned();
    for (part, width) in rest {
        if part.len() > *width {
            return None;
        }
        number.push_str(&format!("{part:0>width$}"));
    }
    whole(&number)
}

fn malformed(reason: &'static str) -> Failure {
    Failure::permanent(Code::DecodeFormat, reason)
}

#[cfg(test)]
mod tests;
