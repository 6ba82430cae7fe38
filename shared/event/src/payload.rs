//! A payload as it came, and what it says.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Code, Failure};

/// The longest payload that one event may have, in bytes. A message between stages may have
/// 1 MiB (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>),
/// and the envelope, the enrichment and the message attributes need room in it too.
pub const MAX_PAYLOAD_BYTES: usize = 900 * 1024;

/// The deepest nesting that is read: far beyond any real payload, far below any stack.
pub const MAX_DEPTH: usize = 64;

/// A JSON object: its text byte for byte, and its value.
#[derive(Clone, Debug)]
pub struct Payload {
    pub text: Box<RawValue>,
    pub value: Value,
}

impl Payload {
    /// # Errors
    /// [`Code::InputEmpty`], [`Code::SizeExceeded`], [`Code::DecodeUtf8`], [`Code::DepthExceeded`] or
    /// [`Code::DecodeJson`]; all permanent.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        // A reader may ignore a byte order mark: RFC 8259, section 8.1.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
        if bytes.is_empty() {
            return Err(Failure::permanent(
                Code::InputEmpty,
                "nothing where an event was expected",
            ));
        }
        if bytes.len() > MAX_PAYLOAD_BYTES {
            return Err(too_large(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let reason = format!("invalid UTF-8 at byte {}", error.valid_up_to());
            Failure::permanent(Code::DecodeUtf8, reason)
        })?;
        if depth_exceeds(bytes, MAX_DEPTH) {
            let reason = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Failure::permanent(Code::DepthExceeded, reason));
        }
        let not_json = |error: serde_json::Error| {
            Failure::permanent(Code::DecodeJson, format!("malformed JSON: {error}"))
        };
        let value: Value = serde_json::from_str(text).map_err(not_json)?;
        if !value.is_object() {
            let reason = format!("expected a JSON object, found {}", kind_of(&value));
            return Err(Failure::permanent(Code::DecodeJson, reason));
        }
        let text = RawValue::from_string(text.to_owned()).map_err(not_json)?;
        Ok(Self { text, value })
    }

    /// A payload made here: a CSV row.
    ///
    /// # Errors
    /// [`Code::SizeExceeded`].
    pub fn from_value(value: Value) -> Result<Self, Failure> {
        let text = value.to_string();
        if text.len() > MAX_PAYLOAD_BYTES {
            return Err(too_large(text.len()));
        }
        let text = RawValue::from_string(text)
            .map_err(|error| Failure::permanent(Code::DecodeJson, error.to_string()))?;
        Ok(Self { text, value })
    }
}

/// The text at a JSON Pointer (RFC 6901), as it is written: a number keeps all of its digits. As in a
/// [`Value`], the last of two members of one name counts.
#[must_use]
pub fn raw_at<'a>(data: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    let Some(path) = pointer.strip_prefix('/') else {
        return pointer.is_empty().then_some(data);
    };
    path.split('/').try_fold(data, |data, token| {
        let text = data.get();
        if text.starts_with('[') {
            let is_index = token == "0" || !token.starts_with(['0', '+']);
            let index: usize = token.parse().ok().filter(|_| is_index)?;
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            return items.get(index).copied();
        }
        let name = token.replace("~1", "/").replace("~0", "~");
        let mut members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).ok()?;
        members.remove(name.as_str())
    })
}

/// The failure of an event of so many bytes.
#[must_use]
pub fn too_large(bytes: usize) -> Failure {
    let reason = format!("{bytes} bytes; an event may have {MAX_PAYLOAD_BYTES}");
    Failure::permanent(Code::SizeExceeded, reason)
}

/// What a JSON value is, for a person.
#[must_use]
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Whether brackets outside of strings nest deeper than `limit`: found before anything is built.
fn depth_exceeds(bytes: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_string = false,
            (false, b'"') => in_string = true,
            (false, b'{' | b'[') => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], code: Code, reason: &str) {
        let failure = Payload::parse(bytes).unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.reason.contains(reason), "{failure}");
    }

    #[test]
    fn bad_input_is_named() {
        check(b"", Code::InputEmpty, "nothing");
        check(b" \n", Code::InputEmpty, "nothing");
        check(b"{\"a\":", Code::DecodeJson, "line 1 column 5");
        check(b"[1]", Code::DecodeJson, "found an array");
        check(b"{\"a\":\"\xff\"}", Code::DecodeUtf8, "byte 6");
        check(&vec![b'['; 100_000], Code::DepthExceeded, "64 levels");
        check(&vec![b' '; MAX_PAYLOAD_BYTES + 1], Code::InputEmpty, "nothing");
        check(&vec![b'x'; 2 * 1024 * 1024], Code::SizeExceeded, "2097152 bytes");
    }

    #[test]
    fn brackets_in_strings_are_not_depth() {
        let text = format!("{{\"a\":\"{}\\\"{}\"}}", "[".repeat(200), "{".repeat(200));
        assert!(Payload::parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn a_byte_order_mark_is_no_error() {
        assert_eq!(Payload::parse(b"\xef\xbb\xbf{\"a\":1}").unwrap().text.get(), "{\"a\":1}");
    }

    #[test]
    fn the_text_stays_as_it_came() {
        let text = r#"{"b": 1.00,  "a":"\u00e9"}"#;
        assert_eq!(Payload::parse(text.as_bytes()).unwrap().text.get(), text);
    }

    #[test]
    fn what_is_at_a_pointer_keeps_its_digits() {
        let text = r#"{"a":{"n":1.50, "n":0.10000000000000000000000001},"b":[1,[2E2]],"c/~":3,"\u0064":4}"#;
        let data = RawValue::from_string(text.to_owned()).unwrap();
        let check = |pointer: &str, expected: Option<&str>| {
            assert_eq!(raw_at(&data, pointer).map(RawValue::get), expected, "{pointer}");
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(value.pointer(pointer).is_some(), expected.is_some(), "{pointer}");
        };
        check("/a/n", Some("0.10000000000000000000000001"));
        check("/b/1/0", Some("2E2"));
        check("/b/1", Some("[2E2]"));
        check("/c~1~0", Some("3"));
        check("/d", Some("4"));
        check("", Some(text));
        for nothing in ["/x", "/a/n/x", "/b/2", "/b/01", "/b/-", "a"] {
            check(nothing, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..256)) {
            let _ = Payload::parse(&bytes);
        }
    }
}
