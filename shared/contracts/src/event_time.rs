//! Where a payload has the time of its event, and how the time is written there.

use std::fmt;
use std::sync::OnceLock;

use event::{Code, Decimal, Failure, Timestamp, TimestampError, kind_of};
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::error::{ContractError, invalid};

/// Longer texts are not read as a time.
const MAX_TEXT: usize = 128;
/// The longest pattern.
const MAX_PATTERN: usize = 64;

/// The time of an event: its place in a payload, and how it is written there.
///
/// In a contract it is a JSON Pointer to an RFC 3339 text, or an object with the pointer, the format, and for a pattern
/// the time zone: `{at: /sold, format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}`.
#[derive(Clone, Debug)]
pub struct EventTime {
    /// The JSON Pointer of the time.
    pub at: String,
    format: TimeFormat,
}

#[derive(Clone, Debug)]
enum TimeFormat {
    /// RFC 3339 text, with any offset.
    Rfc3339,
    /// A number of units since 1970-01-01T00:00:00Z, as a number or as text.
    Unix(UnixUnit),
    /// Text that is written by directives of `strftime`.
    Pattern { pattern: String, zone: Zone },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnixUnit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// The time zone of texts that have no offset.
#[derive(Clone, Debug)]
struct Zone {
    name: String,
    /// The zone, which is looked up when it is first needed; `None` if there is none of this name.
    found: OnceLock<Option<TimeZone>>,
}

/// The fields as they are written in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEventTime {
    at: String,
    format: Option<String>,
    zone: Option<String>,
}

impl UnixUnit {
    const ALL: [Self; 4] =
        [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds];

    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "unix-seconds",
            Self::Milliseconds => "unix-milliseconds",
            Self::Microseconds => "unix-microseconds",
            Self::Nanoseconds => "unix-nanoseconds",
        }
    }

    /// The decimals of a unit that make nanoseconds.
    fn scale(self) -> u32 {
        match self {
            Self::Seconds => 9,
            Self::Milliseconds => 6,
            Self::Microseconds => 3,
            Self::Nanoseconds => 0,
        }
    }
}

impl Zone {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), found: OnceLock::new() }
    }

    /// The zone, from the database that is built in, or from an offset such as `+01:00`.
    fn get(&self) -> Option<&TimeZone> {
        self.found.get_or_init(|| time_zone(&self.name)).as_ref()
    }
}

fn time_zone(name: &str) -> Option<TimeZone> {
    if !name.starts_with(['+', '-']) {
        return TimeZone::get(name).ok();
    }
    let parsed = strtime::parse("%:z", name).ok()?;
    parsed.offset().map(Offset::to_time_zone)
}

impl EventTime {
    /// An RFC 3339 time at this JSON Pointer.
    pub(crate) fn rfc3339(at: &str) -> Self {
        Self { at: at.to_owned(), format: TimeFormat::Rfc3339 }
    }

    /// The format as a contract names it: `rfc3339`, `unix-seconds` and the like, or a pattern.
    #[must_use]
    pub fn format(&self) -> &str {
        match &self.format {
            TimeFormat::Rfc3339 => "rfc3339",
            TimeFormat::Unix(unit) => unit.name(),
            TimeFormat::Pattern { pattern, .. } => pattern,
        }
    }

    /// Whether the time is text. Otherwise it is a number, or a number as text.
    pub(crate) fn is_text(&self) -> bool {
        !matches!(self.format, TimeFormat::Unix(_))
    }

    /// Checks that the time zone is known. Events check it too; this is for whoever reads a contract to deploy it.
    pub(crate) fn check_zone(&self) -> Result<(), ContractError> {
        match &self.format {
            TimeFormat::Pattern { zone, .. } if zone.get().is_none() => Err(no_zone(&zone.name)),
            TimeFormat::Pattern { .. } | TimeFormat::Rfc3339 | TimeFormat::Unix(_) => Ok(()),
        }
    }

    /// The time of a payload.
    ///
    /// A local time that a clock shows twice, since it was set back, is the first of the two. One that it skips is as much
    /// later as the clock was set forward, as in RFC 5545, section 3.3.5.
    ///
    /// # Errors
    /// [`Code::TimeInvalid`], permanent, with the pointer. [`Code::ContractBroken`], transient, for an unknown zone.
    pub(crate) fn read(&self, payload: &Value) -> Result<Timestamp, Failure> {
        let value = payload.pointer(&self.at);
        let read = match &self.format {
            TimeFormat::Rfc3339 => rfc3339(value),
            TimeFormat::Unix(unit) => since_epoch(value, *unit),
            TimeFormat::Pattern { pattern, zone } => {
                let Some(found) = zone.get() else {
                    let error = no_zone(&zone.name).to_string();
                    return Err(Failure::transient(Code::ContractBroken, error));
                };
                by_pattern(value, pattern, found)
            }
        };
        read.map_err(|reason| Failure::permanent(Code::TimeInvalid, reason).at(self.at.as_str()))
    }
}

/// The pointer, and the format if it is not RFC 3339.
impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.format {
            TimeFormat::Rfc3339 => f.write_str(&self.at),
            TimeFormat::Unix(unit) => write!(f, "{} ({})", self.at, unit.name()),
            TimeFormat::Pattern { pattern, zone } => {
                write!(f, "{} ({pattern}, {})", self.at, zone.name)
            }
        }
    }
}

