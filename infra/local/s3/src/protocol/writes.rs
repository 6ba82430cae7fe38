//! Putting, copying, deleting and tagging objects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3Error, S3Result, s3_error};

use super::super::checksums::{self, Algorithm, checksum_of, set_checksum};
use super::super::conditions::{ReadCondition, Unmet, WriteCondition, precondition_failed};
use super::super::object::{Attributes, Encryption, Object, e_tag_of};
use super::super::tags;
use super::Protocol;

/// The content type of an object whose writer declares none.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";
const MAX_METADATA_BYTES: usize = 2 << 10;
const MAX_DELETES: usize = 1_000;

/// What an input declares about an object, whichever way the object comes about.
macro_rules! attributes_of {
    ($input:expr) => {
        super::writes::checked_attributes(Attributes {
            cache_control: $input.cache_control.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_encoding: $input.content_encoding.clone(),
            content_language: $input.content_language.clone(),
            content_type: $input.content_type.clone(),
            expires: $input.expires.clone(),
            metadata: $input.metadata.clone(),
            tags: tags::parse($input.tagging.as_deref())?,
            storage_class: $input.storage_class.clone(),
            encryption: Encryption {
                algorithm: $input.server_side_encryption.clone(),
                kms_key: $input.ssekms_key_id.clone(),
                bucket_key: $input.bucket_key_enabled,
            },
        })
    };
}

pub(super) use attributes_of;

/// Checks and completes what the writer declares.
///
/// # Errors
/// `MetadataTooLarge` for more than 2 KiB of metadata, names and values together.
pub(super) fn checked_attributes(mut attributes: Attributes) -> S3Result<Attributes> {
    let metadata = attributes.metadata.iter().flatten();
    let bytes: usize = metadata.map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_METADATA_BYTES {
        return Err(s3_error!(
            MetadataTooLarge,
            "your metadata headers exceed the maximum allowed metadata size"
        ));
    }
    attributes.content_type.get_or_insert_with(|| DEFAULT_CONTENT_TYPE.to_owned());
    Ok(attributes)
}

impl Protocol {
    pub(super) fn put_object(
        &self,
        input: PutObjectInput,
        body: Bytes,
    ) -> S3Result<PutObjectOutput> {
        checksums::verify_md5(&body, input.content_md5.as_deref())?;
        let object = Object {
            e_tag: e_tag_of(&body),
            modified_ms: self.store.now_ms(),
            attributes: attributes_of!(input)?,
            checksum: checksums::of_object(&body, &checksum_of!(input), None)?,
            part_sizes: Vec::new(),
            body,
        };
        let condition = WriteCondition::new(input.if_match, input.if_none_match)?;
        let put = self.store.put(&input.bucket, &input.key, object, &condition)?;
        let encryption = put.attributes.encryption.clone();
        let mut output = PutObjectOutput {
            e_tag: Some(put.e_tag()),
            checksum_type: put.checksum.checksum_type.clone(),
            server_side_encryption: encryption.algorithm,
            ssekms_key_id: encryption.kms_key,
            bucket_key_enabled: encryption.bucket_key,
            ..PutObjectOutput::default()
        };
        set_checksum!(output, &put.checksum);
        Ok(output)
    }

    /// `s3s` does not read `If-Match` and `If-None-Match` for the target of a copy. They are read
    /// from `headers`.
    pub(super) fn copy_object(
        &self,
        input: CopyObjectInput,
        headers: &HeaderMap,
    ) -> S3Result<CopyObjectOutput> {
        let condition = ReadCondition {
            if_match: input.copy_source_if_match.clone(),
            if_none_match: input.copy_source_if_none_match.clone(),
            if_modified_since: input.copy_source_if_modified_since.clone(),
            if_unmodified_since: input.copy_source_if_unmodified_since.clone(),
        };
        let from = self.copied_object(&input.copy_source, &condition)?;
        let attributes = copied_attributes(&input, &from)?;
        let (from_bucket, from_key) = source(&input.copy_source)?;
        if (from_bucket, from_key) == (&input.bucket, &input.key) && changes_nothing(&input) {
            return Err(s3_error!(
                InvalidRequest,
                "this copy request is illegal because it is trying to copy an object to itself \
                 without changing the object's metadata, storage class or encryption attributes"
            ));
        }
        let algorithm = input.checksum_algorithm.as_ref().map(Algorithm::parse).transpose()?;
        let whole = from.part_sizes.is_empty() && algorithm.is_none();
        let object = Object {
            e_tag: e_tag_of(&from.body),
            modified_ms: self.store.now_ms(),
            attributes,
            checksum: if whole {
                from.checksum.clone()
            } else {
                checksums::of_object(&from.body, &Checksum::default(), algorithm)?
            },
            part_sizes: Vec::new(),
            body: from.body.clone(),
        };
        let condition = WriteCondition::from_headers(headers)?;
        let (bucket, key) = (&input.bucket, &input.key);
        let event = "ObjectCreated:Copy";
        let copy = self.store.commit(bucket, key, object, &condition, event, |_| Ok(()))?;
        let mut result = CopyObjectResult {
            e_tag: Some(copy.e_tag()),
            last_modified: Some(copy.modified()),
            checksum_type: copy.checksum.checksum_type.clone(),
            ..CopyObjectResult::default()
        };
        set_checksum!(result, &copy.checksum);
        let encryption = copy.attributes.encryption.clone();
        Ok(CopyObjectOutput {
            copy_object_result: Some(result),
            server_side_encryption: encryption.algorithm,
            ssekms_key_id: encryption.kms_key,
            bucket_key_enabled: encryption.bucket_key,
            ..CopyObjectOutput::default()
        })
    }

