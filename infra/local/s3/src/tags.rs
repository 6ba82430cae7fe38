//! Object tags: the header that carries them, and S3's limits.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>: ten tags, keys of
//! 128 and values of 256 characters, no key twice.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use s3s::dto::Tag;
use s3s::{S3Result, s3_error};

const MAX_TAGS: usize = 10;
const MAX_KEY_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 256;

/// Reads an `x-amz-tagging` header, which is form-encoded: `stage=raw&day=2013-01-01`.
///
/// # Errors
/// Those of [`check`], and `InvalidArgument` for text that is not UTF-8.
pub(super) fn parse(header: Option<&str>) -> S3Result<Vec<Tag>> {
    let pairs = header.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let tags = pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok(Tag { key: Some(decode(key)?), value: Some(decode(value)?) })
    });
    let tags = tags.collect::<S3Result<Vec<_>>>()?;
    check(&tags)?;
    Ok(tags)
}

/// Checks S3's limits.
///
/// # Errors
/// `InvalidTag` for too many tags, or for a tag that S3 does not accept.
pub(super) fn check(tags: &[Tag]) -> S3Result<()> {
    if tags.len() > MAX_TAGS {
        return Err(s3_error!(InvalidTag, "object tags cannot be greater than {MAX_TAGS}"));
    }
    let mut keys = BTreeSet::new();
    for tag in tags {
        let key = tag.key.as_deref().unwrap_or_default();
        let value = tag.value.as_deref().unwrap_or_default();
        if key.is_empty() || key.chars().count() > MAX_KEY_CHARS {
            return Err(s3_error!(InvalidTag, "the tag key you have provided is invalid"));
        }
        if value.chars().count() > MAX_VALUE_CHARS {
            return Err(s3_error!(InvalidTag, "the tag value you have provided is invalid"));
        }
        if !keys.insert(key) {
            return Err(s3_error!(InvalidTag, "cannot provide multiple tags with the same key"));
        }
    }
    Ok(())
}

fn decode(text: &str) -> S3Result<String> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    let decoded = decoded.map_err(|_| s3_error!(InvalidArgument, "x-amz-tagging is not UTF-8"))?;
    Ok(decoded.into_owned())
}
