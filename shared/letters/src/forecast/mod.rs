//! What a redrive will come to, by what its sinks hold now.
//!
//! A forecast looks at some letters of a plan: at all of them, or at a uniform [sample](crate::Sample) of a large plan.
//! For each letter, [`Coming`] says which event it is and what decides its outcome at each sink. [`Questions`] collects
//! the places that decide it, and [`Findings`] holds what was found there. All letters are judged together, because
//! letters of one plan may concern the same event or row. The counts are exact for the letters that were looked at, as
//! long as nothing else writes to the sinks. Outcomes that depend on the order of arrival, on an enricher's answer, or
//! on a sink that cannot be seen are counted as not known.
//!
//! Two limits remain. What a service will answer is not known before it is asked, so an event for a service counts as
//! written. Events that are on their way to a sink, or that a lake has not put into an object yet, are not seen.

mod coming;
mod cost;
mod estimate;
mod verdicts;

use std::collections::BTreeMap;

use event::{Code, Timestamp};
use serde::Serialize;

pub use self::coming::{Coming, ComingEvent};
pub use self::estimate::Estimate;
pub use self::verdicts::{Findings, Questions};
use crate::Pace;

/// The most letters of a plan that a forecast looks at.
pub const MOST_LOOKED_AT: usize = 500;

/// What a redrive of a plan will come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// How many letters were looked at. All counts but the estimate's are of these letters.
    pub looked_at: u64,
    /// How many letters the plan has.
    pub letters: u64,
    /// What becomes of the events at each sink, by the sink's name.
    pub sinks: BTreeMap<String, SinkForecast>,
    /// How many letters will fail again, by the failure's code. A stage refuses them, or one of their sinks does.
    pub refused: BTreeMap<String, u64>,
    /// How many letters are not one event, such as announcements of files and rows of CSV files.
    pub not_known: u64,
    /// What the redrive of all letters of the plan takes.
    pub estimate: Estimate,
}

/// How many of the events that go to one sink have which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SinkForecast {
    /// They will be written and take effect.
    pub written: u64,
    /// They were written before.
    pub duplicate: u64,
    /// Their row has a newer event and stays as it is.
    pub stale: u64,
    /// Another payload was written under their key.
    pub conflict: u64,
    /// The sink will refuse them.
    pub refused: u64,
    /// The outcome depends on something that cannot be known.
    pub not_known: u64,
}

impl Forecast {
    /// The forecast for a plan of `letters` letters, of which `looked_at` were looked at. The estimate is for all of
    /// them, at this pace.
    #[must_use]
    pub fn of(
        letters: u64,
        looked_at: &[Coming],
        findings: &Findings,
        pace: &Pace,
        now: Timestamp,
    ) -> Self {
        let verdicts = verdicts::judge(looked_at, findings, now);
        let mut sinks: BTreeMap<String, SinkForecast> = BTreeMap::new();
        for (write, verdict) in &verdicts {
            sinks.entry(write.sink.clone()).or_default().count(*verdict);
        }
        let (mut refused, mut not_known) = (BTreeMap::new(), 0);
        for coming in looked_at {
            if let Some(code) = coming.refusal() {
                *refused.entry(code.as_str().to_owned()).or_default() += 1;
            }
            not_known += u64::from(matches!(coming, Coming::NotKnown));
        }
        Self {
            looked_at: looked_at.len() as u64,
            letters,
            sinks,
            refused,
            not_known,
            estimate: Estimate::of(letters, looked_at, &verdicts, pace),
        }
    }
}

/// What a sink will do with one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Written,
    Duplicate,
    Stale,
    Conflict,
    Refused,
    NotKnown,
}

impl SinkForecast {
    fn count(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Written => &mut self.written,
            Verdict::Duplicate => &mut self.duplicate,
            Verdict::Stale => &mut self.stale,
            Verdict::Conflict => &mut self.conflict,
            Verdict::Refused => &mut self.refused,
            Verdict::NotKnown => &mut self.not_known,
        } += 1;
    }
}

impl Coming {
    /// The code with which it will fail again, if that is known.
    fn refusal(&self) -> Option<Code> {
        match self {
            Self::Refused(code) => Some(*code),
            Self::NotKnown => None,
            Self::Event(event) => event.refusal(),
        }
    }
}
