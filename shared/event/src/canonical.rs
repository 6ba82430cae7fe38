//! One form for each JSON value, and its hash.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// The SHA-256 of a payload's canonical JSON, in hex: equal where the payloads mean the same.
///
/// Canonical as [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785) has it, but for integers beyond
/// 2^53: there the RFC's doubles would make neighbours equal, so that they are hashed as strings of
/// digits, as its section 6 advises producers to send them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

#[derive(Debug, thiserror::Error)]
#[error("no canonical JSON for this value")]
pub struct CanonicalError {
    #[source]
    source: serde_json::Error,
}

impl Fingerprint {
    /// # Errors
    /// When the value has no canonical form: a number that is not finite.
    pub fn of(payload: &Value) -> Result<Self, CanonicalError> {
        Ok(Self(hex_sha256(&canonical(payload)?)))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Fingerprint {
    fn from(hex: String) -> Self {
        Self(hex)
    }
}

pub(crate) fn canonical(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let result = if has_wide_integer(value) {
        serde_json_canonicalizer::to_vec(&with_wide_integers_as_strings(value))
    } else {
        serde_json_canonicalizer::to_vec(value)
    };
    result.map_err(|source| CanonicalError { source })
}

pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    use fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// 2^53: up to here every integer is a double of its own.
const WIDEST: u64 = 1 << 53;

fn is_wide(number: &Number) -> bool {
    match (number.as_u64(), number.as_i64()) {
        (Some(unsigned), _) => unsigned > WIDEST,
        (None, Some(signed)) => signed.unsigned_abs() > WIDEST,
        (None, None) => false,
    }
}

fn has_wide_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => is_wide(number),
        Value::Array(items) => items.iter().any(has_wide_integer),
        Value::Object(members) => members.values().any(has_wide_integer),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

fn with_wide_integers_as_strings(value: &Value) -> Value {
    match value {
        Value::Number(number) if is_wide(number) => Value::String(number.to_string()),
        Value::Array(items) => items.iter().map(with_wide_integers_as_strings).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), with_wide_integers_as_strings(member)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(String::from_utf8(canonical(&value).unwrap()).unwrap(), expected);
    }

    #[test]
    fn order_spacing_and_the_spelling_of_numbers_do_not_matter() {
        check(r#"{ "b": 1.0, "a": [1e2, "\u0061"] }"#, r#"{"a":[100,"a"],"b":1}"#);
        // RFC 8785, appendix A: names sort by their UTF-16 code units.
        check("{\"\u{20ac}\":1,\"\\r\":2,\"1\":3}", "{\"\\r\":2,\"1\":3,\"\u{20ac}\":1}");
    }

    #[test]
    fn neighbouring_wide_integers_stay_apart() {
        let one = Fingerprint::of(&json!({"id": 9_007_199_254_740_993_u64})).unwrap();
        let other = Fingerprint::of(&json!({"id": 9_007_199_254_740_992_u64})).unwrap();
        assert_ne!(one, other);
        check("-9007199254740995", "\"-9007199254740995\"");
    }

    #[test]
    fn a_fingerprint_is_the_sha256_of_the_canonical_text() {
        // printf '{}' | sha256sum
        let expected = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(Fingerprint::of(&json!({})).unwrap().as_str(), expected);
    }

    proptest::proptest! {
        #[test]
        fn a_canonical_text_is_its_own_canonical_text(numbers in proptest::collection::vec(proptest::prelude::any::<f64>(), 0..8), name in "\\PC{0,8}") {
            let value = json!({ name: numbers.iter().copied().filter(|n| n.abs() < 9e15).collect::<Vec<_>>() });
            let once = canonical(&value).unwrap();
            let again = canonical(&serde_json::from_slice(&once).unwrap()).unwrap();
            proptest::prop_assert_eq!(once, again);
        }
    }
}
