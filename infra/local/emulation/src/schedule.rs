//! Schedules: rules of EventBridge that invoke a function at their times.
//!
//! They run on the emulation's clock, and invoke asynchronously, as EventBridge does. A future time
//! of a schedule does not count as work that is left, except while a mapping that was disabled
//! holds messages back. If the clock jumps over several times of a schedule, it invokes once.

use bytes::Bytes;
use serde_json::json;

use clock::Clock;
use lambda::{Lambda, timestamp};
use template::{Expression, Schedule};

/// A schedule that is enabled.
#[derive(Clone)]
pub(crate) struct RunningSchedule {
    schedule: Schedule,
    expression: Expression,
    created_ms: u64,
}

impl RunningSchedule {
    /// A schedule that is enabled from now on. `None` for an expression that is invalid, which
    /// the reader of the template refuses.
    pub(crate) fn new(schedule: Schedule, now_ms: u64) -> Option<Self> {
        let expression = Expression::parse(&schedule.expression).ok()?;
        Some(Self { schedule, expression, created_ms: now_ms })
    }

    /// The next time at which it is due, in milliseconds since the Unix epoch.
    pub(crate) fn next_due_ms(&self, now_ms: u64) -> Option<u64> {
        self.expression.next_after(self.created_ms, now_ms)
    }

    /// Invokes the function at its times, until it is dropped.
    pub(crate) async fn run(self, clock: Clock, lambda: Lambda) {
        let schedule = &self.schedule;
        let mut now_ms = self.created_ms;
        while let Some(due_ms) = self.next_due_ms(now_ms) {
            clock.sleep_until(due_ms).await;
            let payload = schedule.input.clone().unwrap_or_else(|| event(&schedule.arn, due_ms));
            if let Err(error) = lambda.invoke_later(&schedule.function, Bytes::from(payload)) {
                tracing::warn!(schedule.name = schedule.logical_id, "not invoked: {error}");
            }
            now_ms = clock.now_ms();
        }
    }
}

/// The event of a rule:
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html> and
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html>.
fn event(rule_arn: &str, due_ms: u64) -> String {
    let mut parts = rule_arn.split(':').skip(3);
    let (region, account) = (parts.next(), parts.next());
    let time = timestamp(due_ms);
    // Events have whole seconds.
    let time = time.split('.').next().unwrap_or_default();
    let event = json!({
        "version": "0",
        "id": uuid::Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": format!("{time}Z"),
        "region": region,
        "resources": [rule_arn],
        "detail": {},
    });
    event.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample is from EventBridge's documentation, with the names of this project.
    #[test]
    fn the_event_is_eventbridges() {
        let sample = include_str!("../../../../events/schedule.json");
        let sample: serde_json::Value = serde_json::from_str(sample).unwrap();
        let arn = sample["resources"][0].as_str().unwrap();
        let mut event: serde_json::Value =
            serde_json::from_str(&event(arn, 1_767_225_660_000)).unwrap();
        assert_eq!(event["id"].as_str().map(str::len), sample["id"].as_str().map(str::len));
        event["id"] = sample["id"].clone();
        assert_eq!(event, sample);
    }
}
