//! Events of EventBridge, which a rule sends to a queue, to a topic, or to the function itself:
//! <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>.
//!
//! Events of S3 announce objects (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>). For every
//! other event, `detail-type` names the dataset, and `detail` is the payload.

use event::Failure;
use serde::Deserialize;

use super::{Announced, Announcement, Ignored, Layer, Members, SentEvent, incomplete};

#[derive(Deserialize)]
struct Detail {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

/// An object. Its key is not encoded, unlike that in a notification that S3 sends itself.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Object {
    key: String,
    etag: Option<String>,
    size: Option<u64>,
    version_id: Option<String>,
}

pub(super) fn read(members: &Members<'_>) -> Result<Option<Layer>, Failure> {
    let (Some(kind), Some(detail)) = (members.text("detail-type"), members.raw("detail")) else {
        return Ok(None);
    };
    if members.text("source").as_deref() == Some("aws.s3") {
        return announcement(&kind, members.read("detail")).map(Layer::Announcement).map(Some);
    }
    let event = SentEvent { dataset: kind, payload: detail.to_owned(), trace: None };
    Ok(Some(Layer::Event(event)))
}

fn announcement(kind: &str, detail: Option<Detail>) -> Result<Announcement, Failure> {
    let ignored = match kind {
        "Object Created" => return created(detail),
        "Object Deleted" => Ignored::Removed,
        "Object Restore Initiated" | "Object Restore Completed" | "Object Restore Expired" => {
            Ignored::Restored
        }
        "Object Tags Added" | "Object Tags Deleted" => Ignored::Tagged,
        "Object Storage Class Changed" | "Object Access Tier Changed" => Ignored::Lifecycle,
        _ => Ignored::Other,
    };
    Ok(Announcement { objects: Vec::new(), ignored: vec![ignored] })
}

fn created(detail: Option<Detail>) -> Result<Announcement, Failure> {
    let Some(Detail { bucket, object }) = detail else {
        return Err(incomplete("an event of S3 in EventBridge that names no object"));
    };
    let announced = Announced {
        partition: String::new(),
        bucket: bucket.name,
        key: object.key,
        etag: object.etag.unwrap_or_default(),
        version: object.version_id.filter(|version| !version.is_empty()),
    };
    let mut announcement = Announcement::default();
    match Ignored::of_created(&announced, object.size) {
        Some(ignored) => announcement.ignored.push(ignored),
        None => announcement.objects.push(announced),
    }
    Ok(announcement)
}
