//! `GetObject` and `HeadObject`: conditions, ranges, parts.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>

use std::ops;

use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::dto::*;
use s3s::{Body, S3Error, S3ErrorCode, S3Response, S3Result, s3_error};

use super::super::checksums::set_checksum;
use super::super::conditions::{ReadCondition, Unmet, precondition_failed};
use super::super::object::{Object, length_i64};
use super::Protocol;

/// The part of an object that a request asks for.
#[derive(Debug)]
struct Window {
    bytes: ops::Range<usize>,
    /// Whether the answer is 206 with a `Content-Range`.
    partial: bool,
    parts_count: Option<i32>,
}

/// Sets the fields that the answers of `GetObject` and `HeadObject` have in common.
macro_rules! describe {
    ($output:ident, $object:expr, $window:expr, $checksum_mode:expr) => {{
        let (object, window): (&Object, &Window) = ($object, $window);
        let attributes = object.attributes.clone();
        $output.accept_ranges = Some("bytes".to_owned());
        $output.bucket_key_enabled = attributes.encryption.bucket_key;
        $output.cache_control = attributes.cache_control;
        $output.content_disposition = attributes.content_disposition;
        $output.content_encoding = attributes.content_encoding;
        $output.content_language = attributes.content_language;
        $output.content_length = Some(length_i64(window.bytes.len()));
        $output.content_range = window.partial.then(|| window.content_range(object));
        $output.content_type = attributes.content_type;
        $output.e_tag = Some(object.e_tag());
        $output.expires = attributes.expires;
        $output.last_modified = Some(object.modified());
        $output.metadata = attributes.metadata;
        $output.parts_count = window.parts_count;
        $output.server_side_encryption = attributes.encryption.algorithm;
        $output.ssekms_key_id = attributes.encryption.kms_key;
        $output.storage_class =
            attributes.storage_class.filter(|class| class.as_str() != StorageClass::STANDARD);
        let wants_checksum = $checksum_mode.is_some_and(|mode| mode.as_str() == "ENABLED");
        if wants_checksum && !window.partial {
            set_checksum!($output, &object.checksum);
            $output.checksum_type = object.checksum.checksum_type.clone();
        }
    }};
}

impl Protocol {
    pub(super) fn get_object(
        &self,
        input: GetObjectInput,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let object = self.store.get(&input.bucket, &input.key)?;
        let condition = ReadCondition {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        condition.check(&object).map_err(|unmet| refusal(unmet, &object))?;
        let window = Window::new(&object, input.range.as_ref(), input.part_number)?;
        let mut output = GetObjectOutput::default();
        describe!(output, &object, &window, input.checksum_mode);
        let tags = object.attributes.tags.len();
        output.tag_count = (tags > 0).then(|| i32::try_from(tags).unwrap_or(i32::MAX));
        output.body = Some(Body::from(object.body.slice(window.bytes.clone())).into());
        Ok(window.answer(output))
    }

    pub(super) fn head_object(
        &self,
        input: HeadObjectInput,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.store.get(&input.bucket, &input.key)?;
        let condition = ReadCondition {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        condition.check(&object).map_err(|unmet| refusal(unmet, &object))?;
        let window = Window::new(&object, input.range.as_ref(), input.part_number)?;
        let mut output = HeadObjectOutput::default();
        describe!(output, &object, &window, input.checksum_mode);
        Ok(window.answer(output))
    }
}

impl Window {
    fn new(object: &Object, range: Option<&Range>, part: Option<i32>) -> S3Result<Self> {
        let whole = object.body.len();
        match (range, part) {
            (Some(_), Some(_)) => Err(s3_error!(
                InvalidRequest,
                "cannot specify both Range header and partNumber query parameter"
            )),
            (None, None) => Ok(Self { bytes: 0..whole, partial: false, parts_count: None }),
            (Some(range), None) => {
                let bytes = range.check(u64::try_from(whole).unwrap_or(u64::MAX)).ok();
                let bytes = bytes.and_then(|bytes| {
                    Some(usize::try_from(bytes.start).ok()?..usize::try_from(bytes.end).ok()?)
                });
                let bytes = bytes.filter(|bytes| !bytes.is_empty());
                let bytes = bytes.ok_or_else(|| {
                    s3_error!(InvalidRange, "the requested range is not satisfiable")
                })?;
                Ok(Self { bytes, partial: true, parts_count: None })
            }
            (None, Some(number)) => {
                let bytes = part_range(object, number).ok_or_else(no_such_part)?;
                let parts_count = i32::try_from(object.part_sizes.len()).ok();
                Ok(Self {
                    partial: !bytes.is_empty(),
                    bytes,
                    parts_count: parts_count.filter(|&count| count > 0),
                })
            }
        }
    }

    fn content_range(&self, object: &Object) -> String {
        let ops::Range { start, end } = self.bytes;
        format!("bytes {start}-{}/{}", end.saturating_sub(1), object.body.len())
    }

    fn answer<T>(&self, output: T) -> S3Response<T> {
        let status = if self.partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        S3Response::with_status(output, status)
    }
}

/// The bytes of a part. An object that was written at once has a single part.
fn part_range(object: &Object, number: i32) -> Option<ops::Range<usize>> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    if object.part_sizes.is_empty() {
        return (index == 0).then_some(0..object.body.len());
    }
    let start = object.part_sizes.iter().take(index).sum();
    object.part_sizes.get(index).map(|size| start..start + size)
}

fn no_such_part() -> S3Error {
    let mut error = S3Error::with_message(
        S3ErrorCode::Custom("InvalidPartNumber".into()),
        "the requested partnumber is not satisfiable",
    );
    error.set_status_code(StatusCode::RANGE_NOT_SATISFIABLE);
    error
}

fn refusal(unmet: Unmet, object: &Object) -> S3Error {
    match unmet {
        Unmet::Failed(header) => precondition_failed(header),
        Unmet::NotModified => {
            let mut headers = HeaderMap::new();
            headers.extend(
                [(ETAG, format!("\"{}\"", object.e_tag))]
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?))),
            );
            let mut modified = Vec::new();
            let written = object.modified().format(TimestampFormat::HttpDate, &mut modified);
            if let (Ok(()), Ok(value)) = (written, HeaderValue::from_bytes(&modified)) {
                headers.insert(LAST_MODIFIED, value);
            }
            let mut error = S3Error::new(S3ErrorCode::NotModified);
            error.set_headers(headers);
            error
        }
    }
}
