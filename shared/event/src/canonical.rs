//! One form for each JSON value, and the hash of that form.
//!
//! The form is that of [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785), except for numbers. The RFC treats a number
//! as a double, so that two payloads that differ in the twentieth digit have the same form. Here a number is its exact
//! decimal value, written by the RFC's rules for the text of a number. If a number has at most 15 significant digits, a
//! double keeps them all, and both forms are the same.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use crate::{Decimal, DecimalError, pointer_to};

/// The SHA-256 of a payload's canonical JSON, in hexadecimal. It is equal for payloads that mean the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

/// A number that has no canonical form, because no table can hold it.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct CanonicalError {
    /// The JSON Pointer of the number in the value.
    pub at: String,
    #[source]
    source: DecimalError,
}

impl Fingerprint {
    /// The fingerprint of a payload.
    ///
    /// # Errors
    /// If a number has more digits than [`Decimal`] keeps, or is outside its range.
    pub fn of(payload: &Value) -> Result<Self, CanonicalError> {
        let mut text = Vec::new();
        write_canonical(&mut text, payload)?;
        Ok(Self(hex_sha256(&text)))
    }

    /// The 64 hexadecimal digits.
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

/// Checks that a table can hold all numbers of a value.
///
/// # Errors
/// For the first number that no table can hold.
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

/// RFC 8785, section 3.2.2.2, escapes only what JSON requires to be escaped, and `serde_json` does the same.
pub(crate) fn write_string(text: &mut Vec<u8>, string: &str) {
    // Writing to a vector cannot fail.
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

/// Writes the members sorted by the UTF-16 code units of their names (RFC 8785, section 3.2.3). A map has them in the
/// order of code points, which is the same order if all names are ASCII.
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

/// The text of a number by RFC 8785, section 3.2.2.3. It is written as in ECMAScript
/// (<https://262.ecma-international.org/#sec-numeric-types-number-tostring>), but from its exact digits.
///
/// # Errors
/// If it has more digits than [`Decimal`] keeps, or is outside its range.
pub fn canonical_number(number: &Number) -> Result<String, DecimalError> {
    if is_plain_integer(number.as_str()) {
        return Ok(number.as_str().to_owned());
    }
    Ok(ecmascript(Decimal::of(number)?))
}

/// Whether a number is already written in its canonical form, as an integer of at most 15 digits. Most numbers are.
fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() <= 15 && text != "-0" && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes all digits if at most 21 are before the point, or at most six zeros follow it; otherwise with an exponent.
fn ecmascript(number: Decimal) -> String {
    let digits = number.significant();
    let sign = if number.is_negative() { "-" } else { "" };
    if digits == "0" {
        return digits;
    }
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    // The position of the point, counted from the first digit. The ECMAScript standard calls it `n`.
    let point = count + number.exponent();
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

fn zeros(count: i64) -> String {
    "0".repeat(usize::try_from(count).unwrap_or(0))
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
