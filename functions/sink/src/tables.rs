//! The tables to which the sinks of the datasets write.

use std::collections::BTreeMap;

use contracts::{Contract, Sink, SinkKind};
use event::{Code, Failure};

/// The names of tables, by the names of the sinks that write to them. Sinks of different datasets that have the same
/// name share a table.
#[derive(Clone, Debug)]
pub(crate) struct Tables(BTreeMap<String, String>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum TablesError {
    #[error(
        "environment variable TABLES has no table for the sink `{sink}` of `{dataset}`; expected {}",
        Tables::EXPECTED
    )]
    Missing { dataset: String, sink: String },
    #[error("two sinks of `{dataset}` write to the table `{table}`; expected one for each")]
    Shared { dataset: String, table: String },
}

/// The next deployment may bring the table.
impl From<TablesError> for Failure {
    fn from(error: TablesError) -> Self {
        Self::transient(Code::ContractBroken, error.to_string())
    }
}

impl Tables {
    pub(crate) const EXPECTED: &str = r#"a JSON object from the names of table sinks to those of their tables, such as {"records":"my-table"}"#;

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let tables: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
        let is_whole = !tables.is_empty() && tables.values().all(|table| !table.is_empty());
        is_whole.then_some(Self(tables))
    }

    /// The name of the table of a contract's sink.
    ///
    /// # Errors
    /// When the sink has no table, or another table sink of the contract has the same one.
    pub(crate) fn of(&self, contract: &Contract, sink: &Sink) -> Result<&str, TablesError> {
        let Some(table) = self.0.get(&sink.name) else {
            let dataset = contract.dataset.clone();
            return Err(TablesError::Missing { dataset, sink: sink.name.clone() });
        };
        let is_shared = contract.sinks.iter().any(|other| {
            other.kind() == SinkKind::Table
                && other.name != sink.name
                && self.0.get(&other.name) == Some(table)
        });
        if is_shared {
            let dataset = contract.dataset.clone();
            return Err(TablesError::Shared { dataset, table: table.clone() });
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tables: &str, expected: &str) {
        let (tables, contracts) = (Tables::parse(tables).unwrap(), testkit::contracts());
        let flights = contracts.get("flights").unwrap();
        let records = flights.sinks.iter().find(|sink| sink.name == "records").unwrap();
        let error = tables.of(flights, records).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_sink_without_a_table_of_its_own_is_named() {
        check(r#"{"totals":"t"}"#, "no table for the sink `records` of `flights`; expected a JSON");
        check(r#"{"records":"t","totals":"t"}"#, "two sinks of `flights` write to the table `t`");
        let tables = Tables::parse(r#"{"records":"r","totals":"t","other":"o"}"#).unwrap();
        let contracts = testkit::contracts();
        let flights = contracts.get("flights").unwrap();
        for (sink, table) in [("records", "r"), ("totals", "t")] {
            let sink = flights.sinks.iter().find(|it| it.name == sink).unwrap();
            assert_eq!(tables.of(flights, sink).unwrap(), table);
        }
    }
}
