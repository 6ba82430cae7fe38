//! Alarms of datasets: what they promise, and what is odd about their events.

use std::time::Duration;

use contracts::Objectives;
use metrics::Metric;

use super::alarm::{
    ABOVE, Alarm, BELOW, Cause, Combined, Measured, Missing, Series, Severity, id_of,
};
use super::subject::{Dataset, Subject};

const HOUR_S: u64 = 3_600;

/// How much more or less may come out of a stage in an hour than went in before it. Events that wait are a part of it.
const TOLERANCE_PERCENT: f64 = 1.0;
/// The share of events without an enricher's answer that is worth a look.
const DEGRADED_PERCENT: f64 = 5.0;

/// The stages that can give an event up.
const STAGES: [&str; 5] = ["ingest", "enrich", "sink", "lake", "deliver"];

/// How fast an error budget is used up, over a long window and over a short one that ends the alarm soon after the
/// trouble: from table 5-8 of Google's Site Reliability Workbook, for a budget of 30 days.
/// <https://sre.google/workbook/alerting-on-slos/>
struct BurnRate {
    name: &'static str,
    severity: Severity,
    rate: f64,
    long_s: u64,
    short_s: u64,
}

const BURN_RATES: [BurnRate; 3] = [
    BurnRate { name: "Fast", severity: Severity::Page, rate: 14.4, long_s: HOUR_S, short_s: 300 },
    BurnRate {
        name: "Slow",
        severity: Severity::Page,
        rate: 6.0,
        long_s: 6 * HOUR_S,
        short_s: 1_800,
    },
    BurnRate {
        name: "Steady",
        severity: Severity::Ticket,
        rate: 1.0,
        long_s: 24 * HOUR_S,
        short_s: 2 * HOUR_S,
    },
];

pub(super) fn alarms(subject: &Subject) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for dataset in &subject.datasets {
        alarms.extend(of_contract(dataset));
        alarms.extend(of_objectives(dataset));
        for burn in &BURN_RATES {
            alarms.extend(of_burn_rate(dataset, burn));
        }
    }
    alarms
}

/// The alarms that are one while the budget of a dataset is used up too fast over a long window, and still is over a
/// short one.
pub(super) fn combined(subject: &Subject) -> Vec<Combined> {
    let mut all = Vec::new();
    for dataset in &subject.datasets {
        let Some(percent) = dataset.objectives.delivered_percent else { continue };
        for burn in &BURN_RATES {
            let id = burn.id_for(dataset);
            all.push(Combined {
                severity: burn.severity,
                cause: Cause::Objectives,
                says: format!(
                    "The budget of `{}`, of which {percent} % are to be delivered, is used up {} times too fast.",
                    dataset.name, burn.rate
                ),
                runbook: "missing-events.md",
                parts: [format!("{id}Long"), format!("{id}Short")],
                id,
            });
        }
    }
    all
}

fn ticket(id: String, says: String, runbook: &'static str, measured: Measured) -> Alarm {
    Alarm {
        id,
        severity: Severity::Ticket,
        cause: Cause::Objectives,
        says,
        runbook,
        measured,
        comparison: ABOVE,
        threshold: 0.0,
        periods: 1,
        missing: Missing::Good,
    }
}

