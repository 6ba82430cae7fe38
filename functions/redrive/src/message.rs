//! A letter's message, as it goes back.

use contracts::{Catalog, Patch};
use event::{Attribute, DeadLetter, Envelope, RedriveMark, Timestamp};
use letters::{
    DATASET, ENRICH, FixError, INGEST, Redrive, SentEvent, StoredMessage, apply_fix, enrich_again,
    extension_of, reprocess, without_extension,
};
use runtime::{MAX_BATCH_BYTES, MAX_STAGE_MESSAGE_BYTES, Outgoing};

/// What a plan does to each of its letters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Treatment {
    pub(crate) patch: Option<Patch>,
    /// The stage that they go to; each back to where it failed, if it is not given.
    pub(crate) to: Option<String>,
}

impl Treatment {
    /// The letter's message as it is to be sent, and the stage that it goes to. What an earlier redrive has seen to, of
    /// the keys of its event, it says only where that is so of all sinks that it goes to now.
    ///
    /// # Errors
    /// When it cannot be changed so, or its contract refuses what comes of it.
    pub(crate) fn treated(
        &self,
        message: StoredMessage,
        contracts: &Catalog,
    ) -> Result<(String, StoredMessage), FixError> {
        let goes_elsewhere = self.to.as_ref().is_some_and(|to| *to != message.stage);
        let is_changed = self.patch.is_some() || goes_elsewhere;
        if !is_changed || extension_of(&message.attributes).is_none() {
            return self.changed(message, contracts);
        }
        let before = event_of(&message.stage, &message, contracts);
        let (stage, mut message) = self.changed(message, contracts)?;
        let after = event_of(&stage, &message, contracts);
        let is_covered = match (&before, &after) {
            (Some(before), Some(after)) => after.is_covered_by(before),
            (None, _) | (_, None) => false,
        };
        if !is_covered {
            message.attributes = without_extension(message.attributes);
        }
        Ok((stage, message))
    }

    /// The event that a letter's message is sent on as; `None` where that is not known, or it cannot be sent so.
    pub(crate) fn event(&self, message: StoredMessage, contracts: &Catalog) -> Option<SentEvent> {
        let (stage, message) = self.treated(message, contracts).ok()?;
        event_of(&stage, &message, contracts)
    }

    fn changed(
        &self,
        mut message: StoredMessage,
        contracts: &Catalog,
    ) -> Result<(String, StoredMessage), FixError> {
        let mut stage = self.to.clone().unwrap_or_else(|| message.stage.clone());
        if let Some(patch) = &self.patch {
            let fixed = apply_fix(&message, patch, contracts, MAX_STAGE_MESSAGE_BYTES)?;
            if self.to.is_none() {
                stage = fixed.stage;
            }
            message.body = fixed.body;
        }
        if stage == INGEST && message.stage != INGEST {
            let envelope = Envelope::from_json(&message.body).ok();
            message.body = reprocess(&message, contracts)?.body;
            if let Some(envelope) = envelope {
                taken_in_at(&mut message, envelope.ingesttime);
                let dataset = Attribute::string(envelope.dataset);
                message.attributes.insert(DATASET.to_owned(), dataset);
            }
        }
        if stage == ENRICH && message.stage != ENRICH && message.stage != INGEST {
            message.body = enrich_again(&message, contracts)?.body;
        }
        Ok((stage, message))
    }
}

fn event_of(stage: &str, message: &StoredMessage, contracts: &Catalog) -> Option<SentEvent> {
    SentEvent::of_message(stage, &message.body, &message.attributes, contracts)
}

/// Lets a message that goes to ingest say when its event was first taken in, which may be long before the message of a
/// later stage was sent: effects of it are as old.
fn taken_in_at(message: &mut StoredMessage, at: Timestamp) {
    let Some(mut letter) = DeadLetter::read(&message.attributes) else { return };
    letter.taken_in_at = Some(letter.taken_in().min(at));
    message.attributes = letter.write(std::mem::take(&mut message.attributes));
}

/// The message as it goes to a queue: with it why it was here, and what brings it back.
pub(crate) fn revived(
    message: StoredMessage,
    redrive: Redrive,
    remembered_until: Option<Timestamp>,
    queue: &str,
) -> Outgoing {
    let Redrive { run, count } = redrive;
    let mark = RedriveMark { letter: message.id.0.clone(), run: run.0, count, remembered_until };
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
