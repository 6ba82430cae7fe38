//! Recognizes texts and numbers that look personal by their shape and their check digits.

use super::formats::Shape;

/// What a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TextHint {
    Email,
    Phone,
    Iban,
    Card,
    IpAddress,
}

impl TextHint {
    pub(super) const ALL: [Self; 5] =
        [Self::Email, Self::Phone, Self::Iban, Self::Card, Self::IpAddress];

    /// What it is, for people.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Email => "an e-mail address",
            Self::Phone => "a phone number",
            Self::Iban => "a bank account",
            Self::Card => "a payment card",
            Self::IpAddress => "an IP address",
        }
    }
}

/// What a text looks like, if it looks personal.
pub(super) fn hint_of(text: &str) -> Option<TextHint> {
    if Shape::Email.matches(text) {
        Some(TextHint::Email)
    } else if is_iban(text) {
        Some(TextHint::Iban)
    } else if is_card(text) {
        Some(TextHint::Card)
    } else if is_phone(text) {
        Some(TextHint::Phone)
    } else if Shape::Ipv4.matches(text) || Shape::Ipv6.matches(text) {
        Some(TextHint::IpAddress)
    } else {
        None
    }
}

/// 13 to 19 digits that begin as those of a card network do, with a right check digit (ISO/IEC 7812-1, annex B: the
/// formula of Luhn). They may be in groups.
pub(super) fn is_card(text: &str) -> bool {
    let mut digits = Vec::with_capacity(19);
    for letter in text.chars() {
        match letter.to_digit(10) {
            Some(digit) if digits.len() < 19 => digits.push(digit),
            None if matches!(letter, ' ' | '-') && !digits.is_empty() => {}
            _ => return false,
        }
    }
    if digits.len() < 13 || !matches!(digits[0], 2..=6) {
        return false;
    }
    let mut sum = 0;
    for (place, digit) in digits.iter().rev().enumerate() {
        let weighted = if place % 2 == 1 { digit * 2 } else { *digit };
        sum += weighted / 10 + weighted % 10;
    }
    sum % 10 == 0
}

/// An international bank account number with right check digits (ISO 13616).
fn is_iban(text: &str) -> bool {
    let compact: String = text.chars().filter(|letter| *letter != ' ').collect();
    let bytes = compact.as_bytes();
    let is_shaped = (15..=34).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit);
    if !is_shaped {
        return false;
    }
    let mut remainder = 0_u32;
    for byte in bytes[4..].iter().chain(&bytes[..4]) {
        remainder = match byte {
            b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
            letter => (remainder * 100 + u32::from(letter - b'A') + 10) % 97,
        };
    }
    remainder == 1
}

/// An international number (E.164): a plus sign and 8 to 15 digits, which may be in groups.
fn is_phone(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('+') else { return false };
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    (8..=15).contains(&digits)
        && rest.len() <= 24
        && rest.bytes().all(|byte| byte.is_ascii_digit() || b" -.()/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<TextHint>) {
        assert_eq!(hint_of(text), expected, "{text}");
    }

    /// The numbers are those that networks, banks and ITU publish as examples.
    #[test]
    fn check_digits_tell_numbers_from_others() {
        check("4111 1111 1111 1111", Some(TextHint::Card));
        check("378282246310005", Some(TextHint::Card));
        check("4111 1111 1111 1112", None);
        check("0000000000000000", None);
        check("GB82 WEST 1234 5698 7654 32", Some(TextHint::Iban));
        check("DE89370400440532013000", Some(TextHint::Iban));
        check("DE88370400440532013000", None);
        check("+41 44 668 18 00", Some(TextHint::Phone));
        check("+1", None);
        check("0446681800", None);
        check("ada@example.com", Some(TextHint::Email));
        check("2001:db8::1", Some(TextHint::IpAddress));
        check("plain", None);
    }
}
