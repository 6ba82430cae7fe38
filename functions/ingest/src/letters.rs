//! Dead letters that were redriven, and dead letters that are too large for a message.
//!
//! A message may be as large as SQS allows, which leaves no room for its failure. Such a message is stored whole in the
//! archive bucket, and its dead letter says where (a "claim check"). The same is done with a line or a record of a file
//! that leaves no room for its failure. When the letter is redriven, the message is read from the archive, and its length and
//! hash are compared with the letter's.

use std::io::Read;

use event::{
    Attributes, Code, DeadLetter, Encoding, Failure, Form, MAX_PAYLOAD_BYTES, TextDigest,
    Timestamp, attributes_size,
};
use flate2::read::GzDecoder;
use runtime::{MAX_BATCH_BYTES, Record, RejectedMessage};
use serde::{Deserialize, Serialize};

use crate::adapters::Announced;
use crate::archive::{self, Raw, Store};
use crate::file_source::{Body, FileSource, Opened};
use crate::wrap::{DATASET, EVENT_ID, SOURCE, TRACE};

/// The body of a dead letter whose message is in the archive bucket.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    /// The bucket, for people. The function always reads from its own archive bucket.
    bucket: String,
    /// The key of an object with one gzipped line of JSON, which has the message's `body` and `attributes`.
    key: String,
    /// The length and the hash of the message's body.
    #[serde(flatten)]
    digest: TextDigest,
    /// How the message's body holds the original bytes.
    encoding: Encoding,
}

/// The members of an archived line that are read.
#[derive(Deserialize)]
struct Kept {
    attributes: Attributes,
    body: String,
}

/// The beginning of the keys of all stored messages, and of no other objects.
const FOLDER: &str = "letters/";

/// A longer attribute, in bytes, is stored with the message only, and left out of its letter.
const LONGEST_ATTRIBUTE: usize = 1_024;

/// The most bytes of one message as a line of JSON, compressed or not. Of a body that is text, a byte takes at most two
/// of them, and in Base64 a byte takes less. Attributes take at most six for each byte.
const MOST_BYTES: usize = 2 * MAX_PAYLOAD_BYTES + 8 * MAX_BATCH_BYTES;

/// The key of a stored message: `letters/<day>/<id>-<hash>.ndjson.gz`, with the day in UTC, the id of the SQS message
/// or of the file's line, and the first 16 digits of the body's hash. So two bodies do not share a key.
fn key_of(message_id: &str, sha256: &str, now: Timestamp) -> String {
    let id = archive::id_in_key(message_id);
    format!("{FOLDER}{}/{id}-{}.ndjson.gz", now.date(), &sha256[..16])
}

/// The bucket that stores the messages that are too large for a dead letter.
#[derive(Debug)]
pub(crate) struct Archive<'a, O> {
    pub(crate) objects: &'a O,
    pub(crate) bucket: &'a str,
}

/// Stores the message of a dead letter in the archive, and replaces the letter's body by the message's place there.
///
/// # Errors
/// When the message cannot be stored.
pub(crate) async fn move_to_archive(
    archive: &Archive<'_, impl Store>,
    refused: &mut RejectedMessage,
    now: Timestamp,
) -> Result<(), Failure> {
    let Archive { objects, bucket } = *archive;
    let digest = TextDigest::of(&refused.body);
    let key = key_of(&refused.letter.message_id, &digest.sha256, now);
    let claim = Claim {
        bucket: bucket.to_owned(),
        key: key.clone(),
        digest,
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

/// The message of a letter, as its producer sent it, and how its body holds the original bytes.
///
/// # Errors
/// The failure of the letter once more, if it has only the place of its bytes in a file; a permanent failure, if the
/// message is not where the letter says; or a failure of S3.
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
            let kept = read_stored(objects, bucket, &claim).await?;
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

/// Reads a stored message, and checks that it is the one that the claim describes.
async fn read_stored(
    objects: &impl FileSource,
    bucket: &str,
    claim: &Claim,
) -> Result<Kept, Failure> {
    let (bucket, key) = (bucket.to_owned(), claim.key.clone());
    let object = Announced { bucket, key, ..Announced::default() };
    let Opened { mut body, .. } = objects.open(&object, 0).await?;
    let mut zipped = Vec::new();
    while let Some(bytes) = body.next().await? {
        zipped.extend_from_slice(bytes.as_ref());
        if zipped.len() > MOST_BYTES {
            return Err(not_the_message(claim));
        }
    }
    let mut line = Vec::new();
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    let read = GzDecoder::new(&zipped[..]).take(most).read_to_end(&mut line);
    let kept: Option<Kept> = read.ok().and_then(|_| serde_json::from_slice(&line).ok());
    kept.filter(|kept| claim.digest.is_of(&kept.body)).ok_or_else(|| not_the_message(claim))
}

fn not_the_message(claim: &Claim) -> Failure {
    let reason = format!("{} is not the message that was put there", claim.key);
    Failure::permanent(Code::InputNotFound, reason)
}

fn unwritable(error: &dyn std::error::Error) -> Failure {
    Failure::transient(Code::DependencyRefused, format!("keeping a message: {error}"))
}
