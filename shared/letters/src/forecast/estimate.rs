//! What a redrive takes: requests, writes, time and money.

use serde::Serialize;

use super::Verdict;
use super::coming::{Coming, ComingWrite};
use super::cost::UNITS_IN_TRANSACTION;
use crate::Pace;

/// Says by which prices the cost is estimated and what is not in it.
const PRICES: &str = "list prices of us-east-1, without Lambda's duration";

/// Prices of a million requests or units, in millionths of a US dollar: on demand, without free tiers and discounts.
///
/// Write request units: <https://aws.amazon.com/dynamodb/pricing/on-demand/>.
const WRITE_UNITS: u128 = 625_000;
/// Requests of standard queues: <https://aws.amazon.com/sqs/pricing/>.
const SQS_REQUESTS: u128 = 400_000;
/// Requests: <https://aws.amazon.com/lambda/pricing/>.
const LAMBDA_REQUESTS: u128 = 200_000;
/// GET requests of S3 Standard, at 0.0004 dollars a thousand: <https://aws.amazon.com/s3/pricing/>.
const S3_GETS: u128 = 400_000;
const MILLION: u128 = 1_000_000;

/// The most messages of one request and of one invocation:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
const BATCH: u64 = 10;
/// SQS bills each 64 KB of a request as a request: <https://aws.amazon.com/sqs/pricing/>.
const SQS_BYTES: u64 = 64 * 1024;

/// The write request units of a claim. A letter's entry has less than 2 KB and is claimed in a transaction. The claim
/// also moves it in the index from one state to another, which is a deletion and a write there.
const CLAIM_UNITS: u64 = 2 * UNITS_IN_TRANSACTION + 2 * 2;

/// What the redrive of all letters of a plan takes, calculated from those that were looked at.
///
/// Messages are assumed to be sent and received ten at a time. Outcomes that are not known count as written. A
/// cancelled write, such as that of a duplicate, is billed as if it had been made, which is the most that it can cost.
/// The estimate leaves out the objects of a lake, the calls of enrichers, and what fails again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// How many letters the plan has.
    pub letters: u64,
    /// Whether only some of them were looked at, so that the counts are scaled up.
    pub is_scaled: bool,
    /// The items that sinks write to DynamoDB: rows and dedupe records.
    pub writes: u64,
    /// The letters that are claimed in the index before they are sent.
    pub claims: u64,
    /// The write request units for `writes` and `claims`.
    pub write_units: u64,
    /// The billed requests to SQS: to send, receive and delete messages.
    pub sqs_requests: u64,
    /// The invocations of stages.
    pub lambda_requests: u64,
    /// The reads of letters' messages from the store.
    pub s3_gets: u64,
    /// How long the run takes at the pace, in milliseconds, without the time for which it is made to wait.
    pub duration_ms: u64,
    /// The cost in millionths of a US dollar.
    pub cost_micro_usd: u64,
    /// The prices by which the cost is estimated, in a sentence.
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
            // The attempt is cancelled, and then the dedupe record alone is written.
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

    /// What `letters` letters take if they are like the `looked_at` letters that were looked at.
    fn scaled(self, letters: u64, looked_at: u64) -> Self {
        Self {
            writes: scaled_count(self.writes, letters, looked_at),
            units: scaled_count(self.units, letters, looked_at),
            messages: scaled_count(self.messages, letters, looked_at),
            message_bytes: scaled_count(self.message_bytes, letters, looked_at),
        }
    }
}

/// `count` times `letters`, divided by `looked_at`, rounded up.
fn scaled_count(count: u64, letters: u64, looked_at: u64) -> u64 {
    match looked_at {
        0 => 0,
        _ => saturated((u128::from(count) * u128::from(letters)).div_ceil(looked_at.into())),
    }
}

impl Estimate {
    pub(super) fn of(
        letters: u64,
        looked_at: &[Coming],
        verdicts: &[(&ComingWrite, Verdict)],
        pace: &Pace,
    ) -> Self {
        let mut seen = Usage::default();
        for coming in looked_at {
            seen.add_messages(coming);
        }
        for (write, verdict) in verdicts {
            seen.add_write(write, *verdict);
        }
        let looked_at = looked_at.len() as u64;
        let usage = seen.scaled(letters, looked_at);
        let write_units = usage.units.saturating_add(letters.saturating_mul(CLAIM_UNITS));
        let lambda_requests = usage.messages.div_ceil(BATCH);
        // Messages are sent and received with their bodies, and deleted without them.
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
