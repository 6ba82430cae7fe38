//! A payload with its text as it came, and its parsed value.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::reserved::{is_reserved, reserved_name};
use crate::{Code, Failure};

/// The longest payload of an event, in bytes: 4 MiB, whichever way the event comes.
///
/// Lambda takes a request of 6 MB (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>). In
/// Base64, in which a client's bytes may be, 4 MiB are 5.6 MB, which leaves room for the rest of the request. Parsed,
/// a payload takes up to some 25 times its length, of which a function with 256 MB can hold one at a time.
pub const MAX_PAYLOAD_BYTES: usize = 4 * 1024 * 1024;

/// The deepest nesting that is read. It is far more than real payloads have, and far less than would overflow a stack.
pub const MAX_DEPTH: usize = 64;

/// A JSON object: its text, byte for byte, and its value.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The text as it came, without a byte order mark and surrounding white space.
    pub text: Box<RawValue>,
    /// The value. Numbers keep all their digits.
    pub value: Value,
}

impl Payload {
    /// Parses a payload.
    ///
    /// # Errors
    /// [`Code::InputEmpty`], [`Code::SizeExceeded`], [`Code::DecodeUtf8`], [`Code::DepthExceeded`] or
    /// [`Code::DecodeJson`]; all are permanent.
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
        let value = json_value(text)?;
        if !value.is_object() {
            let reason = format!("expected a JSON object, found {}", kind_of(&value));
            return Err(Failure::permanent(Code::DecodeJson, reason));
        }
        let text = RawValue::from_string(text.to_owned()).map_err(|error| not_json(&error))?;
        Ok(Self { text, value })
    }

    /// A payload that is made here, from a CSV row.
    ///
    /// # Errors
    /// [`Code::SizeExceeded`], or [`Code::DecodeJson`] if a member has a reserved name; both are permanent.
    pub fn from_members(members: Map<String, Value>) -> Result<Self, Failure> {
        if let Some(name) = members.keys().find_map(|name| is_reserved(name)) {
            return Err(reserved(name));
        }
        let value = Value::Object(members);
        let text = value.to_string();
        if text.len() > MAX_PAYLOAD_BYTES {
            return Err(too_large(text.len()));
        }
        let text = RawValue::from_string(text)
            .map_err(|error| Failure::permanent(Code::DecodeJson, error.to_string()))?;
        Ok(Self { text, value })
    }
}

