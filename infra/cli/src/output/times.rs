//! Times for people: the time of day, and how long ago or ahead it is.

use std::time::Duration;

use event::Timestamp;
use serde_json::Value;

/// Formats times relative to the time of an answer, because the clock of this machine may differ.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    now: Timestamp,
}

impl Times {
    pub(crate) fn of(answer: &Value) -> Self {
        Self { now: time(&answer["at"]).unwrap_or(Timestamp::from_unix_ms(0)) }
    }

    /// The times of an answer, relative to `now` if the answer has no time.
    pub(crate) fn of_or(answer: &Value, now: Timestamp) -> Self {
        Self { now: time(&answer["at"]).unwrap_or(now) }
    }

    /// `03:02:11 UTC (12 min ago)`, with the day if it is another.
    pub(crate) fn at(&self, value: &Value) -> Option<String> {
        let at = time(value)?;
        let text = at.to_string();
        let (date, clock) = text.split_once('T')?;
        let clock = clock.get(..8)?;
        let relative = self.relative(value)?;
        match date == self.now.date() {
            true => Some(format!("{clock} UTC ({relative})")),
            false => Some(format!("{date} {clock} UTC ({relative})")),
        }
    }

    /// How long ago it is in one unit, for a column: `45 s`, `12 min`, `6 h`, `3 d`.
    pub(crate) fn age(&self, value: &Value) -> Option<String> {
        let seconds = rounded(self.now.since(time(value)?));
        Some(match seconds {
            0..120 => format!("{seconds} s"),
            120..7_200 => format!("{} min", seconds / 60),
            7_200..172_800 => format!("{} h", seconds / 3_600),
            _ => format!("{} d", seconds / 86_400),
        })
    }

    /// Whether it is a time that has passed.
    pub(crate) fn is_over(&self, value: &Value) -> bool {
        time(value).is_some_and(|at| at <= self.now)
    }

    /// `12 min ago`, `in 45 s`, `now`.
    pub(crate) fn relative(&self, value: &Value) -> Option<String> {
        let at = time(value)?;
        let (ago, ahead) = (self.now.since(at), at.since(self.now));
        Some(match (rounded(ago), rounded(ahead)) {
            (0, 0) => "now".to_owned(),
            (_, 0) => format!("{} ago", format_duration(ago)),
            (_, _) => format!("in {}", format_duration(ahead)),
        })
    }
}

/// How long ago it is, or `-`.
pub(crate) fn age_or_dash(times: &Times, value: &Value) -> String {
    times.age(value).unwrap_or_else(|| "-".to_owned())
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// To whole seconds.
fn rounded(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_millis() >= 500)
}

/// `45 s`, `12 min`, `5 h 48 min`, `3 d 2 h`: at most two units, rounded to the smaller one.
pub(crate) fn format_duration(time: Duration) -> String {
    let seconds = rounded(time);
    let minutes = (seconds + 30) / 60;
    let hours = (minutes + 30) / 60;
    match () {
        () if seconds < 120 => format!("{seconds} s"),
        () if minutes < 120 => format!("{minutes} min"),
        () if hours < 48 => two_units(minutes / 60, "h", minutes % 60, "min"),
        () => two_units(hours / 24, "d", hours % 24, "h"),
    }
}

fn two_units(whole: u64, unit: &str, rest: u64, smaller_unit: &str) -> String {
    match rest {
        0 => format!("{whole} {unit}"),
        rest => format!("{whole} {unit} {rest} {smaller_unit}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_length_has_two_units_at_most() {
        for (seconds, expected) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_169, "119 min"),
            (7_200, "2 h"),
            (20_880, "5 h 48 min"),
            (172_800, "2 d"),
            (266_400, "3 d 2 h"),
        ] {
            assert_eq!(format_duration(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn an_age_has_one_unit() {
        let times = Times::of(&json!({ "at": "2026-11-29T03:00:00.000Z" }));
        for (at, expected) in [
            ("2026-11-29T02:59:15.000Z", "45 s"),
            ("2026-11-29T02:48:00.400Z", "12 min"),
            ("2026-11-28T20:00:00.000Z", "7 h"),
            ("2026-11-25T23:00:00.000Z", "3 d"),
            ("2026-11-29T03:00:01.000Z", "0 s"),
        ] {
            assert_eq!(times.age(&json!(at)).as_deref(), Some(expected), "{at}");
        }
        assert_eq!(times.age(&json!(null)), None);
    }

    #[test]
    fn a_time_is_told_by_the_answers_own() {
        let times = Times::of(&json!({ "at": "2026-11-29T03:00:00.000Z" }));
        for (at, expected) in [
            ("2026-11-29T02:48:00.400Z", "02:48:00 UTC (12 min ago)"),
            ("2026-11-29T03:00:45.000Z", "03:00:45 UTC (in 45 s)"),
            ("2026-11-29T03:00:00.100Z", "03:00:00 UTC (now)"),
            ("2026-11-28T03:00:00.000Z", "2026-11-28 03:00:00 UTC (24 h ago)"),
        ] {
            assert_eq!(times.at(&json!(at)).as_deref(), Some(expected), "{at}");
        }
        assert_eq!(times.at(&json!(null)), None);
    }
}
