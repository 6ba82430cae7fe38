//! A received message, as a stage sees it.

use aws_lambda_events::sqs::{SqsMessage, SqsMessageAttribute};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{
    Attribute, Attributes, CLAIM_ATTRIBUTE, ClaimCheck, DeadLetter, FAILURE_ATTRIBUTE, Failure,
    FailureKind, PARKED_ATTRIBUTE, PROGRESS_ATTRIBUTE, Parked, REDRIVE_ATTRIBUTE, Redriven,
    Timestamp,
};

/// A record of an SQS batch. [`Record::unpark`] turns a parked copy into the message that was first sent.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The SQS id of the message. After [`Record::unpark`] it is the id of the message that was first sent.
    pub message_id: String,
    /// The handle by which this receive of the message is hidden or deleted.
    pub receipt_handle: String,
    /// The body as it was received.
    pub body: String,
    /// The message attributes. A binary value is in Base64.
    pub attributes: Attributes,
    /// The number of receives, at least 1. It includes this one and the attempts of earlier copies.
    pub receive_count: u32,
    /// When the message was first sent; absent if SQS does not say.
    pub sent_at: Option<Timestamp>,
    /// The ARN of the queue that it was received from.
    pub queue_arn: String,
    /// The message group of a FIFO queue.
    pub group: Option<String>,
    /// The message group of a standard queue, by which a fair queue shares its capacity. It does not order messages.
    pub fair_group: Option<String>,
    /// The `SenderId` that SQS gives; see [`TrustedSenders`](crate::TrustedSenders). After [`Record::unpark`] it is the
    /// sender of the message that was first sent, and absent if the copy does not say who that is.
    pub sender: Option<String>,
    /// The ARN of the queue from which SQS moved it into the dead-letter queue; absent if SQS did not move it.
    pub moved_from: Option<String>,
    /// Whether its sender is not trusted with the attributes that only Sluicegate's functions write.
    pub is_from_untrusted: bool,
    /// What a parked copy carries of the earlier tries; absent for a message that was not parked.
    pub parked: Option<Parked>,
    /// The SQS id of the parked copy itself.
    pub copy_id: Option<String>,
    /// The reference that the body is, after [`Record::unpark`], if the event is in the archive bucket. A stage never
    /// sees it: the batch loop prepares a record that has the event's own body.
    pub claim: Option<ClaimCheck>,
}

impl Record {
    /// The record of a message that Lambda received.
    #[must_use]
    pub fn new(message: SqsMessage) -> Self {
        let mut attributes = Attributes::new();
        for (name, attribute) in message.message_attributes {
            attributes.insert(name, read_attribute(attribute));
        }
        let queue_arn = message.event_source_arn.unwrap_or_default();
        let record = Self {
            message_id: message.message_id.unwrap_or_default(),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            attributes,
            queue_arn,
            ..Self::default()
        };
        let mut record =
            record.with_system_attributes(|name| message.attributes.get(name).cloned());
        if !record.queue_arn.ends_with(".fifo") {
            record.fair_group = record.group.take();
        }
        record
    }

    /// The record with the system attributes of its message. `system` looks up a system attribute by its name, such as
    /// `SentTimestamp`.
    #[must_use]
    pub fn with_system_attributes(self, system: impl Fn(&str) -> Option<String>) -> Self {
        let receives = system("ApproximateReceiveCount").and_then(|text| text.parse().ok());
        let sent_ms = system("SentTimestamp").and_then(|text| text.parse().ok());
        Self {
            receive_count: receives.unwrap_or(1),
            sent_at: sent_ms.map(Timestamp::from_unix_ms),
            group: system("MessageGroupId"),
            sender: system("SenderId"),
            moved_from: system("DeadLetterQueueSourceArn"),
            ..self
        }
    }

