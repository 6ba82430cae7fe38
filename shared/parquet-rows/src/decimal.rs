//! The digits of decimals.

/// The most bytes of a decimal: 154 digits. Writers use up to 32.
pub(crate) const MAX_DECIMAL_BYTES: usize = 64;
/// The most digits behind the point, which are all of them.
pub(crate) const MAX_DIGITS: i32 = 154;

/// Writes a two's complement, its highest byte first, as a number with `scale` digits behind the point.
pub(crate) fn write_decimal(out: &mut Vec<u8>, unscaled: &[u8], scale: usize) {
    let is_negative = unscaled.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut magnitude = unscaled.to_vec();
    if is_negative {
        negate(&mut magnitude);
        out.push(b'-');
    }
    let digits = digits(magnitude);
    let whole = digits.len().saturating_sub(scale);
    if whole == 0 {
        out.push(b'0');
    }
    out.extend_from_slice(&digits[..whole]);
    if scale > 0 {
        out.push(b'.');
        let zeros = scale.saturating_sub(digits.len());
        out.extend(std::iter::repeat_n(b'0', zeros));
        out.extend_from_slice(&digits[whole..]);
    }
}

fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes.iter_mut().rev() {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
}

/// The decimal digits of a number, without leading zeros. None for zero.
fn digits(mut magnitude: Vec<u8>) -> Vec<u8> {
    let mut digits = Vec::new();
    while magnitude.iter().any(|byte| *byte != 0) {
        // Divides by 10^9.
        let mut rest = 0_u64;
        for byte in &mut magnitude {
            let value = rest << 8 | u64::from(*byte);
            rest = value % 1_000_000_000;
            *byte = u8::try_from(value / 1_000_000_000).unwrap_or(u8::MAX);
        }
        for _ in 0..9 {
            digits.push(b'0' + u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
        }
    }
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    digits.reverse();
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(unscaled: i128, scale: usize, expected: &str) {
        let mut out = Vec::new();
        write_decimal(&mut out, &unscaled.to_be_bytes(), scale);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn digits_are_exact() {
        check(0, 0, "0");
        check(0, 2, "0.00");
        check(12_345, 2, "123.45");
        check(-5, 3, "-0.005");
        check(100, 2, "1.00");
        check(i128::MIN, 0, "-170141183460469231731687303715884105728");
        check(i128::MAX, 38, "1.70141183460469231731687303715884105727");
    }

    proptest! {
        #[test]
        fn whole_numbers_are_those_of_the_language(number: i128) {
            let mut out = Vec::new();
            write_decimal(&mut out, &number.to_be_bytes(), 0);
            prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
