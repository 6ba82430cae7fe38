//! One form for each JSON value, and its hash.
//!
//! The form is that of [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785), but for numbers. The RFC
//! takes a number for a double, and so two payloads that differ in the twentieth digit have one form
//! there. Here a number is its exact decimal value, written by the RFC's rules for a number's text. Where
//! a number has at most 15 significant digits, a double keeps them all, and both forms are the same text.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use crate::{Decimal, DecimalError, pointer_to};

/// The SHA-256 of a payload's canonical JSON, in hex: equal where the payloads mean the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

/// A number that has no canonical form, since no table could keep it.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct CanonicalError {
    /// Its JSON Pointer in the value.
    pub at: String,
    #[source]
    source: DecimalError,
}

impl Fingerprint {
    /// # Errors
    /// When a number has more digits than [`Decimal`] keeps, or is beyond its range.
    pub fn of(payload: &Value) -> Result<Self, CanonicalError> {
        let mut text = Vec::new();
        write_canonical(&mut text, payload)?;
        Ok(Self(hex_sha256(&text)))
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

/// # Errors
/// For the first number of the value that no table could keep.
pub fn check_numbers(value: &Value) -> Result<(), CanonicalError> {
    write_canonical(&mut Vec::new(), value)
}

/// Appends the canonical JSON of a value.
pub(crate) fn write_canonical(text: &mut Vec<u8>, value: &Value) -> Result<(), CanonicalError> {
    match value {
        Value::Null => text.extend_from_slice(b"null"),
        Value::Bool(true) => text.extend_from_slice(b"true"),
        Value::Bool(false) => text.extend_from_slice(b"false"),
        Value::Number(number) => write_number(text, number)
            .map_err(|source| CanonicalError { at: String::new(), source })?,
        Value::String(string) => write_string(text, string),
        Value::Array(items) => write_array(text, items)?,
        Value::Object(members) => write_object(text, members)?,
    }
    Ok(())
}

/// RFC 8785, section 3.2.2.2, escapes what JSON demands to be escaped and nothing else, and so does
/// `serde_json`.
pub(crate) fn write_string(text: &mut Vec<u8>, string: &str) {
    // Writing a text to a vector cannot fail.
    let _ = serde_json::to_writer(text, string);
}

fn write_array(text: &mut Vec<u8>, items: &[Value]) -> Result<(), CanonicalError> {
    text.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write_canonical(text, item).map_err(|error| error.below(&index.to_string()))?;
    }
    text.push(b']');
    Ok(())
}

/// RFC 8785, section 3.2.3: members are sorted by the UTF-16 code units of their names. A map has them
/// in the order of their code points, which is another one only beyond ASCII.
fn write_object(text: &mut Vec<u8>, members: &Map<String, Value>) -> Result<(), CanonicalError> {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    if !sorted.iter().all(|(name, _)| name.is_ascii()) {
        sorted.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    }
    text.push(b'{');
    for (index, (name, member)) in sorted.into_iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write_string(text, name);
        text.push(b':');
        write_canonical(text, member).map_err(|error| error.below(name))?;
    }
    text.push(b'}');
    Ok(())
}

fn write_number(text: &mut Vec<u8>, number: &Number) -> Result<(), DecimalError> {
    if is_plain_integer(number.as_str()) {
        text.extend_from_slice(number.as_str().as_bytes());
    } else {
        text.extend_from_slice(ecmascript(Decimal::of(number)?).as_bytes());
    }
    Ok(())
}

/// A number's text by RFC 8785, section 3.2.2.3: as ECMAScript writes it
/// (<https://262.ecma-international.org/#sec-numeric-types-number-tostring>), but from its exact digits.
///
/// # Errors
/// When it has more digits than [`Decimal`] keeps, or is beyond its range.
pub fn canonical_number(number: &Number) -> Result<String, DecimalError> {
    if is_plain_integer(number.as_str()) {
        return Ok(number.as_str().to_owned());
    }
    Ok(ecmascript(Decimal::of(number)?))
}

/// Whether a number is written as its canonical form is: an integer of at most 15 digits. Most are.
fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() <= 15 && text != "-0" && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits are written out up to 21 places before the point and six zeros after it, beyond that with an
/// exponent.
fn ecmascript(number: Decimal) -> String {
    let digits = number.significant();
    let sign = if number.is_negative() { "-" } else { "" };
    if digits == "0" {
        return digits;
    }
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    // Where the point is, counted from the first digit: the `n` of the ECMAScript standard.
    let point = count + number.exponent();
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    if (count..=21).contains(&point) {
        return format!("{sign}{digits}{}", zeros(point - count));
    }
    if (1..=21).contains(&point) {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        return format!("{sign}{whole}.{fraction}");
    }
    if (-5..=0).contains(&point) {
        return format!("{sign}0.{}{digits}", zeros(-point));
    }
    let (first, rest) = digits.split_at(1);
    let fraction = if rest.is_empty() { String::new() } else { format!(".{rest}") };
    format!("{sign}{first}{fraction}e{:+}", point - 1)
}

impl CanonicalError {
    fn below(mut self, name: &str) -> Self {
        self.at.insert_str(0, &pointer_to(name));
        self
    }
}

/// The SHA-256 of some bytes, as 64 lower-case hexadecimal digits.
#[must_use]
pub fn hex_sha256(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        hex.push(char::from(HEX[usize::from(byte >> 4)]));
        hex.push(char::from(HEX[usize::from(byte & 15)]));
    }
    hex
}

#[cfg(test)]
mod tests;