    /// The value of a message attribute; absent if there is none with this name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(|attribute| attribute.value.as_str())
    }

    /// Turns a parked copy into the message that it is a copy of, with its id, its sender, its time, its attributes, and
    /// the attempts of all copies, and reads the reference that the body may be. If the sender is not trusted, the
    /// attributes that only functions write are removed instead.
    pub fn unpark(&mut self) {
        if self.is_from_untrusted {
            for written_by_functions in
                [CLAIM_ATTRIBUTE, PARKED_ATTRIBUTE, PROGRESS_ATTRIBUTE, REDRIVE_ATTRIBUTE]
            {
                self.attributes.remove(written_by_functions);
            }
            return;
        }
        self.restore_parked();
        self.claim = ClaimCheck::read(&self.attributes, &self.body);
    }

    fn restore_parked(&mut self) {
        let Some(parked) = Parked::read(&self.attributes) else { return };
        self.attributes = parked.original(std::mem::take(&mut self.attributes));
        let copy_id = std::mem::replace(&mut self.message_id, parked.message_id.clone());
        self.copy_id = Some(copy_id);
        self.sent_at = parked.sent_at;
        self.sender.clone_from(&parked.sender);
        self.receive_count = self.receive_count.saturating_add(parked.attempts);
        self.parked = Some(parked);
    }

    /// The id of the message that was received, as Lambda and SQS know it.
    #[must_use]
    pub fn received_id(&self) -> &str {
        self.copy_id.as_deref().unwrap_or(&self.message_id)
    }

    /// Whether SQS can delay a copy of it. On a FIFO queue only the queue has a delay, not a message.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>
    #[must_use]
    pub(crate) fn can_be_parked(&self) -> bool {
        self.group.is_none()
    }

    /// How often it was tried, including this time. Finding its dependency unavailable is not an attempt, if the wait
    /// can be parked.
    #[must_use]
    pub(crate) fn attempts(&self, failure: &Failure) -> u32 {
        match failure.kind {
            FailureKind::Unavailable { .. } if self.can_be_parked() => {
                self.receive_count.saturating_sub(1)
            }
            FailureKind::Permanent
            | FailureKind::Transient
            | FailureKind::Throttled { .. }
            | FailureKind::Unavailable { .. } => self.receive_count,
        }
    }

    /// The time at which an event of this record counts as taken in, if it has not failed before
    /// ([`Record::earlier`]). None of its effects is older. A parked message may have had an effect earlier, but not
    /// before it was sent.
    #[must_use]
    pub fn taken_in(&self, now: Timestamp) -> Timestamp {
        match &self.parked {
            Some(parked) => parked.sent_at.unwrap_or(parked.first_failed_at).min(now),
            None => now,
        }
    }

    /// The dead letter of an earlier failure, if the sender is trusted.
    #[must_use]
    pub fn earlier(&self) -> Option<DeadLetter> {
        if self.is_from_untrusted { None } else { DeadLetter::read(&self.attributes) }
    }

    /// The attributes for a copy of the message that a function sends. An untrusted sender's claim of an earlier failure
    /// is removed, because the receiver of the copy trusts its sender.
    #[must_use]
    pub fn trusted_attributes(&self) -> Attributes {
        let mut attributes = self.attributes.clone();
        if self.is_from_untrusted {
            attributes.remove(FAILURE_ATTRIBUTE);
        }
        attributes
    }

    /// The run of redrive that brought back this message, or the message that an earlier stage made it of.
    #[must_use]
    pub fn redriven(&self) -> Option<Redriven> {
        if self.is_from_untrusted { None } else { Redriven::read(&self.attributes) }
    }
}

fn read_attribute(attribute: SqsMessageAttribute) -> Attribute {
    let binary = attribute.binary_value.map(|bytes| STANDARD.encode(&bytes.0));
    Attribute {
        data_type: attribute.data_type.unwrap_or_else(|| "String".to_owned()),
        value: attribute.string_value.or(binary).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use event::Code;

    use super::*;

    fn time(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    /// A copy that was received twice, of a message that was tried six times before it was parked.
    fn copy() -> Record {
        let why = Failure::transient(Code::DependencyUnavailable, "away");
        let mut parked = Parked::new("first", Some(time(1_000)), &why, time(2_000));
        parked.attempts = 6;
        let attributes = BTreeMap::from([("a".to_owned(), Attribute::string("v"))]);
        Record {
            message_id: "copy".to_owned(),
            attributes: parked.write_within(attributes, usize::MAX),
            receive_count: 2,
            sent_at: Some(time(9_000)),
            ..Record::default()
        }
    }

    #[test]
    fn a_parked_copy_is_the_message_that_was_first_sent() {
        let mut record = copy();
        assert_eq!(record.received_id(), "copy");
        record.unpark();
        assert_eq!((record.message_id.as_str(), record.received_id()), ("first", "copy"));
        assert_eq!((record.receive_count, record.sent_at), (8, Some(time(1_000))));
        assert_eq!(record.attributes.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(record.taken_in(time(10_000)), time(1_000));
        let until = time(0);
        let away = Failure::unavailable(until, std::time::Duration::ZERO, "away");
        assert_eq!(record.attempts(&away), 7, "finding it unavailable is not an attempt");
        assert_eq!(record.attempts(&Failure::throttled(None, "later")), 8);
    }

    /// What a function says of a large event, in a message that was parked.
    fn claimed() -> Record {
        let claim = ClaimCheck::of("the event");
        let mut record = Record { body: claim.to_json(), ..copy() };
        claim.mark(&mut record.attributes);
        record
    }

    #[test]
    fn a_reference_is_read_of_a_parked_copy_too() {
        let mut record = claimed();
        record.unpark();
        assert_eq!(record.claim, Some(ClaimCheck::of("the event")));
        assert_eq!(record.attributes.keys().collect::<Vec<_>>(), ["a", CLAIM_ATTRIBUTE]);
        // A copy that is parked again, and a dead letter, carry it on.
        assert_eq!(record.body, ClaimCheck::of("the event").to_json());
    }

    #[test]
    fn a_stranger_s_word_of_a_copy_or_of_an_object_is_taken_away() {
        let mut record = Record { is_from_untrusted: true, ..claimed() };
        record.unpark();
        assert_eq!(record.claim, None);
        assert_eq!((record.message_id.as_str(), record.received_id()), ("copy", "copy"));
        assert_eq!((record.receive_count, record.sent_at), (2, Some(time(9_000))));
        assert_eq!(record.attributes.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(record.taken_in(time(10_000)), time(10_000));
    }
}
