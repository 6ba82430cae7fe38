//! What a redrive will come to, by what its sinks hold now.
//!
//! Some letters of a plan are looked at, a uniform [sample](crate::Sample) where it has many. Of each it is told which
//! event it is and what its sinks would do with it ([`Coming`]), then what is in the places that decide this is looked
//! up ([`Questions`], [`Findings`]), and both are judged together: letters of one plan meet each other, too. Of the
//! letters that were looked at, the counts are exact as long as nothing else writes; what depends on the order in which
//! letters arrive, on the answer of an enricher, or on a sink that cannot be seen, is not known, and is said to be so.
//!
//! What a service says to an event is not known before it is asked: what is delivered counts as written. What is on its
//! way to a sink, and what a lake has not put into an object yet, is not there yet.

mod coming;
mod cost;
mod estimate;
mod verdicts;

use std::collections::BTreeMap;

use event::{Code, Timestamp};
use serde::Serialize;

pub use self::coming::{Coming, ComingEvent};
pub use self::estimate::{Estimate, PRICES};
pub use self::verdicts::{Findings, Questions};
use crate::Pace;

/// Letters of a plan that a forecast looks at, at most.
pub const MOST_LOOKED_AT: usize = 500;

/// What a redrive of a plan will come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The letters that all counts are of, and how many the plan has.
    pub looked_at: u64,
    pub letters: u64,
    /// By the names of the sinks that their events go to.
    pub sinks: BTreeMap<String, SinkForecast>,
    /// Letters that will fail again, by why: a stage refuses them, or one of their sinks does.
    pub refused: BTreeMap<String, u64>,
    /// Letters that are not one event, such as announcements of files and rows of CSV files.
    pub not_known: u64,
    pub estimate: Estimate,
}

/// What becomes of the events that go to one sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SinkForecast {
    /// Nothing of them is there.
    pub written: u64,
    /// They were written before.
    pub duplicate: u64,
    /// Their row has a newer event, and stays as it is.
    pub stale: u64,
    /// Another payload was written under their key.
    pub conflict: u64,
    /// The sink can make nothing of them.
    pub refused: u64,
    /// It depends on what cannot be known.
    pub not_known: u64,
}

impl Forecast {
    /// What becomes of the letters that were looked at; the estimate is for all of the plan's, at this pace.
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
    /// Why it will fail again, if it will.
    fn refusal(&self) -> Option<Code> {
        match self {
            Self::Refused(code) => Some(*code),
            Self::NotKnown => None,
            Self::Event(event) => event.refusal(),
        }
    }
}
