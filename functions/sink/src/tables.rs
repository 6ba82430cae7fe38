//! Which table each sink of each dataset writes to.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{Catalog, Sink, SinkKind};

/// Tables by the names of the sinks that write to them: datasets that name a sink alike share a table.
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

impl Tables {
    pub(crate) const EXPECTED: &str = r#"a JSON object from the names of table sinks to those of their tables, such as {"records":"my-table"}"#;

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let tables: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
        let is_whole = !tables.is_empty() && tables.values().all(|table| !table.is_empty());
        is_whole.then_some(Self(tables))
    }

    /// Whether each table sink of each dataset has a table, and no other of its dataset has the same.
    ///
    /// # Errors
    /// Naming the first that has not.
    pub(crate) fn check(&self, contracts: &Catalog) -> Result<(), TablesError> {
        for contract in contracts.iter() {
            let mut taken = BTreeSet::new();
            for sink in contract.sinks.iter().filter(|it| it.kind() == SinkKind::Table) {
                let dataset = contract.dataset.clone();
                let Some(table) = self.of(sink) else {
                    return Err(TablesError::Missing { dataset, sink: sink.name.clone() });
                };
                if !taken.insert(table) {
                    return Err(TablesError::Shared { dataset, table: table.to_owned() });
                }
            }
        }
        Ok(())
    }

    /// The table of a sink.
    pub(crate) fn of(&self, sink: &Sink) -> Option<&str> {
        self.0.get(&sink.name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tables: &str, expected: &str) {
        let tables = Tables::parse(tables).unwrap();
        let error = tables.check(&testkit::contracts()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_sink_without_a_table_of_its_own_stops_the_start_by_name() {
        check(r#"{"totals":"t"}"#, "no table for the sink `records` of `flights`; expected a JSON");
        check(r#"{"records":"t","totals":"t"}"#, "two sinks of `flights` write to the table `t`");
        let tables = Tables::parse(r#"{"records":"r","totals":"t","other":"o"}"#).unwrap();
        tables.check(&testkit::contracts()).unwrap();
    }
}
