//! What a dataset promises to whoever uses it. Alarms are made of it.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{ContractError, invalid};

/// The objectives of a dataset, each of which may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Objectives {
    /// The longest time without an event in its sinks.
    pub freshness: Option<Duration>,
    /// The percentage of the events taken in that reach all their sinks: above 0, at most 100.
    pub delivered_percent: Option<f64>,
    /// The time from an event's intake to its last sink that 99 of 100 events keep.
    pub latency_p99: Option<Duration>,
    /// The largest percentage of events that come more than once: 0 to below 100.
    pub duplicate_percent: Option<f64>,
}

/// The longest time of an objective: a year.
const LONGEST_S: u64 = 366 * 24 * 60 * 60;

/// The objectives as they are written in the contract.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawObjectives {
    freshness_s: Option<u64>,
    delivered_percent: Option<f64>,
    latency_p99_s: Option<u64>,
    duplicate_percent: Option<f64>,
}

impl RawObjectives {
    pub(crate) fn validate(self) -> Result<Objectives, ContractError> {
        let delivered_percent = self.delivered_percent;
        if delivered_percent.is_some_and(|percent| !(percent > 0.0 && percent <= 100.0)) {
            return Err(invalid("objectives.delivered_percent", "expected above 0 and up to 100"));
        }
        let duplicate_percent = self.duplicate_percent;
        if duplicate_percent.is_some_and(|percent| !(0.0..100.0).contains(&percent)) {
            return Err(invalid("objectives.duplicate_percent", "expected 0 to below 100"));
        }
        Ok(Objectives {
            freshness: seconds("objectives.freshness_s", self.freshness_s)?,
            delivered_percent,
            latency_p99: seconds("objectives.latency_p99_s", self.latency_p99_s)?,
            duplicate_percent,
        })
    }
}

fn seconds(field: &str, value: Option<u64>) -> Result<Option<Duration>, ContractError> {
    match value {
        Some(0) => Err(invalid(field, "0; expected 1 to 31622400")),
        Some(seconds) if seconds > LONGEST_S => {
            Err(invalid(field, &format!("{seconds}; expected 1 to {LONGEST_S}")))
        }
        value => Ok(value.map(Duration::from_secs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objectives(yaml: &str) -> Result<Objectives, String> {
        let raw: RawObjectives = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
        raw.validate().map_err(|error| error.to_string())
    }

    #[test]
    fn each_objective_is_read_or_left_out() {
        let all =
            "{freshness_s: 300, delivered_percent: 99.9, latency_p99_s: 60, duplicate_percent: 0}";
        let expected = Objectives {
            freshness: Some(Duration::from_secs(300)),
            delivered_percent: Some(99.9),
            latency_p99: Some(Duration::from_secs(60)),
            duplicate_percent: Some(0.0),
        };
        assert_eq!(objectives(all), Ok(expected));
        assert_eq!(objectives("{}"), Ok(Objectives::default()));
    }

    #[test]
    fn what_cannot_be_kept_or_missed_is_refused() {
        for (yaml, expected) in [
            ("{delivered_percent: 0}", "`objectives.delivered_percent`: expected above 0"),
            ("{delivered_percent: .nan}", "`objectives.delivered_percent`: expected above 0"),
            ("{delivered_percent: 100.1}", "`objectives.delivered_percent`: expected above 0"),
            ("{duplicate_percent: 100}", "`objectives.duplicate_percent`: expected 0 to below 100"),
            ("{freshness_s: 0}", "`objectives.freshness_s`: 0; expected 1 to 31622400"),
            ("{latency_p99_s: 31622401}", "`objectives.latency_p99_s`: 31622401; expected 1"),
            ("{fresh_s: 1}", "fresh_s"),
        ] {
            let error = objectives(yaml).unwrap_err();
            assert!(error.contains(expected), "{yaml}: {error}");
        }
    }
}
