//! The key under which an event takes effect once.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{CanonicalError, hex_sha256, write_canonical, write_string};
use crate::{Code, Failure};

/// The SHA-256, in hexadecimal, of the canonical JSON (see [`crate::Fingerprint`]) of `[dataset, value, …]`. There is
/// one value for each pointer of the contract, in the contract's order.
///
/// The key is never made from an SQS message id, because a redrive changes that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

/// Why no key can be derived from a payload.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A pointer finds nothing, or null.
    #[error("nothing at `{pointer}`, which is part of the key")]
    Missing {
        /// The JSON Pointer.
        pointer: String,
    },
    /// A pointer finds a number that no table can hold.
    #[error("`{pointer}` is part of the key and holds {source}")]
    Unusable {
        /// The JSON Pointer.
        pointer: String,
        /// What is wrong with the number.
        #[source]
        source: CanonicalError,
    },
}

impl IdempotencyKey {
    /// Derives the key of a payload from the values at these JSON Pointers.
    ///
    /// # Errors
    /// [`KeyError::Missing`] if a pointer finds nothing, or null. A hash of nothing would be the same for each such
    /// event, and all but the first would be lost as duplicates.
    /// [`KeyError::Unusable`] if a pointer finds a number that no table can hold.
    pub fn derive<'a>(
        dataset: &str,
        payload: &Value,
        pointers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, KeyError> {
        let mut text = vec![b'['];
        write_string(&mut text, dataset);
        for pointer in pointers {
            text.push(b',');
            write_part(&mut text, payload, pointer)?;
        }
        text.push(b']');
        Ok(Self(hex_sha256(&text)))
    }

    /// The 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The canonical JSON of `[value, …]`, with one value for each pointer. It is a readable key of a row. Different values
/// never make the same key.
///
/// # Errors
/// The same as [`IdempotencyKey::derive`].
pub fn row_key<'a>(
    payload: &Value,
    pointers: impl IntoIterator<Item = &'a str>,
) -> Result<String, KeyError> {
    let mut text = vec![b'['];
    for (index, pointer) in pointers.into_iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write_part(&mut text, payload, pointer)?;
    }
    text.push(b']');
    // Canonical JSON is UTF-8.
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn write_part(text: &mut Vec<u8>, payload: &Value, pointer: &str) -> Result<(), KeyError> {
    let found = payload.pointer(pointer).filter(|value| !value.is_null());
    let value = found.ok_or_else(|| KeyError::Missing { pointer: pointer.to_owned() })?;
    write_canonical(text, value)
        .map_err(|source| KeyError::Unusable { pointer: pointer.to_owned(), source })
}

impl KeyError {
    /// The JSON Pointer that failed.
    #[must_use]
    pub fn pointer(&self) -> &str {
        match self {
            Self::Missing { pointer } | Self::Unusable { pointer, .. } => pointer,
        }
    }
}

/// A permanent failure with the pointer.
impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let code = match &error {
            KeyError::Missing { .. } => Code::KeyMissing,
            KeyError::Unusable { .. } => Code::NumberOutOfRange,
        };
        Self::permanent(code, error.to_string()).at(error.pointer())
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for IdempotencyKey {
    fn from(hex: String) -> Self {
        Self(hex)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(payload: &Value, pointers: &[&str]) -> Result<IdempotencyKey, KeyError> {
        IdempotencyKey::derive("flights", payload, pointers.iter().copied())
    }

    fn key_of_json(text: &str) -> Result<IdempotencyKey, KeyError> {
        key(&serde_json::from_str(text).unwrap(), &["/id"])
    }

    #[test]
    fn only_the_pointed_values_count() {
        let one =
            key(&json!({"carrier": "UA", "flight": 1545, "delay": 2}), &["/carrier", "/flight"]);
        let two = key(&json!({"flight": 1545.0, "carrier": "UA"}), &["/carrier", "/flight"]);
        assert_eq!(one.unwrap(), two.unwrap());
    }

    #[test]
    fn values_that_would_run_together_stay_apart() {
        let one = key(&json!({"a": "1", "b": "23"}), &["/a", "/b"]).unwrap();
        let two = key(&json!({"a": "12", "b": "3"}), &["/a", "/b"]).unwrap();
        assert_ne!(one, two);
    }

    #[test]
    fn datasets_never_share_a_key() {
        let payload = json!({"id": 1});
        let other = IdempotencyKey::derive("orders", &payload, ["/id"]).unwrap();
        assert_ne!(key(&payload, &["/id"]).unwrap(), other);
    }

    #[test]
    fn a_pointer_that_finds_nothing_or_null_is_an_error_that_names_it() {
        for payload in [json!({}), json!({"id": null}), json!([1])] {
            let error = key(&payload, &["/id"]).unwrap_err();
            assert_eq!(error.pointer(), "/id", "{payload}");
        }
    }

    #[test]
    fn the_key_of_a_row_can_be_read() {
        let payload = json!({"carrier": "U\"A", "flight": 1545.0, "at": {"x": 1}});
        let key = row_key(&payload, ["/carrier", "/flight", "/at"]).unwrap();
        assert_eq!(key, r#"["U\"A",1545,{"x":1}]"#);
        assert_eq!(row_key(&payload, ["/id"]).unwrap_err().pointer(), "/id");
    }

    #[test]
    fn every_digit_of_a_number_counts() {
        let one = key_of_json(r#"{"id": 12345678901234567890123456789}"#).unwrap();
        let other = key_of_json(r#"{"id": 12345678901234567890123456788}"#).unwrap();
        assert_ne!(one, other);
        assert_eq!((one.as_str().len(), one.to_string()), (64, one.as_str().to_owned()));
        let error = key_of_json(r#"{"id": 1e126}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`/id` is part of the key and holds a number of more than 38 significant digits, or not within 1E-130 to 9.99E+125"
        );
    }
}
