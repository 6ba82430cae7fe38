//! Reads a member's JSON text as a value of its column.

use contracts::TimestampUnit;
use event::{Decimal, Timestamp};

use super::Cell;

/// How a column holds a value.
pub(super) enum Placed {
    Exactly(Cell),
    /// As the nearest value that the column's type has, or as null if no value is near.
    Nearly(Cell),
}

const MS_OF_DAY: i64 = 24 * 60 * 60 * 1_000;

/// Reads an integer. `1.0` and `1e2` are integers too (JSON Schema 2020-12, core, section 4.2.3).
pub(super) fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| text.parse::<Decimal>().ok()?.to_i64())
}

pub(super) fn double(text: &str) -> Option<Placed> {
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let number: f64 = text.parse().ok().filter(|number: &f64| is_number && number.is_finite())?;
    let cell = Cell::Number(number);
    Some(if is_kept(text, number) { Placed::Exactly(cell) } else { Placed::Nearly(cell) })
}

/// Whether readers of the double find the exact number, which holds if the double's shortest text has the same value.
/// It always does with at most 15 digits.
fn is_kept(text: &str, number: f64) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits <= 15 {
        return true;
    }
    match text.parse::<Decimal>() {
        Ok(exact) => format!("{number:e}").parse() == Ok(exact),
        Err(_) => false,
    }
}

/// The days from 1970-01-01 to a date; `None` if the text is not a full date of RFC 3339. Each date has one text, so
/// that the column holds all of it.
pub(super) fn date(text: &str) -> Option<Placed> {
    let midnight: Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
    let days = i32::try_from(midnight.unix_ms().div_euclid(MS_OF_DAY)).ok()?;
    Some(Placed::Exactly(Cell::Days(days)))
}

/// The moment of a time, cut to the unit; `None` if the text is not a time of RFC 3339 within the years 0 to 9999.
///
/// A moment has many texts. The column holds only the one that [`text_of`] writes. It does not hold another offset than
/// `Z`, a finer fraction, zeros at the end of a fraction, or a leap second.
pub(super) fn time(text: &str, unit: TimestampUnit) -> Option<Placed> {
    let time: Timestamp = text.parse().ok()?;
    let cell = Cell::Integer(match unit {
        TimestampUnit::Milliseconds => time.unix_ms(),
        TimestampUnit::Microseconds => time.unix_ms() * 1_000 + i64::from(micros_of_ms(time)),
    });
    let is_kept = text_of(time, unit) == text;
    Some(if is_kept { Placed::Exactly(cell) } else { Placed::Nearly(cell) })
}

/// The text that a column's value stands for: RFC 3339 in UTC with `Z`. The fraction is left out if it is zero, and
/// otherwise has three digits, or six if three are not enough.
fn text_of(time: Timestamp, unit: TimestampUnit) -> String {
    let micros = match unit {
        TimestampUnit::Milliseconds => 0,
        TimestampUnit::Microseconds => micros_of_ms(time),
    };
    let fraction = match (time.unix_ms().rem_euclid(1_000), micros) {
        (0, 0) => String::new(),
        (ms, 0) => format!(".{ms:03}"),
        (ms, micros) => format!(".{ms:03}{micros:03}"),
    };
    let text = time.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    format!("{seconds}{fraction}Z")
}

fn micros_of_ms(time: Timestamp) -> u32 {
    time.nanos_of_ms() / 1_000
}

#[cfg(test)]
mod tests;
