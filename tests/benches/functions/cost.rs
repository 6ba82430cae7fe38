//! What AWS charges for events: list prices, and what the counts come to by them.
//!
//! US East (N. Virginia), on demand, without free tiers and volume discounts; in dollars. As far as they
//! were to be had in 2026, from pages that quote AWS:
//!
//! | price | of | AWS's own page |
//! | --- | --- | --- |
//! | write request units | 2025-07 | <https://aws.amazon.com/dynamodb/pricing/on-demand/> |
//! | SQS requests, standard queues | 2026-06 | <https://aws.amazon.com/sqs/pricing/> |
//! | S3 requests, S3 Standard | undated | <https://aws.amazon.com/s3/pricing/> |
//! | Lambda, Arm | 2026-05 | <https://aws.amazon.com/lambda/pricing/> |
//!
//! Storage, logs, streams, backups and traffic are not in it: they are the same whoever writes.

const WRITE_UNIT: f64 = 0.625e-6;
/// Of up to 64 KB.
const SQS_REQUEST: f64 = 0.40e-6;
/// PUT, COPY, POST and LIST.
const S3_WRITE: f64 = 0.005e-3;
/// GET and the rest.
const S3_READ: f64 = 0.000_4e-3;
const INVOCATION: f64 = 0.20e-6;
const GB_SECOND: f64 = 0.000_013_333_4;

/// A function with so much memory has a whole core
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>), with less a part of one.
const MB_A_CORE: f64 = 1_769.0;

/// Assumed, not measured: how long a function waits for an answer of DynamoDB or S3. It is billed.
pub(crate) const WAIT_MS: f64 = 10.0;

/// What one event takes: a part of a batch's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) write_units: f64,
    pub(crate) sqs_requests: f64,
    pub(crate) s3_writes: f64,
    pub(crate) s3_reads: f64,
    pub(crate) invocations: f64,
    pub(crate) gb_seconds: f64,
}

/// Dollars for a million events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bill {
    pub(crate) dynamodb: f64,
    pub(crate) sqs: f64,
    pub(crate) s3: f64,
    pub(crate) lambda: f64,
}

impl Usage {
    pub(crate) fn a_million(self) -> Bill {
        let million = |dollars: f64| dollars * 1e6;
        Bill {
            dynamodb: million(self.write_units * WRITE_UNIT),
            sqs: million(self.sqs_requests * SQS_REQUEST),
            s3: million(self.s3_writes * S3_WRITE + self.s3_reads * S3_READ),
            lambda: million(self.invocations * INVOCATION + self.gb_seconds * GB_SECOND),
        }
    }
}

impl Bill {
    pub(crate) fn total(self) -> f64 {
        self.dynamodb + self.sqs + self.s3 + self.lambda
    }
}

/// Of one event, whose share of its batch is so much CPU time of a core and so many waits, one after the
/// other, with so much memory.
pub(crate) fn gb_seconds(cpu_ms: f64, waits: f64, memory_mb: f64) -> f64 {
    let share = (memory_mb / MB_A_CORE).min(1.0);
    (cpu_ms / share + waits * WAIT_MS) / 1e3 * memory_mb / 1_024.0
}
