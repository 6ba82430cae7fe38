//! Queues that are not polled while their events wait for unavailable services.

use std::collections::BTreeMap;

use breaker::polling::{KnownBreakers, Polling, PollingRecord, resume_due_at};
use event::Timestamp;
use serde::Serialize;

/// A stage whose queue is paused, or was until somebody ended the pause by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PollingView {
    pub(crate) stage: String,
    /// The phase of a pause: `disabling`, `disabled` or `enabling`. `left-alone` if somebody enabled the mapping during
    /// the pause.
    pub(crate) state: &'static str,
    /// When the pause began; null if the mapping is left alone.
    pub(crate) paused_at: Option<Timestamp>,
    /// The dependencies that the stage's events wait for.
    pub(crate) waits_for: Vec<String>,
    /// When the mapping is to be enabled; it polls up to 90 s later. Null if the mapping is left alone.
    pub(crate) resumes_at: Option<Timestamp>,
    /// Until when there is no further pause; null during a pause.
    pub(crate) left_alone_until: Option<Timestamp>,
}

/// The stages that are paused or left alone. A stage that is polled as usual is left out.
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

    fn record(polling: Polling) -> PollingRecord {
        PollingRecord { version: 1, polling, ..PollingRecord::default() }
    }
}
