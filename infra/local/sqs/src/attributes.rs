//! The attributes of a queue. They are strings in requests and answers, and typed values here.
//!
//! All changes of a request are checked before any of them is applied. The service checks what depends
//! on other queues, such as a redrive policy's target, and the queue adds the message counts.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::errors::{Code, Fault};
use super::limits;
use super::redrive::{RedriveAllowPolicy, RedrivePolicy};

#[derive(Clone, Debug)]
pub(super) struct Attributes {
    pub(super) delay_seconds: i64,
    pub(super) maximum_message_size: i64,
    pub(super) retention_seconds: i64,
    pub(super) wait_seconds: i64,
    pub(super) visibility_seconds: i64,
    pub(super) redrive: Option<RedrivePolicy>,
    pub(super) redrive_allow: Option<RedriveAllowPolicy>,
    pub(super) policy: Option<String>,
    pub(super) fifo: Option<FifoAttributes>,
    kms_key: Option<String>,
    kms_reuse_seconds: i64,
    is_sse_managed: bool,
}

/// The attributes that only FIFO queues have.
#[derive(Clone, Copy, Debug)]
pub(super) struct FifoAttributes {
    pub(super) content_based_deduplication: bool,
    /// `DeduplicationScope` is `messageGroup`; otherwise it is `queue`.
    pub(super) deduplicates_by_group: bool,
    /// `FifoThroughputLimit` is `perMessageGroupId`; otherwise it is `perQueue`.
    limits_throughput_by_group: bool,
}

/// The attributes that `GetQueueAttributes` answers and that cannot be set.
pub(super) const READ_ONLY: [&str; 6] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];

/// The attributes that can be set, in the order of the API reference.
pub(super) const SETTABLE: [&str; 15] = [
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];

impl Attributes {
    /// The attributes of a queue that was created without any.
    pub(super) fn defaults(is_fifo: bool) -> Self {
        Self {
            delay_seconds: 0,
            maximum_message_size: *limits::MAXIMUM_MESSAGE_SIZE.end(),
            retention_seconds: 345_600,
            wait_seconds: 0,
            visibility_seconds: 30,
            redrive: None,
            redrive_allow: None,
            policy: None,
            fifo: is_fifo.then_some(FifoAttributes {
                content_based_deduplication: false,
                deduplicates_by_group: false,
                limits_throughput_by_group: false,
            }),
            kms_key: None,
            kms_reuse_seconds: 300,
            is_sse_managed: true,
        }
    }

    /// Returns a copy of the attributes with the changes applied.
    ///
    /// # Errors
    /// `InvalidAttributeName` for an attribute that does not exist, cannot be set, or does not apply to
    /// this type of queue; `InvalidAttributeValue` or `InvalidParameterValue` for a bad value.
    pub(super) fn with_changes(&self, changes: &BTreeMap<String, String>) -> Result<Self, Fault> {
        let mut next = self.clone();
        changes.iter().try_for_each(|(name, value)| next.set(name, value))?;
        let asks_managed = changes
            .get("SqsManagedSseEnabled")
            .is_some_and(|value| parse_bool(value) == Some(true));
        let asks_kms = changes.get("KmsMasterKeyId").is_some_and(|key| !key.is_empty());
        if asks_managed && asks_kms {
            return Err(Fault::new(
                Code::InvalidAttributeName,
                "You can use one type of server-side encryption (SSE) at one time. You can either \
                 enable KMS SSE or SQS SSE.",
            ));
        }
        if let Some(fifo) = next.fifo
            && fifo.limits_throughput_by_group
            && !fifo.deduplicates_by_group
        {
            return Err(bad_value_because(
                "FifoThroughputLimit",
                "The perMessageGroupId value is allowed only when the value for \
                 DeduplicationScope is messageGroup.",
            ));
        }
        Ok(next)
    }

