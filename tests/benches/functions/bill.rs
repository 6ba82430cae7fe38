//! The bill for a million events, from what was counted, beside three calls an event: a lock, the effect,
//! and its completion, which is what Powertools for AWS Lambda does with "2 WCU per non-idempotent call"
//! and the effect's own
//! (<https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/>). It is given the same
//! batches of ten, records one after the other, and the same CPU time.

use sluicegate_tests::World;

use crate::cost::{Bill, Usage, WAIT_MS, gb_seconds};
use crate::counts::{Counts, Taken};
use crate::invocation::memory_mb;

/// One send, one receive and one delete for ten messages, whatever the function's batch is.
const SQS_REQUESTS: f64 = 3.0 / 10.0;
/// Transactions that the lake has under way at once.
const AT_ONCE: f64 = 16.0;

#[expect(clippy::print_stdout, reason = "the benchmark's results")]
pub(crate) fn print(world: &World, counts: &Counts) {
    println!("\ncost of a million events, dollars, US East (N. Virginia)");
    println!(
        "{:<44} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "", "units", "calls", "DynamoDB", "SQS", "S3", "Lambda", "total"
    );
    for (name, calls, usage) in usages(world, counts) {
        let bill = usage.a_million();
        let Bill { dynamodb, sqs, s3, lambda } = bill;
        println!(
            "{name:<44} {:>8.2} {calls:>8.3} {dynamodb:>9.2} {sqs:>8.2} {s3:>8.2} {lambda:>8.2} {:>8.2}",
            usage.write_units,
            bill.total(),
        );
    }
    println!(
        "assumed: {WAIT_MS} ms for each answer of AWS, and a core of Lambda as fast as one here"
    );
}

/// What each way of writing takes: its name, calls of DynamoDB and S3 an event, and the rest.
fn usages(world: &World, counts: &Counts) -> Vec<(&'static str, f64, Usage)> {
    let sink_mb = memory_mb(world, "SinkFunction");
    let Taken { cpu_ms, .. } = counts.table;
    // One call after the other: each event's share of its batch's calls is its share of the waiting.
    let table = |units: f64, calls: f64| Usage {
        write_units: units,
        sqs_requests: SQS_REQUESTS,
        invocations: 1.0 / 10.0,
        gb_seconds: gb_seconds(cpu_ms, calls, sink_mb),
        ..Usage::default()
    };
    let ours = counts.table.calls_an_event();
    let records = counts.table.units_of("RecordsTable");
    // Outside a transaction each item is half of it. A lock, its completion, and a total are 1 KB at most.
    let [lock, completion, total] = [1.0; 3];
    let row = records / 2.0;
    let three = lock + row + completion;
    let lake = &counts.lake;
    let transactions = lake.calls_of("TransactWriteItems") * lake.events / 2.0;
    // Claims and completions as many at a time as it has under way; object, list read, list written.
    let waits = 2.0 * (transactions / AT_ONCE).ceil() + 3.0;
    let lake_usage = Usage {
        write_units: lake.units_an_event(),
        sqs_requests: SQS_REQUESTS,
        s3_writes: lake.calls_of("PutObject"),
        s3_reads: lake.calls_of("GetObject"),
        invocations: 1.0 / lake.events,
        gb_seconds: gb_seconds(lake.cpu_ms, waits / lake.events, memory_mb(world, "LakeFunction")),
    };
    vec![
        ("a row, ours", ours, table(records, ours)),
        ("a row: lock, effect, completion", 3.0, table(three, 3.0)),
        ("a row and a total, ours", ours, table(counts.table.units_an_event(), ours)),
        ("a row and a total: lock, 2 effects, completion", 4.0, table(three + total, 4.0)),
        ("lake, full batches, ours", lake.calls_an_event(), lake_usage),
    ]
}
