//! Reads a message of a dead-letter queue as a letter: its failure, its message as it is stored, and its entry in the
//! index.

use contracts::{Catalog, Contract, DEFAULT_REDRIVE_LIMIT};
use event::{
    Attributes, CLAIM_ATTRIBUTE, ClaimCheck, Code, ContractRef, DeadLetter, Envelope,
    FAILURE_ATTRIBUTE, Failure, RedriveMark, Redriven, Timestamp, attributes_size,
};
use letters::{Entry, INGEST, LETTER_STORE_FORMAT, LetterId, Place, StoredMessage, payload_of};
use runtime::{Claims, MAX_BATCH_BYTES, Record};

/// The most characters of a text in the index, so that its items stay small. No function writes as many.
const LONGEST_TEXT: usize = 1_024;

/// A received letter.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) failure: DeadLetter,
    /// The message as it is stored. Its id is that of a letter that is collected for the first time.
    pub(crate) message: StoredMessage,
    /// The tenant of the event, if its contract names one.
    pub(crate) tenant: Option<String>,
    /// How often the letter may come back before it is quarantined.
    pub(crate) redrive_limit: u32,
    /// The reference that the message has in place of an event that is too large for it.
    pub(crate) claim: Option<ClaimCheck>,
}

impl Received {
    /// Reads a record of the dead-letter queue of `stage`, received at `now`. If SQS moved it there, its
    /// `is_from_untrusted` says that claims about an earlier life are ignored.
    pub(crate) fn read(
        stage: &str,
        mut record: Record,
        now: Timestamp,
        contracts: &Catalog,
    ) -> Self {
        let sent_at = record.sent_at;
        record.unpark();
        let failure = match record.earlier() {
            // A function sent it to the queue, with the reason.
            Some(failure) if record.moved_from.is_none() => failure,
            earlier => abandoned(&record, stage, earlier.as_ref(), now),
        };
        let attributes = if record.moved_from.is_none() && record.earlier().is_some() {
            record.attributes.clone()
        } else {
            with_failure(&record, &failure)
        };
        let claim = record.claim.take();
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
        Self { failure, message, tenant, redrive_limit, claim }
    }

    /// Reads the tenant from an event that is too large for its message, if the event's contract names one.
    ///
    /// # Errors
    /// When the event could not be read.
    pub(crate) async fn read_tenant(
        &mut self,
        contracts: &Catalog,
        claims: &Claims,
    ) -> Result<(), Failure> {
        let dataset = self.failure.dataset.as_deref();
        let contract = dataset.and_then(|dataset| contracts.get(dataset).ok());
        let (Some(claim), Some(contract)) = (&self.claim, contract) else { return Ok(()) };
        if contract.tenant.is_none() {
            return Ok(());
        }
        let mut whole =
            StoredMessage { body: claims.check_out(claim).await?, ..self.message.clone() };
        whole.attributes.remove(CLAIM_ATTRIBUTE);
        self.tenant = tenant_of(contract, &whole);
        Ok(())
    }

    /// The mark of the run that sent it back, if a run did.
    pub(crate) fn mark(&self) -> Option<&RedriveMark> {
        self.failure.redrive.as_ref()
    }

    /// Until when the keys of its event are remembered, if a redrive of this message or of an earlier one has extended
    /// them.
    fn remembered_until(&self) -> Option<Timestamp> {
        Redriven::read(&self.message.attributes)?.remembered_until
    }

    /// When its event was first taken in. The failure of a later stage only says when its message was sent, which may
    /// be long after that, so the envelope counts.
    fn taken_in(&self) -> Timestamp {
        let failed = self.failure.taken_in();
        if self.message.stage == INGEST {
            return failed;
        }
        if let Some(ingesttime) = self.claim.as_ref().and_then(ClaimCheck::ingesttime) {
            return ingesttime.min(failed);
        }
        let envelope = Envelope::from_json(&self.message.body);
        envelope.map_or(failed, |envelope| envelope.ingesttime.min(failed))
    }

    /// The entry of the letter `id`, as if it is collected for the first time.
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
            bytes: self.claim.as_ref().map_or(message.body.len(), |claim| claim.digest.bytes)
                as u64,
            place,
            original: None,
        }
    }
}

/// The tenant of a message's event. The payload is read only if the contract names a tenant.
fn tenant_of(contract: &Contract, message: &StoredMessage) -> Option<String> {
    contract.tenant.as_ref()?;
    contract.tenant_of(&payload_of(message)?)
}

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

/// The failure of a message that SQS moved, which has no reason of its own. It keeps the message's id, and the time
/// since which the message may have had an effect.
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
    if stage == INGEST {
        // Anybody may send to the inbox, and only functions to the other queues.
        letter.sender.clone_from(&record.sender);
    }
    if let Some(parked) = &record.parked {
        letter.first_failed_at = parked.first_failed_at;
        letter.parks = parked.parks;
        letter.unavailable_since = parked.unavailable_since;
    }
    letter.following(earlier)
}

/// The message's attributes with its failure, so that it can be redriven as any other. If the failure does not fit, the
/// attributes stay as they are, except that what an untrusted sender says of a failure is removed.
fn with_failure(record: &Record, failure: &DeadLetter) -> Attributes {
    let mut attributes = record.attributes.clone();
    if record.earlier().is_none() {
        attributes.remove(FAILURE_ATTRIBUTE);
    }
    let room = MAX_BATCH_BYTES.saturating_sub(record.body.len());
    let with_failure = failure.clone().write_within(attributes.clone(), room);
    if attributes_size(&with_failure) <= room { with_failure } else { attributes }
}

/// The contract of a message that SQS moved, as far as the message says. A message of the inbox names its dataset, and
/// an envelope names its contract.
fn contract_of(record: &Record) -> Option<ContractRef> {
    let of_claim = record.claim.as_ref().and_then(ClaimCheck::contract);
    match record.attribute("dataset") {
        Some(dataset) => Some(ContractRef::of_dataset(dataset)),
        None => of_claim.or_else(|| ContractRef::of_envelope(&record.body)),
    }
}

#[cfg(test)]
mod tests;
