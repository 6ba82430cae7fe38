//! How far the mappings of streams are, in the form in which it is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::{MappingSource, RunningMapping};
use dynamodb::Position;
use lambda::mapping::stream::Checkpoint;

/// Where mappings go on. One goes by its logical id and its table's name: with another table it is
/// another mapping, as on AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Checkpoints {
    kept: Vec<Kept>,
    /// The beginnings of tables that were not kept.
    #[serde(skip)]
    made: BTreeMap<String, Position>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    mapping: String,
    table: String,
    position: Position,
}

impl Checkpoints {
    pub(in super::super) fn of(&self, mapping: &str, table: &str) -> Option<Position> {
        let mut kept = self.kept.iter();
        let kept = kept.find(|each| each.mapping == mapping && each.table == table);
        kept.map(|each| &each.position).or_else(|| self.made.get(table)).cloned()
    }

    /// Says that a table was made, and where its stream begins: DynamoDB's engine goes on telling the
    /// records of a deleted table to those who read the stream of a new one of its name. What is kept of
    /// that one is dropped.
    pub(in super::super) fn made(&mut self, table: &str, begin: Position) {
        self.kept.retain(|each| each.table != table);
        self.made.insert(table.to_owned(), begin);
    }
}

/// The mappings that are running; it keeps none of them running.
#[derive(Default)]
pub(super) struct Running(BTreeMap<(String, String), Checkpoint>);

impl Running {
    pub(super) fn of(mappings: &[RunningMapping]) -> Self {
        let streams = mappings.iter().filter_map(|each| match &each.source {
            MappingSource::Queue(_) => None,
            MappingSource::Stream(table) => {
                let checkpoint = each.mapping.checkpoint()?;
                Some(((each.logical_id.clone(), table.clone()), checkpoint))
            }
        });
        Self(streams.collect())
    }

    #[cfg(test)]
    pub(super) fn with(mapping: &str, table: &str, checkpoint: Checkpoint) -> Self {
        Self(BTreeMap::from([((mapping.to_owned(), table.to_owned()), checkpoint)]))
    }

    pub(super) fn now(&self) -> Checkpoints {
        let kept = self.0.iter().map(|((mapping, table), checkpoint)| Kept {
            mapping: mapping.clone(),
            table: table.clone(),
            position: checkpoint.position(),
        });
        Checkpoints { kept: kept.collect(), made: BTreeMap::new() }
    }
}
