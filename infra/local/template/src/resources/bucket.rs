//! `AWS::S3::Bucket`, with its notifications to queues.
//!
//! docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html and
//! docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html.

use super::super::fields::{Fields, Harmless};
use super::super::model::{Bucket, BucketNotification};
use super::Context;

const HARMLESS: &[Harmless] = &[
    ("AccessControl", "access control"),
    ("BucketEncryption", "encryption"),
    ("LifecycleConfiguration", "a bucket's life cycle"),
    ("LoggingConfiguration", "access logs"),
    ("OwnershipControls", "access control"),
    ("PublicAccessBlockConfiguration", "access control"),
    ("Tags", "tagging"),
    ("VersioningConfiguration", "versioning"),
];
const EVENTS: &[&str] = &[
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Put",
];

pub(super) fn read(context: &Context<'_>, mut fields: Fields<'_>) -> Bucket {
    fields.ignore(&["BucketName"]);
    fields.harmless(context.id(), HARMLESS);
    let mut notifications = Vec::new();
    if let Some(mut configuration) = fields.fields("NotificationConfiguration") {
        for queue in configuration.list_of_fields("QueueConfigurations") {
            notifications.extend(notification(queue));
        }
        configuration.finish();
    }
    fields.finish();
    Bucket {
        logical_id: context.id().to_owned(),
        name: context.physical.name.clone(),
        notifications,
    }
}

fn notification(mut fields: Fields<'_>) -> Option<BucketNotification> {
    fields.required("Event");
    let event = fields.one_of("Event", EVENTS);
    let queue = fields.required_text("Queue");
    let (mut prefix, mut suffix) = (None, None);
    if let Some(mut filter) = fields.fields("Filter") {
        if let Some(mut key) = filter.fields("S3Key") {
            for mut rule in key.list_of_fields("Rules") {
                rule.required("Name");
                let name = rule.one_of("Name", &["Prefix", "Suffix", "prefix", "suffix"]);
                let value = rule.required_text("Value").map(str::to_owned);
                match name.map(str::to_ascii_lowercase).as_deref() {
                    Some("prefix") if prefix.is_none() => prefix = value,
                    Some("suffix") if suffix.is_none() => suffix = value,
                    Some(twice) => {
                        rule.problem(rule.line(), "Name", format!("{twice} is declared twice"));
                    }
                    None => {}
                }
                rule.finish();
            }
            key.finish();
        }
        filter.finish();
    }
    fields.finish();
    Some(BucketNotification {
        queue_arn: queue?.to_owned(),
        event: event?.to_owned(),
        prefix,
        suffix,
    })
}
