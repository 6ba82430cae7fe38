//! The tables of all datasets, as a sink of the stage that writes each event once.

use aws::TableEffect;
use contracts::{Catalog, Sink, Target};
use event::{Code, Failure};
use runtime::sink::{Event, SizedEffect, TransactionalSink};

use crate::tables::{Tables, TablesError};
use crate::write::table_effect;

/// The tables of all datasets' sinks.
pub(crate) struct TableSinks(Tables);

impl TableSinks {
    /// # Errors
    /// When a sink has no table of its own.
    pub(crate) fn new(contracts: &Catalog, tables: Tables) -> Result<Self, TablesError> {
        tables.check(contracts)?;
        Ok(Self(tables))
    }
}

impl TransactionalSink for TableSinks {
    const NAME: &'static str = "sink";

    type Effect = TableEffect;

    fn is_own(&self, sink: &Sink) -> bool {
        matches!(sink.target, Target::Table(_))
    }

    fn effect(&self, event: &Event<'_>, sink: &Sink) -> Result<SizedEffect<TableEffect>, Failure> {
        match (&sink.target, self.0.of(sink)) {
            (Target::Table(to), Some(table)) => table_effect(event, sink, to, table),
            _ => {
                let reason = format!("`{}` has no table", sink.name);
                Err(Failure::permanent(Code::DependencyRefused, reason))
            }
        }
    }
}

#[cfg(test)]
mod tests;
