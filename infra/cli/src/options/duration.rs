//! Durations on the command line.

use std::time::Duration;

/// Parses a whole number with a unit: `20m`, `1h`, `2d`. The maximum is ten years.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "s" => Some(1),
        "m" | "min" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    let seconds = number.parse::<u64>().ok().zip(seconds);
    let seconds = seconds.and_then(|(number, seconds)| number.checked_mul(seconds));
    let time = seconds.filter(|seconds| *seconds <= 3_650 * 86_400).map(Duration::from_secs);
    time.ok_or_else(|| "expected a time such as 20m, 1h or 2d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, expected) in [("20m", 1_200), ("90min", 5_400), ("1h", 3_600), ("2d", 172_800)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(expected)), "{text}");
        }
        for text in ["20", "h", "1w", "18446744073709551615d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
