//! A sink that is a DynamoDB table.

use serde::Deserialize;

use crate::contract::ContractError;

/// Rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSink {
    pub mode: TableMode,
}

/// What an event does to its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableMode {
    /// Makes it; each event has a row of its own, which is its dedupe record too.
    #[default]
    Insert,
}

#[derive(Deserialize)]
pub(crate) struct Written {
    #[serde(default)]
    mode: TableMode,
}

impl Written {
    pub(super) fn checked(self) -> Result<TableSink, ContractError> {
        Ok(TableSink { mode: self.mode })
    }
}
