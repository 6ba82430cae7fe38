//! Recognizes formats of texts by their shape.
//!
//! Each of them accepts less than the `format` of JSON Schema does, so that a text that is recognized here is valid by
//! every validator.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What all texts of a place may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    DateTime,
    Date,
    Time,
    Email,
    Uuid,
    Uri,
    Ipv4,
    Ipv6,
    /// A decimal number such as `12.50`. JSON Schema has no format of that name.
    Decimal,
}

impl Shape {
    pub(crate) const ALL: [Self; 9] = [
        Self::DateTime,
        Self::Date,
        Self::Time,
        Self::Email,
        Self::Uuid,
        Self::Uri,
        Self::Ipv4,
        Self::Ipv6,
        Self::Decimal,
    ];

    /// The `format` of JSON Schema:
    /// <https://json-schema.org/draft/2020-12/json-schema-validation#section-7.3>.
    pub(super) fn format(self) -> Option<&'static str> {
        match self {
            Self::DateTime => Some("date-time"),
            Self::Date => Some("date"),
            Self::Time => Some("time"),
            Self::Email => Some("email"),
            Self::Uuid => Some("uuid"),
            Self::Uri => Some("uri"),
            Self::Ipv4 => Some("ipv4"),
            Self::Ipv6 => Some("ipv6"),
            Self::Decimal => None,
        }
    }

    pub(crate) fn matches(self, text: &str) -> bool {
        match self {
            Self::DateTime => is_date_time(text),
            Self::Date => is_date(text),
            Self::Time => is_time(text),
            Self::Email => is_email(text),
            Self::Uuid => is_uuid(text),
            Self::Uri => is_uri(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.contains(':') && text.parse::<Ipv6Addr>().is_ok(),
            Self::Decimal => is_decimal(text),
        }
    }
}

/// RFC 3339, section 5.6, with `T` and `Z` in capitals and without leap seconds.
fn is_date_time(text: &str) -> bool {
    text.split_once('T').is_some_and(|(date, time)| is_date(date) && is_time(time))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let (Some(year), Some(month), Some(day)) = (digits(year, 4), digits(month, 2), digits(day, 2))
    else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// A time with its offset from UTC.
fn is_time(text: &str) -> bool {
    let Some((clock, rest)) = text.split_at_checked(8) else { return false };
    let parts: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = parts[..] else { return false };
    let is_clock = is_within(hour, 23) && is_within(minute, 59) && is_within(second, 59);
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if !(1..=9).contains(&count) {
                return false;
            }
            &fraction[count..]
        }
        None => rest,
    };
    is_clock && is_offset(offset)
}

fn is_offset(text: &str) -> bool {
    if text == "Z" {
        return true;
    }
    let Some((hours, minutes)) = text.strip_prefix(['+', '-']).and_then(|it| it.split_once(':'))
    else {
        return false;
    };
    is_within(hours, 23) && is_within(minutes, 59)
}

fn is_within(text: &str, most: u32) -> bool {
    digits(text, 2).is_some_and(|number| number <= most)
}

fn digits(text: &str, count: usize) -> Option<u32> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// The dot-atom form of RFC 5322, section 3.4.1, at a host with a top-level domain of letters.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let is_local = (1..=64).contains(&local.len())
        && local.split('.').all(|atom| {
            !atom.is_empty()
                && atom.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte)
                })
        });
    text.len() <= 254 && is_local && is_host(host) && host.contains('.')
}

fn is_host(host: &str) -> bool {
    let is_name = host.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
            // A label in Punycode has rules of its own (RFC 5890, section 2.3.1).
            && label.get(2..4) != Some("--")
    });
    let last = host.rsplit('.').next().unwrap_or_default();
    is_name && last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts.iter().zip(lengths).all(|(part, length)| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// An absolute URI with a host name (RFC 3986), without user information.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
    let is_port = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_bucket = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    is_scheme && is_port && is_bucket && is_path(path)
}

fn is_path(path: &str) -> bool {
    let mut bytes = path.bytes();
    let mut fragments = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b'#' => fragments += 1,
            b'%' => {
                let is_escape =
                    (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit()));
                if !is_escape {
                    return false;
                }
            }
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte) => {}
            _ => return false,
        }
    }
    fragments <= 1
}

/// Digits with a point between them, and an optional minus.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let are_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole) && are_digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Shape>) {
        let found: Vec<Shape> =
            Shape::ALL.into_iter().filter(|shape| shape.matches(text)).collect();
        assert_eq!(found, Vec::from_iter(expected), "{text}");
    }

    #[test]
    fn a_text_has_the_shape_that_people_see_in_it() {
        check("2026-01-31T08:00:00Z", Some(Shape::DateTime));
        check("2024-02-29T23:59:59.123456789+05:30", Some(Shape::DateTime));
        check("2026-02-29T00:00:00Z", None);
        check("2026-01-31T08:00:00", None);
        check("2026-01-31 08:00:00Z", None);
        check("2026-01-31", Some(Shape::Date));
        check("2026-1-31", None);
        check("2026-13-01", None);
        check("08:00:00-07:00", Some(Shape::Time));
        check("08:00:00", None);
        check("24:00:00Z", None);
        check("ada@example.com", Some(Shape::Email));
        check("a.b+c@mail.example.co", Some(Shape::Email));
        check("ada@localhost", None);
        check("a..b@example.com", None);
        check("ada@example-.com", None);
        check("ada@-example.com", None);
        check("123e4567-e89b-12d3-a456-426614174000", Some(Shape::Uuid));
        check("123e4567e89b12d3a456426614174000", None);
        check("https://example.com/a?b=%20#c", Some(Shape::Uri));
        check("s3://my-bucket/a/b", Some(Shape::Uri));
        check("https://example.com/a b", None);
        check("https://example.com/%2", None);
        check("mailto:a", None);
        check("192.0.2.1", Some(Shape::Ipv4));
        check("192.0.2.256", None);
        check("2001:db8::1", Some(Shape::Ipv6));
        check("-12.50", Some(Shape::Decimal));
        check("007", Some(Shape::Decimal));
        check("1.2.3", None);
        check("1e5", None);
        check("", None);
    }
}
