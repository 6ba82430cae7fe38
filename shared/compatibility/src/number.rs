//! Numbers of schemas and documents, exact: no double is in between.

use std::cmp::Ordering;

use serde_json::Number;

/// `digits` times ten to the power of `exponent`. The digits end with no zero, unless they are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Exact {
    digits: i128,
    exponent: i32,
}

impl Exact {
    /// `None` where a number has more digits than this type can hold; nothing is rounded.
    pub(crate) fn of(number: &Number) -> Option<Self> {
        Self::parse(number.as_str())
    }

    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Self::new(digits, exponent))
    }

    fn new(mut digits: i128, mut exponent: i32) -> Self {
        if digits == 0 {
            return Self { digits: 0, exponent: 0 };
        }
        while digits % 10 == 0 {
            digits /= 10;
            exponent = exponent.saturating_add(1);
        }
        Self { digits, exponent }
    }

    pub(crate) fn of_integer(value: i128) -> Self {
        Self::new(value, 0)
    }

    pub(crate) fn is_integer(self) -> bool {
        self.exponent >= 0
    }

    pub(crate) fn to_integer(self) -> Option<i128> {
        let power = 10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        self.digits.checked_mul(power)
    }

    /// The digits of both at one power of ten, and that power.
    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        let exponent = self.exponent.min(other.exponent);
        Some((self.at(exponent)?, other.at(exponent)?, exponent))
    }

    fn at(self, exponent: i32) -> Option<i128> {
        if self.digits == 0 {
            return Some(0);
        }
        let power = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.digits.checked_mul(10_i128.checked_pow(power)?)
    }

    /// `None` where the two cannot be compared within the digits of this type.
    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        if self.digits.signum() != other.digits.signum() {
            return Some(self.digits.signum().cmp(&other.digits.signum()));
        }
        let (one, two, _) = self.aligned(other)?;
        Some(one.cmp(&two))
    }

    pub(crate) fn is_multiple_of(self, divisor: Self) -> Option<bool> {
        if divisor.digits == 0 {
            return None;
        }
        let (one, two, _) = self.aligned(divisor)?;
        Some(one % two == 0)
    }

    /// The smallest multiple of the divisor that is not below this number.
    pub(crate) fn next_multiple(self, divisor: Self) -> Option<Self> {
        let (one, two, exponent) = self.aligned(divisor)?;
        let rest = one.checked_rem_euclid(two)?;
        let added = if rest == 0 { 0 } else { two.checked_abs()?.checked_sub(rest)? };
        Some(Self::new(one.checked_add(added)?, exponent))
    }

    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let (one, two, exponent) = self.aligned(other)?;
        Some(Self::new(one.checked_add(two)?, exponent))
    }

    pub(crate) fn tenth(self) -> Option<Self> {
        Some(Self::new(self.digits, self.exponent.checked_sub(1)?))
    }

    pub(crate) fn times(self, factor: i128) -> Option<Self> {
        Some(Self::new(self.digits.checked_mul(factor)?, self.exponent))
    }

    /// The largest integer that is not above this number.
    pub(crate) fn floor(self) -> Option<i128> {
        match self.to_integer() {
            Some(integer) => Some(integer),
            None if self.exponent < 0 => {
                let power = 10_i128.checked_pow(self.exponent.unsigned_abs());
                // More places than digits: the number is between minus one and one.
                Some(
                    power.map_or(-i128::from(self.digits < 0), |power| {
                        self.digits.div_euclid(power)
                    }),
                )
            }
            None => None,
        }
    }

    /// As it is written in JSON; `None` for what needs an exponent that nobody would read.
    pub(crate) fn to_number(self) -> Option<Number> {
        let text = if let Some(integer) = self.to_integer() {
            integer.to_string()
        } else {
            format!("{}e{}", self.digits, self.exponent)
        };
        let plain = self.plain().unwrap_or(text);
        serde_json::from_str(&plain).ok()
    }

    fn plain(self) -> Option<String> {
        let places = usize::try_from(self.exponent.checked_neg()?).ok().filter(|&n| n <= 20)?;
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let sign = if self.digits < 0 { "-" } else { "" };
        Some(if places == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Exact {
        Exact::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn one_number_has_one_form() {
        for text in ["10", "1e1", "10.0", "100e-1", "1E+1"] {
            assert_eq!(exact(text), exact("10"), "{text}");
            assert!(exact(text).is_integer());
        }
        assert!(!exact("0.5").is_integer());
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_rounded() {
        assert_eq!(Exact::parse(&"9".repeat(50)), None);
        assert_eq!(exact("1e300").compare(exact("1")), None);
        assert_eq!(exact("-1e300").compare(exact("1")), Some(Ordering::Less));
    }

    #[test]
    fn multiples_are_exact() {
        assert_eq!(exact("0.3").is_multiple_of(exact("0.1")), Some(true));
        assert_eq!(exact("0.35").is_multiple_of(exact("0.1")), Some(false));
        assert_eq!(exact("1").is_multiple_of(exact("0")), None);
    }

    #[test]
    fn floors_and_texts() {
        assert_eq!(exact("-1.5").floor(), Some(-2));
        assert_eq!(exact("1.5").floor(), Some(1));
        assert_eq!(exact("-0.5").to_number().map(|n| n.to_string()), Some("-0.5".to_owned()));
        assert_eq!(exact("120").to_number().map(|n| n.to_string()), Some("120".to_owned()));
    }
}
