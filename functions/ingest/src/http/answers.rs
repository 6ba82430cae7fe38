//! Answers to requests that carry an `Idempotency-Key`, by the draft of the IETF:
//! <https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header>.
//!
//! A request claims its key before it takes an event, and keeps its answer under the key. A repeated request gets that
//! answer. What is kept is an object in the archive bucket, each write of which names what it replaces, so that of two
//! requests at the same time one claims the key. The keys of the events stay those of the contract: they keep an event
//! from taking effect twice even if an answer could not be kept.

use std::future::Future;

use event::{Code, Failure, Timestamp, hex_sha256};
use serde::{Deserialize, Serialize};

/// For how long an answer is kept, in milliseconds: a day. The template deletes what is older.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// For how long after its invocation's end a request counts as under way, in milliseconds. Nothing of it runs then.
const GRACE_MS: i64 = 1_000;

/// The longest key, in characters.
const LONGEST_KEY: usize = 255;

/// The version that is written. A reader of a version also reads the one before.
const FORMAT: u32 = 1;

/// The objects that keep answers.
pub(crate) trait Answers: Send + Sync {
    /// The object at a key and its entity tag; `None` if there is none.
    ///
    /// # Errors
    /// When it is not known.
    fn find(
        &self,
        bucket: &str,
        key: &str,
    ) -> impl Future<Output = Result<Option<(Vec<u8>, String)>, Failure>> + Send;

    /// Writes an object if it replaces the one with this entity tag, or none. Returns its entity tag; `None` if
    /// something else is there.
    ///
    /// # Errors
    /// When it is not known whether it was written.
    fn put_if(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        replaced: Option<&str>,
    ) -> impl Future<Output = Result<Option<String>, Failure>> + Send;
}

impl Answers for aws::Objects {
    async fn find(&self, bucket: &str, key: &str) -> Result<Option<(Vec<u8>, String)>, Failure> {
        let found = aws::Objects::find(self, bucket, key).await?;
        Ok(found.map(|(body, etag)| (body.to_vec(), etag)))
    }

    async fn put_if(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        replaced: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        self.put_if_tagged(bucket, key, body, "application/json", replaced).await
    }
}

/// A request with a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyedRequest<'a> {
    pub(super) dataset: &'a str,
    /// Who sends it, as the authorizer says; empty if nobody is known. Keys of others are other keys.
    pub(super) caller: &'a str,
    pub(super) key: &'a str,
    /// The decoded body.
    pub(super) body: &'a [u8],
    /// The id of this request, which is no other's.
    pub(super) id: &'a str,
    pub(super) now: Timestamp,
    /// When its invocation ends.
    pub(super) ends_at: Timestamp,
}

/// An answer as it is kept and given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptAnswer {
    pub(super) status: i64,
    pub(super) content_type: String,
    pub(super) body: String,
}

/// What is stored under a key.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    answer_format: u32,
    /// The SHA-256 of the request's decoded body.
    fingerprint: String,
    /// The id of the request that claimed the key.
    request: String,
    /// Until when this counts, in Unix milliseconds.
    until_ms: i64,
    /// The answer; absent while the request is under way, and after it has failed in a way that may pass.
    answer: Option<KeptAnswer>,
}

/// The claim of a request on its key.
#[derive(Debug)]
pub(super) struct Claim {
    place: String,
    etag: String,
    fingerprint: String,
    request: String,
}

/// What a key is found to be.
#[derive(Debug)]
pub(super) enum Claimed {
    /// The request is the first with its key, and goes on.
    First(Claim),
    /// The answer of an earlier request.
    Answered(KeptAnswer),
}

/// The key in a header, which is a text in quotes (RFC 9651, section 3.3.3) or, as many clients send it, without them.
///
/// # Errors
/// [`Code::DecodeFormat`] if it is empty, longer than [`LONGEST_KEY`], or has other characters than a visible one.
pub(super) fn read_key(header: &str) -> Result<&str, Failure> {
    let header = header.trim();
    let quoted = header.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(header);
    let is_plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    if key.is_empty() || key.len() > LONGEST_KEY || !key.chars().all(is_plain) {
        let reason = format!(
            "an Idempotency-Key of other than 1 to {LONGEST_KEY} visible ASCII characters, perhaps in quotes"
        );
        return Err(Failure::permanent(Code::DecodeFormat, reason));
    }
    Ok(key)
}

