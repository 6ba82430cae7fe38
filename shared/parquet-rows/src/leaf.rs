//! What the values of a column mean, and how they are written as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use crate::decimal::{MAX_DECIMAL_BYTES, MAX_DIGITS, write_decimal};
use crate::element::{Annotation, Physical, TimeUnit};
use crate::error::{ParquetError, RefusalKind};
use crate::json::{write_display, write_text};
use crate::time::{OutOfRange, write_date, write_int96, write_time, write_timestamp};
use crate::values::Value;

/// What a column's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafKind {
    /// A boolean, an integer or a floating-point number, as it is stored.
    Plain,
    Unsigned,
    Decimal {
        scale: usize,
    },
    Float16,
    Text,
    Json,
    Bytes,
    Uuid,
    Date,
    Time {
        unit: TimeUnit,
        is_utc: bool,
    },
    Timestamp {
        unit: TimeUnit,
        is_utc: bool,
    },
    Interval,
}

/// Why a value cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadValue {
    pub(crate) kind: RefusalKind,
    pub(crate) reason: String,
}

impl From<OutOfRange> for BadValue {
    fn from(_: OutOfRange) -> Self {
        bad("no date or time of the years 0000 to 9999")
    }
}

fn bad(reason: &str) -> BadValue {
    BadValue { kind: RefusalKind::BadValue, reason: reason.to_owned() }
}

impl LeafKind {
    /// # Errors
    /// When the annotation does not belong to the physical type.
    pub(crate) fn of(
        physical: Physical,
        annotation: Option<Annotation>,
    ) -> Result<Self, ParquetError> {
        let Some(annotation) = annotation else { return Ok(Self::of_physical(physical)) };
        let is_bytes = matches!(physical, Physical::ByteArray | Physical::Fixed(_));
        let is_integer = matches!(physical, Physical::Int32 | Physical::Int64);
        match annotation {
            Annotation::Text if is_bytes => Ok(Self::Text),
            Annotation::Json if is_bytes => Ok(Self::Json),
            Annotation::Uuid if physical == Physical::Fixed(16) => Ok(Self::Uuid),
            Annotation::Float16 if physical == Physical::Fixed(2) => Ok(Self::Float16),
            Annotation::Interval if physical == Physical::Fixed(12) => Ok(Self::Interval),
            Annotation::Date if physical == Physical::Int32 => Ok(Self::Date),
            Annotation::Unsigned if is_integer => Ok(Self::Unsigned),
            Annotation::Time { unit, is_utc } if is_integer => Ok(Self::Time { unit, is_utc }),
            Annotation::Timestamp { unit, is_utc } if physical == Physical::Int64 => {
                Ok(Self::Timestamp { unit, is_utc })
            }
            Annotation::Decimal { scale, precision } if is_integer || is_bytes => {
                decimal(physical, scale, precision)
            }
            annotation => Err(ParquetError::malformed(format!(
                "{annotation:?} cannot be stored as {physical:?}"
            ))),
        }
    }

