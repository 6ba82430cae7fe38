//! How far the time of an event may be from the time at which it is taken in, and what happens to it beyond that.

use std::time::Duration;

use event::Timeliness;
use serde::Deserialize;

use crate::error::{ContractError, invalid};

/// The rules of a contract for the times of its events. Without a rule there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRules {
    /// For how long after it happened an event may be taken in.
    pub lateness: Option<TimeRule>,
    /// How far in the future an event's time may be when it is taken in. Clocks of producers differ from ours.
    pub skew: Option<TimeRule>,
}

/// A limit, and what happens beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRule {
    /// The longest time that is allowed, in whole seconds. An event that is as far away as this is within the limit.
    pub allowed: Duration,
    /// What happens to an event beyond it.
    pub beyond: Beyond,
}

/// What happens to an event whose time is beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Beyond {
    /// It goes on, and its envelope says so.
    Accept,
    /// It goes to the late queue in place of the enrich queue, and its envelope says so.
    Divert,
    /// It becomes a dead letter.
    Reject,
}

/// The rules as they are written in the contract.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTimeRules {
    lateness: Option<RawTimeRule>,
    skew: Option<RawTimeRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTimeRule {
    allowed_s: u64,
    beyond: Beyond,
}

/// The longest time that a rule may allow: a hundred years.
const LONGEST_S: u64 = 100 * 366 * 24 * 60 * 60;

impl RawTimeRules {
    pub(crate) fn validate(self) -> Result<TimeRules, ContractError> {
        if self.lateness.is_none() && self.skew.is_none() {
            return Err(invalid("time", "empty; expected `lateness`, `skew`, or no `time`"));
        }
        Ok(TimeRules {
            lateness: rule("time.lateness.allowed_s", self.lateness)?,
            skew: rule("time.skew.allowed_s", self.skew)?,
        })
    }
}

fn rule(field: &str, raw: Option<RawTimeRule>) -> Result<Option<TimeRule>, ContractError> {
    let Some(RawTimeRule { allowed_s, beyond }) = raw else { return Ok(None) };
    if allowed_s > LONGEST_S {
        return Err(invalid(field, &format!("{allowed_s}; expected 0 to {LONGEST_S}")));
    }
    Ok(Some(TimeRule { allowed: Duration::from_secs(allowed_s), beyond }))
}

impl Beyond {
    /// The word in the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Divert => "divert",
            Self::Reject => "reject",
        }
    }
}

impl TimeRules {
    /// The rule for events that are late or early.
    pub(crate) fn of(&self, timeliness: Timeliness) -> Option<&TimeRule> {
        match timeliness {
            Timeliness::Late => self.lateness.as_ref(),
            Timeliness::Early => self.skew.as_ref(),
        }
    }
}
