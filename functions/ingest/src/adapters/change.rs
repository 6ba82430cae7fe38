//! Changes of rows whose message names no dataset: records of DynamoDB streams, as EventBridge Pipes sends them to a
//! queue, and messages of Debezium. They are of the dataset whose contract names their table.

use contracts::{ChangeMessage, NoChange};
use event::Failure;

use super::{Announcement, Ignored, Layer, Members};

pub(super) fn read(members: &Members<'_>) -> Result<Option<Layer>, Failure> {
    Ok(ChangeMessage::of(members.whole()).map(|message| match message {
        ChangeMessage::OfTable { kind, table } => Layer::Change { kind, table },
        ChangeMessage::Nothing(nothing) => {
            let ignored = vec![nothing.into()];
            Layer::Announcement(Announcement { ignored, ..Announcement::default() })
        }
    }))
}

impl From<NoChange> for Ignored {
    fn from(nothing: NoChange) -> Self {
        match nothing {
            NoChange::Tombstone => Self::Tombstone,
            NoChange::SchemaChange => Self::SchemaChange,
            NoChange::Other => Self::Other,
        }
    }
}
