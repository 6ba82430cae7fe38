//! A number by its digits, which adds and compares without loss. Amounts of money or miles never become a double.

use std::fmt;
use std::str::FromStr;

use serde_json::Number;

/// An exact decimal of at most [`Decimal::DIGITS`] digits. It is written without an exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// Does not end with a zero, unless it is zero.
    digits: i128,
    /// The value is `digits` times ten to the power of this.
    exponent: i32,
}

/// Why a text is not a [`Decimal`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// It is not a JSON number.
    #[error("not a number")]
    Malformed,
    /// It has too many significant digits, or is too large or too small for DynamoDB.
    #[error("a number of more than 38 significant digits, or not within 1E-130 to 9.99E+125")]
    OutOfRange,
}

impl Decimal {
    /// The number 0.
    pub const ZERO: Self = Self { digits: 0, exponent: 0 };

    /// The number 1.
    pub const ONE: Self = Self { digits: 1, exponent: 0 };

    /// The number of significant digits that DynamoDB keeps:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
    pub const DIGITS: u32 = 38;

    /// The powers of ten that the first significant digit may have. DynamoDB keeps magnitudes from 1E-130 to
    /// 9.9999999999999999999999999999999999999E+125 (same page).
    const MAGNITUDES: std::ops::RangeInclusive<i64> = -130..=125;

    /// The exact value of a JSON number.
    ///
    /// # Errors
    /// [`DecimalError::OutOfRange`] if DynamoDB cannot hold it.
    pub fn of(number: &Number) -> Result<Self, DecimalError> {
        number.as_str().parse()
    }

    /// Whether it has no fraction.
    #[must_use]
    pub fn is_integer(self) -> bool {
        self.exponent >= 0
    }

    /// The number as an integer of 64 bits, if it is one.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        let power = 10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        i64::try_from(self.digits.checked_mul(power)?).ok()
    }

    /// The significant digits, without a sign: `"0"` for zero.
    pub(crate) fn significant(self) -> String {
        self.digits.unsigned_abs().to_string()
    }

    pub(crate) fn is_negative(self) -> bool {
        self.digits.is_negative()
    }

    /// The power of ten of the last significant digit.
    pub(crate) fn exponent(self) -> i64 {
        i64::from(self.exponent)
    }

    /// The value in units of ten to the power of minus `scale`. `None` if it is not a whole number of them, or has more
    /// than [`Self::DIGITS`] digits in this unit.
    #[must_use]
    pub fn unscaled(self, scale: u32) -> Option<i128> {
        let power = u32::try_from(self.exponent() + i64::from(scale)).ok()?;
        let value = self.digits.checked_mul(10_i128.checked_pow(power)?)?;
        (value == 0 || value.unsigned_abs().ilog10() < Self::DIGITS).then_some(value)
    }

    /// The digits of a number as a table stores them: without an exponent, and without zeros at the end of a fraction.
    ///
    /// # Errors
    /// The same as [`Self::of`].
    pub fn plain_text(number: &Number) -> Result<String, DecimalError> {
        let text = number.as_str();
        let is_plain = text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { Ok(text.to_owned()) } else { Ok(Self::of(number)?.to_string()) }
    }

    /// The sum; `None` if it has more digits than are kept.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        if self.digits == 0 {
            return Some(other);
        }
        if other.digits == 0 {
            return Some(self);
        }
        let exponent = self.exponent.min(other.exponent);
        let sum = self.digits_at(exponent)?.checked_add(other.digits_at(exponent)?)?;
        Self::new(sum, i64::from(exponent)).ok()
    }

    /// The value in units of ten to the power of `exponent`, which is at most its own.
    fn digits_at(self, exponent: i32) -> Option<i128> {
        let power = u32::try_from(self.exponent - exponent).ok()?;
        self.digits.checked_mul(10_i128.checked_pow(power)?)
    }

    fn new(mut digits: i128, mut exponent: i64) -> Result<Self, DecimalError> {
        if digits == 0 {
            return Ok(Self::ZERO);
        }
        while digits % 10 == 0 {
            digits /= 10;
            exponent += 1;
        }
        let length = digits.unsigned_abs().ilog10() + 1;
        let magnitude = exponent.saturating_add(i64::from(length) - 1);
        let is_within = length <= Self::DIGITS && Self::MAGNITUDES.contains(&magnitude);
        match i32::try_from(exponent) {
            Ok(exponent) if is_within => Ok(Self { digits, exponent }),
            _ => Err(DecimalError::OutOfRange),
        }
    }
}

