//! The key under which an event takes effect once.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{CanonicalError, canonical, hex_sha256};

/// SHA-256, in hex, over the canonical JSON of `[dataset, value, …]`, one value for each of the
/// contract's pointers, in its order.
///
/// Never made from an SQS message id, which a redrive changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("nothing at `{pointer}`, which is part of the key")]
    Missing { pointer: String },
    #[error("`{pointer}` is part of the key and holds no {expected}")]
    Unusable { pointer: String, expected: &'static str },
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl IdempotencyKey {
    /// # Errors
    /// [`KeyError::Missing`] when a pointer finds nothing, or null: a hash of nothing would be the
    /// same for every such event, and all but the first would be lost as duplicates.
    /// [`KeyError::Unusable`] when it finds a number that a double cannot tell from its neighbours.
    pub fn derive<'a>(
        dataset: &str,
        payload: &Value,
        pointers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, KeyError> {
        let mut parts = vec![Value::String(dataset.to_owned())];
        for pointer in pointers {
            parts.push(part(payload, pointer)?);
        }
        Ok(Self(hex_sha256(&canonical(&Value::Array(parts))?)))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The canonical JSON of `[value, …]`, one value for each pointer: the key of a row, readable and without
/// two values that would run together.
///
/// # Errors
/// As [`IdempotencyKey::derive`].
pub fn row_key<'a>(
    payload: &Value,
    pointers: impl IntoIterator<Item = &'a str>,
) -> Result<String, KeyError> {
    let parts: Result<Vec<Value>, _> =
        pointers.into_iter().map(|pointer| part(payload, pointer)).collect();
    let text = canonical(&Value::Array(parts?))?;
    // Canonical JSON is UTF-8.
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn part(payload: &Value, pointer: &str) -> Result<Value, KeyError> {
    let found = payload.pointer(pointer).filter(|value| !value.is_null());
    let value = found.ok_or_else(|| KeyError::Missing { pointer: pointer.to_owned() })?;
    if value.as_f64().is_some_and(|number| value.is_f64() && number.abs() >= LARGEST) {
        let expected = "number below 2^53 (send a larger one as a string)";
        return Err(KeyError::Unusable { pointer: pointer.to_owned(), expected });
    }
    Ok(value.clone())
}

/// 2^53: from here on doubles skip integers.
const LARGEST: f64 = 9_007_199_254_740_992.0;

impl KeyError {
    /// The JSON Pointer that failed, where one did.
    #[must_use]
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::Missing { pointer } | Self::Unusable { pointer, .. } => Some(pointer),
            Self::Canonical(_) => None,
        }
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
            assert_eq!(error.pointer(), Some("/id"), "{payload}");
        }
    }

    #[test]
    fn the_key_of_a_row_can_be_read() {
        let payload = json!({"carrier": "U\"A", "flight": 1545.0, "at": {"x": 1}});
        let key = row_key(&payload, ["/carrier", "/flight", "/at"]).unwrap();
        assert_eq!(key, r#"["U\"A",1545,{"x":1}]"#);
        assert_eq!(row_key(&payload, ["/id"]).unwrap_err().pointer(), Some("/id"));
    }

    #[test]
    fn a_number_that_has_lost_its_digits_is_refused() {
        let payload = serde_json::from_str(r#"{"id": 123456789012345678901234567890}"#).unwrap();
        assert!(matches!(key(&payload, &["/id"]), Err(KeyError::Unusable { .. })));
    }
}
