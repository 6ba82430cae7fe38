//! The sink that writes objects to S3, partitioned by dataset and event date.

use std::collections::{BTreeMap, BTreeSet};

use event::Decimal;
use serde::Deserialize;

use crate::error::{ContractError, invalid};
use crate::schema::{Property, Schema, TimestampUnit, ValueKind};

/// How a sink writes objects with many events to S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeSink {
    /// The format of the objects: Parquet by default.
    pub format: LakeFormat,
    /// The members of the payload whose Parquet column is a decimal of 38 digits instead of a double. The value says
    /// how many of the digits are after the point, 0 to 37. Empty for NDJSON.
    pub decimals: BTreeMap<String, u32>,
    /// The members of the payload whose Parquet column is a date instead of text. Empty for NDJSON.
    pub dates: BTreeSet<String>,
    /// The units of the members of the payload whose Parquet column is a timestamp that counts in another unit than
    /// the default, or that has to take any text. Empty for NDJSON.
    pub timestamps: BTreeMap<String, TimestampUnit>,
}

/// The type of a member's column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnType {
    /// The kind of its values.
    pub kind: ValueKind,
    /// Whether a row may have no value there.
    pub is_nullable: bool,
}

/// The format of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LakeFormat {
    /// Parquet. The columns and their types come from the contract's schema, and are compressed with Zstandard.
    Parquet,
    /// One JSON object in each line.
    Ndjson(Compression),
}

/// The compression of an NDJSON object, which is compressed as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Gzip (RFC 1952).
    #[default]
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

pub(crate) struct RawLakeSink {
    pub(crate) format: RawFormat,
    pub(crate) compression: Option<Compression>,
    pub(crate) decimals: BTreeMap<String, u32>,
    pub(crate) dates: Vec<String>,
    pub(crate) timestamps: BTreeMap<String, TimestampUnit>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawFormat {
    #[default]
    Parquet,
    Ndjson,
}

impl RawLakeSink {
    pub(super) fn validate(self) -> Result<LakeSink, ContractError> {
        let format = match (self.format, self.compression) {
            (RawFormat::Parquet, None | Some(Compression::Zstd)) => LakeFormat::Parquet,
            (RawFormat::Parquet, Some(Compression::Gzip)) => {
                return Err(invalid("sinks.compression", "Parquet is compressed with zstd"));
            }
            (RawFormat::Ndjson, compression) => LakeFormat::Ndjson(compression.unwrap_or_default()),
        };
        let fields = [
            ("sinks.decimals", self.decimals.is_empty()),
            ("sinks.dates", self.dates.is_empty()),
            ("sinks.timestamps", self.timestamps.is_empty()),
        ];
        for (field, is_empty) in fields {
            if !is_empty && format != LakeFormat::Parquet {
                return Err(invalid(field, "only Parquet has columns"));
            }
        }
        if self.decimals.values().any(|scale| *scale >= Decimal::DIGITS) {
            return Err(invalid("sinks.decimals", "0 to 37 digits after the point"));
        }
        let mut dates = BTreeSet::new();
        for name in self.dates {
            if dates.contains(&name) {
                return Err(invalid("sinks.dates", &format!("`{name}` is there twice")));
            }
            dates.insert(name);
        }
        Ok(LakeSink { format, decimals: self.decimals, dates, timestamps: self.timestamps })
    }
}

impl LakeSink {
    /// The type of the column of a member that the schema declares.
    ///
    /// The column of a date, and of a timestamp that the sink names, may always be null: its text need not be a date
    /// or a time.
    #[must_use]
    pub fn column_type(&self, property: &Property<'_>) -> ColumnType {
        let (kind, is_nullable) = (property.kind, property.is_nullable);
        match kind {
            ValueKind::Integer | ValueKind::Number => {
                let scale = self.decimals.get(property.name);
                let kind = scale.map_or(kind, |&scale| ValueKind::Decimal { scale });
                ColumnType { kind, is_nullable }
            }
            ValueKind::Date if self.dates.contains(property.name) => {
                ColumnType { kind, is_nullable: true }
            }
            ValueKind::Date => ColumnType { kind: ValueKind::Text, is_nullable },
            ValueKind::Time { .. } => match self.timestamps.get(property.name) {
                Some(&unit) => ColumnType { kind: ValueKind::Time { unit }, is_nullable: true },
                None => ColumnType { kind, is_nullable },
            },
            ValueKind::Boolean | ValueKind::Decimal { .. } | ValueKind::Text | ValueKind::Json => {
                ColumnType { kind, is_nullable }
            }
        }
    }

