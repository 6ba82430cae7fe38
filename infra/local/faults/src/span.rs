//! Durations in the notation of plans.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The maximum duration. Longer faults are not useful.
const MAX_SPAN: Duration = Duration::from_secs(12 * 60 * 60);

/// A duration, which is text in a plan: `200ms`, `30s`, `5m` or `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit {
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            _ => None,
        };
        let number = number.parse::<u64>().ok();
        let span = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        let span = span.map(Duration::from_millis).filter(|span| *span <= MAX_SPAN);
        span.map(Self).ok_or_else(|| {
            format!("`{text}` is not a duration up to 12h, such as 200ms, 30s or 5m")
        })
    }
}

impl From<Span> for String {
    fn from(Span(span): Span) -> Self {
        let ms = span.as_millis();
        match ms {
            0 => "0s".to_owned(),
            _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
            _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
            _ => format!("{ms}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_span(text: &str, shown: &str) {
        assert_eq!(String::from(Span::try_from(text.to_owned()).unwrap()), shown);
    }

    #[test]
    fn a_duration_is_shown_as_it_is_written() {
        check_span("200ms", "200ms");
        check_span("1000ms", "1s");
        check_span("90s", "90s");
        check_span("120s", "2m");
        check_span("2h", "2h");
        check_span("0s", "0s");
    }
}