/// What no dataset should have, whatever it promises.
fn of_contract(dataset: &Dataset) -> Vec<Alarm> {
    let (name, id) = (&dataset.name, id_of(&dataset.name));
    let mut alarms = Vec::new();
    for version in &dataset.versions {
        let of_version = [name.as_str(), &version.to_string()];
        alarms.push(ticket(
            format!("{id}V{version}Violations"),
            format!("Events of `{name}` break version {version} of their contract."),
            "schema-change.md",
            Measured::One(Series::own(Metric::ContractViolations, &of_version, "Sum", HOUR_S)),
        ));
    }
    if let Some(version) = dataset.canary {
        let of_version = [name.as_str(), &version.to_string()];
        alarms.push(ticket(
            format!("{id}V{version}CanaryViolations"),
            format!("The canary version {version} of `{name}` would refuse events."),
            "schema-change.md",
            Measured::One(Series::own(Metric::CanaryViolations, &of_version, "Sum", HOUR_S)),
        ));
    }
    for (sink, _) in &dataset.sinks {
        alarms.push(ticket(
            format!("{id}{}Conflicts", id_of(sink)),
            format!("Events of `{name}` came to `{sink}` with another payload under a used key."),
            "duplicate-surge.md",
            Measured::One(Series::own(Metric::ConflictingWrites, &[name, sink], "Sum", HOUR_S)),
        ));
    }
    if dataset.has_enrichers {
        let over = [Metric::EventsDegraded, Metric::EventsIn]
            .map(|metric| of_stage(metric, "enrich", name));
        let share = "100 * FILL(m0, 0) / m1".to_owned();
        alarms.push(Alarm {
            threshold: DEGRADED_PERCENT,
            ..ticket(
                format!("{id}Degraded"),
                format!("More than {DEGRADED_PERCENT} % of the events of `{name}` go on without an answer."),
                "service-outage.md",
                Measured::Expression { over: over.to_vec(), expression: share },
            )
        });
    }
    let over =
        [of_stage(Metric::EventsOut, "ingest", name), of_stage(Metric::EventsIn, "enrich", name)];
    let difference = "100 * ABS(m0 - FILL(m1, 0)) / m0".to_owned();
    alarms.push(Alarm {
        threshold: TOLERANCE_PERCENT,
        periods: 2,
        ..ticket(
            format!("{id}CountsDiffer"),
            format!("What ingest passed on of `{name}` and what enrich got differ by more than {TOLERANCE_PERCENT} %."),
            "missing-events.md",
            Measured::Expression { over: over.to_vec(), expression: difference },
        )
    });
    alarms
}

/// A count of a dataset's events in a stage, in an hour.
fn of_stage(metric: Metric, stage: &str, dataset: &str) -> Series {
    counted(metric, stage, dataset, HOUR_S)
}

fn counted(metric: Metric, stage: &str, dataset: &str, period_s: u64) -> Series {
    Series::own(metric, &[stage, dataset], "Sum", period_s)
}

/// What the dataset promises.
fn of_objectives(dataset: &Dataset) -> Vec<Alarm> {
    let Objectives { freshness, latency_p99, duplicate_percent, .. } = dataset.objectives;
    let (name, id) = (&dataset.name, id_of(&dataset.name));
    let mut alarms = Vec::new();
    if let Some(freshness) = freshness {
        for (sink, _) in &dataset.sinks {
            alarms.extend(of_freshness(dataset, sink, freshness));
        }
        let span = Span::of(freshness * 2);
        alarms.push(Alarm {
            severity: Severity::Page,
            comparison: BELOW,
            threshold: 1.0,
            periods: span.periods,
            missing: Missing::Bad,
            ..ticket(
                format!("{id}NoEvents"),
                format!("No event of `{name}` came in for twice its usual gap."),
                "late-events.md",
                Measured::One(counted(Metric::EventsIn, "ingest", name, span.period_s)),
            )
        });
    }
    if let Some(limit) = latency_p99 {
        for (sink, _) in &dataset.sinks {
            alarms.push(Alarm {
                threshold: limit.as_secs_f64() * 1_000.0,
                periods: 3,
                ..ticket(
                    format!("{id}{}Slow", id_of(sink)),
                    format!(
                        "One of 100 events of `{name}` takes longer to `{sink}` than {} s.",
                        limit.as_secs()
                    ),
                    "slower.md",
                    Measured::One(Series::own(Metric::DeliveryLatency, &[name, sink], "p99", 300)),
                )
            });
        }
    }
    if let Some(percent) = duplicate_percent {
        for (sink, _) in &dataset.sinks {
            let over = [Metric::DuplicateWrites, Metric::Writes]
                .map(|metric| Series::own(metric, &[name, sink], "Sum", HOUR_S));
            let share = "100 * FILL(m0, 0) / (FILL(m0, 0) + FILL(m1, 0))".to_owned();
            alarms.push(Alarm {
                threshold: percent,
                ..ticket(
                    format!("{id}{}Duplicates", id_of(sink)),
                    format!("More than {percent} % of what came to `{sink}` of `{name}` had come before."),
                    "duplicate-surge.md",
                    Measured::Expression { over: over.to_vec(), expression: share },
                )
            });
        }
    }
    alarms
}

