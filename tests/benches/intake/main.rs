//! What it costs to hold an event to its contract and to wrap it, beside the bare validation of the same document by the
//! crate `jsonschema`: `cargo bench --workspace --bench intake`, `-- --quick` to see that it works.
//!
//! The events are flights of the sample. Each round measures all parts one after the other, so that they have the same
//! machine, in CPU time of this thread. The figures are medians of the rounds. Bare is what nobody can do without: the
//! text is parsed, and the value is validated.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::hint::black_box;

use contracts::{Contract, EventOrigin};
use event::{Payload, Timestamp};
use serde_json::Value;
use sluicegate_tests::{flights, root};

struct Plan {
    rounds: usize,
    events: usize,
}

const FULL: Plan = Plan { rounds: 31, events: 5_000 };
const QUICK: Plan = Plan { rounds: 3, events: 200 };

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let Plan { rounds, events } = if is_quick { QUICK } else { FULL };
    let contracts = testkit::contracts();
    let contract = contracts.get("flights").unwrap();
    let lines: Vec<String> = flights(0, events).into_iter().map(|flight| flight.line).collect();
    let values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let validator = bare_validator();

    let mut parts: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        parts[0].push(us_per_event(&lines, |line| {
            black_box(serde_json::from_str::<Value>(line).unwrap());
        }));
        parts[1].push(us_per_event(&values, |value| {
            assert!(black_box(validator.is_valid(value)));
        }));
        parts[2].push(us_per_event(&lines, |line| {
            let payload = Payload::parse(line.as_bytes()).unwrap();
            black_box(contract.accept(&payload).unwrap());
        }));
        parts[3].push(us_per_event(&lines, |line| {
            black_box(wrapped(contract, line));
        }));
    }
    let [parse, validate, accept, wrap] = parts.map(median);
    let bare = parse + validate;
    println!("µs of CPU per event, over {rounds} rounds of {events} flights");
    for (name, us) in [
        ("bare: parsed by serde_json", parse),
        ("bare: validated by jsonschema", validate),
        ("parsed, validated, key, fingerprint and time", accept),
        ("the same, and wrapped in an envelope as text", wrap),
    ] {
        println!("{us:8.2}  {:5.2}x of bare  {name}", us / bare);
    }
}

/// The schema of the flights, without anything of ours.
fn bare_validator() -> jsonschema::Validator {
    let path = root().join("tests/contracts/flights/v1.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn wrapped(contract: &Contract, line: &str) -> String {
    let origin = EventOrigin {
        source: "arn:aws:sqs:eu-west-1:123456789012:inbox".to_owned(),
        id: "5e3d861a-dd93-4f4c-9a31-0b7f3a1c2d4e".to_owned(),
        traceparent: "00-1c257f69aaba1ff36caec321e75f67ab-11ed09cb33cba789-00".to_owned(),
        taken_in: Timestamp::from_unix_ms(1_357_034_400_000),
    };
    let payload = Payload::parse(line.as_bytes()).unwrap();
    contract.envelope(payload, origin).unwrap().to_json().unwrap()
}

fn us_per_event<T>(events: &[T], mut one: impl FnMut(&T)) -> f64 {
    let began = cpu_ns();
    for event in events {
        one(event);
    }
    let ns = u32::try_from(cpu_ns() - began).unwrap();
    f64::from(ns) / 1e3 / f64::from(u32::try_from(events.len()).unwrap())
}

/// CPU time of this thread so far: <https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat>.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
