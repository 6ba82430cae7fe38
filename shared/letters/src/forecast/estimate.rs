//! What a redrive takes: requests, writes, time and money.

use serde::Serialize;

use super::Verdict;
use super::coming::{Coming, ComingWrite};
use super::cost::UNITS_IN_TRANSACTION;
use crate::Pace;

/// By which prices the cost is estimated, and what is not in it.
pub const PRICES: &str = "list prices of us-east-1, without Lambda's duration";

/// Prices of a million, in millionths of a dollar: on demand, without free tiers and discounts.
///
/// <https://aws.amazon.com/dynamodb/pricing/on-demand/>: write request units.
const WRITE_UNITS: u128 = 625_000;
/// <https://aws.amazon.com/sqs/pricing/>: requests of standard queues.
const SQS_REQUESTS: u128 = 400_000;
/// <https://aws.amazon.com/lambda/pricing/>: requests.
const LAMBDA_REQUESTS: u128 = 200_000;
/// <https://aws.amazon.com/s3/pricing/>: GET requests of S3 Standard, 0.0004 dollars a thousand.
const S3_GETS: u128 = 400_000;
const MILLION: u128 = 1_000_000;

/// Messages of one request, and of one invocation, at most:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
const BATCH: u64 = 10;
/// A request of more is billed as several (the page of SQS's prices).
const SQS_BYTES: u64 = 64 * 1024;

/// A letter's entry in the index has less than 2 KB. It is claimed in a transaction, and moves from one place of the
/// index by shelves to another, which is a deletion and a write there.
const CLAIM_UNITS: u64 = 2 * UNITS_IN_TRANSACTION + 2 * 2;

/// What all letters of a plan take, by those that were looked at.
///
/// Messages are taken to come ten at a time. What is not known counts as written. A write that is cancelled, as that of a
/// duplicate, is billed as if it had been done, which is the most that it can be. Not in it are the objects of a lake, the
/// calls of enrichers, and what fails again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// The plan's letters.
    pub letters: u64,
    /// Whether only some of them were looked at.
    pub is_scaled: bool,
    /// Items that sinks write in DynamoDB: rows, and dedupe records.
    pub writes: u64,
    /// Letters that are claimed in the index before they are sent.
    pub claims: u64,
    /// Write request units of both.
    pub write_units: u64,
    pub sqs_requests: u64,
    pub lambda_requests: u64,
    pub s3_gets: u64,
    /// How long the run is on its way at the pace that it has by default, in milliseconds, without what it waits for.
    pub duration_ms: u64,
    /// In millionths of a US dollar.
    pub cost_micro_usd: u64,
    pub prices: &'static str,
}

/// What the letters that were looked at take.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    writes: u64,
    units: u64,
    messages: u64,
    message_bytes: u64,
}

impl Usage {
    fn add_write(&mut self, write: &ComingWrite, verdict: Verdict) {
        let cost = write.cost;
        let (items, units) = match verdict {
            Verdict::Written | Verdict::NotKnown => (cost.items, cost.units),
            Verdict::Duplicate | Verdict::Conflict => (0, cost.attempt),
            // The attempt, and the record that is kept of it.
            Verdict::Stale => (1, cost.attempt + UNITS_IN_TRANSACTION),
            Verdict::Refused => (0, 0),
        };
        self.writes += items;
        self.units += units;
    }

    fn add_messages(&mut self, coming: &Coming) {
        match coming {
            Coming::Event(event) => {
                self.messages += event.messages;
                self.message_bytes += event.messages * event.message_bytes;
            }
            Coming::Refused(_) | Coming::NotKnown => self.messages += 1,
        }
    }

    /// For more letters of the same kind: times `letters`, divided by `looked_at`, rounded up.
    fn scaled(self, letters: u64, looked_at: u64) -> Self {
        let scaled = |count: u64| match looked_at {
            0 => 0,
            _ => saturated((u128::from(count) * u128::from(letters)).div_ceil(looked_at.into())),
        };
        Self {
            writes: scaled(self.writes),
            units: scaled(self.units),
            messages: scaled(self.messages),
            message_bytes: scaled(self.message_bytes),
        }
    }
}

impl Estimate {
    pub(super) fn of(
        letters: u64,
        looked_at: &[Coming],
        verdicts: &[(&ComingWrite, Verdict)],
        pace: &Pace,
    ) -> Self {
        let mut usage = Usage::default();
        for coming in looked_at {
            usage.add_messages(coming);
        }
        for (write, verdict) in verdicts {
            usage.add_write(write, *verdict);
        }
        let looked_at = looked_at.len() as u64;
        let usage = usage.scaled(letters, looked_at);
        let write_units = usage.units.saturating_add(letters.saturating_mul(CLAIM_UNITS));
        let lambda_requests = usage.messages.div_ceil(BATCH);
        // Sent and received with their bodies, and deleted.
        let with_bodies = lambda_requests.max(usage.message_bytes.div_ceil(SQS_BYTES));
        let sqs_requests = with_bodies.saturating_mul(2).saturating_add(lambda_requests);
        let s3_gets = letters;
        let cost = u128::from(write_units) * WRITE_UNITS
            + u128::from(sqs_requests) * SQS_REQUESTS
            + u128::from(lambda_requests) * LAMBDA_REQUESTS
            + u128::from(s3_gets) * S3_GETS;
        Self {
            letters,
            is_scaled: looked_at < letters,
            writes: usage.writes,
            claims: letters,
            write_units,
            sqs_requests,
            lambda_requests,
            s3_gets,
            duration_ms: saturated(pace.duration(letters).as_millis()),
            cost_micro_usd: saturated(cost.div_ceil(MILLION)),
            prices: PRICES,
        }
    }
}

fn saturated(count: u128) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