/// Reads a JSON number (RFC 8259, section 6).
impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            Some((mantissa, exponent)) => {
                let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if !is_digits(unsigned) {
                    return Err(DecimalError::Malformed);
                }
                // An exponent of more than 64 bits is out of range, unless the number is zero.
                let beyond = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
                (mantissa, exponent.parse().unwrap_or(beyond))
            }
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let (is_negative, whole) = match whole.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, whole),
        };
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(DecimalError::Malformed);
        }
        let fraction = fraction.trim_end_matches('0');
        let padded = format!("{whole}{fraction}");
        let digits = padded.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Self::ZERO);
        }
        // Zeros at the end do not count as digits, but raise the exponent.
        let kept = digits.trim_end_matches('0');
        let zeros = i64::try_from(digits.len() - kept.len()).unwrap_or(i64::MAX);
        if kept.len() > Self::DIGITS as usize {
            return Err(DecimalError::OutOfRange);
        }
        let value: i128 = kept.parse().map_err(|_| DecimalError::OutOfRange)?;
        let places = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        let exponent = exponent.saturating_sub(places).saturating_add(zeros);
        Self::new(if is_negative { -value } else { value }, exponent)
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let digits = self.digits.unsigned_abs().to_string();
        let Ok(places) = usize::try_from(-i64::from(self.exponent)) else {
            let zeros = usize::try_from(self.exponent).unwrap_or(0);
            return write!(f, "{sign}{digits}{}", "0".repeat(zeros));
        };
        match digits.len().checked_sub(places) {
            _ if places == 0 => write!(f, "{sign}{digits}"),
            Some(whole) if whole > 0 => {
                write!(f, "{sign}{}.{}", &digits[..whole], &digits[whole..])
            }
            _ => write!(f, "{sign}0.{}{digits}", "0".repeat(places - digits.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let number: Decimal = text.parse().unwrap();
        assert_eq!(number.to_string(), expected);
        assert_eq!(expected.parse::<Decimal>(), Ok(number));
    }

    #[test]
    fn a_number_is_written_without_an_exponent() {
        check("0", "0");
        check("-0.0", "0");
        check("0e999", "0");
        check("-0.0e99999999999999999999", "0");
        check("0e-99999999999999999999", "0");
        check("-17", "-17");
        check("1.50", "1.5");
        check("-0.007", "-0.007");
        check("1200", "1200");
        check("12E2", "1200");
        check("12e-1", "1.2");
        check("1e-9", "0.000000001");
        check("99999999999999999999999999999999999999", "99999999999999999999999999999999999999");
        check("0.10000000000000000000000001", "0.10000000000000000000000001");
    }

    #[test]
    fn what_would_lose_digits_is_refused() {
        let wide = format!("1{}1", "0".repeat(37));
        for text in [
            wide.as_str(),
            "1e126",
            "9.9e-131",
            "1e99999999999999999999",
            "1e-99999999999999999999",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::OutOfRange), "{text}");
        }
        for text in ["", "-", "+1", "1.", ".5", "1e", "1e+-1", "0x1", " 1", "NaN", "1_0"] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::Malformed), "{text}");
        }
    }

    #[test]
    fn the_range_is_that_of_dynamodb() {
        let largest = format!("{}E+125", format_args!("9.{}", "9".repeat(37)));
        for text in [largest.as_str(), "-1e125", "1e-130", "-1E-130"] {
            let number: Decimal = text.parse().unwrap();
            assert_eq!(number.to_string().parse(), Ok(number), "{text}");
        }
        let finest = format!("1.{}1E-130", "0".repeat(36));
        assert_eq!(finest.parse::<Decimal>().unwrap().significant().len(), 38);
    }

    #[test]
    fn an_integer_is_one_however_it_is_written() {
        for (text, is_integer, expected) in [
            ("7.0", true, Some(7)),
            ("-7e2", true, Some(-700)),
            ("0.0", true, Some(0)),
            ("0.5", false, None),
            ("9223372036854775807", true, Some(i64::MAX)),
            ("-9223372036854775808.0", true, Some(i64::MIN)),
            ("9223372036854775808", true, None),
            ("1e30", true, None),
            ("1e125", true, None),
        ] {
            let number: Decimal = text.parse().unwrap();
            assert_eq!((number.is_integer(), number.to_i64()), (is_integer, expected), "{text}");
        }
    }

    #[test]
    fn a_number_is_scaled_where_nothing_of_it_is_lost() {
        for (text, scale, expected) in [
            ("12.34", 2, Some(1_234)),
            ("-12.3", 2, Some(-1_230)),
            ("0", 9, Some(0)),
            ("12.345", 2, None),
            ("99999999999999999999999999999999999999", 0, Some(10_i128.pow(38) - 1)),
            ("99999999999999999999999999999999999999", 1, None),
            ("1e37", 1, None),
            ("1e37", 0, Some(10_i128.pow(37))),
            (
                "12345678901234567890123456789.123456789",
                9,
                Some(12_345_678_901_234_567_890_123_456_789_123_456_789),
            ),
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().unscaled(scale), expected, "{text}");
        }
    }

    #[test]
    fn a_table_is_given_the_digits_and_no_exponent() {
        for (text, expected) in [
            ("1200", Ok("1200")),
            ("1.50", Ok("1.5")),
            ("-1.5e3", Ok("-1500")),
            ("12345678901234567890123", Ok("12345678901234567890123")),
            ("123456789012345678901234567890123456789", Err(DecimalError::OutOfRange)),
            ("1e126", Err(DecimalError::OutOfRange)),
        ] {
            let number: Number = serde_json::from_str(text).unwrap();
            let found = Decimal::plain_text(&number);
            assert_eq!(found.as_deref().map_err(Clone::clone), expected, "{text}");
        }
    }

    fn sum(texts: &[&str]) -> Option<Decimal> {
        texts.iter().try_fold(Decimal::ZERO, |sum, text| sum.plus(text.parse().unwrap()))
    }

    fn scaled(digits: i64, places: u32) -> Decimal {
        format!("{digits}e-{places}").parse().unwrap()
    }

    #[test]
    fn sums_are_exact_where_doubles_are_not() {
        assert_eq!(sum(&["0.1", "0.2"]).unwrap().to_string(), "0.3");
        assert_eq!(sum(&["9007199254740993", "0.5", "-9007199254740993"]), "0.5".parse().ok());
        assert_eq!(sum(&["99.99", "0.01"]).unwrap().to_string(), "100");
        assert_eq!(sum(&["1e30", "1e-30"]), None, "61 digits");
    }

    proptest::proptest! {
        #[test]
        fn addition_is_that_of_integers(a in -1_000_000_000_i64..1_000_000_000, b in -1_000_000_000_i64..1_000_000_000, places in 0_u32..9) {
            let sum = scaled(a, places).plus(scaled(b, places));
            proptest::prop_assert_eq!(sum, Some(scaled(a + b, places)));
        }

        #[test]
        fn a_number_is_read_as_it_is_written(digits in proptest::prelude::any::<i64>(), exponent in -60_i32..60) {
            let number: Decimal = format!("{digits}e{exponent}").parse().unwrap();
            proptest::prop_assert_eq!(number.to_string().parse::<Decimal>(), Ok(number));
        }
    }
}