    /// The value of an attribute as `GetQueueAttributes` answers it; `None` if it is not set.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let fifo = self.fifo;
        match name {
            "DelaySeconds" => Some(self.delay_seconds.to_string()),
            "MaximumMessageSize" => Some(self.maximum_message_size.to_string()),
            "MessageRetentionPeriod" => Some(self.retention_seconds.to_string()),
            "ReceiveMessageWaitTimeSeconds" => Some(self.wait_seconds.to_string()),
            "VisibilityTimeout" => Some(self.visibility_seconds.to_string()),
            "Policy" => self.policy.clone(),
            "RedrivePolicy" => self.redrive.as_ref().map(RedrivePolicy::to_json),
            "RedriveAllowPolicy" => self.redrive_allow.as_ref().map(RedriveAllowPolicy::to_json),
            "KmsMasterKeyId" => self.kms_key.clone(),
            "KmsDataKeyReusePeriodSeconds" => {
                self.kms_key.is_some().then(|| self.kms_reuse_seconds.to_string())
            }
            "SqsManagedSseEnabled" => Some(self.is_sse_managed.to_string()),
            "FifoQueue" => fifo.map(|_| "true".to_owned()),
            "ContentBasedDeduplication" => {
                fifo.map(|fifo| fifo.content_based_deduplication.to_string())
            }
            "DeduplicationScope" => fifo.map(|fifo| {
                if fifo.deduplicates_by_group { "messageGroup" } else { "queue" }.to_owned()
            }),
            "FifoThroughputLimit" => fifo.map(|fifo| {
                let by_group = fifo.limits_throughput_by_group;
                if by_group { "perMessageGroupId" } else { "perQueue" }.to_owned()
            }),
            _ => None,
        }
    }

    /// All attributes that are set, in the form that [`Attributes::with_changes`] accepts.
    pub(super) fn to_map(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for name in SETTABLE {
            if let Some(value) = self.get(name) {
                values.insert(name.to_owned(), value);
            }
        }
        // `get` answers this attribute only if there is a KMS key, but its value must not be lost.
        let reuse_seconds = self.kms_reuse_seconds.to_string();
        values.insert("KmsDataKeyReusePeriodSeconds".to_owned(), reuse_seconds);
        values
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        match name {
            "DelaySeconds" => {
                self.delay_seconds = parse_number(name, value, 0..=limits::DELAY_SECONDS)?;
            }
            "MaximumMessageSize" => {
                self.maximum_message_size =
                    parse_number(name, value, limits::MAXIMUM_MESSAGE_SIZE)?;
            }
            "MessageRetentionPeriod" => {
                self.retention_seconds = parse_number(name, value, limits::RETENTION_SECONDS)?;
            }
            "ReceiveMessageWaitTimeSeconds" => {
                self.wait_seconds = parse_number(name, value, 0..=limits::WAIT_SECONDS)?;
            }
            "VisibilityTimeout" => {
                self.visibility_seconds =
                    parse_number(name, value, 0..=limits::VISIBILITY_SECONDS)?;
            }
            "Policy" => {
                if !value.is_empty() && !is_json_object(value) {
                    return Err(bad_value(name));
                }
                self.policy = (!value.is_empty()).then(|| value.to_owned());
            }
            "RedrivePolicy" => {
                self.redrive =
                    (!value.is_empty()).then(|| RedrivePolicy::parse(value)).transpose()?;
            }
            "RedriveAllowPolicy" => {
                self.redrive_allow =
                    (!value.is_empty()).then(|| RedriveAllowPolicy::parse(value)).transpose()?;
            }
            "KmsMasterKeyId" => {
                self.kms_key = (!value.is_empty()).then(|| value.to_owned());
                if self.kms_key.is_some() {
                    self.is_sse_managed = false;
                }
            }
            "KmsDataKeyReusePeriodSeconds" => {
                self.kms_reuse_seconds = parse_number(name, value, limits::KMS_REUSE_SECONDS)?;
            }
            "SqsManagedSseEnabled" => {
                self.is_sse_managed = parse_bool(value).ok_or_else(|| bad_value(name))?;
                if self.is_sse_managed {
                    self.kms_key = None;
                }
            }
            _ => return self.set_fifo(name, value),
        }
        Ok(())
    }

    fn set_fifo(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        match (name, &mut self.fifo) {
            ("FifoQueue", Some(_)) if parse_bool(value) == Some(true) => Ok(()),
            ("FifoQueue", Some(_)) => {
                Err(bad_value_because(name, "Modifying queue type is not supported."))
            }
            ("ContentBasedDeduplication", Some(fifo)) => {
                fifo.content_based_deduplication =
                    parse_bool(value).ok_or_else(|| bad_value(name))?;
                Ok(())
            }
            ("DeduplicationScope", Some(fifo)) => {
                fifo.deduplicates_by_group = parse_choice(name, value, "messageGroup", "queue")?;
                Ok(())
            }
            ("FifoThroughputLimit", Some(fifo)) => {
                fifo.limits_throughput_by_group =
                    parse_choice(name, value, "perMessageGroupId", "perQueue")?;
                Ok(())
            }
            ("DeduplicationScope" | "FifoThroughputLimit", None) => Err(Fault::new(
                Code::InvalidAttributeName,
                format!("You can specify the {name} only when FifoQueue is set to true."),
            )),
            _ => Err(Fault::new(Code::InvalidAttributeName, format!("Unknown Attribute {name}."))),
        }
    }
}

