//! Prepares a letter's message for its way back.

use contracts::Catalog;
use event::{Attribute, DeadLetter, Envelope, Failure, RedriveMark, Timestamp};
use letters::{
    DATASET, ENRICH, Fix, FixError, INGEST, Redrive, SentEvent, StoredMessage, apply_fix,
    enrich_again, extension_of, reprocess, without_extension,
};
use runtime::{Claims, MAX_BATCH_BYTES, MAX_CLAIMED_BYTES, Outgoing};

/// What a plan does to each of its letters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Treatment {
    pub(crate) fix: Option<Fix>,
    /// The stage that the letters go to. `None` sends each back to the stage at which it failed.
    pub(crate) to: Option<String>,
}

impl Treatment {
    /// The stage that a letter goes to, and its message as it is sent. An earlier redrive may have extended how long
    /// the keys of its event are remembered. The message says so only if that holds for all sinks that it goes to now.
    ///
    /// # Errors
    /// When the message cannot be changed in this way, or its contract refuses the result.
    pub(crate) fn apply(
        &self,
        message: StoredMessage,
        contracts: &Catalog,
    ) -> Result<(String, StoredMessage), FixError> {
        let goes_elsewhere = self.to.as_ref().is_some_and(|to| *to != message.stage);
        let is_changed = self.fix.is_some() || goes_elsewhere;
        if !is_changed || extension_of(&message.attributes).is_none() {
            return self.change(message, contracts);
        }
        let before = event_of(&message.stage, &message, contracts);
        let (stage, mut changed) = self.change(message, contracts)?;
        let after = event_of(&stage, &changed, contracts);
        let is_covered = match (&before, &after) {
            (Some(before), Some(after)) => after.is_covered_by(before),
            (None, _) | (_, None) => false,
        };
        if !is_covered {
            changed.attributes = without_extension(changed.attributes);
        }
        Ok((stage, changed))
    }

    /// The event as which a letter's message is sent; `None` if it is not known, or the message cannot be sent in this
    /// way.
    pub(crate) fn event(&self, message: StoredMessage, contracts: &Catalog) -> Option<SentEvent> {
        let (stage, treated) = self.apply(message, contracts).ok()?;
        event_of(&stage, &treated, contracts)
    }

    fn change(
        &self,
        mut message: StoredMessage,
        contracts: &Catalog,
    ) -> Result<(String, StoredMessage), FixError> {
        let mut stage = self.to.clone().unwrap_or_else(|| message.stage.clone());
        if let Some(fix) = &self.fix {
            let fixed = apply_fix(&message, fix, contracts, MAX_CLAIMED_BYTES)?;
            if self.to.is_none() {
                stage = fixed.stage;
            }
            message.body = fixed.body;
        }
        if stage == INGEST && message.stage != INGEST {
            let envelope = Envelope::from_json(&message.body).ok();
            message.body = reprocess(&message, contracts)?.body;
            if let Some(envelope) = envelope {
                set_taken_in(&mut message, envelope.ingesttime);
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

/// Makes a message that goes to ingest say when its event was first taken in. That may be long before the message of a
/// later stage was sent, and the event may have taken effect since then.
fn set_taken_in(message: &mut StoredMessage, at: Timestamp) {
    let Some(mut letter) = DeadLetter::read(&message.attributes) else { return };
    letter.taken_in_at = Some(letter.taken_in().min(at));
    message.attributes = letter.write(std::mem::take(&mut message.attributes));
}

/// The message with a reference in place of an event that is too large for it.
///
/// # Errors
/// If the event could not be written to the archive bucket.
pub(crate) async fn check_in(
    mut message: StoredMessage,
    claims: &Claims,
) -> Result<StoredMessage, Failure> {
    let StoredMessage { body, attributes, .. } = &mut message;
    let whole = Outgoing {
        body: std::mem::take(body),
        attributes: std::mem::take(attributes),
        ..Outgoing::default()
    };
    let Outgoing { body, attributes, .. } = claims.check_in(whole).await?;
    Ok(StoredMessage { body, attributes, ..message })
}

/// The message as it is sent to a queue. Its attributes say how it had failed, and which run sends it back.
pub(crate) fn revive(
    message: StoredMessage,
    redrive: Redrive,
    remembered_until: Option<Timestamp>,
    queue: &str,
) -> Outgoing {
    let Redrive { run, count } = redrive;
    let mark = RedriveMark { letter: message.id.0.clone(), run: run.0, count, remembered_until };
    let room = MAX_BATCH_BYTES.saturating_sub(message.body.len());
    // This id is the same each time that this life of the letter is sent, so that a FIFO queue drops a second copy.
    let deduplication_id = queue.ends_with(".fifo").then(|| format!("{}-{count}", mark.letter));
    let group = match &deduplication_id {
        Some(id) => Some(message.group.unwrap_or_else(|| id.clone())),
        None => message.group,
    };
    let attributes = DeadLetter::revive(message.attributes, room, Some(mark));
    Outgoing { body: message.body, attributes, group, deduplication_id, delay: None }
}