    fn of_physical(physical: Physical) -> Self {
        match physical {
            Physical::Boolean
            | Physical::Int32
            | Physical::Int64
            | Physical::Float
            | Physical::Double
            | Physical::Int96 => Self::Plain,
            Physical::ByteArray | Physical::Fixed(_) => Self::Bytes,
        }
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// When JSON has no such value, or it is none of its type. Part of it may be written.
    pub(crate) fn write(self, value: &Value, out: &mut Vec<u8>) -> Result<(), BadValue> {
        match self {
            Self::Plain => write_plain(value, out),
            Self::Unsigned => write_unsigned(value, out),
            Self::Decimal { scale } => write_unscaled(value, scale, out),
            Self::Float16 => write_float16(bytes_of(value)?, out),
            Self::Text => {
                write_text(out, text_of(value)?);
                Ok(())
            }
            Self::Json => {
                let text = text_of(value)?;
                // Anything else could end the member that it is written into.
                serde_json::from_str::<IgnoredAny>(text)
                    .map_err(|error| bad(&format!("no JSON: {error}")))?;
                out.extend_from_slice(text.trim_ascii().as_bytes());
                Ok(())
            }
            Self::Bytes => {
                write_text(out, &STANDARD.encode(bytes_of(value)?));
                Ok(())
            }
            Self::Uuid => write_uuid(bytes_of(value)?, out),
            Self::Interval => write_interval(bytes_of(value)?, out),
            Self::Date | Self::Time { .. } | Self::Timestamp { .. } => {
                out.push(b'"');
                self.write_time(integer_of(value)?, out)?;
                out.push(b'"');
                Ok(())
            }
        }
    }

    fn write_time(self, units: i64, out: &mut Vec<u8>) -> Result<(), OutOfRange> {
        match self {
            Self::Time { unit, is_utc } => write_time(out, units, unit, is_utc),
            Self::Timestamp { unit, is_utc } => write_timestamp(out, units, unit, is_utc),
            _ => write_date(out, units),
        }
    }
}

fn decimal(physical: Physical, scale: i32, precision: i32) -> Result<LeafKind, ParquetError> {
    let is_known = (0..=MAX_DIGITS).contains(&scale)
        && (1..=MAX_DIGITS).contains(&precision)
        && !matches!(physical, Physical::Fixed(length) if length > MAX_DECIMAL_BYTES);
    match usize::try_from(scale) {
        Ok(scale) if is_known => Ok(LeafKind::Decimal { scale }),
        _ => {
            let reason =
                format!("a decimal of {precision} digits, {scale} of them behind the point");
            Err(ParquetError::unsupported(reason))
        }
    }
}

fn write_plain(value: &Value, out: &mut Vec<u8>) -> Result<(), BadValue> {
    match value {
        Value::Bool(value) => write_display(out, value),
        Value::Int32(value) => write_display(out, value),
        Value::Int64(value) => write_display(out, value),
        Value::Float(value) => return write_float(f64::from(*value), value, out),
        Value::Double(value) => return write_float(*value, value, out),
        Value::Int96(bytes) => {
            out.push(b'"');
            write_int96(out, *bytes)?;
            out.push(b'"');
        }
        Value::Bytes(_) => return Err(wrong_type()),
    }
    Ok(())
}

/// Writes the fewest digits from which the number is read again.
fn write_float(
    value: f64,
    as_stored: &impl serde::Serialize,
    out: &mut Vec<u8>,
) -> Result<(), BadValue> {
    if !value.is_finite() {
        return Err(bad(&format!("JSON has no number {value}")));
    }
    serde_json::to_writer(out, as_stored).map_err(|error| bad(&error.to_string()))
}

fn write_float16(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), BadValue> {
    let bits = u16::from_le_bytes(bytes.try_into().map_err(|_| wrong_type())?);
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction > 0.0 => f32::NAN,
        31 => f32::INFINITY,
        _ => (1.0 + fraction / 1_024.0) * 2_f32.powi(exponent - 15),
    };
    let value = if bits & 0x8000 == 0 { magnitude } else { -magnitude };
    write_float(f64::from(value), &value, out)
}

fn write_unsigned(value: &Value, out: &mut Vec<u8>) -> Result<(), BadValue> {
    match value {
        Value::Int32(value) => write_display(out, value.cast_unsigned()),
        Value::Int64(value) => write_display(out, value.cast_unsigned()),
        _ => return Err(wrong_type()),
    }
    Ok(())
}

fn write_unscaled(value: &Value, scale: usize, out: &mut Vec<u8>) -> Result<(), BadValue> {
    match value {
        Value::Int32(value) => write_decimal(out, &value.to_be_bytes(), scale),
        Value::Int64(value) => write_decimal(out, &value.to_be_bytes(), scale),
        Value::Bytes(bytes) if bytes.len() <= MAX_DECIMAL_BYTES => {
            write_decimal(out, bytes, scale);
        }
        Value::Bytes(bytes) => return Err(bad(&format!("a decimal of {} bytes", bytes.len()))),
        _ => return Err(wrong_type()),
    }
    Ok(())
}

fn write_uuid(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), BadValue> {
    let number = u128::from_be_bytes(bytes.try_into().map_err(|_| wrong_type())?);
    let digits = format!("{number:032x}");
    let (a, b, c) = (&digits[..8], &digits[8..12], &digits[12..16]);
    write_display(out, format_args!("\"{a}-{b}-{c}-{}-{}\"", &digits[16..20], &digits[20..]));
    Ok(())
}

/// Writes months, days and milliseconds as a duration of ISO 8601.
fn write_interval(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), BadValue> {
    let bytes: [u8; 12] = bytes.try_into().map_err(|_| wrong_type())?;
    let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
    let (months, days) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    let millis = u32::from_le_bytes([i, j, k, l]);
    let (seconds, fraction) = (millis / 1_000, millis % 1_000);
    write_display(out, format_args!("\"P{months}M{days}DT{seconds}.{fraction:03}S\""));
    Ok(())
}

fn integer_of(value: &Value) -> Result<i64, BadValue> {
    match value {
        Value::Int32(value) => Ok(i64::from(*value)),
        Value::Int64(value) => Ok(*value),
        _ => Err(wrong_type()),
    }
}

fn bytes_of(value: &Value) -> Result<&[u8], BadValue> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(wrong_type()),
    }
}

