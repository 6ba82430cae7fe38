//! Exact decimal numbers, read from text and never held in a double.

use std::cmp::Ordering;

/// A decimal number of any size, without rounding. Two with the same value are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Decimal {
    is_negative: bool,
    /// The values 0 to 9, without zeros at either end. Empty for zero.
    digits: Vec<u8>,
    /// The power of ten of the last digit.
    exponent: i64,
}

/// The most digits of a sum. No table keeps as many.
const WIDEST_SUM: u64 = 1_000;

impl Decimal {
    /// The number 0.
    #[must_use]
    pub(crate) fn zero() -> Self {
        Self { is_negative: false, digits: Vec::new(), exponent: 0 }
    }

    /// The value of an integer.
    #[must_use]
    pub(crate) fn whole(number: u64) -> Self {
        Self::parse(&number.to_string()).unwrap_or_else(Self::zero)
    }

    /// Reads a number such as `-12.50e3`, as JSON, CSV files and DynamoDB write it. A plus,
    /// leading zeros, and a missing part before or after the point are accepted. `None` for any
    /// other text.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let fraction = i64::try_from(fraction.len()).ok()?;
        let digits = all.bytes().map(|byte| byte - b'0').collect();
        Some(Self::normal(is_negative, digits, exponent.checked_sub(fraction)?))
    }

    fn normal(is_negative: bool, mut digits: Vec<u8>, mut exponent: i64) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
            exponent = exponent.saturating_add(1);
        }
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..zeros);
        if digits.is_empty() {
            return Self::zero();
        }
        Self { is_negative, digits, exponent }
    }

    /// The sign (`-` or empty), the significant digits, and how many digits to the right of the
    /// first digit's left edge the point is. The last can be negative, and exceed the digits.
    pub(crate) fn parts(&self) -> (&'static str, String, i64) {
        let digits = self.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        (if self.is_negative { "-" } else { "" }, digits, self.magnitude())
    }

    /// Whether it has no digits after the point.
    #[must_use]
    pub(crate) fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    /// The sum. `None` if it would have too many digits.
    #[must_use]
    pub(crate) fn plus(&self, other: &Self) -> Option<Self> {
        if self.digits.is_empty() {
            return Some(other.clone());
        }
        if other.digits.is_empty() {
            return Some(self.clone());
        }
        let exponent = self.exponent.min(other.exponent);
        let (one, two) = (self.shifted(exponent)?, other.shifted(exponent)?);
        let (is_negative, digits) = if self.is_negative == other.is_negative {
            (self.is_negative, added(&one, &two))
        } else if compared(&one, &two) == Ordering::Less {
            (other.is_negative, subtracted(&two, &one))
        } else {
            (self.is_negative, subtracted(&one, &two))
        };
        Some(Self::normal(is_negative, digits, exponent))
    }

    /// The digits if the last one counts this power of ten.
    fn shifted(&self, exponent: i64) -> Option<Vec<u8>> {
        let zeros = self.exponent.checked_sub(exponent)?;
        let zeros = u64::try_from(zeros).ok().filter(|zeros| *zeros <= WIDEST_SUM)?;
        let mut digits = self.digits.clone();
        digits.resize(digits.len() + usize::try_from(zeros).ok()?, 0);
        Some(digits)
    }

    /// The power of ten above the first digit.
    fn magnitude(&self) -> i64 {
        self.exponent.saturating_add(i64::try_from(self.digits.len()).unwrap_or(i64::MAX))
    }

    fn cmp_absolute(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Digits are compared from the first one on. They have no zeros at their ends, so that
            // of two with the same beginning the longer is the greater.
            (false, false) => self
                .magnitude()
                .cmp(&other.magnitude())
                .then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.cmp_absolute(other),
            (true, true) => other.cmp_absolute(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `count` zeros. Empty for a negative number.
pub(crate) fn zeros(count: i64) -> String {
    "0".repeat(usize::try_from(count).unwrap_or_default())
}

/// The usual notation, `-12.5`, or one with an exponent, `125e-70`, if that is shorter.
impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const LONGEST: i64 = 45;
        let (sign, digits, point) = self.parts();
        let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        if digits.is_empty() {
            return f.write_str("0");
        }
        if !(-LONGEST..=LONGEST).contains(&point) {
            return write!(f, "{sign}{digits}e{}", self.exponent);
        }
        if point >= count {
            return write!(f, "{sign}{digits}{}", zeros(point - count));
        }
        if point <= 0 {
            return write!(f, "{sign}0.{}{digits}", zeros(-point));
        }
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or_default());
        write!(f, "{sign}{whole}.{fraction}")
    }
}

