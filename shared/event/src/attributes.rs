//! The message attributes of SQS, and how one of the producer's attributes is moved to make room for one of
//! Sluicegate's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::noncharacters::escape_noncharacters;

/// The message attribute that holds a [`DeadLetter`](crate::DeadLetter) as JSON.
pub const FAILURE_ATTRIBUTE: &str = "sluicegate.failure";

/// The message attribute that says how far the files that a message announces are read. It is trusted only in messages
/// of functions.
pub const PROGRESS_ATTRIBUTE: &str = "sluicegate.progress";

/// The message attribute which says that the body is a [`ClaimCheck`](crate::ClaimCheck). Its value is the version of
/// the reference.
pub const CLAIM_ATTRIBUTE: &str = "sluicegate.claim";

/// SQS allows ten message attributes:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
const MOST_ATTRIBUTES: usize = 10;

/// The attributes by which a message is read, routed and traced. They are never moved. There is always another one that
/// can be.
const KEPT_ATTRIBUTES: [&str; 6] =
    ["dataset", "eventid", "source", "traceparent", FAILURE_ATTRIBUTE, CLAIM_ATTRIBUTE];

/// Message attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// One message attribute of SQS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// `String`, `Number` or `Binary`, with an optional suffix such as `.int`.
    #[serde(rename = "type")]
    pub data_type: String,
    /// The value. A binary value is in Base64.
    pub value: String,
}

impl Attribute {
    /// An attribute of type `String`.
    pub fn string(value: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: value.into() }
    }

    /// The bytes that SQS counts for the value. For a binary value these are the bytes themselves, and not their
    /// Base64.
    fn value_size(&self) -> usize {
        if !self.data_type.starts_with("Binary") {
            return self.value.len();
        }
        let padding = self.value.bytes().rev().take_while(|&byte| byte == b'=').count();
        (self.value.len() / 4 * 3).saturating_sub(padding)
    }
}

/// The bytes of attributes that count towards the limit of a message: the name, type and value of each.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[must_use]
pub fn attributes_size(attributes: &Attributes) -> usize {
    let sizes = attributes
        .iter()
        .map(|(name, attribute)| name.len() + attribute.data_type.len() + attribute.value_size());
    sizes.sum()
}

/// Something that Sluicegate writes into one attribute of a message, as JSON, in addition to the producer's attributes.
pub(crate) trait JsonAttribute: Serialize + Sized {
    /// The name of the attribute.
    const NAME: &'static str;

    /// The producer's attribute that it replaced, if there were ten.
    fn displaced(&mut self) -> &mut Option<(String, Attribute)>;

    /// The text that is shortened first.
    fn reason(&mut self) -> &mut String;

    /// The text that is shortened next.
    fn at(&mut self) -> &mut Option<String>;

    /// Leaves out the least important part that is left. Answers whether there was one.
    fn leave_out(&mut self) -> bool {
        false
    }

    /// A message's attributes with this one, in at most `room` bytes as SQS counts them ([`attributes_size`]), if
    /// possible.
    fn added_to(mut self, mut attributes: Attributes, room: usize) -> Attributes {
        attributes.remove(Self::NAME);
        if let Some(displaced) = displace(&mut attributes) {
            *self.displaced() = Some(displaced);
        }
        let own = Attribute::string("");
        let others = attributes_size(&attributes) + Self::NAME.len() + own.data_type.len();
        let value = self.json_within(room.saturating_sub(others));
        attributes.insert(Self::NAME.to_owned(), Attribute { value, ..own });
        attributes
    }

    fn json_within(&mut self, room: usize) -> String {
        let mut json = self.json();
        if json.len() > room {
            *self.reason() = shortened(self.reason(), json.len() - room);
            json = self.json();
        }
        if let Some(at) = self.at().take_if(|_| json.len() > room) {
            *self.at() = Some(shortened(&at, json.len() - room));
            json = self.json();
        }
        while json.len() > room && self.leave_out() {
            json = self.json();
        }
        json
    }

    fn json(&self) -> String {
        // The values are texts, numbers and times, for which serde cannot fail.
        serde_json::to_string(self).map(escape_noncharacters).unwrap_or_default()
    }
}

/// A message's attributes without the one with this name, and with the attribute that it had replaced.
pub(crate) fn restored(
    mut attributes: Attributes,
    name: &str,
    displaced: Option<&(String, Attribute)>,
) -> Attributes {
    attributes.remove(name);
    attributes.extend(displaced.cloned());
    attributes
}

/// Removes one attribute if there are as many as SQS allows, so that there is room for one more. The caller stores the
/// removed one inside the attribute that it adds.
fn displace(attributes: &mut Attributes) -> Option<(String, Attribute)> {
    if attributes.len() < MOST_ATTRIBUTES {
        return None;
    }
    let mut names = attributes.keys().rev();
    let last = names.find(|name| !KEPT_ATTRIBUTES.contains(&name.as_str())).cloned()?;
    attributes.remove_entry(&last)
}

/// The text, shortened so that it takes at least `less` bytes less in JSON, if it has as many.
fn shortened(text: &str, less: usize) -> String {
    const CUT: char = '…';
    let mut kept = text.to_owned();
    let mut spared = 0;
    while spared < less + CUT.len_utf8() {
        let Some(last) = kept.pop() else { break };
        // The two quotes around the character do not count.
        spared += serde_json::to_string(&last).map_or(1, |json| json.len() - 2);
    }
    kept.push(CUT);
    kept
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_binary_attribute_counts_by_its_bytes() {
        for bytes in [&b"a"[..], b"ab", b"abc", b"abcd"] {
            let value = STANDARD.encode(bytes);
            let attribute = Attribute { data_type: "Binary.x".to_owned(), value };
            let size = attributes_size(&Attributes::from([("n".to_owned(), attribute)]));
            assert_eq!(size, "n".len() + "Binary.x".len() + bytes.len());
        }
    }

    /// A control character takes six bytes in JSON.
    #[test]
    fn a_text_is_shortened_by_what_it_takes_in_json() {
        assert_eq!(shortened("ab\u{1}", 3), "ab…");
        assert_eq!(shortened("ab\u{1}", 4), "a…");
    }

    #[test]
    fn what_a_message_is_routed_by_is_never_displaced() {
        let mut attributes: Attributes =
            KEPT_ATTRIBUTES.map(|name| (name.to_owned(), Attribute::string("x"))).into();
        for n in 0..3 {
            attributes.insert(format!("z{n}"), Attribute::string("v"));
        }
        assert_eq!(displace(&mut attributes), None, "there is room for one more");
        attributes.insert("a".to_owned(), Attribute::string("v"));
        assert_eq!(displace(&mut attributes), Some(("z2".to_owned(), Attribute::string("v"))));
        assert_eq!(attributes.len(), 9);
        assert!(KEPT_ATTRIBUTES.iter().all(|name| attributes.contains_key(*name)));
    }
}
