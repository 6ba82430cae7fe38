//! Escapes what JSON allows and SQS does not.

/// Writes U+FFFE and U+FFFF as escapes in a JSON text, because SQS accepts these characters neither in a body nor in an
/// attribute. In JSON they can only be in strings, where the escape `\ufffe` means the same. The control characters
/// that SQS refuses are escaped in any JSON (RFC 8259, section 7).
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
#[must_use]
pub fn escape_noncharacters(json: String) -> String {
    if !json.contains('\u{fffe}') && !json.contains('\u{ffff}') {
        return json;
    }
    json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::{Code, DeadLetter, FAILURE_ATTRIBUTE, Failure, Timestamp};

    /// An id, a reason and a place may contain text of a producer.
    #[test]
    fn the_failure_of_a_dead_letter_is_an_attribute_that_sqs_takes() {
        let why = Failure::permanent(Code::DecodeFormat, "two columns `\u{fffe}`").at("/\u{ffff}");
        let letter = DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(0), "\u{ffff}:1");
        let attributes = letter.clone().write(Default::default());
        let text = &attributes[FAILURE_ATTRIBUTE].value;
        assert!(text.chars().all(|c| c <= '\u{fffd}'), "{text}");
        let read = DeadLetter::read(&attributes).unwrap();
        assert_eq!((read.failure(), read.message_id), (why, letter.message_id));
    }

    proptest! {
        #[test]
        fn the_text_means_the_same_and_sqs_takes_it(
            texts in prop::collection::vec("[\\\\\"a\u{0}\u{7f}\u{fffd}\u{fffe}\u{ffff}\u{10ffff}]{0,6}", 2),
        ) {
            let value = serde_json::json!({ texts[0].clone(): [texts[1], 1] });
            let escaped = escape_noncharacters(value.to_string());
            for c in escaped.chars() {
                prop_assert!(
                    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..),
                    "{:?}",
                    escaped
                );
            }
            prop_assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), value);
        }
    }
}