/// A ticket if the objective is missed, and a page if it is missed for as long again.
fn of_freshness(dataset: &Dataset, sink: &str, freshness: Duration) -> [Alarm; 2] {
    let (name, id) = (&dataset.name, id_of(&dataset.name));
    [(Severity::Ticket, "Stale", freshness), (Severity::Page, "StaleForLong", freshness * 2)].map(
        |(severity, end, time)| {
            let span = Span::of(time);
            Alarm {
                severity,
                comparison: BELOW,
                threshold: 1.0,
                periods: span.periods,
                missing: Missing::Bad,
                ..ticket(
                    format!("{id}{}{end}", id_of(sink)),
                    format!(
                        "No event of `{name}` was written to `{sink}` for {} s.",
                        time.as_secs()
                    ),
                    "late-events.md",
                    Measured::One(Series::own(Metric::Writes, &[name, sink], "Sum", span.period_s)),
                )
            }
        },
    )
}

/// The alarms of both windows. Each series of an alarm's expression has the same period, so that there is one for each.
fn of_burn_rate(dataset: &Dataset, burn: &BurnRate) -> Vec<Alarm> {
    let Some(percent) = dataset.objectives.delivered_percent else { return Vec::new() };
    let name = &dataset.name;
    let mut alarms = Vec::new();
    for (end, window_s) in [("Long", burn.long_s), ("Short", burn.short_s)] {
        let mut over = vec![counted(Metric::EventsIn, "ingest", name, window_s)];
        let mut lost = Vec::new();
        for stage in STAGES {
            let is_used = dataset.sinks.iter().any(|(_, by)| *by == stage);
            if is_of_every_dataset(stage) || is_used {
                lost.push(format!("FILL(m{}, 0)", over.len()));
                over.push(counted(Metric::EventsDeadLettered, stage, name, window_s));
            }
        }
        let expression = format!("100 * ({}) / m0", lost.join(" + "));
        alarms.push(Alarm {
            severity: Severity::Part,
            threshold: round_to_micro((100.0 - percent) * burn.rate),
            ..ticket(
                format!("{}{end}", burn.id_for(dataset)),
                format!("A part of {}.", burn.id_for(dataset)),
                "missing-events.md",
                Measured::Expression { over, expression },
            )
        });
    }
    alarms
}

impl BurnRate {
    fn id_for(&self, dataset: &Dataset) -> String {
        format!("{}Undelivered{}", id_of(&dataset.name), self.name)
    }
}

fn is_of_every_dataset(stage: &str) -> bool {
    matches!(stage, "ingest" | "enrich")
}

/// Without the digits that come of adding decimals as doubles.
fn round_to_micro(value: f64) -> f64 {
    (value * 1_000_000.0).round() / 1_000_000.0
}

/// A time in periods. CloudWatch looks back over a day at most, or over seven days with periods of an hour and more:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>.
struct Span {
    period_s: u64,
    periods: u64,
}

impl Span {
    fn of(time: Duration) -> Self {
        let time_s = time.as_secs();
        let period_s = match time_s {
            0..=3_600 => 60,
            3_601..=86_400 => 300,
            86_401..=604_800 => HOUR_S,
            _ => 86_400,
        };
        let longest = if period_s < HOUR_S { 86_400 } else { 604_800 };
        Self { period_s, periods: (time_s.min(longest).div_ceil(period_s)).max(1) }
    }
}
