//! The columns of a dataset's Parquet objects, and an event as a row of them.
//!
//! In this order: the payload's members that the schema knows and those that enrichers add, by their
//! names; `_rest`, a JSON object of all others; and what the envelope says, each name with an
//! underscore before it. A member's column has the member's name, unless that is taken: by one of those
//! above, by the partition's `date`, or by a member that differs in letter case alone, which query
//! engines do not tell apart
//! (<https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html>). Then
//! underscores are appended until it is not. Nothing depends on where a column is, and so one more
//! member changes no other's.
//!
//! | schema | column |
//! | --- | --- |
//! | `boolean` | BOOLEAN |
//! | `integer` | INT64; one beyond 64 bits is refused |
//! | `number` | DOUBLE, which is what JSON's numbers are (RFC 8259, section 6) |
//! | `string` | UTF-8 |
//! | `string`, its format `date-time` | TIMESTAMP in UTC, to the millisecond; what is no RFC 3339 time is refused |
//! | any other, and enrichers' members | JSON text, as it came |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contracts::{Contract, ValueKind};
use event::{Code, Envelope, Failure, Timestamp};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};
use serde_json::value::RawValue;

/// The column by which an object tells which keys it holds.
pub(crate) const KEY_COLUMN: &str = "_idempotency_key";

/// What the partition's part of an object's key is called.
const PARTITION: &str = "date";

/// One value of a row. A time is its milliseconds since 1970, JSON its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: ValueKind,
    pub(crate) is_nullable: bool,
    source: Source,
}

/// Where a column's values are.
#[derive(Debug)]
enum Source {
    Member(String),
    Rest,
    Envelope(fn(&Envelope) -> Cell),
}

/// Of a contract's objects.
#[derive(Debug)]
pub(crate) struct Columns {
    all: Vec<Column>,
    schema: TypePtr,
}

impl Columns {
    /// # Errors
    /// When Parquet has no such schema: never for one that was read from a contract.
    pub(crate) fn of(contract: &Contract) -> Result<Self, ParquetError> {
        let mut members: BTreeMap<&str, (ValueKind, bool)> = contract
            .schema
            .properties()
            .map(|property| (property.name, (property.kind, property.is_nullable)))
            .collect();
        for enricher in &contract.enrichers {
            members.insert(&enricher.into, (ValueKind::Json, true));
        }
        let others = others();
        let mut names = column_names(&members, &others);
        let mut all = Vec::with_capacity(members.len() + others.len());
        for (member, (kind, is_nullable)) in members {
            let name = names.remove(member).unwrap_or_default();
            all.push(Column { name, kind, is_nullable, source: Source::Member(member.to_owned()) });
        }
        all.extend(others);
        let fields =
            all.iter().map(|column| column.field().map(Arc::new)).collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder(&contract.dataset).with_fields(fields).build()?;
        Ok(Self { all, schema: Arc::new(schema) })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Column> {
        self.all.iter()
    }

    pub(crate) fn schema(&self) -> TypePtr {
        Arc::clone(&self.schema)
    }

    /// A cell for each column.
    ///
    /// # Errors
    /// [`Code::ContractViolation`], permanent, with the pointer of a value that does not fit its column.
    pub(crate) fn row(&self, envelope: &Envelope) -> Result<Vec<Cell>, Failure> {
        let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(envelope.data.get())
            .map_err(|error| Failure::permanent(Code::DecodeEnvelope, error.to_string()))?;
        let cell = |column: &Column| match &column.source {
            Source::Member(name) => {
                let text = members.remove(name).map_or("null", RawValue::get);
                column.cell(text).map_err(|expected| unfit(name, expected))
            }
            // After the members: it has what they left.
            Source::Rest => Ok(rest(&members)),
            Source::Envelope(cell) => Ok(cell(envelope)),
        };
        self.all.iter().map(cell).collect()
    }
}

impl Column {
    fn field(&self) -> Result<Type, ParquetError> {
        let (physical, logical) = match self.kind {
            ValueKind::Boolean => (Physical::BOOLEAN, None),
            ValueKind::Integer => (Physical::INT64, None),
            ValueKind::Number => (Physical::DOUBLE, None),
            ValueKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ValueKind::Time => {
                (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
            }
            ValueKind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        };
        let repetition = if self.is_nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        Type::primitive_type_builder(&self.name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()
    }

    /// The cell of a JSON text, or what was expected of it.
    fn cell(&self, text: &str) -> Result<Cell, &'static str> {
        if text == "null" {
            let expected = "a value that is not null";
            return if self.is_nullable { Ok(Cell::Null) } else { Err(expected) };
        }
        let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        match self.kind {
            ValueKind::Boolean => text.parse().map(Cell::Boolean).map_err(|_| "a boolean"),
            ValueKind::Integer => {
                integer(text).map(Cell::Integer).ok_or("an integer of at most 64 bits")
            }
            ValueKind::Number => {
                let number =
                    text.parse().ok().filter(|number: &f64| is_number && number.is_finite());
                number.map(Cell::Number).ok_or("a number that a double can hold")
            }
            ValueKind::Text => serde_json::from_str(text).map(Cell::Text).map_err(|_| "a string"),
            ValueKind::Time => {
                let time = serde_json::from_str::<Timestamp>(text);
                time.map(|time| Cell::Integer(time.unix_ms())).map_err(|_| "an RFC 3339 time")
            }
            ValueKind::Json => Ok(Cell::Text(text.to_owned())),
        }
    }
}

/// `1.0` and `1e2` are integers too: JSON Schema 2020-12, core, section 4.2.3.
fn integer(text: &str) -> Option<i64> {
    /// 2^63, which a double holds exactly and an i64 just not.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        let fits = number.fract() == 0.0 && (-BEYOND..BEYOND).contains(&number);
        #[expect(clippy::cast_possible_truncation, reason = "whole, and within the range")]
        fits.then_some(number as i64)
    })
}

