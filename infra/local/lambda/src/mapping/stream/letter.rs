//! The message that says what was given up; the records themselves are not in it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html#stream-on-failure-destination-example-sqs>.

use serde_json::json;
use uuid::Uuid;

use super::super::super::outcome::timestamp;
use super::Plan;
use super::batch::Batch;

/// Why records are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

impl Condition {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// About a batch with records.
pub(super) fn letter(
    batch: &Batch,
    condition: Condition,
    plan: &Plan,
    shard_id: &str,
    now_ms: u64,
) -> String {
    let (first, last) = (batch.records.first(), batch.records.last());
    let number = |record: Option<&super::record::Entry>| {
        record.map(|record| record.sequence_number.clone()).unwrap_or_default()
    };
    let arrival = |record: Option<&super::record::Entry>| {
        // Of whole seconds, and so written.
        timestamp(record.map_or(0, |record| record.created_ms)).replace(".000Z", "Z")
    };
    let request_id = batch.answer.as_ref().map(|answer| answer.request_id.clone());
    let mut letter = json!({
        "requestContext": {
            "requestId": request_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
            "functionArn": plan.function_arn,
            "condition": condition.name(),
            "approximateInvokeCount": batch.invocations,
        },
        "version": "1.0",
        "timestamp": timestamp(now_ms),
        "DDBStreamBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": number(first),
            "endSequenceNumber": number(last),
            "approximateArrivalOfFirstRecord": arrival(first),
            "approximateArrivalOfLastRecord": arrival(last),
            "batchSize": batch.records.len(),
            "streamArn": plan.stream_arn,
        },
    });
    if let Some(answer) = &batch.answer {
        let mut context = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
        if let Some(error) = answer.function_error {
            context["functionError"] = json!(error);
        }
        letter["responseContext"] = context;
    }
    letter.to_string()
}