    /// Checks that each member that the sink names has the type in the schema that its column is made of.
    pub(crate) fn check(&self, schema: &Schema) -> Result<(), ContractError> {
        for name in self.decimals.keys() {
            DECIMALS.check(name, schema)?;
        }
        for name in &self.dates {
            DATES.check(name, schema)?;
        }
        for name in self.timestamps.keys() {
            TIMESTAMPS.check(name, schema)?;
        }
        Ok(())
    }
}

/// A field of a sink that names members, and what the schema has to say of them.
struct NamedMembers {
    field: &'static str,
    expected: &'static str,
    fits: fn(ValueKind) -> bool,
}

const DECIMALS: NamedMembers = NamedMembers {
    field: "sinks.decimals",
    expected: "type number or integer",
    fits: |kind| matches!(kind, ValueKind::Integer | ValueKind::Number),
};
const DATES: NamedMembers = NamedMembers {
    field: "sinks.dates",
    expected: "type string and format date",
    fits: |kind| kind == ValueKind::Date,
};
const TIMESTAMPS: NamedMembers = NamedMembers {
    field: "sinks.timestamps",
    expected: "type string and format date-time",
    fits: |kind| matches!(kind, ValueKind::Time { .. }),
};

impl NamedMembers {
    fn check(&self, name: &str, schema: &Schema) -> Result<(), ContractError> {
        let property = schema.properties().find(|property| property.name == name);
        if property.is_some_and(|it| (self.fits)(it.kind)) {
            return Ok(());
        }
        let problem = format!("`{name}` is no member of {} in the schema", self.expected);
        Err(invalid(self.field, &problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::{Target, parse};

    #[track_caller]
    fn check(yaml: &str, expected: Result<LakeFormat, &str>) {
        let found = match parse("lake", yaml) {
            Ok(Target::Lake(sink)) => Ok(sink.format),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        };
        match expected {
            Ok(format) => assert_eq!(found, Ok(format), "{yaml}"),
            Err(part) => assert!(found.as_ref().unwrap_err().contains(part), "{found:?}"),
        }
    }

    #[test]
    fn a_format_has_its_compressions() {
        check("", Ok(LakeFormat::Parquet));
        check("{format: parquet, compression: zstd}", Ok(LakeFormat::Parquet));
        check("{format: parquet, compression: gzip}", Err("sinks.compression"));
        check("{format: ndjson}", Ok(LakeFormat::Ndjson(Compression::Gzip)));
        check("{format: ndjson, compression: zstd}", Ok(LakeFormat::Ndjson(Compression::Zstd)));
        check("{decimals: {amount: 37}}", Ok(LakeFormat::Parquet));
        check("{decimals: {amount: 38}}", Err("sinks.decimals"));
        check("{decimals: {amount: 2}, format: ndjson}", Err("sinks.decimals"));
        check("{dates: [day]}", Ok(LakeFormat::Parquet));
        check("{dates: [day], format: ndjson}", Err("sinks.dates"));
        check("{dates: [day, day]}", Err("`day` is there twice"));
        check("{timestamps: {at: microseconds, made: milliseconds}}", Ok(LakeFormat::Parquet));
        check("{timestamps: {at: microseconds}, format: ndjson}", Err("sinks.timestamps"));
        check("{timestamps: {at: nanoseconds}}", Err("nanoseconds"));
    }

    const SCHEMA: &str = r#"{"required": ["amount", "day", "at"], "properties": {
        "amount": {"type": "number"}, "day": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"}, "note": {"type": "string"}}}"#;

    fn sink(yaml: &str) -> LakeSink {
        match parse("lake", yaml).unwrap() {
            Target::Lake(sink) => sink,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check_members(yaml: &str, expected: Result<(), &str>) {
        let found = sink(yaml).check(&Schema::parse(SCHEMA).unwrap());
        match expected {
            Ok(()) => found.unwrap(),
            Err(part) => {
                let error = found.unwrap_err().to_string();
                assert!(error.contains(part), "{error}");
            }
        }
    }

    #[test]
    fn a_column_of_another_type_is_made_of_a_member_that_has_such_values() {
        check_members(
            "{decimals: {amount: 2}, dates: [day], timestamps: {at: microseconds}}",
            Ok(()),
        );
        check_members("{decimals: {note: 2}}", Err("`sinks.decimals`: `note`"));
        check_members("{decimals: {missing: 2}}", Err("`sinks.decimals`: `missing`"));
        check_members("{dates: [at]}", Err("`sinks.dates`: `at`"));
        check_members("{dates: [missing]}", Err("type string and format date in the schema"));
        check_members("{timestamps: {day: microseconds}}", Err("`sinks.timestamps`: `day`"));
    }

    #[track_caller]
    fn check_types(yaml: &str, expected: [(&str, ValueKind, bool); 4]) {
        let schema = Schema::parse(SCHEMA).unwrap();
        let sink = sink(yaml);
        let found = schema.properties().map(|property| {
            let ColumnType { kind, is_nullable } = sink.column_type(&property);
            (property.name, kind, is_nullable)
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    /// Objects that were written before have such columns, so that they stay unless the sink says otherwise.
    #[test]
    fn a_date_is_text_and_a_time_counts_milliseconds_unless_the_sink_says_otherwise() {
        let time = |unit| ValueKind::Time { unit };
        check_types(
            "",
            [
                ("amount", ValueKind::Number, false),
                ("at", time(TimestampUnit::Milliseconds), false),
                ("day", ValueKind::Text, false),
                ("note", ValueKind::Text, true),
            ],
        );
        check_types(
            "{decimals: {amount: 2}, dates: [day], timestamps: {at: microseconds}}",
            [
                ("amount", ValueKind::Decimal { scale: 2 }, false),
                ("at", time(TimestampUnit::Microseconds), true),
                ("day", ValueKind::Date, true),
                ("note", ValueKind::Text, true),
            ],
        );
    }
}
