//! For how long the keys of a letter's event are remembered, and what a redrive does about it.
//!
//! A dedupe record ends so many days after it was written, as the contract says. An event that is older than that may
//! have been written and forgotten: written again, it would take effect twice. So a redrive looks at how much of that
//! time is left. Where it is little, it extends what the sinks have of the event first, and then sends it with the time
//! until when its keys are remembered now, in place of the time by which its age is told.

use std::future::Future;
use std::time::Duration;

use contracts::{Contract, MOST_CLOCK_SKEW, is_still_remembered};
use event::{Attributes, DeadLetter, Envelope, Failure, REDRIVE_ATTRIBUTE, Redriven, Timestamp};

use crate::fix::{DATASET, INGEST};
use crate::{Proof, StoredMessage};

/// With less than this left, the life of keys is extended: a message may wait in its queue for 14 days.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const LEAST_LEFT: Duration = Duration::from_secs(15 * 24 * 60 * 60);

/// When an event was taken in, and what an earlier redrive has seen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventAge {
    pub dataset: String,
    pub taken_in: Timestamp,
    /// Until when its keys are remembered, where a redrive has extended that.
    pub extended_to: Option<Timestamp>,
}

/// How much is left of the life of an event's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysLife {
    /// More than a redrive needs.
    Long,
    /// So little that it has to be extended first.
    Short,
    /// It may be over: whether the event was written is not known for sure.
    Over,
}

/// What sinks remember of keys, as far as a redrive extends it.
pub trait KeyStore: Send + Sync {
    /// Whether it is known where this is. Of what is not known nothing is extended.
    fn knows(&self, proof: &Proof) -> bool;

    /// Lets each record and row that is there, and not expired at `now`, live until then at least. What is absent or
    /// expired stays so.
    fn extend(
        &self,
        proofs: &[Proof],
        until: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl EventAge {
    /// The age of the event of a message that goes to a stage; `None` where the message does not say of which dataset
    /// it is, as that which announces files.
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

    #[must_use]
    pub fn keys_life(&self, contract: &Contract, now: Timestamp) -> KeysLife {
        let until = contract.surely_remembered_until(self.taken_in, self.extended_to);
        if !is_still_remembered(until, now) {
            return KeysLife::Over;
        }
        if until.since(now) < LEAST_LEFT { KeysLife::Short } else { KeysLife::Long }
    }
}

/// Until when an earlier redrive has seen to it that the keys of a message's event are remembered, by the sinks that the
/// message went to.
#[must_use]
pub fn extension_of(attributes: &Attributes) -> Option<Timestamp> {
    Redriven::read(attributes)?.remembered_until
}

/// A message's attributes without what an earlier redrive has seen to: the event goes to other sinks now, or has another
/// key.
#[must_use]
pub fn without_extension(mut attributes: Attributes) -> Attributes {
    attributes.remove(REDRIVE_ATTRIBUTE);
    let Some(mut letter) = DeadLetter::read(&attributes) else { return attributes };
    if let Some(mark) = &mut letter.redrive {
        mark.remembered_until = None;
    }
    letter.write(attributes)
}

/// Until when keys are remembered for sure whose records were extended, or not found, at this time. A record that is
/// being written meanwhile counts from a moment before.
#[must_use]
pub fn extended_life(contract: &Contract, now: Timestamp) -> Timestamp {
    let until = contract.remembered_until(now);
    Timestamp::from_unix_ms(
        until.unix_ms() - i64::try_from(MOST_CLOCK_SKEW.as_millis()).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests;
