//! The columns of a dataset's Parquet objects, and the row of an event.
//!
//! The columns come in this order: the members of the payload that the schema knows or that enrichers add, sorted by
//! name; `_rest`, a JSON object of all other members; and attributes of the envelope, whose names begin with an
//! underscore. A member's column has the member's name, unless that name is taken by another column, by the
//! partition's `date`, or by a member that differs in letter case only, since query engines ignore the case
//! (<https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html>). Then underscores are appended
//! until the name is free. Readers find columns by name, so a new member does not affect the columns of others.
//!
//! | schema | column |
//! | --- | --- |
//! | `boolean` | BOOLEAN |
//! | `integer` | INT64; an integer beyond 64 bits is refused |
//! | `number` | DOUBLE |
//! | `number` or `integer` that the sink's `decimals` names | DECIMAL of 38 digits; a number that needs more digits before or after the point is refused |
//! | `string` | UTF-8 |
//! | `string` with the format `date` that the sink's `dates` names | DATE |
//! | `string` with the format `date-time` | TIMESTAMP in UTC, in milliseconds, or in the unit that the sink's `timestamps` says |
//! | any other, and members that enrichers add | JSON text, unchanged |
//!
//! A column changes no value silently. If a double cannot hold the exact number, or a time is not written as the
//! column's value stands for, the column has the nearest value, with which engines can compute, and `_rest` has the exact
//! text. A text that is no date or no time is in `_rest` too, and the column is null. If the column cannot be null, the
//! event is refused.

mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contracts::{ColumnType, Contract, LakeSink, TimestampUnit, ValueKind};
use event::{Code, Decimal, Envelope, Failure, json_problem, pointer_to};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};
use serde_json::value::RawValue;

use self::values::{Placed, date, double, integer, time};

/// The column with the idempotency keys of an object's rows.
pub(crate) const KEY_COLUMN: &str = "_idempotency_key";

/// The name of the partition in the key of an object, which engines read as a column.
const PARTITION: &str = "date";

/// One value of a row. A time is an `Integer` of its column's unit since 1970, and JSON is a `Text`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    /// The number multiplied by ten to the power of its column's scale.
    Decimal(i128),
    /// A date, as the number of days since 1970-01-01.
    Days(i32),
    Text(String),
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: ValueKind,
    pub(crate) is_nullable: bool,
    source: Source,
}

/// Where a column's values come from.
#[derive(Debug)]
enum Source {
    Member(String),
    Rest,
    Envelope(fn(&Envelope) -> Cell),
}

/// The columns of a contract's objects.
#[derive(Debug)]
pub(crate) struct Columns {
    all: Vec<Column>,
    schema: TypePtr,
}

impl Columns {
    /// # Errors
    /// When Parquet refuses the schema. That does not happen for a schema that was read from a contract.
    pub(crate) fn of(contract: &Contract, sink: &LakeSink) -> Result<Self, ParquetError> {
        let mut members: BTreeMap<&str, ColumnType> = BTreeMap::new();
        for property in contract.schema.properties() {
            members.insert(property.name, sink.column_type(&property));
        }
        for enricher in &contract.enrichers {
            let answer = ColumnType { kind: ValueKind::Json, is_nullable: true };
            members.insert(&enricher.into, answer);
        }
        let others = others();
        let mut names = column_names(&members, &others);
        let mut all = Vec::with_capacity(members.len() + others.len());
        for (member, ColumnType { kind, is_nullable }) in members {
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

    /// The row of an event: a cell for each column.
    ///
    /// # Errors
    /// [`Code::ContractViolation`] (permanent) with the pointer of a value that does not fit its column.
    pub(crate) fn row(&self, envelope: &Envelope) -> Result<Vec<Cell>, Failure> {
        let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(envelope.data.get())
            .map_err(|error| Failure::permanent(Code::DecodeEnvelope, json_problem(&error)))?;
        let mut row = Vec::with_capacity(self.all.len());
        for column in &self.all {
            row.push(match &column.source {
                Source::Member(name) => {
                    let text = members.get(name).map_or("null", |text| text.get());
                    match column.place(text).map_err(|expected| unusable_value(name, expected))? {
                        Placed::Exactly(cell) => {
                            members.remove(name);
                            cell
                        }
                        // The exact text stays for `_rest`.
                        Placed::Nearly(cell) => cell,
                    }
                }
                // The columns of members come before `_rest`, and have removed what they hold.
                Source::Rest => rest(&members),
                Source::Envelope(cell) => cell(envelope),
            });
        }
        Ok(row)
    }
}

impl Column {
    fn field(&self) -> Result<Type, ParquetError> {
        let (physical, logical) = match self.kind {
            ValueKind::Boolean => (Physical::BOOLEAN, None),
            ValueKind::Integer => (Physical::INT64, None),
            ValueKind::Number => (Physical::DOUBLE, None),
            ValueKind::Decimal { scale } => {
                let scale = i32::try_from(scale).unwrap_or(0);
                let logical = LogicalType::decimal(scale, DECIMAL_DIGITS);
                return Type::primitive_type_builder(&self.name, Physical::FIXED_LEN_BYTE_ARRAY)
                    .with_length(DECIMAL_BYTES)
                    .with_precision(DECIMAL_DIGITS)
                    .with_scale(scale)
                    .with_logical_type(Some(logical))
                    .with_repetition(self.repetition())
                    .build();
            }
            ValueKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ValueKind::Date => (Physical::INT32, Some(LogicalType::Date)),
            ValueKind::Time { unit } => {
                let unit = match unit {
                    TimestampUnit::Milliseconds => TimeUnit::MILLIS,
                    TimestampUnit::Microseconds => TimeUnit::MICROS,
                };
                (Physical::INT64, Some(LogicalType::timestamp(true, unit)))
            }
            ValueKind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        };
        Type::primitive_type_builder(&self.name, physical)
            .with_logical_type(logical)
            .with_repetition(self.repetition())
            .build()
    }

    fn repetition(&self) -> Repetition {
        if self.is_nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED }
    }

    /// The cell of a member's JSON text.
    ///
    /// # Errors
    /// What the column expects instead.
    fn place(&self, text: &str) -> Result<Placed, &'static str> {
        if text == "null" {
            let expected = "a value that is not null";
            return if self.is_nullable { Ok(Placed::Exactly(Cell::Null)) } else { Err(expected) };
        }
        match self.kind {
            ValueKind::Number => double(text).ok_or("a number that a double can hold"),
            ValueKind::Date => self.placed_or_null(date(&string(text)?), "an RFC 3339 date"),
            ValueKind::Time { unit } => {
                self.placed_or_null(time(&string(text)?, unit), "an RFC 3339 time")
            }
            _ => self.exact_cell(text).map(Placed::Exactly),
        }
    }

