//! An event that is about to be sent, and what decides what each of its sinks will do with it.

use std::collections::BTreeSet;

use contracts::{
    Catalog, Contract, Order, RowKey, RowVersion, Sink, SinkKind, TableMode, TableSink, Target,
    Tombstone, pointer_tokens,
};
use event::{Attributes, Code, Failure, Fingerprint};

use super::cost::WriteCost;
use crate::evidence::is_reached;
use crate::fix::{ENRICH, INGEST};
use crate::message_event::{MessageEvent, NoEvent};
use crate::{Proof, VersionedRow};

/// What a letter's message will be to the stage that it is sent to.
#[derive(Clone, Debug)]
pub enum Coming {
    /// The stage will refuse it with this code, or it cannot be sent as it is planned.
    Refused(Code),
    /// It is not one event, and what it leads to is not known.
    NotKnown,
    /// It is one event.
    Event(ComingEvent),
}

/// An event, and what it is to each sink that it goes to.
#[derive(Clone, Debug)]
pub struct ComingEvent {
    pub(super) fingerprint: Fingerprint,
    pub(super) writes: Vec<ComingWrite>,
    /// How many messages the event will be, in all queues that it comes through.
    pub(super) messages: u64,
    /// The size of one of these messages in bytes.
    pub(super) message_bytes: u64,
}

/// What an event is to one sink.
#[derive(Clone, Debug)]
pub(super) struct ComingWrite {
    pub(super) sink: String,
    pub(super) decided_by: DecidedBy,
    pub(super) cost: WriteCost,
}

/// What decides what a sink will do with an event.
#[derive(Clone, Debug)]
pub(super) enum DecidedBy {
    /// The sink will refuse the event with this code.
    Refusal(Code),
    /// Something that cannot be seen from here.
    Unseen,
    /// What is found in the place of its proof.
    Proof(Proof),
    /// What is found in the place of its proof, and, if nothing is there, how new the event's row is.
    ProofAndRow(Proof, RowChange),
}

/// What an event does to a row that keeps the newest of its events.
#[derive(Clone, Debug)]
pub(super) enum RowChange {
    /// The key of the row, or the order of the event among the row's events, depends on an enricher's answer.
    NotKnown,
    /// The event is a version of this row.
    To {
        row: VersionedRow,
        version: RowVersion,
        /// The attributes with versions of their own that the event sets.
        sets: Vec<String>,
        /// The attributes with versions of their own that the event sets if an enricher's answer has them.
        may_set: Vec<String>,
    },
}

impl Coming {
    /// What a message will be to a stage, by the contract of its dataset.
    #[must_use]
    pub fn of_message(
        stage: &str,
        body: &str,
        attributes: &Attributes,
        contracts: &Catalog,
    ) -> Self {
        let event = match MessageEvent::read(stage, body, attributes, contracts) {
            Ok(event) => event,
            Err(NoEvent::NotOne) => return Self::NotKnown,
            Err(NoEvent::Refused(failure)) => return Self::Refused(failure.code),
        };
        let writing = Writing { event: &event, is_enriched: stage != INGEST && stage != ENRICH };
        let sinks = event.contract.sinks.iter().filter(|sink| is_reached(sink, stage));
        let mut writes = Vec::new();
        for sink in sinks {
            writes.push(writing.write(sink));
        }
        if writes.is_empty() {
            // The stage has no sink of this dataset.
            return Self::Refused(Code::ContractViolation);
        }
        Self::Event(ComingEvent {
            fingerprint: event.fingerprint.clone(),
            writes,
            messages: messages(stage, event.contract),
            message_bytes: body.len() as u64,
        })
    }
}

impl ComingEvent {
    /// The code with which one of its sinks will refuse it, if one does.
    pub(super) fn refusal(&self) -> Option<Code> {
        self.writes.iter().find_map(|write| match &write.decided_by {
            DecidedBy::Refusal(code) => Some(*code),
            DecidedBy::Unseen | DecidedBy::Proof(_) | DecidedBy::ProofAndRow(..) => None,
        })
    }
}

/// One message for each stage that the event comes through; after `enrich` there is one for each kind of sink.
fn messages(stage: &str, contract: &Contract) -> u64 {
    let kinds: BTreeSet<SinkKind> = contract.sinks.iter().map(Sink::kind).collect();
    let sink_messages = kinds.len() as u64;
    match stage {
        INGEST => 2 + sink_messages,
        ENRICH => 1 + sink_messages,
        _ => 1,
    }
}

/// An event on its way to its sinks, treated as the sinks' functions treat it.
struct Writing<'a> {
    event: &'a MessageEvent<'a>,
    /// Whether all answers of enrichers are in the payload.
    is_enriched: bool,
}

