//! A sink that is objects in S3, partitioned by dataset and event date.

use serde::Deserialize;

use crate::contract::ContractError;

/// Objects of many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LakeSink {
    pub format: LakeFormat,
}

/// How an object is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LakeFormat {
    /// Columns and types from the contract's schema, compressed with ZSTD.
    #[default]
    Parquet,
}

#[derive(Deserialize)]
pub(crate) struct Written {
    #[serde(default)]
    format: LakeFormat,
}

impl Written {
    pub(super) fn checked(self) -> Result<LakeSink, ContractError> {
        Ok(LakeSink { format: self.format })
    }
}
