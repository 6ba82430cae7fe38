//! Converts a value to another type without losing a digit.

use event::{Decimal, Timestamp, kind_of};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::schema::integer;

/// The type that a value is converted to. Null stays null, and a value that has the type already stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConvertTo {
    /// Text. A number or a boolean becomes the text that it has in JSON.
    String,
    /// A number. A text that is a JSON number becomes the number with the same digits.
    Number,
    /// A number without a fraction. A text that is such a number, and `7.0`, become an integer.
    Integer,
    /// A boolean. The texts `true` and `false` become one.
    Boolean,
    /// An RFC 3339 time in UTC. A number or a numeric text counts seconds since 1970, and may have up to three
    /// decimals.
    DateTimeFromUnixS,
    /// An RFC 3339 time in UTC. A number or a numeric text counts whole milliseconds since 1970.
    DateTimeFromUnixMs,
}

impl ConvertTo {
    /// Replaces a value with the converted one.
    ///
    /// # Errors
    /// If the value cannot be converted to this type.
    pub(super) fn convert(self, value: &mut Value) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        let converted = match self {
            Self::String => as_text(value),
            Self::Number => as_number(value).map(Value::Number),
            Self::Integer => as_number(value).and_then(integer).map(Value::Number),
            Self::Boolean => as_boolean(value),
            Self::DateTimeFromUnixS => as_time(value, 3),
            Self::DateTimeFromUnixMs => as_time(value, 0),
        };
        match converted {
            Some(converted) => {
                *value = converted;
                Ok(())
            }
            None => {
                Err(format!("{} is there, which is no {} of its own", kind_of(value), self.name()))
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::DateTimeFromUnixS | Self::DateTimeFromUnixMs => "time since 1970",
        }
    }
}

fn as_text(value: &Value) -> Option<Value> {
    match value {
        Value::String(_) => Some(value.clone()),
        Value::Number(_) | Value::Bool(_) => Some(Value::String(value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn as_number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

fn as_boolean(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) => Some(value.clone()),
        Value::String(text) => text.parse().ok().map(Value::Bool),
        _ => None,
    }
}

/// The time that is a number of units after 1970. A unit has ten to the power of `scale` milliseconds.
fn as_time(value: &Value, scale: u32) -> Option<Value> {
    if let Value::String(text) = value
        && text.parse::<Timestamp>().is_ok()
    {
        return Some(value.clone());
    }
    let ms = Decimal::of(&as_number(value)?).ok()?.unscaled(scale)?;
    Some(Value::String(Timestamp::from_unix_ms(i64::try_from(ms).ok()?).to_string()))
}
