//! One page of a bucket's keys, by prefix, delimiter, start and limit.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>. Keys are in the order
//! of their UTF-8 bytes. Both versions of the operation use this module, each with its own kind of
//! continuation token.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::{self, EncodingType};
use s3s::{S3Result, s3_error};

use super::keys;
use super::object::{Object, length_i64};

/// The most keys and common prefixes of an answer, whatever the request asks for.
pub(super) const MAX_KEYS: i32 = 1_000;

/// Which keys to list.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) prefix: String,
    pub(super) delimiter: Option<String>,
    /// Start after this key, or after everything below this common prefix.
    pub(super) after: Option<String>,
    pub(super) max_keys: usize,
}

/// The keys and common prefixes that were found, in order.
#[derive(Default)]
pub(super) struct Page {
    pub(super) objects: Vec<(String, Arc<Object>)>,
    pub(super) common_prefixes: Vec<String>,
    /// The last key or common prefix of the page if there are more: the next page's `after`.
    pub(super) next: Option<String>,
}

pub(super) fn page(objects: &BTreeMap<String, Arc<Object>>, query: &Query) -> Page {
    let mut found = Page::default();
    if query.max_keys == 0 {
        return found;
    }
    let delimiter = query.delimiter.as_deref().filter(|text| !text.is_empty());
    let mut last: Option<&str> = None;
    for (key, object) in objects.range::<str, _>((start(query), Bound::Unbounded)) {
        let Some(rest) = key.strip_prefix(query.prefix.as_str()) else { break };
        let common = delimiter.and_then(|text| {
            let end = rest.find(text)? + text.len();
            Some(&key[..query.prefix.len() + end])
        });
        let entry = common.unwrap_or(key);
        if common.is_some() && (last == common || query.after.as_deref() == common) {
            continue;
        }
        if found.objects.len() + found.common_prefixes.len() == query.max_keys {
            found.next = last.map(str::to_owned);
            break;
        }
        last = Some(entry);
        match common {
            Some(common) => found.common_prefixes.push(common.to_owned()),
            None => found.objects.push((key.clone(), Arc::clone(object))),
        }
    }
    found
}

/// The limit that the request asks for, at most S3's own.
///
/// # Errors
/// `InvalidArgument` for a negative number.
pub(super) fn limit(asked: Option<i32>, name: &str) -> S3Result<(i32, usize)> {
    let limit = asked.unwrap_or(MAX_KEYS).min(MAX_KEYS);
    let count = usize::try_from(limit)
        .map_err(|_| s3_error!(InvalidArgument, "{name} must be a non-negative integer"))?;
    Ok((limit, count))
}

/// An opaque continuation token for [`Query::after`].
pub(super) fn token(after: &str) -> String {
    URL_SAFE_NO_PAD.encode(after)
}

/// The [`Query::after`] of a continuation token.
///
/// # Errors
/// `InvalidArgument` for a token that no page returned.
pub(super) fn from_token(token: &str) -> S3Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let after = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    after.ok_or_else(|| s3_error!(InvalidArgument, "the continuation token provided is incorrect"))
}

/// Writes keys in the encoding that the request asks for: plain or URL-encoded.
pub(super) struct Writer {
    encoded: bool,
}

impl Writer {
    pub(super) fn new(encoding: Option<&EncodingType>) -> Self {
        Self { encoded: encoding.is_some_and(|asked| asked.as_str() == EncodingType::URL) }
    }

    pub(super) fn key(&self, key: &str) -> String {
        if self.encoded { keys::encode(key) } else { key.to_owned() }
    }

    pub(super) fn objects(
        &self,
        found: &[(String, Arc<Object>)],
        with_owner: bool,
    ) -> Vec<dto::Object> {
        let mut objects = Vec::new();
        for (key, object) in found {
            objects.push(dto::Object {
                key: Some(self.key(key)),
                e_tag: Some(object.e_tag()),
                last_modified: Some(object.modified()),
                size: Some(length_i64(object.body.len())),
                storage_class: Some(object.storage_class().to_owned().into()),
                owner: with_owner.then(super::object::owner),
                ..dto::Object::default()
            });
        }
        objects
    }

    pub(super) fn common_prefixes(&self, found: &[String]) -> Vec<dto::CommonPrefix> {
        let keys = found.iter().map(|prefix| self.key(prefix));
        keys.map(|prefix| dto::CommonPrefix { prefix: Some(prefix) }).collect()
    }
}

/// The first key that can be on the page.
fn start(query: &Query) -> Bound<&str> {
    match query.after.as_deref() {
        Some(after) if after >= query.prefix.as_str() => Bound::Excluded(after),
        _ => Bound::Included(&query.prefix),
    }
}
