//! An object: its bytes, what its writer declared about it, and what S3 derives from both.
//!
//! This module knows no buckets, requests or conditions.

use bytes::Bytes;
use md5::{Digest, Md5};
use s3s::dto::{self, ETag, Timestamp};
use time::OffsetDateTime;

/// An object as it is stored. It never changes: a write replaces it by another one.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) body: Bytes,
    /// The entity tag without quotes.
    pub(super) e_tag: String,
    /// Milliseconds since the Unix epoch.
    pub(super) modified_ms: u64,
    pub(super) attributes: Attributes,
    pub(super) checksum: dto::Checksum,
    /// The sizes of the parts that it was uploaded in. Empty if it was written at once.
    pub(super) part_sizes: Vec<usize>,
}

/// What the writer of an object declares about it.
#[derive(Clone, Default)]
pub(super) struct Attributes {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) expires: Option<Timestamp>,
    pub(super) metadata: Option<dto::Metadata>,
    pub(super) tags: Vec<dto::Tag>,
    pub(super) storage_class: Option<dto::StorageClass>,
    pub(super) encryption: Encryption,
}

/// The encryption that the writer asked for. Answers repeat it, and nothing is encrypted.
#[derive(Clone, Default)]
pub(super) struct Encryption {
    pub(super) algorithm: Option<dto::ServerSideEncryption>,
    pub(super) kms_key: Option<String>,
    pub(super) bucket_key: Option<bool>,
}

impl Object {
    pub(super) fn e_tag(&self) -> ETag {
        ETag::Strong(self.e_tag.clone())
    }

    pub(super) fn modified(&self) -> Timestamp {
        timestamp(self.modified_ms)
    }

    /// `STANDARD` unless the writer named another class.
    pub(super) fn storage_class(&self) -> &str {
        self.attributes.storage_class.as_ref().map_or("STANDARD", |class| class.as_str())
    }
}

/// The time that is `ms` milliseconds after the Unix epoch. A time beyond the calendar becomes
/// the epoch.
pub(super) fn timestamp(ms: u64) -> Timestamp {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).into()
}

/// A length in memory as the type that the protocol has for lengths.
pub(super) fn length_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The entity tag of an object that was written at once: the MD5 of its bytes in hexadecimal.
pub(super) fn e_tag_of(body: &[u8]) -> String {
    hex(&Md5::digest(body))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 0xf)]).collect()
}

fn hex_digit(nibble: u8) -> char {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    char::from(DIGITS[usize::from(nibble)])
}

/// The owner of every bucket and object.
pub(super) fn owner() -> dto::Owner {
    const ID: &str = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a";
    dto::Owner { display_name: None, id: Some(ID.to_owned()) }
}
