//! Computes the idempotency key of an event independently of the pipeline: SHA-256 in hexadecimal
//! over the canonical JSON (RFC 8785) of `[dataset, value, …]`.
//!
//! RFC 8785 writes numbers as ECMAScript does, which is exact for up to 15 significant digits. A
//! number with more digits gives no key here, and the judge continues without it.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::contract::Dataset;
use crate::decimal::zeros;
use crate::json::Json;

/// The number of significant digits that a double keeps.
const EXACT_DIGITS: usize = 15;

/// The key of a payload. `None` if a part of the identity is missing, or is a number that a double
/// does not keep.
#[must_use]
pub(crate) fn key(payload: &Json, dataset: &Dataset) -> Option<String> {
    let mut text = String::from("[");
    write(&Json::text(&dataset.name), &mut text)?;
    for pointer in &dataset.identity {
        text.push(',');
        write(payload.at(pointer).filter(|value| !value.is_null())?, &mut text)?;
    }
    text.push(']');
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        write!(hex, "{byte:02x}").ok()?;
    }
    Some(hex)
}

fn write(value: &Json, to: &mut String) -> Option<()> {
    match value {
        Json::Null => to.push_str("null"),
        Json::Bool(value) => to.push_str(if *value { "true" } else { "false" }),
        Json::Number(_) => to.push_str(&number(value)?),
        Json::Text(text) => write_text(text, to),
        Json::List(items) => {
            for (index, item) in items.iter().enumerate() {
                to.push(if index == 0 { '[' } else { ',' });
                write(item, to)?;
            }
            to.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Json::Object(members) => {
            let mut members: Vec<(&String, &Json)> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<u16>>());
            for (index, (name, member)) in members.iter().enumerate() {
                to.push(if index == 0 { '{' } else { ',' });
                write_text(name, to);
                to.push(':');
                write(member, to)?;
            }
            to.push_str(if members.is_empty() { "{}" } else { "}" });
        }
    }
    Some(())
}

/// RFC 8785, section 3.2.2.2.
fn write_text(text: &str, to: &mut String) {
    to.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => to.extend(['\\', c]),
            '\u{8}' => to.push_str("\\b"),
            '\t' => to.push_str("\\t"),
            '\n' => to.push_str("\\n"),
            '\u{c}' => to.push_str("\\f"),
            '\r' => to.push_str("\\r"),
            c if c < ' ' => {
                let _ = write!(to, "\\u{:04x}", u32::from(c));
            }
            c => to.push(c),
        }
    }
    to.push('"');
}

/// As `Number::toString` of ECMAScript writes it
/// (<https://tc39.es/ecma262/#sec-numeric-types-number-tostring>).
fn number(value: &Json) -> Option<String> {
    let decimal = value.as_decimal()?;
    let (sign, digits, point) = decimal.parts();
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let count = i64::try_from(digits.len()).ok()?;
    // Numbers near the ends of a double's range give no key either.
    if digits.len() > EXACT_DIGITS || !(-300..=300).contains(&point) {
        return None;
    }
    let text = if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(usize::try_from(point).ok()?);
        format!("{whole}.{fraction}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = digits.split_at(1);
        let fraction = if rest.is_empty() { String::new() } else { format!(".{rest}") };
        let exponent = point - 1;
        let plus = if exponent > 0 { "+" } else { "" };
        format!("{first}{fraction}e{plus}{exponent}")
    };
    Some(format!("{sign}{text}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(number(&Json::Number(text.to_owned())).as_deref(), expected, "{text}");
    }

    /// The examples of RFC 8785, appendix B, with at most 15 digits, and limits of the rules.
    #[test]
    fn numbers_are_written_as_ecmascript_writes_them() {
        check("-0.0", Some("0"));
        check("1545.0", Some("1545"));
        check("1e21", Some("1e+21"));
        check("1e20", Some("100000000000000000000"));
        check("0.000001", Some("0.000001"));
        check("0.0000001", Some("1e-7"));
        check("-12.50e-9", Some("-1.25e-8"));
        check("333333333.33", Some("333333333.33"));
        check("123456789012345", Some("123456789012345"));
        check("1234567890123456", None);
        check("1e308", None);
    }

    /// The key was computed with `printf '["flights","UA",1545]' | sha256sum`.
    #[test]
    fn a_key_is_of_the_dataset_and_the_values() {
        let yaml = "
dataset: flights
schema: {version: 1, file: s}
keys: {idempotency: [/carrier, /flight], business: [/carrier], event_time: /at}
sinks: [{name: records, kind: table}]
";
        let dataset = Dataset::read(yaml, |_| None).unwrap();
        let expected = "63f34e736e26e2ddd67435e713f4b29dc9993c2af391ea03d592fe4b8fd0db7c";
        for (payload, expected) in [
            (r#"{"carrier":"UA","flight":1545.0,"x":1}"#, Some(expected)),
            (r#"{"carrier":"UA","flight":null}"#, None),
            (r#"{"carrier":"UA","flight":12345678901234567}"#, None),
        ] {
            assert_eq!(key(&Json::parse(payload).unwrap(), &dataset).as_deref(), expected);
        }
    }

    proptest! {
        /// Rust writes doubles with the same shortest digits, and never with an exponent.
        #[test]
        fn the_digits_are_those_of_the_double(number_of in -1_000_000_000_000_i64..1_000_000_000_000, places in 0_u32..5) {
            let text = format!("{number_of}e-{places}");
            let double: f64 = text.parse().unwrap();
            prop_assert_eq!(number(&Json::Number(text)), Some(format!("{}", double + 0.0)));
        }
    }
}