impl Writing<'_> {
    fn write(&self, sink: &Sink) -> ComingWrite {
        let decided_by = match &sink.target {
            Target::Table(table) => self
                .of_table(&sink.name, table)
                .unwrap_or_else(|failure| DecidedBy::Refusal(failure.code)),
            Target::Lake(_) | Target::Http(_) => DecidedBy::Proof(self.record(&sink.name)),
            Target::Custom(_) => DecidedBy::Unseen,
        };
        let cost = WriteCost::of(sink, &self.event.payload);
        ComingWrite { sink: sink.name.clone(), decided_by, cost }
    }

    fn record(&self, sink: &str) -> Proof {
        Proof::Record { sink: sink.to_owned(), key: self.event.key.clone() }
    }

    fn of_table(&self, sink: &str, table: &TableSink) -> Result<DecidedBy, Failure> {
        let dataset = &self.event.contract.dataset;
        let record = self.record(sink);
        Ok(match &table.mode {
            TableMode::Insert => match self.row_key(table, dataset)? {
                Some(pk) => DecidedBy::Proof(Proof::Row { sink: sink.to_owned(), pk }),
                None => DecidedBy::Unseen,
            },
            TableMode::Upsert { order, .. } => {
                let change = self.change(sink, table, dataset, order, Sets::default())?;
                DecidedBy::ProofAndRow(record, change)
            }
            TableMode::Delete { order, rows_of } => {
                let change = self.change(sink, table, rows_of, order, Sets::default())?;
                DecidedBy::ProofAndRow(record, change)
            }
            TableMode::Merge { order, tombstone } => {
                let sets = self.sets(table, tombstone.as_ref());
                DecidedBy::ProofAndRow(record, self.change(sink, table, dataset, order, sets)?)
            }
            TableMode::Accumulate(accumulate) => {
                self.row_key(table, dataset)?;
                if !accumulate.sums.values().any(|pointer| self.is_to_come(pointer)) {
                    accumulate.additions(&self.event.payload)?;
                }
                DecidedBy::Proof(record)
            }
        })
    }

    /// The key of the row; `None` if it depends on an enricher's answer.
    fn row_key(&self, table: &TableSink, dataset: &str) -> Result<Option<String>, Failure> {
        if let RowKey::Pointers(pointers) = &table.key
            && pointers.iter().any(|pointer| self.is_to_come(pointer))
        {
            return Ok(None);
        }
        table.row_key(dataset, &self.event.key, &self.event.payload, None).map(Some)
    }

    fn change(
        &self,
        sink: &str,
        table: &TableSink,
        dataset: &str,
        order: &Order,
        sets: Sets,
    ) -> Result<RowChange, Failure> {
        let pk = self.row_key(table, dataset)?;
        if matches!(order, Order::Pointer(pointer) if self.is_to_come(pointer)) {
            return Ok(RowChange::NotKnown);
        }
        let order = order.of(self.event.time, &self.event.payload)?;
        let Some(pk) = pk else { return Ok(RowChange::NotKnown) };
        Ok(RowChange::To {
            row: VersionedRow { sink: sink.to_owned(), pk, attributes: sets.all },
            version: RowVersion { order, key: self.event.key.clone() },
            sets: sets.certain,
            may_set: sets.possible,
        })
    }

    /// The attributes that the event sets in a merged row. A deletion sets all of them, to nothing; any other event
    /// sets those that its payload has.
    fn sets(&self, table: &TableSink, tombstone: Option<&Tombstone>) -> Sets {
        let payload = &self.event.payload;
        let is_deleted = tombstone.is_some_and(|tombstone| tombstone.is_in(payload));
        let may_be_deleted = tombstone.is_some_and(|tombstone| self.is_to_come(&tombstone.at));
        let mut sets = Sets::default();
        for (name, pointer) in &table.attributes {
            sets.all.push(name.clone());
            let is_to_come = may_be_deleted || self.is_to_come(pointer);
            if !may_be_deleted && is_deleted || !is_to_come && payload.pointer(pointer).is_some() {
                sets.certain.push(name.clone());
            } else if is_to_come {
                sets.possible.push(name.clone());
            }
        }
        sets
    }

    /// Whether an enricher has yet to add the value at this JSON Pointer.
    fn is_to_come(&self, pointer: &str) -> bool {
        let first = pointer_tokens(pointer).and_then(|tokens| tokens.into_iter().next());
        let mut enrichers = self.event.contract.enrichers.iter();
        !self.is_enriched && enrichers.any(|enricher| Some(&enricher.into) == first.as_ref())
    }
}

/// The attributes that an event sets in a merged row.
#[derive(Default)]
struct Sets {
    all: Vec<String>,
    certain: Vec<String>,
    possible: Vec<String>,
}
