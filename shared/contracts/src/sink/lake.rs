//! The sink that writes objects to S3, partitioned by dataset and event date.

use std::collections::BTreeMap;

use event::Decimal;
use serde::Deserialize;

use crate::error::{ContractError, invalid};
use crate::schema::{Schema, ValueKind};

/// How a sink writes objects with many events to S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeSink {
    /// The format of the objects: Parquet by default.
    pub format: LakeFormat,
    /// The members of the payload whose Parquet column is a decimal of 38 digits instead of a double. The value says
    /// how many of the digits are after the point, 0 to 37. Empty for NDJSON.
    pub decimals: BTreeMap<String, u32>,
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
        if !self.decimals.is_empty() && format != LakeFormat::Parquet {
            return Err(invalid("sinks.decimals", "only Parquet has columns"));
        }
        if self.decimals.values().any(|scale| *scale >= Decimal::DIGITS) {
            return Err(invalid("sinks.decimals", "0 to 37 digits after the point"));
        }
        Ok(LakeSink { format, decimals: self.decimals })
    }
}

impl LakeSink {
    /// Checks that each member in [`LakeSink::decimals`] is a number in the schema.
    pub(crate) fn check(&self, schema: &Schema) -> Result<(), ContractError> {
        for name in self.decimals.keys() {
            let property = schema.properties().find(|property| property.name == name);
            if !property.is_some_and(|it| matches!(it.kind, ValueKind::Integer | ValueKind::Number))
            {
                let problem =
                    format!("`{name}` is no member of type number or integer in the schema");
                return Err(invalid("sinks.decimals", &problem));
            }
        }
        Ok(())
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
    }

    fn with_decimal(name: &str) -> LakeSink {
        let decimals = BTreeMap::from([(name.to_owned(), 2)]);
        LakeSink { format: LakeFormat::Parquet, decimals }
    }

    #[test]
    fn a_decimal_is_a_number_of_the_schema() {
        let schema = r#"{"properties": {"amount": {"type": ["number", "null"]}, "note": {"type": "string"}}}"#;
        let schema = Schema::parse(schema).unwrap();
        with_decimal("amount").check(&schema).unwrap();
        for other in ["note", "missing"] {
            let error = with_decimal(other).check(&schema).unwrap_err().to_string();
            assert!(error.contains(&format!("`{other}`")), "{error}");
        }
    }
}
