//! Sends events to the pipeline in both ways: as objects in the landing bucket, and as messages in
//! the inbox.
//!
//! The outputs of the template name the bucket and the queue.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use emulation::Emulation;
use emulation::sqs::{MessageAttribute, NewMessage};
use flate2::Compression;
use flate2::write::GzEncoder;
use verify::NotJson;
use verify::contract::Dataset;
use verify::input::{File, Format, object};
use verify::judge::{Place, Sent};

use super::input::Input;
use crate::failure::Failure;
use crate::output::text::pluralize;

/// The most events of one object.
pub(crate) const MAX_EVENTS: usize = 500;
pub(crate) const BUCKET_OUTPUT: &str = "LandingBucketName";
pub(crate) const QUEUE_OUTPUT: &str = "InboxUrl";

/// What was sent.
#[derive(Default)]
pub(crate) struct SentEvents {
    pub(crate) sent: Vec<Sent>,
    objects: usize,
    in_objects: usize,
}

impl SentEvents {
    pub(crate) fn summary(&self) -> String {
        let (events, objects) =
            (pluralize(self.in_objects, "event"), pluralize(self.objects, "object"));
        let messages = pluralize(self.sent.len() - self.in_objects, "message");
        if self.objects == 0 {
            return format!("sent {messages}");
        }
        format!("sent {events} in {objects}, and {messages}")
    }
}

/// Sends the first half as objects and the second as messages. CSV is sent only as objects,
/// because a record means nothing without its header, and so is JSON, whose arrays are read in
/// objects only. A file that fits one object is sent byte for byte.
pub(crate) fn send_events(
    emulation: &Emulation,
    dataset: &Dataset,
    input: &Input,
) -> Result<SentEvents, Failure> {
    let mut events = SentEvents::default();
    let file = &input.file;
    let in_objects = match file.format {
        Format::Csv | Format::Json => input.wanted,
        Format::Ndjson => input.wanted.div_ceil(2),
    };
    if let Some(whole) = input.whole.as_ref().filter(|_| in_objects == file.records.len())
        && in_objects <= MAX_EVENTS
    {
        let body = Bytes::from(whole.bytes.clone());
        put_object(emulation, dataset, &whole.extension, body, file, &mut events)?;
        return Ok(events);
    }
    for start in (0..in_objects).step_by(MAX_EVENTS) {
        let part = file.part(start, in_objects.min(start + MAX_EVENTS));
        let extension = format!("{}.gz", file.format.extension());
        let part = read_part(file.format, part)?;
        let body = compress(&part.bytes)
            .map_err(|error| Failure::new("an object was not compressed").because(error))?;
        put_object(emulation, dataset, &extension, body, &part, &mut events)?;
    }
    let mut not_allowed = Vec::new();
    for record in &file.records[in_objects..input.wanted] {
        match message(file.bytes_of(record)) {
            Some(text) => send_message(emulation, dataset, text, Duration::ZERO, &mut events)?,
            None => not_allowed.push(record),
        }
    }
    if !not_allowed.is_empty() {
        let lines = not_allowed.iter().flat_map(|record| [file.bytes_of(record), b"\n"].concat());
        let part = read_part(file.format, lines.collect())?;
        let body = compress(&part.bytes)
            .map_err(|error| Failure::new("an object was not compressed").because(error))?;
        let extension = format!("{}.gz", file.format.extension());
        put_object(emulation, dataset, &extension, body, &part, &mut events)?;
    }
    Ok(events)
}

/// Reads a part of a file that was read.
fn read_part(format: Format, part: Vec<u8>) -> Result<File, Failure> {
    File::read(format, part).map_err(|NotJson { at }| {
        Failure::new(format!(
            "a fault of Sluicegate: a part of a file is not JSON from byte {at} on"
        ))
    })
}

/// Sends all events as messages, spread evenly over a time. Each waits in the inbox until its
/// turn.
///
/// # Errors
/// For CSV, whose records mean nothing without the header, and for records that SQS does not
/// accept.
pub(crate) fn send_events_over(
    emulation: &Emulation,
    dataset: &Dataset,
    input: &Input,
    over: Duration,
) -> Result<SentEvents, Failure> {
    let mut events = SentEvents::default();
    let count = u32::try_from(input.wanted).unwrap_or(u32::MAX).max(1);
    for (record, place) in input.file.records[..input.wanted].iter().zip(0_u32..) {
        let text = match input.file.format {
            Format::Ndjson | Format::Json => message(input.file.bytes_of(record)),
            Format::Csv => None,
        };
        let text = text.ok_or_else(|| {
            Failure::new(format!("{} cannot be sent as a message", record.place))
                .next("give events as .ndjson, in texts that SQS takes")
        })?;
        send_message(emulation, dataset, text, over * place / count, &mut events)?;
    }
    Ok(events)
}

/// A record as the body of a message, if SQS accepts it:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
fn message(record: &[u8]) -> Option<&str> {
    const MAX_BYTES: usize = 1_000_000;
    let text = str::from_utf8(record).ok()?;
    (text.len() <= MAX_BYTES && text.chars().all(is_allowed_in_message)).then_some(text)
}

fn is_allowed_in_message(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn put_object(
    emulation: &Emulation,
    dataset: &Dataset,
    extension: &str,
    body: Bytes,
    file: &File,
    events: &mut SentEvents,
) -> Result<(), Failure> {
    let bucket = output(emulation, BUCKET_OUTPUT)?;
    let key = format!("{}/demo-{:04}.{extension}", dataset.name, events.objects);
    let tag = emulation.s3().put(bucket, &key, body, "application/octet-stream");
    let tag = tag.map_err(|error| {
        Failure::new(format!("s3://{bucket}/{key} was not written")).because(error)
    })?;
    let tag = tag.trim_matches('"');
    for record in &file.records {
        events.sent.push(Sent {
            id: format!("{tag}:{}", record.place.id()),
            place: Some(Place { key: key.clone(), at: record.place }),
            bytes: file.bytes_of(record).to_vec(),
            payload: file.payload(record, dataset),
        });
    }
    events.objects += 1;
    events.in_objects += file.records.len();
    Ok(())
}

fn send_message(
    emulation: &Emulation,
    dataset: &Dataset,
    text: &str,
    delay: Duration,
    events: &mut SentEvents,
) -> Result<(), Failure> {
    let queue = output(emulation, QUEUE_OUTPUT)?;
    let attribute = MessageAttribute {
        data_type: "String".to_owned(),
        string_value: Some(dataset.name.clone()),
        binary_value: None,
    };
    let message = NewMessage {
        body: text.to_owned(),
        message_attributes: [("dataset".to_owned(), attribute)].into(),
        delay: Some(Duration::from_secs(delay.as_secs())),
        ..NewMessage::default()
    };
    let id = emulation.sqs().send(queue, message).map_err(|error| {
        Failure::new(format!("a message was not sent to {queue}")).because(error)
    })?;
    let bytes = text.as_bytes().to_vec();
    events.sent.push(Sent { id, place: None, payload: object(&bytes), bytes });
    Ok(())
}

pub(crate) fn compress(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    file.write_all(bytes)?;
    Ok(file.finish()?.into())
}

/// An output of the template.
fn output<'a>(emulation: &'a Emulation, name: &str) -> Result<&'a str, Failure> {
    emulation.stack().outputs.get(name).map(String::as_str).ok_or_else(|| {
        Failure::new(format!("template.yaml has no output {name}"))
            .next("the demo finds the way into the pipeline by its outputs: restore it")
    })
}
