//! What sinks measure: how many events they wrote, and how long it took.

use dedupe::{Outcome, Verdict};
use event::{Envelope, Timestamp};
use metrics::{Dimensions, Metric, Recorder, whole_ms};

use crate::{EventCounts, count_done};

/// What an event's measurements need of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredEvent {
    /// Its dataset.
    pub dataset: String,
    /// When it happened, by its own account.
    pub happened_at: Timestamp,
    /// When it was taken in.
    pub taken_in_at: Timestamp,
}

impl From<&Envelope> for MeasuredEvent {
    fn from(envelope: &Envelope) -> Self {
        Self {
            dataset: envelope.dataset.clone(),
            happened_at: envelope.time,
            taken_in_at: envelope.ingesttime,
        }
    }
}

/// Where a sink's measurements go, and the time of its commit.
#[derive(Clone, Copy)]
pub struct SinkMeasures<'a> {
    /// What collects them.
    pub recorder: &'a Recorder,
    /// The name of the stage.
    pub stage: &'static str,
    /// When the outcomes of the writes were known.
    pub now: Timestamp,
}

impl SinkMeasures<'_> {
    pub(super) fn count_event(&self, event: &MeasuredEvent, counts: &EventCounts) {
        count_done(self.recorder, self.stage, &event.dataset, counts);
    }

    /// Counts a write of which the outcome is known. Its ages are measured when it took effect: a duplicate was in the
    /// sink before.
    pub(super) fn count_write(&self, event: &MeasuredEvent, sink: &str, outcome: &Outcome) {
        let Ok(verdict) = outcome else { return };
        let of_sink = Dimensions::sink(&event.dataset, sink);
        let metric = match verdict {
            Verdict::Written => Metric::Writes,
            Verdict::Duplicate => Metric::DuplicateWrites,
            Verdict::Stale => Metric::StaleWrites,
            Verdict::Conflict { .. } => Metric::ConflictingWrites,
        };
        if metric != Metric::Writes {
            self.recorder.add(&of_sink, metric, 1);
            return;
        }
        let is_skewed = self.now < event.taken_in_at || self.now < event.happened_at;
        let counts = [(metric, 1), (Metric::ClockSkew, u64::from(is_skewed))];
        let times = [
            (Metric::DeliveryLatency, whole_ms(self.now.since(event.taken_in_at))),
            (Metric::EventAge, whole_ms(self.now.since(event.happened_at))),
        ];
        self.recorder.record(&of_sink, &counts, &times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_767_225_600_000;

    fn event(happened_ago_ms: i64, taken_in_ago_ms: i64) -> MeasuredEvent {
        MeasuredEvent {
            dataset: "orders".to_owned(),
            happened_at: Timestamp::from_unix_ms(NOW_MS - happened_ago_ms),
            taken_in_at: Timestamp::from_unix_ms(NOW_MS - taken_in_ago_ms),
        }
    }

    fn lines(events: &[(MeasuredEvent, Outcome)]) -> Vec<String> {
        let recorder = Recorder::new("Test");
        let now = Timestamp::from_unix_ms(NOW_MS);
        let measures = SinkMeasures { recorder: &recorder, stage: "sink", now };
        for (event, outcome) in events {
            measures.count_write(event, "table", outcome);
        }
        recorder.take_lines(NOW_MS)
    }

    #[test]
    fn an_age_is_measured_when_an_event_is_written() {
        let told = lines(&[
            (event(60_000, 2_000), Ok(Verdict::Written)),
            (event(60_000, 3_000), Ok(Verdict::Written)),
            (event(99_000, 9_000), Ok(Verdict::Duplicate)),
        ]);
        assert_eq!(told.len(), 1);
        for part in [
            r#""Dataset":"orders","Sink":"table""#,
            r#""Writes":2,"DuplicateWrites":1"#,
            r#""DeliveryLatency":{"Values":[2000,3000],"Counts":[1,1]}"#,
            r#""EventAge":{"Values":[60000],"Counts":[2]}"#,
        ] {
            assert!(told[0].contains(part), "{part} in {}", told[0]);
        }
        assert!(!told[0].contains("ClockSkew"), "{}", told[0]);
    }

    #[test]
    fn an_event_of_the_future_is_of_no_age_and_counted() {
        let told = lines(&[(event(-5_000, 1), Ok(Verdict::Written))]);
        assert!(told[0].contains(r#""EventAge":0"#), "{}", told[0]);
        assert!(told[0].contains(r#""ClockSkew":1"#), "{}", told[0]);
    }
}
