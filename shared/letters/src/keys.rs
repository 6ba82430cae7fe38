//! How long the keys of a letter's event are remembered, and how a redrive extends that.
//!
//! A dedupe record expires some days after it was written, as the contract says. An older event may have been written
//! and then forgotten, and would take effect twice if it were written again. Therefore a redrive checks how much of
//! that time is left. If it is little, the redrive first extends the records of the event in its sinks. It then sends
//! the event with the time until which its keys are now remembered, and stages go by that time instead of the event's
//! age.

use std::future::Future;
use std::time::Duration;

use contracts::{Contract, MOST_CLOCK_SKEW, is_still_remembered};
use event::{Attributes, DeadLetter, Envelope, Failure, REDRIVE_ATTRIBUTE, Redriven, Timestamp};

use crate::fix::{DATASET, INGEST};
use crate::{Proof, StoredMessage};

/// If less than this is left, the life of the keys is extended. A message may wait in its queue for 14 days.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const LEAST_LEFT: Duration = Duration::from_secs(15 * 24 * 60 * 60);

/// When an event was taken in, and how far an earlier redrive has extended the life of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventAge {
    /// The dataset of the event, whose contract says for how long keys are remembered.
    pub dataset: String,
    /// When the event was taken in.
    pub taken_in: Timestamp,
    /// Until when its keys are remembered, if a redrive has extended that.
    pub extended_to: Option<Timestamp>,
}

/// How much is left of the time for which an event's keys are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysLife {
    /// More than a redrive needs.
    Long,
    /// Too little: a redrive must extend it first.
    Short,
    /// It may have ended. Whether the event was written cannot be known any more.
    Over,
}

/// The records and rows in which sinks remember keys, as far as a redrive extends their life.
pub trait KeyStore: Send + Sync {
    /// Whether the place of this proof is known. The life of an event is not extended if one of its places is not
    /// known.
    fn knows(&self, proof: &Proof) -> bool;

    /// Extends the life of each record and row that exists, and is not expired at `now`, to `until` at least. Absent
    /// and expired ones stay as they are.
    fn extend(
        &self,
        proofs: &[Proof],
        until: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl EventAge {
    /// The age of the event in a message that goes to a stage. `None` if the message does not name its dataset, as a
    /// message that announces files.
    #[must_use]
    pub fn of_message(stage: &str, message: &StoredMessage) -> Option<Self> {
        let extended_to = extension_of(&message.attributes);
        if stage == INGEST {
            let dataset = message.attributes.get(DATASET)?.value.clone();
            let taken_in = DeadLetter::read(&message.attributes)?.taken_in();
            return Some(Self { dataset, taken_in, extended_to });
        }
        let envelope = Envelope::from_json(&message.body).ok()?;
        Some(Self { dataset: envelope.dataset, taken_in: envelope.ingesttime, extended_to })
    }

    /// How much is left at `now` of the time for which the contract's sinks remember the event's keys.
    #[must_use]
    pub fn keys_life(&self, contract: &Contract, now: Timestamp) -> KeysLife {
        let until = contract.surely_remembered_until(self.taken_in, self.extended_to);
        if !is_still_remembered(until, now) {
            return KeysLife::Over;
        }
        if until.since(now) < LEAST_LEFT { KeysLife::Short } else { KeysLife::Long }
    }
}

/// Until when the keys of a message's event are remembered, if an earlier redrive has extended that. It holds for the
/// sinks that the message went to.
#[must_use]
pub fn extension_of(attributes: &Attributes) -> Option<Timestamp> {
    Redriven::read(attributes)?.remembered_until
}

/// The attributes without the extension by an earlier redrive. It does not hold if the event now goes to other sinks or
/// has another key.
#[must_use]
pub fn without_extension(mut attributes: Attributes) -> Attributes {
    attributes.remove(REDRIVE_ATTRIBUTE);
    let Some(mut letter) = DeadLetter::read(&attributes) else { return attributes };
    if let Some(mark) = &mut letter.redrive {
        mark.remembered_until = None;
    }
    letter.write(attributes)
}

/// Until when keys are surely remembered whose records were extended, or not found, at `now`. The difference that
/// clocks may have is subtracted, because a record that is being written meanwhile may count from a moment before.
#[must_use]
pub fn extended_life(contract: &Contract, now: Timestamp) -> Timestamp {
    let until = contract.remembered_until(now);
    Timestamp::from_unix_ms(
        until.unix_ms() - i64::try_from(MOST_CLOCK_SKEW.as_millis()).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests;
