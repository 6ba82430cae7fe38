//! The sink that writes events to tables, for the stage that writes each event once.

use aws::TableEffect;
use contracts::{Sink, Target};
use event::{Code, Failure};
use runtime::sink::{Event, SizedEffect, TransactionalSink};

use crate::tables::Tables;
use crate::write::table_effect;

/// The tables of all datasets' sinks.
pub(crate) struct TableSinks(pub(crate) Tables);

impl TransactionalSink for TableSinks {
    const NAME: &'static str = "sink";

    type Effect = TableEffect;

    fn is_own(&self, sink: &Sink) -> bool {
        matches!(sink.target, Target::Table(_))
    }

    fn effect(&self, event: &Event<'_>, sink: &Sink) -> Result<SizedEffect<TableEffect>, Failure> {
        let Target::Table(to) = &sink.target else {
            let reason = format!("`{}` is no table", sink.name);
            return Err(Failure::permanent(Code::DependencyRefused, reason));
        };
        table_effect(event, sink, to, self.0.of(event.contract, sink)?)
    }
}

#[cfg(test)]
mod tests;