    /// The object to copy, if it meets the request's conditions.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`, `PreconditionFailed`.
    pub(super) fn copied_object(
        &self,
        copy_source: &CopySource,
        condition: &ReadCondition,
    ) -> S3Result<Arc<Object>> {
        let (bucket, key) = source(copy_source)?;
        let from = self.store.get(bucket, key)?;
        condition.check(&from).map_err(|unmet| match unmet {
            Unmet::NotModified => precondition_failed("x-amz-copy-source-If-None-Match"),
            Unmet::Failed(header) => precondition_failed(&format!("x-amz-copy-source-{header}")),
        })?;
        Ok(from)
    }

    pub(super) fn delete_object(&self, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
        let condition = WriteCondition::new(input.if_match, None)?;
        self.store.delete(&input.bucket, &input.key, &condition)?;
        Ok(DeleteObjectOutput::default())
    }

    pub(super) fn delete_objects(
        &self,
        input: DeleteObjectsInput,
    ) -> S3Result<DeleteObjectsOutput> {
        let Delete { objects, quiet } = input.delete;
        if objects.is_empty() || objects.len() > MAX_DELETES {
            return Err(s3_error!(MalformedXML, "expected 1 to {MAX_DELETES} objects to delete"));
        }
        self.store.bucket(&input.bucket, |_| Ok(()))?;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for each in objects {
            let key = Some(each.key.clone());
            match self.delete_one(&input.bucket, each) {
                Ok(()) => deleted.push(DeletedObject { key, ..DeletedObject::default() }),
                Err(error) => errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    key,
                    version_id: None,
                }),
            }
        }
        let deleted = if quiet == Some(true) { None } else { Some(deleted) };
        Ok(DeleteObjectsOutput { deleted, errors: Some(errors), request_charged: None })
    }

    pub(super) fn tags(&self, input: &GetObjectTaggingInput) -> S3Result<GetObjectTaggingOutput> {
        let object = self.store.get(&input.bucket, &input.key)?;
        Ok(GetObjectTaggingOutput { tag_set: object.attributes.tags.clone(), version_id: None })
    }

    pub(super) fn put_tags(
        &self,
        input: PutObjectTaggingInput,
    ) -> S3Result<PutObjectTaggingOutput> {
        tags::check(&input.tagging.tag_set)?;
        self.retag(&input.bucket, &input.key, input.tagging.tag_set)?;
        Ok(PutObjectTaggingOutput::default())
    }

    pub(super) fn delete_tags(
        &self,
        input: &DeleteObjectTaggingInput,
    ) -> S3Result<DeleteObjectTaggingOutput> {
        self.retag(&input.bucket, &input.key, Vec::new())?;
        Ok(DeleteObjectTaggingOutput::default())
    }

    fn delete_one(&self, bucket: &str, each: ObjectIdentifier) -> S3Result<()> {
        if each.version_id.is_some_and(|version| version != "null") {
            return Err(s3_error!(NotImplemented, "object versions are not emulated"));
        }
        if each.last_modified_time.is_some() || each.size.is_some() {
            return Err(s3_error!(NotImplemented, "deletes by size or time are not emulated"));
        }
        let condition = WriteCondition::new(each.e_tag.map(ETagCondition::ETag), None)?;
        self.store.delete(bucket, &each.key, &condition)
    }

    /// Replaces the tags. They are not part of the content: the entity tag and the time of the
    /// object stay.
    fn retag(&self, bucket: &str, key: &str, tags: Vec<Tag>) -> S3Result<()> {
        self.store.bucket_mut(bucket, |each| {
            let object = each.objects.get_mut(key).ok_or_else(no_such_key)?;
            Arc::make_mut(object).attributes.tags = tags;
            Ok(())
        })
    }
}

fn copied_attributes(input: &CopyObjectInput, from: &Object) -> S3Result<Attributes> {
    let declared = attributes_of!(input)?;
    let mut attributes = if replaces_metadata(input) {
        declared.clone()
    } else {
        Attributes {
            storage_class: declared.storage_class.clone(),
            encryption: declared.encryption.clone(),
            ..from.attributes.clone()
        }
    };
    let replaces_tags =
        input.tagging_directive.as_ref().map(TaggingDirective::as_str) == Some("REPLACE");
    let tags = if replaces_tags { declared.tags } else { from.attributes.tags.clone() };
    attributes.tags = tags;
    Ok(attributes)
}

fn replaces_metadata(input: &CopyObjectInput) -> bool {
    input.metadata_directive.as_ref().map(MetadataDirective::as_str) == Some("REPLACE")
}

fn changes_nothing(input: &CopyObjectInput) -> bool {
    !replaces_metadata(input)
        && input.storage_class.is_none()
        && input.server_side_encryption.is_none()
}

fn source(source: &CopySource) -> S3Result<(&str, &str)> {
    match source {
        CopySource::Bucket { version_id: Some(version), .. } if version.as_ref() != "null" => {
            Err(s3_error!(NotImplemented, "object versions are not emulated"))
        }
        CopySource::Bucket { bucket, key, .. } => Ok((bucket, key)),
        _ => Err(s3_error!(NotImplemented, "access points are not emulated")),
    }
}

fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "the specified key does not exist")
}
