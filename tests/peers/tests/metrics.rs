//! Our lines beside those that another writer of the format makes of the same measurements.

use std::time::{Duration, UNIX_EPOCH};

use metrique_writer::format::Format as _;
use metrique_writer::unit::NegativeScale;
use metrique_writer::{Entry, EntryWriter, MetricFlags, Observation, Unit, Value, ValueWriter};
use metrique_writer_format_emf::Emf;
use sluicegate_metrics::{Dimensions, Metric, Recorder};

const AT_MS: i64 = 1_767_225_600_000;

/// A metric for the other writer: its values, each with its count.
struct Measured {
    metric: Metric,
    values: Vec<(u64, u64)>,
}

impl Value for Measured {
    fn write(&self, writer: impl ValueWriter) {
        let unit = match self.metric.unit() {
            sluicegate_metrics::Unit::Count => Unit::Count,
            sluicegate_metrics::Unit::Milliseconds => Unit::Second(NegativeScale::Milli),
        };
        let mut observations = Vec::new();
        for &(value, count) in &self.values {
            observations.push(match count {
                1 => Observation::Unsigned(value),
                many => Observation::Repeated {
                    total: f64::from(u32::try_from(value * many).unwrap()),
                    occurrences: many,
                },
            });
        }
        writer.metric(observations, unit, [], MetricFlags::empty());
    }
}

struct Measurements {
    dimensions: Dimensions,
    measured: Vec<Measured>,
}

impl Entry for Measurements {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.timestamp(UNIX_EPOCH + Duration::from_millis(AT_MS.unsigned_abs()));
        for (name, value) in self.dimensions.names().iter().zip(self.dimensions.values()) {
            writer.value(*name, &value);
        }
        for measured in &self.measured {
            writer.value(measured.metric.name(), measured);
        }
    }
}

#[track_caller]
fn check(dimensions: Dimensions, measured: Vec<Measured>) {
    let recorder = Recorder::new("Sluicegate/peer");
    for Measured { metric, values } in &measured {
        for (value, count) in values {
            match metric.unit() {
                sluicegate_metrics::Unit::Count => {
                    recorder.record(&dimensions, &[(*metric, *value)], &[]);
                }
                sluicegate_metrics::Unit::Milliseconds => {
                    for _ in 0..*count {
                        recorder.record(&dimensions, &[], &[(*metric, *value)]);
                    }
                }
            }
        }
    }
    let names = dimensions.names().iter().map(|name| (*name).to_owned()).collect();
    let mut other = Emf::all_validations("Sluicegate/peer".to_owned(), vec![names]);
    let mut theirs = Vec::new();
    other.format(&Measurements { dimensions, measured }, &mut theirs).unwrap();
    let theirs: serde_json::Value = serde_json::from_slice(&theirs).unwrap();
    let ours = recorder.take_lines(AT_MS);
    assert_eq!(ours.len(), 1);
    let ours: serde_json::Value = serde_json::from_str(&ours[0]).unwrap();
    assert_eq!(ours, theirs);
}

#[test]
fn a_line_is_what_another_writer_makes_of_the_same() {
    let count = |metric, value| Measured { metric, values: vec![(value, 1)] };
    check(
        Dimensions::dataset("ingest", "orders \"of\" \u{e9}"),
        vec![count(Metric::EventsIn, 10), count(Metric::EventsOut, 9)],
    );
    check(
        Dimensions::sink("orders", "lake"),
        vec![
            count(Metric::Writes, 5),
            Measured { metric: Metric::DeliveryLatency, values: vec![(7, 1), (12, 3), (900, 1)] },
            Measured { metric: Metric::EventAge, values: vec![(60_000, 1)] },
        ],
    );
    check(
        Dimensions::failure("sink", Some("orders"), "dedupe.conflict"),
        vec![count(Metric::DeadLetters, 1)],
    );
    check(Dimensions::version("orders", 3), vec![count(Metric::ContractViolations, 2)]);
}