fn is_json_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.is_object())
}

/// Reads `true` or `false`, whether in upper or lower case.
pub(super) fn parse_bool(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn parse_number(name: &str, value: &str, bounds: RangeInclusive<i64>) -> Result<i64, Fault> {
    value.parse().ok().filter(|number| bounds.contains(number)).ok_or_else(|| bad_value(name))
}

/// Returns whether the value is `first`. Any value other than `first` and `second` is refused.
fn parse_choice(name: &str, value: &str, first: &str, second: &str) -> Result<bool, Fault> {
    (value == first || value == second).then_some(value == first).ok_or_else(|| bad_value(name))
}

fn bad_value(name: &str) -> Fault {
    Fault::new(Code::InvalidAttributeValue, format!("Invalid value for the parameter {name}."))
}

fn bad_value_because(name: &str, reason: &str) -> Fault {
    let message = format!("Invalid value for the parameter {name}. Reason: {reason}");
    Fault::new(Code::InvalidAttributeValue, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(is_fifo: bool, changes: &[(&str, &str)], expected: Result<&[(&str, &str)], Code>) {
        let changes =
            changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let next = Attributes::defaults(is_fifo).with_changes(&changes);
        match (next, expected) {
            (Ok(next), Ok(shown)) => {
                for (name, value) in shown {
                    let expected = (!value.is_empty()).then(|| (*value).to_owned());
                    assert_eq!(next.get(name), expected, "{name}");
                }
            }
            (next, expected) => {
                assert_eq!(next.map(|_| ()).map_err(|fault| fault.code), expected.map(|_| ()));
            }
        }
    }

    #[test]
    fn numbers_are_held_to_their_bounds() {
        for (name, low, high) in [
            ("DelaySeconds", 0, 900),
            ("MaximumMessageSize", 1_024, 1_048_576),
            ("MessageRetentionPeriod", 60, 1_209_600),
            ("ReceiveMessageWaitTimeSeconds", 0, 20),
            ("VisibilityTimeout", 0, 43_200),
        ] {
            for good in [low, high] {
                check(false, &[(name, &good.to_string())], Ok(&[(name, &good.to_string())]));
            }
            for bad in [low - 1, high + 1] {
                check(false, &[(name, &bad.to_string())], Err(Code::InvalidAttributeValue));
            }
            for bad in ["", "x", "1.5", "99999999999999999999"] {
                check(false, &[(name, bad)], Err(Code::InvalidAttributeValue));
            }
        }
    }

    #[test]
    fn fifo_attributes_are_for_fifo_queues() {
        const NAME: Result<&[(&str, &str)], Code> = Err(Code::InvalidAttributeName);
        check(false, &[("FifoQueue", "true")], NAME);
        check(false, &[("ContentBasedDeduplication", "true")], NAME);
        check(false, &[("DeduplicationScope", "queue")], NAME);
        check(false, &[("FifoThroughputLimit", "perQueue")], NAME);
        check(true, &[("FifoQueue", "false")], Err(Code::InvalidAttributeValue));
        check(
            true,
            &[("ContentBasedDeduplication", "True")],
            Ok(&[
                ("FifoQueue", "true"),
                ("ContentBasedDeduplication", "true"),
                ("DeduplicationScope", "queue"),
                ("FifoThroughputLimit", "perQueue"),
            ]),
        );
    }

    #[test]
    fn throughput_per_group_needs_deduplication_per_group() {
        let throughput = ("FifoThroughputLimit", "perMessageGroupId");
        let scope = ("DeduplicationScope", "messageGroup");
        check(true, &[throughput], Err(Code::InvalidAttributeValue));
        check(true, &[throughput, scope], Ok(&[throughput, scope]));
    }

    #[test]
    fn encryption_is_managed_or_by_a_key_and_not_both() {
        let (managed, key) = (("SqsManagedSseEnabled", "true"), ("KmsMasterKeyId", "k"));
        check(false, &[], Ok(&[managed, ("KmsMasterKeyId", "")]));
        check(false, &[key], Ok(&[key, ("SqsManagedSseEnabled", "false")]));
        check(false, &[key, managed], Err(Code::InvalidAttributeName));
    }

    #[test]
    fn unknown_and_read_only_attributes_are_refused() {
        for name in ["Nonsense", "QueueArn", "ApproximateNumberOfMessages", "All"] {
            check(false, &[(name, "1")], Err(Code::InvalidAttributeName));
        }
        check(false, &[("Policy", "{")], Err(Code::InvalidAttributeValue));
        check(false, &[("Policy", "")], Ok(&[("Policy", "")]));
    }
}
