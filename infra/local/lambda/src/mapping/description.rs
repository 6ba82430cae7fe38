//! The description of a mapping in Lambda's API.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>

use serde_json::{Map, Value, json};

use super::lifecycle::Lifecycle;
use template::{EventSourceMapping, StartingPosition, StreamMapping};

pub(super) struct Description {
    pub(super) uuid: String,
    /// The function's name.
    pub(super) function: String,
    pub(super) source_arn: String,
    /// The members that do not change.
    members: Map<String, Value>,
}

impl Description {
    pub(super) fn of_queue(mapping: &EventSourceMapping) -> Self {
        let settings = json!({
            "BatchSize": mapping.batch_size,
            "MaximumBatchingWindowInSeconds": mapping.window.as_secs(),
        });
        let mut described =
            Self::new(&mapping.uuid, &mapping.function, &mapping.queue_arn, settings);
        described.add_responses(mapping.report_batch_item_failures);
        described.add_filters(&mapping.filters);
        if let Some(maximum) = mapping.maximum_concurrency {
            described.add("ScalingConfig", json!({ "MaximumConcurrency": maximum }));
        }
        described
    }

    pub(super) fn of_stream(mapping: &StreamMapping) -> Self {
        // Lambda reports -1 if there is no limit.
        let age_s = mapping.maximum_record_age.map(|age| age.as_secs());
        let settings = json!({
            "BatchSize": mapping.batch_size,
            "BisectBatchOnFunctionError": mapping.bisect,
            "MaximumBatchingWindowInSeconds": mapping.window.as_secs(),
            "MaximumRecordAgeInSeconds": age_s.map_or(json!(-1), |age_s| json!(age_s)),
            "MaximumRetryAttempts": mapping.maximum_retries.map_or(json!(-1), |most| json!(most)),
            "ParallelizationFactor": 1,
            "StartingPosition": match mapping.starting_position {
                StartingPosition::TrimHorizon => "TRIM_HORIZON",
                StartingPosition::Latest => "LATEST",
            },
        });
        let mut described =
            Self::new(&mapping.uuid, &mapping.function, &mapping.stream_arn, settings);
        described.add_responses(mapping.report_batch_item_failures);
        described.add_filters(&mapping.filters);
        if let Some(queue_arn) = &mapping.on_failure {
            described
                .add("DestinationConfig", json!({ "OnFailure": { "Destination": queue_arn } }));
        }
        described
    }

    /// The function and the mapping have the region and the account of the source.
    fn new(uuid: &str, function: &str, source_arn: &str, settings: Value) -> Self {
        let mut arn_parts = source_arn.split(':').skip(3);
        let region = arn_parts.next().unwrap_or_default();
        let account = arn_parts.next().unwrap_or_default();
        let arn_prefix = format!("arn:aws:lambda:{region}:{account}");
        let members = match settings {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let mut described = Self {
            uuid: uuid.to_owned(),
            function: function.to_owned(),
            source_arn: source_arn.to_owned(),
            members,
        };
        described.add("UUID", json!(uuid));
        described.add("EventSourceArn", json!(source_arn));
        let mapping_arn = format!("{arn_prefix}:event-source-mapping:{uuid}");
        described.add("EventSourceMappingArn", json!(mapping_arn));
        described.add("FunctionArn", json!(format!("{arn_prefix}:function:{function}")));
        described
    }

    fn add(&mut self, name: &str, value: Value) {
        self.members.insert(name.to_owned(), value);
    }

    fn add_responses(&mut self, reports_failures: bool) {
        let types: &[&str] = if reports_failures { &["ReportBatchItemFailures"] } else { &[] };
        self.add("FunctionResponseTypes", json!(types));
    }

    fn add_filters(&mut self, patterns: &[String]) {
        if !patterns.is_empty() {
            let filters: Vec<_> = patterns.iter().map(|each| json!({ "Pattern": each })).collect();
            self.add("FilterCriteria", json!({ "Filters": filters }));
        }
    }

    pub(super) fn at(&self, lifecycle: &Lifecycle, now_ms: u64) -> Value {
        let mut members = self.members.clone();
        members.insert("State".to_owned(), json!(lifecycle.state(now_ms).as_str()));
        members.insert("StateTransitionReason".to_owned(), json!("USER_INITIATED"));
        // This is in whole seconds, because SDKs differ in the last digits of a fraction.
        members.insert("LastModified".to_owned(), json!(lifecycle.modified_ms() / 1_000));
        Value::Object(members)
    }
}
