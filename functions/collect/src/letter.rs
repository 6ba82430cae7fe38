//! A message of a dead-letter queue as a letter: its failure, its message as it is kept, and what the index says of it.

use contracts::{Catalog, Contract, DEFAULT_REDRIVE_LIMIT};
use event::{
    Attributes, Code, ContractRef, DeadLetter, Envelope, FAILURE_ATTRIBUTE, Failure, RedriveMark,
    Redriven, Timestamp, attributes_size,
};
use letters::{Entry, INGEST, LETTER_STORE_FORMAT, LetterId, Place, StoredMessage, payload_of};
use runtime::{MAX_BATCH_BYTES, Record};

/// More characters than any function writes of anything that the index says, so that its items stay small.
const LONGEST_TEXT: usize = 1_024;

/// A received letter.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) failure: DeadLetter,
    /// As it is kept. Its id is that of a letter which is collected for the first time.
    pub(crate) message: StoredMessage,
    /// Whose event it is, as its contract tells.
    pub(crate) tenant: Option<String>,
    /// How often it may be redriven before it is quarantined.
    pub(crate) redrive_limit: u32,
}

impl Received {
    /// A record of the dead-letter queue of this stage, received at `now`. Of one that SQS moved there, `is_from_untrusted`
    /// says whose word is not taken.
    pub(crate) fn read(
        stage: &str,
        mut record: Record,
        now: Timestamp,
        contracts: &Catalog,
    ) -> Self {
        let sent_at = record.sent_at;
        record.unpark();
        let earlier = record.earlier();
        let failure = match earlier {
            // A function wrote it there, with its reason.
            Some(failure) if record.moved_from.is_none() => failure,
            earlier => abandoned(&record, stage, earlier.as_ref(), now),
        };
        let attributes = if record.moved_from.is_none() && record.earlier().is_some() {
            record.attributes.clone()
        } else {
            with_failure(&record, &failure)
        };
        let message = StoredMessage {
            message_format: LETTER_STORE_FORMAT,
            id: LetterId::of(stage, &failure.message_id, &record.body),
            stage: stage.to_owned(),
            attributes,
            message_id: record.received_id().to_owned(),
            sent_at,
            receive_count: record.receive_count,
            moved_from: record.moved_from,
            group: record.group.or(record.fair_group),
            body: record.body,
        };
        let contract = failure.dataset.as_deref().and_then(|dataset| contracts.get(dataset).ok());
        let tenant = contract.and_then(|contract| tenant_of(contract, &message));
        let redrive_limit =
            contract.map_or(DEFAULT_REDRIVE_LIMIT, |contract| contract.redrive_limit);
        Self { failure, message, tenant, redrive_limit }
    }

    /// What brought it back, if a run did.
    pub(crate) fn mark(&self) -> Option<&RedriveMark> {
        self.failure.redrive.as_ref()
    }

    /// Until when its event's keys are remembered, if a redrive has seen to that, of this message or of an earlier one.
    fn remembered_until(&self) -> Option<Timestamp> {
        Redriven::read(&self.message.attributes)?.remembered_until
    }

    /// When its event was first taken in. A later stage's failure tells when its message was sent, which may be long after
    /// that: the envelope tells more.
    fn taken_in(&self) -> Timestamp {
        let failed = self.failure.taken_in();
        if self.message.stage == INGEST {
            return failed;
        }
        let envelope = Envelope::from_json(&self.message.body);
        envelope.map_or(failed, |envelope| envelope.ingesttime.min(failed))
    }

    /// What the index says of it when it is collected for the first time, as this letter.
    pub(crate) fn entry(&self, id: &LetterId, place: Place, now: Timestamp) -> Entry {
        let Self { failure, message, tenant, .. } = self;
        Entry {
            entry_format: LETTER_STORE_FORMAT,
            id: id.clone(),
            stage: message.stage.clone(),
            code: failure.code,
            kind: bounded(&failure.kind),
            reason: bounded(&failure.reason),
            at: failure.at.as_deref().map(bounded),
            group: failure.fingerprint(),
            dataset: failure.dataset.as_deref().map(bounded),
            contract_version: failure.contract_version,
            tenant: tenant.as_deref().map(bounded),
            message_id: bounded(&failure.message_id),
            taken_in_at: self.taken_in(),
            remembered_until: self.remembered_until(),
            first_failed_at: failure.first_failed_at,
            last_failed_at: failure.last_failed_at,
            collected_at: now,
            attempts: failure.attempts,
            parks: failure.parks,
            redrives: failure.redrives,
            traceparent: failure.traceparent.as_deref().map(bounded),
            collected_as: vec![message.message_id.clone()],
            is_moved_by_sqs: message.moved_from.is_some(),
            bytes: message.body.len() as u64,
            place,
            original: None,
        }
    }
}

/// Only a contract that names a tenant makes a payload be read.
fn tenant_of(contract: &Contract, message: &StoredMessage) -> Option<String> {
    contract.tenant.as_ref()?;
    contract.tenant_of(&payload_of(message)?)
}

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

/// What is known of the life of a message without a reason: its stage keeps its id and the time since which it may have
/// had an effect.
fn abandoned(
    record: &Record,
    stage: &str,
    earlier: Option<&DeadLetter>,
    now: Timestamp,
) -> DeadLetter {
    let reason = "SQS moved it: each receive ended without an answer, by a crash or a time-out";
    let failure = Failure::permanent(Code::RecordAbandoned, reason);
    let mut letter =
        DeadLetter::new(stage, &failure, now, &record.message_id).held_to(contract_of(record));
    letter.first_failed_at = record.sent_at.unwrap_or(now);
    letter.taken_in_at = record.sent_at;
    letter.attempts = record.receive_count;
    if let Some(parked) = &record.parked {
        letter.first_failed_at = parked.first_failed_at;
        letter.parks = parked.parks;
        letter.unavailable_since = parked.unavailable_since;
    }
    letter.following(earlier)
}

/// The message's attributes with its failure, so that it can be brought back as any other. Where that does not fit,
/// they stay as they are, without what a stranger says of a failure.
fn with_failure(record: &Record, failure: &DeadLetter) -> Attributes {
    let mut attributes = record.attributes.clone();
    if record.earlier().is_none() {
        attributes.remove(FAILURE_ATTRIBUTE);
    }
    let room = MAX_BATCH_BYTES.saturating_sub(record.body.len());
    let with_failure = failure.clone().write_within(attributes.clone(), room);
    if attributes_size(&with_failure) <= room { with_failure } else { attributes }
}

/// The contract of what SQS moved, as far as it says: a message in the inbox names its dataset, and an envelope
/// its contract.
fn contract_of(record: &Record) -> Option<ContractRef> {
    match record.attribute("dataset") {
        Some(dataset) => Some(ContractRef::of_dataset(dataset)),
        None => ContractRef::of_envelope(&record.body),
    }
}

#[cfg(test)]
mod tests;
