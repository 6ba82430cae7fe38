//! Preconditions: when a write may replace an object, and when a read returns it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>. `store`
//! checks the condition of a write under the same lock as the write; this module takes no lock.

use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Result, s3_error};
use time::OffsetDateTime;

use super::object::Object;

/// What has to be true of the existing object so that it may be replaced or deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WriteCondition {
    if_match: Option<ETagCondition>,
    must_be_absent: bool,
}

impl WriteCondition {
    /// Reads the two condition headers.
    ///
    /// # Errors
    /// `NotImplemented` for an `If-None-Match` other than `*`, as S3 answers.
    pub(super) fn new(
        if_match: Option<ETagCondition>,
        if_none_match: Option<ETagCondition>,
    ) -> S3Result<Self> {
        if matches!(if_none_match, Some(ETagCondition::ETag(_))) {
            return Err(s3_error!(
                NotImplemented,
                "a header you provided implies functionality that is not implemented: \
                 If-None-Match takes only *"
            ));
        }
        Ok(Self { if_match, must_be_absent: if_none_match.is_some() })
    }

    /// Reads the condition from the headers, for operations whose inputs `s3s` gives no
    /// condition.
    pub(super) fn from_headers(headers: &HeaderMap) -> S3Result<Self> {
        Self::new(condition(headers, &IF_MATCH)?, condition(headers, &IF_NONE_MATCH)?)
    }

    /// Checks the condition.
    ///
    /// # Errors
    /// `PreconditionFailed`, or `NoSuchKey` if there is an `If-Match` and no object.
    pub(super) fn check(&self, existing: Option<&Object>) -> S3Result<()> {
        if self.must_be_absent && existing.is_some() {
            return Err(precondition_failed("If-None-Match"));
        }
        match (&self.if_match, existing) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey, "the specified key does not exist")),
            (Some(wanted), Some(object)) if matches(wanted, object) => Ok(()),
            (Some(_), Some(_)) => Err(precondition_failed("If-Match")),
        }
    }
}

/// What has to be true of an object so that it is returned to a reader.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadCondition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// Why an object is not returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmet {
    NotModified,
    Failed(&'static str),
}

impl ReadCondition {
    /// An entity tag takes precedence over a time (RFC 9110, section 13.2.2).
    pub(super) fn check(&self, object: &Object) -> Result<(), Unmet> {
        if let Some(wanted) = &self.if_match {
            if !matches(wanted, object) {
                return Err(Unmet::Failed("If-Match"));
            }
        } else if let Some(since) = &self.if_unmodified_since
            && modified_after(object, since)
        {
            return Err(Unmet::Failed("If-Unmodified-Since"));
        }
        if let Some(known) = &self.if_none_match {
            if matches(known, object) {
                return Err(Unmet::NotModified);
            }
        } else if let Some(since) = &self.if_modified_since
            && !modified_after(object, since)
        {
            return Err(Unmet::NotModified);
        }
        Ok(())
    }
}

pub(super) fn precondition_failed(header: &str) -> s3s::S3Error {
    s3_error!(
        PreconditionFailed,
        "at least one of the pre-conditions you specified did not hold: {header}"
    )
}

fn condition(headers: &HeaderMap, name: &HeaderName) -> S3Result<Option<ETagCondition>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().ok();
    let parsed = text.and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| s3_error!(InvalidArgument, "invalid header: {name}"))
}

fn matches(wanted: &ETagCondition, object: &Object) -> bool {
    match wanted {
        ETagCondition::Any => true,
        ETagCondition::ETag(e_tag) => e_tag.value() == object.e_tag,
    }
}

/// Compares whole seconds, because `Last-Modified` has no fractions.
fn modified_after(object: &Object, since: &Timestamp) -> bool {
    let since = OffsetDateTime::from(since.clone()).unix_timestamp();
    i64::try_from(object.modified_ms / 1_000).unwrap_or(i64::MAX) > since
}