/// The columns that are no member's own.
fn others() -> Vec<Column> {
    let column = |name: &str, kind, is_nullable, source| Column {
        name: name.to_owned(),
        kind,
        is_nullable,
        source,
    };
    let of = |name, cell| column(name, ValueKind::Text, false, Source::Envelope(cell));
    let time = |name, cell| column(name, ValueKind::Time, false, Source::Envelope(cell));
    let maybe = |name, cell| column(name, ValueKind::Text, true, Source::Envelope(cell));
    vec![
        column("_rest", ValueKind::Json, true, Source::Rest),
        of("_event_id", |envelope| Cell::Text(envelope.id.clone())),
        time("_event_time", |envelope| Cell::Integer(envelope.time.unix_ms())),
        time("_ingest_time", |envelope| Cell::Integer(envelope.ingesttime.unix_ms())),
        of(KEY_COLUMN, |envelope| Cell::Text(envelope.idempotencykey.to_string())),
        of("_fingerprint", |envelope| Cell::Text(envelope.fingerprint.to_string())),
        maybe("_subject", |envelope| optional(envelope.subject.as_ref())),
        maybe("_degraded", |envelope| optional(envelope.degraded.as_ref())),
    ]
}

fn optional(text: Option<&String>) -> Cell {
    text.map_or(Cell::Null, |text| Cell::Text(text.clone()))
}

/// The members without a column, as one JSON object; null if there is none.
fn rest(members: &BTreeMap<String, &RawValue>) -> Cell {
    if members.is_empty() {
        return Cell::Null;
    }
    serde_json::to_string(members).map_or(Cell::Null, Cell::Text)
}

/// A column's name for each member. Those that can keep theirs do, whatever others are there.
fn column_names(
    members: &BTreeMap<&str, (ValueKind, bool)>,
    others: &[Column],
) -> BTreeMap<String, String> {
    let mut taken: BTreeSet<String> =
        others.iter().map(|column| column.name.clone()).chain([PARTITION.to_owned()]).collect();
    let (kept, changed): (Vec<&str>, Vec<&str>) = members
        .keys()
        .partition(|member| !member.is_empty() && taken.insert(member.to_lowercase()));
    let mut names: BTreeMap<String, String> =
        kept.into_iter().map(|member| (member.to_owned(), member.to_owned())).collect();
    for member in changed {
        let mut name = format!("{member}_");
        while !taken.insert(name.to_lowercase()) {
            name.push('_');
        }
        names.insert(member.to_owned(), name);
    }
    names
}

fn unfit(member: &str, expected: &str) -> Failure {
    let pointer = format!("/{}", member.replace('~', "~0").replace('/', "~1"));
    let reason = format!("the lake's column takes {expected}");
    Failure::permanent(Code::ContractViolation, reason).at(pointer)
}

#[cfg(test)]
mod tests;