    /// `placed`, or null if the column can be null. The text is then in `_rest` alone.
    fn placed_or_null(
        &self,
        placed: Option<Placed>,
        expected: &'static str,
    ) -> Result<Placed, &'static str> {
        let null = self.is_nullable.then_some(Placed::Nearly(Cell::Null));
        placed.or(null).ok_or(expected)
    }

    fn exact_cell(&self, text: &str) -> Result<Cell, &'static str> {
        match self.kind {
            ValueKind::Boolean => text.parse().map(Cell::Boolean).map_err(|_| "a boolean"),
            ValueKind::Integer => {
                integer(text).map(Cell::Integer).ok_or("an integer of at most 64 bits")
            }
            ValueKind::Decimal { scale } => {
                let unscaled =
                    text.parse::<Decimal>().ok().and_then(|number| number.unscaled(scale));
                unscaled
                    .map(Cell::Decimal)
                    .ok_or("a number of 38 digits, as many after the point as its contract says")
            }
            ValueKind::Text => string(text).map(Cell::Text),
            // `place` has handled these kinds.
            ValueKind::Number | ValueKind::Date | ValueKind::Time { .. } => Err("another column"),
            ValueKind::Json => Ok(Cell::Text(text.to_owned())),
        }
    }
}

/// The most digits of a number, both in DynamoDB and in the widest DECIMAL.
const DECIMAL_DIGITS: i32 = 38;

/// The length of a DECIMAL. A signed integer of 38 digits takes 127 bits.
pub(crate) const DECIMAL_BYTES: i32 = 16;

fn string(text: &str) -> Result<String, &'static str> {
    serde_json::from_str(text).map_err(|_| "a string")
}

/// The columns that are not those of members: `_rest`, and the attributes of the envelope.
fn others() -> Vec<Column> {
    vec![
        Column {
            name: "_rest".to_owned(),
            kind: ValueKind::Json,
            is_nullable: true,
            source: Source::Rest,
        },
        text_column("_event_id", |envelope| Cell::Text(envelope.id.clone())),
        time_column("_event_time", |envelope| Cell::Integer(envelope.time.unix_ms())),
        time_column("_ingest_time", |envelope| Cell::Integer(envelope.ingesttime.unix_ms())),
        text_column(KEY_COLUMN, |envelope| Cell::Text(envelope.idempotencykey.to_string())),
        text_column("_fingerprint", |envelope| Cell::Text(envelope.fingerprint.to_string())),
        optional_column("_subject", |envelope| optional(envelope.subject.as_ref())),
        optional_column("_degraded", |envelope| optional(envelope.degraded.as_ref())),
    ]
}

fn text_column(name: &str, cell: fn(&Envelope) -> Cell) -> Column {
    let source = Source::Envelope(cell);
    Column { name: name.to_owned(), kind: ValueKind::Text, is_nullable: false, source }
}

fn time_column(name: &str, cell: fn(&Envelope) -> Cell) -> Column {
    let kind = ValueKind::Time { unit: TimestampUnit::Milliseconds };
    Column { kind, ..text_column(name, cell) }
}

fn optional_column(name: &str, cell: fn(&Envelope) -> Cell) -> Column {
    Column { is_nullable: true, ..text_column(name, cell) }
}

fn optional(text: Option<&String>) -> Cell {
    text.map_or(Cell::Null, |text| Cell::Text(text.clone()))
}

/// The members that no column holds exactly, as one JSON object; null if there are none.
fn rest(members: &BTreeMap<String, &RawValue>) -> Cell {
    if members.is_empty() {
        return Cell::Null;
    }
    serde_json::to_string(members).map_or(Cell::Null, Cell::Text)
}

/// The name of each member's column. First all members whose name is free keep it; then the others get new names.
fn column_names(
    members: &BTreeMap<&str, ColumnType>,
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

fn unusable_value(member: &str, expected: &str) -> Failure {
    let reason = format!("the lake's column takes {expected}");
    Failure::permanent(Code::ContractViolation, reason).at(pointer_to(member))
}

#[cfg(test)]
mod tests;
