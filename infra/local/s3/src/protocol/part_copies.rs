//! Parts of an upload that are copied from objects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html>

use std::ops::Range;

use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::super::checksums::{self, set_checksum};
use super::super::conditions::ReadCondition;
use super::super::multipart::{self, no_such_upload};
use super::super::object::{Object, e_tag_of, timestamp};
use super::Protocol;

impl Protocol {
    pub(super) fn upload_part_copy(
        &self,
        input: UploadPartCopyInput,
    ) -> S3Result<UploadPartCopyOutput> {
        multipart::check_part_number(input.part_number)?;
        let condition = ReadCondition {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let from = self.copied_object(&input.copy_source, &condition)?;
        let body = match &input.copy_source_range {
            Some(range) => from.body.slice(window(range, &from)?),
            None => from.body.clone(),
        };
        let at = (input.key, input.upload_id);
        let algorithm = self.store.bucket(&input.bucket, |each| {
            let upload = each.uploads.get(&at).ok_or_else(no_such_upload)?;
            Ok(upload.checksums.algorithm)
        })?;
        let part = multipart::Part {
            e_tag: e_tag_of(&body),
            modified_ms: self.store.now_ms(),
            checksum: checksums::verify(&body, &Checksum::default(), Some(algorithm))?,
            body,
        };
        let mut result = CopyPartResult {
            e_tag: Some(ETag::Strong(part.e_tag.clone())),
            last_modified: Some(timestamp(part.modified_ms)),
            ..CopyPartResult::default()
        };
        set_checksum!(result, &part.checksum);
        self.store.bucket_mut(&input.bucket, |each| {
            let upload = each.uploads.get_mut(&at).ok_or_else(no_such_upload)?;
            upload.parts.insert(input.part_number, part);
            Ok(())
        })?;
        Ok(UploadPartCopyOutput {
            copy_part_result: Some(result),
            ..UploadPartCopyOutput::default()
        })
    }
}

/// The range `bytes=first-last`. Both ends have to be in the object: for this operation S3
/// neither accepts an open range nor shortens one.
///
/// # Errors
/// `InvalidArgument`.
fn window(range: &str, from: &Object) -> S3Result<Range<usize>> {
    let ends = range.strip_prefix("bytes=").and_then(|ends| ends.split_once('-'));
    let ends = ends.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let (first, last): (usize, usize) = ends.ok_or_else(|| {
        s3_error!(
            InvalidArgument,
            "the x-amz-copy-source-range value must be of the form bytes=first-last where first and \
             last are the zero-based offsets of the first and last bytes to copy"
        )
    })?;
    let length = from.body.len();
    if first > last || last >= length {
        return Err(s3_error!(
            InvalidArgument,
            "range specified is not valid for source object of size: {length}"
        ));
    }
    Ok(first..last + 1)
}
