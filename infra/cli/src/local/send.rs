//! `sluicegate local send`: sends the events of a file to a running pipeline, on this machine or
//! elsewhere.
//!
//! It uses the official SDK, and therefore works with any endpoint. A file of any size is split
//! into objects, or into messages of which each call carries ten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use flate2::Crc;
use runtime::env::Process;
use verify::input::{File, Format};

use super::args::{Send, SendAs};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::text::pluralize;
use crate::project::contracts_of;
use crate::root;
use crate::verification::input;
use crate::verification::send::{BUCKET_OUTPUT, MAX_EVENTS, QUEUE_OUTPUT, compress};

/// The most entries of one `SendMessageBatch`.
const MAX_ENTRIES: usize = 10;
/// The most bytes of one `SendMessageBatch`, with room for the attributes:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
const MAX_BATCH_BYTES: usize = 1_000_000;

pub(super) async fn run(
    root: Option<&Path>,
    args: &Send,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let root = match root {
        Some(given) => Ok(root::find(Some(given))?),
        None => root::find(None),
    };
    // Outside of a repository, the existing datasets are not known.
    if let Ok(root) = &root {
        contracts_of(root)?.get(&args.dataset).map_err(|failure| {
            Failure::new(failure.reason.into_owned())
                .next("give one of the known ones, or add its contract below infra/contracts")
        })?;
    }
    let file = input::read(&args.file, usize::MAX)?.file;
    if file.records.is_empty() {
        return Err(Failure::new(format!("there is no event in {}", args.file.display())));
    }
    let endpoint = Endpoint::of(&args.pipeline, &Process).await?;
    let sent = match args.r#as {
        SendAs::Objects => {
            let bucket =
                name(&endpoint, root, args.bucket.as_deref(), BUCKET_OUTPUT, "--bucket").await?;
            put(&endpoint, &bucket, args, &file, output).await?
        }
        SendAs::Messages => {
            let queue =
                name(&endpoint, root, args.queue.as_deref(), QUEUE_OUTPUT, "--queue").await?;
            let queue = queue.rsplit('/').next().unwrap_or_default();
            send(&endpoint, queue, &args.dataset, &file, output).await?
        }
    };
    output.result(&sent);
    output.note("what becomes of them: sluicegate local status --watch");
    Ok(ExitCode::SUCCESS)
}

async fn put(
    endpoint: &Endpoint,
    bucket: &str,
    args: &Send,
    file: &File,
    output: &Output,
) -> Result<String, Failure> {
    let s3 = endpoint.s3();
    let (total, kind) = (file.records.len(), file.format.extension());
    let (mut objects, mut done) = (0_usize, 0);
    for start in (0..total).step_by(MAX_EVENTS) {
        let end = total.min(start + MAX_EVENTS);
        let failed =
            format!("s3://{bucket} did not take an object ({} sent)", pluralize(done, "event"));
        let body = compress(&file.part(start, end))
            .map_err(|error| Failure::new(&failed).because(error))?;
        // The key contains a checksum, so that the same file always has the same keys, and another
        // file has others.
        let mut crc = Crc::new();
        crc.update(&body);
        let stem = args.file.file_name().unwrap_or_default().to_string_lossy();
        let stem = stem.split('.').next().unwrap_or_default();
        let key = format!("{}/{stem}-{objects:04}-{:08x}.{kind}.gz", args.dataset, crc.sum());
        let put = s3.put_object().bucket(bucket).key(&key).content_type("application/gzip");
        let put = put.body(ByteStream::from(body)).send().await;
        put.map_err(|error| endpoint.refused(&failed, aws_sdk_s3::Error::from(error)))?;
        objects += 1;
        done = end;
        output.progress(
            done as u64,
            total as u64,
            &format!("{done} of {}", pluralize(total, "event")),
        );
    }
    let (events, objects) = (pluralize(done, "event"), pluralize(objects, "object"));
    Ok(format!("sent {events} in {objects} to s3://{bucket}/{}/", args.dataset))
}

