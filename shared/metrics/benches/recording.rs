//! What measuring costs: the time that a sink with two tables takes an event to record it and to write the lines.
//!
//! `cargo bench --package sluicegate-metrics`

#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]
#![expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]

use std::hint::black_box;
use std::time::Instant;

use sluicegate_metrics::{Dimensions, Metric, Recorder};

/// How many events are recorded for each line of the result.
const EVENTS: u64 = 400_000;

fn main() {
    for batch in [10, 1_000] {
        let recorder = Recorder::new("Sluicegate/my-stack");
        let began = Instant::now();
        let mut bytes = 0;
        for _ in 0..EVENTS / batch {
            bytes += invocation(&recorder, batch);
        }
        let nanos = began.elapsed().as_nanos() / u128::from(EVENTS);
        let of_invocation = bytes / usize::try_from(EVENTS / batch).unwrap_or(1);
        println!("batches of {batch}: {nanos} ns an event, {of_invocation} bytes an invocation");
    }
}

/// One invocation, whose lines have so many bytes.
fn invocation(recorder: &Recorder, batch: u64) -> usize {
    for event in 0..batch {
        let counts = [(Metric::EventsIn, 1), (Metric::EventsOut, 1)];
        recorder.record(&Dimensions::dataset("sink", "orders"), &counts, &[]);
        for sink in ["records", "totals"] {
            let times = [
                (Metric::DeliveryLatency, 2_000 + event * 7 % 500),
                (Metric::EventAge, 1_000_000 + event * 13 % 900),
            ];
            let counts = [(Metric::Writes, 1), (Metric::ClockSkew, 0)];
            recorder.record(&Dimensions::sink("orders", sink), &counts, &times);
        }
    }
    recorder.add(&Dimensions::Function { function: "sink" }, Metric::AwsCalls, 1);
    let lines = recorder.take_lines(1_767_225_600_000);
    black_box(&lines).iter().map(String::len).sum()
}
