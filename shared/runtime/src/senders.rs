//! Which senders are trusted to say that a message has failed before.

use crate::Record;
use crate::env::{EnvError, Lookup, parsed};

/// The roles whose messages may say that they are dead letters that came back.
///
/// A sender is identified by SQS's `SenderId`, which no sender can choose. For a role it is the role's unique id
/// (`AROA…`), a colon and the name of the session. Lambda passes it on with each message. Only Lambda can assume a
/// function's role. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedSenders(Vec<String>);

impl TrustedSenders {
    /// Reads `TRUSTED_SENDERS`: unique ids of roles, joined by commas.
    ///
    /// # Errors
    /// [`EnvError`], if the variable is missing or malformed.
    pub fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let expected = "unique ids of roles such as AROA1234567890ABCDEFG, joined by commas";
        parsed(lookup, "TRUSTED_SENDERS", expected, Self::parse)
    }

    fn parse(text: &str) -> Option<Self> {
        let ids: Vec<String> = text.split(',').map(|id| id.trim().to_owned()).collect();
        ids.iter().all(|id| is_role_id(id)).then_some(Self(ids))
    }

    /// Whether one of these roles sent the message.
    #[must_use]
    pub fn include(&self, record: &Record) -> bool {
        let sender = record.sender.as_deref().unwrap_or_default();
        let role = sender.split_once(':').map(|(role, _session)| role);
        role.is_some_and(|role| self.0.iter().any(|id| id == role))
    }
}

fn is_role_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn check(sender: Option<&str>, expected: bool) {
        let variables = BTreeMap::from([("TRUSTED_SENDERS", "AROAREDRIVE, AROAINGEST")]);
        let senders = TrustedSenders::read(&variables).unwrap();
        let record = Record { sender: sender.map(str::to_owned), ..Record::default() };
        assert_eq!(senders.include(&record), expected, "{sender:?}");
    }

    #[test]
    fn a_sender_is_known_by_its_whole_role_and_by_nothing_else() {
        check(Some("AROAREDRIVE:sluicegate-RedriveFunction"), true);
        check(Some("AROAINGEST:any"), true);
        // A session of another role with such a name; another role; no session; a user; the account; nobody.
        check(Some("AROAOTHER:AROAREDRIVE:"), false);
        check(Some("AROAREDRIVE2:sluicegate-RedriveFunction"), false);
        check(Some("AROAREDRIVE"), false);
        check(Some("AIDAREDRIVE"), false);
        check(Some("000000000000"), false);
        check(Some(""), false);
        check(None, false);
    }

    #[test]
    fn what_names_no_role_stops_the_start() {
        for bad in ["", ",", "AROA1,", "arn:aws:iam::1:role/x", "AROA1;AROA2"] {
            let error =
                TrustedSenders::read(&BTreeMap::from([("TRUSTED_SENDERS", bad)])).unwrap_err();
            assert!(error.to_string().contains("TRUSTED_SENDERS"), "{error}");
        }
    }
}