/// Compares digits that end at the same power of ten, with any number of leading zeros.
fn compared(one: &[u8], two: &[u8]) -> Ordering {
    one.len().cmp(&two.len()).then_with(|| one.cmp(two))
}

fn added(one: &[u8], two: &[u8]) -> Vec<u8> {
    let (mut sum, mut carry) = (Vec::new(), 0);
    for place in 0..one.len().max(two.len()) {
        let digit = digit_at(one, place) + digit_at(two, place) + carry;
        sum.push(digit % 10);
        carry = digit / 10;
    }
    sum.push(carry);
    sum.reverse();
    sum
}

/// The difference. `one` must not be the smaller number.
fn subtracted(one: &[u8], two: &[u8]) -> Vec<u8> {
    let (mut difference, mut borrowed) = (Vec::new(), 0);
    for place in 0..one.len() {
        let (from, take) = (digit_at(one, place), digit_at(two, place) + borrowed);
        borrowed = u8::from(from < take);
        difference.push(from + borrowed * 10 - take);
    }
    difference.reverse();
    difference
}

/// A digit by its place, counted from the last one.
fn digit_at(digits: &[u8], place: usize) -> u8 {
    digits.len().checked_sub(place + 1).map_or(0, |at| digits[at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn numbers_are_equal_by_value_however_they_are_written() {
        for (one, two) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0.10", "1E-1"),
            ("-0.0", "0"),
            ("+007", "7"),
            (".5", "5e-1"),
            ("12345678901234567890123.40", "123456789012345678901234e-1"),
        ] {
            assert_eq!(decimal(one), decimal(two));
        }
        assert_ne!(decimal("123456789012345678901"), decimal("123456789012345678902"));
        for text in ["", "-", ".", "e1", "1e", "NaN", "1_0", "0x1", "1 ", "١"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_shown_as_a_person_writes_it() {
        for (text, expected) in [
            ("1.250e1", "12.5"),
            ("-5e-3", "-0.005"),
            ("12345678901234567890123e2", "1234567890123456789012300"),
            ("1e100", "1e100"),
            ("0e5", "0"),
        ] {
            assert_eq!(decimal(text).to_string(), expected);
        }
    }

    #[test]
    fn a_sum_that_would_have_too_many_digits_is_none() {
        assert_eq!(decimal("1e999999999").plus(&decimal("1")), None);
        assert_eq!(decimal("1e999999999").plus(&Decimal::zero()), Some(decimal("1e999999999")));
        assert!(decimal("1e999999999") > decimal("9e999999998"));
    }

    proptest! {
        #[test]
        fn sums_and_order_are_those_of_integers(
            one in -1_000_000_000_000_i128..1_000_000_000_000,
            two in -1_000_000_000_000_i128..1_000_000_000_000,
            places in 0_u32..4,
        ) {
            let scaled = |number: i128| decimal(&format!("{number}e-{places}"));
            prop_assert_eq!(scaled(one).plus(&scaled(two)), Some(scaled(one + two)));
            prop_assert_eq!(scaled(one).cmp(&scaled(two)), one.cmp(&two));
            let apart = decimal(&(one * 10_i128.pow(places)).to_string());
            prop_assert_eq!(apart.cmp(&decimal(&two.to_string())), (one * 10_i128.pow(places)).cmp(&two));
        }
    }
}