fn text_of(value: &Value) -> Result<&str, BadValue> {
    std::str::from_utf8(bytes_of(value)?).map_err(|error| {
        let reason = format!("invalid UTF-8 at byte {}", error.valid_up_to());
        BadValue { kind: RefusalKind::NotUtf8, reason }
    })
}

/// A fault of this crate: values are decoded by the physical type to which the annotation belongs.
fn wrong_type() -> BadValue {
    bad("a value of another type than its column")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[track_caller]
    fn check(kind: LeafKind, value: Value, expected: Result<&str, &str>) {
        let mut out = Vec::new();
        let written = kind.write(&value, &mut out).map_err(|bad| bad.reason);
        let text = String::from_utf8(out).unwrap();
        match (written, expected) {
            (Ok(()), Ok(expected)) => assert_eq!(text, expected),
            (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
            (written, _) => panic!("{written:?}, {text}"),
        }
    }

    fn bytes(bytes: &'static [u8]) -> Value {
        Value::Bytes(Bytes::from_static(bytes))
    }

    #[test]
    fn numbers_keep_their_digits() {
        check(LeafKind::Plain, Value::Bool(true), Ok("true"));
        check(LeafKind::Plain, Value::Int64(i64::MIN), Ok("-9223372036854775808"));
        check(LeafKind::Unsigned, Value::Int64(-1), Ok("18446744073709551615"));
        check(LeafKind::Unsigned, Value::Int32(-1), Ok("4294967295"));
        check(LeafKind::Plain, Value::Float(0.1), Ok("0.1"));
        check(LeafKind::Plain, Value::Double(0.1 + 0.2), Ok("0.30000000000000004"));
        check(LeafKind::Plain, Value::Double(-0.0), Ok("-0.0"));
        check(LeafKind::Plain, Value::Double(f64::NAN), Err("NaN"));
        check(LeafKind::Plain, Value::Float(f32::NEG_INFINITY), Err("-inf"));
        check(LeafKind::Float16, bytes(b"\x00\x3e"), Ok("1.5"));
        check(LeafKind::Float16, bytes(b"\x00\xc0"), Ok("-2.0"));
        check(LeafKind::Float16, bytes(b"\x01\x00"), Ok("5.9604645e-8"));
        check(LeafKind::Float16, bytes(b"\x00\x7c"), Err("inf"));
        check(LeafKind::Float16, bytes(b"\x01\x7c"), Err("NaN"));
        let decimal = LeafKind::Decimal { scale: 2 };
        check(decimal, Value::Int32(-1), Ok("-0.01"));
        check(decimal, bytes(b"\x01\x00"), Ok("2.56"));
        check(decimal, bytes(b""), Ok("0.00"));
        check(decimal, Value::Bytes(vec![0; 65].into()), Err("65 bytes"));
    }

    #[test]
    fn bytes_are_what_the_annotation_says() {
        check(LeafKind::Text, bytes("é\n".as_bytes()), Ok("\"é\\n\""));
        check(LeafKind::Text, bytes(b"a\xff"), Err("byte 1"));
        check(LeafKind::Json, bytes(b" {\"a\": 1.50} "), Ok("{\"a\": 1.50}"));
        check(LeafKind::Json, bytes(b"1,\"b\":2"), Err("no JSON"));
        check(LeafKind::Json, bytes(b""), Err("no JSON"));
        check(LeafKind::Bytes, bytes(b"\x00\xff"), Ok("\"AP8=\""));
        let uuid = bytes(b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef");
        check(LeafKind::Uuid, uuid, Ok("\"01234567-89ab-cdef-0123-456789abcdef\""));
        let interval = bytes(b"\x01\0\0\0\x02\0\0\0\xbc\x0b\0\0");
        check(LeafKind::Interval, interval, Ok("\"P1M2DT3.004S\""));
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        let unit = TimeUnit::Micros;
        check(LeafKind::Date, Value::Int32(-1), Ok("\"1969-12-31\""));
        check(LeafKind::Date, Value::Int32(i32::MAX), Err("0000 to 9999"));
        let time = LeafKind::Time { unit, is_utc: true };
        check(time, Value::Int64(1), Ok("\"00:00:00.000001Z\""));
        let local = LeafKind::Timestamp { unit, is_utc: false };
        check(local, Value::Int64(1_000_000), Ok("\"1970-01-01T00:00:01\""));
        let mut int96 = [0; 12];
        int96[8..].copy_from_slice(&2_440_588_u32.to_le_bytes());
        check(LeafKind::Plain, Value::Int96(int96), Ok("\"1970-01-01T00:00:00Z\""));
        check(LeafKind::Plain, Value::Int96([0xff; 12]), Err("no date"));
    }
}
