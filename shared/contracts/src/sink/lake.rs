//! A sink that is objects in S3, partitioned by dataset and event date.

use std::collections::BTreeMap;

use event::Decimal;
use serde::Deserialize;

use crate::error::{ContractError, invalid};
use crate::schema::{Schema, ValueKind};

/// Objects of many events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeSink {
    pub format: LakeFormat,
    /// Members of the payload whose column is a decimal of 38 digits instead of a double: how many of
    /// them are after the point.
    pub decimals: BTreeMap<String, u32>,
}

/// How an object is raw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LakeFormat {
    /// Columns and types from the contract's schema, compressed with ZSTD.
    Parquet,
    /// A JSON object a line.
    Ndjson(Compression),
}

/// How an object of lines is compressed, as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    #[default]
    Gzip,
    Zstd,
}

#[derive(Deserialize)]
pub(crate) struct RawLakeSink {
    #[serde(default)]
    format: RawFormat,
    compression: Option<Compression>,
    #[serde(default)]
    decimals: BTreeMap<String, u32>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawFormat {
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
    /// Whether each of its decimals is a number of the schema.
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

    #[track_caller]
    fn check(yaml: &str, expected: Result<LakeFormat, &str>) {
        let raw: RawLakeSink = serde_saphyr::from_str(yaml).unwrap();
        let found = raw.validate().map(|sink| sink.format).map_err(|error| error.to_string());
        match expected {
            Ok(format) => assert_eq!(found, Ok(format), "{yaml}"),
            Err(part) => assert!(found.as_ref().unwrap_err().contains(part), "{found:?}"),
        }
    }

    #[test]
    fn a_format_has_its_compressions() {
        check("{}", Ok(LakeFormat::Parquet));
        check("{format: parquet, compression: zstd}", Ok(LakeFormat::Parquet));
        check("{format: parquet, compression: gzip}", Err("sinks.compression"));
        check("{format: ndjson}", Ok(LakeFormat::Ndjson(Compression::Gzip)));
        check("{format: ndjson, compression: zstd}", Ok(LakeFormat::Ndjson(Compression::Zstd)));
        check("{decimals: {amount: 37}}", Ok(LakeFormat::Parquet));
        check("{decimals: {amount: 38}}", Err("sinks.decimals"));
        check("{decimals: {amount: 2}, format: ndjson}", Err("sinks.decimals"));
    }

    #[test]
    fn a_decimal_is_a_number_of_the_schema() {
        let schema = r#"{"properties": {"amount": {"type": ["number", "null"]}, "note": {"type": "string"}}}"#;
        let schema = Schema::parse(schema).unwrap();
        let check = |name: &str| {
            let decimals = BTreeMap::from([(name.to_owned(), 2)]);
            LakeSink { format: LakeFormat::Parquet, decimals }.check(&schema)
        };
        check("amount").unwrap();
        for other in ["note", "missing"] {
            assert!(check(other).unwrap_err().to_string().contains(&format!("`{other}`")));
        }
    }
}
