//! Notifications of S3, sent to a queue, to a topic, or to the function itself:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>.

use event::Failure;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::{Announced, Announcement, Ignored, Layer, Members, incomplete};

/// The members of a record that are read. The type of `aws_lambda_events` reads its times too, for which it would bring
/// a second calendar library into this function.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    s3: Option<Entity>,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    e_tag: Option<String>,
    size: Option<u64>,
    version_id: Option<String>,
}

/// The member that every record of a notification has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    event_source: String,
}

/// The objects that a notification announces, or the test event that S3 sends when a notification is set up.
pub(super) fn read(members: &Members<'_>) -> Result<Option<Layer>, Failure> {
    if members.text("Event").as_deref() == Some("s3:TestEvent") {
        let test = Announcement { ignored: vec![Ignored::Test], ..Announcement::default() };
        return Ok(Some(Layer::Announcement(test)));
    }
    let sources: Vec<Source> = members.read("Records").unwrap_or_default();
    if sources.is_empty() || sources.iter().any(|record| record.event_source != "aws:s3") {
        return Ok(None);
    }
    let records: Option<Vec<Record>> = members.read("Records");
    let records = records.ok_or_else(|| incomplete("a notification of S3 that lacks a member"))?;
    let mut announcement = Announcement::default();
    for record in records {
        match kind_of(&record.event_name) {
            Some(ignored) => announcement.ignored.push(ignored),
            None => add_created(&mut announcement, record.s3)?,
        }
    }
    Ok(Some(Layer::Announcement(announcement)))
}

/// Why an event is ignored; `None` if an object was created. The names are on
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html>.
fn kind_of(event_name: &str) -> Option<Ignored> {
    let name = event_name.strip_prefix("s3:").unwrap_or(event_name);
    match name.split(':').next().unwrap_or_default() {
        "ObjectCreated" => None,
        "ObjectRemoved" => Some(Ignored::Removed),
        "ObjectRestore" => Some(Ignored::Restored),
        "ObjectTagging" => Some(Ignored::Tagged),
        "LifecycleExpiration" | "LifecycleTransition" | "IntelligentTiering" => {
            Some(Ignored::Lifecycle)
        }
        "TestEvent" => Some(Ignored::Test),
        _ => Some(Ignored::Other),
    }
}

fn add_created(announcement: &mut Announcement, entity: Option<Entity>) -> Result<(), Failure> {
    let Some(Entity { bucket, object }) = entity else {
        return Err(incomplete("a notification of S3 that names no object"));
    };
    let Some(key) = decode_key(&object.key) else {
        return Err(incomplete("a notification of S3 whose key is not UTF-8"));
    };
    let announced = Announced {
        partition: String::new(),
        bucket: bucket.name,
        key,
        etag: object.e_tag.unwrap_or_default(),
        version: object.version_id,
    };
    match Ignored::of_created(&announced, object.size) {
        Some(ignored) => announcement.ignored.push(ignored),
        None => announcement.objects.push(announced),
    }
    Ok(())
}

/// Decodes a key, which is encoded as in an HTML form: a space as `+`, other characters percent-encoded.
fn decode_key(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned())
}
