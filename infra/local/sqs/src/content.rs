//! Checks the characters, attributes and sizes of a message that a producer sends.
//!
//! The checks here do not depend on the queue. The queue itself checks its size limit and the ids that
//! FIFO queues require. The rules are those of
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.

use std::collections::BTreeMap;

use super::MessageAttribute;
use super::errors::{Code, Fault};
use super::limits;

const CHARACTERS: &str = "Invalid characters found. Valid unicode characters are \
    #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";

/// A message as its producer wrote it.
#[derive(Clone, Debug, Default)]
pub(super) struct Outgoing {
    pub(super) body: String,
    pub(super) attributes: BTreeMap<String, MessageAttribute>,
    /// The one system attribute that a producer may set: `AWSTraceHeader`.
    pub(super) trace_header: Option<String>,
    pub(super) delay_seconds: Option<i64>,
    pub(super) group_id: Option<String>,
    pub(super) deduplication_id: Option<String>,
    /// The role session that sends the message; `None` stands for the account.
    pub(super) sender: Option<String>,
}

impl Outgoing {
    /// The number of bytes that count towards the limits: the body, and each attribute's name, type and
    /// value. System attributes do not count.
    pub(super) fn size(&self) -> usize {
        let mut size = self.body.len();
        for (name, attribute) in &self.attributes {
            let text = attribute.string_value.as_ref().map_or(0, String::len);
            let binary = attribute.binary_value.as_ref().map_or(0, Vec::len);
            size += name.len() + attribute.data_type.len() + text + binary;
        }
        size
    }

    /// Checks everything that does not depend on the queue.
    ///
    /// # Errors
    /// The body is empty or contains an invalid character, an attribute is malformed, or a delay or an
    /// id is out of bounds.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.body.is_empty() {
            return Err(Fault::missing("MessageBody"));
        }
        if !is_printable(&self.body) {
            return Err(Fault::new(Code::InvalidMessageContents, CHARACTERS));
        }
        if let Some(delay) = self.delay_seconds
            && !(0..=limits::DELAY_SECONDS).contains(&delay)
        {
            let reason = "DelaySeconds must be >= 0 and <= 900.";
            return Err(Fault::invalid("DelaySeconds", delay, reason));
        }
        check_id("MessageGroupId", self.group_id.as_deref())?;
        check_id("MessageDeduplicationId", self.deduplication_id.as_deref())?;
        self.check_attributes()
    }

    fn check_attributes(&self) -> Result<(), Fault> {
        let count = self.attributes.len();
        if count > limits::MESSAGE_ATTRIBUTES {
            return Err(Fault::invalid_parameter(format!(
                "Number of message attributes [{count}] exceeds the allowed maximum [{}].",
                limits::MESSAGE_ATTRIBUTES
            )));
        }
        self.attributes.iter().try_for_each(|(name, attribute)| {
            check_attribute_name(name)?;
            check_attribute(name, attribute)
        })
    }
}

/// Returns whether all characters are allowed in XML 1.0 (<https://www.w3.org/TR/REC-xml/#charsets>).
fn is_printable(text: &str) -> bool {
    text.chars().all(|c| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            || c >= '\u{10000}'
    })
}

/// Checks the id of a message group, a deduplication or a receive attempt: it must have 1 to 128
/// printable ASCII characters and no space.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn check_id(parameter: &str, id: Option<&str>) -> Result<(), Fault> {
    let Some(id) = id else { return Ok(()) };
    let valid =
        (1..=limits::ID_CHARS).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    if valid {
        return Ok(());
    }
    let reason = format!(
        "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
    );
    Err(Fault::invalid(parameter, id, &reason))
}

fn check_attribute_name(name: &str) -> Result<(), Fault> {
    if name.len() >= limits::ATTRIBUTE_NAME_BYTES {
        return Err(Fault::invalid_parameter(
            "Message (user) attribute names must be shorter than 256 Bytes",
        ));
    }
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    {
        return Err(Fault::invalid_parameter(
            "Message (user) attributes name can only contain upper and lower score characters, \
             digits, periods, hyphens and underscores. ",
        ));
    }
    let lower = name.to_lowercase();
    if lower.starts_with("aws.")
        || lower.starts_with("amazon.")
        || name.starts_with('.')
        || name.ends_with('.')
        || name.contains("..")
    {
        return Err(Fault::invalid_parameter(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These \
             strings are reserved for internal use. Additionally, they cannot start or end with \
             '.', nor contain successive periods.",
        ));
    }
    Ok(())
}

fn check_attribute(name: &str, attribute: &MessageAttribute) -> Result<(), Fault> {
    let data_type = attribute.data_type.as_str();
    if data_type.len() >= limits::ATTRIBUTE_NAME_BYTES {
        return Err(Fault::invalid_parameter(
            "Message (user) attribute types must be shorter than 256 Bytes",
        ));
    }
    let base = data_type.split_once('.').map_or(data_type, |(base, _)| base);
    let text = attribute.string_value.as_deref().filter(|text| !text.is_empty());
    match base {
        "String" | "Number" => {
            let text = text.ok_or_else(|| empty_attribute(name, base))?;
            if attribute.binary_value.is_some() {
                return Err(empty_attribute(name, base));
            }
            if !is_printable(text) {
                return Err(Fault::invalid_parameter(CHARACTERS));
            }
            if base == "Number" && !is_number(text) {
                return Err(Fault::invalid_parameter(format!(
                    "Can't cast the value of message (user) attribute '{name}' to a number."
                )));
            }
            Ok(())
        }
        "Binary" => {
            let has_value = attribute.binary_value.as_ref().is_some_and(|bytes| !bytes.is_empty());
            if has_value && text.is_none() { Ok(()) } else { Err(empty_attribute(name, base)) }
        }
        _ => Err(Fault::invalid_parameter(format!(
            "The type of message (user) attribute '{name}' is invalid. You must use only the \
             following supported type prefixes: Binary, Number, String."
        ))),
    }
}

