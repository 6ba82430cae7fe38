//! Dead letters that came back, and the bodies of those that no message has room for.
//!
//! A message may be as large as SQS takes, and its failure has to be with it: such a message is kept
//! whole in the archive bucket, and its dead letter says where (a "claim check"). So is a record of a CSV file
//! that leaves no room for its header. When the letter comes back, the message is read from there, and checked
//! to be the one that was put there.

use std::io::Read;

use event::{
    Attributes, Code, DeadLetter, Encoding, Failure, Form, Timestamp, attributes_size, hex_sha256,
};
use flate2::read::GzDecoder;
use runtime::{MAX_BATCH_BYTES, Record, RejectedMessage};
use serde::{Deserialize, Serialize};

use crate::archive::{self, Raw, Store};
use crate::file_source::{Body, FileSource, Opened};
use crate::notification::Announced;
use crate::wrap::{DATASET, EVENT_ID, SOURCE, TRACE};

/// The body of a dead letter whose message is in the archive bucket.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    /// For people: it is read from this function's archive, whatever this says.
    bucket: String,
    /// A gzipped line of JSON, as the archive's others, with `body` and `attributes`.
    key: String,
    /// Of the body.
    bytes: usize,
    /// Of the body, as `sha256sum` shows it.
    sha256: String,
    /// How the body holds the original bytes.
    encoding: Encoding,
}

/// What is read of the archive's line.
#[derive(Deserialize)]
struct Kept {
    attributes: Attributes,
    body: String,
}

/// Where claims' messages are, and nothing else is.
const FOLDER: &str = "letters/";

/// An attribute beyond this is only with the message, not with its letter.
const LONGEST_ATTRIBUTE: usize = 1_024;

/// What one message can come to as a line of JSON, compressed or not: a byte takes six at most.
const MOST_BYTES: usize = 8 * MAX_BATCH_BYTES;

/// `letters/<day>/<id>-<hash>.ndjson.gz`: the day in UTC, the id as SQS gave it or as a line of a file has it,
/// the begin of the body's hash. No two bodies share a key.
fn key_of(message_id: &str, sha256: &str, now: Timestamp) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
    let id: String = message_id.chars().filter(fits).take(128).collect();
    format!("{FOLDER}{}/{id}-{}.ndjson.gz", now.date(), &sha256[..16])
}

/// The bucket in which messages are kept that no dead letter has room for.
#[derive(Debug)]
pub(crate) struct Archive<'a, O> {
    pub(crate) objects: &'a O,
    pub(crate) bucket: &'a str,
}

/// Puts a message into the archive, and makes its dead letter one that says where.
///
/// # Errors
/// When it cannot be put there.
pub(crate) async fn put_elsewhere(
    archive: &Archive<'_, impl Store>,
    refused: &mut RejectedMessage,
    now: Timestamp,
) -> Result<(), Failure> {
    let Archive { objects, bucket } = *archive;
    let sha256 = hex_sha256(refused.body.as_bytes());
    let key = key_of(&refused.letter.message_id, &sha256, now);
    let claim = Claim {
        bucket: bucket.to_owned(),
        key: key.clone(),
        bytes: refused.body.len(),
        sha256,
        encoding: refused.letter.encoding,
    };
    let claim = serde_json::to_string(&claim).map_err(|error| unwritable(&error))?;
    let kept = Raw {
        id: refused.letter.message_id.clone(),
        source: refused.letter.stage.clone(),
        received_at: now,
        attributes: refused.letter.original(refused.attributes.clone()),
        body: refused.body.clone(),
    };
    let line = archive::encode(&[kept]).map_err(|error| unwritable(&error))?;
    objects.put(bucket, &key, line).await?;
    refused.body = claim;
    refused.letter.encoding = Encoding::Claim;
    refused.letter.forget_displaced();
    refused.attributes.retain(|name, attribute| {
        [DATASET, SOURCE, EVENT_ID, TRACE].contains(&name.as_str())
            && attributes_size(&[(name.clone(), attribute.clone())].into()) <= LONGEST_ATTRIBUTE
    });
    Ok(())
}

/// The message that a letter was, as its producer sent it, and how its body holds the bytes.
///
/// # Errors
/// The failure of the letter once more, if what it holds cannot be read again; or permanent, if its
/// message is not where it says; or a failure of S3.
pub(crate) async fn original(
    archive: &Archive<'_, impl FileSource>,
    record: &Record,
    letter: &DeadLetter,
) -> Result<(Record, Encoding), Failure> {
    let Archive { objects, bucket } = *archive;
    match letter.form {
        Form::Message | Form::Csv => {}
        Form::Place => return Err(letter.failure()),
    }
    let mut message = record.clone();
    message.attributes = letter.original(message.attributes);
    match letter.encoding {
        held @ (Encoding::Text | Encoding::Base64) => Ok((message, held)),
        Encoding::Claim => {
            let claim = read_claim(&record.body)?;
            let kept = take_back(objects, bucket, &claim).await?;
            message.attributes = kept.attributes;
            message.body = kept.body;
            Ok((message, claim.encoding))
        }
    }
}

fn read_claim(body: &str) -> Result<Claim, Failure> {
    let claim: Option<Claim> = serde_json::from_str(body).ok();
    let claim = claim.filter(|claim| claim.key.starts_with(FOLDER) && !claim.key.contains(".."));
    claim.ok_or_else(|| {
        Failure::permanent(Code::DecodeJson, "a dead letter that does not say where its message is")
    })
}

async fn take_back(
    objects: &impl FileSource,
    bucket: &str,
    claim: &Claim,
) -> Result<Kept, Failure> {
    let object = Announced {
        partition: String::new(),
        bucket: bucket.to_owned(),
        key: claim.key.clone(),
        etag: String::new(),
    };
    let Opened { mut body, .. } = objects.open(&object).await?;
    let mut zipped = Vec::new();
    while let Some(bytes) = body.next().await? {
        zipped.extend_from_slice(bytes.as_ref());
        if zipped.len() > MOST_BYTES {
            return Err(another(claim));
        }
    }
    let mut line = Vec::new();
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    let read = GzDecoder::new(&zipped[..]).take(most).read_to_end(&mut line);
    let kept: Option<Kept> = read.ok().and_then(|_| serde_json::from_slice(&line).ok());
    let is_it = |kept: &Kept| {
        kept.body.len() == claim.bytes && hex_sha256(kept.body.as_bytes()) == claim.sha256
    };
    kept.filter(is_it).ok_or_else(|| another(claim))
}

fn another(claim: &Claim) -> Failure {
    let reason = format!("{} is not the message that was put there", claim.key);
    Failure::permanent(Code::InputNotFound, reason)
}

fn unwritable(error: &dyn std::error::Error) -> Failure {
    Failure::transient(Code::DependencyRefused, format!("keeping a message: {error}"))
}
