//! Which table each sink of each dataset writes to.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{Catalog, Contract, TableSink, Target};

/// Tables by the names of the sinks that write to them: datasets that name a sink alike share a table.
#[derive(Clone, Debug)]
pub(crate) struct Tables(BTreeMap<String, String>);

/// A table sink with its table.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    /// The sink's name.
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) sink: TableSink,
}

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

    /// The destinations of each dataset that has any.
    ///
    /// # Errors
    /// When a sink has no table, or shares it with another of its dataset.
    pub(crate) fn destinations(
        &self,
        contracts: &Catalog,
    ) -> Result<BTreeMap<String, Vec<Destination>>, TablesError> {
        let of = |contract: &Contract| Ok((contract.dataset.clone(), self.of(contract)?));
        contracts.iter().map(of).collect()
    }

    fn of(&self, contract: &Contract) -> Result<Vec<Destination>, TablesError> {
        let dataset = || contract.dataset.clone();
        let mut taken = BTreeSet::new();
        let mut destinations = Vec::new();
        for sink in &contract.sinks {
            let Target::Table(target) = &sink.target else { continue };
            let name = sink.name.clone();
            let Some(table) = self.0.get(&name).cloned() else {
                return Err(TablesError::Missing { dataset: dataset(), sink: name });
            };
            if !taken.insert(table.clone()) {
                return Err(TablesError::Shared { dataset: dataset(), table });
            }
            destinations.push(Destination { name, table, sink: target.clone() });
        }
        Ok(destinations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tables: &str, expected: &str) {
        let tables = Tables::parse(tables).unwrap();
        let error = tables.destinations(&testkit::contracts()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_sink_without_a_table_of_its_own_stops_the_start_by_name() {
        check(r#"{"totals":"t"}"#, "no table for the sink `records` of `flights`; expected a JSON");
        check(r#"{"records":"t","totals":"t"}"#, "two sinks of `flights` write to the table `t`");
        let tables = Tables::parse(r#"{"records":"r","totals":"t","other":"o"}"#).unwrap();
        let destinations = tables.destinations(&testkit::contracts()).unwrap();
        let names: Vec<&str> = destinations["flights"].iter().map(|it| it.table.as_str()).collect();
        assert_eq!(names, ["r", "t"]);
    }
}
