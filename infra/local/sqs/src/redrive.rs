//! The two policies of dead-letter queues. The redrive policy names the queue that receives a source's
//! dead letters. The redrive allow policy names the sources that a dead-letter queue accepts.
//!
//! Both are parsed from the JSON text of a queue attribute. The service checks that the queues exist and
//! have the same type.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>

use serde_json::Value;

use super::errors::Fault;
use super::limits;

/// `RedrivePolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RedrivePolicy {
    pub(super) dead_letter_target_arn: String,
    pub(super) max_receive_count: u32,
}

impl RedrivePolicy {
    /// Parses the policy. The receive count may be a number or a string that contains one.
    ///
    /// # Errors
    /// `InvalidParameterValue` if the text is not a JSON object, lacks a member, or has a receive count
    /// that is not from 1 to 1,000.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        Self::parse_members(text).map_err(|reason| Fault::invalid("RedrivePolicy", text, &reason))
    }

    fn parse_members(text: &str) -> Result<Self, String> {
        let policy: Value = serde_json::from_str(text)
            .ok()
            .filter(Value::is_object)
            .ok_or("Redrive policy is not a valid JSON map.")?;
        let count = required_member(&policy, "maxReceiveCount")?;
        let dead_letter_target_arn = required_member(&policy, "deadLetterTargetArn")?
            .as_str()
            .ok_or("Invalid value for deadLetterTargetArn.")?
            .to_owned();
        let number = match count {
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        };
        let max_receive_count = number
            .filter(|number| limits::MAX_RECEIVE_COUNT.contains(number))
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| {
                let shown = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
                format!(
                    "Invalid value for maxReceiveCount: {shown}, valid values are from 1 to 1000 \
                     both inclusive."
                )
            })?;
        Ok(Self { dead_letter_target_arn, max_receive_count })
    }

    /// As `GetQueueAttributes` shows it.
    pub(super) fn to_json(&self) -> String {
        serde_json::json!({
            "deadLetterTargetArn": self.dead_letter_target_arn,
            "maxReceiveCount": self.max_receive_count,
        })
        .to_string()
    }
}

fn required_member<'a>(policy: &'a Value, name: &str) -> Result<&'a Value, String> {
    policy
        .get(name)
        .ok_or_else(|| format!("Redrive policy does not contain mandatory attribute: {name}."))
}

/// `RedriveAllowPolicy`. Without one, every queue of the account may be a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RedriveAllowPolicy {
    AllowAll,
    DenyAll,
    ByQueue { source_arns: Vec<String> },
}

impl RedriveAllowPolicy {
    /// Parses the policy.
    ///
    /// # Errors
    /// `InvalidParameterValue` if the text is not such a policy, or names no source or more than ten.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        Self::parse_members(text)
            .map_err(|reason| Fault::invalid("RedriveAllowPolicy", text, reason))
    }

    fn parse_members(text: &str) -> Result<Self, &'static str> {
        let policy: Value = serde_json::from_str(text)
            .ok()
            .filter(Value::is_object)
            .ok_or("Redrive allow policy is not a valid JSON map.")?;
        let sources = policy.get("sourceQueueArns");
        let permission = policy.get("redrivePermission").and_then(Value::as_str);
        match permission {
            Some("allowAll") if sources.is_none() => Ok(Self::AllowAll),
            Some("denyAll") if sources.is_none() => Ok(Self::DenyAll),
            Some("allowAll" | "denyAll") => {
                Err("sourceQueueArns can only be specified when redrivePermission is byQueue.")
            }
            Some("byQueue") => {
                let source_arns: Option<Vec<String>> = sources
                    .and_then(Value::as_array)
                    .map(|arns| arns.iter().filter_map(Value::as_str).map(str::to_owned).collect());
                source_arns
                    .filter(|arns| (1..=limits::ALLOWED_SOURCES).contains(&arns.len()))
                    .map(|source_arns| Self::ByQueue { source_arns })
                    .ok_or("sourceQueueArns must name from 1 to 10 queues.")
            }
            _ => Err("redrivePermission must be allowAll, denyAll or byQueue."),
        }
    }

    pub(super) fn permits(&self, source_arn: &str) -> bool {
        match self {
            Self::AllowAll => true,
            Self::DenyAll => false,
            Self::ByQueue { source_arns } => source_arns.iter().any(|arn| arn == source_arn),
        }
    }

    /// As `GetQueueAttributes` shows it.
    pub(super) fn to_json(&self) -> String {
        match self {
            Self::AllowAll => serde_json::json!({ "redrivePermission": "allowAll" }),
            Self::DenyAll => serde_json::json!({ "redrivePermission": "denyAll" }),
            Self::ByQueue { source_arns } => serde_json::json!({
                "redrivePermission": "byQueue",
                "sourceQueueArns": source_arns,
            }),
        }
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u32>) {
        let count = RedrivePolicy::parse(text).ok().map(|policy| policy.max_receive_count);
        assert_eq!(count, expected, "{text}");
    }

    #[test]
    fn a_redrive_policy_counts_in_numbers_or_texts() {
        check(r#"{"deadLetterTargetArn":"a","maxReceiveCount":3}"#, Some(3));
        check(r#"{"deadLetterTargetArn":"a","maxReceiveCount":"1000"}"#, Some(1000));
        for count in ["0", "1001", "-1", "1.5", "\"x\"", "null", "99999999999999999999"] {
            check(&format!(r#"{{"deadLetterTargetArn":"a","maxReceiveCount":{count}}}"#), None);
        }
    }

    #[test]
    fn a_redrive_policy_has_both_its_parts() {
        check(r#"{"deadLetterTargetArn":"a"}"#, None);
        check(r#"{"maxReceiveCount":3}"#, None);
        check(r#"{"deadLetterTargetArn":7,"maxReceiveCount":3}"#, None);
        check("[]", None);
        check("{", None);
    }

    #[track_caller]
    fn check_allow(text: &str, expected: Option<(bool, bool)>) {
        let permits = RedriveAllowPolicy::parse(text)
            .ok()
            .map(|policy| (policy.permits("arn:a"), policy.permits("arn:b")));
        assert_eq!(permits, expected, "{text}");
    }

    #[test]
    fn an_allow_policy_permits_all_or_none_or_those_it_names() {
        check_allow(r#"{"redrivePermission":"allowAll"}"#, Some((true, true)));
        check_allow(r#"{"redrivePermission":"denyAll"}"#, Some((false, false)));
        check_allow(
            r#"{"redrivePermission":"byQueue","sourceQueueArns":["arn:a"]}"#,
            Some((true, false)),
        );
        check_allow(r#"{"redrivePermission":"byQueue"}"#, None);
        check_allow(r#"{"redrivePermission":"byQueue","sourceQueueArns":[]}"#, None);
        check_allow(r#"{"redrivePermission":"denyAll","sourceQueueArns":["arn:a"]}"#, None);
        check_allow(r#"{"redrivePermission":"some"}"#, None);
        check_allow("7", None);
    }
}