fn empty_attribute(name: &str, base: &str) -> Fault {
    Fault::invalid_parameter(format!(
        "Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."
    ))
}

/// Returns whether the text is a decimal number with an optional exponent, such as `-12`, `3.5` or
/// `1e10`.
fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(data_type: &str, text: Option<&str>, binary: Option<&[u8]>) -> MessageAttribute {
        MessageAttribute {
            data_type: data_type.to_owned(),
            string_value: text.map(str::to_owned),
            binary_value: binary.map(<[u8]>::to_vec),
        }
    }

    #[track_caller]
    fn check(outgoing: &Outgoing, expected: Result<(), Code>) {
        assert_eq!(outgoing.check().map_err(|fault| fault.code), expected);
    }

    #[track_caller]
    fn check_body(body: &str, expected: Result<(), Code>) {
        check(&Outgoing { body: body.to_owned(), ..Outgoing::default() }, expected);
    }

    #[track_caller]
    fn check_with(name: &str, attribute: MessageAttribute, expected: Result<(), Code>) {
        let attributes = BTreeMap::from([(name.to_owned(), attribute)]);
        check(&Outgoing { body: "b".to_owned(), attributes, ..Outgoing::default() }, expected);
    }

    #[test]
    fn a_body_has_the_characters_of_xml_1_0() {
        check_body("", Err(Code::MissingParameter));
        check_body("\t\r\n ~\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}", Ok(()));
        for bad in ['\0', '\u{8}', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            check_body(&format!("a{bad}"), Err(Code::InvalidMessageContents));
        }
    }

    #[test]
    fn an_attribute_has_a_value_of_its_type() {
        const BAD: Result<(), Code> = Err(Code::InvalidParameterValue);
        check_with("a", attribute("String", Some("x"), None), Ok(()));
        check_with("a", attribute("String.json", Some("x"), None), Ok(()));
        check_with("a", attribute("Number", Some("-1.5e3"), None), Ok(()));
        check_with("a", attribute("Number.int", Some("7"), None), Ok(()));
        check_with("a", attribute("Binary.png", None, Some(&[0])), Ok(()));
        check_with("a", attribute("String", Some(""), None), BAD);
        check_with("a", attribute("String", None, Some(&[1])), BAD);
        check_with("a", attribute("String", Some("\u{8}"), None), BAD);
        check_with("a", attribute("Number", Some("seven"), None), BAD);
        check_with("a", attribute("Number", Some("inf"), None), BAD);
        check_with("a", attribute("Binary", Some("x"), None), BAD);
        check_with("a", attribute("Binary", None, Some(&[])), BAD);
        check_with("a", attribute("Stringy", Some("x"), None), BAD);
        check_with("a", attribute("", Some("x"), None), BAD);
        check_with("a", attribute(&"String.".repeat(40), Some("x"), None), BAD);
    }

    #[test]
    fn an_attributes_name_is_plain_and_not_reserved() {
        for name in ["a", "A-b_c.9", "attr.1øßä"] {
            check_with(name, attribute("String", Some("x"), None), Ok(()));
        }
        let long = "n".repeat(256);
        for name in ["", "AwS.x", "amazon.x", ".x", "x.", "x..y", "a b", "a!", long.as_str()] {
            let refused = Err(Code::InvalidParameterValue);
            check_with(name, attribute("String", Some("x"), None), refused);
        }
    }

    #[test]
    fn ten_attributes_are_the_most() {
        let with = |count: usize| Outgoing {
            body: "b".to_owned(),
            attributes: (0..count)
                .map(|n| (format!("a{n}"), attribute("String", Some("x"), None)))
                .collect(),
            ..Outgoing::default()
        };
        check(&with(10), Ok(()));
        check(&with(11), Err(Code::InvalidParameterValue));
    }

    #[test]
    fn sizes_count_names_types_and_values() {
        let outgoing = Outgoing {
            body: "ä".to_owned(),
            attributes: BTreeMap::from([
                ("ab".to_owned(), attribute("String", Some("xyz"), None)),
                ("c".to_owned(), attribute("Binary", None, Some(&[0; 5]))),
            ]),
            trace_header: Some("Root=1".to_owned()),
            ..Outgoing::default()
        };
        assert_eq!(outgoing.size(), 2 + (2 + 6 + 3) + (1 + 6 + 5));
    }

    #[test]
    fn ids_are_graphic_ascii_up_to_128_characters() {
        let long = "x".repeat(129);
        for (id, valid) in [
            ("a!~", true),
            (&long[..128], true),
            ("", false),
            (&long, false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(check_id("MessageGroupId", Some(id)).is_ok(), valid, "{id}");
        }
    }
}
