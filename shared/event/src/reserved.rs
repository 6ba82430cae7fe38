//! Names that no member of a payload may have.
//!
//! `serde_json` keeps the digits of a number, and the bytes of a raw value, in an object with one member of a private
//! name. A payload with such a member would be read as another value than the one that was sent. It is therefore
//! refused.

use std::borrow::Cow;

const RESERVED: [&str; 2] = ["$serde_json::private::Number", "$serde_json::private::RawValue"];

/// The first reserved member name in a JSON text.
pub(crate) fn reserved_name(json: &str) -> Option<&'static str> {
    // A letter of the name may be escaped.
    if !json.contains("$serde_json::private::") && !json.contains("\\u") {
        return None;
    }
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(start) = next_quote(bytes, at) {
        let end = end_of_string(bytes, start);
        at = end;
        if is_followed_by_colon(&bytes[end..])
            && let Ok(name) = serde_json::from_str::<Cow<'_, str>>(&json[start..end])
            && let Some(reserved) = is_reserved(&name)
        {
            return Some(reserved);
        }
    }
    None
}

/// The reserved name that is equal to this name.
pub(crate) fn is_reserved(name: &str) -> Option<&'static str> {
    RESERVED.into_iter().find(|reserved| *reserved == name)
}

fn next_quote(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..].iter().position(|byte| *byte == b'"').map(|offset| from + offset)
}

/// The position after the closing quote of the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn is_followed_by_colon(rest: &[u8]) -> bool {
    rest.trim_ascii_start().first() == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_a_reserved_name_is_found_wherever_and_however_it_is_written() {
        let number = Some("$serde_json::private::Number");
        for (json, expected) in [
            (r#"{"$serde_json::private::Number":"1"}"#, number),
            (r#"{"a":[{"b\"":{"$serde_json::private::Number" : "1"}}]}"#, number),
            (r#"{"\u0024serde_json::private::Number":"1"}"#, number),
            (r#"{"\\":1,"\u0024serde_json::private::Number":"1"}"#, number),
            (r#"{"$serde_json::private::RawValue":"[]"}"#, Some("$serde_json::private::RawValue")),
            (r#"{"a":"$serde_json::private::Number"}"#, None),
            (r#"{"$serde_json::private::Numbers":1}"#, None),
            (r#"{"\u0061":"\"$serde_json::private::Number\":1"}"#, None),
            (r#"{"a":"\u00e9","b":["\\"]}"#, None),
        ] {
            assert_eq!(reserved_name(json), expected, "{json}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\"\\\\:$u{}a ]{0,40}") {
            let _ = reserved_name(&format!("$serde_json::private::{text}"));
        }
    }
}
