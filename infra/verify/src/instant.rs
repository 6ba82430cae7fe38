//! Times with nanoseconds, read and written by RFC 3339.

/// A time. Digits beyond nanoseconds are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    /// Since 1970-01-01T00:00:00Z.
    seconds: i64,
    nanos: u32,
}

const DAY: i64 = 24 * 60 * 60;

impl Instant {
    /// The time that is `ms` milliseconds after the Unix epoch.
    #[must_use]
    pub fn from_unix_ms(ms: i64) -> Self {
        Self::from_unix_nanos(i128::from(ms) * 1_000_000)
    }

    /// The time that is `nanos` nanoseconds after the Unix epoch.
    #[must_use]
    pub(crate) fn from_unix_nanos(nanos: i128) -> Self {
        const SECOND: i128 = 1_000_000_000;
        let seconds = i64::try_from(nanos.div_euclid(SECOND)).unwrap_or_default();
        Self { seconds, nanos: u32::try_from(nanos.rem_euclid(SECOND)).unwrap_or_default() }
    }

    /// Midnight of the day that is `days` after 1970-01-01.
    #[must_use]
    pub(crate) fn from_unix_days(days: i32) -> Self {
        Self { seconds: i64::from(days) * DAY, nanos: 0 }
    }

    /// The last whole unit of `unit` nanoseconds that is not later.
    #[must_use]
    pub(crate) fn cut(self, unit: i128) -> Self {
        Self::from_unix_nanos(self.unix_nanos().div_euclid(unit) * unit)
    }

    /// Reads an RFC 3339 time such as `2013-01-31T10:00:00.123456789+01:00`. `None` for any other
    /// text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !text.is_ascii() || bytes.len() < 20 {
            return None;
        }
        let separators = [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")];
        if !separators.iter().all(|(at, which)| which.as_bytes().contains(&bytes[*at])) {
            return None;
        }
        let year = number(&text[..4])?;
        let (month, day) = (number(&text[5..7])?, number(&text[8..10])?);
        let (hour, minute) = (number(&text[11..13])?, number(&text[14..16])?);
        let second = number(&text[17..19])?;
        let is_legal = (1..=12).contains(&month)
            && (1..=days_of(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        if !is_legal {
            return None;
        }
        let (nanos, offset) = fraction(&text[19..])?;
        let days = days_since_1970(year, month, day);
        // A count of seconds has no leap seconds. One is read as the end of the second before it,
        // so that it stays within its day.
        let (second, nanos) = if second == 60 { (59, 999_999_999) } else { (second, nanos) };
        let seconds = days * DAY + hour * 3_600 + minute * 60 + second - seconds_of(offset)?;
        Some(Self { seconds, nanos })
    }

    /// The date in UTC: `2013-01-31`.
    #[must_use]
    pub fn date(self) -> String {
        let (year, month, day) = date_of(self.seconds.div_euclid(DAY));
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// The hour in UTC, from 0 to 23.
    #[must_use]
    pub fn hour(self) -> i64 {
        self.seconds.rem_euclid(DAY) / 3_600
    }

    /// The time `days` times 24 hours later.
    #[must_use]
    pub(crate) fn plus_days(self, days: u32) -> Self {
        Self { seconds: self.seconds.saturating_add(i64::from(days) * DAY), ..self }
    }

    /// Whole milliseconds since `earlier`. `None` if `earlier` is later.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> Option<u64> {
        u64::try_from((self.unix_nanos() - earlier.unix_nanos()).div_euclid(1_000_000)).ok()
    }

    /// Nanoseconds since `earlier`, below zero if that is later.
    pub(crate) fn nanos_since(self, earlier: Self) -> i128 {
        self.unix_nanos() - earlier.unix_nanos()
    }

    fn unix_nanos(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }
}

/// RFC 3339 in UTC, without zeros at the end of the fraction.
impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of_day = self.seconds.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}", self.date())?;
        if self.nanos > 0 {
            let nanos = format!("{:09}", self.nanos);
            write!(f, ".{}", nanos.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The nanoseconds of `.123Z`, and the offset that follows them.
fn fraction(rest: &str) -> Option<(u32, &str)> {
    let Some(rest) = rest.strip_prefix('.') else { return Some((0, rest)) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    let nine: String = rest[..digits].chars().chain("000000000".chars()).take(9).collect();
    Some((nine.parse().ok()?, &rest[digits..]))
}

/// The offset in seconds of `Z`, `+01:00` or `-0130`.
fn seconds_of(offset: &str) -> Option<i64> {
    if matches!(offset, "Z" | "z") {
        return Some(0);
    }
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset[1..].split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days between 1970-01-01 and a date of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let of_years =
        before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    let of_months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    // 719,162 days lie between 1 January of year 1 and 1970.
    of_years + of_months + day - 1 - 719_162
}

fn date_of(days: i64) -> (i64, i64, i64) {
    // This estimate is never too late, because a year has 365 or 366 days.
    let mut year = 1970 + days.div_euclid(365).min(days.div_euclid(366));
    while days_since_1970(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut left = days - days_since_1970(year, 1, 1);
    let mut month = 1;
    while left >= days_of(year, month) {
        left -= days_of(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(i64, u32)>) {
        let found = Instant::parse(text).map(|instant| (instant.seconds, instant.nanos));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_leap_second_is_the_end_of_its_day() {
        check("2016-12-31T23:59:60Z", Some((1_483_228_799, 999_999_999)));
        let leap = Instant::parse("2016-12-31T23:59:60Z").unwrap();
        assert_eq!(leap.date(), "2016-12-31");
    }

    #[test]
    fn times_are_moments_whatever_their_offset_and_fraction() {
        check("1970-01-01T00:00:00Z", Some((0, 0)));
        check("2013-01-31T23:30:00-01:00", Some((1_359_678_600, 0)));
        check("2026-11-28t00:00:00.123008z", Some((1_795_824_000, 123_008_000)));
        check("2026-11-28 01:00:00.1234567891+01:00", Some((1_795_824_000, 123_456_789)));
        check("1969-12-31T23:59:59.5Z", Some((-1, 500_000_000)));
        check("0000-01-01T00:00:00Z", Some((-62_167_219_200, 0)));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "noon",
            "2026-11-28",
            "2026-11-28T00:00:00",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+1:00",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Zé",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_named() {
        let (mut year, mut month, mut day) = (1800, 1, 1);
        for days in days_since_1970(1800, 1, 1)..days_since_1970(2200, 1, 1) {
            assert_eq!(date_of(days), (year, month, day));
            assert_eq!(days_since_1970(year, month, day), days);
            day += 1;
            if day > days_of(year, month) {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }

    #[test]
    fn dates_and_durations_are_in_utc() {
        let one = Instant::parse("2013-01-31T23:30:00.250-01:00").unwrap();
        assert_eq!((one.date().as_str(), one.hour()), ("2013-02-01", 0));
        let earlier = Instant::parse("2013-02-01T00:29:59Z").unwrap();
        assert_eq!((one.ms_since(earlier), earlier.ms_since(one)), (Some(1_250), None));
        assert_eq!(one.plus_days(28).date(), "2013-03-01");
        assert_eq!(one.to_string(), "2013-02-01T00:30:00.25Z");
        assert_eq!(earlier.to_string(), "2013-02-01T00:29:59Z");
        assert_eq!(Instant::from_unix_ms(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }
}