async fn send(
    endpoint: &Endpoint,
    queue: &str,
    dataset: &str,
    file: &File,
    output: &Output,
) -> Result<String, Failure> {
    if file.format == Format::Csv {
        return Err(Failure::new(
            "a CSV record cannot be sent as a message, since it needs the header",
        )
        .next("send the file --as objects"));
    }
    let events: Vec<&[u8]> = file.records.iter().map(|it| file.bytes_of(it).trim_ascii()).collect();
    let sqs = endpoint.sqs();
    let url =
        sqs.get_queue_url().queue_name(queue).send().await.map_err(|error| {
            endpoint.refused(not_sent(queue, 0), aws_sdk_sqs::Error::from(error))
        })?;
    let url = url.queue_url.unwrap_or_default();
    let mut done = 0;
    while done < events.len() {
        let batch = batch(&events[done..]);
        let entries: Result<Vec<_>, _> =
            batch.iter().enumerate().map(|(at, event)| entry(at, event, dataset)).collect();
        let entries =
            entries.map_err(|error| Failure::new(not_sent(queue, done)).because(error))?;
        let call = sqs.send_message_batch().queue_url(&url).set_entries(Some(entries));
        let answer = call.send().await.map_err(|error| {
            endpoint.refused(not_sent(queue, done), aws_sdk_sqs::Error::from(error))
        })?;
        let sent = done + answer.successful.len();
        if let Some(refused) = answer.failed.first() {
            let line = batch.iter().enumerate().find(|(at, _)| at.to_string() == refused.id);
            let size = line.map_or(0, |(_, event)| event.len());
            let reason = refused.message().unwrap_or(refused.code());
            return Err(Failure::new(not_sent(queue, sent))
                .because(std::io::Error::other(format!("an event of {size} bytes: {reason}"))));
        }
        // An entry that the answer does not list counts as not sent.
        if answer.successful.len() < batch.len() {
            let missing = pluralize(batch.len() - answer.successful.len(), "event");
            return Err(Failure::new(not_sent(queue, sent))
                .because(std::io::Error::other(format!("the answer does not mention {missing}"))));
        }
        done += batch.len();
        let line = format!("{done} of {}", pluralize(events.len(), "event"));
        output.progress(done as u64, events.len() as u64, &line);
    }
    Ok(format!("sent {} as messages to {queue}", pluralize(done, "event")))
}

fn not_sent(queue: &str, sent: usize) -> String {
    format!("{queue} did not take a message ({} sent)", pluralize(sent, "event"))
}

/// As many of the next events as one call can carry, and at least one.
fn batch<'a, 'b>(events: &'b [&'a [u8]]) -> &'b [&'a [u8]] {
    let mut bytes = 0;
    let fits = events.iter().take(MAX_ENTRIES).take_while(|event| {
        bytes += event.len();
        bytes <= MAX_BATCH_BYTES
    });
    &events[..fits.count().max(1)]
}

fn entry(
    at: usize,
    event: &[u8],
    dataset: &str,
) -> Result<SendMessageBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    let dataset = MessageAttributeValue::builder().data_type("String").string_value(dataset);
    SendMessageBatchRequestEntry::builder()
        .id(at.to_string())
        .message_body(String::from_utf8_lossy(event))
        .message_attributes("dataset", dataset.build()?)
        .build()
}

/// The name of the bucket or queue: the one that was given, that of the stack, or on this machine
/// the one that the template makes.
async fn name(
    endpoint: &Endpoint,
    root: Result<PathBuf, Failure>,
    given: Option<&str>,
    output: &str,
    flag: &str,
) -> Result<String, Failure> {
    if let Some(name) = given {
        return Ok(name.to_owned());
    }
    if let Some(name) = endpoint.output(output, flag).await? {
        return Ok(name);
    }
    if !endpoint.is_loopback() {
        let what = format!("at {} the names follow from account and stack", endpoint.name());
        let next = format!("give --stack, or {flag}: the stack's output {output} has it");
        return Err(Failure::new(what).next(next));
    }
    let root = root.map_err(|failure| failure.next(format!("give {flag}, or --root FOLDER")))?;
    let stack = emulation::stack(&root, &BTreeMap::new())
        .map_err(|error| Failure::new("the template cannot be used").because(error))?;
    stack.outputs.get(output).cloned().ok_or_else(|| {
        Failure::new(format!("template.yaml has no output {output}"))
            .next(format!("restore it, or give {flag}"))
    })
}
