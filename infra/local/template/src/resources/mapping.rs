//! Event source mappings from queues: a function's `SQS` events, and
//! `AWS::Lambda::EventSourceMapping`.
//!
//! docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html,
//! docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html and
//! docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-sqs.html.

use std::time::Duration;

use super::super::fields::{Fields, Harmless};
use super::super::model::{EventSourceMapping, HttpRoute, Schedule, StreamMapping};
use super::event_source::{Named, filters, reports_failures};
use super::{Context, Located, Parts, http_api, schedule, stream};
use filters::Subject;

const HARMLESS: &[Harmless] = &[("Tags", "tagging")];
/// The batch size of a mapping that declares none.
const DEFAULT_BATCH_SIZE: u32 = 10;
/// Lambda requires a batching window for larger batches.
const MAX_BATCH_WITHOUT_WINDOW: u32 = 10;
/// Properties that only mappings from streams have.
const OF_STREAMS: [&str; 8] = [
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
    "TumblingWindowInSeconds",
];

/// What a function's `Events` declare, in their order.
#[derive(Default)]
pub(super) struct Events {
    pub(super) mappings: Vec<Located<EventSourceMapping>>,
    pub(super) stream_mappings: Vec<Located<StreamMapping>>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) routes: Vec<Located<HttpRoute>>,
}

pub(super) fn events(context: &Context<'_>, fields: Fields<'_>) -> Events {
    let mut events = Events::default();
    let paths = fields.keys().into_iter().map(|key| fields.path(key)).collect::<Vec<_>>();
    for (entry, path) in fields.into_entries().iter().zip(paths) {
        let mut event = Fields::open(context.report, &entry.value, path);
        event.required("Type");
        let kinds = ["SQS", "DynamoDB", "Schedule", "HttpApi"];
        let Some(kind) = event.one_of("Type", &kinds) else { continue };
        let logical_id = format!("{}{}", context.id(), entry.key);
        if kind == "HttpApi" {
            let route = http_api::read(context, logical_id, event.fields("Properties"));
            events.routes.extend(route.map(|item| Located { item, line: entry.line }));
            event.finish();
            continue;
        }
        event.required("Properties");
        if let Some(properties) = event.fields("Properties") {
            let function = context.physical.name.clone();
            let (uuid, line) = (context.scope.options.mapping_uuid(&logical_id), entry.line);
            match kind {
                "Schedule" => {
                    events.schedules.extend(schedule::read(context, logical_id, properties));
                }
                "DynamoDB" => {
                    let named = Named { logical_id, uuid, function };
                    let mapping = stream::mapping(named, properties, "Stream");
                    events.stream_mappings.extend(mapping.map(|item| Located { item, line }));
                }
                _ => {
                    let named = Named { logical_id, uuid, function };
                    let mapping = mapping(named, properties, "Queue");
                    events.mappings.extend(mapping.map(|item| Located { item, line }));
                }
            }
        }
        event.finish();
    }
    events
}

/// A mapping that is a resource of its own. The ARN of its source says whether it reads a queue
/// or a stream.
pub(super) fn resource(context: &Context<'_>, mut fields: Fields<'_>, parts: &mut Parts) {
    const SOURCE: &str = "EventSourceArn";
    fields.harmless(context.id(), HARMLESS);
    let function = fields.required_text("FunctionName");
    // The property is the function's name, or its ARN, which ends with the name.
    let function = function.map(|text| text.rsplit(':').next().unwrap_or(text).to_owned());
    let (id, line) = (context.id().to_owned(), context.declared.line);
    let known = function.is_some();
    let function = function.unwrap_or_default();
    let uuid = context.physical.name.clone();
    let named = Named { logical_id: id, uuid, function };
    let source = fields.entry(SOURCE).and_then(|entry| entry.value.text());
    if source.and_then(|arn| arn.split(':').nth(2)) == Some("dynamodb") {
        let mapping = stream::mapping(named, fields, SOURCE).filter(|_| known);
        parts.stream_mappings.extend(mapping.map(|item| Located { item, line }));
    } else {
        let mapping = mapping(named, fields, SOURCE).filter(|_| known);
        parts.mappings.extend(mapping.map(|item| Located { item, line }));
    }
}

/// `source` is the key of the property that holds the queue's ARN.
fn mapping(named: Named, mut fields: Fields<'_>, source: &str) -> Option<EventSourceMapping> {
    let Named { logical_id, uuid, function } = named;
    let queue_arn = fields.required_text(source);
    let enabled = fields.boolean("Enabled").unwrap_or(true);
    let batch_size = fields.integer("BatchSize", 1..=10_000).unwrap_or(DEFAULT_BATCH_SIZE);
    let window = fields.integer("MaximumBatchingWindowInSeconds", 0..=300).unwrap_or(0);
    if batch_size > MAX_BATCH_WITHOUT_WINDOW && window == 0 {
        let rule = format!(
            "is {batch_size}: above {MAX_BATCH_WITHOUT_WINDOW}, MaximumBatchingWindowInSeconds \
             must be at least 1"
        );
        fields.problem(fields.line_of("BatchSize"), "BatchSize", rule);
    }
    let maximum_concurrency = fields.fields("ScalingConfig").and_then(|mut scaling| {
        let most = scaling.integer("MaximumConcurrency", 2..=1_000);
        scaling.finish();
        most
    });
    let report_batch_item_failures = reports_failures(&mut fields);
    let filters = fields
        .fields("FilterCriteria")
        .map(|criteria| filters(criteria, Subject::QueueMessage))
        .unwrap_or_default();
    fields.refuse(&OF_STREAMS, "is for streams: a queue's mapping has none");
    fields.finish();
    Some(EventSourceMapping {
        logical_id,
        uuid,
        function,
        queue_arn: queue_arn?.to_owned(),
        enabled,
        batch_size,
        window: Duration::from_secs(window.into()),
        maximum_concurrency,
        filters,
        report_batch_item_failures,
    })
}
