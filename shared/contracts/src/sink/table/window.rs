//! The spans of event time for which totals are kept apart.

use std::time::Duration;

use event::Timestamp;
use serde::Deserialize;

/// A span of the event time, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    Hour,
    Day,
    Month,
    /// All time is one.
    None,
}

/// One window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// `2013-01-31T05`, `2013-01-31`, `2013-01`.
    pub name: String,
    pub ends_at: Timestamp,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Window {
    /// The window that a time is in, unless all time is one.
    #[must_use]
    pub fn around(self, at: Timestamp) -> Option<Opened> {
        let date = at.date();
        let midnight = start_of(&date);
        match self {
            Self::Hour => {
                let hour = at.hour();
                let ends_at = midnight.plus(HOUR * (u32::from(hour) + 1));
                Some(Opened { name: format!("{date}T{hour:02}"), ends_at })
            }
            Self::Day => Some(Opened { name: date, ends_at: midnight.plus(DAY) }),
            Self::Month => {
                let month = date.rsplit_once('-').map_or(date.as_str(), |(month, _)| month);
                // No month has more than 31 days, and none fewer than 28.
                let next = start_of(&format!("{month}-01")).plus(DAY * 31).date();
                let next = next.rsplit_once('-').map_or(next.as_str(), |(month, _)| month);
                let ends_at = start_of(&format!("{next}-01"));
                Some(Opened { name: month.to_owned(), ends_at })
            }
            Self::None => None,
        }
    }
}

/// A date is a `Timestamp`'s own, and so is there always such a time.
fn start_of(date: &str) -> Timestamp {
    format!("{date}T00:00:00Z").parse().unwrap_or_else(|_| Timestamp::from_unix_ms(0))
}
