//! When an event happened, by what its contract says of the time's place and of how it is written.

use chrono::{
    DateTime, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone,
};
use chrono_tz::Tz;

use crate::decimal::Decimal;
use crate::instant::Instant;
use crate::json::Json;

/// `keys.event_time` of a contract.
#[derive(Clone, Debug)]
pub struct EventTime {
    /// A JSON Pointer.
    pub at: String,
    pub(crate) format: TimeFormat,
}

#[derive(Clone, Debug)]
pub(crate) enum TimeFormat {
    Rfc3339,
    /// A number since the Unix epoch, in units of which ten to the power of `decimals` are a nanosecond's parts.
    Unix {
        decimals: i64,
    },
    /// By directives of `strftime`. A text without an offset is a time of this zone.
    Pattern {
        pattern: String,
        zone: Zone,
    },
}

/// The zone of a local time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Zone {
    /// A zone that is always so many seconds ahead of UTC.
    Fixed { offset_s: i64 },
    /// A zone of the IANA database.
    Named(Tz),
}

impl TimeFormat {
    /// The format of this name and zone. `None` for a zone that is not known.
    pub(crate) fn named(name: &str, zone: &str) -> Option<Self> {
        Some(match name {
            "rfc3339" => Self::Rfc3339,
            "unix-seconds" => Self::Unix { decimals: 9 },
            "unix-milliseconds" => Self::Unix { decimals: 6 },
            "unix-microseconds" => Self::Unix { decimals: 3 },
            "unix-nanoseconds" => Self::Unix { decimals: 0 },
            pattern => Self::Pattern { pattern: pattern.to_owned(), zone: Zone::parse(zone)? },
        })
    }
}

impl Zone {
    fn parse(text: &str) -> Option<Self> {
        match offset_of(text) {
            Some(offset_s) => Some(Self::Fixed { offset_s }),
            None => text.parse().ok().map(Self::Named),
        }
    }

    /// How many seconds a local time is ahead of UTC. Of a time that the clock shows twice, the first is meant. One that
    /// the clock skips has the offset from before the clock was set (RFC 5545, section 3.3.5).
    fn offset_at(self, local: NaiveDateTime) -> Option<i64> {
        let zone = match self {
            Self::Fixed { offset_s } => return Some(offset_s),
            Self::Named(zone) => zone,
        };
        let offset = match zone.offset_from_local_datetime(&local) {
            MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => offset,
            MappedLocalTime::None => {
                let day_before = local.checked_sub_days(Days::new(1))?;
                zone.offset_from_local_datetime(&day_before).earliest()?
            }
        };
        Some(i64::from(offset.fix().local_minus_utc()))
    }
}

/// The seconds of `UTC`, `+01:00` or `-05:00`.
fn offset_of(zone: &str) -> Option<i64> {
    if zone == "UTC" {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60))
}

impl EventTime {
    /// The time of a payload; `None` if it has none, or one that cannot be read.
    #[must_use]
    pub fn of(&self, payload: &Json) -> Option<Instant> {
        let value = payload.at(&self.at)?;
        match &self.format {
            TimeFormat::Rfc3339 => Instant::parse(value.as_text()?),
            TimeFormat::Unix { decimals } => {
                let number = match value.as_text() {
                    Some(text) => Decimal::parse(text)?,
                    None => value.as_decimal()?,
                };
                Some(Instant::from_unix_nanos(whole(&number, *decimals)?))
            }
            TimeFormat::Pattern { pattern, zone } => {
                let nanos = nanos_by_pattern(value.as_text()?, pattern, *zone)?;
                Some(Instant::from_unix_nanos(nanos))
            }
        }
    }