const OUT_OF_RANGE: &str = "a time that is, in UTC, not within the years 0 to 9999";

fn rfc3339(value: Option<&Value>) -> Result<Timestamp, String> {
    const EXPECTED: &str = "an RFC 3339 time";
    let text = text_of(value, EXPECTED)?;
    text.parse().map_err(|error| match error {
        TimestampError::Malformed { .. } => format!("not {EXPECTED}"),
        TimestampError::OutOfRange { .. } => OUT_OF_RANGE.to_owned(),
    })
}

fn since_epoch(value: Option<&Value>, unit: UnixUnit) -> Result<Timestamp, String> {
    let expected = format!("a time as {}", unit.name());
    let number: Option<Decimal> = match value {
        Some(Value::Number(number)) => Decimal::of(number).ok(),
        Some(Value::String(text)) if text.len() <= MAX_TEXT => text.parse().ok(),
        Some(Value::String(_)) => None,
        other => return Err(format!("expected {expected}, found {}", found(other))),
    };
    let number = number.ok_or_else(|| format!("not {expected}"))?;
    let nanos = number.unscaled(unit.scale());
    let nanos = nanos.ok_or_else(|| format!("{expected} with a fraction of a nanosecond"))?;
    Timestamp::from_unix_nanos(nanos).ok_or_else(|| OUT_OF_RANGE.to_owned())
}

fn by_pattern(value: Option<&Value>, pattern: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let expected = format!("a time written as `{pattern}`");
    let text = text_of(value, &expected)?;
    if text.len() > MAX_TEXT {
        return Err(format!("not {expected}"));
    }
    let malformed = |_| format!("not {expected}");
    let parsed = strtime::parse(pattern, text).map_err(malformed)?;
    let at = if parsed.offset().is_some() || parsed.timestamp().is_some() {
        parsed.to_timestamp().map_err(malformed)?
    } else {
        let local: DateTime = parsed.to_datetime().map_err(malformed)?;
        zone.to_timestamp(local).map_err(|_| OUT_OF_RANGE.to_owned())?
    };
    Timestamp::from_unix_nanos(at.as_nanosecond()).ok_or_else(|| OUT_OF_RANGE.to_owned())
}

fn text_of<'a>(value: Option<&'a Value>, expected: &str) -> Result<&'a str, String> {
    match value {
        Some(Value::String(text)) => Ok(text),
        other => Err(format!("expected {expected}, found {}", found(other))),
    }
}

fn found(value: Option<&Value>) -> &'static str {
    value.map_or("nothing", kind_of)
}

fn no_zone(name: &str) -> ContractError {
    let problem = format!(
        "there is no time zone `{name}`; expected a name such as Europe/Berlin, or an offset such as +01:00"
    );
    invalid("keys.event_time.zone", &problem)
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EventTimeVisitor)
    }
}

struct EventTimeVisitor;

impl<'de> Visitor<'de> for EventTimeVisitor {
    type Value = EventTime;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON Pointer, or an object with `at`, `format` and `zone`")
    }

    fn visit_str<E: de::Error>(self, pointer: &str) -> Result<EventTime, E> {
        Ok(EventTime::rfc3339(pointer))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EventTime, A::Error> {
        let raw = RawEventTime::deserialize(MapAccessDeserializer::new(map))?;
        let format = format_of(raw.format.as_deref(), raw.zone).map_err(de::Error::custom)?;
        Ok(EventTime { at: raw.at, format })
    }
}

fn format_of(name: Option<&str>, zone: Option<String>) -> Result<TimeFormat, String> {
    let format = match name {
        None | Some("rfc3339") => TimeFormat::Rfc3339,
        Some(name) => match UnixUnit::ALL.into_iter().find(|unit| unit.name() == name) {
            Some(unit) => TimeFormat::Unix(unit),
            None => return pattern_of(name, zone.as_deref()),
        },
    };
    match zone {
        Some(_) => Err(NO_ZONE.to_owned()),
        None => Ok(format),
    }
}

const NO_ZONE: &str = "only a pattern of a time without an offset has a `zone`";

fn pattern_of(pattern: &str, zone: Option<&str>) -> Result<TimeFormat, String> {
    const FORMATS: &str = "rfc3339, unix-seconds, unix-milliseconds, unix-microseconds, \
                           unix-nanoseconds, or a pattern such as %d.%m.%Y %H:%M:%S";
    if !pattern.contains('%') || pattern.len() > MAX_PATTERN {
        return Err(format!("`{pattern}` is no format; expected {FORMATS}"));
    }
    // An unknown directive is a mistake that every text would show. What a text lacks is no mistake of the pattern.
    let sample = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let written = strtime::format(pattern, &sample).ok();
    let read = written.and_then(|text| strtime::parse(pattern, text).ok());
    let Some(read) = read.filter(|read| read.to_datetime().is_ok() || read.timestamp().is_some())
    else {
        return Err(format!("`{pattern}` is no pattern of a time with its date"));
    };
    if zone.is_some() && (read.offset().is_some() || read.timestamp().is_some()) {
        return Err(NO_ZONE.to_owned());
    }
    let zone = Zone::new(zone.unwrap_or("UTC"));
    Ok(TimeFormat::Pattern { pattern: pattern.to_owned(), zone })
}

#[cfg(test)]
mod tests;
