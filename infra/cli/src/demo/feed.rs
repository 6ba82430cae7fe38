//! Events into the pipeline, by both of its ways: objects in the landing bucket, messages in the
//! inbox.
//!
//! Which bucket and queue those are, the template's outputs say.

use std::io::Write as _;

use bytes::Bytes;
use event::Encoding;
use flate2::Compression;
use flate2::write::GzEncoder;
use local::Emulation;
use local::sqs::{MessageAttribute, NewMessage};

use super::input::Event;
use crate::failure::Failure;

/// Of one object.
pub(crate) const MAX_EVENTS: usize = 500;
pub(crate) const BUCKET_OUTPUT: &str = "LandingBucketName";
pub(crate) const QUEUE_OUTPUT: &str = "InboxUrl";

/// What was sent.
pub(crate) struct Fed {
    /// All events, those in objects with their object's key.
    pub(crate) events: Vec<Event>,
    objects: usize,
    in_objects: usize,
}

impl Fed {
    pub(super) fn told(&self) -> String {
        let messages = self.events.len() - self.in_objects;
        format!(
            "sent {} events in {} objects and {messages} as messages",
            self.in_objects, self.objects
        )
    }
}

/// Sends the first half as objects and the second as messages; CSV only as objects, for a record
/// says nothing without its header.
pub(crate) fn feed(
    world: &Emulation,
    dataset: &str,
    mut events: Vec<Event>,
) -> Result<Fed, Failure> {
    let half = events.len().div_ceil(2);
    let (mut as_objects, mut as_messages) = (Vec::new(), Vec::new());
    for (index, event) in events.iter_mut().enumerate() {
        // What SQS takes in a body is less than what an object may hold.
        let fits = event.header.is_none() && Encoding::of(&event.bytes).0 == Encoding::Text;
        if index >= half && fits { as_messages.push(event) } else { as_objects.push(event) }
    }
    let in_objects = as_objects.len();
    let objects = put_objects(world, dataset, &mut as_objects)?;
    send_messages(world, dataset, &as_messages)?;
    Ok(Fed { events, objects, in_objects })
}

fn put_objects(
    world: &Emulation,
    dataset: &str,
    events: &mut [&mut Event],
) -> Result<usize, Failure> {
    let bucket = output(world, BUCKET_OUTPUT)?;
    let slices = events.chunks_mut(MAX_EVENTS);
    let count = slices.len();
    for (index, slice) in slices.enumerate() {
        let kind = if slice.iter().any(|event| event.header.is_some()) { "csv" } else { "ndjson" };
        let key = format!("{dataset}/demo-{index:04}.{kind}.gz");
        let header = slice.first().and_then(|event| event.header.as_deref());
        let body = gzipped(header, slice.iter().map(|event| event.bytes.as_slice()));
        let put = body.and_then(|body| {
            world.s3().put(bucket, &key, body, "application/gzip").map_err(std::io::Error::other)
        });
        put.map_err(|error| {
            Failure::new(format!("s3://{bucket}/{key} was not written")).because(error)
        })?;
        for event in slice {
            event.object = Some(key.clone());
        }
    }
    Ok(count)
}

/// Lines, below their CSV header if they have one.
pub(crate) fn gzipped<'a>(
    header: Option<&'a [u8]>,
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> std::io::Result<Bytes> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    for line in header.into_iter().chain(lines) {
        file.write_all(line)?;
        file.write_all(b"\n")?;
    }
    Ok(file.finish()?.into())
}

fn send_messages(world: &Emulation, dataset: &str, events: &[&mut Event]) -> Result<(), Failure> {
    let queue = output(world, QUEUE_OUTPUT)?;
    let attribute = MessageAttribute {
        data_type: "String".to_owned(),
        string_value: Some(dataset.to_owned()),
        binary_value: None,
    };
    for event in events {
        let message = NewMessage {
            body: String::from_utf8_lossy(&event.bytes).into_owned(),
            message_attributes: [("dataset".to_owned(), attribute.clone())].into(),
            ..NewMessage::default()
        };
        world.sqs().send(queue, message).map_err(|error| {
            Failure::new(format!("a message was not sent to {queue}")).because(error)
        })?;
    }
    Ok(())
}

/// One of the template's outputs.
fn output<'a>(world: &'a Emulation, name: &str) -> Result<&'a str, Failure> {
    world.stack().outputs.get(name).map(String::as_str).ok_or_else(|| {
        Failure::new(format!("template.yaml has no output {name}"))
            .next("the demo finds the way into the pipeline by its outputs: restore it")
    })
}