    /// Whether nobody can take the time of a payload for none: it can be read, and is neither a leap second nor at an end
    /// of the calendar.
    pub(crate) fn is_plain(&self, payload: &Json) -> bool {
        let Some(time) = self.of(payload) else { return false };
        let date = time.date();
        if ["-", "0000", "9999"].iter().any(|start| date.starts_with(start)) {
            return false;
        }
        let second = payload.at(&self.at).and_then(Json::as_text).and_then(|text| text.get(17..19));
        match self.format {
            TimeFormat::Rfc3339 => second.is_some_and(|second| second < "60"),
            TimeFormat::Unix { .. } | TimeFormat::Pattern { .. } => true,
        }
    }
}

/// A number times ten to the power of `decimals`; `None` if that is not whole or too large.
fn whole(number: &Decimal, decimals: i64) -> Option<i128> {
    let (sign, digits, point) = number.parts();
    if digits.is_empty() {
        return Some(0);
    }
    let zeros = usize::try_from(point + decimals - i64::try_from(digits.len()).ok()?).ok()?;
    if zeros > 30 {
        return None;
    }
    format!("{sign}{digits}{}", "0".repeat(zeros)).parse().ok()
}

fn nanos_by_pattern(text: &str, pattern: &str, zone: Zone) -> Option<i128> {
    if let Ok(time) = DateTime::parse_from_str(text, pattern) {
        return time.timestamp_nanos_opt().map(i128::from);
    }
    let local = NaiveDateTime::parse_from_str(text, pattern).ok().or_else(|| {
        let date = NaiveDate::parse_from_str(text, pattern).ok()?;
        Some(date.and_time(NaiveTime::MIN))
    })?;
    let utc = local.and_utc();
    let seconds = i128::from(utc.timestamp() - zone.offset_at(local)?);
    Some(seconds * 1_000_000_000 + i128::from(utc.timestamp_subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &str, zone: &str, value: &str, expected: Option<&str>) {
        let format = TimeFormat::named(format, zone).unwrap();
        let time = EventTime { at: "/t".to_owned(), format };
        let payload = Json::parse(&format!(r#"{{"t":{value}}}"#)).unwrap();
        assert_eq!(time.of(&payload).map(|time| time.to_string()).as_deref(), expected);
    }

    #[test]
    fn each_format_is_read() {
        check("rfc3339", "UTC", r#""2013-01-01T05:00:00-05:00""#, Some("2013-01-01T10:00:00Z"));
        check("unix-seconds", "UTC", "1357034400.5", Some("2013-01-01T10:00:00.5Z"));
        check("unix-seconds", "UTC", r#""1357034400""#, Some("2013-01-01T10:00:00Z"));
        check("unix-milliseconds", "UTC", "1357034400123", Some("2013-01-01T10:00:00.123Z"));
        check("unix-nanoseconds", "UTC", "0.5", None);
        check("%d.%m.%Y %H:%M", "+01:00", r#""01.01.2013 11:00""#, Some("2013-01-01T10:00:00Z"));
        check("%Y-%m-%d", "UTC", r#""2013-01-31""#, Some("2013-01-31T00:00:00Z"));
        check("%F %T %z", "UTC", r#""2013-01-31 10:00:00 +0100""#, Some("2013-01-31T09:00:00Z"));
        check("%Y-%m-%d", "UTC", r#""2013-02-31""#, None);
        assert!(TimeFormat::named("%F", "Europe/Bonn").is_none());
    }

    #[test]
    fn a_local_time_is_read_by_the_history_of_its_zone() {
        let berlin = |text: &str, expected| {
            check("%d.%m.%Y %H:%M", "Europe/Berlin", &format!("{text:?}"), Some(expected));
        };
        berlin("31.01.2013 11:00", "2013-01-31T10:00:00Z");
        berlin("31.07.2013 11:00", "2013-07-31T09:00:00Z");
        // The clock is set back from 3 to 2 o'clock, and forward from 2 to 3 o'clock.
        berlin("27.10.2013 02:30", "2013-10-27T00:30:00Z");
        berlin("31.03.2013 02:30", "2013-03-31T01:30:00Z");
    }
}
