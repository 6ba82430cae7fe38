//! Queues that are not polled while their events wait for unavailable services.

use std::collections::BTreeMap;

use breaker::polling::{KnownBreakers, Polling, PollingRecord, resume_due_at};
use event::Timestamp;
use serde::Serialize;

/// A stage whose queue is paused, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PollingView {
    pub(crate) stage: String,
    /// `disabling`, `disabled` or `enabling`: how far the pause has come. `left-alone`: somebody enabled the
    /// mapping during a pause.
    pub(crate) state: &'static str,
    pub(crate) paused_at: Option<Timestamp>,
    /// The dependencies that its events wait for.
    pub(crate) waits_for: Vec<String>,
    /// When its mapping is to be enabled; it polls up to 90 s later. Null of one that is left alone.
    pub(crate) resumes_at: Option<Timestamp>,
    /// Until then there is no other pause.
    pub(crate) left_alone_until: Option<Timestamp>,
}

/// Those of which there is something to tell.
pub(crate) fn views(
    stages: &BTreeMap<String, PollingRecord>,
    known: &KnownBreakers<'_>,
) -> Vec<PollingView> {
    let mut views = Vec::new();
    for (stage, record) in stages {
        let mut view = PollingView {
            stage: stage.clone(),
            state: "left-alone",
            paused_at: None,
            waits_for: Vec::new(),
            resumes_at: None,
            left_alone_until: None,
        };
        match &record.polling {
            Polling::Paused(pause) => {
                view.state = pause.phase.as_str();
                view.paused_at = Some(pause.since);
                view.waits_for = pause.waits_for.iter().cloned().collect();
                view.resumes_at = Some(resume_due_at(pause, known));
            }
            Polling::LeftAlone { until } if known.now < *until => {
                view.left_alone_until = Some(*until);
            }
            Polling::Running | Polling::LeftAlone { .. } => continue,
        }
        views.push(view);
    }
    views
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use breaker::polling::{Pause, Phase};

    use super::*;

    #[test]
    fn a_pause_is_shown_with_its_end_and_what_is_polled_is_not() {
        let now = Timestamp::from_unix_ms(1_767_225_600_000);
        let record = |polling| PollingRecord { version: 1, polling, ..PollingRecord::default() };
        let waits_for = BTreeSet::from(["weather".to_owned()]);
        let pause = Pause { since: now, asked_at: now, waits_for, phase: Phase::Disabled };
        let hour = Duration::from_secs(3_600);
        let stages = BTreeMap::from([
            ("alone".to_owned(), record(Polling::LeftAlone { until: now.plus(hour) })),
            ("before".to_owned(), record(Polling::LeftAlone { until: now })),
            ("deliver".to_owned(), record(Polling::Paused(pause))),
            ("enrich".to_owned(), record(Polling::Running)),
        ]);
        let (snapshots, settings) = (BTreeMap::new(), BTreeMap::new());
        let known = KnownBreakers { snapshots: &snapshots, settings: &settings, now };
        let views = views(&stages, &known);
        let shown: Vec<_> = views
            .iter()
            .map(|view| (view.stage.as_str(), view.state, view.resumes_at, view.left_alone_until))
            .collect();
        let expected = [
            ("alone", "left-alone", None, Some(now.plus(hour))),
            ("deliver", "disabled", Some(now), None),
        ];
        assert_eq!(shown, expected, "its breaker is closed, and it is to go on at once");
        assert_eq!(views[1].waits_for, ["weather"]);
    }
}