/// The value of a JSON text, which may come from anyone: with all digits of its numbers, nested [`MAX_DEPTH`] deep at
/// most, and without two members of one name.
///
/// # Errors
/// [`Code::DepthExceeded`] or [`Code::DecodeJson`]; both permanent. Nothing of the text is in the reason but a name
/// that is reserved.
pub fn json_value(text: &str) -> Result<Value, Failure> {
    let outline = Outline::of(text.as_bytes());
    if outline.depth > MAX_DEPTH {
        let reason = format!("nested deeper than {MAX_DEPTH} levels");
        return Err(Failure::permanent(Code::DepthExceeded, reason));
    }
    if let Some(name) = reserved_name(text) {
        return Err(reserved(name));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    if count_members(&value) < outline.colons {
        serde_json::from_str::<DistinctNames>(text).map_err(|error| not_json(&error))?;
    }
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> Failure {
    Failure::permanent(Code::DecodeJson, format!("malformed JSON: {error}"))
}

fn reserved(name: &str) -> Failure {
    Failure::permanent(Code::DecodeJson, format!("a member is called `{name}`, which is reserved"))
}

/// The failure of an event with this many bytes ([`Code::SizeExceeded`]).
#[must_use]
pub fn too_large(bytes: usize) -> Failure {
    let reason = format!("{bytes} bytes; an event may have {MAX_PAYLOAD_BYTES}");
    Failure::permanent(Code::SizeExceeded, reason)
}

/// The JSON Pointer to a member, or to an item by its index (RFC 6901, section 3).
#[must_use]
pub fn pointer_to(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The kind of a JSON value, in words for a person, such as `an array`. A number is `an integer` if it is written
/// without a fraction and an exponent.
#[must_use]
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.as_str().contains(['.', 'e', 'E']) => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The structure of a JSON text outside of its strings. It is found in one pass, before anything is parsed.
struct Outline {
    /// The number of brackets around the deepest value.
    depth: usize,
    /// The number of colons, of which each member has one.
    colons: usize,
}

impl Outline {
    fn of(bytes: &[u8]) -> Self {
        let mut outline = Self { depth: 0, colons: 0 };
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        for byte in bytes {
            match (in_string, byte) {
                (true, _) if escaped => escaped = false,
                (true, b'\\') => escaped = true,
                (true, b'"') => in_string = false,
                (false, b'"') => in_string = true,
                (false, b'{' | b'[') => {
                    depth += 1;
                    outline.depth = outline.depth.max(depth);
                }
                (false, b'}' | b']') => depth = depth.saturating_sub(1),
                (false, b':') => outline.colons += 1,
                _ => {}
            }
        }
        outline
    }
}

/// The number of members of all objects in a value.
fn count_members(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(count_members).sum(),
        Value::Object(members) => {
            members.len() + members.values().map(count_members).sum::<usize>()
        }
        _ => 0,
    }
}

/// Parses any JSON in which no object has two members of one name. RFC 8259, section 4, does not say which of the two
/// counts, and RFC 8785, section 3.1, has no canonical form for them. A parsed value keeps the last one, and the others
/// would be lost without notice.
struct DistinctNames;

impl<'de> Deserialize<'de> for DistinctNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for DistinctNames {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    /// A number may be a map too. Its one member has the digits as text.
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format!("two members `{name}` of one object")));
            }
            names.insert(name);
            members.next_value::<Self>()?;
        }
        Ok(self)
    }
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
        check(br#"{"a":{"$serde_json::private::Number":"1"}}"#, Code::DecodeJson, "reserved");
        check(&vec![b'['; 100_000], Code::DepthExceeded, "64 levels");
        check(&vec![b' '; MAX_PAYLOAD_BYTES + 1], Code::InputEmpty, "nothing");
        check(&vec![b'x'; 5 * 1024 * 1024], Code::SizeExceeded, "5242880 bytes");
    }

    /// A parser keeps one of two such members, and the other one would be lost without notice.
    #[test]
    fn two_members_of_one_name_are_refused_by_that_name() {
        check(
            br#"{"a":1,"a":2}"#,
            Code::DecodeJson,
            "two members `a` of one object at line 1 column 10",
        );
        check(br#"{"a":1,"a":1}"#, Code::DecodeJson, "two members `a`");
        check(br#"{"a":1,"\u0061":2}"#, Code::DecodeJson, "two members `a`");
        check(
            br#"{"b":[1.5,{"c":"x:\"","d":null,"c":true}]}"#,
            Code::DecodeJson,
            "two members `c`",
        );
        for good in [
            r#"{"a":{"a":[{"a":1e5},{"a":true}]},"b":"a\":1,","c":null}"#,
            r#"{"a":"::::","\":":"\\","b":[":"]}"#,
        ] {
            assert!(Payload::parse(good.as_bytes()).is_ok(), "{good}");
        }
    }

    /// The members of an object that has this many bytes.
    fn of_bytes(bytes: usize) -> Map<String, Value> {
        Map::from_iter([("a".to_owned(), "x".repeat(bytes - 8).into())])
    }

    #[test]
    fn the_bound_on_its_size_is_exact() {
        let largest = Value::Object(of_bytes(MAX_PAYLOAD_BYTES)).to_string();
        assert_eq!(largest.len(), MAX_PAYLOAD_BYTES);
        assert!(Payload::parse(largest.as_bytes()).is_ok());
        let larger = Value::Object(of_bytes(MAX_PAYLOAD_BYTES + 1)).to_string();
        check(larger.as_bytes(), Code::SizeExceeded, "4194305 bytes");
        assert!(Payload::from_members(of_bytes(MAX_PAYLOAD_BYTES)).is_ok());
        let failure = Payload::from_members(of_bytes(MAX_PAYLOAD_BYTES + 1)).unwrap_err();
        assert_eq!(failure.code, Code::SizeExceeded);
        let reserved = Map::from_iter([("$serde_json::private::Number".to_owned(), "1".into())]);
        assert_eq!(Payload::from_members(reserved).unwrap_err().code, Code::DecodeJson);
    }

    #[test]
    fn the_bound_on_its_depth_is_exact() {
        let deepest = format!("{}1{}", "{\"a\":".repeat(64), "}".repeat(64));
        assert!(Payload::parse(deepest.as_bytes()).is_ok());
        check(format!("{{\"a\":{deepest}}}").as_bytes(), Code::DepthExceeded, "64 levels");
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
    fn a_number_keeps_its_digits() {
        let text = r#"{"a":0.10000000000000000000000001,"b":12345678901234567890123,"c":1.50}"#;
        let payload = Payload::parse(text.as_bytes()).unwrap();
        assert_eq!(payload.value.to_string(), text);
    }

    #[test]
    fn what_a_value_is_follows_from_how_it_is_written() {
        for (text, expected) in [
            ("12345678901234567890123", "an integer"),
            ("-1", "an integer"),
            ("1.0", "a number"),
            ("1e400", "a number"),
            ("1E2", "a number"),
        ] {
            assert_eq!(kind_of(&serde_json::from_str(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn depth_is_counted_outside_of_strings_alone() {
        for (text, expected) in [
            ("[[]]", 2),
            ("[],[]", 1),
            (r#"["[["]"#, 1),
            (r#"["\\",[]]"#, 2),
            (r#"["\"[["]"#, 1),
            (r#"["\\\"[["]"#, 1),
            ("]]]][[", 2),
            ("{\"a\":{}}", 2),
        ] {
            assert_eq!(Outline::of(text.as_bytes()).depth, expected, "{text}");
        }
    }

    proptest::proptest! {
        /// The expectation follows from how the text is made, and not from reading it.
        #[test]
        fn an_object_is_refused_if_and_only_if_a_name_comes_twice(
            names in proptest::collection::vec("[ab:\"\\\\]{0,2}", 0..5),
        ) {
            let mut members = Vec::new();
            for name in &names {
                members.push(format!("{}:[{{\"x:\":-0.5}}]", serde_json::json!(name)));
            }
            let text = format!("{{{}}}", members.join(","));
            let distinct: BTreeSet<&String> = names.iter().collect();
            let is_read = Payload::parse(text.as_bytes()).is_ok();
            proptest::prop_assert_eq!(is_read, distinct.len() == names.len(), "{}", text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..256)) {
            let _ = Payload::parse(&bytes);
        }
    }
}
