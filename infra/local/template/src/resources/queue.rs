//! `AWS::SQS::Queue`, as the attributes of a `CreateQueue` request.
//!
//! docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html and
//! docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::json;

use super::super::fields::{Fields, Harmless};
use super::super::model::Queue;
use super::Context;

const HARMLESS: &[Harmless] = &[
    ("KmsDataKeyReusePeriodSeconds", "encryption"),
    ("KmsMasterKeyId", "encryption"),
    ("SqsManagedSseEnabled", "encryption"),
];
/// The numeric attributes and their ranges: seconds, except `MaximumMessageSize`, which is in
/// bytes.
const NUMBERS: [(&str, RangeInclusive<u32>); 5] = [
    ("DelaySeconds", 0..=900),
    ("MaximumMessageSize", 1_024..=1_048_576),
    ("MessageRetentionPeriod", 60..=1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0..=20),
    ("VisibilityTimeout", 0..=43_200),
];

pub(super) fn read(context: &Context<'_>, mut fields: Fields<'_>) -> Queue {
    let name = context.physical.name.clone();
    let mut attributes = BTreeMap::new();
    fields.ignore(&["QueueName"]);
    fields.harmless(context.id(), HARMLESS);
    for (key, range) in NUMBERS {
        if let Some(number) = fields.integer(key, range) {
            attributes.insert(key.to_owned(), number.to_string());
        }
    }
    let fifo = fields.boolean("FifoQueue").unwrap_or(false);
    if fifo != name.ends_with(".fifo") {
        let rule =
            format!("is {fifo}, but the name is {name}: only a FIFO queue's ends with .fifo");
        fields.problem(fields.line(), "FifoQueue", rule);
    }
    if fifo {
        attributes.insert("FifoQueue".to_owned(), "true".to_owned());
        read_fifo(&mut fields, &mut attributes);
    }
    if let Some(policy) = fields.fields("RedrivePolicy") {
        attributes.extend(redrive_policy(policy).map(|text| ("RedrivePolicy".to_owned(), text)));
    }
    if let Some(policy) = fields.fields("RedriveAllowPolicy") {
        attributes.insert("RedriveAllowPolicy".to_owned(), redrive_allow_policy(policy));
    }
    let tags = tags(&mut fields);
    fields.finish();
    Queue {
        logical_id: context.id().to_owned(),
        arn: context.attribute("Arn"),
        url: context.reference(),
        name,
        attributes,
        tags,
    }
}

fn read_fifo(fields: &mut Fields<'_>, attributes: &mut BTreeMap<String, String>) {
    if let Some(on) = fields.boolean("ContentBasedDeduplication") {
        attributes.insert("ContentBasedDeduplication".to_owned(), on.to_string());
    }
    for (key, allowed) in [
        ("DeduplicationScope", ["messageGroup", "queue"]),
        ("FifoThroughputLimit", ["perMessageGroupId", "perQueue"]),
    ] {
        if let Some(value) = fields.one_of(key, &allowed) {
            attributes.insert(key.to_owned(), value.to_owned());
        }
    }
}

fn redrive_policy(mut fields: Fields<'_>) -> Option<String> {
    let target = fields.required_text("deadLetterTargetArn");
    fields.required("maxReceiveCount");
    let count = fields.integer("maxReceiveCount", 1..=1_000);
    fields.finish();
    Some(json!({ "deadLetterTargetArn": target?, "maxReceiveCount": count? }).to_string())
}

fn redrive_allow_policy(mut fields: Fields<'_>) -> String {
    fields.required("redrivePermission");
    let permission = fields.one_of("redrivePermission", &["allowAll", "byQueue", "denyAll"]);
    let sources = fields.texts("sourceQueueArns").into_iter().map(|(arn, _)| arn);
    let sources = sources.collect::<Vec<_>>();
    fields.finish();
    if permission == Some("byQueue") {
        return json!({ "redrivePermission": permission, "sourceQueueArns": sources }).to_string();
    }
    json!({ "redrivePermission": permission }).to_string()
}

fn tags(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for mut tag in fields.list_of_fields("Tags") {
        if let (Some(key), Some(value)) = (tag.required_text("Key"), tag.required_text("Value")) {
            tags.insert(key.to_owned(), value.to_owned());
        }
        tag.finish();
    }
    tags
}
