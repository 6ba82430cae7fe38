//! Message attributes of SQS, and how one of the producer's makes room for one of Sluicegate's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::noncharacters::escape_noncharacters;

/// The message attribute that holds a [`DeadLetter`] as JSON.
pub const FAILURE_ATTRIBUTE: &str = "sluicegate.failure";

/// SQS allows ten message attributes:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
const MOST_ATTRIBUTES: usize = 10;

/// What a message is routed and traced by: never displaced, since another one always can be.
const KEPT_ATTRIBUTES: [&str; 5] =
    ["dataset", "eventid", "source", "traceparent", FAILURE_ATTRIBUTE];

/// Message attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// One SQS message attribute: a type (`String`, `Number`, `Binary`, with an optional `.suffix`) and
/// a value; a binary one in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    #[serde(rename = "type")]
    pub data_type: String,
    pub value: String,
}

impl Attribute {
    pub fn string(value: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: value.into() }
    }

    /// What SQS counts of the value: a binary one by its bytes, not by their base64.
    fn value_size(&self) -> usize {
        if !self.data_type.starts_with("Binary") {
            return self.value.len();
        }
        let padding = self.value.bytes().rev().take_while(|&byte| byte == b'=').count();
        (self.value.len() / 4 * 3).saturating_sub(padding)
    }
}

/// The bytes of attributes that count towards a message's limit: name, type and value of each.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[must_use]
pub fn attributes_size(attributes: &Attributes) -> usize {
    let sizes = attributes
        .iter()
        .map(|(name, attribute)| name.len() + attribute.data_type.len() + attribute.value_size());
    sizes.sum()
}

/// What Sluicegate says of a message in one attribute of it, as JSON, beside the producer's attributes.
pub(crate) trait JsonAttribute: Serialize + Sized {
    /// The attribute's name.
    const NAME: &'static str;

    /// The producer's attribute that it took the place of, where there were ten.
    fn displaced(&mut self) -> &mut Option<(String, Attribute)>;

    /// The text that is shortened first.
    fn reason(&mut self) -> &mut String;

    /// The text that is shortened next.
    fn at(&mut self) -> &mut Option<String>;

    /// Leaves out what can be done without best, if there is anything left of that. Whether there was.
    fn leave_out(&mut self) -> bool {
        false
    }

    /// A message's attributes with this one, in at most so many bytes as SQS counts them
    /// ([`attributes_size`]), as far as that can be.
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

    /// It is texts, numbers and times: serde cannot fail on them.
    fn json(&self) -> String {
        serde_json::to_string(self).map(escape_noncharacters).unwrap_or_default()
    }
}

/// A message's attributes without the one of this name, and with the one that it took the place of.
pub(crate) fn restored(
    mut attributes: Attributes,
    name: &str,
    displaced: Option<&(String, Attribute)>,
) -> Attributes {
    attributes.remove(name);
    attributes.extend(displaced.cloned());
    attributes
}

/// Takes one attribute away where there are as many as SQS allows, so that there is room for one more.
/// Whoever adds that keeps in it what was taken away.
fn displace(attributes: &mut Attributes) -> Option<(String, Attribute)> {
    if attributes.len() < MOST_ATTRIBUTES {
        return None;
    }
    let is_kept = |name: &String| KEPT_ATTRIBUTES.contains(&name.as_str());
    let last = attributes.keys().rev().find(|name| !is_kept(name)).cloned()?;
    attributes.remove_entry(&last)
}

/// A text that takes at least so many bytes less in JSON, if it has as many.
fn shortened(text: &str, less: usize) -> String {
    const CUT: char = '…';
    let mut kept = text.to_owned();
    let mut spared = 0;
    while spared < less + CUT.len_utf8() {
        let Some(last) = kept.pop() else { break };
        // Within quotes.
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
        for n in 0..4 {
            attributes.insert(format!("z{n}"), Attribute::string("v"));
        }
        assert_eq!(displace(&mut attributes), None, "there is room for one more");
        attributes.insert("a".to_owned(), Attribute::string("v"));
        assert_eq!(displace(&mut attributes), Some(("z3".to_owned(), Attribute::string("v"))));
        assert_eq!(attributes.len(), 9);
        assert!(KEPT_ATTRIBUTES.iter().all(|name| attributes.contains_key(*name)));
    }
}
