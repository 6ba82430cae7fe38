//! The message that describes a discarded batch. It does not contain the records themselves.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html#stream-on-failure-destination-example-sqs>.

use serde_json::json;
use uuid::Uuid;

use super::super::super::outcome::timestamp;
use super::MappingSettings;
use super::batch::Batch;
use super::record::EventRecord;

/// Why records were discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureCondition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

impl FailureCondition {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// Describes a discarded batch, which must have records.
pub(super) fn failure_record(
    batch: &Batch,
    condition: FailureCondition,
    settings: &MappingSettings,
    shard_id: &str,
    now_ms: u64,
) -> String {
    let (first, last) = (batch.records.first(), batch.records.last());
    let request_id = batch.answer.as_ref().map(|answer| answer.request_id.clone());
    let mut letter = json!({
        "requestContext": {
            "requestId": request_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
            "functionArn": settings.function_arn,
            "condition": condition.name(),
            "approximateInvokeCount": batch.invocations,
        },
        "version": "1.0",
        "timestamp": timestamp(now_ms),
        "DDBStreamBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": sequence_number(first),
            "endSequenceNumber": sequence_number(last),
            "approximateArrivalOfFirstRecord": arrival_time(first),
            "approximateArrivalOfLastRecord": arrival_time(last),
            "batchSize": batch.records.len(),
            "streamArn": settings.stream_arn,
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

fn sequence_number(record: Option<&EventRecord>) -> &str {
    record.map_or("", |record| record.sequence_number.as_str())
}

/// The time is in whole seconds, so the milliseconds are left out.
fn arrival_time(record: Option<&EventRecord>) -> String {
    timestamp(record.map_or(0, |record| record.created_ms)).replace(".000Z", "Z")
}
