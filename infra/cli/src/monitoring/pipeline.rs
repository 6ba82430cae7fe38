//! Alarms of functions, queues, dead letters and dependencies, whatever the datasets are.

use std::time::Duration;

use metrics::Metric;

use super::alarm::{ABOVE, AT_LEAST, Alarm, Cause, Measured, Missing, Series, Severity, id_of};
use super::subject::{Function, Subject};

const MINUTE_S: u64 = 60;

/// An event is tried again after at most a minute in its queue, and copies that wait for longer are new messages. So
/// nothing is in a queue for a quarter of an hour, unless its function is behind.
const OLDEST_PAGE_S: f64 = 900.0;
const OLDEST_TICKET_S: f64 = 300.0;

/// An invocation that takes this much of its time limit leaves little room for a slow day.
const SHARE_OF_TIMEOUT: f64 = 0.8;

/// SQS keeps a letter in a dead-letter queue for 14 days. After half of that, it has to be looked at.
const LETTER_AGE_S: f64 = 7.0 * 86_400.0;

pub(super) fn alarms(subject: &Subject) -> Vec<Alarm> {
    let mut alarms = letters(subject);
    for function in &subject.functions {
        alarms.extend(of_function(function));
    }
    for queue in &subject.stage_queues {
        alarms.extend(of_queue(queue));
    }
    for dependency in &subject.dependencies {
        alarms.push(of_dependency(dependency));
    }
    alarms
}

/// The collector takes letters out of their queues within seconds, so that the queues alone would not show them.
fn letters(subject: &Subject) -> Vec<Alarm> {
    let collected = |statistic_period_s| {
        let series = Series::own(Metric::LettersCollected, &["collect"], "Sum", statistic_period_s);
        Measured::One(series)
    };
    let mut alarms = vec![
        Alarm {
            id: "DeadLetterCollected".to_owned(),
            severity: Severity::Page,
            cause: Cause::DeadLetters,
            says: "An event became a dead letter.".to_owned(),
            runbook: "poison-record.md",
            measured: collected(MINUTE_S),
            comparison: ABOVE,
            threshold: 0.0,
            periods: 1,
            missing: Missing::Good,
        },
        Alarm {
            id: "ManyDeadLettersCollected".to_owned(),
            severity: Severity::Page,
            cause: Cause::DeadLetters,
            says: "More than 100 events became dead letters within five minutes.".to_owned(),
            runbook: "schema-change.md",
            measured: collected(5 * MINUTE_S),
            comparison: ABOVE,
            threshold: 100.0,
            periods: 1,
            missing: Missing::Good,
        },
    ];
    for queue in &subject.dead_letter_queues {
        let oldest = |period_s| {
            let name = "ApproximateAgeOfOldestMessage";
            Measured::One(Series::queue(queue, name, "Maximum", period_s))
        };
        alarms.push(Alarm {
            id: format!("{queue}NotCollected"),
            severity: Severity::Page,
            cause: Cause::DeadLetters,
            says: format!("Letters stay in {queue}: the collector does not take them."),
            runbook: "letters-not-collected.md",
            measured: Measured::One(Series::queue(
                queue,
                "ApproximateNumberOfMessagesVisible",
                "Minimum",
                MINUTE_S,
            )),
            comparison: ABOVE,
            threshold: 0.0,
            periods: 15,
            missing: Missing::Good,
        });
        alarms.push(Alarm {
            id: format!("{queue}Old"),
            severity: Severity::Ticket,
            cause: Cause::DeadLetters,
            says: format!("A letter is in {queue} for more than 7 days, and gone after 14."),
            runbook: "letters-not-collected.md",
            measured: oldest(3_600),
            comparison: ABOVE,
            threshold: LETTER_AGE_S,
            periods: 1,
            missing: Missing::Good,
        });
    }
    alarms
}

fn of_function(function: &Function) -> Vec<Alarm> {
    let Function { logical_id, timeout } = function;
    let counted =
        |name: &str| Measured::One(Series::function(logical_id, name, "Sum", 5 * MINUTE_S));
    vec![
        Alarm {
            id: format!("{logical_id}Errors"),
            severity: Severity::Page,
            cause: Cause::Functions,
            says: format!(
                "Invocations of {logical_id} fail as a whole: it crashes, or takes too long."
            ),
            runbook: "function-fails.md",
            measured: counted("Errors"),
            comparison: ABOVE,
            threshold: 0.0,
            periods: 1,
            missing: Missing::Good,
        },
        Alarm {
            id: format!("{logical_id}Throttles"),
            severity: Severity::Page,
            cause: Cause::Functions,
            says: format!(
                "Lambda refuses to invoke {logical_id}: the account has no concurrency left."
            ),
            runbook: "backpressure.md",
            measured: counted("Throttles"),
            comparison: ABOVE,
            threshold: 0.0,
            periods: 3,
            missing: Missing::Good,
        },
        Alarm {
            id: format!("{logical_id}Slow"),
            severity: Severity::Ticket,
            cause: Cause::Functions,
            says: format!("An invocation of {logical_id} took more than 80 % of its time limit."),
            runbook: "slower.md",
            measured: Measured::One(Series::function(
                logical_id,
                "Duration",
                "Maximum",
                5 * MINUTE_S,
            )),
            comparison: ABOVE,
            threshold: share_of(*timeout),
            periods: 3,
            missing: Missing::Good,
        },
    ]
}

/// The milliseconds of a time limit that are too many.
fn share_of(timeout: Duration) -> f64 {
    (timeout.as_secs_f64() * 1_000.0 * SHARE_OF_TIMEOUT).round()
}

fn of_queue(queue: &str) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for (severity, end, threshold, periods) in [
        (Severity::Page, "Waits", OLDEST_PAGE_S, 5),
        (Severity::Ticket, "Lags", OLDEST_TICKET_S, 15),
    ] {
        alarms.push(Alarm {
            id: format!("{queue}{end}"),
            severity,
            cause: Cause::Backlog,
            says: format!("The oldest message of {queue} waits for more than {threshold} s."),
            runbook: "backpressure.md",
            measured: Measured::One(Series::queue(
                queue,
                "ApproximateAgeOfOldestMessage",
                "Maximum",
                MINUTE_S,
            )),
            comparison: ABOVE,
            threshold,
            periods,
            missing: Missing::Good,
        });
    }
    alarms
}

/// While its queue is not polled, nothing is measured, and the breaker is still open.
fn of_dependency(dependency: &str) -> Alarm {
    Alarm {
        id: format!("{}BreakerOpen", id_of(dependency)),
        severity: Severity::Page,
        cause: Cause::Dependency,
        says: format!("The breaker of `{dependency}` is open for a quarter of an hour."),
        runbook: "service-outage.md",
        measured: Measured::One(Series::own(
            Metric::BreakerOpen,
            &[dependency],
            "Maximum",
            MINUTE_S,
        )),
        comparison: AT_LEAST,
        threshold: 1.0,
        periods: 15,
        missing: Missing::Ignored,
    }
}
