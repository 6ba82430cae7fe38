//! A point in time, to the nanosecond.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Nanoseconds since the Unix epoch, within the years 0 to 9999. It is written as RFC 3339 in UTC with three decimals,
/// or with more if they are needed, up to nine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i128);

/// Why a text is not a [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It is not an RFC 3339 time.
    #[error("`{text}` is not an RFC 3339 time such as 2013-01-01T10:00:00Z")]
    Malformed {
        /// The first 64 characters of the text.
        text: String,
    },
    /// It is a time, but in UTC not within the years 0 to 9999.
    #[error("`{text}` is, in UTC, not within the years 0 to 9999")]
    OutOfRange {
        /// The first 64 characters of the text.
        text: String,
    },
}

/// 0000-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z, which is all that RFC 3339 can write.
const RANGE: std::ops::RangeInclusive<i128> =
    -62_167_219_200_000_000_000..=253_402_300_799_999_999_999;

const NANOS_PER_MS: i128 = 1_000_000;

impl Timestamp {
    /// The time this many milliseconds after the Unix epoch. A time outside the years 0 to 9999 becomes the nearest
    /// time within them.
    #[must_use]
    pub fn from_unix_ms(ms: i64) -> Self {
        Self::within(i128::from(ms) * NANOS_PER_MS)
    }

    /// The time this many nanoseconds after the Unix epoch. `None` outside the years 0 to 9999.
    #[must_use]
    pub fn from_unix_nanos(nanos: i128) -> Option<Self> {
        RANGE.contains(&nanos).then_some(Self(nanos))
    }

    fn within(nanos: i128) -> Self {
        Self(nanos.clamp(*RANGE.start(), *RANGE.end()))
    }

    /// Whole milliseconds since the epoch, rounded down.
    #[must_use]
    pub fn unix_ms(self) -> i64 {
        // Milliseconds within the range have at most 15 digits.
        i64::try_from(self.0.div_euclid(NANOS_PER_MS)).unwrap_or(i64::MAX)
    }

    /// The nanoseconds beyond the whole milliseconds: 0 to 999,999.
    #[must_use]
    pub fn nanos_of_ms(self) -> u32 {
        u32::try_from(self.0.rem_euclid(NANOS_PER_MS)).unwrap_or(0)
    }

    /// The time this much later, or the last time of the year 9999.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self::within(self.0.saturating_add(i128::try_from(by.as_nanos()).unwrap_or(i128::MAX)))
    }

    /// The time this much earlier, or the first time of the year 0.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self::within(self.0.saturating_sub(i128::try_from(by.as_nanos()).unwrap_or(i128::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = u128::try_from(self.0 - earlier.0).unwrap_or(0);
        Duration::from_nanos_u128(nanos)
    }

    /// The calendar day in UTC, as `2013-01-31`.
    #[must_use]
    pub fn date(self) -> String {
        let at = self.offset_date_time();
        format!("{:04}-{:02}-{:02}", at.year(), u8::from(at.month()), at.day())
    }

    /// The hour of the day in UTC, 0 to 23.
    #[must_use]
    pub fn hour(self) -> u8 {
        self.offset_date_time().hour()
    }

    fn offset_date_time(self) -> OffsetDateTime {
        // All values are within the years that the calendar has.
        OffsetDateTime::from_unix_timestamp_nanos(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// A time of the system's clock, to the millisecond, which is as precise as SQS and Lambda are.
impl From<SystemTime> for Timestamp {
    fn from(at: SystemTime) -> Self {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset_date_time();
        let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
        let (hour, minute, second, ms) = at.to_hms_milli();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}")?;
        match self.nanos_of_ms() {
            0 => {}
            nanos => f.write_str(format!("{nanos:06}").trim_end_matches('0'))?,
        }
        f.write_str("Z")
    }
}

/// Reads an RFC 3339 time with any offset. Decimals of a second beyond the ninth are cut off.
impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let at = OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| TimestampError::Malformed { text: bounded(text) })?;
        let nanos = at.unix_timestamp_nanos();
        if !RANGE.contains(&nanos) {
            return Err(TimestampError::OutOfRange { text: bounded(text) });
        }
        Ok(Self(nanos))
    }
}

/// As much of a text as an error quotes.
fn bounded(text: &str) -> String {
    text.chars().take(64).collect()
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), expected);
    }

    #[test]
    fn any_offset_is_written_in_utc_with_the_fraction_it_came_with() {
        check("2013-01-01T10:00:00Z", "2013-01-01T10:00:00.000Z");
        check("2013-01-01T05:00:00.1239-05:00", "2013-01-01T10:00:00.1239Z");
        check("2013-01-01T10:00:00.000001Z", "2013-01-01T10:00:00.000001Z");
        check("2013-01-01T10:00:00.123456789Z", "2013-01-01T10:00:00.123456789Z");
        check("2013-01-01T10:00:00.12345678951Z", "2013-01-01T10:00:00.123456789Z");
        check("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.9999Z");
        check("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z");
        check("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn what_is_not_a_time_is_named() {
        let error = "yesterday".parse::<Timestamp>().unwrap_err();
        assert!(error.to_string().contains("yesterday"), "{error}");
    }

    #[test]
    fn a_time_that_utc_has_in_another_year_than_0_to_9999_is_refused() {
        for text in ["0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
            let error = text.parse::<Timestamp>().unwrap_err();
            assert_eq!(error, TimestampError::OutOfRange { text: text.to_owned() });
        }
    }

    #[test]
    fn a_fraction_orders_times() {
        let one: Timestamp = "2026-11-28T00:00:00.123003Z".parse().unwrap();
        let other: Timestamp = "2026-11-28T00:00:00.123008Z".parse().unwrap();
        assert!(one < other);
        assert_eq!((one.unix_ms(), one.nanos_of_ms()), (other.unix_ms(), 3_000));
        let before_1970: Timestamp = "1969-12-31T23:59:59.9999Z".parse().unwrap();
        assert_eq!((before_1970.unix_ms(), before_1970.nanos_of_ms()), (-1, 900_000));
    }

    #[test]
    fn a_time_has_a_day_and_an_hour_in_utc() {
        let at: Timestamp = "2013-01-31T23:30:00.5-01:00".parse().unwrap();
        assert_eq!(
            (at.date(), at.hour(), at.unix_ms()),
            ("2013-02-01".to_owned(), 0, 1_359_678_600_500)
        );
        let at: Timestamp = "0001-02-03T14:00:00Z".parse().unwrap();
        assert_eq!((at.date(), at.hour()), ("0001-02-03".to_owned(), 14));
    }

    #[test]
    fn time_passes() {
        let at = Timestamp::from_unix_ms(1_000);
        let later = at.plus(Duration::from_nanos(1_500_000));
        assert_eq!(later.since(at), Duration::from_nanos(1_500_000));
        assert_eq!(at.since(later), Duration::ZERO);
        assert_eq!(at.since(at), Duration::ZERO);
        let last = Timestamp::from_unix_ms(i64::MAX);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999999999Z");
        assert_eq!(last.plus(Duration::MAX), last);
        assert_eq!(last.since(Timestamp::from_unix_ms(i64::MIN)).as_secs(), 315_569_519_999);
    }

    proptest::proptest! {
        #[test]
        fn a_time_survives_being_written(nanos in RANGE) {
            let at = Timestamp(nanos);
            proptest::prop_assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        }
    }
}
