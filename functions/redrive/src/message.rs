//! A letter's message, as it goes back.

use event::{DeadLetter, RedriveMark};
use letters::{Redrive, StoredMessage};
use runtime::{MAX_BATCH_BYTES, Outgoing};

/// The message as it goes back to a queue: its body as it was, and with it why it was here and what brings it back.
pub(crate) fn revived(message: StoredMessage, redrive: Redrive, queue: &str) -> Outgoing {
    let Redrive { run, count } = redrive;
    let mark = RedriveMark { letter: message.id.0.clone(), run: run.0, count };
    let room = MAX_BATCH_BYTES.saturating_sub(message.body.len());
    // By this SQS drops a second copy, of a queue that is FIFO: the same each time that this life is sent.
    let deduplication_id = queue.ends_with(".fifo").then(|| format!("{}-{count}", mark.letter));
    let group = match &deduplication_id {
        Some(id) => Some(message.group.unwrap_or_else(|| id.clone())),
        None => message.group,
    };
    let attributes = DeadLetter::revive(message.attributes, room, Some(mark));
    Outgoing { body: message.body, attributes, group, deduplication_id, delay: None }
}
