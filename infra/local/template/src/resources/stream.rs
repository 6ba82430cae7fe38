//! Event source mappings from DynamoDB streams: how they differ from those of queues.
//!
//! docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html and
//! docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-dynamodb.html,
//! which still has a thousand records as the largest batch.

use std::time::Duration;

use super::super::fields::Fields;
use super::super::model::{StartingPosition, StreamMapping};
use super::event_source::{Named, filters, reports_failures};
use filters::Subject;

/// The batch size of a mapping that declares none.
const DEFAULT_BATCH_SIZE: u32 = 100;
/// Properties that only mappings from queues have.
const OF_QUEUES: [&str; 1] = ["ScalingConfig"];

/// `source` is the key of the property that holds the stream's ARN.
pub(super) fn mapping(named: Named, mut fields: Fields<'_>, source: &str) -> Option<StreamMapping> {
    let Named { logical_id, uuid, function } = named;
    let stream_arn = fields.required_text(source);
    let starting_position = starting_position(&mut fields);
    let enabled = fields.boolean("Enabled").unwrap_or(true);
    let batch_size = fields.integer("BatchSize", 1..=10_000).unwrap_or(DEFAULT_BATCH_SIZE);
    let window = fields.integer("MaximumBatchingWindowInSeconds", 0..=300).unwrap_or(0);
    let bisect = fields.boolean("BisectBatchOnFunctionError").unwrap_or(false);
    let maximum_retries = fields.limit("MaximumRetryAttempts", 0..=10_000);
    let maximum_record_age = fields.limit("MaximumRecordAgeInSeconds", 60..=604_800);
    fields.one_of("ParallelizationFactor", &["1"]);
    let on_failure = fields.fields("DestinationConfig").and_then(on_failure);
    let report_batch_item_failures = reports_failures(&mut fields);
    let filters = fields
        .fields("FilterCriteria")
        .map(|criteria| filters(criteria, Subject::StreamRecord))
        .unwrap_or_default();
    fields.refuse(&OF_QUEUES, "is for queues: a DynamoDB stream's mapping has none");
    fields.finish();
    Some(StreamMapping {
        logical_id,
        uuid,
        function,
        stream_arn: stream_arn?.to_owned(),
        starting_position: starting_position?,
        enabled,
        batch_size,
        window: Duration::from_secs(window.into()),
        filters,
        report_batch_item_failures,
        bisect,
        maximum_retries,
        maximum_record_age: maximum_record_age.map(|age| Duration::from_secs(age.into())),
        on_failure,
    })
}

/// The third position, `AT_TIMESTAMP`, is for Kinesis only.
fn starting_position(fields: &mut Fields<'_>) -> Option<StartingPosition> {
    let entry = fields.required("StartingPosition")?;
    match fields.text("StartingPosition")? {
        "TRIM_HORIZON" => Some(StartingPosition::TrimHorizon),
        "LATEST" => Some(StartingPosition::Latest),
        other => {
            let rule = format!("is {other}, and must be LATEST or TRIM_HORIZON");
            fields.problem(entry.line, "StartingPosition", rule);
            None
        }
    }
}

fn on_failure(mut fields: Fields<'_>) -> Option<String> {
    let mut on_failure = fields.fields("OnFailure");
    let destination = on_failure.as_mut().and_then(|on_failure| {
        // The type is SAM's. The destination's ARN says the same, so that nothing else reads it.
        on_failure.one_of("Type", &["SQS"]);
        let destination = on_failure.required_text("Destination")?;
        if destination.split(':').nth(2) == Some("sqs") {
            return Some(destination.to_owned());
        }
        let rule = format!("{destination} is not emulated (only SQS queues)");
        on_failure.problem(on_failure.line_of("Destination"), "Destination", rule);
        None
    });
    if let Some(on_failure) = on_failure {
        on_failure.finish();
    }
    fields.finish();
    destination
}
