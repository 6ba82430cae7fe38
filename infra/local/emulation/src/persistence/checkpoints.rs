//! The checkpoints of stream mappings, as they are saved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::{MappingSource, RunningMapping};
use dynamodb::Position;
use lambda::mapping::stream::Checkpoint;

/// The positions at which mappings continue. A mapping is identified by its logical id and the name
/// of its table. With another table it is another mapping, as on AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Checkpoints {
    kept: Vec<SavedCheckpoint>,
    /// The starting positions of tables that were not saved.
    #[serde(skip)]
    made: BTreeMap<String, Position>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedCheckpoint {
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

    /// Adds a table that was created, with the start of its stream. This is needed because
    /// DynamoDB's engine also returns the records of a deleted table of the same name. Saved
    /// positions of that table are removed.
    pub(in super::super) fn add_table(&mut self, table: &str, begin: Position) {
        self.kept.retain(|each| each.table != table);
        self.made.insert(table.to_owned(), begin);
    }
}

/// The checkpoints of the running stream mappings. It does not keep a mapping running.
#[derive(Default)]
pub(super) struct StreamCheckpoints(BTreeMap<(String, String), Checkpoint>);

impl StreamCheckpoints {
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
        let kept = self.0.iter().map(|((mapping, table), checkpoint)| SavedCheckpoint {
            mapping: mapping.clone(),
            table: table.clone(),
            position: checkpoint.position(),
        });
        Checkpoints { kept: kept.collect(), made: BTreeMap::new() }
    }
}