/// Claims the key of a request.
///
/// # Errors
/// [`Code::RequestUnderWay`], transient, if another request with the key is under way;
/// [`Code::RequestKeyReused`], permanent, if the key was used for another payload; or a failure of the store.
pub(super) async fn claim(
    answers: &impl Answers,
    bucket: &str,
    request: &KeyedRequest<'_>,
) -> Result<Claimed, Failure> {
    let KeyedRequest { dataset, caller, key, body, id, now, ends_at } = *request;
    let named = serde_json::json!([dataset, caller, key]).to_string();
    let place = format!("requests/{}.json", hex_sha256(named.as_bytes()));
    let own = Stored {
        answer_format: FORMAT,
        fingerprint: hex_sha256(body),
        request: id.to_owned(),
        until_ms: ends_at.unix_ms().saturating_add(GRACE_MS),
        answer: None,
    };
    let body = encode(&own)?;
    if let Some(etag) = answers.put_if(bucket, &place, body.clone(), None).await? {
        return Ok(Claimed::First(own.claim(place, etag)));
    }
    let Some((found, found_etag)) = answers.find(bucket, &place).await? else {
        return Err(under_way());
    };
    let found: Stored = serde_json::from_slice(&found).map_err(|_| unreadable())?;
    if found.request == own.request {
        // The answer to the write was lost, and the SDK wrote a second time.
        return Ok(Claimed::First(own.claim(place, found_etag)));
    }
    if let Some(answer) = found.meets(&own, now)? {
        return Ok(Claimed::Answered(answer));
    }
    let etag = match answers.put_if(bucket, &place, body, Some(&found_etag)).await? {
        Some(etag) => etag,
        None => own_after_all(answers, bucket, &place, id).await?.ok_or_else(under_way)?,
    };
    Ok(Claimed::First(own.claim(place, etag)))
}

impl Stored {
    /// What is stored is found by another request with the key. Returns its answer; `None` if the request may claim the
    /// key.
    fn meets(self, other: &Self, now: Timestamp) -> Result<Option<KeptAnswer>, Failure> {
        if self.answer_format > FORMAT {
            return Err(unreadable());
        }
        let is_over = self.until_ms <= now.unix_ms();
        if is_over && self.answer.is_some() {
            return Ok(None);
        }
        if self.fingerprint != other.fingerprint {
            let reason = "the Idempotency-Key was used for another payload";
            return Err(Failure::permanent(Code::RequestKeyReused, reason));
        }
        match self.answer {
            Some(answer) => Ok(Some(answer)),
            None if is_over => Ok(None),
            None => Err(under_way()),
        }
    }

    fn claim(self, place: String, etag: String) -> Claim {
        Claim { place, etag, fingerprint: self.fingerprint, request: self.request }
    }
}

/// The entity tag of what is at a place, if this request wrote it: the answer to its write was lost.
async fn own_after_all(
    answers: &impl Answers,
    bucket: &str,
    place: &str,
    id: &str,
) -> Result<Option<String>, Failure> {
    let Some((found, etag)) = answers.find(bucket, place).await? else { return Ok(None) };
    let found: Option<Stored> = serde_json::from_slice(&found).ok();
    Ok(found.filter(|found| found.request == id).map(|_| etag))
}

impl Claim {
    /// Keeps the answer, or, with `None`, gives the key free for another try with the same payload.
    ///
    /// # Errors
    /// When the answer is not kept. Then a repeated request is taken as a new one, once this one no longer counts as
    /// under way, and its events are recognized by their keys.
    pub(super) async fn end(
        self,
        answers: &impl Answers,
        bucket: &str,
        answer: Option<KeptAnswer>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let until_ms = match &answer {
            Some(_) => now.unix_ms().saturating_add(KEPT_MS),
            None => now.unix_ms(),
        };
        let Self { place, etag, fingerprint, request } = self;
        let stored = Stored { answer_format: FORMAT, fingerprint, request, until_ms, answer };
        match answers.put_if(bucket, &place, encode(&stored)?, Some(&etag)).await? {
            Some(_) => Ok(()),
            None => Err(under_way()),
        }
    }
}

fn encode(stored: &Stored) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(stored).map_err(|error| {
        Failure::transient(Code::DependencyRefused, format!("keeping an answer: {error}"))
    })
}

fn under_way() -> Failure {
    let reason = "another request with this Idempotency-Key is under way";
    Failure::transient(Code::RequestUnderWay, reason)
}

fn unreadable() -> Failure {
    let reason = "what is kept for this Idempotency-Key cannot be read by this version";
    Failure::transient(Code::DependencyRefused, reason)
}
