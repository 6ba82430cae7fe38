//! A sink that is objects in S3, partitioned by dataset and event date.

use serde::Deserialize;

use crate::contract::{ContractError, invalid};

/// Objects of many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LakeSink {
    pub format: LakeFormat,
}

/// How an object is written.
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
pub(crate) struct Written {
    #[serde(default)]
    format: WrittenFormat,
    compression: Option<Compression>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenFormat {
    #[default]
    Parquet,
    Ndjson,
}

impl Written {
    pub(super) fn checked(self) -> Result<LakeSink, ContractError> {
        let format = match (self.format, self.compression) {
            (WrittenFormat::Parquet, None | Some(Compression::Zstd)) => LakeFormat::Parquet,
            (WrittenFormat::Parquet, Some(Compression::Gzip)) => {
                return Err(invalid("sinks.compression", "Parquet is compressed with zstd"));
            }
            (WrittenFormat::Ndjson, compression) => {
                LakeFormat::Ndjson(compression.unwrap_or_default())
            }
        };
        Ok(LakeSink { format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(yaml: &str, expected: Result<LakeFormat, &str>) {
        let written: Written = serde_saphyr::from_str(yaml).unwrap();
        let found = written.checked().map(|sink| sink.format).map_err(|error| error.to_string());
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
    }
}
