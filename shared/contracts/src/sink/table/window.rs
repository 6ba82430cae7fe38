//! The windows of event time for which totals are kept separately.

use std::time::Duration;

use event::Timestamp;
use serde::Deserialize;

/// The length of the windows, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// A window begins with each full hour.
    Hour,
    /// A window is a calendar day.
    Day,
    /// A window is a calendar month.
    Month,
    /// There are no windows: totals are of all time.
    None,
}

/// One window of event time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeWindow {
    /// The beginning of the window, as precisely as its length needs: `2013-01-31T05`, `2013-01-31` or `2013-01`.
    pub name: String,
    /// The first moment after the window.
    pub ends_at: Timestamp,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Window {
    /// The window that contains a time. `None` if there are no windows.
    #[must_use]
    pub fn around(self, at: Timestamp) -> Option<TimeWindow> {
        let date = at.date();
        let midnight = start_of(&date);
        match self {
            Self::Hour => {
                let hour = at.hour();
                let ends_at = midnight.plus(HOUR * (u32::from(hour) + 1));
                Some(TimeWindow { name: format!("{date}T{hour:02}"), ends_at })
            }
            Self::Day => Some(TimeWindow { name: date, ends_at: midnight.plus(DAY) }),
            Self::Month => {
                let month = date.rsplit_once('-').map_or(date.as_str(), |(month, _)| month);
                // No month has more than 31 days, and none fewer than 28.
                let next = start_of(&format!("{month}-01")).plus(DAY * 31).date();
                let next = next.rsplit_once('-').map_or(next.as_str(), |(month, _)| month);
                let ends_at = start_of(&format!("{next}-01"));
                Some(TimeWindow { name: month.to_owned(), ends_at })
            }
            Self::None => None,
        }
    }
}

/// Midnight at the beginning of a date. Dates come from `Timestamp`, so that they can always be parsed.
fn start_of(date: &str) -> Timestamp {
    format!("{date}T00:00:00Z").parse().unwrap_or_else(|_| Timestamp::from_unix_ms(0))
}
